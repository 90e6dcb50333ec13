"""What may end a background job early: a batch allocation, the user's logout, a CPU limit.

Looked at before a job is started, so it is quick: nearly everywhere one small file is read.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

_SCHEDULERS = {
    "SLURM_JOB_ID": "Slurm",
    "PBS_JOBID": "PBS",
    "LSB_JOBID": "LSF",
    "OAR_JOB_ID": "OAR",
    "FLUX_JOB_ID": "Flux",
    "COBALT_JOBID": "Cobalt",
    "_CONDOR_JOB_AD": "HTCondor",
    "_CONDOR_SCRATCH_DIR": "HTCondor",
}


class Threat(StrEnum):
    """What may end a job before its time."""

    SESSION_END = "session end"
    """logind kills what is left of a session when it ends (KillUserProcesses)."""
    USER_MANAGER_END = "user manager end"
    """The user's service manager, which this runs under, stops after the last logout."""
    CPU_LIMIT = "CPU limit"


class SurvivalWarning(NamedTuple):
    """One threat to a job that is about to be started from here."""

    threat: Threat
    limit_s: int | None = None
    """CPU seconds each process may use, for ``CPU_LIMIT``."""


def batch_allocation(environ: Mapping[str, str]) -> str | None:
    """Return the name of the scheduler in whose allocation we run, or None.

    Parameters
    ----------
    environ
        The environment.

    Examples
    --------
    >>> batch_allocation({"SLURM_JOB_ID": "4711"}), batch_allocation({"JOB_ID": "job_abc123"})
    ('Slurm', None)
    """
    for name, scheduler in _SCHEDULERS.items():
        if environ.get(name):
            return scheduler
    # Many programs set a JOB_ID (so do we, for --notify); Grid Engine's is a number, and not alone.
    number = environ.get("JOB_ID", "")
    if number.isdecimal() and (environ.get("SGE_TASK_ID") or environ.get("SGE_ROOT")):
        return "Grid Engine"
    return None


def survival_warnings(user: str, *, root: Path = Path("/")) -> list[SurvivalWarning]:
    """Return what may end a job started from here early, each threat once.

    Parameters
    ----------
    user
        Our name, as logind knows it.
    root
        Where the system's files are: ``proc/self/cgroup``, logind's configuration, and who lingers.
    """
    if sys.platform == "win32":
        return []  # neither logind nor such limits; a Job Object shows when the process is made
    import resource  # noqa: PLC0415 - Windows has none

    warnings = []
    threat = logout_threat(user, root=root)
    if threat is not None:
        warnings.append(SurvivalWarning(threat))
    limit_s = resource.getrlimit(resource.RLIMIT_CPU)[0]
    if limit_s != resource.RLIM_INFINITY:
        warnings.append(SurvivalWarning(Threat.CPU_LIMIT, limit_s))
    return warnings


def logout_threat(user: str, *, root: Path) -> Threat | None:
    """Return what the user's logout does to processes like this one, or None if nothing.

    Lingering keeps the user's service manager and all that runs under it. It does not keep what
    runs in the scope of a login session: there, KillUserProcesses decides alone (logind.conf(5)).

    Parameters
    ----------
    user, root
        As for ``survival_warnings``.
    """
    units = _read(root / "proc/self/cgroup").replace("\n", "/").split("/")
    if any(unit.startswith("session-") and unit.endswith(".scope") for unit in units):
        from pdb_cli.jobs.logind import kills_session  # noqa: PLC0415 - only in a login session

        return Threat.SESSION_END if kills_session(user, root=root) else None
    managed = any(unit.startswith("user@") and unit.endswith(".service") for unit in units)
    lingers = (root / "var/lib/systemd/linger" / user).exists()
    return Threat.USER_MANAGER_END if managed and not lingers else None


def _read(path: Path) -> str:
    """Return the text of a file; none where it can not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
