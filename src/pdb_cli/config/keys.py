"""The table of settings: every key, its kind, its variable, its flag, what it is for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.archive.datatypes import parse_data_type
from pdb_cli.archive.mirrors import MIRROR_ALIASES
from pdb_cli.config import kinds
from pdb_cli.config.settings import SyncFormat, Transport
from pdb_cli.errors import PdbCliError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.config.kinds import Kind

KeyPath = tuple[str, ...]
"""A key's names from the outside in: ``("download", "parallel")``."""

ANY: Final = "*"
"""In a key's path: a name that the user chooses."""

_IDLE_SECTIONS: Final = frozenset({"api"})
"""Settings that commands to come will use."""


class Key(NamedTuple):
    """One setting."""

    path: KeyPath
    kind: Kind
    summary: str
    variable: str | None = None
    """The environment variable that sets it."""
    flag: str | None = None
    """The command-line option that sets it, for messages."""

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.path)

    @property
    def has_effect(self) -> bool:
        """Whether anything is done with it yet; the others are only checked."""
        return self.path[0] not in _IDLE_SECTIONS


class WrongNameError(PdbCliError):
    """A name that the user may choose, such as a mirror's, is not acceptable.

    Never leaves :mod:`pdb_cli.config`.
    """

    def __init__(self, problem: str, suggestion: str | None = None) -> None:
        super().__init__(problem, suggestion)
        self.problem = problem
        self.suggestion = suggestion


def _key(
    name: str, kind: Kind, summary: str, *, variable: str | None = None, flag: str | None = None
) -> Key:
    """Make a row of the table."""
    return Key(tuple(name.split(".")), kind, summary, variable, flag)


KEYS: Final = (
    _key(
        "paths.pdb_dir",
        kinds.OPTIONAL_PATH,
        "Root of the collection.",
        variable="PDB_DIR",
        flag="--pdb-dir",
    ),
    _key(f"paths.data_type_dirs.{ANY}", kinds.PATH, "Types kept elsewhere than below the root."),
    _key(
        "mirror.default",
        kinds.MIRROR_NAMES,
        "Mirrors in order of preference, which is the order of fail-over.",
        variable="PDB_CLI_MIRROR",
        flag="--mirror",
    ),
    _key(f"mirrors.{ANY}.https", kinds.HTTP_URL, "What equals https://files.wwpdb.org/pub/pdb."),
    _key(f"mirrors.{ANY}.rsync", kinds.RSYNC_ROOTS, "What equals rsync://rsync.wwpdb.org/ftp."),
    _key(f"mirrors.{ANY}.layout", kinds.LAYOUT, "classic, or entry: the one of 21 July 2027."),
    _key(f"mirrors.{ANY}.bcif", kinds.BCIF_URL, "Where it has BinaryCIF; {id} stands for the id."),
    _key("download.parallel", kinds.whole_number(1, 256), "Transfers at once.", flag="--parallel"),
    _key(
        "download.retry", kinds.whole_number(0, 100), "More tries after the first.", flag="--retry"
    ),
    _key("download.connect_timeout_s", kinds.seconds(0.001), "Seconds to get a connection."),
    _key(
        "download.stall_timeout_s",
        kinds.seconds(0.001),
        "Seconds without a byte until a transfer is given up; there is no limit on the whole.",
    ),
    _key(
        "download.limit_rate",
        kinds.RATE,
        'Bytes per second over all transfers: "500K", "10M"; "" for no limit.',
        flag="--limit-rate",
    ),
    _key(
        "download.contact_url",
        kinds.CONTACT,
        'Told to servers, so that they can reach you: your URL or e-mail address; "" for none.',
    ),
    _key("download.format", kinds.FORMAT, "mmcif, pdb, xml or bcif.", flag="--format"),
    _key(
        "download.fallback",
        kinds.BOOLEAN,
        "Fetch mmCIF where an entry has no file in the legacy PDB format.",
        flag="--fallback",
    ),
    _key("sync.types", kinds.DATA_TYPES, "Types of data to keep.", flag="--type"),
    _key("sync.format", kinds.one_of(SyncFormat), "mmcif, pdb or both.", flag="--format"),
    _key("sync.transport", kinds.one_of(Transport), "auto, rsync or https.", flag="--transport"),
    _key("sync.delete", kinds.BOOLEAN, "Remove what the mirror does not have.", flag="--delete"),
    _key(
        "sync.max_delete",
        kinds.DELETE_LIMIT,
        "Most files to remove in one run: a count, or percent of the local files.",
        flag="--max-delete",
    ),
    _key(f"sync.targets.{ANY}.types", kinds.DATA_TYPES, "As sync.types, for this target."),
    _key(f"sync.targets.{ANY}.format", kinds.one_of(SyncFormat), "As sync.format."),
    _key(f"sync.targets.{ANY}.transport", kinds.one_of(Transport), "As sync.transport."),
    _key(f"sync.targets.{ANY}.delete", kinds.BOOLEAN, "As sync.delete."),
    _key(f"sync.targets.{ANY}.max_delete", kinds.DELETE_LIMIT, "As sync.max_delete."),
    _key(f"sync.targets.{ANY}.mirror", kinds.MIRROR_NAME, "The mirror of this target."),
    _key(
        "jobs.dir",
        kinds.OPTIONAL_PATH,
        'Where job records are; "" for the cache directory.',
        variable="PDB_CLI_JOBS_DIR",
    ),
    _key("jobs.grace_s", kinds.seconds(0), "Seconds between asking a job to end and killing it."),
    _key("jobs.log_max_mb", kinds.whole_number(1, 1_000_000), "Largest log of one job, in MB."),
    _key("jobs.notify", kinds.TEXT, "A command or an Apprise URL, told when a job has ended."),
    _key("api.rcsb_data", kinds.HTTP_URL, "RCSB's Data API."),
    _key("api.rcsb_search", kinds.HTTP_URL, "RCSB's Search API."),
)


