"""``pdb-cli jobs`` over records of every kind, made by the library and by hand."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.progress import Progress, write_progress
from support.jobs import SLEEP, JobStarter, a_job, kill_child, kill_supervisor, pid_of_child, put

if TYPE_CHECKING:
    from pdb_cli.jobs.store import JobStore
    from support.cli import CliRunner


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"schema": 99, "id": "job_bbbbbb", "command": "x", "status": "failed"}']
)
def test_an_unreadable_record_is_listed_and_has_no_status(
    store: JobStore, run_cli: CliRunner, data: bytes
) -> None:
    put(store, a_job("job_aaaaaa"))
    put(store, a_job("job_bbbbbb"))
    assert run_cli("jobs", "--all").returncode == 0  # now the index knows both
    store.paths("job_bbbbbb").meta.write_bytes(data)
    listed = run_cli("jobs", "--all")
    assert listed.returncode == 0
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert "completed" in lines["job_aaaaaa"]
    assert "unreadable" in lines["job_bbbbbb"]
    status = run_cli("jobs", "status", "job_bbbbbb")
    assert (status.returncode, status.stdout) == (1, "")
    assert len(status.stderr.splitlines()) == 1
    assert run_cli("jobs", "status", "job_aaaaaa").returncode == 0


@pytest.mark.parametrize("reference", ["../x", "job_../..", "job_zzzzzz", "", "a", "job_"])
def test_j06_what_names_no_job_is_one_line_and_exit_1(
    store: JobStore, run_cli: CliRunner, reference: str
) -> None:
    put(store, a_job("job_aaaaaa"))
    put(store, a_job("job_abbbbb"))
    done = run_cli("jobs", "status", reference)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_unsupervised_and_lost_jobs_are_shown_as_such(
    start_job: JobStarter, run_cli: CliRunner
) -> None:
    job = start_job(*SLEEP)
    kill_supervisor(job)
    assert "running (unsupervised)" in run_cli("jobs").stdout
    kill_child(job)
    status = json.loads(run_cli("jobs", "status", "last", "-o", "json").stdout)
    assert (status["status"], status["exit_code"]) == ("failed", None)
    assert status["reason"].startswith("lost: ")


def test_a_job_of_another_host_is_unknown(store: JobStore, run_cli: CliRunner) -> None:
    from pdb_cli.jobs.model import JobStatus

    put(store, a_job(host="login01", status=JobStatus.RUNNING, finished_at=None, exit_code=None))
    assert "unknown (login01, never seen)" in run_cli("jobs").stdout
    lock = store.paths("job_aaaaaa").lock
    lock.touch()
    # A fresh heartbeat is a sign of life, also from where the lock can not be seen.
    assert "running" in run_cli("jobs").stdout
    assert "unknown" not in run_cli("jobs").stdout
    os.utime(lock, (time.time() - 7230, time.time() - 7230))
    assert "unknown (login01, last seen 2 h 0 min ago)" in run_cli("jobs").stdout
    status = json.loads(run_cli("jobs", "status", "last", "-o", "json").stdout)
    assert (status["status"], status["doubt"]) == ("running", "unknown")
    assert status["last_seen"].endswith("Z")


def test_j06_a_command_of_any_text_is_one_line_in_the_list(
    start_job: JobStarter, run_cli: CliRunner
) -> None:
    job = start_job.ended(start_job("/bin/true", arguments=["-d", "a\nb\udcff\x1b[31mü"]))
    listed = run_cli("jobs", "--all")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert len(listed.stdout.splitlines()) == 2
    assert r"-d $'a\012b\377\033[31mü'" in listed.stdout
    assert run_cli("jobs", "status", job.id).returncode == 0


def test_cancel_and_clean_from_the_command_line(
    store: JobStore, start_job: JobStarter, run_cli: CliRunner
) -> None:
    running, ended = start_job(*SLEEP), start_job(*SLEEP)
    assert run_cli("jobs", "cancel", ended.id).returncode == 0
    # No waiting in between: the supervisor may still be on its way out.
    cleaned = run_cli("jobs", "clean", "--older-than", "0s")
    assert cleaned.stderr.startswith("removed 1 job")
    assert store.job_ids() == [running.id]
    os.kill(pid_of_child(running), signal.SIGTERM)
    start_job.ended(running)


def test_fifos_in_place_of_record_and_log_hang_nothing(store: JobStore, run_cli: CliRunner) -> None:
    no_record, no_log = store.paths("job_aaaaaa"), store.paths("job_bbbbbb")
    no_record.directory.mkdir(parents=True)
    os.mkfifo(no_record.meta)
    put(store, a_job(no_log.job_id))
    os.mkfifo(no_log.stderr)
    assert "unreadable" in run_cli("jobs", "--all").stdout
    shown = run_cli("jobs", "log", no_log.job_id)
    assert (shown.returncode, shown.stdout) == (0, "")


def test_a_job_of_thousands_of_ids_has_a_short_line(store: JobStore, run_cli: CliRunner) -> None:
    command = "download " + " ".join(["4hhb"] * 20_000)
    put(store, a_job("job_aaaaaa", command=command))
    put(store, a_job("job_bbbbbb", command=command, status=JobStatus.RUNNING, host="elsewhere"))
    lines = run_cli("jobs", "--all").stdout.splitlines()
    assert len(lines) >= 2
    assert max(len(line) for line in lines) < 400


def test_progress_and_label_have_columns_where_a_job_has_them(
    store: JobStore, run_cli: CliRunner
) -> None:
    put(store, a_job("job_ended1"))
    write_progress(store.paths("job_ended1").progress, Progress(4, 4, 0, 10))
    headings = run_cli("jobs", "--all").stdout.splitlines()[0].split()
    assert headings == ["JOB", "STATUS", "STARTED", "TIME", "COMMAND"]
    put(store, a_job("job_runner", status=JobStatus.RUNNING, host="elsewhere", label="we\x1bkly"))
    snapshot = Progress(4000, 1200, 3, 10**9, 12_000_000, 83.5, 190.0, "downloading", 2000, 600)
    snapshot = snapshot._replace(updated_at=utc_now())
    write_progress(store.paths("job_runner").progress, snapshot)
    listed = run_cli("jobs", "--all").stdout.splitlines()
    headings, *lines = (re.split(" {2,}", line) for line in listed)
    assert headings[-3:] == ["PROGRESS", "LABEL", "COMMAND"]
    line = next(line for line in lines if line[0] == "job_runner")
    assert line[-6:-1] == ["1,203/4,000 30 %", "3 failed", "12.0 MB/s", "3 min left", "we?kly"]
    rows = {row["id"]: row for row in json.loads(run_cli("jobs", "-a", "-o", "json").stdout)}
    assert rows["job_runner"]["progress"] == snapshot._asdict()
    assert rows["job_ended1"]["progress"] is None
    status = run_cli("jobs", "status", "job_runner").stdout
    for text in ("we?kly", "downloading", "600 of 2,000", "(30 %), 3 failed", "1.0 GB, 12.0 MB/s"):
        assert text in status
    document = json.loads(run_cli("jobs", "status", "job_ended1", "-o", "json").stdout)
    assert document["progress"]["files_done"] == 4
