from __future__ import annotations

import gzip
import hashlib
import os
import random
import zlib
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.identify import identify
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile
from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.transfer.verify import (
    Depth,
    Digest,
    Expectation,
    Verifier,
    expect,
    gzip_name,
    verify_file,
)
from support.archive_gzip import archive_gzip, inflate
from support.real_entries import CLASSIC_ROOT, ENTRY_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.transfer.verify import VerifiedFile

REAL = sorted([*CLASSIC_ROOT.rglob("*.gz"), *ENTRY_ROOT.rglob("*.gz")])
SMALL = [path for path in REAL if path.stat().st_size < 30_000]


def expectation_of(path: Path) -> Expectation:
    """Return what a bundled file is."""
    known = identify(path)
    assert known is not None
    return expect(known[0], path.name)


def check(data: bytes, expectation: Expectation, folder: Path) -> VerifiedFile:
    """Verify some bytes."""
    path = folder / "file"
    path.write_bytes(data)
    return verify_file(path, expectation, subject="the subject")


def defect_of(data: bytes, expectation: Expectation, folder: Path) -> Defect | None:
    """Return what is wrong with some bytes; None if nothing is."""
    try:
        check(data, expectation, folder)
    except VerificationError as error:
        return error.defect
    return None


HYA = next(path for path in REAL if path.name == "3hya.cif.gz")
KQE = next(path for path in REAL if path.name == "1kqe.cif.gz")
DATA = HYA.read_bytes()
EXPECTED = expectation_of(HYA)
TEXT = inflate(DATA)
NOISE = random.Random(1).randbytes(100_000)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_are_what_they_are(path: Path) -> None:
    verified = verify_file(path, expectation_of(path), subject=path.name)
    assert verified.size_bytes == path.stat().st_size
    assert verified.text_bytes == len(gzip.decompress(path.read_bytes()))


def test_v2_named_defects(tmp_path: Path) -> None:
    flipped = bytearray(DATA)
    flipped[-6] ^= 1
    page = b"\n<!DOCTYPE HTML><html>Not here</html>"
    cases = {
        Defect.EMPTY: [b"", gzip.compress(b"")],
        Defect.NOT_GZIP: [TEXT, b"\x1f\x8c", b"PK\x03\x04"],
        Defect.TRUNCATED: [b"\x1f", DATA[:10], DATA[:5000], DATA[:-1], DATA[:-8]],
        Defect.CORRUPT: [bytes(flipped), DATA[:-1] + bytes([DATA[-1] ^ 1])],
        Defect.TRAILING: [DATA + b"\0", DATA + DATA, DATA + bytes(300_000)],
        Defect.WRONG_KIND: [page, gzip.compress(page), gzip.compress(b"loop_\n_a\n1\n")],
        Defect.WRONG_ENTRY: [KQE.read_bytes(), gzip.compress(b"data_1KQE\n#\n")],
        Defect.TOO_LARGE: [gzip.compress(TEXT[:300] + bytes(3_000_000))],
    }
    for defect, bodies in cases.items():
        for number, body in enumerate(bodies):
            assert (number, defect_of(body, EXPECTED, tmp_path)) == (number, defect)


def test_name_in_the_header_proves_a_swap_even_where_the_text_does_not(tmp_path: Path) -> None:
    assembly = next(path for path in REAL if path.name == "4hhb-assembly1.cif.gz")
    text = inflate(assembly.read_bytes())
    expectation = expectation_of(assembly)
    right = archive_gzip(text, name="4hhb-assembly1.cif")
    swapped = archive_gzip(text, name="1kqe-assembly1.cif")
    assert defect_of(right, expectation, tmp_path) is None
    assert defect_of(swapped, expectation, tmp_path) is Defect.WRONG_ENTRY


