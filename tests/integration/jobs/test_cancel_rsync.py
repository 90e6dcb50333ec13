"""Cancel a job that has started a real rsync, a process in a session of its own, and a daemon."""

from __future__ import annotations

import random
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.model import JobStatus
from support.jobs import is_gone, kill_supervisor
from support.processes import with_environment
from support.programs import require_program
from support.rsync_daemon import RsyncDaemon
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore
    from support.jobs import JobStarter

FILES = 12
FILE_BYTES = 150_000
GRACE_S = 0.5
RSYNC_KIB_PER_S = 400
# A session of its own; and, by a double fork, a daemon that ignores TERM. The daemon's environment
# is empty when it has forgotten where it comes from.
COMMAND = """
import os, signal, subprocess, sys

rsync, url, destination, daemon_environment = sys.argv[1:]
subprocess.Popen(["setsid", "/bin/sh", "-c", "echo setsid $$; exec sleep 60"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        environ = {} if daemon_environment == "empty" else os.environ
        os.execve("/bin/sh", ["sh", "-c", "echo daemon $$; exec sleep 60"], environ)
    os._exit(0)
os.wait()
sys.exit(subprocess.call([rsync, "--archive", "--bwlimit=KIB", url, destination]))
""".replace("KIB", str(RSYNC_KIB_PER_S))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return files that can not be compressed away."""
    folder = tmp_path / "source"
    folder.mkdir()
    noise = random.Random(0)
    for number in range(FILES):
        (folder / f"{number:02}.cif.gz").write_bytes(noise.randbytes(FILE_BYTES))
    return folder


@pytest.fixture
def daemon(source: Path, tmp_path: Path) -> Iterator[RsyncDaemon]:
    (tmp_path / "daemon").mkdir()
    rsync = require_program("rsync", package="rsync")
    with RsyncDaemon(rsync, source, folder=tmp_path / "daemon") as running:
        yield running


def start_in_the_middle(
    start_job: JobStarter, daemon: RsyncDaemon, destination: Path, *, daemon_environment: str
) -> tuple[Job, list[int]]:
    """Start the job; return when it is about to write a file, with its two runaways."""
    rsync = require_program("rsync", package="rsync")
    command = (rsync, f"{daemon.url}/", f"{destination}/", daemon_environment)
    job = start_job(sys.executable, "-c", COMMAND, *command, grace_s=GRACE_S)
    log = start_job.store.paths(job.id).stdout

    def runaways() -> list[int] | None:
        words = log.read_text().split()
        return [int(words[1]), int(words[3])] if len(words) == 4 else None

    pids = wait_until(runaways, what="the runaways")
    wait_until(lambda: finished(destination) and partial(destination), what="rsync to be at work")
    return job, pids


def finished(destination: Path) -> list[Path]:
    """Return the files that have their final name."""
    return sorted(destination.glob("*.cif.gz"))


def partial(destination: Path) -> list[Path]:
    """Return the temporary files of rsync."""
    return sorted(destination.glob(".*.cif.gz.*"))


def assert_none_is_torn(source: Path, destination: Path) -> None:
    """Check that some files have arrived, not all, and each of them whole."""
    arrived = finished(destination)
    assert 0 < len(arrived) < FILES
    for path in arrived:
        assert path.read_bytes() == (source / path.name).read_bytes(), path.name


def members(store: JobStore, job: Job) -> list[int]:
    """Return every living process that was started for a job and still says so."""
    folder = str(store.paths(job.id).directory)
    return [process.pid for process in with_environment("PDB_CLI_JOB_DIR", folder)]


@pytest.mark.parametrize("daemon_environment", ["inherited", "empty"])
def test_j01_rsync_and_its_runaway_siblings_end_and_no_file_is_torn(
    store: JobStore,
    start_job: JobStarter,
    source: Path,
    daemon: RsyncDaemon,
    daemon_environment: str,
) -> None:
    destination = source.parent / "destination"
    job, runaways = start_in_the_middle(
        start_job, daemon, destination, daemon_environment=daemon_environment
    )
    # The command, rsync and its second process, and the runaways.
    assert len(members(store, job)) >= (5 if daemon_environment == "inherited" else 4)
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="somebody")
    alive = [*members(store, job), *(pid for pid in runaways if not is_gone(pid))]
    took_s = time.monotonic() - started_s
    assert alive == []
    assert GRACE_S <= took_s < GRACE_S + 1.0
    assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, 143)
    assert_none_is_torn(source, destination)
    # rsync was given the time to take its temporary file away.
    assert partial(destination) == []


def test_j01_the_same_without_a_supervisor(
    store: JobStore, start_job: JobStarter, source: Path, daemon: RsyncDaemon
) -> None:
    destination = source.parent / "destination"
    job, runaways = start_in_the_middle(
        start_job, daemon, destination, daemon_environment="inherited"
    )
    kill_supervisor(job)
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="somebody")
    alive = [*members(store, job), *(pid for pid in runaways if not is_gone(pid))]
    took_s = time.monotonic() - started_s
    assert alive == []
    assert took_s < GRACE_S + 1.0
    assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, None)
    assert_none_is_torn(source, destination)