def find_key(path: KeyPath) -> Key | None:
    """Find the row of a setting.

    Parameters
    ----------
    path
        The key, with names the user chose as they are.

    Examples
    --------
    >>> find_key(("mirrors", "lab", "https")).name
    'mirrors.*.https'
    """
    for key in KEYS:
        if len(key.path) == len(path) and _begins(key.path, path):
            return key
    return None


def is_section(path: KeyPath) -> bool:
    """Tell whether there are settings below a path, such as ``("sync", "targets")``.

    Parameters
    ----------
    path
        The path.
    """
    return any(len(key.path) > len(path) and _begins(key.path, path) for key in KEYS)


def canonical(path: KeyPath) -> KeyPath:
    """Return a key with the names in it as the program uses them.

    Parameters
    ----------
    path
        A key, or the path of a section, of the table.

    Raises
    ------
    WrongNameError
        A name in it is not acceptable where it stands.

    Examples
    --------
    >>> canonical(("paths", "data_type_dirs", "asm"))
    ('paths', 'data_type_dirs', 'assemblies')
    """
    match path:
        case ("paths", "data_type_dirs", name):
            return (*path[:2], _data_type(name))
        case ("mirrors", name, *rest):
            return ("mirrors", _mirror_name(name), *rest)
        case ("sync", "targets", name, *rest):
            return ("sync", "targets", _target_name(name), *rest)
        case _:
            return path


def nearest_key(path: KeyPath) -> str | None:
    """Return the dotted key that a wrong one was probably meant to be.

    First a neighbour with nearly that name, then the same name elsewhere, then, where not even the
    section is known, anything near.

    Parameters
    ----------
    path
        The wrong key.

    Examples
    --------
    >>> nearest_key(("download", "paralel")), nearest_key(("retry",))
    ('download.parallel', 'download.retry')
    """
    neighbours = [rest[len(path) - 1] for rest in _known_below(path[:-1])]
    if near := nearest_name(path[-1], neighbours):
        return ".".join((*path[:-1], near))
    if elsewhere := [key.name for key in KEYS if key.path[-1] == path[-1] and ANY not in key.path]:
        return elsewhere[0]
    if path[:-1] and is_section(path[:-1]):
        return None
    return nearest_name(".".join(path), [key.name for key in KEYS if ANY not in key.path])


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to a wrong one, if any is near.

    Parameters
    ----------
    name
        The wrong name.
    known
        The right ones.

    Examples
    --------
    >>> nearest_name("RSCB", ["rcsb", "pdbj"])
    'rcsb'
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    return next(iter(get_close_matches(name.lower(), list(known), n=1)), None)


def _known_below(section: KeyPath) -> Iterator[KeyPath]:
    """List the keys below a section, with the user's own names as they are in it."""
    for key in KEYS:
        if len(key.path) > len(section) and _begins(key.path, section):
            yield (*section, *key.path[len(section) :])


def _begins(pattern: KeyPath, path: KeyPath) -> bool:
    """Tell whether a row's path begins with a path."""
    return all(known in (ANY, name) for known, name in zip(pattern, path, strict=False))


def _data_type(name: str) -> str:
    """Return the data type of a name."""
    return str(parse_data_type(name))


def _mirror_name(name: str) -> str:
    """Check the name of a configured mirror; names are the same in any case."""
    lower = name.lower()
    if lower in MIRROR_ALIASES:
        real = MIRROR_ALIASES[lower]
        raise WrongNameError(f"{lower} is another name of the mirror {real}", f"mirrors.{real}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", lower):
        raise WrongNameError("a mirror's name consists of letters, digits, - and _")
    return lower


def _target_name(name: str) -> str:
    """Check the name of a sync target: ``sync`` takes words that look like ids for ids."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or name.lower().startswith("pdb_"):
        raise WrongNameError(
            "a target's name consists of letters, digits, - and _ and begins with a letter, "
            "but not with pdb_"
        )
    return name
