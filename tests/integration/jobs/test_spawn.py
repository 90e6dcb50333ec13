"""Starting a job: what the caller may do, and what can go wrong between the two processes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import FileAccessError, JobStartError
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.index import read_index
from pdb_cli.jobs.launch import start_supervisor
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.options import Handling
from pdb_cli.jobs.spawn import spawn_background
from support.jobs import SLEEP, JobStarter, changed_supervisor, is_gone, pid_of_child
from support.processes import with_environment
from support.wait import wait_until

if TYPE_CHECKING:
    from conftest import Isolated
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.store import JobStore

SPAWN = """
import os, pathlib, sys
from pdb_cli.jobs.launch import start_supervisor
from pdb_cli.jobs.options import Handling, JobOptions
from pdb_cli.jobs.spawn import spawn_background
from pdb_cli.jobs.store import JobStore

job = spawn_background(
    JobStore(pathlib.Path(os.environ["PDB_CLI_JOBS_DIR"])),
    lambda paths: sys.argv[2:],
    supervisor=start_supervisor(os.environ),
    cwd="/", user="tester", command="download",
    options=JobOptions(grace_s=1.0), handling=Handling(program=sys.argv[1:2]),
)
print(job.id, flush=True)
"""


def spawn_elsewhere(*command: str) -> list[str]:
    """Return the command line of a process that starts a job and ends."""
    return [sys.executable, "-c", SPAWN, *command]


def stop(start_job: JobStarter, job: Job) -> Job:
    """End a job that would run too long."""
    os.kill(pid_of_child(job), signal.SIGTERM)
    return start_job.ended(job)


def test_j03_twenty_starts_at_once_all_keep_their_exit_code(
    store: JobStore, start_job: JobStarter
) -> None:
    callers = [
        subprocess.Popen(
            spawn_elsewhere("/bin/sh", "-c", f"exit {code}"), stdout=subprocess.PIPE, text=True
        )
        for code in range(20)
    ]
    ids = [caller.communicate(timeout=60)[0].strip() for caller in callers]
    assert len(set(ids)) == 20
    jobs = [start_job.ended(store.read(job_id)) for job_id in ids]
    assert [job.exit_code for job in jobs] == list(range(20))
    # The supervisors update the index as their last act.
    wait_until(lambda: all(is_gone(job.supervisor.pid) for job in jobs if job.supervisor))
    entries = read_index(store)
    assert sorted(entries) == sorted(ids)
    assert {job_id: entry["status"] for job_id, entry in entries.items()} == {
        job.id: str(job.status) for job in jobs
    }


def test_a_caller_in_a_pipe_returns_at_once(store: JobStore, start_job: JobStarter) -> None:
    # Somebody else's descriptor must not be kept open either.
    read_end, write_end = os.pipe()
    started_s = time.monotonic()
    caller = subprocess.Popen(
        spawn_elsewhere(*SLEEP),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[write_end],
    )
    os.close(write_end)
    printed, _ = caller.communicate(timeout=30)  # reads to the end of the pipe
    assert os.read(read_end, 1) == b""
    took_s = time.monotonic() - started_s
    os.close(read_end)
    job = store.read(printed.decode().strip())
    assert observe(store, job.id).job.status is JobStatus.RUNNING
    assert job.supervisor is not None
    for pid in (job.supervisor.pid, pid_of_child(job)):
        targets = [str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)]
        assert targets[0] == "/dev/null"
        assert all(target.startswith(str(store.jobs_dir)) for target in targets[1:])
    stop(start_job, job)
    assert took_s < 1.0


CONTROLLED = """
import fcntl, os, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv("/bin/sh", ["sh", "-c", '"$@" && exec sleep 60', "sh", *sys.argv[1:]])
"""
"""A shell whose controlling terminal is its standard input: what a hang-up is sent to."""


def test_a_callers_terminal_that_hangs_up_does_not_end_the_job(
    store: JobStore, start_job: JobStarter, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    controller, terminal = pty.openpty()
    command = spawn_elsewhere(
        "/bin/sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done; echo end; exit 7"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, *command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    job = store.read(os.read(controller, 100).decode().strip())
    assert job.supervisor is not None
    os.close(controller)
    # The kernel has hung up on everybody who had this terminal.
    assert caller.wait(timeout=10) == -signal.SIGHUP
    assert observe(store, job.id).job.status is JobStatus.RUNNING
    for pid in (job.supervisor.pid, pid_of_child(job)):
        assert os.getsid(pid) == pid
        assert terminal_of(pid) == 0
    go.touch()
    ended = start_job.ended(job)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 7)
    assert store.paths(job.id).stdout.read_text() == "end\n"


def terminal_of(pid: int) -> int:
    """Return the number of a process's controlling terminal, 0 if it has none."""
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[4])


