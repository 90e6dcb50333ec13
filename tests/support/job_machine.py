"""Random lives of real jobs: whatever happens in whatever order, the promises hold.

A state machine for hypothesis. Its rules start, end, kill, cancel and clean jobs and damage the
index; after every step all jobs are listed and compared with what must have become of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pdb_cli.errors import JobStateError
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.identity import identify, is_alive
from pdb_cli.jobs.index import read_index
from pdb_cli.jobs.listing import JobFilter, JobRow, list_jobs
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.model import Job, JobStatus, ProcessIdentity
from pdb_cli.jobs.store import JobStore
from support.jobs import JobStarter, a_job, kill_child, kill_supervisor, pid_of_child, put
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

End = tuple[JobStatus, int | None]
LOST: End = (JobStatus.FAILED, None)
CODES = st.sampled_from([0, 1, 3, 42, 143])
PICK = st.integers(0, 7)
"""Which of the running jobs: the number counts round."""
INDEX_DAMAGE = st.sampled_from(["delete", "empty", "half", "noise", "foreign", "directory"])


def check_random_lives(folder: Path, *, lives: int, steps: int, phases: Sequence[Phase]) -> None:
    """Let random things happen to real jobs, and raise at the first broken promise.

    Parameters
    ----------
    folder
        Where the jobs directories are made.
    lives
        How many jobs directories.
    steps
        How much may happen in each.
    phases
        Without ``Phase.shrink`` a failure is reported at once, and not at its shortest.
    """
    run_state_machine_as_test(
        lambda: JobMachine(folder),  # type: ignore[arg-type]  # anything that makes a machine does
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            phases=phases,
            deadline=None,
            # Processes take the time they take.
            suppress_health_check=list(HealthCheck),
        ),
    )


@dataclass(slots=True)
class Running:
    """What is known of a job that has not ended."""

    job: Job
    code: int
    """What it will exit with when it is let go."""
    gate: Path
    """A FIFO: the command waits for a line from it."""
    supervised: bool = True
    gate_fd: int | None = None

    @property
    def natural_end(self) -> End:
        """How it ends when it is let go, and its supervisor sees it."""
        return (JobStatus.FAILED if self.code else JobStatus.COMPLETED), self.code

    def open_gate(self) -> None:
        """Let the command exit, now or as soon as it has come to its gate."""
        # Opened so, a FIFO waits for no reader; it stays open, since the last one to close it
        # takes the line away.
        self.gate_fd = os.open(self.gate, os.O_RDWR)
        os.write(self.gate_fd, b"\n")

    def let_go(self) -> None:
        """Let the command exit, and wait until it has."""
        self.open_gate()
        wait_until(lambda: not is_alive(self.job.child), what="the command to end")

    def forget(self) -> None:
        """Close the gate."""
        if self.gate_fd is not None:
            os.close(self.gate_fd)


class JobMachine(RuleBasedStateMachine):
    """The jobs of one jobs directory, and what must be true of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.store = JobStore(self.folder / "jobs")
        self.start_job = JobStarter(self.store, self.folder)
        self.running: dict[str, Running] = {}
        self.ended: dict[str, bytes] = {}
        """The final record of every job that has one, to the byte."""

    # --- what may happen ---------------------------------------------------------------------

    @rule(code=CODES)
    def start(self, code: int) -> None:
        """Start a job that waits to be let go."""
        gate = self.folder / f"gate-{len(self.start_job.supervisors)}"
        os.mkfifo(gate)
        job = self.start_job("/bin/sh", "-c", f'read line <"{gate}"; exit {code}', grace_s=2.0)
        self.running[job.id] = Running(job, code, gate)

    @rule(code=CODES)
    def start_short(self, code: int) -> None:
        """Start a job that ends at once."""
        job = self.start_job("/bin/sh", "-c", f"exit {code}")
        self.running[job.id] = Running(job, code, self.folder)
        self._expect(job.id, self.running[job.id].natural_end)

    @precondition(lambda self: self.running)
    @rule(pick=PICK)
    def end(self, pick: int) -> None:
        """Let a job end by itself; without a supervisor nobody sees how."""
        job_id, running = self._choose(pick)
        running.let_go()
        self._expect(job_id, running.natural_end if running.supervised else LOST)

    @precondition(lambda self: any(item.supervised for item in self.running.values()))
    @rule(pick=PICK)
    def kill_the_supervisor(self, pick: int) -> None:
        """Leave a command alone in the world."""
        job_id, running = self._choose(pick, supervised=True)
        kill_supervisor(running.job)
        self.running[job_id].supervised = False

    @precondition(lambda self: self.running)
    @rule(pick=PICK)
    def kill_the_command(self, pick: int) -> None:
        """Kill a command as the out-of-memory killer does."""
        job_id, running = self._choose(pick)
        kill_child(running.job)
        killed = (JobStatus.FAILED, 128 + signal.SIGKILL)
        self._expect(job_id, killed if running.supervised else LOST)

    @precondition(lambda self: any(item.supervised for item in self.running.values()))
    @rule(pick=PICK)
    def kill_both(self, pick: int) -> None:
        """Kill the supervisor, then the command."""
        job_id, running = self._choose(pick, supervised=True)
        kill_supervisor(running.job)
        kill_child(running.job)
        self._expect(job_id, LOST)

    @precondition(lambda self: any(item.supervised for item in self.running.values()))
    @rule(pick=PICK)
    def kill_the_supervisor_while_the_command_ends(self, pick: int) -> None:
        """Race: either the end was recorded, or nobody saw it."""
        job_id, running = self._choose(pick, supervised=True)
        assert running.job.supervisor is not None
        running.open_gate()
        os.kill(running.job.supervisor.pid, signal.SIGKILL)
        # It may die between the record and the index: the next listing makes up for that.
        self._expect(job_id, running.natural_end, LOST, indexed=False)

    @precondition(lambda self: self.running)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        """Cancel a job; its command does not mind TERM."""
        job_id, running = self._choose(pick)
        cancel_job(self.store, job_id, user="machine")
        assert not is_alive(running.job.child)
        code = 128 + signal.SIGTERM if running.supervised else None
        self._expect(job_id, (JobStatus.CANCELLED, code))

    @precondition(lambda self: any(item.supervised for item in self.running.values()))
    @rule(pick=PICK)
    def cancel_while_the_command_ends(self, pick: int) -> None:
        """Race: either it was cancelled, or the request came too late."""
        job_id, running = self._choose(pick, supervised=True)
        running.open_gate()
        with suppress(JobStateError):
            cancel_job(self.store, job_id, user="machine")
        self._expect(job_id, running.natural_end, (JobStatus.CANCELLED, 128 + signal.SIGTERM))

    @precondition(lambda self: self.ended)
    @rule(pick=PICK)
    def cancel_what_has_ended(self, pick: int) -> None:
        """Ask for what can not be any more."""
        job_id = sorted(self.ended)[pick % len(self.ended)]
        with suppress(JobStateError):
            assert cancel_job(self.store, job_id, user="machine").status is JobStatus.CANCELLED

    @rule(reused=st.sampled_from(["in another boot", "in this boot"]))
    def find_a_job_whose_pids_are_used_again(self, reused: str) -> None:
        """Come upon a record that says running; a process that lives has its pids."""
        alive = identify(os.getpid())
        paths = self.store.reserve()
        paths.directory.rmdir()
        job = a_job(
            paths.job_id,
            status=JobStatus.RUNNING,
            supervisor=alive,
            child=alive,
            finished_at=None,
            exit_code=None,
        )
        if reused == "in another boot":
            job = job.with_changes(boot_id="an earlier one")
        else:
            before = ProcessIdentity(alive.pid, "1")
            job = job.with_changes(supervisor=before, child=before)
        put(self.store, job)
        self.running[job.id] = Running(job, 0, self.folder)
        self._expect(job.id, LOST)

    @precondition(lambda self: self.ended)
    @rule(pick=PICK)
    def remove_a_directory_by_hand(self, pick: int) -> None:
        """Do to the directory of a job what people do."""
        job_id = sorted(self.ended)[pick % len(self.ended)]
        shutil.rmtree(self.store.paths(job_id).directory)
        del self.ended[job_id]

    @precondition(lambda self: self.ended)
    @rule(pick=PICK)
    def tear_a_record_and_mend_it(self, pick: int) -> None:
        """Show a record as unreadable for as long as it is."""
        job_id = sorted(self.ended)[pick % len(self.ended)]
        meta = self.store.paths(job_id).meta
        record = self.ended.pop(job_id)
        meta.write_bytes(record[: len(record) // 2])
        (status,) = [row.status for row in self._list() if row.id == job_id]
        assert status == "unreadable"
        assert clean_jobs(self.store, older_than_s=10**9, now_s=time.time()).unreadable == (job_id,)
        meta.write_bytes(record)
        self.ended[job_id] = record

    @rule()
    def clean(self) -> None:
        """Remove all that ended, and nothing else."""
        result = clean_jobs(self.store, older_than_s=0, now_s=time.time() + 60)
        assert result.removed == tuple(sorted(self.ended))
        assert result.unreadable == ()
        assert self.ended.keys().isdisjoint(read_index(self.store))
        self.ended.clear()

    @rule(damage=INDEX_DAMAGE)
    def damage_the_index(self, damage: str) -> None:
        """Do to the index what disks and people do."""
        index = self.store.jobs_dir / "index.json"
        if not index.is_file():
            return
        data = index.read_bytes()
        index.unlink()
        if damage == "directory":
            # It is in the way until somebody takes it away: slower, and never wrong.
            with suppress(FileExistsError):  # a supervisor has just written a new one
                index.mkdir()
                self._check_list()
                index.rmdir()
        elif damage != "delete":
            noise = {"empty": b"", "half": data[: len(data) // 2], "noise": b"\0\xff" * 50}
            index.write_bytes(noise.get(damage, b'{"schema": 99, "jobs": {}}'))

    # --- what must be true -------------------------------------------------------------------

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Compare the list, the records and the index with what has happened."""
        self._check_list()
        for job_id, record in self.ended.items():
            assert self.store.paths(job_id).meta.read_bytes() == record
        # A supervisor may be writing the index at this moment: then the next listing repairs it.
        wait_until(self._index_is_right, what="the index to equal the directories")

    def teardown(self) -> None:
        """End what still runs."""
        for running in self.running.values():
            if running.supervised:
                kill_supervisor(running.job)
            with suppress(ProcessLookupError):
                os.kill(pid_of_child(running.job), signal.SIGKILL)
        self.start_job.reap()

    def _choose(self, pick: int, *, supervised: bool = False) -> tuple[str, Running]:
        """Choose one of the running jobs."""
        choice = [
            (job_id, running)
            for job_id, running in self.running.items()
            if running.supervised or not supervised
        ]
        return choice[pick % len(choice)]

    def _expect(self, job_id: str, *ends: End, indexed: bool = True) -> None:
        """Wait for the end of a job; it must be one of these."""
        running = self.running.pop(job_id)
        # As close to the end as can be: this reader must not get in its way, nor be wrong.
        deadline_s = time.monotonic() + 20
        while not (job := observe(self.store, job_id).job).status.final:
            assert time.monotonic() < deadline_s, job
        running.forget()
        assert (job.status, job.exit_code) in ends, (job, ends)
        assert job.finished_at is not None
        assert job.pid is None
        self.ended[job_id] = self.store.paths(job_id).meta.read_bytes()
        if indexed:
            # Whoever wrote the end brings the index up to date, before anybody lists.
            wait_until(lambda: self._is_indexed(job), what="the index to know of the end")

    def _is_indexed(self, job: Job) -> bool:
        """Tell whether the index knows how a job ended."""
        entry = read_index(self.store).get(job.id)
        return entry is not None and entry["status"] == job.status

    def _list(self) -> list[JobRow]:
        """List all jobs."""
        return list_jobs(self.store, which=JobFilter.ALL, now_s=time.time())

    def _check_list(self) -> None:
        """List all jobs: all are there, the living are living, the others are as they ended."""
        rows = {row.id: row for row in self._list()}
        assert rows.keys() == self.running.keys() | self.ended.keys()
        for job_id, running in self.running.items():
            doubt = Doubt.NONE if running.supervised else Doubt.UNSUPERVISED
            assert (rows[job_id].status, rows[job_id].note) == (JobStatus.RUNNING, doubt)
            assert is_alive(running.job.child)
        for job_id in self.ended:
            job = observe(self.store, job_id).job
            assert (rows[job_id].status, rows[job_id].note) == (job.status, "")
            assert rows[job_id].finished_at == job.finished_at

    def _index_is_right(self) -> bool:
        """List all jobs, and tell whether the index now says what the records say."""
        self._list()
        records = {job_id: self.store.read(job_id) for job_id in self.store.job_ids()}
        index = read_index(self.store)
        return {key: (entry["status"], entry["finished_at"]) for key, entry in index.items()} == {
            key: (job.status, job.finished_at) for key, job in records.items()
        }
