"""``--notify``: real commands, and Apprise talking to a real server."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.errors import InvalidValueError, UnsupportedError
from pdb_cli.jobs import notify
from pdb_cli.jobs.command_posix import PosixSupervision
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.options import Handling
from support.jobs import JobStarter, a_job, is_gone, put
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.jobs.store import JobStore

TELL = 'echo "$JOB_ID $STATUS [$EXIT_CODE] $LOG" > told.tmp && mv told.tmp told'


def told(folder: Path) -> str:
    """Wait for the notice and return it."""
    path = folder / "told"
    wait_until(path.exists, what="the notice")
    return path.read_text()


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (3, "failed")])
def test_a_command_is_told_in_the_jobs_directory(
    store: JobStore, start_job: JobStarter, code: int, status: str
) -> None:
    job = start_job("/bin/sh", "-c", f"exit {code}", handling=Handling(notify=TELL))
    text = told(start_job.cwd)
    assert text == f"{job.id} {status} [{code}] {store.paths(job.id).stderr}\n"
    # The end was recorded before anybody was told.
    assert store.read(job.id).status == status
    assert store.read(job.id).notify == TELL


def test_the_end_does_not_wait_for_the_notice(start_job: JobStarter) -> None:
    slow = "while ! [ -e go ]; do sleep 0.02; done; touch told"
    job = start_job("/bin/true", handling=Handling(notify=slow))
    assert start_job.ended(job).status is JobStatus.COMPLETED
    assert not (start_job.cwd / "told").exists()
    (start_job.cwd / "go").touch()
    told(start_job.cwd)


@pytest.mark.parametrize("target", ["exit 5", "nonsense-command-that-is-not-there"])
def test_a_failing_command_is_noted_and_changes_nothing(
    store: JobStore, start_job: JobStarter, target: str
) -> None:
    job = start_job.ended(start_job("/bin/true", handling=Handling(notify=target)))
    start_job.reap()
    assert store.read(job.id) == job
    log = store.paths(job.id).supervisor_log.read_text()
    assert f"the notice of the end of {job.id} ended with exit code" in log


def test_a_notice_that_hangs_is_ended_with_all_it_started(store: JobStore, tmp_path: Path) -> None:
    # In a process of its own: supervising changes what signals do.
    job = put(store, a_job(cwd=str(tmp_path)))
    child = os.fork()
    if child == 0:
        problem = notify.run_notice(
            "trap '' TERM; sleep 60 & echo $! > sleeper; sleep 60",
            job,
            store.paths(job.id),
            supervision=PosixSupervision(),
            environ={"PATH": os.environ["PATH"]},
            limit_s=0.5,
        )
        os._exit(0 if problem == "took more than 0.5 s and was ended" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    pid = int((tmp_path / "sleeper").read_text())
    wait_until(lambda: is_gone(pid))


class Hook(BaseHTTPRequestHandler):
    """Takes notices as JSON."""

    notices: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.notices.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    notices: list[dict[str, Any]] = []
    handler = type("OneHook", (Hook,), {"notices": notices})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port, notices
        server.shutdown()
        thread.join()


# Importing apprise warns of modules that Python will drop.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_apprise_url_is_told_and_kept_nowhere(
    store: JobStore, start_job: JobStarter, hook: tuple[int, list[dict[str, Any]]]
) -> None:
    port, notices = hook
    url = f"json://ann:s3cret@127.0.0.1:{port}/hook"
    notify.check_target(url)
    job = start_job("/bin/sh", "-c", "echo broke >&2; exit 3", handling=Handling(notify=url))
    [notice] = wait_until(lambda: notices, timeout_s=30, what="the notice")
    assert notice["title"] == f"pdb-cli {job.id} failed"
    assert "broke" in notice["message"]
    start_job.reap()
    assert store.read(job.id).notify == "json://***"
    for path in store.paths(job.id).directory.iterdir():
        assert b"s3cret" not in path.read_bytes(), path


def test_a_url_without_apprise_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What Python itself does with a package that is not installed.
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UnsupportedError) as caught:
        notify.check_target("slack://token/a/b")
    assert caught.value.subject == "--notify slack://***"
    assert "pip install 'pdb-cli[apprise]'" in caught.value.reason
    notify.check_target("curl -d done https://lab.example/hook")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("target", [" nonsense://s3cret/a", "json://127.0.0.1 nonsense://s3cret"])
def test_a_url_that_apprise_does_not_know_is_refused_at_once(target: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        notify.check_target(target)
    assert "s3cret" not in str(caught.value.args)
    assert notify.hide_secrets(target).endswith("nonsense://***")


def test_a_command_with_a_password_is_kept_without_it() -> None:
    target = "curl -H 'Authorization: Bearer s3cret' https://ann:pw@lab.example/hook"
    assert notify.hide_secrets(target) == (
        "curl -H 'Authorization: Bearer ***' https://***@lab.example/hook"
    )
