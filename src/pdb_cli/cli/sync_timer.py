"""``sync --print-timer``: the same command every week, as systemd units and as a line for cron."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.cli.registry import PROGRAM

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session

_WEDNESDAY = 2
_EARLIEST = timedelta(hours=1, minutes=30)
"""After the release at 00:00 UTC also when summer time moves the local clock."""
_SPREAD_MINUTES = 240
_UNITS = """\
# {folder}/pdb-cli-sync.service
[Unit]
Description=Weekly mirror of the Protein Data Bank
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={command}
Nice=10
IOSchedulingClass=idle
TimeoutStartSec=infinity

# {folder}/pdb-cli-sync.timer
[Unit]
Description=The Protein Data Bank is released on Wednesdays, 00:00 UTC

[Timer]
OnCalendar=Wed *-*-* 00:10:00 UTC
RandomizedDelaySec=4h
Persistent=true

[Install]
WantedBy=timers.target

# To switch it on:
#   systemctl {user}daemon-reload && systemctl {user}enable --now pdb-cli-sync.timer

# Or with cron ('crontab -e'), in the time zone of this machine:
{minute} {hour} * * {weekday} {cron}
"""


def print_timer(session: Session) -> None:
    """Print units and a line that run this command line every week.

    Parameters
    ----------
    session
        This run.
    """
    arguments = [_program(), *(item for item in session.argv if item != "--print-timer")]
    is_root = os.geteuid() == 0
    when = cron_time(datetime.now(UTC), int.from_bytes(os.urandom(2), "big"))
    sys.stdout.write(
        _UNITS.format(
            folder="/etc/systemd/system" if is_root else "~/.config/systemd/user",
            user="" if is_root else "--user ",
            command=" ".join(map(_for_systemd, arguments)),
            minute=when.minute,
            hour=when.hour,
            weekday=when.isoweekday() % 7,
            # Cron sends whatever is written by mail: errors only.
            cron=shlex.join([arguments[0], "-q", *arguments[1:]]).replace("%", r"\%"),
        )
    )


def cron_time(now: datetime, number: int) -> datetime:
    """Return a local time on the next release day, some hours after the release.

    Parameters
    ----------
    now
        The time now, with its zone.
    number
        A random number, so that not everybody comes at once.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    release = today + timedelta(days=(_WEDNESDAY - today.weekday()) % 7)
    return (release + _EARLIEST + timedelta(minutes=number % _SPREAD_MINUTES)).astimezone()


def _program() -> str:
    """Return the path of this program, as it was called."""
    called = Path(sys.argv[0])
    if called.name == PROGRAM:
        return os.path.abspath(called)  # noqa: PTH100 - links stay as they are
    return shutil.which(PROGRAM) or PROGRAM


def _for_systemd(argument: str) -> str:
    """Quote an argument as systemd.service(5) wants it."""
    text = argument.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[\w./:=@,+%$-]+", text):
        return text
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
