from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.index.directory import Directory, Listed, pack, unpack
from pdb_cli.index.tables import DIRECTORIES, seal

NAMES = st.binary(min_size=1, max_size=12).map(
    lambda name: name.replace(b"\0", b"_").replace(b"/", b"_").decode("utf-8", "surrogateescape")
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
FILES = st.lists(st.builds(Listed, NAMES, NUMBERS, NUMBERS), max_size=20)


@given(FILES)
def test_what_is_packed_comes_out_again(files: list[Listed]) -> None:
    names, sizes, times = unpack(pack(files))
    assert [Listed(*each) for each in zip(names, sizes, times, strict=True)] == files


@given(FILES, st.lists(NAMES, max_size=5), NUMBERS)
def test_a_row_is_a_directory(files: list[Listed], names: list[str], time_ns: int) -> None:
    directory = Directory(time_ns, time_ns, tuple(names), pack(files))
    row = directory.as_row(b"place")
    assert Directory.from_row(row) == directory
    assert len(row) == len(DIRECTORIES.columns)
    assert directory.files_present == sum(file.size_bytes >= 0 for file in files)


def test_a_time_of_another_age_is_the_latest_there_is() -> None:
    packed = pack([Listed("1abc.cif.gz", 3, 14 * 10**18), Listed("2abc.cif.gz", 4, 6)])
    assert unpack(packed) == (["1abc.cif.gz", "2abc.cif.gz"], [3, 4], [2**63 - 1, 6])


def test_a_file_that_is_gone_stays_gone() -> None:
    file = Listed("1abc.cif.gz", 0, 5)
    assert not file.is_gone
    assert file.as_gone().is_gone
    assert file.as_gone().as_gone() == file.as_gone()


@given(st.tuples(st.integers(), st.text(), st.floats(allow_nan=False), st.binary(), st.none()))
def test_a_seal_is_of_all_values(row: tuple[object, ...]) -> None:
    changed = (*row[:3], bytes(row[3]) + b"x", None)  # type: ignore[call-overload]
    assert seal(changed) != seal(row)
    assert seal((*row[:1], f"{row[1]}x", *row[2:])) != seal(row)
