"""The handful of Windows calls that ``process_windows.py`` is made of.

``Win32`` is what the adapter needs; tests give it a stand-in. ``Kernel32`` is the real thing, by
``_winapi`` (which ``subprocess`` is built on) and ``ctypes``. **Not yet run on Windows.**
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Started(NamedTuple):
    """A process just created: two handles, the caller's to close, and its pid."""

    process: int
    thread: int
    pid: int


class Win32(Protocol):
    """Calls to Windows; handles are integers, failures are ``OSError`` with ``winerror``."""

    def create_process(
        self,
        command: Sequence[str],
        *,
        flags: int,
        cwd: str | None,
        environ: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> Started:
        """Start a program; it inherits the three descriptors as its streams and nothing else."""

    def resume_thread(self, thread: int) -> None:
        """Let the thread of a process that was created suspended run."""

    def open_process(self, pid: int) -> int:
        """Return a handle to look at a process, wait for it and end it."""

    def creation_time(self, process: int) -> int:
        """Return when a process was created, in units of 100 ns since 1601."""

    def wait_for(self, process: int, timeout_s: float) -> bool:
        """Wait for the end of a process, at most so long; return whether it has ended."""

    def exit_code(self, process: int) -> int:
        """Return the exit code of a process that has ended."""

    def terminate_process(self, process: int, code: int) -> None:
        """End a process at once."""

    def create_job(self) -> int:
        """Make a Job Object whose processes are ended when its last handle is closed."""

    def assign_to_job(self, job: int, process: int) -> None:
        """Put a process, and all that it will start, into a Job Object."""

    def living_in_job(self, job: int) -> int:
        """Return how many processes of a Job Object live."""

    def terminate_job(self, job: int, code: int) -> None:
        """End all processes of a Job Object at once."""

    def send_break(self, group: int) -> None:
        """Send CTRL_BREAK to a process group of this console."""

    def readable_bytes(self, fd: int) -> int | None:
        """Return how many bytes a pipe holds now; None if it is empty and has no writer."""

    def lock_first_byte(self, fd: int) -> None:
        """Lock byte 0 of an open file; ``PermissionError`` if somebody else has."""

    def unlock_first_byte(self, fd: int) -> None:
        """Let go of byte 0."""

    def computer_name(self) -> str:
        """Return the DNS name of this computer."""

    def close(self, handle: int) -> None:
        """Close a handle."""


if sys.platform == "win32":
    import _winapi
    import ctypes
    import msvcrt
    import os
    from ctypes import wintypes
    from types import SimpleNamespace

    _STARTF_USESTDHANDLES = 0x100
    _PROCESS_TERMINATE = 0x1
    _PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
    _SYNCHRONIZE = 0x100000
    _CTRL_BREAK_EVENT = 1
    _COMPUTER_NAME_DNS_HOSTNAME = 1
    _JOB_BASIC_ACCOUNTING = 1
    _JOB_EXTENDED_LIMITS = 9
    _KILL_ON_JOB_CLOSE = 0x2000
    _FAILED = 0xFFFFFFFF

    class _BasicLimits(ctypes.Structure):
        """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

        _fields_ = (
            ("per_process_user_time", wintypes.LARGE_INTEGER),
            ("per_job_user_time", wintypes.LARGE_INTEGER),
            ("flags", wintypes.DWORD),
            ("minimum_working_set", ctypes.c_size_t),
            ("maximum_working_set", ctypes.c_size_t),
            ("active_processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_ulonglong * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    class _Accounting(ctypes.Structure):
        """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION."""

        _fields_ = (
            ("times", wintypes.LARGE_INTEGER * 4),
            ("page_faults", wintypes.DWORD),
            ("total_processes", wintypes.DWORD),
            ("active_processes", wintypes.DWORD),
            ("terminated_processes", wintypes.DWORD),
        )

    class Kernel32:
        """``Win32`` by the system itself."""

        def __init__(self) -> None:
            self._dll = dll = ctypes.WinDLL("kernel32", use_last_error=True)
            # Handles are as wide as pointers: without types ctypes would cut them to 32 bits.
            handle, dword, pointer = wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p
            dll.ResumeThread.argtypes = (handle,)
            dll.ResumeThread.restype = dword
            dll.GetProcessTimes.argtypes = (handle, pointer, pointer, pointer, pointer)
            dll.CreateJobObjectW.argtypes = (pointer, wintypes.LPCWSTR)
            dll.CreateJobObjectW.restype = handle
            dll.SetInformationJobObject.argtypes = (handle, ctypes.c_int, pointer, dword)
            dll.QueryInformationJobObject.argtypes = (
                handle,
                ctypes.c_int,
                pointer,
                dword,
                pointer,
            )
            dll.AssignProcessToJobObject.argtypes = (handle, handle)
            dll.TerminateJobObject.argtypes = (handle, wintypes.UINT)
            dll.GenerateConsoleCtrlEvent.argtypes = (dword, dword)
            dll.GetComputerNameExW.argtypes = (ctypes.c_int, wintypes.LPWSTR, pointer)

        def create_process(
            self,
            command: Sequence[str],
            *,
            flags: int,
            cwd: str | None,
            environ: Mapping[str, str],
            streams: tuple[int, int, int],
        ) -> Started:
            """See ``Win32``."""
            from subprocess import list2cmdline  # noqa: PLC0415 - only when something is started

            handles = [msvcrt.get_osfhandle(fd) for fd in streams]
            for handle in handles:
                os.set_handle_inheritable(handle, True)  # noqa: FBT003 - that is its form
            startup = SimpleNamespace(
                dwFlags=_STARTF_USESTDHANDLES,
                wShowWindow=0,
                hStdInput=handles[0],
                hStdOutput=handles[1],
                hStdError=handles[2],
                lpAttributeList={"handle_list": handles},
            )
            try:
                process, thread, pid, _ = _winapi.CreateProcess(
                    command[0],
                    list2cmdline(command),
                    None,
                    None,
                    True,  # noqa: FBT003 - inherit handles: those of the list
                    flags,
                    dict(environ),
                    cwd,
                    startup,
                )
            finally:
                for handle in handles:
                    os.set_handle_inheritable(handle, False)  # noqa: FBT003
            return Started(process, thread, pid)

        def resume_thread(self, thread: int) -> None:
            """See ``Win32``."""
            if self._dll.ResumeThread(thread) == _FAILED:
                raise ctypes.WinError(ctypes.get_last_error())

        def open_process(self, pid: int) -> int:
            """See ``Win32``."""
            access = _PROCESS_QUERY_LIMITED_INFORMATION | _SYNCHRONIZE | _PROCESS_TERMINATE
            return _winapi.OpenProcess(access, False, pid)  # noqa: FBT003 - not inherited

        def creation_time(self, process: int) -> int:
            """See ``Win32``."""
            times = [wintypes.FILETIME() for _ in range(4)]
            self._check(self._dll.GetProcessTimes(process, *map(ctypes.byref, times)))
            return int(times[0].dwHighDateTime) << 32 | int(times[0].dwLowDateTime)

        def wait_for(self, process: int, timeout_s: float) -> bool:
            """See ``Win32``."""
            milliseconds = max(0, round(timeout_s * 1000))
            return _winapi.WaitForSingleObject(process, milliseconds) == _winapi.WAIT_OBJECT_0

        def exit_code(self, process: int) -> int:
            """See ``Win32``."""
            return _winapi.GetExitCodeProcess(process)

        def terminate_process(self, process: int, code: int) -> None:
            """See ``Win32``."""
            _winapi.TerminateProcess(process, code)

        def create_job(self) -> int:
            """See ``Win32``."""
            job = self._dll.CreateJobObjectW(None, None)
            self._check(job)
            limits = _ExtendedLimits()
            limits.basic.flags = _KILL_ON_JOB_CLOSE
            self._check(
                self._dll.SetInformationJobObject(
                    job, _JOB_EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
                )
            )
            return int(job)

        def assign_to_job(self, job: int, process: int) -> None:
            """See ``Win32``."""
            self._check(self._dll.AssignProcessToJobObject(job, process))

        def living_in_job(self, job: int) -> int:
            """See ``Win32``."""
            accounting = _Accounting()
            self._check(
                self._dll.QueryInformationJobObject(
                    job,
                    _JOB_BASIC_ACCOUNTING,
                    ctypes.byref(accounting),
                    ctypes.sizeof(accounting),
                    None,
                )
            )
            return int(accounting.active_processes)

        def terminate_job(self, job: int, code: int) -> None:
            """See ``Win32``."""
            self._check(self._dll.TerminateJobObject(job, code))

        def send_break(self, group: int) -> None:
            """See ``Win32``."""
            self._check(self._dll.GenerateConsoleCtrlEvent(_CTRL_BREAK_EVENT, group))

        def readable_bytes(self, fd: int) -> int | None:
            """See ``Win32``."""
            try:
                return int(_winapi.PeekNamedPipe(msvcrt.get_osfhandle(fd), 0)[0])
            except BrokenPipeError:
                return None

        def lock_first_byte(self, fd: int) -> None:
            """See ``Win32``."""
            os.lseek(fd, 0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

        def unlock_first_byte(self, fd: int) -> None:
            """See ``Win32``."""
            os.lseek(fd, 0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

        def computer_name(self) -> str:
            """See ``Win32``."""
            size = wintypes.DWORD(256)
            name = ctypes.create_unicode_buffer(size.value)
            self._check(
                self._dll.GetComputerNameExW(_COMPUTER_NAME_DNS_HOSTNAME, name, ctypes.byref(size))
            )
            return name.value

        def close(self, handle: int) -> None:
            """See ``Win32``."""
            _winapi.CloseHandle(handle)

        @staticmethod
        def _check(succeeded: object) -> None:
            """Turn a failed call into the error that Windows left."""
            if not succeeded:
                raise ctypes.WinError(ctypes.get_last_error())
