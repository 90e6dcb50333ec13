"""What ``ps`` prints: as macOS does, and as the ``ps`` of this machine does."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from pdb_cli.jobs.model import ProcessIdentity
from pdb_cli.jobs.ps import list_processes, parse_started_with, parse_table, start_token
from support.wait import wait_until

if TYPE_CHECKING:
    import pytest

TABLE = """\
    1     0 Ss   Mon Jan  5 08:00:01 2026    \n\
  501     1 S    Mon Jan  5 10:00:00 2026    \n\
  777   501 Z+   Mon Jan  5 10:00:09 2026    \n\
  778   501 R+   -
  779   501 ?
"""
PLAIN = """\
  501 /opt/bin/python3 -m pdb_cli download 4hhb
  502 /bin/sh -c work
  503 grep PDB_CLI_JOB_DIR=/jobs/job_aaaaaa
  504 rsync --server
  505 python3 -m pdb_cli
  506 old program
"""
EXTENDED = """\
  501 /opt/bin/python3 -m pdb_cli download 4hhb A=1 PDB_CLI_JOB_DIR=/jobs/job_aaaaaa HOME=/u
  502 /bin/sh -c work
  503 grep PDB_CLI_JOB_DIR=/jobs/job_aaaaaa HOME=/u
  504 rsync --server HOME=/u PDB_CLI_JOB_DIR=/jobs/job_aaaaaa
  505 python3 -m pdb_cli PDB_CLI_JOB_DIR=/jobs/job_bbbbbb
  506 new program PDB_CLI_JOB_DIR=/jobs/job_aaaaaa
  507 born between the two looks PDB_CLI_JOB_DIR=/jobs/job_aaaaaa
"""


def test_a_table_has_parents_and_start_times_and_no_zombies() -> None:
    assert parse_table(TABLE) == [
        (0, ProcessIdentity(1, "Mon Jan  5 08:00:01 2026")),
        (1, ProcessIdentity(501, "Mon Jan  5 10:00:00 2026")),
        (501, ProcessIdentity(778, "-")),
    ]
    assert parse_table("") == []


def test_the_environment_counts_and_the_arguments_do_not() -> None:
    entry = "PDB_CLI_JOB_DIR=/jobs/job_aaaaaa"
    assert parse_started_with(PLAIN, EXTENDED, entry) == {501, 504}
    assert parse_started_with(PLAIN, EXTENDED, "PDB_CLI_JOB_DIR=/jobs/job_aaa") == set()
    assert parse_started_with("", EXTENDED, entry) == set()


def test_a_value_may_have_blanks() -> None:
    assert parse_started_with("1 sh", "1 sh D=/my jobs/job_a X=1", "D=/my jobs/job_a") == {1}


def test_the_ps_of_this_machine_tells_the_same_in_a_row_and_in_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    me = os.getpid()
    token = start_token(me)
    assert token
    assert (os.getppid(), ProcessIdentity(me, token)) in list_processes()
    # Whoever looks: another time zone and language make no other process of it.
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert start_token(me) == token


def test_j02_ps_counts_a_zombie_as_gone() -> None:
    child = subprocess.Popen(["/bin/true"])
    wait_until(lambda: start_token(child.pid) is None, what="the child to end")
    assert child.pid not in [process.pid for _, process in list_processes()]
    child.wait()
    assert start_token(child.pid) is None
