"""A tree of a mirror compared with a directory: one dry run of rsync, read as it comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import RsyncError, RsyncTransientError
from pdb_cli.transfer.rsync_arguments import decode_name, encode_name, listing_arguments
from pdb_cli.transfer.rsync_lines import (
    Change,
    Row,
    RowKind,
    read_regular_files,
    read_row,
    read_time,
)
from pdb_cli.transfer.rsync_outcome import (
    PARTIAL,
    VANISHED,
    error_lines,
    failure,
    is_about_us,
    secrets_of,
)
from pdb_cli.transfer.rsync_process import RsyncGroup
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from pdb_cli.transfer.rsync_arguments import RsyncOptions

_UNCHANGED_FILE = b"=.f          "


class ListedChange(NamedTuple):
    """A file that differs."""

    change: Change
    path: str
    """Below the tree, with surrogates for bytes that are no UTF-8."""
    size_bytes: int
    """On the mirror."""
    mtime_s: int | None
    marks: bytes
    """As in a ``Row``; empty if it was asked for, and does not differ."""


@dataclass(slots=True)
class RsyncListing:
    """What a dry run said."""

    attributes: list[str] = field(default_factory=list)
    """Files of which only time or permissions differ."""
    gone: list[str] = field(default_factory=list)
    """Files and links here that the mirror lacks."""
    gone_directories: list[str] = field(default_factory=list)
    directories: dict[str, int | None] = field(default_factory=dict)
    """Directories that differ, and their times on the mirror; ``.`` is the tree itself."""
    new_directories: list[str] = field(default_factory=list)
    """Those of them that are not here."""
    kept_files: int = 0
    kept_bytes: int = 0
    newest: bytes = b""
    """The newest time of a file, as rsync prints it."""
    listed: int = 0
    """Rows about regular files of the mirror, unwanted ones included."""
    promised: int | None = None
    """Regular files the sums at the end speak of; None without the end."""
    notes: list[str] = field(default_factory=list)
    """What rsync could not read, if anything."""
    exit_code: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every file the mirror has of this tree was named."""
        return self.promised == self.listed and not self.notes

    def incompleteness(self, url: str) -> RsyncError | None:
        """Return why it lacks something, as an error; None if it is complete.

        Parameters
        ----------
        url
            What was listed.

        Returns
        -------
        RsyncError or None
            A transient one, unless all that was complained of is in the way here.
        """
        if self.is_complete:
            return None
        url = without_credentials(url)
        said = self.notes[0] if self.notes else "fewer files named than counted"
        if self.notes and all(map(is_about_us, self.notes)):
            return RsyncError(url, f"not all of the list can come here: {said}", self.exit_code)
        return RsyncTransientError(url, f"its list is not complete: {said}", self.exit_code)

    @property
    def newest_s(self) -> int | None:
        """The newest time of a file, POSIX seconds."""
        return read_time(self.newest)


def list_tree(
    options: RsyncOptions,
    url: str,
    root: Path,
    *,
    rules: Sequence[str],
    take: Callable[[ListedChange], None],
    wanted: Callable[[str], bool] | None = None,
    follow_links: bool = False,
    delete: bool = False,
    again: Collection[str] = (),
) -> RsyncListing:
    """Compare a tree of a mirror with a directory; changes nothing.

    Parameters
    ----------
    options
        How rsync is used.
    url
        The tree, with a slash at its end.
    root
        The directory; it may be missing.
    rules
        From :func:`pdb_cli.transfer.rsync_rules.tree_rules`.
    take
        Gets each file that is new or changed, as soon as it is named; there may be millions. What
        it got is worth nothing if this raises.
    wanted
        Tells for a path below the tree whether it counts at all; None for yes.
    follow_links
        Whether the files that links lead to are meant.
    delete
        Whether to look for what the tree lacks.
    again
        Files, below the tree, that count as changed although size and time agree.

    Returns
    -------
    RsyncListing
        What was said to the end. Files the mirror could not read make it incomplete.

    Raises
    ------
    RsyncError
        The mirror did not say all: a list cut short is none.
    RsyncUnavailableError
        rsync does not run.
    FileAccessError
        The directory can not be read.
    """
    reader = _Reader(take, wanted, frozenset(map(encode_name, again)))
    arguments = listing_arguments(
        options, url, root, rules=rules, follow_links=follow_links, delete=delete
    )
    with RsyncGroup(is_watched=True) as group:
        process = group.start(arguments, options.program.environ)
        while len(group):
            for _, lines in group.lines():
                reader.take(lines)
    listing = reader.listing
    code = listing.exit_code = process.exit_code or 0
    said = error_lines(process.errors, secrets_of(options.program.environ))
    if code == 0 and listing.promised is None:
        raise RsyncTransientError(url, "the list of the mirror has no end", code)
    if code:
        # The tree itself is in every list: one without it is no list of the tree.
        if code not in {PARTIAL, VANISHED} or not reader.has_root or listing.promised is None:
            raise failure(url, code, said, root=root)
        listing.notes += [line for line in said if not line.startswith("rsync error:")] or [
            f"rsync exit {code}"
        ]
    return listing


