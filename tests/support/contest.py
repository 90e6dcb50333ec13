"""pdb-cli and its peers download the same files from the same nginx, and are measured."""

from __future__ import annotations

import filecmp
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.measured import Measured, clean_environment, measure, succeed
from support.nginx import echo_module
from support.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.nginx import Nginx


class Contest:
    """The programs, one list of files, one mirror.

    Parameters
    ----------
    folder
        For settings and what is downloaded.
    nginx
        The server; it serves the folder that ``root`` is in.
    root
        The root of the archive below that folder, ``pub/pdb``.
    paths
        Id to the file of the mirror.
    connections
        How many each program may use.
    certificate
        What the server has over TLS; everybody is told to trust it.
    """

    def __init__(
        self,
        folder: Path,
        nginx: Nginx,
        root: Path,
        paths: Mapping[str, Path],
        *,
        connections: int,
        certificate: Path | None = None,
    ) -> None:
        self._folder = folder
        self._paths = paths
        self._connections = str(connections)
        self._certificate = certificate
        self._errors = folder / "errors"
        self._destination = folder / "destination"
        origin = f"{nginx.origin}/{root.relative_to(root.parents[1]).as_posix()}"
        urls = {
            path.name: f"{origin}/{path.relative_to(root).as_posix()}" for path in paths.values()
        }
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(f'[mirrors.lab]\nhttps = "{origin}"\n')
        (folder / "list.txt").write_text("\n".join(paths))
        (folder / "curl.txt").write_text(
            "".join(
                f'url = "{url}"\noutput = "{self._destination}/{name}"\n'
                for name, url in urls.items()
            )
        )
        (folder / "aria2c.txt").write_text(
            "".join(f"{url}\n  out={name}\n" for name, url in urls.items())
        )

    def run_pdb_cli(self) -> Measured:
        """Download with pdb-cli into an empty folder, everything verified."""
        return self._check(self.run_pdb_cli_again)

    def run_pdb_cli_again(self) -> Measured:
        """Download with pdb-cli into the folder as it is."""
        return self._measure(
            Path(sys.executable).with_name("pdb-cli"), "download", "--mirror", "lab",
            "--parallel", self._connections, "--list", self._folder / "list.txt",
            "--dest", self._destination,
        )  # fmt: skip

    def run_curl(self, *options: str) -> Measured:
        """Download with curl into an empty folder."""
        trust = () if self._certificate is None else ("--cacert", self._certificate)
        return self._check(
            lambda: self._measure(
                require("curl"), "--silent", "--show-error", "--fail", "--parallel",
                "--parallel-max", self._connections, "--config", self._folder / "curl.txt",
                *options, *trust,
            )
        )  # fmt: skip

    def run_aria2c(self) -> Measured:
        """Download with aria2c into an empty folder; small files, so one connection for each."""
        return self._check(
            lambda: self._measure(
                require("aria2c"), "--quiet", "--no-conf", "--file-allocation=none",
                "--max-concurrent-downloads", self._connections, "--split=1",
                "--input-file", self._folder / "aria2c.txt", "--dir", self._destination,
            )
        )  # fmt: skip

    def _check(self, run: Callable[[], Measured]) -> Measured:
        """Run into an empty folder; make sure the mirror's files have arrived and nothing else."""
        shutil.rmtree(self._destination, ignore_errors=True)
        self._destination.mkdir()
        measured = run()
        wanted = {path.name: path for path in self._paths.values()}
        found = {path.name: path for path in self._destination.iterdir()}
        if wanted.keys() != found.keys() or not all(
            filecmp.cmp(path, found[name], shallow=False) for name, path in wanted.items()
        ):
            raise SystemExit(f"{self._destination} does not hold the mirror's files")
        return measured

    def _measure(self, program: str | Path, *arguments: str | Path) -> Measured:
        """Run one side."""
        changes = {
            "PDB_CLI_CONFIG": str(self._folder / "config.toml"),
            "PDB_CLI_JOBS_DIR": str(self._folder / "jobs"),
        }
        if self._certificate is not None:
            changes["SSL_CERT_FILE"] = str(self._certificate)
        env = clean_environment(self._folder, **changes)
        return succeed(measure(program, *arguments, env=env, errors=self._errors), self._errors)


def require(program: str) -> str:
    """Return the path of a program, or end with what is missing."""
    path = find_program(program)
    if path is None:
        raise SystemExit(f"this needs {program}, which is not installed")
    return path


def require_nginx() -> str:
    """Return the path of an nginx that can delay its answers, or end with what is missing."""
    if echo_module() is None:
        raise SystemExit("this needs nginx's module echo (libnginx-mod-http-echo)")
    return require("nginx")