@pytest.mark.parametrize(
    ("expected", "name", "defect"),
    [
        ("4hhb-assembly1.cif", "4hhb-assembly1.cif", None),
        ("4hhb-assembly1.cif", "pdb_00004hhb-assembly1.cif", None),
        ("4hhb-assembly1.cif", "4hhb-assembly2.cif", Defect.WRONG_KIND),
        ("4hhb-assembly1.cif", "4hhb.cif", Defect.WRONG_KIND),
        ("4hhb-assembly1.cif", "1kqe-assembly1.cif", Defect.WRONG_ENTRY),
        ("4hhb-assembly1.cif", "tmp12", None),
        ("4hhb.cif", "4hhb-assembly1.cif", Defect.WRONG_KIND),
        ("4hhb.cif", "r4hhbsf.ent", Defect.WRONG_KIND),
        ("4hhb.cif", "4hhb.xml", Defect.WRONG_KIND),
        ("4hhb.cif", "pdb_00004hhb.cif", None),
        ("structures/obsolete/mmCIF/hh/4hhb.cif", "4hhb.cif", None),
        ("pdb_ihm/data/entries/hh/4hhb/structures/4hhb.cif", "4hhb.cif", None),
        ("pdb_00004hhb-sf.cif", "r4hhbsf.ent", None),
        ("pdb_00004hhb-sf.cif", "4hhb.cif", Defect.WRONG_KIND),
    ],
)
def test_name_in_the_header_must_not_contradict(
    expected: str, name: str, defect: Defect | None, tmp_path: Path
) -> None:
    known = identify(expected)
    assert known is not None
    block = (
        b"data_r4hhbsf\n"
        if known[0].data_type is DataType.STRUCTURE_FACTORS
        else b"data_4HHB\n# \n"
    )
    data = archive_gzip(block, name=name)
    assert defect_of(data, expect(known[0], "x.gz"), tmp_path) is defect


def test_structure_in_place_of_structure_factors(tmp_path: Path) -> None:
    file = ArchiveFile(EXPECTED.entry, DataType.STRUCTURE_FACTORS, FileFormat.MMCIF)
    nameless = gzip.compress(TEXT)
    assert defect_of(nameless, expect(file, "r3hyasf.ent.gz"), tmp_path) is Defect.WRONG_KIND


def test_error_says_what_and_why(tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        check(KQE.read_bytes(), EXPECTED, tmp_path)
    assert caught.value.subject == "the subject"
    assert "1kqe.cif" in caught.value.detail


@pytest.mark.parametrize("name", ["", "tmp8a7s", "3hya.cif.V3", "PDB_00003HYA.cif", "3HYA.cif"])
def test_other_deviations_in_the_header_are_fine(name: str, tmp_path: Path) -> None:
    assert defect_of(archive_gzip(TEXT, name=name), EXPECTED, tmp_path) is None


def test_header_with_all_optional_fields(tmp_path: Path) -> None:
    plain = gzip.compress(TEXT, mtime=0)
    fields = b"\x03\x00abc" + b"1kqe.cif\x00" + b"a comment\x00"
    data = plain[:3] + bytes([4 | 8 | 16]) + plain[4:10] + fields + plain[10:]
    assert gzip_name(data) == "1kqe.cif"
    assert defect_of(data, EXPECTED, tmp_path) is Defect.WRONG_ENTRY


@pytest.mark.parametrize("head", [b"", b"\x1f\x8b\x08\x08", DATA[:12], gzip.compress(b"", mtime=0)])
def test_header_without_a_name(head: bytes) -> None:
    assert gzip_name(head) is None


def test_plain_files(tmp_path: Path) -> None:
    plain = Expectation(EXPECTED.entry, EXPECTED.data_type, EXPECTED.file_format, gzipped=False)
    verified = check(TEXT, plain, tmp_path)
    assert (verified.size_bytes, verified.text_bytes) == (len(TEXT), len(TEXT))
    assert defect_of(b"", plain, tmp_path) is Defect.EMPTY
    assert defect_of(DATA, plain, tmp_path) is Defect.WRONG_KIND
    assert defect_of(b"<html>", plain, tmp_path) is Defect.WRONG_KIND


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileAccessError) as caught:
            verify_file(path, EXPECTED, subject="x")
        assert (caught.value.action, caught.value.path) == ("read", path)


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    with pytest.raises(FileAccessError) as caught:
        verify_file(tmp_path / "file", EXPECTED, subject="x")
    assert (caught.value.action, caught.value.reason) == ("read", "not a regular file")


