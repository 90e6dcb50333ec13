from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdb_cli.jobs.quoting import shell_line
from support.programs import require_program

ARGUMENTS = st.lists(
    st.binary(max_size=8).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    max_size=4,
)


def test_plain_words_stay_as_they_are() -> None:
    assert shell_line(["download", "4hhb", "-d", "a/b.c"]) == "download 4hhb -d a/b.c"


def test_an_empty_argument_is_seen() -> None:
    assert shell_line(["-d", ""]) == "-d ''"


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\u2028", "\u202e", "\udcff", "\x85", "\t"])
def test_what_would_disturb_a_terminal_is_escaped(text: str) -> None:
    assert shell_line([text]).isprintable()


@settings(max_examples=30, deadline=None)
@given(ARGUMENTS)
def test_j06_a_shell_reads_the_same_arguments(arguments: list[str]) -> None:
    bash = shutil.which("bash") or require_program("bash", package="bash")
    line = shell_line(arguments)
    assert line.isprintable()
    shown = subprocess.run(
        [bash, "-c", f'set -- {line}; [ $# = 0 ] || printf "%s\\0" "$@"'],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    assert shown.split(b"\0")[:-1] == [os.fsencode(item) for item in arguments]
