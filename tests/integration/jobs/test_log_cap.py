"""Logs that grow too large are cut; the last part stays."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.follow import Stream, follow_log
from pdb_cli.jobs.log_cap import cap_log, kept_part
from pdb_cli.jobs.options import Handling
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.store import JobStore
    from support.jobs import JobStarter


def test_what_was_in_the_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 100)
        assert not cap_log(log, max_bytes=100)
        writer.write(b"b")
        assert cap_log(log, max_bytes=100)
        writer.write(b"after")
    assert kept_part(log).read_bytes() == b"a" * 100 + b"b"
    assert log.read_bytes() == b"after"
    assert kept_part(log).stat().st_mode & 0o777 == 0o600


def test_no_limit_and_no_log_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    assert not cap_log(log, max_bytes=1)
    log.write_bytes(b"long")
    assert not cap_log(log, max_bytes=0)
    assert not kept_part(log).exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"x" * 100)
    (tmp_path / "stderr.log").symlink_to(precious)
    assert not cap_log(tmp_path / "stderr.log", max_bytes=10)
    assert precious.read_bytes() == b"x" * 100


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_chatty_job_does_not_fill_the_disk(
    store: JobStore, start_job: JobStarter, stream: str
) -> None:
    redirect = ">&2" if stream == "stderr" else ""
    script = (
        "n=0; while ! [ -e go ]; do n=$((n+1)); "
        f"echo line $n of a log that grows and grows {redirect}; done"
    )
    job = start_job("/bin/sh", "-c", script, handling=Handling(log_max_bytes=20_000))
    paths = store.paths(job.id)
    log = paths.stderr if stream == "stderr" else paths.stdout
    wait_until(kept_part(log).exists, what="the first cut")
    (start_job.cwd / "go").touch()
    start_job.ended(job)
    assert kept_part(log).read_bytes().startswith(b"line 1 of")
    assert paths.supervisor_log.read_bytes() == b""


def test_a_follower_misses_nothing_when_the_log_is_cut(
    store: JobStore, start_job: JobStarter
) -> None:
    script = "while ! [ -e go ]; do sleep 0.02; done; exit 0"
    job = start_job("/bin/sh", "-c", script)
    log = store.paths(job.id).stderr
    with log.open("ab", buffering=0) as writer:
        writer.write(b"first\n")
        following = follow_log(store, job.id, streams=[Stream.STDERR], last_lines=None)
        seen = next(following).data
        # Written and cut between two looks.
        writer.write(b"second\n")
        assert cap_log(log, max_bytes=1)
        writer.write(b"third\n")
        (start_job.cwd / "go").touch()
        seen += b"".join(chunk.data for chunk in following)
    assert seen == b"first\nsecond\n[the log was cut; from its start:]\nthird\n"


def test_a_writer_that_never_pauses_does_not_keep_the_cut_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(b"x" * 1_000_000)
    stop = threading.Event()

    def write() -> None:
        with log.open("ab", buffering=0) as writer:
            while not stop.is_set():
                writer.write(b"y" * 65_536)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert cap_log(log, max_bytes=1000)
    finally:
        stop.set()
        thread.join()
    assert os.path.getsize(kept_part(log)) >= 1_000_000  # noqa: PTH202 - a number
