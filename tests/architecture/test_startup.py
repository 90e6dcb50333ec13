"""What people and scripts ask for most starts without the heavy modules.

A stopwatch is noise in a test, so a fresh interpreter lists what it imports; the times are in
benchmarks/startup.py. One careless import at the top of a module costs more than all of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.store import JobStore
from support.archive_simulator import ArchiveSimulator
from support.imports import imported_modules
from support.jobs import a_job, put
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conftest import Isolated
    from support.package_copy import PackageCopy

HEAVY = frozenset({
    "asyncio", "concurrent", "email", "gemmi", "http", "importlib.metadata", "isal", "logging",
    "multiprocessing", "pycurl", "rich", "selectors", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "tomlkit", "unittest", "urllib.request", "xml", "pdb_cli.transfer.http",
})  # fmt: skip
# The parser costs as much as an interpreter's start; these answers need none.
PARSER = frozenset({"click", "pdb_cli.cli.commands"})
NO_WORK = frozenset({"pdb_cli.operations", "pdb_cli.transfer", "pdb_cli.storage.partial"})
ONLY_TEXT = frozenset({"json", "pathlib", "pdb_cli.archive", "pdb_cli.config", "pdb_cli.jobs"})

FORBIDDEN = {
    "--version": HEAVY | PARSER | NO_WORK | ONLY_TEXT,
    "--help": HEAVY | PARSER | NO_WORK | ONLY_TEXT,
    "jobs": HEAVY | PARSER | NO_WORK | {"tomllib", "pdb_cli.errors.transfer"},
}


def intruders(modules: Iterable[str], forbidden: frozenset[str]) -> list[str]:
    """Return the modules that are forbidden, or inside of a forbidden one."""
    return sorted(
        module
        for module in modules
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    )


@pytest.mark.parametrize("argument", FORBIDDEN)
def test_quick_answers_import_little(argument: str, isolated: Isolated) -> None:
    modules = imported_modules("-m", "pdb_cli", argument, cwd=isolated.work_dir)
    assert "pdb_cli.cli.main" in modules
    assert intruders(modules, FORBIDDEN[argument]) == []


def test_jobs_that_have_ended_cost_no_look_at_how_far_they_came(isolated: Isolated) -> None:
    put(JobStore(isolated.jobs_dir), a_job())
    modules = imported_modules("-m", "pdb_cli", "jobs", "--all", cwd=isolated.work_dir)
    assert "pdb_cli.cli.job_table" in modules
    unneeded = {"pdb_cli.jobs.progress", "pdb_cli.jobs.liveness", "pdb_cli.cli.job_progress"}
    assert intruders(modules, FORBIDDEN["jobs"] | unneeded) == []


def test_starting_a_job_imports_little(tmp_path: Path, isolated: Isolated) -> None:
    command = (
        "-m",
        "pdb_cli",
        "download",
        "3hya",
        "-m",
        "lab",
        "-d",
        str(tmp_path / "here"),
        "--bg",
    )
    with ArchiveSimulator.make(tmp_path / "mirror", "3hya") as mirror:
        config = tmp_path / "config.toml"
        config.write_text(f'[mirrors.lab]\nhttps = "{mirror.url}"\n')
        modules = imported_modules(
            *command, cwd=isolated.work_dir, env={"PDB_CLI_CONFIG": str(config)}
        )
        store = JobStore(isolated.jobs_dir)
        wait_until(lambda: store.read(store.resolve("last")).status.final, what="the job to end")
    assert "pdb_cli.jobs.spawn" in modules
    assert intruders(modules, HEAVY) == []


def test_planted_import_is_caught(package_copy: PackageCopy, isolated: Isolated) -> None:
    main = package_copy.package / "cli" / "main.py"
    future = "from __future__ import annotations\n"
    main.write_text(main.read_text().replace(future, future + "import sqlite3, http.client\n"))
    modules = imported_modules(
        *("-m", "pdb_cli", "--version"),
        cwd=isolated.work_dir,
        env={"PYTHONPATH": str(package_copy.root / "src")},
    )
    found = intruders(modules, FORBIDDEN["--version"])
    assert {"sqlite3", "http", "http.client"} <= set(found)


def test_names_that_only_begin_alike_are_not_caught() -> None:
    assert intruders({"loggingx", "rich_click", "rich", "rich.table"}, frozenset({"rich"})) == [
        "rich",
        "rich.table",
    ]
