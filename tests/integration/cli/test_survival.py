"""What ``--bg`` looks at before it starts a job: batch allocations and limits of the session."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Isolated
    from support.lab import Lab


def test_inside_a_batch_allocation_bg_is_refused_and_force_starts_it(
    lab: Lab, isolated: Isolated
) -> None:
    slurm = {"SLURM_JOB_ID": "4711"}
    done = lab.run("download", "3hya", "--bg", env=slurm)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "pdb-cli: a background job would end with this Slurm allocation; run it "
        "here without --bg, start it from the login node, or add --force\n"
    )
    assert not isolated.jobs_dir.exists()
    done = lab.run("-q", "download", "3hya", "--bg", "--force", env=slurm)
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    assert lab.run("jobs", "wait", job_id).returncode == 0
    record = json.loads(lab.run("jobs", "status", job_id, "-o", "json").stdout)
    # What it was started with is no part of its work: a restart from elsewhere needs no force.
    assert record["argv"][-3:] == ["download", "--", "3hya"]
    assert lab.run("download", "1kqe", env=slurm).returncode == 0


def test_force_without_bg_is_a_mistake(lab: Lab) -> None:
    done = lab.run("download", "3hya", "--force")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "add --bg" in done.stderr


@pytest.fixture
def cpu_limit() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (86_400, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


@pytest.mark.usefixtures("cpu_limit")
def test_a_cpu_limit_is_one_line_before_the_job_starts(lab: Lab) -> None:
    done = lab.run("download", "3hya", "--bg")
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "CPU" in line]
    assert len(lines) == 1
    assert "86400 s of CPU time" in lines[0]
    quiet = lab.run("-q", "download", "1kqe", "--bg")
    assert quiet.stderr == ""
    assert lab.run("jobs", "wait", done.stdout.split()[2], quiet.stdout.strip()).returncode == 0
