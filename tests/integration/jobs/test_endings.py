"""Real commands end in every way, and the record tells which."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import JobStartError
from pdb_cli.jobs.model import JobStatus
from support.jobs import JobStarter, kill_child

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.store import JobStore


def test_exit_code_zero_is_completed(start_job: JobStarter) -> None:
    job = start_job.ended(start_job("/bin/sh", "-c", "echo data; echo message >&2"))
    assert (job.status, job.exit_code, job.reason) == (JobStatus.COMPLETED, 0, None)
    assert job.finished_at is not None
    assert job.finished_at >= job.started_at
    assert job.pid is None
    paths = start_job.store.paths(job.id)
    assert paths.stdout.read_text() == "data\n"
    assert paths.stderr.read_text() == "message\n"
    assert paths.log_link.read_text() == "message\n"
    assert paths.supervisor_log.read_text() == ""


def test_other_exit_codes_are_failed_with_the_last_line_as_reason(start_job: JobStarter) -> None:
    script = "echo first >&2; echo 'it broke' >&2; exit 3"
    job = start_job.ended(start_job("/bin/sh", "-c", script))
    assert (job.status, job.exit_code, job.signal) == (JobStatus.FAILED, 3, None)
    assert job.reason == f"it broke; go on with: pdb-cli jobs restart {job.id}"


def test_a_signal_nobody_asked_for_is_failed(start_job: JobStarter) -> None:
    running = start_job("/bin/sleep", "60")
    kill_child(running)
    job = start_job.ended(running)
    assert (job.status, job.exit_code, job.signal) == (JobStatus.FAILED, 137, "SIGKILL")
    assert job.reason is not None
    assert job.reason.startswith("killed by SIGKILL (out of memory, or a process limit?)")


def test_a_command_that_ends_at_once_keeps_its_exit_code(start_job: JobStarter) -> None:
    # Its end may come before its supervisor has written that it runs.
    codes = [start_job.ended(start_job("/bin/sh", "-c", f"exit {code}")) for code in range(8)]
    assert [job.exit_code for job in codes] == list(range(8))


def test_a_program_that_is_missing_fails_with_the_reason(
    start_job: JobStarter, store: JobStore
) -> None:
    with pytest.raises(JobStartError) as caught:
        start_job("/nowhere/program")
    assert caught.value.reason == "could not start: /nowhere/program: No such file or directory"
    assert caught.value.job_id is not None
    job = store.read(caught.value.job_id)
    assert (job.status, job.exit_code, job.pid) == (JobStatus.FAILED, None, None)
    assert str(job.reason).startswith(f"{caught.value.reason}; ")


def test_a_directory_that_has_gone_fails_with_the_reason(start_job: JobStarter) -> None:
    start_job.cwd = start_job.cwd / "gone"
    with pytest.raises(JobStartError, match="gone: No such file or directory"):
        start_job("/bin/true")


def test_every_argument_arrives_as_it_was(start_job: JobStarter, odd_dir: Path) -> None:
    start_job.cwd = odd_dir
    arguments = ["", " ", "a\nb", "\udcff\udc80", "ü", "'", '"', "$(x)", "\x1b[31m"]
    show = "import os, sys; print([os.fsencode(a) for a in sys.argv[1:]], os.getcwdb())"
    job = start_job.ended(
        start_job(sys.executable, "-c", show, *arguments, arguments=["download", *arguments])
    )
    printed = start_job.store.paths(job.id).stdout.read_text()
    assert printed == f"{[os.fsencode(item) for item in arguments]} {os.fsencode(odd_dir)!r}\n"
    assert job.argv == ("-c", show, *arguments)
    assert job.cwd == str(odd_dir)
    # What people read is one line, and safe to print.
    assert job.command.isprintable()
    assert job.command.startswith("download '' ' ' $'a\\012b' $'\\377\\200' ")


def test_a_jobs_directory_may_have_any_name(start_job: JobStarter, odd_dir: Path) -> None:
    start_job.store = type(start_job.store)(odd_dir / "jobs")
    assert start_job.ended(start_job("/bin/sh", "-c", "exit 4")).exit_code == 4


def test_the_command_gets_default_signals_and_no_input(start_job: JobStarter) -> None:
    look = "grep -E 'Sig(Blk|Ign)' /proc/self/status; wc -c"
    # A shell started by nohup, or in the background, ignores these.
    before = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        running = start_job("/bin/sh", "-c", look)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGHUP, before[1])
    printed = start_job.store.paths(start_job.ended(running).id).stdout.read_text()
    _, blocked, _, ignored, input_bytes = printed.split()
    standard = (1 << 31) - 1  # what is above belongs to the C library
    assert (int(blocked, 16), int(ignored, 16) & standard, input_bytes) == (0, 0, "0")
