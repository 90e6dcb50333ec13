from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import RsyncRoot
from pdb_cli.config import kinds
from pdb_cli.config.keys import KEYS, Key
from pdb_cli.config.kinds import Kind, rate_bytes_per_s

PERCENT = kinds.DELETE_LIMIT
COUNT = kinds.whole_number(1, 256)
TIME = kinds.seconds(0.001)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", None),
        (" ", None),
        ("1", 1),
        ("500K", 512_000),
        ("500k", 512_000),
        ("10M", 10_485_760),
        ("1.5m", 1_572_864),
        (" 2G ", 2_147_483_648),
    ],
)
def test_rates_are_those_of_curl(text: str, rate: int | None) -> None:
    assert rate_bytes_per_s(text) == rate


@pytest.mark.parametrize("text", ["0", "0.1", "-1", "K", "10MB", "10 M", "1e3", "ten", "1,5M"])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        rate_bytes_per_s(text)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (COUNT, 1, 1),
        (COUNT, 256, 256),
        (TIME, 10, 10.0),
        (TIME, 0.001, 0.001),
        (kinds.seconds(0), 0, 0.0),
        (kinds.BOOLEAN, True, True),
        (kinds.TEXT, "", ""),
        (kinds.PATH, "~/x y", Path("~/x y")),
        (kinds.PATH, Path("/x"), Path("/x")),
        (kinds.OPTIONAL_PATH, "", None),
        (kinds.RATE, " 10M ", "10M"),
        (kinds.CONTACT, "", ""),
        (kinds.CONTACT, " https://lab.example/~ada ", "https://lab.example/~ada"),
        (kinds.CONTACT, "mailto:ada@lab.example", "mailto:ada@lab.example"),
        (kinds.CONTACT, "ada@lab.example", "ada@lab.example"),
        (PERCENT, "5%", "5%"),
        (PERCENT, "2.5%", "2.5%"),
        (PERCENT, "100%", "100%"),
        (PERCENT, 1000, "1000"),
        (PERCENT, "0", "0"),
        (kinds.LAYOUT, "Entry", Layout.ENTRY),
        (kinds.FORMAT, "CIF", FileFormat.MMCIF),
        (
            kinds.DATA_TYPES,
            ["st", "asm", "structures"],
            (DataType.STRUCTURES, DataType.ASSEMBLIES),
        ),
        (kinds.MIRROR_NAMES, ("lab", "us"), ("lab", "us")),
        (kinds.HTTP_URL, "http://127.0.0.1:8080/pub/pdb/", "http://127.0.0.1:8080/pub/pdb"),
        (kinds.HTTP_URL, "https://me:secret@lab.example", "https://me:secret@lab.example"),
        (kinds.HTTP_URL, "http://[::1]:8080", "http://[::1]:8080"),
        (kinds.BCIF_URL, " http://lab:80/x/{id}.bcif.gz ", "http://lab:80/x/{id}.bcif.gz"),
        (kinds.BCIF_URL, "https://lab/pdb-{id}.gz", "https://lab/pdb-{id}.gz"),
        (
            kinds.RSYNC_ROOTS,
            "rsync://127.0.0.1:8730/ftp",
            (RsyncRoot("127.0.0.1", 8730, "ftp"),),
        ),
        (
            kinds.RSYNC_ROOTS,
            ["lab:8730/pub/pdb/", "lab/ftp", "data.pdbj.org::rsync/pub/pdb", "rsync://[::1]/ftp"],
            (
                RsyncRoot("lab", 8730, "pub/pdb"),
                RsyncRoot("lab", 873, "ftp"),
                RsyncRoot("data.pdbj.org", 873, "rsync/pub/pdb"),
                RsyncRoot("::1", 873, "ftp"),
            ),
        ),
    ],
)
def test_right_values_are_read(kind: Kind, raw: object, value: object) -> None:
    read = kind.read(raw)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (COUNT, 0),
        (COUNT, 257),
        (COUNT, 4.0),
        (COUNT, "4"),
        (COUNT, True),
        (TIME, 0),
        (TIME, -1.0),
        (TIME, math.nan),
        (TIME, math.inf),
        (TIME, 86_401),
        (TIME, "10"),
        (TIME, True),
        (kinds.BOOLEAN, 1),
        (kinds.BOOLEAN, "true"),
        (kinds.TEXT, "a\nb"),
        (kinds.TEXT, 5),
        (kinds.PATH, ""),
        (kinds.PATH, "a\0b"),
        (kinds.PATH, 5),
        (kinds.CONTACT, "ada"),
        (kinds.CONTACT, "ftp://lab.example"),
        (kinds.CONTACT, "https://ada:secret@lab.example"),
        (kinds.CONTACT, "https://lab.example) Mozilla/5.0 ("),
        (kinds.CONTACT, "https://lab.example\r\nX-Header: 1"),
        (kinds.CONTACT, "https://größe.example"),
        (kinds.RATE, "fast"),
        (kinds.RATE, 5),
        (PERCENT, "101%"),
        (PERCENT, "-1"),
        (PERCENT, "five"),
        (PERCENT, True),
        (PERCENT, 5.5),
        (kinds.LAYOUT, "flat"),
        (kinds.FORMAT, "mmtf"),
        (kinds.DATA_TYPES, "structures"),
        (kinds.DATA_TYPES, []),
        (kinds.DATA_TYPES, ["structurs"]),
        (kinds.DATA_TYPES, [1]),
        (kinds.MIRROR_NAMES, []),
        (kinds.MIRROR_NAMES, [""]),
        (kinds.MIRROR_NAME, " "),
        (kinds.HTTP_URL, "files.rcsb.org/pub/pdb"),
        (kinds.HTTP_URL, "rsync://lab/ftp"),
        (kinds.HTTP_URL, "http://"),
        (kinds.HTTP_URL, "http://lab:99999/"),
        (kinds.HTTP_URL, "http://lab:0/"),
        (kinds.HTTP_URL, "http://lab:http/"),
        (kinds.HTTP_URL, "http://lab/?x=1"),
        (kinds.HTTP_URL, "http://lab/a b"),
        (kinds.HTTP_URL, "https://ftp.wwpdb.org/pub/pdb"),
        (kinds.BCIF_URL, "https://lab/1abc.bcif.gz"),
        (kinds.BCIF_URL, "https://lab/{id}.bcif"),
        (kinds.BCIF_URL, "https://lab/{id}/{id}.bcif.gz"),
        (kinds.BCIF_URL, "https://{id}.lab/x.bcif.gz"),
        (kinds.BCIF_URL, "https://lab/{name}/{id}.bcif.gz"),
        (kinds.BCIF_URL, "lab/{id}.bcif.gz"),
        (kinds.BCIF_URL, 5),
        (kinds.RSYNC_ROOTS, "rsync://lab"),
        (kinds.RSYNC_ROOTS, "rsync://lab/"),
        (kinds.RSYNC_ROOTS, "rsync://lab:0/ftp"),
        (kinds.RSYNC_ROOTS, "rsync://lab:70000/ftp"),
        (kinds.RSYNC_ROOTS, "rsync://lab:x/ftp"),
        (kinds.RSYNC_ROOTS, "rsync://me@lab/ftp"),
        (kinds.RSYNC_ROOTS, "http://lab/ftp"),
        (kinds.RSYNC_ROOTS, "rsync://lab/ftp/../x"),
        (kinds.RSYNC_ROOTS, []),
        (kinds.RSYNC_ROOTS, [5]),
    ],
)
def test_wrong_values_are_refused(kind: Kind, raw: object) -> None:
    with pytest.raises(kinds.REFUSALS):
        kind.read(raw)


toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(KEYS), value=toml_values)
def test_no_value_of_any_type_gets_past_or_crashes_a_kind(key: Key, value: object) -> None:
    try:
        key.kind.read(value)
    except kinds.REFUSALS:
        return
    # What was accepted is of a type that such a setting may have in a file.
    assert isinstance(value, str | int | float | bool | list)


@given(key=st.sampled_from(KEYS), text=st.text())
def test_any_text_is_parsed_and_then_accepted_or_refused(key: Key, text: str) -> None:
    parsed = key.kind.parse(text)
    assert isinstance(parsed, str | int | float | bool | list)
    try:
        key.kind.read(parsed)
    except kinds.REFUSALS:
        return


@pytest.mark.parametrize(
    ("kind", "text", "parsed"),
    [
        (COUNT, "32", 32),
        (TIME, "2.5", 2.5),
        (kinds.BOOLEAN, "yes", True),
        (kinds.BOOLEAN, "OFF", False),
        (kinds.MIRROR_NAMES, "rcsb, lab ,", ["rcsb", "lab"]),
        (kinds.RSYNC_ROOTS, "a/b", "a/b"),
        (kinds.RSYNC_ROOTS, "a/b,c/d", ["a/b", "c/d"]),
        (PERCENT, "7", "7"),
        (kinds.TEXT, "a, b", "a, b"),
    ],
)
def test_a_persons_text_becomes_a_toml_value(kind: Kind, text: str, parsed: object) -> None:
    assert kind.parse(text) == parsed
