"""Run one program and tell what it cost: ``python launcher.py ERRORS PROGRAM [ARGUMENT...]``.

A process of its own, since the kernel counts the memory of whoever starts a program as the
program's: this one is small. Prints exit code, wall, user and system seconds and peak memory
in bytes on one line, then what the program wrote to its standard output.
"""

import os
import sys
import time


def launch(errors: str, command: list[str]) -> tuple[str, bytes]:
    """Run a command to its end with a pipe as its output."""
    read_end, write_end = os.pipe()
    start = time.perf_counter()
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, write_end, 1),
            (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        ],
    )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        output = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    wall_s = time.perf_counter() - start
    # Linux counts memory in units of 1024 bytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak_bytes = usage.ru_maxrss * unit
    code = os.waitstatus_to_exitcode(status)
    return f"{code} {wall_s!r} {usage.ru_utime!r} {usage.ru_stime!r} {peak_bytes}\n", output


if __name__ == "__main__":
    figures, printed = launch(sys.argv[1], sys.argv[2:])
    sys.stdout.buffer.write(figures.encode() + printed)
