"""What an rsync that was killed left behind, put to use or taken away.

rsync writes ``ab/1abc.cif.gz`` as ``ab/.1abc.cif.gz.XXXXXX`` and moves it to
``ab/.rsync-partial/1abc.cif.gz`` when it is interrupted; killed, it can not. The lists of what a
run was to fetch stay until it has ended well, so the next one knows exactly which names to look
for, and touches no others. Of those, what is the user's (``.1abc.cif.gz.backup``) is not touched
either: rsync's are of this user, for him alone, not older than the list, and no word.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError
from pdb_cli.transfer.rsync_arguments import PARTIAL_DIRECTORY, decode_name, name_list

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.[A-Za-z0-9]{6}", re.DOTALL)
_WORD: Final = re.compile(r"\.[a-z]{6}\Z")
"""An ending that people write; of those that rsync makes up, one in two hundred."""
_CLOCKS_DIFFER_S: Final = 60.0
"""Between this machine and one that keeps the files."""


class NameLists:
    """The files that tell rsync what to fetch, and a later run what may be lying around.

    Parameters
    ----------
    folder
        Where they are kept.
    label
        Which tree they are of; no two trees have the same.
    """

    def __init__(self, folder: Path, label: str) -> None:
        self._folder = folder
        self._label = label

    def write(self, number: int, names: Sequence[str], *, below: str) -> Path:
        """Write one list.

        Parameters
        ----------
        number
            Which of the tree's.
        names
            What rsync shall fetch.
        below
            The way from the module to the tree.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        FileAccessError
            It can not be written.
        """
        path = self._folder / f"{self._label}.{number}.names"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name_list(names, below))
        except OSError as error:
            raise FileAccessError.wrap("write", path, error) from error
        return path

    def read(self) -> Iterator[str]:
        """Yield the names in all lists that are there."""
        for path in self._paths():
            with suppress(OSError):
                for name in path.read_bytes().split(b"\0"):
                    text = decode_name(name.partition(b"/./")[2])
                    # Not written by us, or cut off: never a way out of the tree.
                    if text and not any(part in {"", ".", ".."} for part in text.split("/")):
                        yield text

    def written_s(self) -> float:
        """Return when the first list that is there was written, in seconds since 1970."""
        times = []
        for path in self._paths():
            with suppress(OSError):
                times.append(path.stat().st_mtime)
        return min(times, default=0.0)

    def remove(self) -> None:
        """Remove all lists: nothing of theirs is lying around."""
        for path in self._paths():
            with suppress(OSError):
                path.unlink()

    def _paths(self) -> list[Path]:
        """Return where lists of this tree are."""
        pattern = re.compile(re.escape(self._label) + r"\.[0-9]+\.names")
        with suppress(OSError):
            return sorted(path for path in self._folder.iterdir() if pattern.fullmatch(path.name))
        return []


def take_over(root: Path, lists: NameLists, *, wanted: Collection[str]) -> None:
    """Let rsync find the beginnings of files an earlier run left, and remove the useless ones.

    Only for who holds the collection's lock: an rsync at work would lose its files.

    Parameters
    ----------
    root
        The tree's directory.
    lists
        Of the earlier run.
    wanted
        What will be fetched now.
    """
    by_directory: dict[str, set[str]] = {}
    for name in lists.read():
        directory, _, last = name.rpartition("/")
        by_directory.setdefault(directory, set()).add(last)
    since_s = lists.written_s() - _CLOCKS_DIFFER_S
    for directory, names in by_directory.items():
        folder = root / directory
        for temporary, name in _temporaries(folder, names, since_s):
            if _join(directory, name) in wanted:
                _keep(folder, temporary, name)
            else:
                with suppress(OSError):
                    (folder / temporary).unlink()
        _forget(folder / PARTIAL_DIRECTORY, directory, names, wanted)


def _temporaries(folder: Path, names: set[str], since_s: float) -> list[tuple[str, str]]:
    """Return rsync's own names in a directory, each with the name it is for."""
    try:
        entries = os.listdir(folder)  # noqa: PTH208 - names are what is looked at
    except OSError:
        return []
    found = []
    for entry in entries:
        match = _TEMPORARY.fullmatch(entry)
        if match is None or match["name"] not in names or _WORD.search(entry):
            continue
        if _is_rsyncs(folder / entry, since_s):
            found.append((entry, match["name"]))
    return found


def _is_rsyncs(path: Path, since_s: float) -> bool:
    """Tell whether a file can be what an rsync of ours was writing."""
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        return False
    is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    return is_ours and not status.st_mode & 0o077 and status.st_mtime >= since_s


def _keep(folder: Path, temporary: str, name: str) -> None:
    """Put what was being written where rsync looks for it, unless more of it is there already.

    rsync gives a file that it goes on with the mode of its beginning; a temporary one is for its
    owner alone.
    """
    begun, kept = folder / temporary, folder / PARTIAL_DIRECTORY / name
    with suppress(OSError):
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        if begun.stat(follow_symlinks=False).st_size > _size(kept):
            begun.chmod(_mode(folder / name, kept))
            begun.replace(kept)
        else:
            begun.unlink()


def _size(path: Path) -> int:
    """Return the size of a file, -1 if there is none."""
    try:
        return path.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return -1


def _mode(final: Path, kept: Path) -> int:
    """Return the mode that a file is to have: as it has, or what the umask leaves of a new one."""
    for path in (final, kept):
        with suppress(FileNotFoundError):
            mode = path.stat(follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                return mode & 0o777
    # To ask for the umask is to change it, for all threads; a file that is made tells it.
    kept.touch(mode=0o666, exist_ok=False)
    return stat.S_IMODE(kept.stat(follow_symlinks=False).st_mode)


def _forget(partial: Path, directory: str, names: set[str], wanted: Collection[str]) -> None:
    """Remove beginnings of files nobody wants any more."""
    try:
        entries = os.listdir(partial)  # noqa: PTH208 - names are what is looked at
    except OSError:
        return
    with suppress(OSError):
        for entry in entries:
            if entry in names and _join(directory, entry) not in wanted:
                (partial / entry).unlink()
        partial.rmdir()


def _join(directory: str, name: str) -> str:
    """Return a path below the tree."""
    return f"{directory}/{name}" if directory else name