def test_j06_everything_is_private_whatever_the_umask(
    store: JobStore, start_job: JobStarter
) -> None:
    before = os.umask(0)
    try:
        job = start_job(*SLEEP)
    finally:
        os.umask(before)
    wait_until((store.jobs_dir / "index.json").exists)
    paths = store.paths(job.id)
    found = {
        path.name: oct(path.lstat().st_mode & 0o777)
        for path in [store.jobs_dir, *store.jobs_dir.iterdir(), *paths.directory.iterdir()]
        if not path.is_symlink()
    }
    stop(start_job, job)
    files = {"index.json", "index.lock", "lock", "meta.json", "pid"}
    logs = {"stderr.log", "stdout.log", "supervisor.log"}
    assert found == {
        "jobs": "0o700",
        job.id: "0o700",
        **dict.fromkeys(files | logs, "0o600"),
    }


def test_a_job_knows_where_it_is(store: JobStore, start_job: JobStarter) -> None:
    job = start_job("/bin/sh", "-c", 'echo "$PDB_CLI_JOB_DIR"; pwd')
    printed = store.paths(start_job.ended(job).id).stdout.read_text()
    assert printed.split() == [str(store.paths(job.id).directory), str(start_job.cwd)]


def test_a_relative_jobs_directory_works(
    start_job: JobStarter, isolated: Isolated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(isolated.work_dir)
    start_job.store = type(start_job.store)((isolated.work_dir / "j").relative_to(os.getcwd()))  # noqa: PTH109 - the fixture changed it
    assert start_job.ended(start_job("/bin/sh", "-c", "exit 5")).exit_code == 5
    assert list((isolated.work_dir / "j").glob("job_??????/meta.json"))


def test_a_request_longer_than_a_pipe_arrives_whole(store: JobStore, start_job: JobStarter) -> None:
    # One argument may not be longer than 128 KiB; there may be many.
    arguments = ["x" * 1000] * 1000
    job = start_job("/bin/sh", "-c", "echo $#", "sh", *arguments)
    assert store.paths(start_job.ended(job).id).stdout.read_text() == "1000\n"


def test_a_supervisor_that_is_not_needed_leaves_nothing(store: JobStore) -> None:
    supervisor = start_supervisor(os.environ)
    supervisor.dismiss()
    assert os.waitstatus_to_exitcode(os.waitpid(supervisor.pid, 0)[1]) == 0
    assert not store.jobs_dir.exists()


def test_an_error_before_the_hand_over_leaves_nothing(
    store: JobStore, start_job: JobStarter
) -> None:
    supervisor = start_job.supervisor()

    def refuse(paths: JobPaths) -> list[str]:
        (paths.directory / "input.list").write_text("4hhb\n")
        raise FileAccessError("read", paths.directory, "refused")

    with pytest.raises(FileAccessError, match="refused"):
        spawn_background(
            store, refuse, supervisor=supervisor, cwd="/", user="tester", command="download"
        )
    assert list(store.jobs_dir.iterdir()) == []


def kill_caller(program: str, arguments: str) -> None:
    """Run a caller that is killed at a certain point of the start."""
    code = SPAWN.replace("job = ", f"{arguments}\n\njob = ", 1)
    code = code.replace("lambda paths: sys.argv[2:]", "arguments")
    code = code.replace("program=sys.argv[1:2]", program)
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL


def test_a_caller_killed_before_the_record_leaves_nothing_to_see(store: JobStore) -> None:
    kill_caller("program=()", "def arguments(paths): os.kill(os.getpid(), 9)")
    (job_id,) = store.job_ids()
    assert list_jobs(store, which=JobFilter.ALL, now_s=time.time()) == []
    # Long after, clean takes it away.
    long_ago = time.time() - 3600
    os.utime(store.paths(job_id).directory, (long_ago, long_ago))
    (row,) = list_jobs(store, which=JobFilter.ALL, now_s=time.time())
    assert (row.status, row.note) == ("unreadable", "meta.json is missing")
    assert clean_jobs(store, older_than_s=0, now_s=time.time()).removed == (job_id,)


def test_a_caller_killed_after_the_record_leaves_a_lost_job(store: JobStore) -> None:
    deadly = "class Deadly(tuple):\n    def __iter__(self): os.kill(os.getpid(), 9)\n"
    kill_caller("program=Deadly()", deadly + "def arguments(paths): return []")
    (job_id,) = store.job_ids()
    wait_until(lambda: observe(store, job_id).job.status.final)
    job = observe(store, job_id).job
    assert (job.status, job.exit_code) == (JobStatus.FAILED, None)
    assert (job.reason or "").startswith("lost: ")


def test_a_caller_killed_before_it_hears_the_answer_leaves_a_job_that_runs(
    store: JobStore, start_job: JobStarter
) -> None:
    stopped = SPAWN.replace(
        "job = ",
        "supervisor = start_supervisor(os.environ)\nos.kill(supervisor.pid, 19)\njob = ",
        1,
    ).replace("supervisor=start_supervisor(os.environ)", "supervisor=supervisor")
    caller = subprocess.Popen([sys.executable, "-c", stopped, "/bin/sh", "-c", "exit 6"])
    waiting = Path(f"/proc/{caller.pid}/wchan")
    wait_until(lambda: "poll" in waiting.read_text(), what="the caller to wait for the answer")
    (job_id,) = store.job_ids()
    caller.kill()
    caller.wait()
    job = store.read(job_id)
    assert job.supervisor is not None
    os.kill(job.supervisor.pid, signal.SIGCONT)
    assert start_job.ended(job).exit_code == 6
    assert store.paths(job_id).supervisor_log.read_text() == ""


@pytest.mark.parametrize("arguments", [(), ("x" * 100_000,) * 10], ids=["short", "long"])
def test_a_supervisor_that_died_makes_the_start_fail(
    store: JobStore, start_job: JobStarter, arguments: tuple[str, ...]
) -> None:
    supervisor = start_job.supervisor()
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: is_gone(supervisor.pid))
    with pytest.raises(JobStartError, match="its supervisor died while starting"):
        spawn_background(
            store,
            lambda _: arguments,
            supervisor=supervisor,
            cwd="/",
            user="tester",
            command="download",
        )
    (job_id,) = store.job_ids()
    job = store.read(job_id)
    assert (job.status, job.exit_code) == (JobStatus.FAILED, None)
    assert job.reason is not None
    assert job.reason.startswith("its supervisor died while starting; ")


