from __future__ import annotations

import pytest

from pdb_cli.archive.mirrors import BUILTIN_MIRRORS
from pdb_cli.archive.retired import RETIRED, explain_retired

EXAMPLES = [
    ("ftp://ftp.wwpdb.org/pub/pdb", "2024-11-01"),
    ("FTP://FTP.RCSB.ORG/pub/pdb", "2024-11-01"),
    ("https://ftp.wwpdb.org/pub/pdb", "2023-09"),
    ("ftp.rcsb.org", "2023-09"),
    ("https://files.wwpdb.org/pub/pdb/ls-lR", "2023-07-12"),
    ("https://mmtf.rcsb.org/v1.0", "MMTF"),
    ("http://ligand-expo.rcsb.org/dictionaries/cc-to-pdb.tdd", "Ligand Expo"),
    ("https://search.rcsb.org/rcsbsearch/v1/query", "v1"),
    ("rsync://rsync-nextgen.rcsb.org/data", "2026-06"),
    ("https://files.rcsb.org/pub/pdb/data/CHECKSUMS", "CHECKSUMS"),
]


@pytest.mark.parametrize(("url", "word"), EXAMPLES)
def test_an_ended_endpoint_is_explained_by_name(url: str, word: str) -> None:
    explanation = explain_retired(url)
    assert explanation is not None
    assert word in explanation


def test_every_row_has_an_example() -> None:
    explained = {explain_retired(url) for url, _ in EXAMPLES}
    assert explained == {explanation for _, explanation in RETIRED}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ftp.pdbj.org/pub/pdb",
        "https://ftp.ebi.ac.uk/pub/databases/pdb",
        "https://search.rcsb.org/rcsbsearch/v2/query",
        "https://search.rcsb.org",
        "https://example.org/ftp.wwpdb.org",
        "",
    ],
)
def test_what_works_is_left_alone(url: str) -> None:
    assert explain_retired(url) is None


def test_no_built_in_mirror_is_retired() -> None:
    for mirror in BUILTIN_MIRRORS.values():
        assert explain_retired(mirror.https or "") is None
        assert all(explain_retired(str(root)) is None for root in mirror.rsync)
