"""Processes and locks of POSIX systems (Linux, macOS).

Imports next to nothing at its top: ``--bg`` starts the supervisor from here before anything else.
What a supervisor does for its command is in ``command_posix.py``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from pdb_cli.jobs.process import Place, WaitingSupervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdb_cli.jobs.model import ProcessIdentity
    from pdb_cli.jobs.process import Supervision

_PR_SET_CHILD_SUBREAPER = 36
_STREAMS = 3
STOP_SIGNALS = (1, 2, 15)
"""HUP, INT and TERM; as numbers, since importing ``signal`` takes time that ``--bg`` counts."""
ZOMBIES = (b"Z", b"X")
"""States of processes that have ended and were not waited for."""


def start_supervisor(command: Sequence[str], environ: Mapping[str, str]) -> WaitingSupervisor:
    """Start a supervisor in a session of its own; see ``System``."""
    ends: list[int] = []
    try:
        ends += os.pipe()
        ends += os.pipe()
        request_read, request_write, answer_read, answer_write = ends
        # posix_spawn, since importing subprocess would cost as much as starting the process.
        pid = os.posix_spawn(
            command[0],
            list(command),
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, request_read, 0),
                (os.POSIX_SPAWN_DUP2, answer_write, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            # Blocked until it can hear them: one that comes earlier waits, and ends nothing.
            setsigmask=STOP_SIGNALS,
        )
    except OSError:
        for end in ends:
            os.close(end)
        raise
    os.close(request_read)
    os.close(answer_write)
    return WaitingSupervisor(pid, request_write, answer_read)


def read_answer(fd: int, *, wait_s: float) -> str | None:
    """Read a supervisor's word; see ``System``."""
    import select  # noqa: PLC0415 - see the module's docstring

    answer = b""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while poller.poll(wait_s * 1000):
        chunk = os.read(fd, 4096)
        if not chunk:
            return answer.decode("utf-8", "replace")
        answer += chunk
    return None


def prepare_supervisor() -> None:
    """Let go of what was inherited, become a child subreaper; see ``System``."""
    try:
        inherited = [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 - numbers
    except OSError:
        inherited = list(range(1024))
    for fd in inherited:
        if fd >= _STREAMS:
            with contextlib.suppress(OSError):
                os.close(fd)
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only the supervisor needs it

        # prctl(2); without it a daemonised grandchild is found by its environment.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # What a job needs first, imported while nobody waits for it.
    import fcntl  # noqa: F401, PLC0415

    from pdb_cli.jobs import command_posix  # noqa: F401, PLC0415


def begin_supervision() -> Supervision:
    """Turn stop signals into something to wait for; see ``System``."""
    from pdb_cli.jobs.command_posix import PosixSupervision  # noqa: PLC0415 - supervisors only

    return PosixSupervision()


def tell_supervisor(supervisor: ProcessIdentity) -> None:
    """Send TERM to exactly this process; see ``System``."""
    from signal import SIGTERM  # noqa: PLC0415 - see the module's docstring

    from pdb_cli.jobs.process_tree import send_signal  # noqa: PLC0415 - only to cancel

    send_signal(supervisor, SIGTERM)


def kill_supervisor(supervisor: ProcessIdentity) -> list[ProcessIdentity]:
    """Send KILL to exactly this process, which may be stopped; see ``System``."""
    from signal import SIGKILL  # noqa: PLC0415 - see the module's docstring

    from pdb_cli.jobs.process_tree import descendants, send_signal  # noqa: PLC0415 - only to cancel

    tree = descendants(supervisor.pid)
    send_signal(supervisor, SIGKILL)
    return tree


def shell_command(text: str) -> list[str]:
    """Return what runs a line of the user's shell language; see ``System``."""
    return ["/bin/sh", "-c", text]


def end_unsupervised(
    members: Sequence[ProcessIdentity],
    *,
    mark: tuple[str, str],
    grace_s: float,
    patience_s: float,
) -> bool:
    """End a tree by parentage and by start environment; see ``System``."""
    import time  # noqa: PLC0415 - only to cancel

    from pdb_cli.jobs.process_tree import end_tree, orphans  # noqa: PLC0415 - only to cancel

    limit_s = time.monotonic() + grace_s + patience_s

    def look_at_the_clock() -> None:
        """Leave the loop when it has taken too long."""
        if time.monotonic() > limit_s:
            raise TimeoutError

    try:
        end_tree(orphans(members, mark=mark), grace_s=lambda: grace_s, tick=look_at_the_clock)
    except TimeoutError:
        return False
    return True


def start_token(pid: int) -> str | None:
    """Return when a process started; see ``System``.

    On Linux this is field 22 of ``/proc/PID/stat`` (clock ticks after boot, proc(5)). Elsewhere
    it is the start time that ``ps`` prints: whole seconds, so a pid used again within the same
    second would go unseen.
    """
    if sys.platform != "linux":
        from pdb_cli.jobs import ps  # noqa: PLC0415 - only on systems without /proc

        return ps.start_token(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no Path in a hot loop
            state, _, started = parse_stat(file.read())
    except OSError:
        return None
    return None if state in ZOMBIES else started


def parse_stat(stat: bytes) -> tuple[bytes, int, str]:
    """Return state, parent's pid and start time out of ``/proc/PID/stat``.

    Parameters
    ----------
    stat
        The content of the file.

    Examples
    --------
    >>> parse_stat(b"7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6789 0")
    (b'S', 1, '6789')
    """
    # The command name, in parentheses, may hold blanks and parentheses itself.
    fields = stat.rpartition(b")")[2].split()
    return fields[0], int(fields[1]), fields[19].decode("ascii")


def this_place() -> Place:
    """Return the place this process runs in; see ``System``."""
    return Place(host=os.uname().nodename, boot_id=_boot_id(), pid_namespace=_pid_namespace())


def started_with(mark: tuple[str, str]) -> list[ProcessIdentity]:
    """Look through the start environments of our own processes; see ``System``."""
    from pdb_cli.jobs import process_tree  # noqa: PLC0415 - hardly ever needed

    return process_tree.started_with(*mark)


def collect(pid: int) -> bool:
    """Wait for a child that has ended, so that it does not stay as a zombie; see ``System``."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True  # somebody else in this process was quicker


def user_name() -> str:
    """Return the name of this process's owner, or the number where the system has no name."""
    import pwd  # noqa: PLC0415 - only when a job is started or cancelled

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def lock_exclusively(fd: int) -> bool:
    """Take ``flock``, which the kernel lets go when its holder dies; see ``System``."""
    import fcntl  # noqa: PLC0415 - see the module's docstring

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(fd: int) -> bool:
    """Try a *shared* lock: two readers must not take each other for a supervisor."""
    import fcntl  # noqa: PLC0415 - see the module's docstring

    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _boot_id() -> str | None:
    """Return the kernel's id of this boot."""
    if sys.platform != "linux":
        from pdb_cli.jobs import ps  # noqa: PLC0415 - only on systems without /proc

        return ps.boot_id()
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:  # noqa: PTH123
            return file.read().decode().strip()
    except OSError:
        return None


def _pid_namespace() -> str | None:
    """Return the name of this process's pid namespace."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no Path at start-up
    except OSError:
        return None
