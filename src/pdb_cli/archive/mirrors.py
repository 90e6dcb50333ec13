"""The mirrors: hosts, ports, modules and roots as rows that the configuration can replace.

The words in the comments say how sure a row is: *official* (text of the site itself), *measured*
(seen answering, January 2026) or *unverified*. Nothing that is not official may be relied on:
``[mirrors.NAME]`` in the configuration overrides every field.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Mapping
from typing import Final, NamedTuple

from pdb_cli.archive.layouts import ArchiveFile, Layout, archive_path
from pdb_cli.errors import UnknownNameError, UnsupportedError

RSYNC_PORT: Final = 873
"""The port of an rsync daemon when nothing else is said (IANA)."""


class RsyncRoot(NamedTuple):
    """The place on an rsync daemon that equals ``pub/pdb``."""

    host: str
    """Name or address, without brackets."""
    port: int
    path: str
    """The module, or module and path, without slashes at the ends: ``ftp``."""

    def url(self, path: str) -> str:
        """Return the URL of a path below the root.

        Parameters
        ----------
        path
            As ``archive_path`` returns it; ``../`` goes to the tree beside the root.

        Examples
        --------
        >>> RsyncRoot("rsync.rcsb.org", 33444, "ftp").url("data/structures/")
        'rsync://rsync.rcsb.org:33444/ftp/data/structures/'
        """
        return f"rsync://{self._address()}/{_below(self.path, path)}"

    def __str__(self) -> str:
        """Return the URL of the root itself."""
        return f"rsync://{self._address()}/{self.path}"

    def _address(self) -> str:
        """Return host and port as a URL has them (RFC 3986: IPv6 in brackets)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Mirror(NamedTuple):
    """A place that serves the archive."""

    name: str
    https: str | None
    """The URL that equals ``https://files.wwpdb.org/pub/pdb``, without a slash at its end."""
    rsync: tuple[RsyncRoot, ...]
    """The places that equal ``rsync://rsync.wwpdb.org/ftp``, the preferred one first."""
    layout: Layout

    def url(self, file: ArchiveFile) -> str:
        """Return the URL of a file.

        Parameters
        ----------
        file
            The file.

        Raises
        ------
        UnsupportedError
            The mirror has no ``https``, or its layout has no place for such a file.
        InvalidValueError
            The assembly number of the file is wrong.
        """
        if self.https is None:
            raise UnsupportedError(f"mirror {self.name}", f"mirrors.{self.name}.https is not set")
        return _below(self.https, archive_path(file, self.layout))

    def rsync_paths(self, file: ArchiveFile) -> tuple[str, ...]:
        """Return the rsync URLs of a file, the preferred one first.

        Parameters
        ----------
        file
            The file.

        Returns
        -------
        tuple of str
            Empty when the mirror offers no rsync.

        Raises
        ------
        UnsupportedError, InvalidValueError
            As ``archive_path``.
        """
        path = archive_path(file, self.layout)
        return tuple(root.url(path) for root in self.rsync)


BUILTIN_MIRRORS: Final[Mapping[str, Mirror]] = {
    mirror.name: mirror
    for mirror in (
        Mirror(
            "rcsb",
            "https://files.rcsb.org/pub/pdb",  # official
            (RsyncRoot("rsync.rcsb.org", 33444, "ftp"),),  # official; 873 times out (measured)
            Layout.CLASSIC,
        ),
        Mirror(
            "pdbj",
            "https://data.pdbj.org/pub/pdb",  # measured
            (
                RsyncRoot("rsync.pdbj.org", RSYNC_PORT, "ftp"),  # official
                RsyncRoot("data.pdbj.org", RSYNC_PORT, "rsync/pub/pdb"),  # measured
            ),
            Layout.CLASSIC,
        ),
        Mirror(
            "pdbe",
            "https://ftp.ebi.ac.uk/pub/databases/pdb",  # official
            (RsyncRoot("rsync.ebi.ac.uk", RSYNC_PORT, "pub/databases/pdb"),),  # official
            Layout.CLASSIC,
        ),
        Mirror(
            "wwpdb",
            "https://files.wwpdb.org/pub/pdb",  # official
            (
                RsyncRoot("rsync.wwpdb.org", 33444, "ftp"),  # port unverified: RCSB's script
                RsyncRoot("rsync.wwpdb.org", RSYNC_PORT, "ftp"),  # port unverified: other tools
            ),
            Layout.CLASSIC,
        ),
    )
}
"""The mirrors every installation knows, by name."""

MIRROR_ALIASES: Final[Mapping[str, str]] = {
    "us": "rcsb",
    "jp": "pdbj",
    "uk": "pdbe",
    "eu": "pdbe",
    "global": "wwpdb",
}
"""Regions, as other names of built-in mirrors."""


def find_mirror(name: str, custom: Mapping[str, Mirror]) -> Mirror:
    """Find a mirror by name or region, in any case.

    Parameters
    ----------
    name
        What the user wrote.
    custom
        The configured mirrors by lower-case name; they win over built-in ones of that name.

    Returns
    -------
    Mirror
        The mirror.

    Raises
    ------
    UnknownNameError
        There is no such mirror.

    Examples
    --------
    >>> find_mirror("EU", {}).name
    'pdbe'
    """
    key = name.strip().lower()
    key = MIRROR_ALIASES.get(key, key)
    mirror = custom.get(key) or BUILTIN_MIRRORS.get(key)
    if mirror is None:
        known = dict.fromkeys((*BUILTIN_MIRRORS, *custom, *MIRROR_ALIASES))
        raise UnknownNameError("mirror", name, tuple(known))
    return mirror


def _below(root: str, path: str) -> str:
    """Join a root and a relative path; one ``../`` at the path's start leaves the root.

    The sibling of ``pub/pdb`` is ``pub/pdb_ihm``, that of the rsync module ``ftp`` the module
    ``pdb_ihm``: the rule holds on every mirror whose roots are known.
    """
    if path.startswith("../"):
        root, path = root.rpartition("/")[0], path[3:]
    return f"{root}/{path}" if root else path
