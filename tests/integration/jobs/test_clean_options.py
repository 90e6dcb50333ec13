"""``jobs clean`` with conditions, and what it would do."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.model import JobStatus, utc_text
from support.jobs import SLEEP, JobStarter, a_job, put

if TYPE_CHECKING:
    from pdb_cli.jobs.store import JobStore
    from support.cli import CliRunner

DAY_S = 86_400


@pytest.fixture
def four_jobs(store: JobStore) -> JobStore:
    """Return a store with jobs that ended 40, 30, 20 and 1 days ago; the second failed."""
    for letter, days in (("a", 40), ("b", 30), ("c", 20), ("d", 1)):
        ended = utc_text(time.time() - days * DAY_S)
        status = JobStatus.FAILED if letter == "b" else JobStatus.COMPLETED
        put(store, a_job(f"job_{letter * 6}", status=status, finished_at=ended, reason=None))
    return store


def test_a_dry_run_lists_and_removes_nothing(
    four_jobs: JobStore, start_job: JobStarter, run_cli: CliRunner
) -> None:
    running = start_job(*SLEEP)
    done = run_cli("jobs", "clean", "-n")
    assert done.returncode == 0
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["JOB", "STATUS", "FINISHED", "COMMAND"]
    assert [line.split()[0] for line in lines] == ["job_aaaaaa", "job_bbbbbb", "job_cccccc"]
    assert done.stderr == "would remove 3 jobs that ended more than 7d ago\n"
    assert run_cli("jobs", "clean", "-n", "--older-than", "90d").stdout == ""
    assert len(four_jobs.job_ids()) == 5
    run_cli("jobs", "cancel", running.id)


def test_rows_for_programs_are_what_went(four_jobs: JobStore, run_cli: CliRunner) -> None:
    options = ["--older-than", "0s", "--keep", "2"]
    would = run_cli("jobs", "clean", *options, "-n", "-o", "json")
    done = run_cli("jobs", "clean", *options, "-o", "json")
    assert would.stdout == done.stdout
    assert (would.stderr, done.stderr) == ("", "")
    rows = json.loads(done.stdout)
    assert [(row["id"], row["status"], row["exit_code"]) for row in rows] == [
        ("job_aaaaaa", "completed", 0),
        ("job_bbbbbb", "failed", 0),
    ]
    assert sorted(four_jobs.job_ids()) == ["job_cccccc", "job_dddddd"]
    done = run_cli("jobs", "clean", "--older-than", "0s", "-o", "ids")
    assert done.stdout.split() == ["job_cccccc", "job_dddddd"]
    assert run_cli("jobs", "clean", "-o", "json").stdout == "[]\n"


def test_the_message_says_which_conditions_held(four_jobs: JobStore, run_cli: CliRunner) -> None:
    done = run_cli("jobs", "clean", "--failed", "--keep", "1")
    assert (done.stdout, done.stderr) == (
        "",
        "removed 1 failed job that ended more than 7d ago, but for the 1 that ended last\n",
    )
    assert sorted(four_jobs.job_ids()) == ["job_aaaaaa", "job_cccccc", "job_dddddd"]
