from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.absence import (
    STATUS_WORDS,
    AbsenceKind,
    RemovedEntries,
    explain_missing,
    read_removed,
    read_unreleased,
)
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import HoldingsError

REMOVED = {
    "116L": {
        "status_code": "OBS",
        "title": "...",
        "deposition_authors": ["Blaber, M."],
        "obsolete_date": "1994-07-31T00:00:00+00:00",
        "superseded_by": ["216L"],
        "content_type": {"mmcif": ["/pdb/data/structures/obsolete/mmCIF/16/116l.cif.gz"]},
    },
    "1HHB": {"status_code": "OBS", "obsolete_date": "1984-07-18", "superseded_by": "2hhb 3HHB"},
    "1HG6": {"status_code": "OBS", "obsolete_date": "2003-11-21"},
    # A chain with a fork: 1aaa -> 1bbb -> 1ccc and 1ddd, of which 1ddd was removed as well.
    "1AAA": {"status_code": "OBS", "superseded_by": "1bbb"},
    "1bbb": {"status_code": "OBS", "superseded_by": ["1CCC", "pdb_00001ddd"]},
    "pdb_00001ddd": {"status_code": "OBS", "superseded_by": ["1ccc", "", "NULL"]},
    # In a circle.
    "1EEE": {"status_code": "OBS", "superseded_by": ["1fff"]},
    "1FFF": {"status_code": "OBS", "superseded_by": ["1eee", "1fff"]},
    "2IR4": {
        "status_code": "OBS",
        "obsolete_date": "2006-10-15",
        "content_type": {"pdb": "/pdb/data/structures/models/current/pdb/ir/pdb2ir4.ent.gz"},
    },
    "3TRS": {
        "status_code": "TRSF",
        "remote_repository_name": "MA",
        "remote_repository_title": "ModelArchive",
        "remote_accession_code": "ma-abc12",
    },
    "3TRT": {"status_code": "TRSF"},
    "4WDR": {"status_code": "WDRN", "obsolete_date": "2010-01-02"},
}
UNRELEASED = {
    "9AAA": {"status_code": "HPUB", "prerelease_sequence": "MKV"},
    "9BBB": {"status_code": "HOLD", "hold_date_coordinates": "2027-01-31T00:00:00+00:00"},
    "PDB_00009CCC": {"status_code": "WDRN"},
    "9DDD": {"status_code": "NEWC"},
    "9EEE": {},
}


def removed_of(value: Any) -> RemovedEntries:
    return read_removed([json.dumps(value).encode()], subject="removed")


def successors(entry: str) -> str:
    return " ".join(map(str, removed_of(REMOVED).successors(EntryId.parse(entry))))


@pytest.mark.parametrize(
    ("entry", "ends"),
    [
        ("116l", "216l"),
        ("1hhb", "2hhb 3hhb"),
        ("1hg6", ""),
        ("1aaa", "1ccc"),
        ("1bbb", "1ccc"),
        ("1eee", ""),
        ("1fff", ""),
        ("4hhb", ""),
    ],
)
def test_chains_of_successors_are_followed_to_their_ends(entry: str, ends: str) -> None:
    assert successors(entry) == ends


def test_a_long_chain_is_followed() -> None:
    entries = [f"pdb_1{number:07}" for number in range(5000)]
    chain = {entry: {"superseded_by": following} for entry, following in pairwise(entries)}
    found = removed_of(chain).successors(EntryId.parse(entries[0]))
    assert found == (EntryId.parse(entries[-1]),)


@pytest.mark.parametrize(
    ("entry", "kind", "text"),
    [
        ("116l", AbsenceKind.OBSOLETE, "superseded by 216l (obsolete since 1994-07-31)"),
        ("1hhb", AbsenceKind.OBSOLETE, "superseded by 2hhb, 3hhb (obsolete since 1984-07-18)"),
        ("1hg6", AbsenceKind.OBSOLETE, "obsolete since 2003-11-21, without a successor"),
        ("1aaa", AbsenceKind.OBSOLETE, "superseded by 1ccc (obsolete)"),
        ("1eee", AbsenceKind.OBSOLETE, "obsolete, and so is its successor 1fff"),
        (
            "2ir4",
            AbsenceKind.MODEL,
            "a theoretical model; the archive keeps them apart since 2006-10-15",
        ),
        ("3trs", AbsenceKind.TRANSFERRED, "moved to ModelArchive as ma-abc12"),
        ("3trt", AbsenceKind.TRANSFERRED, "moved to another archive"),
        ("4wdr", AbsenceKind.WITHDRAWN, "withdrawn since 2010-01-02"),
        (
            "9aaa",
            AbsenceKind.UNRELEASED,
            "not yet released: on hold until publication (HPUB)",
        ),
        (
            "9bbb",
            AbsenceKind.UNRELEASED,
            "not yet released: on hold until 2027-01-31 (HOLD)",
        ),
        ("9ccc", AbsenceKind.WITHDRAWN, "withdrawn"),
        (
            "9ddd",
            AbsenceKind.UNRELEASED,
            "not yet released: in the archive's hands (NEWC)",
        ),
        (
            "9eee",
            AbsenceKind.UNRELEASED,
            "not yet released: in the archive's hands (no status)",
        ),
        ("9zzz", AbsenceKind.UNKNOWN, "neither obsolete nor announced"),
    ],
)
def test_what_is_missing_is_explained(entry: str, kind: AbsenceKind, text: str) -> None:
    unreleased = read_unreleased([json.dumps(UNRELEASED).encode()], subject="unreleased")
    absence = explain_missing(EntryId.parse(entry), removed_of(REMOVED), unreleased)
    assert absence.kind is kind
    assert str(absence) == text


def test_every_status_code_of_the_archive_has_words() -> None:
    codes = "AUCO AUTH HOLD HPUB POLC PROC REFI REPL WAIT WDRN"
    assert set(STATUS_WORDS) == set(codes.split())


@pytest.mark.parametrize("value", [{"1ABC": "OBS"}, {"ATP": {}}, ["1ABC"]])
def test_other_lists_are_refused(value: Any) -> None:
    for read in (read_removed, read_unreleased):
        with pytest.raises(HoldingsError):
            read([json.dumps(value).encode()], subject="x")


anything = st.recursive(
    st.none() | st.integers() | st.text() | st.just("1abc") | st.just("/structures/models/"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "status_code",
    "obsolete_date",
    "superseded_by",
    "content_type",
    "remote_repository_name",
    "hold_date_coordinates",
)


@given(st.dictionaries(st.sampled_from(FIELDS), anything))
def test_whatever_an_entry_says_it_is_explained(record: dict[str, Any]) -> None:
    data = json.dumps({"1ABC": record}).encode()
    entry = EntryId.parse("1abc")
    removed = read_removed([data], subject="x")
    unreleased = read_unreleased([data], subject="x")
    assert str(explain_missing(entry, removed, {}))
    assert str(explain_missing(entry, RemovedEntries([]), unreleased))
