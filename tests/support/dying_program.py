"""pdb-cli, which ends by signal 9 at one exact moment.

``python dying_program.py OPERATION before|after ENDING ARGUMENT...``: the moment is the first call
of ``os.OPERATION`` that is about a path with such an ending, and that succeeds.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def path_of(target: object) -> str:
    """Return the path that an operation is about; that of a descriptor where it is one."""
    if isinstance(target, int):
        return str(Path(f"/proc/self/fd/{target}").readlink())
    return os.fspath(target)  # type: ignore[call-overload,no-any-return]


def dying(operation: Callable[..., Any], *, when: str, ending: str) -> Callable[..., Any]:
    """Return an operation that is the end."""

    @wraps(operation)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        # Of two names, the second is that of what is made.
        is_it = path_of(arguments[min(1, len(arguments) - 1)]).endswith(ending)
        # What is not there is removed for nothing.
        is_vain = operation.__name__ in {"unlink", "rmdir"} and not os.path.lexists(arguments[0])
        if is_it and when == "before" and not is_vain:
            os.kill(os.getpid(), signal.SIGKILL)
        result = operation(*arguments, **options)
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def main() -> int:
    """Prepare the end, then be pdb-cli."""
    from pdb_cli.cli.main import main as pdb_cli

    name, when, ending, *arguments = sys.argv[1:]
    setattr(os, name, dying(getattr(os, name), when=when, ending=ending))
    return pdb_cli(arguments)


if __name__ == "__main__":
    sys.exit(main())
