"""rsync transfers that end too early: killed, interrupted, a daemon that dies or is busy."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.mirrors import RsyncRoot
from pdb_cli.errors import RsyncBusyError, RsyncError, RsyncTransientError
from pdb_cli.events import BytesReceived
from pdb_cli.jobs.process_tree import descendants
from pdb_cli.operations.sync.model import SettledStatus
from pdb_cli.operations.sync.record import last_run
from pdb_cli.storage import collection_lock
from pdb_cli.transfer import rsync_process
from pdb_cli.transfer.rsync_arguments import PARTIAL_DIRECTORY, RsyncOptions
from pdb_cli.transfer.rsync_probe import probe_daemons
from pdb_cli.transfer.rsync_program import find_rsync
from support import processes
from support.connect_proxy import ConnectProxy
from support.ports import free_port
from support.programs import require_program
from support.rsync_daemon import RsyncDaemon
from support.rsync_lab import DIRECTORY, REMOTE, RsyncLab, snapshot
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = "ab/9abc.cif.gz"
LARGE_BYTES = 2_000_000
SMALL = [f"{hash_}/{n}{hash_}x.cif.gz" for hash_ in ("aa", "zz") for n in range(1, 5)]
SMALL_BYTES = 40_000
LIMIT_KIB_S = 1300
OLD_S = 1_600_000_000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return the tree of a mirror: one large file among small ones."""
    tree = tmp_path / "archive" / REMOTE
    noise = random.Random(0)
    for name in (*SMALL, LARGE):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(LARGE_BYTES if name == LARGE else SMALL_BYTES))
        os.utime(path, (OLD_S, OLD_S))
    return tree


@pytest.fixture
def slow(tmp_path: Path, archive: Path) -> Iterator[RsyncDaemon]:
    """Return a daemon that takes a second and a half for the large file."""
    (tmp_path / "daemon").mkdir()
    assert archive.is_relative_to(tmp_path / "archive")
    rsync = require_program("rsync", package="rsync")
    with RsyncDaemon(
        rsync, tmp_path / "archive", folder=tmp_path / "daemon", limit_kib_s=LIMIT_KIB_S
    ) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, slow: RsyncDaemon) -> RsyncLab:
    return RsyncLab(tmp_path / "collection", slow.port)


def start_cli(
    lab: RsyncLab, tmp_path: Path, *options: str, begun_bytes: int = LARGE_BYTES // 3
) -> subprocess.Popen[bytes]:
    """Start ``pdb-cli sync`` in a group and return when it is in the middle of the large file."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[paths]\npdb_dir = "{lab.collection}"\n[mirror]\ndefault = ["lab"]\n'
        f'[mirrors.lab]\nrsync = "rsync://127.0.0.1:{lab.port}/ftp"\n'
    )
    lab.collection.mkdir(exist_ok=True)
    command = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "sync", "structures", "--transport", "rsync", *options],
        process_group=0,
        env={**(lab.environ or os.environ), "PDB_CLI_CONFIG": str(config)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: unfinished_bytes(lab.root) > begun_bytes, what="a part of a file")
    return command


def unfinished_bytes(root: Path) -> int:
    """Return how much of the large file rsync has written."""
    folder = root / "ab"
    return max((path.stat().st_size for path in folder.glob(".9abc.cif.gz.??????")), default=0)


def at_work(lab: RsyncLab) -> list[processes.Process]:
    """Return the rsync processes that write into the collection."""
    return [one for one in processes.living() if f"{lab.root}/" in one.command]


def state_of(pid: int) -> str:
    """Return what a process does: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def final_names(lab: RsyncLab) -> set[str]:
    """Return the files that have arrived."""
    return {name for name, (_, data) in snapshot(lab.root).items() if data and "/." not in name}


def name_as_most_are(root: Path) -> None:
    """Take care that what a killed rsync left has no ending that looks like a word: one in 200."""
    for path in root.glob("ab/.9abc.cif.gz.??????"):
        path.rename(path.with_name(f"{path.name[:-6]}A1{path.name[-4:]}"))


def umask() -> int:
    """Return that of this process."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def assert_none_is_torn(lab: RsyncLab, archive: Path) -> None:
    """See that what has its final name is whole."""
    for name, (_, data) in snapshot(lab.root).items():
        if data is not None and "/." not in name:
            assert data == (archive / name).read_bytes(), name


def cancel(pid: int) -> None:
    """Tell a process and all it has started to end, parents first: as jobs cancel does it."""
    for one in [pid, *(process.pid for process in descendants(pid))]:
        with suppress(ProcessLookupError):  # its parent was quicker
            os.kill(one, signal.SIGTERM)


def press_ctrl_c(pid: int) -> None:
    """Tell all of a process's group to end: as a terminal does it."""
    os.killpg(pid, signal.SIGINT)


