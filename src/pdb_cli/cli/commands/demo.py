"""``pdb-cli demo``: the main job on real files, without a network."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pdb_cli.cli.demo_mirror import bundled_ids, serve_bundled_entries
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.errors import JobStateError
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session

_CONFIG = """\
[paths]
pdb_dir = {collection}

[mirror]
default = ["demo"]

[mirrors.demo]
https = {url}

[jobs]
dir = {jobs}
"""

_STEPS = (
    (
        "Start the download in the background; the prompt is back at once.",
        "download -l list.txt --bg",
    ),
    ("It is listed.", "jobs"),
    ("Follow its log until it ends.", "jobs log last --follow"),
    ("What is known about it now.", "jobs status last"),
    ("Run it again: what is there and valid is not fetched again.", "download -l list.txt"),
)


@click.command()
@click.option("--keep", is_flag=True, help="Keep the collection, and say where it is.")
@click.pass_obj
def command(session: Session, *, keep: bool) -> int:
    """See the main job at work: real PDB files, a background job, no network.

    A few bundled entries are served from this machine and downloaded into a temporary
    collection, which is removed at the end, the job's record included.
    """
    folder = Path(tempfile.mkdtemp(prefix="pdb-cli-demo-"))
    try:
        with serve_bundled_entries() as url:
            worked = _show(session, folder, url)
    finally:
        _end_jobs(session, folder / "jobs")
        if not keep:
            shutil.rmtree(folder)
    if keep:
        click.echo(
            f"\nKept: {folder}/collection (remove it with: rm -r {shlex.quote(str(folder))})"
        )
    return ExitCode.DONE if worked else ExitCode.FAILED


def _end_jobs(session: Session, jobs_dir: Path) -> None:
    """Leave no job running when the demo is interrupted."""
    store = JobStore(jobs_dir)
    for job_id in store.job_ids():
        with contextlib.suppress(JobStateError):
            cancel_job(store, job_id, user=session.user())


def _show(session: Session, folder: Path, url: str) -> bool:
    """Run every step in front of the user; return whether all went well."""
    (folder / "list.txt").write_text("\n".join(bundled_ids()) + "\n", encoding="utf-8")
    collection, jobs = folder / "collection", folder / "jobs"
    # A JSON string is a TOML string, whatever is in the path.
    values = {"collection": str(collection), "jobs": str(jobs), "url": url}
    config = _CONFIG.format_map({key: json.dumps(value) for key, value in values.items()})
    (folder / "config.toml").write_text(config, encoding="utf-8")
    environ = {
        **{key: value for key, value in session.environ.items() if not key.startswith("PDB_")},
        "PDB_CLI_CONFIG": str(folder / "config.toml"),
        # A proxy of the user's can not reach this machine's loopback interface.
        "no_proxy": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
    }
    worked = True
    for text, line in _STEPS:
        click.echo(f"\n# {text}\n$ pdb-cli {line}")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pdb_cli", *shlex.split(line)],
            cwd=folder,
            env=environ,
            check=False,
        )
        worked = worked and done.returncode == 0
    click.echo("\n# The files lie as in the archive: gemmi and BioJava find them through PDB_DIR.")
    for path in sorted(collection.rglob("*.gz")):
        click.echo(path.relative_to(collection))
    return worked
