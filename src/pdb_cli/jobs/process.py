"""The port between jobs and the operating system: processes, signals, locks.

Nothing else in ``jobs`` knows POSIX from Windows: it asks ``system()``. The adapters are
``process_posix.py`` (the module itself) and ``process_windows.py`` (a class).
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.ending import Exit
    from pdb_cli.jobs.model import ProcessIdentity


JOB_DIR_VARIABLE = "PDB_CLI_JOB_DIR"
"""The environment variable that tells a job's command where its job directory is."""


class WaitingSupervisor(NamedTuple):
    """A supervisor process that waits for a job on its standard input."""

    pid: int
    request_fd: int
    answer_fd: int
    outlives_caller: bool = True
    """False where the system ends it together with whatever started it (Windows only)."""

    def dismiss(self) -> None:
        """Send it home: no job will come."""
        os.close(self.request_fd)
        os.close(self.answer_fd)


class Place(NamedTuple):
    """Where pids mean what they mean here."""

    host: str
    boot_id: str | None
    """Changes with every boot; None where the system does not tell."""
    pid_namespace: str | None
    """Differs between containers; None where there are no namespaces."""


class Command(Protocol):
    """A job's command, started by this process, and all that it started itself."""

    @property
    def pid(self) -> int:
        """The command's own process."""

    def wait(self, *, timeout_s: float) -> "Exit | None":
        """Wait for the command's end, at most so long; a stop signal ends the waiting early.

        Returns
        -------
        Exit or None
            How it ended, from then on at every call; None if it still runs.
        """

    def end(self, *, grace_s: Callable[[], float], tick: Callable[[], None]) -> None:
        """End the whole tree, politely and after ``grace_s()`` for certain; return when it is gone.

        The grace time is asked for again and again: it may be shortened meanwhile. ``tick`` is
        called while it waits. Then ``wait`` returns at once. A tree that has ended already takes
        no time.
        """


class Supervision(Protocol):
    """The supervisor's own process: it hears stop signals, waits, starts the command."""

    @property
    def stop_requested(self) -> bool:
        """Whether the system, or ``jobs cancel``, has told this process to stop; it stays true."""

    def wait(self, *, timeout_s: float) -> None:
        """Sleep; a stop signal (also one that came since the last wait) ends it early."""

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        stdout: "Path",
        stderr: "Path",
        environ: Mapping[str, str],
    ) -> Command:
        """Start the command in a session of its own, appending to its logs.

        Meant for a process with one thread. By ``JOB_DIR_VARIABLE`` in ``environ``, if it is
        there, what escapes from the tree is found.

        Raises
        ------
        OSError
            The directory or the program is not there, or no process could be made.
        """


class System(Protocol):
    """What an adapter offers."""

    def start_supervisor(
        self, command: Sequence[str], environ: Mapping[str, str]
    ) -> WaitingSupervisor:
        """Start a process that the end of this one can not touch, with pipes to talk to it.

        Raises
        ------
        OSError
            The system could not start a process.
        """

    def read_answer(self, fd: int, *, wait_s: float) -> str | None:
        """Read a supervisor's word to its end: empty if it died, None if it says nothing."""

    def prepare_supervisor(self) -> None:
        """Let go of what was inherited beside the three streams; adopt orphaned descendants."""

    def begin_supervision(self) -> Supervision:
        """Hear stop signals from now on, instead of being ended by them."""

    def tell_supervisor(self, supervisor: "ProcessIdentity") -> None:
        """Make a supervisor of this place look at once, if it can be told."""

    def shell_command(self, text: str) -> "list[str]":
        """Return program and arguments that run a line of the user's shell language."""

    def kill_supervisor(self, supervisor: "ProcessIdentity") -> "Sequence[ProcessIdentity]":
        """Kill a supervisor of this place that does not act.

        Returns
        -------
        sequence of ProcessIdentity
            What lived of its tree just before.
        """

    def end_unsupervised(
        self,
        members: "Sequence[ProcessIdentity]",
        *,
        mark: tuple[str, str],
        grace_s: float,
        patience_s: float,
    ) -> bool:
        """End what lives of a command that has no supervisor any more, and what that started.

        ``mark`` is an environment variable and its value that all of it was started with.

        Returns
        -------
        bool
            False if something still lived ``patience_s`` after the grace time: a process that
            can not be killed (a dead disk, another user).
        """

    def started_with(self, mark: tuple[str, str]) -> "Sequence[ProcessIdentity]":
        """Return what lives of all that was started with an environment variable set so.

        Empty where the system shows nobody's environment.
        """

    def collect(self, pid: int) -> bool:
        """Take note of the end of a child of this process; False if it has not ended."""

    def user_name(self) -> str:
        """Return the name of this process's owner."""

    def start_token(self, pid: int) -> str | None:
        """Return when a process started, as a text to compare; None if it is none or a zombie."""

    def this_place(self) -> Place:
        """Return the place this process runs in."""

    def lock_exclusively(self, fd: int) -> bool:
        """Lock an open file until it is closed; False if somebody else has locked it.

        Raises
        ------
        OSError
            The file system offers no locks.
        """

    def is_locked(self, fd: int) -> bool:
        """Tell whether somebody has locked an open file; raises as ``lock_exclusively``."""


@cache
def system() -> System:
    """Return the adapter for this operating system."""
    # Imported here: an adapter needs the types above, and only one of them can be imported.
    if sys.platform == "win32":
        from pdb_cli.jobs.process_windows import WindowsSystem  # noqa: PLC0415
        from pdb_cli.jobs.win32 import Kernel32  # noqa: PLC0415

        return WindowsSystem(Kernel32())
    else:  # noqa: RET505 - mypy takes what follows a return on the other system for a mistake
        from pdb_cli.jobs import process_posix  # noqa: PLC0415

        return process_posix