def sent_bytes(daemon: RsyncDaemon) -> int:
    """Return what the daemon has sent in all finished connections."""
    return sum(int(found) for found in re.findall(r" sent ([0-9]+) bytes ", daemon.log()))


@pytest.mark.parametrize("victims", ["pdb-cli", "both"])
def test_killed_in_the_middle_and_finished_without_fetching_twice(
    lab: RsyncLab, slow: RsyncDaemon, archive: Path, tmp_path: Path, victims: str
) -> None:
    command = start_cli(lab, tmp_path)
    children = at_work(lab)
    assert children
    # Whoever is in its group, as a shell or a batch system does it.
    os.killpg(command.pid, signal.SIGKILL)
    if victims == "both":
        for child in children:
            os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not at_work(lab), timeout_s=5, what="rsync to end with pdb-cli")
    command.communicate()
    name_as_most_are(lab.root)
    record = last_run(lab.collection, None)
    assert record is not None
    assert (record["pid"], record["finished_at"]) == (command.pid, None)
    assert_none_is_torn(lab, archive)
    assert not (lab.root / LARGE).exists()
    again = lab.sync()
    assert again.transferred == {LARGE, *SMALL[4:]}
    ends = slow.log().count("] sent ")
    lab.sync()
    wait_until(lambda: slow.log().count("] sent ") > ends, what="the daemon's log")
    # Lists, checksums of what was there already, and what was on its way in the end.
    assert sent_bytes(slow) < 1.05 * (LARGE_BYTES + len(SMALL) * SMALL_BYTES) + 65_536
    assert_none_is_torn(lab, archive)
    assert not list(lab.root.rglob(".*"))
    # rsync's temporary file was for its owner alone; what it has become is like all others.
    assert {(lab.root / name).stat().st_mode & 0o777 for name in (LARGE, *SMALL)} == {
        0o666 & ~umask()
    }
    assert lab.sync().settled == []


@pytest.mark.parametrize(
    ("tell", "code"), [(cancel, 143), (press_ctrl_c, 130)], ids=["cancel", "Ctrl-C"]
)
def test_told_to_end_it_does_so_at_once_and_keeps_what_has_come(
    lab: RsyncLab, archive: Path, tmp_path: Path, tell: Callable[[int], None], code: int
) -> None:
    begun_bytes = LARGE_BYTES // 20
    # Seven seconds for the large file: nothing of this is waited for.
    command = start_cli(lab, tmp_path, "--bwlimit", "300", begun_bytes=begun_bytes)
    told_s = time.monotonic()
    tell(command.pid)
    command.communicate(timeout=15)
    assert time.monotonic() - told_s < 2.0
    assert command.returncode == code
    assert at_work(lab) == []
    record = last_run(lab.collection, None)
    assert record is not None
    assert (record["exit_code"], record["trees"][0]["state"]) == (code, "interrupted")
    kept = lab.root / "ab" / PARTIAL_DIRECTORY / "9abc.cif.gz"
    assert kept.stat().st_size >= begun_bytes
    assert_none_is_torn(lab, archive)


