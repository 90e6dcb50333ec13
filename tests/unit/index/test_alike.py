"""Directories whose names are all of one kind are told as a whole, and as one by one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pdb_cli.index.naming import DirectoryNaming, Identity

DIRECTORY = "structures/divided/mmCIF/ab"
NAMES = st.sampled_from([
    "1abc.cif.gz", "2ab0.cif.gz", "9abz.cif.gz",
    "1aBc.cif.gz", "1acc.cif.gz", "xabc.cif.gz", "1abc.cif", "1abc.cif.gz.part", "README",
    "pdb_00001abc.cif.gz", "1abc.cif.gz\n2abc.cif.gz", "1abc.cif.gz\n", "", "٣abc.cif.gz",
])  # fmt: skip


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from([DIRECTORY, "ab", "elsewhere/ab"]))
@example(["1abc.cif.gz", "2ab0.cif.gz"], DIRECTORY)
@example(["1abc.cif.gz\n2abc.cif.gz"], DIRECTORY)
def test_all_at_once_say_what_each_by_itself_says(names: list[str], directory: str) -> None:
    naming = DirectoryNaming(directory)
    found = naming.identify_alike(names)
    if found is not None:
        rule, start = found
        assert [naming.identify(name) for name in names] == [
            Identity("pdb_0000" + name[start : start + 4], *rule.kind, None, rule.layout)
            for name in names
        ]


def test_the_usual_directories_are_told_at_once() -> None:
    assert DirectoryNaming(DIRECTORY).identify_alike(["1abc.cif.gz", "2ab0.cif.gz"])
    assert DirectoryNaming("structures/divided/pdb/ab").identify_alike(["pdb1abc.ent.gz"])
    assert not DirectoryNaming(DIRECTORY).identify_alike(["1abc.cif.gz", "README"])
