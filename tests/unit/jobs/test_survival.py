from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.survival import (
    SurvivalWarning,
    Threat,
    batch_allocation,
    logout_threat,
    survival_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
SESSION_V1 = (
    "9:name=systemd:/user.slice/user-1000.slice/session-c1.scope\n8:pids:/user.slice\n0::/\n"
)
UNDER_SESSION = "0::/user.slice/user-1000.slice/session-3.scope/more\n"
MANAGED = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope\n"
SERVICE = "0::/system.slice/cron.service\n"


def put(root: Path, path: str, text: str = "") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("environ", "scheduler"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "1"}, "Slurm"),
        ({"SLURM_JOB_ID": ""}, None),
        ({"SLURM_CONF": "/etc/slurm.conf"}, None),
        ({"PBS_JOBID": "1.server"}, "PBS"),
        ({"LSB_JOBID": "1"}, "LSF"),
        ({"OAR_JOB_ID": "1"}, "OAR"),
        ({"FLUX_JOB_ID": "f1"}, "Flux"),
        ({"COBALT_JOBID": "1"}, "Cobalt"),
        ({"_CONDOR_JOB_AD": "/x/.job.ad"}, "HTCondor"),
        ({"_CONDOR_SCRATCH_DIR": "/x"}, "HTCondor"),
        ({"JOB_ID": "1", "SGE_TASK_ID": "undefined"}, "Grid Engine"),
        ({"JOB_ID": "1", "SGE_ROOT": "/opt/sge"}, "Grid Engine"),
        ({"JOB_ID": "1"}, None),
        # A command run by --notify on a login node of a Grid Engine cluster.
        ({"JOB_ID": "job_abc123", "SGE_ROOT": "/opt/sge"}, None),
        ({"SGE_ROOT": "/opt/sge"}, None),
    ],
)
def test_a_batch_allocation_is_known_by_its_variables(
    environ: dict[str, str], scheduler: str | None
) -> None:
    assert batch_allocation(environ) == scheduler


@pytest.mark.parametrize("cgroup", [SESSION, SESSION_V1, UNDER_SESSION])
@pytest.mark.parametrize("kills", [True, False])
@pytest.mark.parametrize("lingers", [True, False])
def test_in_a_session_scope_logind_decides_whether_we_linger_or_not(
    tmp_path: Path, cgroup: str, *, kills: bool, lingers: bool
) -> None:
    put(tmp_path, "proc/self/cgroup", cgroup)
    put(tmp_path, "etc/systemd/logind.conf", f"[Login]\nKillUserProcesses={kills}\n")
    if lingers:
        put(tmp_path, "var/lib/systemd/linger/ann")
    expected = Threat.SESSION_END if kills else None
    assert logout_threat("ann", root=tmp_path) is expected


def test_under_the_user_manager_lingering_decides(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", MANAGED)
    put(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    put(tmp_path, "var/lib/systemd/linger/bob")
    assert logout_threat("ann", root=tmp_path) is Threat.USER_MANAGER_END
    assert logout_threat("bob", root=tmp_path) is None


@pytest.mark.parametrize("cgroup", [SERVICE, "0::/\n", "", None])
def test_elsewhere_a_logout_ends_nothing(tmp_path: Path, cgroup: str | None) -> None:
    put(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    if cgroup is not None:
        put(tmp_path, "proc/self/cgroup", cgroup)
    assert logout_threat("ann", root=tmp_path) is None


@pytest.fixture
def cpu_limit_s() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (86_400, hard))
    yield 86_400
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def test_a_cpu_limit_is_told_with_its_seconds(tmp_path: Path, cpu_limit_s: int) -> None:
    assert survival_warnings("ann", root=tmp_path) == [
        SurvivalWarning(Threat.CPU_LIMIT, cpu_limit_s)
    ]


def test_where_no_logout_threatens_none_is_spoken_of(tmp_path: Path) -> None:
    threats = [warning.threat for warning in survival_warnings("ann", root=tmp_path)]
    # The session that runs the tests may have a CPU limit.
    assert set(threats) <= {Threat.CPU_LIMIT}
