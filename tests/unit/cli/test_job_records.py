from __future__ import annotations

import pytest

from pdb_cli.cli.job_records import end_line, exit_code_of
from pdb_cli.jobs.model import JobStatus
from support.jobs import a_job


@pytest.mark.parametrize(
    ("status", "recorded", "code"),
    [
        (JobStatus.COMPLETED, 0, 0),
        (JobStatus.FAILED, 7, 7),
        (JobStatus.FAILED, 137, 137),
        (JobStatus.CANCELLED, 143, 143),
        (JobStatus.FAILED, None, 1),
        # Records that somebody else wrote: a failure never looks like a success.
        (JobStatus.FAILED, 0, 1),
        (JobStatus.FAILED, 256, 1),
        (JobStatus.FAILED, -9, 1),
    ],
)
def test_the_exit_code_is_0_only_for_a_job_that_completed(
    status: JobStatus, recorded: int | None, code: int
) -> None:
    assert exit_code_of(a_job(status=status, exit_code=recorded)) == code


def test_the_line_of_an_end_is_one_line_whatever_the_reason() -> None:
    assert end_line(a_job()) == "job_aaaaaa completed"
    failed = a_job(status=JobStatus.FAILED, reason="no\nroom\x1b[31m")
    assert end_line(failed) == "job_aaaaaa failed: no?room?[31m"
    assert end_line(a_job(status=JobStatus.CANCELLED)) == "job_aaaaaa cancelled"
