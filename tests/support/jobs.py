"""Start real jobs, make records of jobs that never ran, and look how jobs are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.launch import WaitingSupervisor, start_supervisor
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.model import Job, JobStatus
from pdb_cli.jobs.options import Handling, JobOptions
from pdb_cli.jobs.spawn import command_line, spawn_background
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.jobs.store import JobStore

SLEEP = ("/bin/sleep", "60")
"""A command that runs longer than any test, and ends when it is told to."""
STUBBORN = ("/bin/sh", "-c", 'trap "" TERM; echo ready; sleep 60')
"""A command that ignores TERM; its log says when it does."""


def a_job(job_id: str = "job_aaaaaa", **changes: object) -> Job:
    """Return the record of a job that ended well, with some fields changed."""
    place = this_place()
    job = Job(
        id=job_id,
        command="download 4hhb",
        argv=("download", "4hhb"),
        cwd="/",
        status=JobStatus.COMPLETED,
        started_at="2026-01-02T03:04:05Z",
        finished_at="2026-01-02T03:05:05Z",
        exit_code=0,
        host=place.host,
        boot_id=place.boot_id,
        pid_namespace=place.pid_namespace,
        user="somebody",
    )
    return job.with_changes(**changes)


def put(store: JobStore, job: Job) -> Job:
    """Write the record of a job into a directory made for it."""
    store.paths(job.id).directory.mkdir(mode=0o700, parents=True)
    store.write(job, durable=False)
    return job


@dataclass(slots=True)
class JobStarter:
    """Starts real jobs that run any program."""

    store: JobStore
    cwd: Path
    supervisors: list[int] = field(default_factory=list)

    def __call__(
        self,
        *command: str,
        grace_s: float = 5.0,
        arguments: Sequence[str] = ("download", "4hhb"),
        after: str | None = None,
        handling: Handling = Handling(),  # noqa: B008 - immutable
        supervisor: WaitingSupervisor | None = None,
    ) -> Job:
        """Start a job; ``arguments`` is what its record says."""
        return spawn_background(
            self.store,
            lambda _: command[1:],
            supervisor=self.supervisor() if supervisor is None else supervisor,
            cwd=str(self.cwd),
            user="tester",
            command=command_line(arguments),
            options=JobOptions(grace_s=grace_s, after=after),
            handling=handling._replace(program=command[:1]),
        )

    def supervisor(self) -> WaitingSupervisor:
        """Start a supervisor, to be waited for with the others."""
        supervisor = start_supervisor(os.environ)
        self.supervisors.append(supervisor.pid)
        return supervisor

    def until_ready(self, *command: str, grace_s: float = 5.0) -> Job:
        """Start a job and wait until its log begins."""
        job = self(*command, grace_s=grace_s)
        log = self.store.paths(job.id).stdout
        wait_until(lambda: log.stat().st_size > 0, what=f"{command} to say something")
        return job

    def ended(self, job: Job, *, timeout_s: float = 10.0) -> Job:
        """Wait for the end of a job and return its final record."""

        def final() -> Job | None:
            seen = observe(self.store, job.id).job
            return seen if seen.status.final else None

        return wait_until(final, timeout_s=timeout_s, what=f"the end of {job.id}")

    def reap(self) -> None:
        """Wait for the end of all supervisors; the jobs must have ended."""
        for pid in self.supervisors:
            try:
                wait_until(lambda pid=pid: os.waitpid(pid, os.WNOHANG)[0], timeout_s=5)  # type: ignore[misc]
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise
        self.supervisors.clear()


def changed_supervisor(code: str) -> tuple[subprocess.Popen[bytes], WaitingSupervisor]:
    """Start a supervisor of some code that changes ours; the caller waits for the process."""
    its_input, told = os.pipe()
    answered, its_output = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=its_input, stdout=its_output)
    os.close(its_input)
    os.close(its_output)
    return process, WaitingSupervisor(process.pid, told, answered)


def pid_of_child(job: Job) -> int:
    """Return the pid of a job's command."""
    assert job.child is not None
    return job.child.pid


def kill_supervisor(job: Job) -> None:
    """Kill a supervisor as the out-of-memory killer does, and wait until it is gone."""
    assert job.supervisor is not None
    os.kill(job.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: is_gone(job.supervisor.pid))  # type: ignore[union-attr]


def kill_child(job: Job) -> None:
    """Kill a job's command, and wait until it is gone."""
    os.kill(pid_of_child(job), signal.SIGKILL)
    wait_until(lambda: is_gone(pid_of_child(job)))


def is_gone(pid: int) -> bool:
    """Tell whether no process has this pid, or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return True
    return stat.rpartition(b")")[2].split()[0] in {b"Z", b"X"}


def racing_reads(start_job: JobStarter, *, jobs: int) -> list[str]:
    """Read the status of jobs as fast as possible while they end; return what was wrong."""
    wrong = []
    for number in range(jobs):
        code = number % 3
        job = start_job("/bin/sh", "-c", f"sleep 0.0{number % 10}; exit {code}")
        while not (seen := observe(start_job.store, job.id)).job.status.final:
            if seen.doubt is not Doubt.NONE:
                wrong.append(f"{number}: {seen.doubt}")
        if seen.job.exit_code != code:
            wrong.append(f"{number}: {seen.job}")
    return wrong
