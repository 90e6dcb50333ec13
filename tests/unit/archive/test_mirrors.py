from __future__ import annotations

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile, Layout
from pdb_cli.archive.mirrors import (
    BUILTIN_MIRRORS,
    MIRROR_ALIASES,
    Mirror,
    RsyncRoot,
    find_mirror,
    serving_mirrors,
)
from pdb_cli.errors import UnknownNameError, UnsupportedError

MMCIF = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.MMCIF)
BCIF = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.BCIF)
IHM = ArchiveFile(EntryId.parse("8zz1"), DataType.IHM, FileFormat.MMCIF)
PATH = "data/structures/divided/mmCIF/ab/1abc.cif.gz"
IHM_PATH = "pdb_ihm/data/entries/zz/8zz1/structures/8zz1.cif.gz"


@pytest.mark.parametrize(
    ("name", "https", "rsync"),
    [
        (
            "rcsb",
            "https://files.rcsb.org/pub/pdb",
            ("rsync://rsync.rcsb.org:33444/ftp",),
        ),
        (
            "pdbj",
            "https://data.pdbj.org/pub/pdb",
            ("rsync://rsync.pdbj.org:873/ftp", "rsync://data.pdbj.org:873/rsync/pub/pdb"),
        ),
        (
            "pdbe",
            "https://ftp.ebi.ac.uk/pub/databases/pdb",
            ("rsync://rsync.ebi.ac.uk:873/pub/databases/pdb",),
        ),
        (
            "wwpdb",
            "https://files.wwpdb.org/pub/pdb",
            ("rsync://rsync.wwpdb.org:33444/ftp", "rsync://rsync.wwpdb.org:873/ftp"),
        ),
    ],
)
def test_d10_built_in_mirrors_are_the_published_endpoints(
    name: str, https: str, rsync: tuple[str, ...]
) -> None:
    mirror = BUILTIN_MIRRORS[name]
    assert mirror.name == name
    assert mirror.url(MMCIF) == f"{https}/{PATH}"
    assert mirror.rsync_paths(MMCIF) == tuple(f"{root}/{PATH}" for root in rsync)
    assert tuple(map(str, mirror.rsync)) == rsync


def test_every_built_in_mirror_is_tested_above() -> None:
    assert set(BUILTIN_MIRRORS) == {"rcsb", "pdbj", "pdbe", "wwpdb"}
    assert set(MIRROR_ALIASES.values()) <= set(BUILTIN_MIRRORS)


def test_the_tree_of_integrative_structures_is_beside_the_root() -> None:
    assert BUILTIN_MIRRORS["wwpdb"].url(IHM) == f"https://files.wwpdb.org/pub/{IHM_PATH}"
    assert BUILTIN_MIRRORS["rcsb"].rsync_paths(IHM) == (f"rsync://rsync.rcsb.org:33444/{IHM_PATH}",)
    assert BUILTIN_MIRRORS["pdbj"].rsync_paths(IHM)[1] == (
        f"rsync://data.pdbj.org:873/rsync/pub/{IHM_PATH}"
    )


def test_a_mirror_with_the_entry_layout_uses_the_paths_of_2027() -> None:
    mirror = Mirror("beta", "https://example.org/pub/wwpdb/pdb", (), Layout.ENTRY)
    assert mirror.url(MMCIF) == (
        "https://example.org/pub/wwpdb/pdb"
        "/data/entries/ab/pdb_00001abc/structures/pdb_00001abc.cif.gz"
    )
    assert mirror.rsync_paths(MMCIF) == ()


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("rcsb", "https://models.rcsb.org/1abc.bcif.gz"),
        ("pdbj", None),
        ("pdbe", None),
        ("wwpdb", None),
    ],
)
def test_d10_binary_cif_has_an_endpoint_of_its_own(name: str, url: str | None) -> None:
    mirror = BUILTIN_MIRRORS[name]
    if url is not None:
        assert mirror.url(BCIF) == url
        return
    with pytest.raises(UnsupportedError) as caught:
        mirror.url(BCIF)
    assert caught.value.subject == f"structures as bcif from mirror {name}"
    assert "rcsb has" in caught.value.reason


def test_binary_cif_of_an_extended_id_and_from_a_mirror_of_ones_own() -> None:
    lab = Mirror("lab", None, (), Layout.CLASSIC, "http://127.0.0.1/b/{id}.bcif.gz")
    extended = BCIF._replace(entry=EntryId.parse("PDB_1ABC5678"))
    assert lab.url(extended) == "http://127.0.0.1/b/pdb_1abc5678.bcif.gz"


def test_mirrors_without_a_place_for_a_file_are_passed_over() -> None:
    mirrors = [BUILTIN_MIRRORS[name] for name in ("wwpdb", "rcsb", "pdbj")]
    assert [mirror.name for mirror, _ in serving_mirrors(mirrors, BCIF)] == ["rcsb"]
    assert [mirror.name for mirror, _ in serving_mirrors(mirrors, MMCIF)] == [
        "wwpdb",
        "rcsb",
        "pdbj",
    ]
    with pytest.raises(UnsupportedError) as caught:
        serving_mirrors(mirrors[::2], BCIF)
    assert caught.value.subject == "structures as bcif from mirror wwpdb"


def test_a_mirror_without_https_says_which_setting_is_missing() -> None:
    mirror = Mirror("lab", None, (RsyncRoot("::1", 8730, "ftp"),), Layout.CLASSIC)
    assert mirror.rsync_paths(MMCIF) == (f"rsync://[::1]:8730/ftp/{PATH}",)
    with pytest.raises(UnsupportedError) as caught:
        mirror.url(MMCIF)
    assert caught.value.reason == "mirrors.lab.https is not set"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rcsb", "rcsb"),
        ("US", "rcsb"),
        ("jp", "pdbj"),
        ("uk", "pdbe"),
        (" EU ", "pdbe"),
        ("Global", "wwpdb"),
        ("PDBj", "pdbj"),
    ],
)
def test_mirrors_are_found_by_name_and_region_in_any_case(name: str, found: str) -> None:
    assert find_mirror(name, {}) is BUILTIN_MIRRORS[found]


def test_a_configured_mirror_wins_over_a_built_in_one_also_by_region() -> None:
    mine = Mirror("rcsb", "http://127.0.0.1:8080/pub/pdb", (), Layout.CLASSIC)
    assert find_mirror("rcsb", {"rcsb": mine}) is mine
    assert find_mirror("us", {"rcsb": mine}) is mine


def test_an_unknown_mirror_comes_back_with_the_known_ones() -> None:
    lab = Mirror("lab", "http://127.0.0.1/pub/pdb", (), Layout.CLASSIC)
    with pytest.raises(UnknownNameError) as caught:
        find_mirror("rscb", {"lab": lab})
    assert caught.value.kind == "mirror"
    assert caught.value.name == "rscb"
    assert {"rcsb", "lab", "us"} <= set(caught.value.known)
