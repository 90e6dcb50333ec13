"""What every test gets: an environment of its own, no network, no process left behind."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support import processes
from support.cli import CliRunner
from support.network_guard import block_network
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# On a machine that is busy with other things an example takes any time.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Settings of the machine that would change what a test sees.
_REMOVED_PREFIXES = (
    "PDB_", "XDG_", "RSYNC_",
    "SLURM_", "PBS_", "LSB_", "SGE_", "OAR_", "FLUX_", "COBALT_", "_CONDOR_",
)  # fmt: skip
_REMOVED = frozenset({
    "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
    "CURL_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "NETRC",
    "COLUMNS", "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PYTHONPATH",
})  # fmt: skip
_LAST_BREATH_S = 3.0


@dataclass(frozen=True, slots=True)
class Isolated:
    """The places a test's environment points to; only ``home`` and ``work_dir`` exist yet."""

    home: Path
    config_home: Path
    cache_home: Path
    jobs_dir: Path
    work_dir: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give soak tests all the time they need."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse in-process connections to other machines."""
    with pytest.MonkeyPatch.context() as patch:
        block_network(patch)
        yield


@pytest.fixture(autouse=True)
def isolated(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Isolated]:
    """Give the test a home of its own, and end with none of its jobs alive."""
    base = tmp_path_factory.mktemp("isolated")
    places = Isolated(
        home=base / "home",
        config_home=base / "home" / ".config",
        cache_home=base / "home" / ".cache",
        jobs_dir=base / "jobs",
        work_dir=base / "work",
    )
    places.home.mkdir()
    places.work_dir.mkdir()
    for name in os.environ:
        if name.startswith(_REMOVED_PREFIXES) or name.upper() in _REMOVED:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(places.home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(places.config_home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(places.cache_home))
    monkeypatch.setenv("PDB_CLI_JOBS_DIR", str(places.jobs_dir))
    yield places
    if places.jobs_dir.exists() and processes.available():
        _end_jobs(places.jobs_dir)


@pytest.fixture
def run_cli(isolated: Isolated) -> CliRunner:
    """Return a callable that runs ``pdb-cli`` in the test's environment."""
    return CliRunner(isolated.work_dir)


def _end_jobs(jobs_dir: Path) -> None:
    """Fail when a process of the test's jobs is still alive, and end it."""

    def alive() -> list[processes.Process]:
        return processes.with_environment("PDB_CLI_JOBS_DIR", str(jobs_dir))

    # A supervisor that has written its last word needs a moment to be gone.
    try:
        wait_until(lambda: not alive(), timeout_s=_LAST_BREATH_S)
    except AssertionError:
        left = alive()
        for process in left:
            os.kill(process.pid, signal.SIGKILL)
        pytest.fail(f"left running after the test: {[process.command for process in left]}")
