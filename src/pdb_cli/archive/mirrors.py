"""The mirrors: hosts, ports, modules and roots as rows that the configuration can replace.

The words in the comments say how sure a row is: *official* (text of the site itself), *measured*
(seen answering, January 2026) or *unverified*. Nothing that is not official may be relied on:
``[mirrors.NAME]`` in the configuration overrides every field.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pdb_cli.archive.datatypes import DataType, FileFormat
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

        Raises
        ------
        UnsupportedError
            It goes up further than the daemon does.

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
    bcif: str | None = None
    """The URL of structures as BinaryCIF, gzipped, with ``{id}``; the archive has none of them."""

    def url(self, file: ArchiveFile) -> str:
        """Return the URL of a file.

        Parameters
        ----------
        file
            The file.

        Raises
        ------
        UnsupportedError
            The mirror has no ``https``, its layout has no place for such a file, or it serves no
            BinaryCIF.
        InvalidValueError
            The assembly number of the file is wrong.
        """
        if file.file_format is FileFormat.BCIF and file.data_type is DataType.STRUCTURES:
            if self.bcif is None:
                serving = [mirror.name for mirror in BUILTIN_MIRRORS.values() if mirror.bcif]
                raise UnsupportedError(
                    f"structures as bcif from mirror {self.name}",
                    f"it has none; {', '.join(serving)} has, and mirrors.{self.name}.bcif may "
                    "name a place",
                )
            return self.bcif.format(id=file.entry)
        return self.path_url(archive_path(file, self.layout))

    def path_url(self, path: str) -> str:
        """Return the URL of a path below the root, such as that of a list.

        Parameters
        ----------
        path
            Relative; ``../`` at its start goes to the tree beside the root.

        Raises
        ------
        UnsupportedError
            The mirror has no ``https``, or the path goes up further than its server does.

        Examples
        --------
        >>> BUILTIN_MIRRORS["wwpdb"].path_url("holdings/unreleased_entries.json.gz")
        'https://files.wwpdb.org/pub/pdb/holdings/unreleased_entries.json.gz'
        """
        if self.https is None:
            raise UnsupportedError(f"mirror {self.name}", f"mirrors.{self.name}.https is not set")
        return _below(self.https, path)

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
            "https://models.rcsb.org/{id}.bcif.gz",  # official
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
            # Its BinaryCIF (www.ebi.ac.uk/pdbe/entry-files/download/{id}.bcif) is not gzipped.
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


def serving_mirrors(mirrors: Iterable[Mirror], file: ArchiveFile) -> tuple[tuple[Mirror, str], ...]:
    """Choose the mirrors that have a place for a file, in their order.

    Parameters
    ----------
    mirrors
        In order of preference, at least one.
    file
        The file.

    Returns
    -------
    tuple of (Mirror, str)
        Each with the URL of the file there; at least one.

    Raises
    ------
    UnsupportedError
        None of them has: what the first one says.
    InvalidValueError
        The assembly number of the file is wrong.

    Examples
    --------
    >>> from pdb_cli.archive.ids import EntryId
    >>> file = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.BCIF)
    >>> [url for _, url in serving_mirrors(BUILTIN_MIRRORS.values(), file)]
    ['https://models.rcsb.org/1abc.bcif.gz']
    """
    serving: list[tuple[Mirror, str]] = []
    refusal: UnsupportedError | None = None
    for mirror in mirrors:
        try:
            serving.append((mirror, mirror.url(file)))
        except UnsupportedError as error:
            refusal = refusal or error
    if refusal is not None and not serving:
        raise refusal
    return tuple(serving)


def _below(root: str, path: str) -> str:
    """Join a root and a relative path; each ``../`` at the path's start goes up by one.

    The sibling of ``pub/pdb`` is ``pub/pdb_ihm``, that of the rsync module ``ftp`` the module
    ``pdb_ihm``: the rule holds on every mirror whose roots are known.
    """
    # What is before the host of a URL is no directory; the modules of a daemon are its top.
    origin, separator, place = root.partition("://")
    host, slash, up = place.partition("/") if separator else ("", "", root)
    rest = path
    while rest.startswith("../"):
        if not up:
            raise UnsupportedError(f"{path} of {root}", "there is nothing above that root")
        up, rest = up.rpartition("/")[0], rest[3:]
    joined = f"{up}/{rest}" if up else rest
    return f"{origin}{separator}{host}{slash or '/'}{joined}" if separator else joined
