"""Look at the files of a collection, and fetch again what is bad.

Findings come out in the order of the paths, some handfuls of files are in hand at a time, however
many there are. Nothing is changed but what the catalogue knows, unless a repair is asked for.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from pdb_cli.errors import Defect
from pdb_cli.events import FilesChecked, Note, PhaseBegan, PlanMade, ignore_event
from pdb_cli.index.model import Check, Level, Occasion, Record
from pdb_cli.operations.validate.check import check_file
from pdb_cli.operations.validate.model import (
    CollectedFile,
    FileStatus,
    Finding,
    Repair,
    ValidateRequest,
    ValidationResult,
)
from pdb_cli.operations.validate.pool import look_at_file, look_at_files
from pdb_cli.operations.validate.progress import ValidateProgress
from pdb_cli.operations.validate.repair import repair_findings
from pdb_cli.operations.verification_record import stat_file

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Known
    from pdb_cli.storage.collection import Collection

__all__ = [
    "FileStatus",
    "Finding",
    "Level",
    "Repair",
    "ValidateRequest",
    "ValidationResult",
    "run_validate",
]

_MOST_CHECKS = 5000
_NOTE_EVERY_S = 0.5
"""How often to have the catalogue remember what was looked at: a transaction costs, too."""
_COARSE_TICK_S, _FINE_TICK_S = 3.0, 0.1
"""How old a file's time must be to tell it from a later version: on file systems that keep times in
whole seconds, or in pairs of them, and on others."""
_RECORDED_WITHIN_S = 2.5
"""Records of files that arrive are written in batches, after two seconds at the latest."""
_MOST_LOOKS = 10
"""How often to look at a file that is replaced all the time."""
_OF_RECORDS = frozenset({Defect.WRONG_SIZE, Defect.WRONG_HASH})


def run_validate(
    collection: Collection,
    catalogue: Catalogue,
    request: ValidateRequest,
    *,
    repair: Repair | None = None,
    observe: Observer = ignore_event,
) -> Generator[Finding, None, None]:
    """Look at files, in threads; what is found comes out in the order of the paths.

    A validation that was stopped is gone on with by the next one that asks for the same: closing
    the generator, an exception in its consumer or the end of the process lose some seconds of
    work. What the catalogue knows to have passed since the first of them began, and is still the
    same file, comes out again, marked so; all else is looked at.

    Parameters
    ----------
    collection
        Where the files are.
    catalogue
        What is known of them, as of its last refresh; gets to know what was looked at.
    request
        Which files, and how closely to look.
    repair
        How to fetch bad files again; None leaves them alone. The caller has the collection's lock.
        Findings of bad files then come out when it is known what became of them.
    observe
        Gets an event for everything that happens.

    Yields
    ------
    Finding
        One per file.

    Raises
    ------
    FileAccessError
        The process has no descriptors or no memory left; with a repair, also: nothing more can be
        written (disk full, read-only).
    CollectionBusyError
        From the guard of the repair; no file has been changed since.
    """
    progress = ValidateProgress(collection, request)
    if progress.goes_on:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(progress.started_at_s))
        text = f"going on with the validation of {when}"
        observe(Note(f"{text}; to begin anew, remove {progress.path}"))
    observe(PlanMade(_count(catalogue, request)))
    observe(PhaseBegan("validating"))
    run = _Run(collection, catalogue, request, progress, observe)
    try:
        if repair is None:
            yield from run.findings()
        else:
            yield from run.repaired(repair)
    except BaseException:
        progress.save_in_time()
        raise
    finally:
        run.close()
    progress.finish()


class _Run:
    """One validation."""

    def __init__(
        self,
        collection: Collection,
        catalogue: Catalogue,
        request: ValidateRequest,
        progress: ValidateProgress,
        observe: Observer,
    ) -> None:
        self._collection = collection
        self._catalogue = catalogue
        self._request = request
        self._progress = progress
        self._observe = observe
        self._checks: list[Check] = []
        self._noted_s = time.monotonic()

    def close(self) -> None:
        """Have remembered what was looked at."""
        if self._checks:
            checks, self._checks = self._checks, []
            self._catalogue.note_checks(checks)

    def findings(self) -> Iterator[Finding]:
        """Yield what is found."""
        with closing(look_at_files(self._files(), self._look, self._request)) as handfuls:
            for handful in handfuls:
                findings = self._take(handful or ())
                self._tell(findings)
                yield from findings
                self._progress.save_in_time()

    def repaired(self, repair: Repair) -> Iterator[Finding]:
        """Yield what is found, and what became of what is bad."""
        transfers = repair_findings(
            self._findings_and_pauses(),
            repair,
            level=self._request.level,
            collection=self._collection,
            catalogue=self._catalogue,
            observe=self._observe,
        )
        with closing(transfers) as findings:
            yield from findings

    def _findings_and_pauses(self) -> Iterator[Finding | None]:
        """Yield findings as they come, None where there is none just now."""
        handfuls = look_at_files(self._files(), self._look, self._request, patient=False)
        with closing(handfuls):
            for handful in handfuls:
                if handful is None:
                    yield None
                    continue
                findings = self._take(handful)
                # The bad ones are counted when it is known what became of them.
                self._tell([finding for finding in findings if finding.is_good])
                yield from findings
                self._progress.save_in_time()

    def _files(self) -> Iterator[CollectedFile]:
        """Yield the files, with what is known of them."""
        locate = self._collection.locate
        request = self._request
        for batch in self._catalogue.batches(
            types=request.types, formats=request.formats, entries=request.entries
        ):
            for known in sorted(batch, key=_path_of):
                path = locate(known.file.path, known.file.data_type)
                yield CollectedFile(known.file, path, known.record, known.check)

    def _look(self, collected: CollectedFile, stop: threading.Event) -> Finding:
        """Look at one file, in a thread, unless an earlier run has done so."""
        before_s = self._progress.started_at_s if self._progress.goes_on else None
        return look_at_file(collected, self._request, before_s=before_s, stop=stop)

    def _take(self, handful: Iterable[Finding]) -> list[Finding]:
        """Make sure of what is found, and remember it."""
        findings = [self._look_again(finding) for finding in handful]
        records: list[Record] = []
        renewed: list[Record] = []
        now_s = time.time()
        for number, finding in enumerate(findings):
            level = finding.level
            if finding.status is FileStatus.DEFECT:
                # At once: were it kept back, it could speak of the file that takes its place.
                self._catalogue.note_checks(_condemnation(finding, now_s))
            is_told_before = finding.is_from_before or finding.status is FileStatus.SKIPPED
            if is_told_before or level is None or not finding.is_good:
                continue
            record = self._record(finding, level, now_s)
            if record is not None:
                (renewed if finding.is_replaced else records).append(record)
                is_new = finding.is_replaced or not finding.collected.is_recorded
                findings[number] = replace(finding, is_new_record=is_new)
            if level >= Level.GZIP and _is_settled(finding.mtime_ns, now_s):
                facts = finding.collected.file.path, finding.size_bytes, finding.mtime_ns
                self._checks.append(Check(*facts, level, now_s, finding.ctime_ns))
        if records:
            self._catalogue.remember(records, occasion=Occasion.CHECK)
        if renewed:
            # As if it had arrived now: what was known is of another file.
            self._catalogue.remember(renewed)
        if len(self._checks) >= _MOST_CHECKS or time.monotonic() - self._noted_s > _NOTE_EVERY_S:
            self._noted_s = time.monotonic()
            self.close()
        return findings

    def _record(self, finding: Finding, level: Level, now_s: float) -> Record | None:
        """Return the record that a file gets, if it gets one: no weaker look changes a record."""
        collected, digest = finding.collected, finding.sha256
        known = collected.record
        if digest is None:
            return None
        if known is not None and known.sha256 == digest:
            times = finding.mtime_ns, finding.ctime_ns
            if (known.mtime_ns, known.ctime_ns) == times:
                return None
            # The same bytes with other times: what is known of them is to fit again.
            return known._replace(
                mtime_ns=times[0],
                ctime_ns=times[1],
                level=max(known.level, level),
                verified_at_s=now_s,
            )
        is_recorded = collected.is_recorded and not finding.is_replaced
        if is_recorded or not self._request.records:
            return None
        return Record(
            collected.file.path,
            finding.size_bytes,
            finding.mtime_ns,
            level,
            now_s,
            sha256=digest,
            crc32=finding.crc32,
            ctime_ns=finding.ctime_ns,
        )

    def _look_again(self, finding: Finding) -> Finding:
        """Do not accuse a file that was replaced, and recorded, since its record was read."""
        looks_left = _MOST_LOOKS
        while (finding.defect in _OF_RECORDS or finding.is_replaced) and looks_left:
            looks_left -= 1
            collected = finding.collected
            path = collected.file.path
            is_still = collected.record is None or _wait_for_record(finding, collected.record)
            fresh = self._catalogue.records([path]).get(path)
            if is_still and fresh == collected.record:
                break
            collected = collected._replace(record=fresh)
            finding = check_file(collected, self._request.level, record=self._request.records)
        return finding

    def _tell(self, findings: Iterable[Finding]) -> None:
        """Say how much was looked at."""
        good = bad = size_bytes = 0
        for finding in findings:
            good += finding.is_good
            bad += not finding.is_good
            size_bytes += 0 if finding.is_from_before else finding.size_bytes
        self._observe(FilesChecked(good, bad, size_bytes))


def _condemnation(finding: Finding, now_s: float) -> list[Check]:
    """Return what is to be remembered of a bad file: nothing if it is another one by now."""
    status = stat_file(finding.collected.path)
    if status is None:
        return []
    facts = status.st_size, status.st_mtime_ns, status.st_ctime_ns
    # Of what can not be opened nothing was seen.
    is_seen = finding.ctime_ns != 0
    if is_seen and facts != (finding.size_bytes, finding.mtime_ns, finding.ctime_ns):
        return []
    failed = Level.SIZE if finding.level is None else Level(min(finding.level + 1, Level.HASH))
    return [
        Check(
            finding.collected.file.path,
            status.st_size,
            status.st_mtime_ns,
            failed,
            now_s,
            status.st_ctime_ns,
            str(finding.defect),
        )
    ]


def _is_settled(mtime_ns: int, now_s: float) -> bool:
    """Tell whether a file can not change any more without a difference to be seen."""
    tick_s = _FINE_TICK_S if mtime_ns % 1_000_000_000 else _COARSE_TICK_S
    return mtime_ns < (now_s - tick_s) * 1e9


def _wait_for_record(finding: Finding, record: Record) -> bool:
    """Give another process the time to write the record of a file that it has just replaced.

    Returns whether the file is still as it was looked at.
    """
    path = finding.collected.path
    try:
        status = path.stat()
        age_s = time.time() - status.st_ctime
        if record.mtime_ns != status.st_mtime_ns and 0 <= age_s < _RECORDED_WITHIN_S:
            time.sleep(_RECORDED_WITHIN_S - age_s)
            status = path.stat()
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) == (finding.size_bytes, finding.mtime_ns)


def _path_of(known: Known) -> str:
    """Return a file's path, to put the files of a directory in order."""
    return known.file.path


def _count(catalogue: Catalogue, request: ValidateRequest) -> int:
    """Return how many files there are to look at."""
    files = catalogue.files(types=request.types, formats=request.formats, entries=request.entries)
    return sum(1 for _ in files)
