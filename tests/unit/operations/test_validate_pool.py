"""Many files at the same time: order, memory, an end that comes early."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.index.model import Level
from pdb_cli.operations.validate.model import FileStatus, Finding, ValidateRequest
from pdb_cli.operations.validate.pool import look_at_files
from support.collected import collected
from support.real_entries import CLASSIC_ROOT
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.operations.validate.model import CollectedFile

FILE = collected(next(CLASSIC_ROOT.rglob("3hya.cif.gz")))
REQUEST = ValidateRequest(Level.CONTENT, workers=3)


def files(count: int, *, size_bytes: int) -> Iterator[CollectedFile]:
    """Yield files, numbered by their paths."""
    for number in range(count):
        yield FILE._replace(file=FILE.file._replace(path=f"{number:06}", size_bytes=size_bytes))


def good(file: CollectedFile, _: threading.Event) -> Finding:
    """Find nothing."""
    return Finding(file, FileStatus.OK, Level.CONTENT)


@pytest.mark.parametrize("size_bytes", [10, 3_000_000, 50_000_000])
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_findings_come_out_in_the_order_the_files_went_in(count: int, size_bytes: int) -> None:
    paths = [
        finding.collected.file.path
        for handful in look_at_files(files(count, size_bytes=size_bytes), good, REQUEST)
        for finding in handful or ()
    ]
    assert paths == [f"{number:06}" for number in range(count)]


def test_files_are_taken_as_they_are_needed() -> None:
    taken = 0

    def counted() -> Iterator[CollectedFile]:
        nonlocal taken
        for file in files(100_000, size_bytes=50_000_000):
            taken += 1
            yield file

    with closing(look_at_files(counted(), good, REQUEST)) as handfuls:
        for _ in range(5):
            next(handfuls)
    assert taken < 50


def test_who_stops_does_not_wait_for_what_is_in_hand() -> None:
    begun = threading.Event()

    def slow(file: CollectedFile, stop: threading.Event) -> Finding:
        """Look at a file that has no end."""
        begun.set()
        assert stop.wait(30)
        return good(file, stop)

    with closing(look_at_files(files(9, size_bytes=10), slow, REQUEST, patient=False)) as handfuls:
        # Nothing is known yet, and nobody has to wait for it.
        assert next(handfuls) is None
        assert begun.wait(30)


def test_what_a_thread_did_not_expect_is_raised() -> None:
    def broken(file: CollectedFile, _: threading.Event) -> Finding:
        raise ZeroDivisionError(file.file.path)

    with pytest.raises(ZeroDivisionError):
        list(look_at_files(files(2000, size_bytes=10), broken, REQUEST))
    wait_until(
        lambda: not any(t.name.startswith("validate") for t in threading.enumerate()),
        what="the threads to end",
    )