def test_a_supervisor_that_answers_too_late_finds_its_job_cancelled(
    store: JobStore, start_job: JobStarter
) -> None:
    supervisor = start_job.supervisor()
    os.kill(supervisor.pid, signal.SIGSTOP)
    with pytest.raises(JobStartError, match=r"did not answer within 0\.1 s") as caught:
        start_job(*SLEEP, supervisor=supervisor, handling=Handling(answer_wait_s=0.1))
    assert caught.value.job_id is not None
    os.kill(supervisor.pid, signal.SIGCONT)
    job = start_job.ended(store.read(caught.value.job_id))
    assert job.status is JobStatus.CANCELLED
    assert (job.reason or "").endswith(": its supervisor did not answer within 0.1 s")


def test_no_supervisor_can_be_started_without_descriptors(store: JobStore) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n"
    code = SPAWN.replace("job = ", f"{code}job = ", 1)
    done = subprocess.run(
        [sys.executable, "-c", code, *SLEEP], capture_output=True, text=True, check=False
    )
    assert "JobStartError: (None, 'no process could be started: Too many open files')" in (
        done.stderr
    )
    assert not store.jobs_dir.exists()


DIES_BEFORE_THE_RECORD = """
import os
from pdb_cli.jobs import supervisor

# The first thing after starting the command is to look who it is.
identify = supervisor.identify
supervisor.identify = lambda pid: identify(pid) if pid == os.getpid() else os.kill(os.getpid(), 9)
supervisor.main()
"""


def test_a_supervisor_that_dies_before_it_has_recorded_the_command_leaves_none_running(
    store: JobStore, start_job: JobStarter
) -> None:
    process, supervisor = changed_supervisor(DIES_BEFORE_THE_RECORD)
    with pytest.raises(JobStartError, match="its supervisor died while starting"):
        start_job(*SLEEP, supervisor=supervisor)
    process.wait(timeout=10)
    (job_id,) = store.job_ids()
    assert store.read(job_id).status is JobStatus.FAILED
    assert with_environment("PDB_CLI_JOB_DIR", str(store.paths(job_id).directory)) == []
