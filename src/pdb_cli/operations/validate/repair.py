"""Fetch bad files again, through the download engine, while others are still looked at.

A bad file keeps its name until the new one takes it, and has a second one in quarantine until then.
Where no mirror delivers it stays as it was, and the finding says why. A version older than what its
record speaks of is none; one older than its time is taken if no mirror may have a later one.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.archive.dates import format_second
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.errors import (
    CollectionBusyError,
    FileAccessError,
    InvalidValueError,
    StaleVersionError,
    UnsupportedError,
)
from pdb_cli.events import FileFailed, FilePresent, ignore_event
from pdb_cli.index.model import Level
from pdb_cli.operations.validate.check import check_file
from pdb_cli.operations.validate.model import FileStatus, Finding
from pdb_cli.operations.verification_record import record_of_fetch, stat_file
from pdb_cli.storage.quarantine import Quarantine
from pdb_cli.transfer.fetch import FetchItem, FetchStatus, Passed, Source, fetch_files
from pdb_cli.transfer.verify import expect

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.events import Event, Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Record
    from pdb_cli.operations.validate.model import Repair
    from pdb_cli.storage.collection import Collection
    from pdb_cli.transfer.fetch import FetchResult
    from pdb_cli.transfer.verify import Expectation


def repair_findings(
    findings: Iterable[Finding | None],
    repair: Repair,
    *,
    level: Level,
    collection: Collection,
    catalogue: Catalogue,
    observe: Observer = ignore_event,
) -> Generator[Finding, None, None]:
    """Fetch again what is bad; what is good comes out as it went in.

    Parameters
    ----------
    findings
        Taken as there is room for transfers; None where there is none just now.
    repair
        How to fetch.
    level
        How closely was looked.
    collection
        Where the files are; the caller has its lock.
    catalogue
        Gets the records of new files.
    observe
        Gets an event for everything that happens.

    Yields
    ------
    Finding
        One per file, those of bad ones as they are settled.

    Raises
    ------
    FileAccessError
        Nothing more can be written (disk full, read-only).
    CollectionBusyError
        From the guard; no file has been changed since.
    """
    ward = _Ward(collection, catalogue, repair, level)
    ward.clear()
    try:
        yield from _fetch(ward.items(findings), ward, repair, catalogue, observe)
        # Where no mirror has what the bad file's time speaks of, a good version is better.
        older, ward.stale = ward.stale, []
        if older:
            items = ward.items(older, any_version=True)
            yield from _fetch(items, ward, repair, catalogue, observe)
    except CollectionBusyError:
        ward.abandon()
        raise
    finally:
        ward.release_all()


def _fetch(
    items: Iterable[FetchItem | Passed | None],
    ward: _Ward,
    repair: Repair,
    catalogue: Catalogue,
    observe: Observer,
) -> Iterator[Finding]:
    """Fetch files; yield what becomes of them, but for those that are worth another round."""
    failures: dict[str, FileFailed] = {}

    def keep_failure(event: Event) -> None:
        """Tell of a failure when it is known to be one."""
        if isinstance(event, FileFailed):
            failures[event.name] = event
        else:
            observe(event)

    transfers = fetch_files(
        items,
        options=repair.options,
        retry=repair.retry,
        observe=keep_failure,
        guard=repair.guard,
    )
    with closing(transfers) as results:
        for result in results:
            if isinstance(result, Passed):
                ward.tell_passed(result.tag, observe)
                yield result.tag
                continue
            finding: Finding = result.item.tag
            failure = failures.pop(result.item.name, None)
            if isinstance(result.error, StaleVersionError) and _may_be_older(result.item, finding):
                ward.stale.append(finding)
                continue
            ward.release(finding)
            finding, record = _settle(result)
            if record is not None:
                catalogue.remember([record])
            if result.status is FetchStatus.NOT_FOUND:
                failure = FileFailed(result.item.name, "no mirror has it")
            if failure is not None:
                observe(failure)
            yield finding


class _Ward:
    """The bad files that are in quarantine just now."""

    def __init__(
        self, collection: Collection, catalogue: Catalogue, repair: Repair, level: Level
    ) -> None:
        self._catalogue = catalogue
        self._repair = repair
        self._level = level
        self.stale: list[Finding] = []
        """Files of which the mirrors have older versions only."""
        self._mended: set[str] = set()
        """Files that others have replaced by good ones since they were looked at."""
        roots = (collection.root, *collection.data_type_dirs.values())
        self._quarantines = [Quarantine(root) for root in dict.fromkeys(roots)]
        self._names: dict[str, tuple[Quarantine, Path]] = {}

    def clear(self) -> None:
        """Clear away what an earlier process left."""
        self._repair.guard()
        for quarantine in self._quarantines:
            quarantine.clear()

    def items(
        self, findings: Iterable[Finding | None], *, any_version: bool = False
    ) -> Iterator[FetchItem | Passed | None]:
        """Pass what is good by the transfers; put the rest into quarantine, and hand it on."""
        for finding in findings:
            if finding is None:
                yield None
            elif finding.is_good:
                yield Passed(finding)
            else:
                yield self._item(finding, any_version=any_version)

    def tell_passed(self, finding: Finding, observe: Observer) -> None:
        """Say of a file that needed no transfer what nobody has said yet."""
        path = finding.collected.file.path
        if not finding.is_good:
            observe(FileFailed(path, _no_source(finding)))
        elif path in self._mended:
            observe(FilePresent(path))

    def release(self, finding: Finding) -> None:
        """Take a file out of quarantine, whatever has become of it."""
        held = self._names.pop(finding.collected.file.path, None)
        if held is not None:
            held[0].release(held[1])

    def abandon(self) -> None:
        """Leave all to whoever has the collection now, and may have given the same names."""
        self._names.clear()

    def release_all(self) -> None:
        """Take out all files that are left: they still have their names."""
        for quarantine, name in self._names.values():
            quarantine.release(name)
        self._names.clear()

    def _item(self, finding: Finding, *, any_version: bool) -> FetchItem | Passed:
        """Return what the transfer layer needs to fetch a file, if any mirror can have it."""
        finding = self._look_again(finding)
        if finding.is_good:
            self.release(finding)
            self._mended.add(finding.collected.file.path)
            return Passed(finding)
        collected = finding.collected
        file = collected.file.archive_file
        try:
            serving = serving_mirrors(self._repair.mirrors, file)
        except (UnsupportedError, InvalidValueError) as error:
            return Passed(replace(finding, error=error))
        self._isolate(finding)
        return FetchItem(
            name=collected.file.path,
            sources=tuple(Source(mirror.name, url) for mirror, url in serving),
            destination=_real(collected.path),
            expectation=_expectation(finding),
            tag=finding,
            not_before_s=_recorded_s(finding) if any_version else _not_before_s(finding),
        )

    def _look_again(self, finding: Finding) -> Finding:
        """Do not replace a good file: a download may have been quicker, and needs no lock."""
        path = finding.collected.file.path
        status = stat_file(finding.collected.path)
        facts = finding.size_bytes, finding.mtime_ns, finding.ctime_ns
        now = None if status is None else (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        held = path in self._names  # the second name has changed the ctime
        if now == facts or (held and now is not None and now[:2] == facts[:2]):
            return finding
        record = self._catalogue.records([path]).get(path)
        return check_file(finding.collected._replace(record=record), self._level)

    def _isolate(self, finding: Finding) -> None:
        """Give a bad file its second name."""
        if finding.collected.file.path in self._names:
            return
        self._repair.guard()
        path = finding.collected.path
        for quarantine in reversed(self._quarantines):
            if path.is_relative_to(quarantine.root):
                name = quarantine.add(path)
                if name is not None:
                    self._names[finding.collected.file.path] = (quarantine, name)
                return


def _real(path: Path) -> Path:
    """Return where a link leads: what is bad is the file, and the link stays."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _recorded_s(finding: Finding) -> float | None:
    """Return which version is known to have been here: one that is older is never put there."""
    record = finding.collected.record
    return None if record is None else record.last_modified_s


