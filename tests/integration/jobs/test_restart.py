"""``jobs restart``: the same arguments again, as a new job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import FileAccessError, JobRestartError, JobStateError
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.options import Handling
from pdb_cli.jobs.restart import find_restartable, remembered_target, restart_job
from pdb_cli.jobs.spawn import write_input
from support.jobs import SLEEP, JobStarter, a_job, put

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore


def restart(store: JobStore, start_job: JobStarter, job: Job, **handling: object) -> Job:
    """Restart a job whose program is a shell."""
    found = find_restartable(store, job.id)
    supervisor = start_job.supervisor()
    return restart_job(
        store,
        found,
        supervisor=supervisor,
        user="ann",
        handling=Handling(program=["/bin/sh"])._replace(**handling),  # type: ignore[arg-type]
    )


def test_the_new_job_has_the_arguments_directory_and_label_of_the_old_one(
    store: JobStore, start_job: JobStarter
) -> None:
    script = "[ -e second ] && exit 0; touch second; exit 3"
    old = start_job.ended(start_job("/bin/sh", "-c", script))
    old = old.with_changes(label="weekly")
    store.write(old)
    new = restart(store, start_job, old)
    assert new.id != old.id
    assert (new.argv, new.cwd, new.command) == (old.argv, old.cwd, old.command)
    assert (new.label, new.restarted_from) == ("weekly", old.id)
    assert start_job.ended(new).status is JobStatus.COMPLETED
    assert store.read(old.id) == old


def test_lists_kept_with_the_old_job_are_the_new_ones_own(
    store: JobStore, start_job: JobStarter
) -> None:
    old = put(store, a_job(status=JobStatus.FAILED, exit_code=1, cwd=str(start_job.cwd)))
    kept = write_input(store.paths(old.id), "input.list", b"4hhb\n")
    old = old.with_changes(argv=("-c", 'cat "$1" >&2; exit 4', "sh", str(kept)))
    store.write(old)
    new = restart(store, start_job, old)
    copy = store.paths(new.id).directory / "input.list"
    assert new.argv[-1] == str(copy)
    # The old job may be cleaned meanwhile.
    kept.unlink()
    assert start_job.ended(new).exit_code == 4
    assert store.paths(new.id).stderr.read_text() == "4hhb\n"


def test_a_list_that_is_gone_is_said_and_leaves_nothing(
    store: JobStore, start_job: JobStarter
) -> None:
    old = put(store, a_job(status=JobStatus.FAILED, exit_code=1))
    missing = store.paths(old.id).directory / "input.list"
    store.write(old.with_changes(argv=("download", "--list", str(missing))))
    with pytest.raises(FileAccessError, match="read"):
        restart(store, start_job, old)
    assert store.job_ids() == [old.id]


def test_a_job_that_runs_is_not_started_twice(store: JobStore, start_job: JobStarter) -> None:
    job = start_job(*SLEEP)
    with pytest.raises(JobStateError) as caught:
        find_restartable(store, job.id)
    assert (caught.value.status, caught.value.wanted) == ("running", "restart")
    cancel_job(store, job.id, user="ann")
    assert find_restartable(store, job.id).status is JobStatus.CANCELLED


def test_arguments_without_their_secret_are_not_run(store: JobStore) -> None:
    put(store, a_job(argv=("download", "--proxy=https://***@host/"), command="download --proxy=x"))
    with pytest.raises(JobRestartError) as caught:
        find_restartable(store, "job_aaaaaa")
    assert caught.value.continuation == "run it again: cd / && pdb-cli download --proxy=x"


def test_the_new_job_tells_whom_it_is_told_to_tell(store: JobStore, start_job: JobStarter) -> None:
    old = put(store, a_job(argv=("-c", "exit 0"), notify="echo old"))
    new = restart(store, start_job, old, notify="echo new")
    assert new.notify == "echo new"
    start_job.ended(new)


@pytest.mark.parametrize(
    ("kept", "target"), [("echo old", "echo old"), (None, ""), ("slack://***", None)]
)
def test_whoever_was_told_is_remembered_but_for_secrets(
    kept: str | None, target: str | None
) -> None:
    assert remembered_target(a_job(notify=kept)) == target
