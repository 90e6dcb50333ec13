"""The table of endings, row by row."""

from __future__ import annotations

import pytest

from pdb_cli.jobs.ending import Exit, cancel_reason, ended, failed
from pdb_cli.jobs.model import Job, JobStatus
from support.jobs import a_job

ASKED = {"user": "ann", "host": "login01"}
RERUN = "; go on with: pdb-cli jobs restart job_aaaaaa"


def end(
    finish: Exit,
    *,
    cancel: dict[str, str] | None = None,
    stopped: bool = False,
    last_line: str = "",
) -> Job:
    running = a_job(status=JobStatus.RUNNING, finished_at=None, exit_code=None, pid=7)
    job = ended(
        running,
        finish,
        finished_at="2026-01-02T04:00:00Z",
        cancel=cancel,
        stopped_by_system=stopped,
        last_line=last_line,
    )
    assert (job.pid, job.finished_at) == (None, "2026-01-02T04:00:00Z")
    return job


def test_exit_0_is_completed() -> None:
    job = end(Exit(code=0), last_line="all fine")
    assert (job.status, job.exit_code, job.reason) == (JobStatus.COMPLETED, 0, None)


@pytest.mark.parametrize("code", [1, 2, 3, 127, 143, 255])
def test_exit_n_is_failed_with_the_last_line(code: int) -> None:
    job = end(Exit(code=code), last_line="disk full")
    assert (job.status, job.exit_code, job.signal) == (JobStatus.FAILED, code, None)
    assert job.reason == "disk full" + RERUN


def test_exit_n_without_a_word() -> None:
    assert end(Exit(code=3)).reason == "ended with exit code 3" + RERUN


@pytest.mark.parametrize(
    ("finish", "code", "name"),
    [
        (Exit(signal_number=15), 143, "SIGTERM"),
        (Exit(signal_number=9), 137, "SIGKILL"),
        (Exit(code=143), 143, None),
    ],
)
def test_a_cancel_that_ended_it_is_cancelled(finish: Exit, code: int, name: str | None) -> None:
    job = end(finish, cancel=ASKED, last_line="terminated")
    assert (job.status, job.exit_code, job.signal) == (JobStatus.CANCELLED, code, name)
    assert job.reason == "cancelled by ann from login01"


def test_a_cancel_may_say_why() -> None:
    job = end(Exit(code=143), cancel={**ASKED, "reason": "wrong list"})
    assert job.reason == "cancelled by ann from login01: wrong list"


def test_a_torn_cancel_request_is_one() -> None:
    job = end(Exit(signal_number=15), cancel={})
    assert (job.status, job.reason) == (JobStatus.CANCELLED, "cancelled by somebody from somewhere")


@pytest.mark.parametrize(
    ("code", "status"), [(0, JobStatus.COMPLETED), (3, JobStatus.FAILED), (127, JobStatus.FAILED)]
)
def test_a_cancel_that_came_too_late_changes_nothing(code: int, status: JobStatus) -> None:
    job = end(Exit(code=code), cancel=ASKED)
    assert (job.status, job.exit_code) == (status, code)


def test_a_cancel_wins_over_a_stop_by_the_system() -> None:
    # The cancel's own signal looks like one.
    assert end(Exit(code=143), cancel=ASKED, stopped=True).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (9, "killed by SIGKILL (out of memory, or a process limit?)"),
        (24, "killed by SIGXCPU (the CPU time limit of this machine)"),
        (25, "killed by SIGXFSZ (the file size limit of this machine)"),
        (11, "killed by SIGSEGV"),
        (15, "killed by SIGTERM"),
        (40, "killed by signal 40"),
    ],
)
def test_a_signal_nobody_asked_for_is_failed(number: int, words: str) -> None:
    job = end(Exit(signal_number=number), last_line="unrelated")
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 128 + number)
    assert job.reason == words + RERUN
    assert job.signal == words.removeprefix("killed by ").partition(" (")[0]


@pytest.mark.parametrize("finish", [Exit(signal_number=15), Exit(code=143), Exit(signal_number=9)])
def test_a_stop_by_the_system_is_failed(finish: Exit) -> None:
    job = end(finish, stopped=True, last_line="terminated")
    assert job.status is JobStatus.FAILED
    assert job.exit_code == finish.shell_code
    assert job.reason == "stopped by the system (logout, shutdown or scheduler)" + RERUN


def test_a_stop_by_the_system_that_came_too_late_changes_nothing() -> None:
    assert end(Exit(code=0), stopped=True).status is JobStatus.COMPLETED
    assert end(Exit(code=3), stopped=True, last_line="x").reason == "x" + RERUN


def test_a_job_without_an_exit_code_is_failed_with_null() -> None:
    job = failed(
        a_job(status=JobStatus.RUNNING, exit_code=None, pid=7), "lost: gone", finished_at="T"
    )
    assert (job.status, job.exit_code, job.pid, job.reason, job.finished_at) == (
        JobStatus.FAILED,
        None,
        None,
        "lost: gone" + RERUN,
        "T",
    )


@pytest.mark.parametrize("argv", [("download", "--ca-file=https://***@host/x"), ()])
def test_without_usable_arguments_it_is_what_the_user_typed(argv: tuple[str, ...]) -> None:
    job = a_job(command="download typed", argv=argv)
    reason = str(failed(job, "lost", finished_at="T").reason)
    assert reason == "lost; run it again: cd / && pdb-cli download typed"


def test_a_cancel_says_who_from_where_what_else_and_why() -> None:
    assert cancel_reason(ASKED) == "cancelled by ann from login01"
    assert cancel_reason(ASKED, note="gone") == "cancelled by ann from login01, gone"
    why = {**ASKED, "reason": "wrong list"}
    assert cancel_reason(why) == "cancelled by ann from login01: wrong list"
    assert cancel_reason(why, note="gone") == "cancelled by ann from login01, gone: wrong list"
