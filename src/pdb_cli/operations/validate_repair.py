"""Fetch bad files again, through the download engine, while others are still looked at.

A bad file keeps its name until the new one takes it, and has a second one in quarantine until then.
Where no mirror delivers, or only an older version, it stays as it was, and the finding says why.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.errors import CollectionBusyError, FileAccessError, InvalidValueError, UnsupportedError
from pdb_cli.events import FileFailed, ignore_event
from pdb_cli.index.model import Level
from pdb_cli.operations.validate_model import FileStatus, Finding
from pdb_cli.operations.verification_record import record_of_fetch
from pdb_cli.storage.quarantine import Quarantine
from pdb_cli.transfer.fetch import FetchItem, FetchStatus, Passed, Source, fetch_files
from pdb_cli.transfer.verify import expect

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Record
    from pdb_cli.operations.validate_model import Repair
    from pdb_cli.storage.collection import Collection
    from pdb_cli.transfer.fetch import FetchResult
    from pdb_cli.transfer.verify import Expectation


def repair_findings(
    findings: Iterable[Finding | None],
    repair: Repair,
    *,
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
    ward = _Ward(collection, repair)
    ward.clear()
    transfers = fetch_files(
        ward.items(findings),
        options=repair.options,
        retry=repair.retry,
        observe=observe,
        guard=repair.guard,
    )
    try:
        with closing(transfers) as results:
            for result in results:
                if isinstance(result, Passed):
                    finding: Finding = result.tag
                    if not finding.is_good:
                        observe(FileFailed(finding.collected.file.path, _no_source(finding)))
                    yield finding
                    continue
                ward.release(result.item.tag)
                finding, record = _settle(result)
                if record is not None:
                    catalogue.remember([record])
                if result.status is FetchStatus.NOT_FOUND:
                    observe(FileFailed(result.item.name, "no mirror has it"))
                yield finding
    except CollectionBusyError:
        ward.abandon()
        raise
    finally:
        ward.release_all()


class _Ward:
    """The bad files that are in quarantine just now."""

    def __init__(self, collection: Collection, repair: Repair) -> None:
        self._collection = collection
        self._repair = repair
        roots = (collection.root, *collection.data_type_dirs.values())
        self._quarantines = [Quarantine(root) for root in dict.fromkeys(roots)]
        self._names: dict[str, tuple[Quarantine, Path]] = {}

    def clear(self) -> None:
        """Clear away what an earlier process left."""
        self._repair.guard()
        for quarantine in self._quarantines:
            quarantine.clear()

    def items(self, findings: Iterable[Finding | None]) -> Iterator[FetchItem | Passed | None]:
        """Pass what is good by the transfers; put the rest into quarantine, and hand it on."""
        for finding in findings:
            if finding is None:
                yield None
            elif finding.is_good:
                yield Passed(finding)
            else:
                yield self._item(finding)

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

    def _item(self, finding: Finding) -> FetchItem | Passed:
        """Return what the transfer layer needs to fetch a file, if any mirror can have it."""
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
            not_before_s=_not_before_s(finding),
        )

    def _isolate(self, finding: Finding) -> None:
        """Give a bad file its second name."""
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


def _not_before_s(finding: Finding) -> float | None:
    """Return when the version here is from: a mirror that lags must not put an older one there.

    Whole seconds are a server's time of the file; when somebody wrote to it says nothing.
    """
    record = finding.collected.record
    times_s = [] if record is None else [record.last_modified_s]
    seconds, rest_ns = divmod(finding.mtime_ns, 1_000_000_000)
    if not rest_ns:
        times_s.append(float(seconds))
    return max((time_s for time_s in times_s if time_s is not None), default=None)


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
    # What another process fetched meanwhile, that one records.
    return fixed, record_of_fetch(result) if result.status is FetchStatus.FETCHED else None


def _no_source(finding: Finding) -> str:
    """Return why a file can not be fetched from anywhere."""
    error = finding.error
    if isinstance(error, UnsupportedError):
        return error.reason
    return error.reason if isinstance(error, FileAccessError) else "no mirror has such files"
