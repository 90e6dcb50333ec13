"""The servers the contract of a mirror is checked on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.nginx import Nginx
from support.programs import require_program
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Served:
    """An archive, and a server that publishes it."""

    tree: ArchiveTree
    mirror: Mirror
    answered: Callable[[int], bool]
    """Whether the server has answered exactly so many requests, once its records are complete."""


@pytest.fixture(params=list(Layout), ids=str)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveTree:
    """Return an archive of each layout that holds four real entries."""
    tree = ArchiveTree(tmp_path / "archive", layout=request.param)
    tree.publish(add=["3hya", "1kqe", "1dul", "pdb_00011a7y"])
    return tree


@pytest.fixture(params=["simulator", "nginx"])
def served(request: pytest.FixtureRequest, tree: ArchiveTree, tmp_path: Path) -> Iterator[Served]:
    """Serve the archive by every kind of server we have."""
    adapter = {"simulator": _simulator, "nginx": _nginx}[request.param]
    with adapter(tree, tmp_path / "server") as served:
        yield served


def _mirror(tree: ArchiveTree, origin: str) -> Mirror:
    """Return the mirror at a server whose root is the folder of an archive."""
    return Mirror("lab", f"{origin}/{tree.root.relative_to(tree.folder)}", (), tree.layout)


@contextmanager
def _simulator(tree: ArchiveTree, _: Path) -> Iterator[Served]:
    """Serve by the simulator, which records a request before it answers."""
    with ArchiveSimulator(tree) as server:
        mirror = _mirror(tree, server.origin)
        yield Served(tree, mirror, lambda count: len(server.requests) == count)


@contextmanager
def _nginx(tree: ArchiveTree, folder: Path) -> Iterator[Served]:
    """Serve by nginx, whose log is written just after the answer."""
    program = require_program("nginx", package="nginx")
    folder.mkdir()
    with Nginx(program, tree.folder, folder=folder) as server:

        def answered(count: int) -> bool:
            wait_until(lambda: len(server.requests()) >= count, what="nginx to write its log")
            return len(server.requests()) == count

        yield Served(tree, _mirror(tree, server.origin), answered)
