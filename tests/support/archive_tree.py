"""An archive on disk that lives: weekly releases add, change and obsolete entries."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile, Layout, archive_path
from support.holdings import content_types, write_holdings
from support.real_entries import CLASSIC_ROOT, ENTRY_ROOT, RealFile, real_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_WEEK = timedelta(days=7)
# Files carry the Friday before the Wednesday they are released on.
_FILES_BEFORE_RELEASE = timedelta(days=4, hours=9, minutes=50, seconds=41)
_ROOTS = {Layout.CLASSIC: "pub/pdb", Layout.ENTRY: "pub/wwpdb/pdb"}


class ArchiveTree:
    """A piece of the archive below a folder, with the holdings files that describe it.

    It starts empty; every ``publish`` is one weekly release, a Wednesday 00:00 UTC.
    """

    def __init__(
        self,
        folder: Path,
        *,
        layout: Layout = Layout.CLASSIC,
        first_release: datetime = datetime(2026, 9, 2, tzinfo=UTC),
    ) -> None:
        self.folder = folder
        """What a server serves: holds ``pub``."""
        self.layout = layout
        self.root = folder / _ROOTS[layout]
        """The root of the archive, ``pub/pdb`` or ``pub/wwpdb/pdb``."""
        self.released_at = first_release - _WEEK
        """The time of the last release."""
        self.all_dated = True
        """Whether entries without mmCIF have a date too. In the archive, all entries have both."""
        self._real = real_files(CLASSIC_ROOT) | real_files(ENTRY_ROOT)
        self._current: dict[EntryId, dict[ArchiveFile, RealFile]] = {}
        self._removed: dict[str, dict[str, Any]] = {}
        self._unreleased: dict[str, dict[str, Any]] = {}

    def publish(
        self,
        *,
        add: Iterable[str] = (),
        copies: Mapping[str, str] | None = None,
        change: Iterable[str] = (),
        obsolete: Mapping[str, str | list[str] | None] | None = None,
        unreleased: Iterable[str] = (),
    ) -> None:
        """Release a week later than the last one, and write all holdings anew.

        Parameters
        ----------
        add
            Ids of real entries below tests/data.
        copies
            New id to the real entry it is made from.
        change
            Ids of published entries that get new bytes and a new time.
        obsolete
            Id to what superseded it, as the removed list shall say it: nothing, text or a list.
        unreleased
            Ids that are announced as on hold.
        """
        self.released_at += _WEEK
        for text in add:
            entry = EntryId.parse(text)
            for real in self._real[entry]:
                self._put(real if self.layout is Layout.CLASSIC else real.named_for(self.layout))
        for new, source in (copies or {}).items():
            for real in self._real[EntryId.parse(source)]:
                self._put(real.copied_to(EntryId.parse(new), self.layout))
        for text in change:
            for real in list(self._current[EntryId.parse(text)].values()):
                self._put(real.revised(f"revised {self.released_at:%Y-%m-%d}"))
        for text, successors in (obsolete or {}).items():
            self._obsolete(EntryId.parse(text), successors)
        for text in unreleased:
            self._unreleased[self._key(EntryId.parse(text))] = self._announcement()
        self._write_holdings()

    def path(self, file: ArchiveFile) -> Path:
        """Return where a file of this archive is on disk."""
        return self.root / archive_path(file, self.layout)

    def files(self) -> dict[ArchiveFile, Path]:
        """Return every current file and where it is."""
        return {file: self.path(file) for files in self._current.values() for file in files}

    @property
    def file_time_s(self) -> float:
        """The modification time of files of the last release, in seconds since 1970."""
        return (self.released_at - _FILES_BEFORE_RELEASE).timestamp()

    def _put(self, real: RealFile) -> None:
        """Write a file of the release that is being made; readers see the old one or the new."""
        path = self.path(real.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(real.data)
        os.utime(new, (self.file_time_s, self.file_time_s))
        new.replace(path)
        self._current.setdefault(real.file.entry, {})[real.file] = real

    def _obsolete(self, entry: EntryId, successors: str | list[str] | None) -> None:
        """Move an entry's coordinates to the obsolete ones and drop the rest of it."""
        moved: dict[ArchiveFile, str] = {}
        for file in self._current.pop(entry):
            path = self.path(file)
            if self.layout is Layout.CLASSIC and file.data_type is DataType.STRUCTURES:
                target = file._replace(data_type=DataType.OBSOLETE)
                self.path(target).parent.mkdir(parents=True, exist_ok=True)
                path.replace(self.path(target))
                moved[target] = self._from_pub(target)
            else:
                path.unlink()
        record: dict[str, Any] = {
            "status_code": "OBS",
            "title": f"STRUCTURE OF {entry}",
            "deposition_authors": ["Doe, J."],
            "deposit_date": "1993-01-05T00:00:00+00:00",
            "release_date": "1994-01-31T00:00:00+00:00",
            "obsolete_date": self.released_at.isoformat(),
        }
        if successors is not None:
            record["superseded_by"] = successors
        self._removed[self._key(entry)] = record | {
            "details": "",
            "content_type": content_types(moved),
        }

    def _announcement(self) -> dict[str, Any]:
        """Return what the archive says about an entry that is on hold."""
        return {
            "status_code": "HPUB",
            "title": "A STRUCTURE NOBODY HAS SEEN YET",
            "deposition_authors": ["Doe, J."],
            "deposit_date": self.released_at.isoformat(),
            "prerelease_sequence_available_flag": "Y",
            "author_prerelease_sequence_status": "RELEASE NOW",
            "prerelease_sequence": "MKV",
        }

    def _write_holdings(self) -> None:
        """Describe the archive as it is now."""
        dates = {}
        experimental = {}
        for entry, files in self._current.items():
            mmcif = ArchiveFile(entry, DataType.STRUCTURES, FileFormat.MMCIF)
            if mmcif in files or self.all_dated:
                dated = mmcif if mmcif in files else next(iter(files))
                dates[self._key(entry)] = self._date(dated)
            factors = ArchiveFile(entry, DataType.STRUCTURE_FACTORS, FileFormat.MMCIF)
            if factors in files:
                experimental[self._key(entry)] = self._date(factors)
        current = {
            self._key(entry): content_types({file: self._from_pub(file) for file in files})
            for entry, files in self._current.items()
        }
        holdings: dict[str, Mapping[str, Any]] = {
            "released_structures_last_modified_dates": dates,
            "released_experimental_data_last_modified_dates": experimental,
            "current_file_holdings": current,
            "all_removed_entries": self._removed,
            "unreleased_entries": self._unreleased,
        }
        for name, content in holdings.items():
            write_holdings(self.root / "holdings", name, content, mtime_s=self.file_time_s)

    def _date(self, file: ArchiveFile) -> str:
        """Return a file's time as holdings write it."""
        date = datetime.fromtimestamp(self.path(file).stat().st_mtime, tz=UTC)
        return date.isoformat(timespec="seconds")

    def _from_pub(self, file: ArchiveFile) -> str:
        """Return a file's path as holdings write it, absolute from ``pub``."""
        return "/" + self.path(file).relative_to(self.folder / "pub").as_posix()

    def _key(self, entry: EntryId) -> str:
        """Return an entry's key in the holdings of this layout."""
        if self.layout is Layout.CLASSIC and entry.classic:
            return entry.classic.upper()
        return entry.extended
