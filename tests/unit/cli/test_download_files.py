"""The failed list reads back as what it was made of; lists of any bytes give no traceback."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.absence import Absence, AbsenceKind
from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile
from pdb_cli.cli.download_files import FailedList
from pdb_cli.cli.errors import describe
from pdb_cli.cli.ids_input import read_ids
from pdb_cli.errors import PdbCliError, TransferError
from pdb_cli.operations.download.run import FileOutcome, Outcome

ENTRIES = tuple(map(EntryId.parse, ("1abc", "pdb_00012abc", "3hya")))


def _outcome(entry: EntryId, reason: str) -> FileOutcome:
    file = ArchiveFile(entry, DataType.STRUCTURES, FileFormat.MMCIF)
    error = TransferError("https://a/b", reason)
    return FileOutcome(Outcome.FAILED, file, Path("x"), error=error)


@given(st.lists(st.tuples(st.sampled_from(ENTRIES), st.text()), max_size=6))
def test_a_failed_list_is_a_list_whatever_the_reasons(failures: list[tuple[EntryId, str]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "failed.txt"
        failed = FailedList(path, ENTRIES)
        for entry in ENTRIES:
            failed.add(FileOutcome(Outcome.UP_TO_DATE, _outcome(entry, "").file, Path("x")))
            failed.settle(str(entry))
        for entry, reason in failures:
            failed.add(_outcome(entry, reason))
        failed.write()
        expected = {entry for entry, _ in failures}
        if not expected:
            assert path.read_bytes() == b""
            return
        ids = read_ids((), lists=[str(path)], skip_invalid=False, say=lambda _text: None)
        assert set(ids.entries) == expected
        assert len(path.read_text(encoding="utf-8").splitlines()) == len(expected)


def test_what_was_not_settled_is_in_the_list_and_a_successor_stands_for_what_was_asked(
    tmp_path: Path,
) -> None:
    path = tmp_path / "failed.txt"
    first, second, third = ENTRIES
    failed = FailedList(path, ENTRIES)
    for entry in (first, second):
        failed.settle(str(entry))
    file = ArchiveFile(EntryId.parse("9xyz"), DataType.STRUCTURES, FileFormat.MMCIF)
    failed.add(FileOutcome(Outcome.DOWNLOADED, file, Path("x"), replaces_entries=(first,)))
    absence = Absence(second, AbsenceKind.WITHDRAWN)
    missing = ArchiveFile(second, DataType.STRUCTURES, FileFormat.MMCIF)
    failed.add(FileOutcome(Outcome.NOT_FOUND, missing, Path("x"), absence=absence))
    failed.write()
    assert path.read_text(encoding="utf-8").splitlines() == [
        f"{second}  # withdrawn",
        f"{third}  # not tried: the run ended before",
    ]


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-16")))
def test_a_list_of_any_bytes_gives_ids_or_one_line(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ids.txt"
        path.write_bytes(data)
        said: list[str] = []
        for skip_invalid in (False, True):
            try:
                ids = read_ids((), lists=[str(path)], skip_invalid=skip_invalid, say=said.append)
            except PdbCliError as error:
                (line,) = describe(error).lines
                assert line.isprintable()
            else:
                assert ids.entries
                assert len(set(ids.entries)) == len(ids.entries)
        assert all(len(text.splitlines()) == 1 for text in said)