def test_large_text_is_read_in_pieces(tmp_path: Path) -> None:
    text = b"data_3HYA\n" + b"".join(b"ATOM %d\n" % number for number in range(400_000)) + b"#\n"
    verified = check(archive_gzip(text, name="3hya.cif"), EXPECTED, tmp_path)
    assert verified.text_bytes == len(text)


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(path=st.sampled_from(SMALL), data=st.data())
def test_truncation_anywhere_is_found(path: Path, data: st.DataObject, tmp_path: Path) -> None:
    body = path.read_bytes()
    length = data.draw(st.integers(0, len(body) - 1))
    assert defect_of(body[:length], expectation_of(path), tmp_path) in {
        Defect.EMPTY,
        Defect.TRUNCATED,
    }


@quick
@given(path=st.sampled_from(SMALL), data=st.data())
def test_flipped_bit_anywhere_behind_the_header_is_found(
    path: Path, data: st.DataObject, tmp_path: Path
) -> None:
    body = bytearray(path.read_bytes())
    header = body.index(0, 10) + 1
    # The last byte before the trailer ends with bits that mean nothing.
    places = st.integers(header, len(body) - 10) | st.integers(len(body) - 8, len(body) - 1)
    body[data.draw(places)] ^= 1 << data.draw(st.integers(0, 7))
    assert defect_of(bytes(body), expectation_of(path), tmp_path) is not None


@quick
@given(path=st.sampled_from(SMALL), extra=st.binary(min_size=1, max_size=100))
def test_trailing_bytes_are_found(path: Path, extra: bytes, tmp_path: Path) -> None:
    body = path.read_bytes() + extra
    assert defect_of(body, expectation_of(path), tmp_path) is Defect.TRAILING


@quick
@given(
    path=st.sampled_from(REAL),
    other=st.sampled_from(REAL),
)
def test_swapped_files_are_found(path: Path, other: Path) -> None:
    expectation, wrong = expectation_of(path), expectation_of(other)
    if expectation == wrong:
        verify_file(other, expectation, subject="x")
    else:
        with pytest.raises(VerificationError):
            verify_file(other, expectation, subject="x")


@quick
@given(noise=st.binary(max_size=200))
def test_noise_is_never_taken_for_a_file(noise: bytes, tmp_path: Path) -> None:
    assert defect_of(noise, EXPECTED, tmp_path) is not None
    assert defect_of(b"\x1f\x8b\x08" + noise, EXPECTED, tmp_path) is not None


def stream(data: bytes, expectation: Expectation, sizes: list[int]) -> VerifiedFile:
    """Verify some bytes in pieces."""
    verifier = Verifier(expectation, subject="x", digest=Digest.SHA256)
    start = 0
    for size in sizes:
        verifier.feed(data[start : start + size])
        start += size
    verifier.feed(data[start:])
    return verifier.finish()


@quick
@given(path=st.sampled_from(SMALL), sizes=st.lists(st.integers(0, 3000), max_size=20))
def test_pieces_of_any_size_are_the_same_file(path: Path, sizes: list[int]) -> None:
    data, expectation = path.read_bytes(), expectation_of(path)
    found = stream(data, expectation, sizes)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.crc32 == zlib.crc32(inflate(data))
    assert (found.size_bytes, found.text_bytes) == (len(data), len(inflate(data)))


def is_same_text(flipped: bytes, whole: bytes) -> bool:
    """Tell whether two files inflate to the same bytes."""
    try:
        return inflate(flipped) == inflate(whole)
    except (zlib.error, EOFError, gzip.BadGzipFile):
        return False


