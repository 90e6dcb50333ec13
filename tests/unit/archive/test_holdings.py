from __future__ import annotations

import json
import tracemalloc
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.holdings import (
    EntryFiles,
    HoldingsFile,
    ModifiedEntry,
    assembly_numbers,
    read_current_files,
    read_modified_dates,
)
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import HoldingsError
from support.full_holdings import (
    assemblies_of,
    current_file_holdings,
    released_structures_last_modified_dates,
    synthetic_ids,
)


def ids(text: str) -> list[EntryId]:
    return [EntryId.parse(word) for word in text.split()]


def current(value: Any) -> list[EntryFiles]:
    return list(read_current_files([json.dumps(value).encode()], subject="files"))


def dates(value: Any) -> list[ModifiedEntry]:
    return list(read_modified_dates([json.dumps(value).encode()], subject="dates"))


def test_both_forms_of_keys_in_any_case_lists_and_texts_and_unknown_types_are_read() -> None:
    beta = "/wwpdb/pdb/data/entries/ab/pdb_00001abc/structures/pdb_00001abc.cif.gz"
    assert current(
        {
            "201L": {"mmcif": ["/pdb/x/201l.cif.gz", "/pdb/y"], "map of tomorrow": ["/z"]},
            "1abc": {"pdb": "/pdb/pdb1abc.ent.gz"},
            "PDB_00001ABC": {"mmcif": [beta]},
            "9zzz": {},
        }
    ) == [
        EntryFiles(
            EntryId.parse("201l"),
            {"mmcif": ("/pdb/x/201l.cif.gz", "/pdb/y"), "map of tomorrow": ("/z",)},
        ),
        EntryFiles(EntryId.parse("1abc"), {"pdb": ("/pdb/pdb1abc.ent.gz",)}),
        EntryFiles(EntryId.parse("1abc"), {"mmcif": (beta,)}),
        EntryFiles(EntryId.parse("9zzz"), {}),
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"ATP": {"content_type": "CC"}}, "'ATP' is not an entry id"),
        ({"x" * 99: {}}, f"'{'x' * 21}...' is not an entry id"),
        ({"1ABC": ["/pdb"]}, "1abc has no files by content type"),
        ({"1ABC": {"mmcif": [1]}}, "1abc, 'mmcif': not paths"),
        ({"1ABC": {"mmcif": None}}, "1abc, 'mmcif': not paths"),
    ],
)
def test_what_is_no_list_of_files_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(HoldingsError) as caught:
        current(value)
    assert (caught.value.subject, caught.value.reason) == ("files", reason)


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-17T14:09:19+00:00",
        "2023-11-17",
        "2023-11-17 14:09",
        "2023-11-17Tabout noon",
        "17-NOV-23",
        "",
    ],
)
def test_dates_are_kept_as_published(text: str) -> None:
    assert dates({"100D": text}) == [ModifiedEntry(EntryId.parse("100d"), text)]


@pytest.mark.parametrize("value", [2023, None, ["2023-11-17"], {"date": "2023-11-17"}])
def test_what_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(HoldingsError) as caught:
        dates({"100D": value})
    assert caught.value.reason == "100d has no date"


@given(st.binary() | st.from_regex(rb'\{"1ABC" ?: ?["{\[].*', fullmatch=True))
def test_arbitrary_lists_never_give_anything_but_the_one_error(data: bytes) -> None:
    for read in (read_current_files, read_modified_dates):
        try:
            list(read([data], subject="x"))
        except HoldingsError as error:
            assert error.reason  # noqa: PT017 - most examples raise, and no other error may


def test_d11_assembly_numbers_are_those_that_exist() -> None:
    holdings = current(
        {
            "4HHB": {
                "assembly_mmcif": [
                    "/pdb/data/assemblies/mmCIF/divided/hh/4hhb-assembly10.cif.gz",
                    "/pdb/data/assemblies/mmCIF/divided/hh/4hhb-assembly2.cif.gz",
                    "/pdb/data/assemblies/mmCIF/divided/hh/4hhb-assembly0.cif.gz",
                    "/pdb/data/assemblies/mmCIF/divided/hh/README",
                ],
                "assembly_pdb": "/pdb/data/biounit/PDB/divided/hh/4hhb.pdb1.gz",
            },
            "pdb_00001abc": {"assembly_mmcif": ["/w/pdb_00001abc-assembly7.cif.gz"]},
            "2abc": {"mmcif": ["/x"]},
        }
    )
    wanted = ids("4hhb 1abc 2abc 9zzz")
    assert assembly_numbers(wanted, holdings, DataType.ASSEMBLIES) == {
        wanted[0]: (2, 10),
        wanted[1]: (7,),
        wanted[2]: (),
    }
    assert assembly_numbers(wanted[:1], holdings, DataType.BIOUNIT) == {wanted[0]: (1,)}
    assert assembly_numbers([], holdings, DataType.BIOUNIT) == {}


def test_d11_the_list_is_read_only_as_far_as_needed() -> None:
    chunks = chain(current_file_holdings(entries=3000), iter([b"something else"]))
    holdings = read_current_files(chunks, subject="x")
    (first,) = ids("1000")
    assert assembly_numbers([first], holdings, DataType.ASSEMBLIES) == {
        first: tuple(range(1, 45)),
    }


def test_a_long_list_is_read_in_the_memory_of_a_short_one() -> None:
    numbers = dict(zip(map(EntryId.parse, synthetic_ids(6000)), range(6000), strict=True))
    tracemalloc.start()
    try:
        # 9 MB of text; one piece is 0.8 MB.
        for entry, files in read_current_files(current_file_holdings(entries=6000), subject="x"):
            assert len(files["assembly_mmcif"]) == assemblies_of(numbers.pop(entry))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert numbers == {}
    assert peak_bytes < 6_000_000


def test_synthetic_dates_have_every_entry_once() -> None:
    found = list(read_modified_dates(released_structures_last_modified_dates(5000), subject="x"))
    assert len({entry for entry, _ in found}) == len(found) == 5000


def test_every_list_has_the_path_that_the_archive_publishes() -> None:
    assert {file.path for file in HoldingsFile} == {
        "holdings/current_file_holdings.json.gz",
        "holdings/released_structures_last_modified_dates.json.gz",
        "holdings/released_experimental_data_last_modified_dates.json.gz",
        "holdings/obsolete_structures_last_modified_dates.json.gz",
        "holdings/all_removed_entries.json.gz",
        "holdings/unreleased_entries.json.gz",
        "../pdb_ihm/holdings/released_structures_last_modified_dates.json.gz",
    }
