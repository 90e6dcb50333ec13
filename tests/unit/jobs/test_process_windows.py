"""The Windows adapter against a stand-in for Windows: it has not run on a real one yet."""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.ending import Exit
from pdb_cli.jobs.model import ProcessIdentity
from pdb_cli.jobs.process_windows import (
    CREATE_BREAKAWAY_FROM_JOB,
    CREATE_NEW_PROCESS_GROUP,
    CREATE_NO_WINDOW,
    CREATE_SUSPENDED,
    WindowsSystem,
)
from pdb_cli.jobs.win32 import Started

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pdb_cli.jobs.process import Command, System

DETACHED_PROCESS = 0x8
STILL_ACTIVE = 259
ACCESS_DENIED = 5
NOT_FOUND = 2
MARK = ("PDB_CLI_JOB_DIR", "job")


def windows_error(number: int) -> OSError:
    error = PermissionError(13, "denied") if number == ACCESS_DENIED else OSError(2, "no")
    error.winerror = number  # type: ignore[attr-defined]  # only Windows sets it
    return error


@dataclass
class Process:
    """What the stand-in knows of a process."""

    created: int
    exit_code: int | None = None
    ends_on_break: bool = False


@dataclass
class FakeWindows:
    """A ``Win32`` whose processes are entries in a table; a handle of one is its pid + 1000."""

    processes: dict[int, Process] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    fail: dict[str, list[OSError]] = field(default_factory=dict)
    open_handles: list[int] = field(default_factory=list)
    in_job: list[int] = field(default_factory=list)
    locked: dict[int, int] = field(default_factory=dict)
    busy_looks: int = 0

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.fail.get(call):
            raise self.fail[call].pop(0)

    def create_process(
        self,
        command: Sequence[str],  # noqa: ARG002 - as Win32
        *,
        flags: int,
        cwd: str | None,  # noqa: ARG002
        environ: Mapping[str, str],  # noqa: ARG002
        streams: tuple[int, int, int],
    ) -> Started:
        self.flags.append(flags)
        self._note("create_process")
        for stream in streams:
            os.fstat(stream)
        pid = 40 + len(self.processes)
        self.processes[pid] = Process(created=7000 + pid)
        self.open_handles += [pid + 1000, pid + 2000]
        return Started(process=pid + 1000, thread=pid + 2000, pid=pid)

    def resume_thread(self, thread: int) -> None:
        assert thread in self.open_handles
        self._note("resume_thread")

    def open_process(self, pid: int) -> int:
        self._note("open_process")
        if pid not in self.processes:
            raise windows_error(87)
        self.open_handles.append(pid + 1000)
        return pid + 1000

    def creation_time(self, process: int) -> int:
        return self.processes[process - 1000].created

    def wait_for(self, process: int, timeout_s: float) -> bool:
        assert process in self.open_handles
        assert timeout_s >= 0
        return self.processes[process - 1000].exit_code is not None

    def exit_code(self, process: int) -> int:
        code = self.processes[process - 1000].exit_code
        return STILL_ACTIVE if code is None else code

    def terminate_process(self, process: int, code: int) -> None:
        self._note("terminate_process")
        self.processes[process - 1000].exit_code = code

    def create_job(self) -> int:
        self._note("create_job")
        return 1

    def assign_to_job(self, job: int, process: int) -> None:
        assert job == 1
        self._note("assign_to_job")
        self.in_job.append(process - 1000)

    def living_in_job(self, job: int) -> int:
        assert job == 1
        return sum(self.processes[pid].exit_code is None for pid in self.in_job)

    def terminate_job(self, job: int, code: int) -> None:
        assert job == 1
        self._note("terminate_job")
        for pid in self.in_job:
            if self.processes[pid].exit_code is None:
                self.processes[pid].exit_code = code

    def send_break(self, group: int) -> None:
        self._note("send_break")
        for pid in self.in_job:
            if self.processes[group].ends_on_break:
                self.processes[pid].exit_code = 149

    def readable_bytes(self, fd: int) -> int | None:
        waiting, _, _ = select.select([fd], [], [], 0)
        if not waiting:
            return 0
        # Linux does not tell how many; one at a time will do. At the end there is none to read.
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        return 1 if poller.poll(0)[0][1] & select.POLLIN else None

    def lock_first_byte(self, fd: int) -> None:
        self._note("lock_first_byte")
        inode = os.fstat(fd).st_ino
        if self.busy_looks or self.locked.get(inode, fd) != fd:
            self.busy_looks = max(0, self.busy_looks - 1)
            raise PermissionError(13, "denied")
        self.locked[inode] = fd

    def unlock_first_byte(self, fd: int) -> None:
        del self.locked[os.fstat(fd).st_ino]

    def computer_name(self) -> str:
        return "lab-pc"

    def close(self, handle: int) -> None:
        self.open_handles.remove(handle)


