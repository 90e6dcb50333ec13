from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.config.locate import key_lines, locate

TEXT = '''\
# a comment with [brackets] and key = value
top = 1
dotted.inner."quoted key" = "a = b # not a comment"

[download] # why
parallel = 4
  retry=5   # [sync]
text = """
retry_in_text = 9
[not.a.table]
"""
literal = \'\'\'
x = 1\'\'\'
list = [
  1, # one
  { in_list = 2 },
  "]",
]

[ paths ]
data_type_dirs = { assemblies = "/big", obsolete = { deep = 1 } }

[sync.targets.weekly]
types = ["structures"]
when = 1979-05-27 07:32:00
after = true

[[array]]
name = 'x'
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("top", 2),
        ("dotted", 3),
        ("dotted.inner", 3),
        ("dotted.inner.quoted key", 3),
        ("download", 5),
        ("download.parallel", 6),
        ("download.retry", 7),
        ("download.text", 8),
        ("download.literal", 12),
        ("download.list", 14),
        ("paths", 20),
        ("paths.data_type_dirs", 21),
        ("paths.data_type_dirs.assemblies", 21),
        ("paths.data_type_dirs.obsolete.deep", 21),
        ("sync", 23),
        ("sync.targets.weekly", 23),
        ("sync.targets.weekly.types", 24),
        ("sync.targets.weekly.after", 26),
        ("array.name", 29),
    ],
)
def test_every_way_to_write_a_key_is_found(path: str, line: int) -> None:
    assert key_lines(TEXT)[tuple(path.split("."))] == line
    assert key_lines(TEXT.replace("\n", "\r\n"))[tuple(path.split("."))] == line


def test_nothing_in_strings_and_comments_is_taken_for_a_key() -> None:
    tomllib.loads(TEXT)
    lines = key_lines(TEXT)
    assert not [path for path in lines if {"retry_in_text", "not", "x", "key"} & set(path)]


def test_a_key_that_is_not_there_is_located_at_the_table_around_it() -> None:
    lines = key_lines(TEXT)
    assert locate(lines, ("download", "missing")) == 5
    assert locate(lines, ("download", "parallel")) == 6
    assert locate(lines, ("missing", "key")) is None


names = st.text("abc-_12", min_size=1, max_size=4)
documents = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=20) | st.lists(st.text(max_size=5)),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(documents)
def test_every_key_of_a_generated_file_is_found_on_a_line_that_names_it(
    document: dict[str, Any],
) -> None:
    text = tomlkit.dumps(document)
    lines = key_lines(text)

    def check(table: dict[str, Any], prefix: tuple[str, ...]) -> None:
        for name, value in table.items():
            line = lines[(*prefix, name)]
            assert name in text.split("\n")[line - 1]
            if isinstance(value, dict):
                check(value, (*prefix, name))

    check(document, ())


@given(st.text() | st.text("[]{}=\"'.,#\\\n a1"))
def test_any_text_is_scanned_to_its_end(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())
