"""Compare the tree on the disk with what the catalogue knows of it, directory by directory.

A directory's times change when a file in it is made, removed or renamed, which is how pdb-cli and
rsync put files in place. So a directory whose times are as they were is not read again. Times are
only as fine as the clock of the file system: a directory that changed just before it was read may
change again without a difference to be seen, and is noted as ``UNSETTLED``.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.archive.identify import identify
from pdb_cli.index.directory import UNSETTLED, Directory, Listed, pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SETTLE_NS: Final = 3_000_000_000
"""How old a directory's times must be to be relied on: the coarsest clocks tick every 2 s."""


class Tree(NamedTuple):
    """A directory to be scanned, with all that is below it."""

    root: str
    """Where it is; absolute."""
    key: bytes
    """What its places begin with."""
    prefix: str
    """What the paths of its files begin with, with ``/`` at the end; empty for the collection."""

    def place(self, directory: str) -> bytes:
        """Return the key of a directory in it."""
        return self.key + b"\0" + os.fsencode(directory)


@dataclass(slots=True)
class Scan:
    """What a scan found; made by :func:`scan`."""

    found: dict[bytes, Directory] = field(default_factory=dict)
    """Every directory there is, by its place; also those that are gone, if files in them are
    remembered."""
    hidden: dict[bytes, Directory] = field(default_factory=dict)
    """Those that can not be seen just now, as they were."""
    changed: set[bytes] = field(default_factory=set)
    """Places of which something else is to be remembered than before."""
    directories_read: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Directories that could not be read, and why."""
    unreadable_places: list[bytes] = field(default_factory=list)

    def hides(self, place: bytes) -> bool:
        """Tell whether a directory is in what could not be read."""
        return any(
            place == each or place.startswith(each if each[-1:] == b"\0" else each + b"/")
            for each in self.unreadable_places
        )


def scan(
    trees: Iterable[Tree], known: Mapping[bytes, Directory], *, now_ns: int, thorough: bool
) -> Scan:
    """Look at every directory, and read those that changed.

    Links to files and directories are followed, but not into the tree they are in: what is there
    has a place already. Names that begin with a dot are passed over.

    Parameters
    ----------
    trees
        Where to look.
    known
        What was found before, by place.
    now_ns
        The time, in nanoseconds since 1970; of clocks that differ, the one that is behind.
    thorough
        Whether to read every directory.
    """
    result = Scan()
    for tree in trees:
        _Walk(tree, known, result, now_ns - SETTLE_NS, thorough=thorough).run()
    for place in known.keys() - result.found.keys():
        if result.hides(place):
            result.hidden[place] = known[place]
        else:
            _keep_gone(place, known[place], result)
    return result


class _Walk:
    """The scan of one tree."""

    def __init__(
        self,
        tree: Tree,
        known: Mapping[bytes, Directory],
        result: Scan,
        settled_ns: int,
        *,
        thorough: bool,
    ) -> None:
        self._tree = tree
        self._known = known
        self._result = result
        self._settled_ns = settled_ns
        self._thorough = thorough
        self._real_root = os.path.realpath(tree.root)
        self._seen: set[tuple[int, int]] = set()
        """Devices and numbers of the directories seen so far, so that links can not make loops."""

    def run(self) -> None:
        """Look at everything."""
        left = [""]
        linked: list[str] = []
        while left or linked:
            # What has a place of its own first: a link to it is then known as one.
            is_link = not left
            name = linked.pop() if is_link else left.pop()
            directory = self._visit(name, is_link=is_link)
            if directory is None:
                continue
            prefix = f"{name}/" if name else ""
            for each in directory.directories:
                if each[-1] == "/":
                    linked.append(prefix + each[:-1])
                else:
                    left.append(prefix + each)

    def _visit(self, name: str, *, is_link: bool) -> Directory | None:
        """Look at one directory; return None if there is nothing to be seen."""
        place = self._tree.place(name)
        known = self._known.get(place)
        path = f"{self._tree.root}/{name}" if name else self._tree.root
        try:
            status = os.stat(path)  # noqa: PTH116 - one object less per directory
            identity = (status.st_dev, status.st_ino)
            if is_link and (identity in self._seen or self._is_inside(path)):
                return None
            self._seen.add(identity)
            if known is not None and not self._thorough:
                times = (status.st_mtime_ns, status.st_ctime_ns)
                if times == known[:2]:
                    self._result.found[place] = known
                    return known
            directory = self._read(path, name, known)
        except FileNotFoundError as error:
            # Removed just now, unless it is the whole tree: then a disk is not mounted, say.
            if not name:
                self._hide(place, path, error)
            return None
        except OSError as error:
            self._hide(place, path, error)
            return None
        self._result.directories_read += 1
        self._result.found[place] = directory
        if directory != known:
            self._result.changed.add(place)
        return directory

    def _read(self, path: str, name: str, known: Directory | None) -> Directory:
        """Read a directory."""
        files: list[Listed] = []
        directories: list[str] = []
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Before it is read: what changes meanwhile makes a difference to be seen later.
            status = os.fstat(descriptor)
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    file = entry.name
                    if file[0] == ".":
                        continue
                    if entry.is_file(follow_symlinks=False):
                        try:
                            its = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        files.append(Listed(file, its.st_size, its.st_mtime_ns))
                    elif entry.is_dir(follow_symlinks=False):
                        directories.append(file)
                    elif entry.is_symlink():
                        self._follow(descriptor, path, file, files, directories)
        finally:
            os.close(descriptor)
        files += _gone(known, {file.name for file in files}, self._tree.prefix, name)
        files.sort()
        directories.sort()
        mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
        if max(mtime_ns, ctime_ns) > self._settled_ns:
            mtime_ns = UNSETTLED
        return Directory(mtime_ns, ctime_ns, tuple(directories), pack(files))

    def _follow(
        self, descriptor: int, path: str, name: str, files: list[Listed], directories: list[str]
    ) -> None:
        """Look at what a link leads to."""
        try:
            its = os.stat(name, dir_fd=descriptor)
        except OSError:
            return
        if stat.S_ISDIR(its.st_mode):
            directories.append(f"{name}/")
        elif stat.S_ISREG(its.st_mode) and not self._is_inside(f"{path}/{name}"):
            files.append(Listed(name, its.st_size, its.st_mtime_ns))

    def _is_inside(self, path: str) -> bool:
        """Tell whether a link leads to what has a place in this tree already, or to all of it."""
        real = os.path.realpath(path)
        if self._real_root.startswith(f"{real}/") or real == self._real_root:
            return True
        inside = real.removeprefix(f"{self._real_root}/")
        return inside != real and not inside.startswith(".") and "/." not in inside

    def _hide(self, place: bytes, path: str, error: OSError) -> None:
        """Note that a directory can not be seen, and so what is below it neither."""
        self._result.unreadable.append((path, error.strerror or str(error)))
        self._result.unreadable_places.append(place)


def _gone(
    known: Directory | None, present: set[str], prefix: str, directory: str
) -> Iterable[Listed]:
    """Return what is to be remembered of the files that are not there any more."""
    if known is None:
        return ()
    return [
        file.as_gone()
        for file in known.files()
        if file.name not in present
        and (file.is_gone or identify(f"{prefix}{directory}/{file.name}") is not None)
    ]


def _keep_gone(place: bytes, directory: Directory, result: Scan) -> None:
    """Remember the files of a directory that is not there any more."""
    _, _, name = place.partition(b"\0")
    files = list(_gone(directory, set(), "", os.fsdecode(name)))
    kept = Directory(UNSETTLED, UNSETTLED, (), pack(files))
    if not files or kept != directory:
        result.changed.add(place)
    if files:
        result.found[place] = kept