@pytest.fixture
def windows() -> FakeWindows:
    return FakeWindows()


@pytest.fixture
def system(windows: FakeWindows) -> System:
    return WindowsSystem(windows)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names


def start(system: System, tmp_path: Path) -> Command:
    return system.begin_supervision().start(
        ["python.exe"],
        cwd=str(tmp_path),
        stdout=tmp_path / "stdout.log",
        stderr=tmp_path / "stderr.log",
        environ={},
    )


def test_a_supervisor_leaves_console_and_job_object_of_its_caller(
    system: System, windows: FakeWindows
) -> None:
    before = open_descriptors()
    supervisor = system.start_supervisor(["python.exe"], {})
    assert windows.flags == [
        CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW | CREATE_BREAKAWAY_FROM_JOB
    ]
    assert not windows.flags[0] & DETACHED_PROCESS
    assert supervisor.outlives_caller
    assert windows.open_handles == []
    assert len(open_descriptors() - before) == 2
    supervisor.dismiss()
    assert open_descriptors() == before


def test_a_job_object_that_keeps_its_processes_is_told_of(
    system: System, windows: FakeWindows
) -> None:
    windows.fail["create_process"] = [windows_error(ACCESS_DENIED)]
    supervisor = system.start_supervisor(["python.exe"], {})
    assert windows.flags[1] == CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW
    assert not supervisor.outlives_caller
    supervisor.dismiss()


@pytest.mark.parametrize(
    "errors",
    [[windows_error(NOT_FOUND)], [windows_error(ACCESS_DENIED), windows_error(ACCESS_DENIED)]],
)
def test_a_supervisor_that_can_not_start_leaves_nothing_open(
    system: System, windows: FakeWindows, errors: list[OSError]
) -> None:
    before = open_descriptors()
    windows.fail["create_process"] = list(errors)
    with pytest.raises(OSError, match=r"no|denied"):
        system.start_supervisor(["python.exe"], {})
    assert len(windows.flags) == len(errors)
    assert open_descriptors() == before


@pytest.mark.parametrize(
    ("said", "closed", "answer"),
    [(b"ok", True, "ok"), (b"", True, ""), (b"", False, None), (b"no ", False, None)],
)
def test_an_answer_is_read_to_its_end(
    system: System,
    said: bytes,
    closed: bool,  # noqa: FBT001 - a parameter of the test
    answer: str | None,
) -> None:
    reader, writer = os.pipe()
    os.write(writer, said)
    if closed:
        os.close(writer)
    assert system.read_answer(reader, wait_s=0.05) == answer
    if not closed:
        os.close(writer)
    os.close(reader)


def test_a_command_is_in_its_job_object_before_it_runs(
    system: System, windows: FakeWindows, tmp_path: Path
) -> None:
    before = open_descriptors()
    command = start(system, tmp_path)
    assert windows.calls == ["create_job", "create_process", "assign_to_job", "resume_thread"]
    assert windows.flags == [CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED]
    assert windows.in_job == [command.pid]
    # The process's handle stays, to wait for it.
    assert windows.open_handles == [command.pid + 1000]
    assert open_descriptors() == before


@pytest.mark.parametrize("call", ["assign_to_job", "resume_thread"])
def test_a_command_that_can_not_be_kept_never_runs(
    system: System, windows: FakeWindows, tmp_path: Path, call: str
) -> None:
    before = open_descriptors()
    windows.fail[call] = [windows_error(ACCESS_DENIED)]
    with pytest.raises(PermissionError):
        start(system, tmp_path)
    assert windows.calls[-1] == "terminate_process"
    assert open_descriptors() == before


def test_a_command_is_waited_for(system: System, windows: FakeWindows, tmp_path: Path) -> None:
    command = start(system, tmp_path)
    assert command.wait(timeout_s=0.0) is None
    # 259 is what Windows says of a process that runs; it may be an exit code, too.
    windows.processes[command.pid].exit_code = STILL_ACTIVE
    assert command.wait(timeout_s=0.0) == Exit(code=STILL_ACTIVE)
    assert command.wait(timeout_s=1.0) == Exit(code=STILL_ACTIVE)


def test_a_command_that_listens_is_not_terminated(
    system: System, windows: FakeWindows, tmp_path: Path
) -> None:
    command = start(system, tmp_path)
    windows.processes[command.pid].ends_on_break = True
    command.end(grace_s=lambda: 30.0, tick=lambda: None)
    assert windows.calls[-1] == "send_break"
    finish = command.wait(timeout_s=0.0)
    assert finish is not None
    assert finish.by_signal


