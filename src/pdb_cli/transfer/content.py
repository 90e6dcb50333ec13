"""Does a text begin and end like what was asked for? Rungs of :mod:`pdb_cli.transfer.verifier`.

Only beginning and end are looked at, and only what every file of its kind has in common: a check
that is too clever refuses good files. Sources: the CIF 1.1 syntax, the PDB format guide version 3.3
(sections "Record format" and "HEADER"), the BinaryCIF specification version 0.3, and the files of
the archive. Assemblies begin with ``data_XXXX``, structure factors with ``data_r1abcsf``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, assert_never

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import CLASSIC_PATTERN, EXTENDED_PATTERN, EntryId
from pdb_cli.errors import Defect, InvalidIdsError, VerificationError

if TYPE_CHECKING:
    from pdb_cli.transfer.verify import Expectation

HEAD_BYTES = 64 * 1024
"""How much of a text is enough to know it by."""

TAIL_BYTES = 256
"""How much of a text is enough to know its end by."""

_HTML_WITHIN = 1024
"""Bytes within which an XML prolog or a comment gives way to ``<html``."""

_XML_BEGINNINGS = (b"<?xml", b"<PDBx:datablock", b"<wwPDB-validation")
_PDBML_BLOCK = re.compile(rb'<PDBx:datablock\s[^>]*?datablockName\s*=\s*"([^"]*)"')

_REPORT_ENTRY = re.compile(
    rb'<wwPDB-validation-information\b[^>]*>\s*<Entry\s[^>]*?\bpdbid="([^"]*)"'
)

_BEGINNINGS = {
    # Anything that is a text.
    FileFormat.MR: re.compile(rb"[^\0]*\Z"),
    FileFormat.PDF: re.compile(rb"%PDF-"),
    FileFormat.PNG: re.compile(rb"\x89PNG\r\n\x1a\n"),
    # Before the root element: a prolog, comments, a document type.
    FileFormat.SVG: re.compile(rb"(?s)(?:\xef\xbb\xbf)?\s*<.{0,4096}?svg[\s:>]"),
}

_SF_BLOCK = re.compile(
    rf"r({CLASSIC_PATTERN}|{EXTENDED_PATTERN})[0-9a-z]{{0,2}}sf", re.ASCII | re.IGNORECASE
)
"""``r1abcsf``; further data sets of the entry are ``r1abcAsf`` and so on."""

_PDB_RECORDS = frozenset(
    b"HEADER OBSLTE TITLE SPLIT CAVEAT COMPND SOURCE KEYWDS EXPDTA NUMMDL MDLTYP AUTHOR REVDAT "
    b"SPRSDE JRNL REMARK DBREF DBREF1 DBREF2 SEQADV SEQRES MODRES HET HETNAM HETSYN FORMUL HELIX "
    b"SHEET TURN SSBOND LINK CISPEP SITE CRYST1 ORIGX1 SCALE1 MTRIX1 MODEL ATOM HETATM".split()
)
_PDB_RECORD_COLUMNS = slice(0, 6)
_PDB_HEADER_ID_COLUMNS = slice(62, 66)
_PDB_NO_ID = frozenset({b"", b"XXXX"})

_END_WITH_HASH = frozenset(
    {
        DataType.STRUCTURES,
        DataType.ASSEMBLIES,
        DataType.OBSOLETE,
        DataType.IHM,
        DataType.VALIDATION,
    }
)

_MSGPACK_MAPS = frozenset({*range(0x80, 0x90), 0xDE, 0xDF})
_BCIF_KEYS = (b"encoder", b"version", b"dataBlocks")
_BCIF_KEY_WITHIN = 32
_BCIF_HEADER = re.compile(rb"\xa6header[\xa4\xac]([0-9A-Za-z_]{4,12})")
"""The key and a text of four or twelve bytes, as MessagePack writes short ones."""
_BCIF_HEADER_WITHIN = 1024


def looks_like_html(head: bytes) -> bool:
    """Tell whether a file begins like a web page: what servers send in place of an error.

    Parameters
    ----------
    head
        The beginning of the file.

    Examples
    --------
    >>> looks_like_html(b"<!DOCTYPE html><p>Service unavailable"), looks_like_html(b"data_4HHB")
    (True, False)
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:_HTML_WITHIN].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return True
    return start.startswith((b"<?xml", b"<!--")) and b"<html" in start


def check_content(head: bytes, expectation: Expectation, *, subject: str) -> None:
    """Make sure that a text begins like what was asked for.

    Parameters
    ----------
    head
        The beginning of the text, :data:`HEAD_BYTES` of it if there are as many.
    expectation
        What the text should be.
    subject
        The URL or path to name in an error.

    Raises
    ------
    VerificationError
        It is empty, of another kind, or says that it belongs to another entry.
    """
    if not head:
        raise VerificationError(subject, Defect.EMPTY, "nothing inside")
    if looks_like_html(head):
        _refuse_kind(subject, "an HTML page")
    match expectation.file_format:
        # NMR-STAR and NEF are written in the same syntax, STAR.
        case FileFormat.MMCIF | FileFormat.NMR_STAR | FileFormat.NEF:
            _check_mmcif(head, expectation, subject)
        case FileFormat.PDB:
            _check_pdb(head, expectation, subject)
        case FileFormat.XML:
            _check_xml(head, expectation, subject)
        case FileFormat.BCIF:
            _check_bcif(head, expectation, subject)
        case FileFormat.MR | FileFormat.PDF | FileFormat.PNG | FileFormat.SVG:
            if not _BEGINNINGS[expectation.file_format].match(head):
                _refuse_kind(subject, f"does not begin like {expectation.file_format.upper()}")
        case _:
            assert_never(expectation.file_format)


