"""``./dev`` on machines that lack something, played by small fake programs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.package_copy import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

# What a POSIX system has anyway; everything else is missing unless a test fakes it.
TOOLS = ("cat", "cksum", "dirname", "env", "grep", "id", "mktemp", "rm", "sh", "touch")


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder with ``dev`` and a PATH of its own."""

    root: Path

    @property
    def programs(self) -> Path:
        """The folder of programs the machine has."""
        return self.root / "programs"

    def fake(self, name: str, script: str) -> None:
        """Give the machine a program."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def have_environment(self) -> None:
        """Make a .venv that looks complete and whose python repeats its arguments."""
        (self.root / ".venv" / "bin").mkdir(parents=True)
        fingerprint = self.run_shell("cksum pyproject.toml constraints.txt; pwd -P").stdout
        (self.root / ".venv" / "installed-development").write_text(fingerprint)
        python = self.root / ".venv" / "bin" / "python"
        python.write_text('#!/bin/sh\necho "python $*"\n')
        python.chmod(0o755)

    def run_shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell on the machine."""
        return subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=self.root,
            env={"PATH": str(self.programs), "HOME": str(self.root)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("dev", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    machine = Machine(tmp_path)
    machine.programs.mkdir()
    for tool in TOOLS:
        path = shutil.which(tool)
        assert path is not None
        (machine.programs / tool).symlink_to(path)
    return machine


def test_help_lists_every_command(machine: Machine) -> None:
    result = machine.run_shell("./dev help")
    assert result.returncode == 0
    source = (machine.root / "dev").read_text()
    defined = {line[4 : line.index("(")] for line in source.splitlines() if line.startswith("run_")}
    listed = {line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")}
    assert defined == listed - {"help"}


def test_an_unknown_command_is_refused(machine: Machine) -> None:
    result = machine.run_shell("./dev tset")
    assert result.returncode == 1
    assert "there is no command 'tset'" in result.stderr


def test_without_python_it_says_what_it_needs(machine: Machine) -> None:
    machine.fake("python3", "exit 1")
    result = machine.run_shell("./dev demo")
    assert result.returncode == 1
    assert "no Python 3.11 or later found" in result.stderr


def test_without_the_venv_module_and_apt_it_names_the_package(machine: Machine) -> None:
    python = f'case "$*" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac'
    machine.fake("python3", python)
    result = machine.run_shell("./dev demo")
    assert result.returncode == 1
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"install the package python{version}-venv" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("first_try", ["true", "exit 100"])
def test_with_apt_it_installs_the_venv_module_and_asks_nothing(
    machine: Machine, first_try: str
) -> None:
    python = f'case "$*" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac'
    machine.fake("python3", python)
    machine.fake("id", "echo 0")
    machine.fake(
        "apt-get",
        f'echo "$DEBIAN_FRONTEND $*" >>"{machine.root}/apt"\n'
        f'read answer && echo "asked" >>"{machine.root}/apt"\n'
        f'case "$*" in *update*) touch "{machine.root}/updated" ;; esac\n'
        f'[ -e "{machine.root}/updated" ] || {first_try}\n'
        f'printf "#!/bin/sh\\nexit 9\\n" >"{machine.programs}/python3"',  # seen enough
    )
    result = machine.run_shell("./dev demo")
    assert "could not make .venv" in result.stderr
    calls = (machine.root / "apt").read_text().splitlines()
    assert all(call.startswith("noninteractive ") for call in calls)
    actions = ["update" if call.endswith("update") else "install" for call in calls]
    assert actions == (["install"] if first_try == "true" else ["install", "update", "install"])
    assert all("-venv" in call for call in calls if "install" in call)


def test_a_missing_program_is_named_once_and_the_tests_run(machine: Machine) -> None:
    machine.have_environment()
    machine.fake("nginx", "")
    result = machine.run_shell("./dev test tests/unit")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("rsync is missing") == 1
    assert "the tests of rsync transfers are skipped" in result.stderr
    assert "python -m pytest -n auto tests/unit" in result.stdout


def test_nothing_is_installed_when_nothing_is_missing(machine: Machine) -> None:
    machine.have_environment()
    machine.fake("nginx", "")
    machine.fake("rsync", "")
    machine.fake("apt-get", f'touch "{machine.root}/apt"')
    result = machine.run_shell("./dev test")
    assert (result.returncode, result.stderr) == (0, "")
    assert not (machine.root / "apt").exists()


def test_bytecode_is_never_switched_off(machine: Machine) -> None:
    machine.have_environment()
    machine.fake("nginx", "")
    machine.fake("rsync", "")
    python = machine.root / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "<${PYTHONDONTWRITEBYTECODE-unset}>"\n')
    result = machine.run_shell("PYTHONDONTWRITEBYTECODE=1 ./dev test")
    assert set(result.stdout.split()) == {"<unset>"}


def test_a_benchmark_must_exist(machine: Machine) -> None:
    (machine.root / "benchmarks").mkdir()
    (machine.root / "benchmarks" / "startup.py").touch()
    (machine.programs / "sed").symlink_to(str(shutil.which("sed")))
    result = machine.run_shell("./dev bench walk")
    assert result.returncode == 1
    assert "which benchmark? startup" in result.stderr