class _Reader:
    """Makes a listing out of lines."""

    def __init__(
        self,
        take: Callable[[ListedChange], None],
        wanted: Callable[[str], bool] | None,
        again: frozenset[bytes],
    ) -> None:
        self._give = take
        self._wanted = wanted
        self._again = again
        self.listing = RsyncListing()
        self.has_root = False

    def take(self, lines: Sequence[bytes]) -> None:
        """Read some lines."""
        listing = self.listing
        newest, listed = listing.newest, 0
        kept_files = kept_bytes = 0
        wanted, again = self._wanted, self._again
        for line in lines:
            if line.startswith(_UNCHANGED_FILE) and b"\\#" not in line:
                # Nearly all lines of nearly all runs: worth a short way.
                size, time, name = line[13:].split(b" ", 2)
                if again and name in again:
                    listing.newest = newest
                    self._take_row(Row(Change.NONE, RowKind.FILE, name, int(size), time, b""))
                    newest = listing.newest
                    continue
                listed += 1
                if wanted is None or wanted(decode_name(name)):
                    kept_files += 1
                    kept_bytes += int(size)
                    if time > newest and len(time) == len(newest or time):
                        newest = time
            elif line.startswith(b"="):
                row = read_row(line)
                if row is not None:
                    listing.newest = newest
                    self._take_row(row)
                    newest = listing.newest
            elif listing.promised is None:
                listing.promised = read_regular_files(line)
        listing.newest = newest
        listing.listed += listed
        listing.kept_files += kept_files
        listing.kept_bytes += kept_bytes

    def _take_row(self, row: Row) -> None:
        """Take a row that is not of the most usual kind."""
        listing = self.listing
        path = decode_name(row.name)
        if row.change is Change.GONE:
            if row.kind is RowKind.DIRECTORY:
                listing.gone_directories.append(path)
            elif self._wanted is None or self._wanted(path):
                listing.gone.append(path)
        elif row.kind is RowKind.DIRECTORY:
            self.has_root = self.has_root or path == "."
            if row.change is not Change.NONE:
                listing.directories[path] = read_time(row.third)
            if row.change is Change.NEW:
                listing.new_directories.append(path)
        elif row.kind is RowKind.FILE:
            listing.listed += 1
            if self._wanted is None or self._wanted(path):
                self._take_file(row, path)

    def _take_file(self, row: Row, path: str) -> None:
        """Take a file of the mirror."""
        listing = self.listing
        if len(row.third) == len(listing.newest or row.third):
            listing.newest = max(listing.newest, row.third)
        if row.change in {Change.NEW, Change.CHANGED}:
            self._give(
                ListedChange(row.change, path, row.size_bytes, read_time(row.third), row.marks)
            )
            return
        if row.name in self._again:
            changed_s = read_time(row.third)
            self._give(ListedChange(Change.CHANGED, path, row.size_bytes, changed_s, b""))
            return
        listing.kept_files += 1
        listing.kept_bytes += row.size_bytes
        if row.change is Change.ATTRIBUTES:
            listing.attributes.append(path)
