"""Ids from arguments, lists and stdin: order kept, doubles dropped, mistakes all at once."""

from __future__ import annotations

import io
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from pdb_cli.archive.ids import EntryId
from pdb_cli.cli.ids_input import read_ids
from pdb_cli.errors import EmptyListError, FileAccessError, InvalidIdsError


def _no_word(text: str) -> None:
    raise AssertionError(text)


def test_order_is_kept_and_doubles_dropped(tmp_path: Path) -> None:
    listed = tmp_path / "l"
    listed.write_text("1kqe pdb_00003hya\n3HYA", encoding="utf-8")
    found = read_ids(["4hhb", "1kqe"], lists=[str(listed)], skip_invalid=False, say=_no_word)
    assert [str(entry) for entry in found.entries] == ["4hhb", "1kqe", "3hya"]
    assert found.frozen() == b"1kqe\n3hya\n"


def test_without_lists_nothing_is_frozen() -> None:
    found = read_ids(["4hhb"], lists=[], skip_invalid=False, say=_no_word)
    assert (found.entries, found.frozen()) == ((EntryId.parse("4hhb"),), None)


def test_stdin_is_read_once_even_if_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b"4hhb\n")

    monkeypatch.setattr("sys.stdin", Stdin())
    found = read_ids([], lists=["-", "-"], skip_invalid=False, say=_no_word)
    assert found.frozen() == b"4hhb\n"


def test_all_mistakes_of_all_sources_at_once(tmp_path: Path) -> None:
    listed = tmp_path / "l"
    listed.write_bytes(b"4hhb\n\xff\xfe\nzzz # no\n")
    with pytest.raises(InvalidIdsError) as caught:
        read_ids(["bad1x"], lists=[str(listed)], skip_invalid=False, say=_no_word)
    assert [(item.source, item.line) for item in caught.value.invalid] == [
        ("arguments", None),
        (str(listed), 2),
        (str(listed), 3),
    ]


def test_skipping_says_what_is_skipped_and_needs_something_left() -> None:
    said: list[str] = []
    found = read_ids(["4hhb", "bad1x"], lists=[], skip_invalid=True, say=said.append)
    assert ([str(entry) for entry in found.entries], said) == (
        ["4hhb"],
        ["skipping 1 id not valid: 'bad1x' (arguments)"],
    )
    with pytest.raises(EmptyListError):
        read_ids(["bad1x"], lists=[], skip_invalid=True, say=said.append)


def test_a_missing_list_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError) as caught:
        read_ids([], lists=[str(tmp_path / "no")], skip_invalid=False, say=_no_word)
    assert (caught.value.action, caught.value.path) == ("read", tmp_path / "no")


def test_m11_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(FileAccessError) as caught:
        read_ids([], lists=["/dev/zero"], skip_invalid=False, say=_no_word)
    assert (caught.value.path, caught.value.reason) == (Path("/dev/zero"), "it is not a text file")


def test_m11_a_nul_is_seen_wherever_it_is(tmp_path: Path) -> None:
    listed = tmp_path / "l"
    listed.write_bytes(b"4hhb\n" * 500_000 + b"\0")
    with pytest.raises(FileAccessError) as caught:
        read_ids([], lists=[str(listed)], skip_invalid=False, say=_no_word)
    assert caught.value.reason == "it is not a text file"


def test_m11_a_pipe_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdb_cli.cli.ids_input.LARGEST_LIST_BYTES", 4 << 20)
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError):
            while True:
                os.write(writing, b"4hhb\n" * 10_000)

    class Stdin:
        buffer = os.fdopen(reading, "rb")

    monkeypatch.setattr("sys.stdin", Stdin())
    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(FileAccessError) as caught:
        read_ids([], lists=["-"], skip_invalid=False, say=_no_word)
    Stdin.buffer.close()
    writer.join(10)
    os.close(writing)
    assert (str(caught.value.path), caught.value.reason) == (
        "stdin",
        "it is longer than 4 MiB: no list of ids",
    )