@pytest.mark.parametrize("errors", [[], [windows_error(6)]])
def test_a_job_object_is_terminated_after_the_grace_time(
    system: System, windows: FakeWindows, tmp_path: Path, errors: list[OSError]
) -> None:
    command = start(system, tmp_path)
    windows.fail["send_break"] = list(errors)
    started_s = time.monotonic()
    command.end(grace_s=lambda: 0.1, tick=lambda: None)
    assert 0.1 <= time.monotonic() - started_s < 5
    assert windows.calls[-2:] == ["send_break", "terminate_job"]
    finish = command.wait(timeout_s=0.0)
    assert finish is not None
    assert (finish.shell_code, finish.by_signal) == (137, True)


def test_what_a_command_started_is_ended_after_it(
    system: System, windows: FakeWindows, tmp_path: Path
) -> None:
    command = start(system, tmp_path)
    windows.processes[99] = Process(created=1)
    windows.in_job.append(99)
    windows.processes[command.pid].exit_code = 0
    command.end(grace_s=lambda: 0.0, tick=lambda: None)
    assert windows.processes[99].exit_code == 137
    assert command.wait(timeout_s=0.0) == Exit(code=0)


def test_a_process_is_its_pid_and_its_creation_time(system: System, windows: FakeWindows) -> None:
    windows.processes[7] = Process(created=133_000_000_000_000_001)
    assert system.start_token(7) == "133000000000000001"
    windows.processes[7] = Process(created=133_000_000_000_000_002)
    assert system.start_token(7) == "133000000000000002"
    assert windows.open_handles == []


def test_j02_what_has_ended_is_gone_though_its_pid_can_be_opened(
    system: System, windows: FakeWindows
) -> None:
    windows.processes[7] = Process(created=1, exit_code=STILL_ACTIVE)
    assert system.start_token(7) is None
    assert [system.start_token(pid) for pid in (8, 0, -1)] == [None, None, None]
    assert windows.open_handles == []


def test_a_command_without_a_supervisor_is_ended(system: System, windows: FakeWindows) -> None:
    windows.processes[7] = Process(created=1)
    seven = ProcessIdentity(7, "1")
    assert system.end_unsupervised([seven], mark=MARK, grace_s=10.0, patience_s=1.0)
    assert windows.processes[7].exit_code == 137
    assert windows.open_handles == []
    assert system.end_unsupervised([], mark=MARK, grace_s=10.0, patience_s=1.0)


def test_a_supervisor_that_does_not_act_is_ended(system: System, windows: FakeWindows) -> None:
    windows.processes[7] = Process(created=1)
    assert list(system.kill_supervisor(ProcessIdentity(7, "1"))) == []
    assert windows.processes[7].exit_code == 137
    assert system.collect(7)


def test_j02_what_has_the_pid_of_a_command_is_spared(system: System, windows: FakeWindows) -> None:
    windows.processes[7] = Process(created=2)
    seven = ProcessIdentity(7, "1")
    assert system.end_unsupervised([seven], mark=MARK, grace_s=10.0, patience_s=1.0)
    assert "terminate_process" not in windows.calls


def test_a_place_is_a_host_without_a_boot(system: System) -> None:
    assert system.this_place() == ("lab-pc", None, None)


def test_nothing_is_done_where_nothing_is_needed(
    system: System, windows: FakeWindows, tmp_path: Path
) -> None:
    system.prepare_supervisor()
    system.tell_supervisor(ProcessIdentity(7, "1"))
    supervision = system.begin_supervision()
    supervision.wait(timeout_s=0.0)
    assert not supervision.stop_requested
    assert windows.calls == []
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_byte_0(system: System, windows: FakeWindows, tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    holder = os.open(tmp_path / "lock", os.O_RDWR)
    other = os.open(tmp_path / "lock", os.O_RDONLY)
    # Looking takes no lock.
    assert not system.is_locked(other)
    assert windows.locked == {}
    assert system.lock_exclusively(holder)
    assert not system.lock_exclusively(other)
    assert system.is_locked(other)
    os.close(holder)
    os.close(other)


def test_another_reader_is_not_taken_for_the_supervisor(
    system: System, windows: FakeWindows, tmp_path: Path
) -> None:
    (tmp_path / "lock").touch()
    fd = os.open(tmp_path / "lock", os.O_RDONLY)
    windows.busy_looks = 1
    assert not system.is_locked(fd)
    os.close(fd)


def test_a_file_system_without_locks_is_an_error(
    system: System, windows: FakeWindows, tmp_path: Path
) -> None:
    (tmp_path / "lock").touch()
    fd = os.open(tmp_path / "lock", os.O_RDONLY)
    windows.fail["lock_first_byte"] = [windows_error(NOT_FOUND)]
    with pytest.raises(OSError, match="no"):
        system.is_locked(fd)
    os.close(fd)