def check_end(tail: bytes, expectation: Expectation, *, subject: str) -> None:
    """Make sure that a text ends as it should: that it was not cut off before it was compressed.

    Known of mmCIF that the archive itself writes, where each category is followed by a line that
    begins with ``#``. Structure factors and NMR data are deposited files, and end in many ways.

    Parameters
    ----------
    tail
        The end of the text, :data:`TAIL_BYTES` of it if there are as many.
    expectation
        What the text should be.
    subject
        The URL or path to name in an error.

    Raises
    ------
    VerificationError
        It does not.
    """
    ends_with_hash = (
        expectation.file_format is FileFormat.MMCIF and expectation.data_type in _END_WITH_HASH
    )
    if ends_with_hash and not tail.rstrip().rpartition(b"\n")[2].startswith(b"#"):
        raise VerificationError(subject, Defect.TRUNCATED, "the text does not end like mmCIF")


def _check_mmcif(head: bytes, expectation: Expectation, subject: str) -> None:
    """Find the first data block and look at its name."""
    start = 0
    while start < len(head):  # to the first line that tells: not all of a thousand lines
        end = head.find(b"\n", start)
        end = len(head) if end < 0 else end
        text = head[start:end].strip()
        start = end + 1
        if not text or text.startswith(b"#"):
            continue
        if text[:5].lower() != b"data_":
            _refuse_kind(subject, f"does not begin with a data block of {expectation.file_format}")
        block = text[5:].decode("latin-1").partition(" ")[0]
        if expectation.data_type is DataType.STRUCTURE_FACTORS:
            _check_structure_factors(block, expectation, subject)
            return
        _check_id(block, expectation, subject, must=expectation.data_type is DataType.STRUCTURES)
        return
    _refuse_kind(subject, f"holds no data block of {expectation.file_format}")


def _check_structure_factors(block: str, expectation: Expectation, subject: str) -> None:
    """Refuse those of another entry, and a structure, whose block is called as the entry is."""
    named = _SF_BLOCK.fullmatch(block)
    _check_id(named[1] if named else block, expectation, subject, must=False)
    if named is None and _parse_id(block) is not None:
        _refuse_kind(subject, "a structure, not structure factors")


def _check_pdb(head: bytes, expectation: Expectation, subject: str) -> None:
    """Look at the first record, and at the id in it where it is a HEADER with one."""
    line = head.partition(b"\n")[0]
    record = line[_PDB_RECORD_COLUMNS].strip()
    if record not in _PDB_RECORDS:
        _refuse_kind(subject, "does not begin with a record of the PDB format")
    named = line[_PDB_HEADER_ID_COLUMNS].strip()
    # Entries with an extended id only have no id that fits the four columns.
    if record == b"HEADER" and named not in _PDB_NO_ID and expectation.entry.classic:
        _check_id(named.decode("latin-1"), expectation, subject, must=True)


def _check_xml(head: bytes, expectation: Expectation, subject: str) -> None:
    """Look at the first element, and at the id in PDBML and in the report of a validation."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_XML_BEGINNINGS):
        _refuse_kind(subject, "does not begin like XML")
    named = _PDBML_BLOCK.search(head) or _REPORT_ENTRY.search(head)
    if named:
        _check_id(named[1].decode("latin-1"), expectation, subject, must=False)


def _check_bcif(head: bytes, expectation: Expectation, subject: str) -> None:
    """Look for one of the keys of the outermost map, and at the name of the data block."""
    if head[0] not in _MSGPACK_MAPS or not any(
        key in head[:_BCIF_KEY_WITHIN] for key in _BCIF_KEYS
    ):
        _refuse_kind(subject, "does not begin like BinaryCIF")
    named = _BCIF_HEADER.search(head, 0, _BCIF_HEADER_WITHIN)
    if named:
        _check_id(named[1].decode("latin-1"), expectation, subject, must=False)


def _check_id(text: str, expectation: Expectation, subject: str, *, must: bool) -> None:
    """Refuse the id of another entry; with ``must`` also anything that is no id."""
    named = _parse_id(text)
    if named == expectation.entry or (named is None and not must):
        return
    raise VerificationError(subject, Defect.WRONG_ENTRY, f"the text is that of {text[:40]!r}")


def _parse_id(text: str) -> EntryId | None:
    """Return the id that a text is; None if it is none."""
    try:
        return EntryId.parse(text)
    except InvalidIdsError:
        return None


def _refuse_kind(subject: str, detail: str) -> NoReturn:
    """Raise the error for a text of another kind."""
    raise VerificationError(subject, Defect.WRONG_KIND, detail)
