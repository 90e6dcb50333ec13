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

from pdb_cli.archive.sync_targets import DEFAULT_TARGET
from pdb_cli.cli.registry import PROGRAM
from pdb_cli.config.paths import config_file
from pdb_cli.errors import InvalidValueError
from pdb_cli.jobs.identity import user_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pdb_cli.cli.session import Session
    from pdb_cli.operations.sync.model import SyncRequest

_WEDNESDAY = 2
_EARLIEST = timedelta(hours=1, minutes=30)
"""After the release at 00:00 UTC also when summer time moves the local clock."""
_SPREAD_MINUTES = 240
_PATHS = ("PDB_DIR", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_VARIABLES = (
    *_PATHS,
    "PDB_CLI_MIRROR",
    *(f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO")),
    *(f"{name}_proxy" for name in ("http", "https", "all", "no")),
    *("RSYNC_PROXY", "RSYNC_CONNECT_PROG", "RSYNC_PASSWORD"),
)
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where services and cron look for programs, rsync among them."""
_STDIN = frozenset({"-", "/dev/stdin", "/dev/fd/0"})
_UNITS = """\
# {folder}/{name}.service
[Unit]
Description=Weekly mirror of the Protein Data Bank
Wants=network-online.target
After=network-online.target
RequiresMountsFor={places}

[Service]
Type=oneshot
{settings}ExecStart={command}
Nice=10
IOSchedulingClass=idle
TimeoutStartSec=infinity

# {folder}/{name}.timer
[Unit]
Description=The Protein Data Bank is released on Wednesdays, 00:00 UTC

[Timer]
OnCalendar=Wed *-*-* 00:10:00 UTC
RandomizedDelaySec=4h
Persistent=true

[Install]
WantedBy=timers.target

{secrets}# To switch it on:
#   systemctl {user}daemon-reload && systemctl {user}enable --now {name}.timer{linger}

# Or with cron ('crontab -e'), in the time zone of this machine:
{minute} {hour} * * {weekday} {cron}
"""
_LEFT_OUT = """\
# {name} is set here and may hold a password, so it is not above: put it into a file that only
# this user can read, and name that file with EnvironmentFile= (for cron: set it at the top).

"""


def print_timer(session: Session, request: SyncRequest, paths: Sequence[str | None]) -> None:
    """Print units and a line that run this command line every week.

    The variables that say where the collection is, and how to reach mirrors, go with it, without
    passwords. So do the configuration's file, which a system service would not find in its home,
    the umask, which a shared collection needs, and the current directory, if a path is relative.

    Parameters
    ----------
    session
        This run.
    request
        What is synced: those of two targets have names of their own.
    paths
        The values of the options that are paths.
    """
    arguments = [item for item in session.argv if item != "--print-timer"]
    arguments = list(_without_config(arguments))
    variables = {name: session.environ[name] for name in _VARIABLES if session.environ.get(name)}
    secrets = [name for name, value in variables.items() if _is_secret(name, value)]
    for name in secrets:
        del variables[name]
    variables |= _path_to_rsync(session.environ)
    target = request.target
    suffix = "" if target == DEFAULT_TARGET else "-" + re.sub(r"[^\w.-]", "_", target)
    here = os.getcwd()  # noqa: PTH109 - a text is what is needed
    is_root = os.geteuid() == 0
    is_relative = _has_relative(variables, (*paths, session.settings().paths.pdb_dir))
    settings = [f"UMask={_umask()}"]
    if is_relative:
        settings.append(f"WorkingDirectory={here.replace('%', '%%')}")
    # A unit of the user's own manager runs as the user, and must not say so again.
    if is_root:
        settings.insert(0, f"User={user_name()}")
    settings += [f"Environment={_quoted(f'{key}={value}')}" for key, value in variables.items()]
    program = [*_program(), *_config(session)]
    # Cron sends whatever is written by mail: errors only.
    line = shlex.join([*(f"{key}={value}" for key, value in variables.items())])
    cron = f"umask {_umask()} && " + (f"cd {shlex.quote(here)} && " if is_relative else "")
    cron += f"env {line} " if line else ""
    cron += shlex.join([*program, "-q", *arguments])
    when = cron_time(datetime.now(UTC), int.from_bytes(os.urandom(2), "big"))
    sys.stdout.write(
        _UNITS.format(
            folder="/etc/systemd/system" if is_root else "~/.config/systemd/user",
            name=f"pdb-cli-sync{suffix}",
            places=" ".join(_quoted(os.fspath(place)) for place in _places(request)),
            secrets="".join(_LEFT_OUT.format(name=name) for name in secrets),
            user="" if is_root else "--user ",
            linger=""
            if is_root
            else "\n#   loginctl enable-linger    (it runs also while you are out)",
            settings="".join(f"{setting}\n" for setting in settings),
            command=" ".join(map(_for_systemd, [*program, *arguments])),
            minute=when.minute,
            hour=when.hour,
            weekday=when.isoweekday() % 7,
            cron=cron.replace("%", r"\%"),
        )
    )


def _places(request: SyncRequest) -> dict[Path, None]:
    """Return the directories whose disks have to be mounted."""
    places = (request.collection, *request.data_type_dirs.values())
    return dict.fromkeys(Path(os.path.abspath(place)) for place in places)  # noqa: PTH100 - links stay as they are


def _umask() -> str:
    """Return the umask of now, in octal digits."""
    # It can not be looked at without being changed; nothing else runs here.
    mask = os.umask(0o077)
    os.umask(mask)
    return f"{mask:04o}"


def _has_relative(variables: Mapping[str, str], paths: Sequence[str | Path | None]) -> bool:
    """Tell whether the command would mean something else in another directory."""
    given = [path for path in (*paths, *map(variables.get, _PATHS)) if path is not None]
    # Of a command nobody knows which of its words are paths.
    is_command = "RSYNC_CONNECT_PROG" in variables
    return is_command or not all(map(os.path.isabs, given))


def _is_secret(name: str, value: str) -> bool:
    """Tell whether a variable holds a password, which belongs into no unit that all can read."""
    return name == "RSYNC_PASSWORD" or ("proxy" in name.lower() and "@" in value)


def _path_to_rsync(environ: Mapping[str, str]) -> dict[str, str]:
    """Return where programs are looked for, if rsync is not where it usually is."""
    found = shutil.which("rsync", path=environ.get("PATH"))
    folder = None if found is None else os.path.dirname(os.path.abspath(found))  # noqa: PTH100, PTH120 - links stay as they are
    if folder is None or folder in _USUAL_PATH.split(":"):
        return {}
    return {"PATH": f"{folder}:{_USUAL_PATH}"}


def check_repeatable(ids_file: str | None) -> None:
    """See that a command can run again without anybody who types.

    Parameters
    ----------
    ids_file
        The value of ``--ids``.

    Raises
    ------
    InvalidValueError
        It is standard input.
    """
    if ids_file in _STDIN:
        expected = "a file with --print-timer, since a timer has no standard input"
        raise InvalidValueError("--ids", str(ids_file), expected)


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


def _config(session: Session) -> list[str]:
    """Return the option that names the file of the configuration, if there is one."""
    path = session.config_path or config_file(session.environ)
    return ["--config", os.path.abspath(path)] if path.is_file() else []  # noqa: PTH100 - links stay as they are


def _without_config(arguments: list[str]) -> Iterator[str]:
    """Yield arguments without the option that names the configuration."""
    before_command = True
    items = iter(arguments)
    for item in items:
        if before_command and item == "--config":
            next(items, None)
        elif not (before_command and item.startswith("--config=")):
            before_command = before_command and item != "sync"
            yield item


def _program() -> list[str]:
    """Return how this program is called, from anywhere."""
    called = Path(sys.argv[0])
    if called.name == PROGRAM:
        return [os.path.abspath(called)]  # noqa: PTH100 - links stay as they are
    found = shutil.which(PROGRAM)
    return [found] if found else [sys.executable, "-m", "pdb_cli"]


def _for_systemd(argument: str) -> str:
    """Quote an argument of a command as systemd.service(5) wants it."""
    return _quoted(argument.replace("$", "$$"))


def _quoted(text: str) -> str:
    """Quote a word of a unit as systemd.syntax(7) wants it."""
    text = text.replace("%", "%%")
    if re.fullmatch(r"[\w./:=@,+%$-]+", text):
        return text
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