def _not_before_s(finding: Finding) -> float | None:
    """Return when the version here seems to be from: mirrors that lag are asked last.

    Whole seconds are a server's time of the file, or what a person set; when somebody wrote to it
    says nothing.
    """
    recorded_s = _recorded_s(finding)
    seconds, rest_ns = divmod(finding.mtime_ns, 1_000_000_000)
    if rest_ns:
        return recorded_s
    return float(seconds) if recorded_s is None else max(recorded_s, float(seconds))


def _may_be_older(item: FetchItem, finding: Finding) -> bool:
    """Tell whether what was refused as too old is better than what is there."""
    return item.not_before_s != _recorded_s(finding)


def _expectation(finding: Finding) -> Expectation:
    """Say what will arrive, and how it is kept: as it was."""
    name = finding.collected.path.name
    file = finding.collected.file.archive_file
    if name.endswith(".gz"):
        return expect(file, name)
    return replace(expect(file, f"{name}.gz"), unpacked=True)


def _settle(result: FetchResult) -> tuple[Finding, Record | None]:
    """Return what became of a bad file, and the record of the new one."""
    finding: Finding = result.item.tag
    if result.verified is None:
        return replace(finding, error=result.error), None
    fixed = replace(
        finding,
        status=FileStatus.FIXED,
        level=Level.CONTENT,
        size_bytes=result.size_bytes,
        sha256=result.verified.sha256,
        crc32=result.verified.crc32,
    )
    there_s, here_s = result.last_modified_s, _not_before_s(finding)
    if there_s is not None and here_s is not None and there_s < here_s:
        version = f"the new one is of {format_second(there_s)}, no mirror has a later one"
        fixed = replace(fixed, detail=f"{finding.detail}; {version}")
    # What another process fetched meanwhile, that one records.
    return fixed, record_of_fetch(result) if result.status is FetchStatus.FETCHED else None


def _no_source(finding: Finding) -> str:
    """Return why a file can not be fetched from anywhere."""
    error = finding.error
    if isinstance(error, UnsupportedError):
        return error.reason
    return error.reason if isinstance(error, FileAccessError) else "no mirror has such files"
