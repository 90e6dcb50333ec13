from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdb_cli.events import BytesReceived, Event, FilePublished
from pdb_cli.transfer.fetch import fetch_files
from support import fetch_program
from support.faults import Drip, Stall
from support.fetching import OPTIONS, OTHER, RETRY, SMALL, files_below, item_for, real_paths
from support.wait import wait_until

if TYPE_CHECKING:
    from support.fault_server import FaultServer


@pytest.mark.parametrize("round_", range(3))
def test_interrupt_gets_through_at_once_and_cleans_up(
    round_: int, mirror: FaultServer, tmp_path: Path
) -> None:
    # Bytes trickle in all the time, so that the signal often arrives while libcurl is at work.
    mirror.inject(Drip(pieces=4000, pause_s=0.002))
    paths = [path for path in real_paths() if path.endswith(".cif.gz")]
    command = [sys.executable, fetch_program.__file__, str(tmp_path), mirror.url, *paths]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: len(mirror.requests) >= 5 + round_, what="some requests")
            process.send_signal(signal.SIGINT)
            sent_s = time.monotonic()
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, b"")
    assert time.monotonic() - sent_s < 2.0
    assert files_below(tmp_path) == {}


def test_interrupt_does_not_wait_for_a_dead_name_server(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        reason = "putting a name server in place needs root and mounts"
        if os.geteuid() == 0 and os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.2\n")
    script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
    program = [sys.executable, fetch_program.__file__, str(tmp_path / "collection")]
    settings = str(tmp_path / "resolv.conf")
    command = ["unshare", "-m", "sh", "-c", script, "sh", settings, *program]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as name_server:
        name_server.bind(("127.0.0.2", 53))
        name_server.settimeout(10)
        with subprocess.Popen([*command, "http://mirror.example", SMALL]) as process:
            try:
                assert name_server.recv(512), "no question to the name server"
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=3) == 130
            finally:
                process.kill()


def test_closing_the_generator_drops_everything(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Stall(), SMALL)
    items = [item_for(path, tmp_path, mirror) for path in (SMALL, OTHER)]
    with closing(fetch_files(items, options=OPTIONS, retry=RETRY)) as run:
        assert next(run).item is items[1]
        assert any(name.endswith(".part") for name in files_below(tmp_path))
    assert files_below(tmp_path) == {items[1].name: real_paths()[OTHER]}
    assert not [thread for thread in threading.enumerate() if "pdb-cli" in thread.name]


@pytest.mark.parametrize("kind", [BytesReceived, FilePublished])
def test_exception_of_the_observer_gets_through(
    kind: type[Event], mirror: FaultServer, tmp_path: Path
) -> None:
    def observe(event: Event) -> None:
        if isinstance(event, kind):
            raise KeyboardInterrupt

    items = [item_for(path, tmp_path, mirror) for path in real_paths()]
    run = fetch_files(items, options=OPTIONS, retry=RETRY, observe=observe)
    with pytest.raises(KeyboardInterrupt), closing(run):
        list(run)
    published = {path.rpartition("/")[2]: data for path, data in real_paths().items()}
    for name, data in files_below(tmp_path).items():
        assert published[Path(name).name] == data


def test_exception_of_the_items_gets_through(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Stall(), SMALL)

    def items() -> object:
        yield item_for(SMALL, tmp_path, mirror)
        raise LookupError("the list is broken")

    run = fetch_files(items(), options=OPTIONS, retry=RETRY)  # type: ignore[call-overload]
    with pytest.raises(LookupError, match="broken"), closing(run):
        list(run)
    assert files_below(tmp_path) == {}