@pytest.mark.parametrize("is_lost", [False, True], ids=["ours", "lost"])
def test_suspended_it_stands_still_and_goes_on_only_if_the_collection_is_its_own(
    lab: RsyncLab,
    archive: Path,
    tmp_path: Path,
    is_lost: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    command = start_cli(lab, tmp_path)
    os.killpg(command.pid, signal.SIGTSTP)  # Ctrl-Z
    assert os.WIFSTOPPED(os.waitpid(command.pid, os.WUNTRACED)[1])
    stopped_s = time.monotonic()
    stopped = at_work(lab)
    assert len(stopped) >= 2
    wait_until(lambda: {state_of(one.pid) for one in stopped} == {"T"}, what="all to stop")
    here = final_names(lab)
    if is_lost:
        holder = {"schema": 1, "host": "elsewhere", "pid": 42, "command": "pdb-cli sync"}
        (lab.collection / ".pdb-cli" / "write.lock").write_text(json.dumps(holder))
        wait_until(
            lambda: time.monotonic() - stopped_s > collection_lock._LOOK_EVERY_S,
            what="the next look at the lock",
        )
    os.killpg(command.pid, signal.SIGCONT)
    _, said = command.communicate(timeout=15)
    assert at_work(lab) == []
    assert_none_is_torn(lab, archive)
    if is_lost:
        assert b"is being changed by pdb-cli sync (process 42 on elsewhere)" in said
        assert final_names(lab) == here
        assert command.returncode in {1, 3}
    else:
        assert command.returncode == 0
        assert final_names(lab) == {LARGE, *SMALL}


def test_killed_while_it_lists_it_leaves_no_rsync(tmp_path: Path) -> None:
    rsync = require_program("rsync", package="rsync")
    program = tmp_path / "bin" / "rsync"
    program.parent.mkdir()
    # It tells its number, and waits for a mirror that says nothing.
    program.write_text(
        f'#!/bin/sh\n[ "$1" != --version ] || exec {rsync} "$@"\n'
        f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60\n"
    )
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    lab = RsyncLab(tmp_path / "collection", free_port(), environ={**os.environ, "PATH": path})
    command = start_cli(lab, tmp_path, begun_bytes=-1)
    wait_until((tmp_path / "pid").exists, what="rsync to be asked")
    pid = int((tmp_path / "pid").read_text())
    command.kill()
    command.communicate()
    wait_until(lambda: not any(one.pid == pid for one in processes.living()), what="its end")


def test_a_receiver_that_hangs_does_not_outlive_the_run(
    lab: RsyncLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rsync_process.RsyncGroup.__init__, "__kwdefaults__", {
        "ends_within_s": 0.3, "is_watched": False,
    })  # fmt: skip
    transport = lab.transport()
    plan = lab.plan(transport)
    files = transport.execute(lab.tree(), plan, observe=lab.events.append)
    next(files)
    found = at_work(lab)
    receivers = [one for one in found if one.parent_pid in {other.pid for other in found}]
    assert receivers
    for one in receivers:
        os.kill(one.pid, signal.SIGSTOP)
    files.close()
    wait_until(lambda: not at_work(lab), timeout_s=5, what="the receiver to be ended")
    monkeypatch.undo()
    name_as_most_are(lab.root)
    assert lab.sync().plan.transfers
    assert not list(lab.root.rglob(".*"))


def test_a_daemon_that_dies_is_an_error_that_may_pass(
    lab: RsyncLab, slow: RsyncDaemon, archive: Path
) -> None:
    transport = lab.transport()
    plan = lab.plan(transport)
    files = transport.execute(lab.tree(), plan, observe=lab.events.append)
    settled = [next(files) for _ in range(3)]
    slow.die()
    with pytest.raises(RsyncTransientError) as caught:
        settled.extend(files)
    assert caught.value.exit_code in {10, 12, 30}
    assert 3 <= len(settled) < len(SMALL) + 1
    assert {one.status for one in settled} == {SettledStatus.TRANSFERRED}
    assert_none_is_torn(lab, archive)
    with slow:
        lab.port = slow.port
        rest = lab.sync()
    assert len(rest.transferred) + len(settled) == len(SMALL) + 1


def test_the_progress_of_a_large_file_is_told(lab: RsyncLab) -> None:
    lab.sync()
    # Small files, then at least one word while the large one comes, then its end.
    assert sum(isinstance(one, BytesReceived) for one in lab.events) >= 3
    assert lab.received_bytes() == LARGE_BYTES + len(SMALL) * SMALL_BYTES


class TestConnections:
    @pytest.fixture
    def daemon(self, tmp_path: Path, archive: Path) -> Iterator[RsyncDaemon]:
        """Return a daemon that takes two connections."""
        for number in range(40):
            path = archive / f"b{number % 9}/{number % 9 + 1}b{number % 9}{number // 9}.cif.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(random.Random(number).randbytes(2000))
        (tmp_path / "daemon").mkdir()
        rsync = require_program("rsync", package="rsync")
        with RsyncDaemon(
            rsync, tmp_path / "archive", folder=tmp_path / "daemon", settings="max connections = 2"
        ) as running:
            yield running

    def test_more_processes_than_connections_share_them(
        self, tmp_path: Path, daemon: RsyncDaemon, archive: Path
    ) -> None:
        lab = RsyncLab(tmp_path / "collection", daemon.port, parallel=5, bandwidth_kib_s=100_000)
        lab.sync()
        seen = snapshot(archive)
        assert {name: data for name, (_, data) in snapshot(lab.root).items()} == {
            name: data for name, (_, data) in seen.items()
        }
        assert "max connections (2) reached" in daemon.log()

    def test_a_busy_daemon_is_an_error_that_may_pass(
        self, tmp_path: Path, daemon: RsyncDaemon
    ) -> None:
        lab = RsyncLab(tmp_path / "collection", daemon.port, modules=("busy",))
        with pytest.raises(RsyncBusyError) as caught:
            lab.plan(lab.transport())
        assert caught.value.transient
        assert "max connections" in caught.value.reason
        found = lab.transport().probe()
        assert (found.usable, found.may_pass) == (False, True)


class TestProbe:
    @pytest.mark.parametrize("way", ["", "proxy"])
    def test_a_silent_host_does_not_hold_up_the_next_place(
        self, lab: RsyncLab, tmp_path: Path, way: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, ConnectProxy() as proxy:
            environ = {**os.environ, **({"RSYNC_PROXY": proxy.address} if way else {})}
            options = RsyncOptions(find_rsync(environ))
            mute = RsyncRoot("127.0.0.1", silent.getsockname()[1], "ftp")
            good = RsyncRoot("127.0.0.1", lab.port, "ftp")
            began_s = time.monotonic()
            alone = probe_daemons(options, [mute], directory=tmp_path, within_s=0.7)
            assert time.monotonic() - began_s < 1.5
            assert alone.error is not None
            assert "no answer within 0.7 s" in str(alone.error)
            assert alone.error.transient
            found = probe_daemons(options, [mute, good], directory=tmp_path, within_s=1.2)
            assert found == (good, None)
            assert bool(proxy.asked) == bool(way)

    def test_what_is_no_daemon_is_said(self, tmp_path: Path) -> None:
        options = RsyncOptions(find_rsync(os.environ))
        with socket.create_server(("127.0.0.1", 0)) as server:

            def speak() -> None:
                """Be another program that speaks first."""
                connection = server.accept()[0]
                with connection:
                    connection.sendall(b"SSH-2.0-other\n")
                    connection.recv(100)

            thread = threading.Thread(target=speak)
            thread.start()
            other = RsyncRoot("127.0.0.1", server.getsockname()[1], "ftp")
            found = probe_daemons(options, [other], directory=tmp_path)
            thread.join()
        assert "no rsync daemon" in str(found.error)

    def test_what_was_found_is_said(self, lab: RsyncLab) -> None:
        found = lab.transport().probe()
        assert found.usable
        assert found.reason.startswith("rsync 3.")
        assert found.reason.endswith(f"127.0.0.1 port {lab.port} answers")
        lab.port = free_port()
        found = lab.transport().probe()
        assert not found.usable
        assert "refused" in found.reason.lower()

    def test_a_password_is_not_asked_for_and_not_told(
        self, lab: RsyncLab, tmp_path: Path, archive: Path
    ) -> None:
        secrets = tmp_path / "secrets"
        secrets.write_text("ada:s3cret-word\n")
        secrets.chmod(0o600)
        (tmp_path / "locked").mkdir()
        rsync = require_program("rsync", package="rsync")
        locked = RsyncDaemon(
            rsync, tmp_path / "archive", folder=tmp_path / "locked",
            settings=f"auth users = ada\nsecrets file = {secrets}",
        )  # fmt: skip
        with locked:
            lab.port = locked.port
            lab.environ = {**os.environ, "USER": "ada", "LOGNAME": "ada"}
            refused = lab.transport().probe()
            assert not refused.usable
            assert "password" in refused.reason
            lab.environ = {**lab.environ, "RSYNC_PASSWORD": "wr0ng-word"}
            with pytest.raises(RsyncError, match="auth failed") as caught:
                lab.plan(lab.transport())
            assert "wr0ng-word" not in str(caught.value)
            lab.environ = {**lab.environ, "RSYNC_PASSWORD": "s3cret-word"}
            assert lab.transport().probe().usable
            assert len(lab.sync().transferred) == len(SMALL) + 1
        assert archive.exists()


def test_leftovers_nobody_wants_any_more_are_removed(
    lab: RsyncLab, archive: Path, tmp_path: Path
) -> None:
    command = start_cli(lab, tmp_path)
    children = at_work(lab)
    command.kill()
    for child in children:
        os.kill(child.pid, signal.SIGKILL)
    command.communicate()
    name_as_most_are(lab.root)
    (archive / LARGE).unlink()
    # What looks like rsync's, and is the user's: by its name, its mode or its time.
    mine = {
        ".9abc.cif.gz.backup": 0o600,
        ".9abc.cif.gz.Monday": 0o644,
        ".9abc.cif.gz.Sunday": 0o600,
    }
    folder = lab.root / "ab"
    for name, mode in mine.items():
        (folder / name).write_text("precious")
        (folder / name).chmod(mode)
    os.utime(folder / ".9abc.cif.gz.Sunday", (OLD_S, OLD_S))
    lab.sync()
    found = {path.name for path in lab.root.rglob("ab/.*")}
    assert found == {*mine}
    assert DIRECTORY in str(lab.root)
