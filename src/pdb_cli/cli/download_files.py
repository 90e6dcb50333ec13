"""The files ``download`` writes beside the data: ``--report`` and ``--failed-out``."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pdb_cli.cli.download_rows import asked_entries, outcome_row, reason_for
from pdb_cli.cli.output import json_text, printable
from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.archive.ids import EntryId
    from pdb_cli.operations.download.run import FileOutcome

_NOT_TRIED = "not tried: the run ended before"


class Report:
    """One JSON object per file and line, written as results come; a context manager.

    The file is emptied at the start. Each line is handed to the system as a whole and at once:
    what was reported stays, however the process ends.

    Parameters
    ----------
    path
        The file; None for no report.

    Raises
    ------
    FileAccessError
        It can not be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor = -1
        if path is None:
            return
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        except OSError as error:
            raise FileAccessError.wrap("write", path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def add(self, outcome: FileOutcome) -> None:
        """Write the line of a file.

        Parameters
        ----------
        outcome
            Of the file.

        Raises
        ------
        FileAccessError
            The disk is full, for instance; what there is of the line is taken back.
        """
        if self._path is None:
            return
        rest = memoryview(f"{json_text(outcome_row(outcome))}\n".encode())
        written_bytes = 0
        try:
            while rest:
                count_bytes = os.write(self._descriptor, rest)
                written_bytes += count_bytes
                rest = rest[count_bytes:]
        except OSError as error:
            self._take_back(written_bytes)
            raise FileAccessError.wrap("write", self._path, error) from error

    def _take_back(self, size_bytes: int) -> None:
        """Remove the beginning of a line that did not fit; a pipe has it for good."""
        if size_bytes:
            with suppress(OSError):
                end_bytes = os.lseek(self._descriptor, 0, os.SEEK_CUR)
                os.ftruncate(self._descriptor, end_bytes - size_bytes)


class FailedList:
    """The entries of which something is still missing, to be tried again with ``-l FILE``.

    That is all of those asked for but the ones whose every file is there and valid now; so the
    list is complete also when the run was interrupted.

    Parameters
    ----------
    path
        The file; None for no list.
    entries
        What was asked for.
    """

    def __init__(self, path: Path | None, entries: Iterable[EntryId]) -> None:
        self._path = path
        self._entries = entries
        # By the ids' texts, which is what events tell.
        self._settled: set[str] = set()
        self._good: set[str] = set()
        self._reasons: dict[str, str] = {}

    def add(self, outcome: FileOutcome) -> None:
        """Take note of a file.

        Parameters
        ----------
        outcome
            Of the file.
        """
        if self._path is None:
            return
        for entry in map(str, asked_entries(outcome)):
            reason = reason_for(outcome)
            if outcome.is_good:
                self._good.add(entry)
            elif entry not in self._reasons:
                self._settled.discard(entry)
                self._reasons[entry] = reason or str(outcome.outcome)
            elif reason and reason not in self._reasons[entry]:
                self._reasons[entry] += f"; {reason}"

    def settle(self, entry: str) -> None:
        """Take note that there is nothing more to come of an entry.

        Parameters
        ----------
        entry
            Its id.
        """
        if self._path is not None and entry not in self._reasons:
            self._settled.add(entry)

    def write(self) -> None:
        """Write the list, over the one of an earlier run; it is empty if nothing failed.

        Raises
        ------
        FileAccessError
            It can not be written; what was there before is unchanged.
        """
        if self._path is not None:
            data = bytearray()
            for line in self._lines():
                data += line.encode()
            if self._path.exists() and not self._path.is_file():
                _write_through(self._path, data)
            else:
                # Through a link to the file itself, as everybody else would write it.
                write_atomic(Path(os.path.realpath(self._path)), data, durable=False)

    def _lines(self) -> Iterator[str]:
        """Yield the lines, in the order the entries were given."""
        for entry in map(str, self._entries):
            reason = self._reasons.get(entry)
            if reason is None and not (entry in self._settled and entry in self._good):
                reason = _NOT_TRIED
            if reason is not None:
                text = printable(reason).encode("utf-8", "backslashreplace").decode("utf-8")
                yield f"{entry}  # {text}\n"


def _write_through(path: Path, data: bytes | bytearray) -> None:
    """Write to a pipe or a device, which must not be replaced by a file."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise FileAccessError.wrap("write", path, error) from error


def check_output_file(path: Path) -> None:
    """Make sure a file can be written, before anything else begins; it is not changed.

    Parameters
    ----------
    path
        The file; if there is none yet, its directory must be there.

    Raises
    ------
    FileAccessError
        It can not be written.
    """
    parent = path.parent
    try:
        if path.exists():
            # Without O_NONBLOCK, a pipe that nobody reads yet would be waited for.
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return
        if not stat.S_ISDIR(parent.stat().st_mode):
            raise NotADirectoryError(20, os.strerror(20))
        probe = parent / f".pdb-cli-probe.{os.urandom(6).hex()}"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        probe.unlink()
    except OSError as error:
        raise FileAccessError.wrap("write", path, error) from error