@quick
@given(path=st.sampled_from(SMALL), data=st.data())
def test_pieces_hide_no_defect(path: Path, data: st.DataObject) -> None:
    body = bytearray(path.read_bytes())
    at = data.draw(st.integers(body.index(0, 10) + 1, len(body) - 10))
    body[at] ^= 1 << data.draw(st.integers(0, 7))
    # A few bits of deflate say nothing: without them it is the same text.
    assume(not is_same_text(bytes(body), path.read_bytes()))
    sizes = data.draw(st.lists(st.integers(0, 3000), max_size=20))
    with pytest.raises(VerificationError):
        stream(bytes(body), expectation_of(path), sizes)


@pytest.mark.parametrize(
    ("beginning", "defect"),
    [
        (b"<html>" + bytes(600), Defect.WRONG_KIND),
        (b"PK\x03\x04" + bytes(600), Defect.NOT_GZIP),
        (KQE.read_bytes()[:2000], Defect.WRONG_ENTRY),
        (gzip.compress(b"data_1KQE\n" + NOISE), Defect.WRONG_ENTRY),
        (gzip.compress(b"data_3HYA\n" + bytes(60_000_000)), Defect.TOO_LARGE),
        (DATA[:1000] + NOISE, Defect.CORRUPT),
        (DATA + b"x", Defect.TRAILING),
    ],
)
def test_wrong_bytes_are_refused_before_the_end(beginning: bytes, defect: Defect) -> None:
    verifier = Verifier(EXPECTED, subject="x")
    with pytest.raises(VerificationError) as caught:
        verifier.feed(beginning)
    assert caught.value.defect is defect


@pytest.mark.parametrize("end", [b"# \n", b"#\n", b"##\n", b"#\t\n", b"#", b"#\n\n"])
def test_text_that_ends_like_the_archives_is_whole(end: bytes, tmp_path: Path) -> None:
    assert defect_of(gzip.compress(b"data_3HYA\n_a b\n" + end), EXPECTED, tmp_path) is None


@pytest.mark.parametrize("end", [b"", b"ATOM 1 2 3\n", b"ATOM 1 2", b";\n", b"# \nloop_\n"])
def test_text_that_was_cut_off_before_it_was_compressed(end: bytes, tmp_path: Path) -> None:
    body = gzip.compress(b"data_3HYA\n_a b\n" + end)
    assert defect_of(body, EXPECTED, tmp_path) is Defect.TRUNCATED


def test_expectation_has_the_number_of_the_assembly() -> None:
    known = identify("1abc-assembly12.cif.gz")
    assert known is not None
    assert expect(known[0], "1abc-assembly12.cif.gz").assembly == 12


def test_expectation_follows_the_name() -> None:
    known = identify("1abc.cif.gz")
    assert known is not None
    entry = EntryId.parse("1abc")
    for name, gzipped in (("1abc.cif.gz", True), ("1abc.cif", False)):
        assert expect(known[0], name) == Expectation(
            entry, DataType.STRUCTURES, FileFormat.MMCIF, gzipped=gzipped, name="1abc.cif"
        )


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (KQE.read_bytes(), None),
        (gzip.compress(b"anything"), None),
        (DATA + b"x", Defect.TRAILING),
        (DATA[:-1], Defect.TRUNCATED),
        (b"<html>", Defect.WRONG_KIND),
        (gzip.compress(bytes(60_000_000)), Defect.TOO_LARGE),
    ],
    ids=["other entry", "no entry", "trailing", "cut", "page", "bomb"],
)
def test_at_its_depth_only_what_gzip_can_tell_is_asked(data: bytes, defect: Defect | None) -> None:
    verifier = Verifier(EXPECTED, subject="x", depth=Depth.GZIP)
    with nullcontext() if defect is None else pytest.raises(VerificationError) as caught:
        verifier.feed(data)
        verifier.finish()
    assert (caught.value.defect if caught is not None else None) is defect
