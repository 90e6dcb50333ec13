"""Bringing exactly the files of a list, with one or more rsync processes at once."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import FileAccessError, RsyncBusyError
from pdb_cli.transfer.rsync_arguments import decode_name, fetch_arguments, split_source
from pdb_cli.transfer.rsync_lines import Change, RowKind, read_progress, read_row, read_time
from pdb_cli.transfer.rsync_outcome import (
    PARTIAL,
    VANISHED,
    complaints,
    error_lines,
    failure,
    is_one_place,
    secrets_of,
)
from pdb_cli.transfer.rsync_process import RsyncGroup

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence
    from pathlib import Path

    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.rsync_arguments import RsyncOptions
    from pdb_cli.transfer.rsync_leftovers import NameLists
    from pdb_cli.transfer.rsync_lines import Row
    from pdb_cli.transfer.rsync_process import RsyncProcess

_REFUSED_IN_A_ROW: Final = 6
_FIRST_PAUSE_S: Final = 0.1
_FEW: Final = 100


class Fetched(NamedTuple):
    """What became of a file."""

    path: str
    """Below the tree."""
    size_bytes: int
    is_new: bool
    """Whether it came; else it was here already, as the mirror has it."""


class Progress(NamedTuple):
    """More bytes are here, of a file that may not be whole yet."""

    size_bytes: int


class RsyncFetch:
    """One fetch of one tree; :meth:`run` it once, then ask what is left.

    Parameters
    ----------
    options
        How rsync is used.
    url
        The tree, with a slash at its end.
    root
        The directory here; it exists.
    shares
        What each process brings, from :func:`pdb_cli.transfer.rsync_shares.share_out`; as many
        run at once as the options say. Names of directories among them make the directory, and set
        its time and permissions.
    lists
        Where to write them down.
    first_number
        Of the first of these lists: those of lower numbers are kept.
    follow_links
        Whether the files that links lead to are meant.
    again
        Whether also files come whose size and time agree.
    """

    def __init__(
        self,
        options: RsyncOptions,
        url: str,
        root: Path,
        *,
        shares: Sequence[Sequence[str]],
        lists: NameLists,
        first_number: int = 0,
        follow_links: bool = False,
        again: bool = False,
    ) -> None:
        self._options = options
        self._url = url
        self._module_url, self._below = split_source(url)
        self._root = root
        self._follow_links = follow_links
        self._again = again
        self._lists = lists
        self._at_once = max(1, min(options.parallel, len(shares)))
        self._parts = [
            _Part(number, names, root, again=again)
            for number, names in enumerate(shares, first_number)
        ]
        self._secrets = secrets_of(options.program.environ)
        self.gone: set[str] = set()
        """What the mirror says it does not have, as it names it."""
        self.notes: list[str] = []
        """What rsync complained of."""
        self.errors: list[PdbCliError] = []
        """Why processes ended early."""
        self.refused: PdbCliError | None = None
        """Why some files can not be written, while others can."""
        self._waiting = deque(self._parts)
        self._slots = max(1, options.parallel)
        self._has_done = False
        self._refused = 0
        self._was_refused = False

    def run(self) -> Generator[Fetched | Progress, None, None]:
        """Run rsync to its end; closing the generator ends it, and keeps what has arrived.

        Yields
        ------
        Fetched
            A file that has its final name now, whole.
        Progress
            Some more bytes.

        Raises
        ------
        FileAccessError
            Nothing more can be written here.
        RsyncUnavailableError
            rsync does not run.
        """
        for part in self._parts:
            part.names_file = self._lists.write(part.number, part.names, below=self._below)
        running: dict[RsyncProcess, _Part] = {}
        with RsyncGroup(is_watched=True) as group:
            while running or self._waiting:
                if self._refused and not running:
                    self._pause()
                while self._waiting and self._has_room(running.values()):
                    part = self._waiting.popleft()
                    running[self._start(group, part)] = part
                for process, lines in group.lines():
                    part = running[process]
                    yield from part.take(lines)
                    if process.exit_code is not None:
                        del running[process]
                        yield from part.settle()
                        self._judge(part, process, others=len(running))

    def _has_room(self, running: Collection[_Part]) -> bool:
        """Tell whether another process may be started.

        One that has nearly done counts no more: to begin and to end take a tenth of a second each,
        in which no byte would come.
        """
        if self._was_refused:
            return len(running) < self._slots
        at_work = sum(not part.is_nearly_done for part in running)
        return at_work < self._slots and len(running) <= self._slots

    def _start(self, group: RsyncGroup, part: _Part) -> RsyncProcess:
        """Start a process for a part."""
        part.begin()
        limit = self._options.bandwidth_kib_s
        arguments = fetch_arguments(
            self._options,
            self._module_url,
            self._root,
            names_file=part.names_file,
            bandwidth_kib_s=max(1, limit // self._at_once) if limit else 0,
            follow_links=self._follow_links,
            again=self._again,
        )
        return group.start(arguments, self._options.program.environ)

    def _pause(self) -> None:
        """Give a daemon a moment to see that our last connection is over."""
        time.sleep(_FIRST_PAUSE_S * 2**self._refused)

    def _judge(self, part: _Part, process: RsyncProcess, *, others: int) -> None:
        """Look at how a process ended."""
        code = process.exit_code or 0
        if code == 0:
            self._has_done = True
            self._refused = 0
            return
        said = error_lines(process.errors, self._secrets)
        error = failure(self._url, code, said, root=self._root)
        if is_one_place(error) and code == PARTIAL:
            self.refused = self.refused or error
            return
        if isinstance(error, FileAccessError):
            raise error
        if isinstance(error, RsyncBusyError) and self._may_wait(others):
            # As many connections as it let us have.
            self._slots = max(1, others)
            self._was_refused = True
            self._waiting.append(part)
            return
        about = list(complaints(said))
        self.gone.update(one.path for one in about if one.is_gone)
        self.notes += [line for line in said if not line.startswith("rsync error:")]
        if code not in {PARTIAL, VANISHED}:
            # The others would fare no better: what runs may end well, no more is started.
            self._waiting.clear()
        if code not in {PARTIAL, VANISHED} or not about or not all(one.is_gone for one in about):
            self.errors.append(error)

    def _may_wait(self, others: int) -> bool:
        """Tell whether a connection may be had soon: whoever called decides about longer waits."""
        if others:
            return True
        self._refused += 1
        return self._has_done and self._refused <= _REFUSED_IN_A_ROW


class _Part:
    """What one process brings.

    Parameters
    ----------
    number
        Which of them.
    names
        What it brings.
    root
        Where to.
    again
        Whether what is here may have the size and the time of what comes.
    """

    def __init__(self, number: int, names: Sequence[str], root: Path, *, again: bool) -> None:
        self.number = number
        self.names = names
        self.names_file = root
        """Where rsync reads them."""
        self._root = os.fspath(root)
        self._before = {name: self._inode(name) for name in names} if again else {}
        """Of files in the place of which others of the same size and time come."""
        self.begin()

    def begin(self) -> None:
        """Count from nothing: a process begins."""
        self._pending: Row | None = None
        self._whole_bytes = 0
        self._position = 0
        self._told = 0
        self._seen = 0

    @property
    def is_nearly_done(self) -> bool:
        """Whether rsync has named all but a few of what it was asked for."""
        count = len(self.names)
        return self._seen >= count - min(count // 20, _FEW)

    def take(self, lines: Sequence[bytes]) -> Iterator[Fetched | Progress]:
        """Read lines; yield what they tell."""
        for line in lines:
            if not line.startswith(b"="):
                position = read_progress(line)
                if position is not None:
                    self._position = position
                continue
            row = read_row(line)
            if row is None or row.kind is not RowKind.FILE:
                continue
            self._seen += 1
            if row.change in {Change.NEW, Change.CHANGED}:
                # rsync names a file just before it renames it: the one before this has its name.
                yield from self.settle()
                self._pending = row
                self._whole_bytes += row.size_bytes
            else:
                path = decode_name(row.name)
                yield Fetched(path, row.size_bytes, is_new=False)
        done = max(self._whole_bytes, self._position)
        if done > self._told:
            yield Progress(done - self._told)
            self._told = done

    def settle(self) -> Iterator[Fetched]:
        """Yield the last file that was named, if it is where it should be."""
        row, self._pending = self._pending, None
        if row is None:
            return
        path = decode_name(row.name)
        mtime_s = read_time(row.third.rpartition(b":")[0])
        with suppress(OSError):
            # One that failed its check was named too, and will be again.
            status = os.lstat(f"{self._root}/{path}")
            if path in self._before and self._before[path] == status.st_ino:
                return
            if status.st_size == row.size_bytes and mtime_s in {None, math.floor(status.st_mtime)}:
                yield Fetched(path, row.size_bytes, is_new=True)

    def _inode(self, name: str) -> int | None:
        """Return which file has a name: rsync makes another one, and renames it."""
        with suppress(OSError):
            return os.lstat(f"{self._root}/{name}").st_ino
        return None
