"""What ``sync`` is asked for, and what its transports must do: values and one protocol.

A *tree* is one directory of the archive that is kept here: one type of data in one format. A
*transport* lists a tree of one mirror, compares it with what is here (a plan), and brings files.
All that is the same for every transport is in :mod:`pdb_cli.operations.sync.run`: the lock, whether
a list may be believed, free space, retries and the next mirror, deletions, the record of the run.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import PdbCliError
from pdb_cli.events import Observer
from pdb_cli.operations.collection_plan import GroupPlan
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.storage.trash import trash_dir


class SyncTree(NamedTuple):
    """One directory of the archive and its place in the collection."""

    name: str
    """Unique in a run, the same in every run: ``structures-mmcif``."""
    group: str
    """For sums: the type of data or the row's name, ``structures``."""
    remote: str
    """The directory below the mirror's root (``pub/pdb``), no slash at its end; ``../`` at its
    start goes to a tree beside the root. ``RsyncRoot.url`` and ``Mirror.path_url`` take it."""
    directory: str
    """The directory below the collection, with ``/``, no slash at its end. Paths of a plan are
    this, a slash, and the path below :attr:`remote`."""
    root: Path
    """Where :attr:`directory` is on the disk; elsewhere than below the collection where the
    settings say so (``paths.data_type_dirs``). It may be, or be below, a link the user made."""
    layout: Layout
    """How the mirror arranges it; decides how ids are written in names."""
    pattern: str | None = None
    """A file's path below :attr:`remote`, with ``{hash}``, ``{id}``, ``{number}`` and ``*`` for any
    part of a name: ``{hash}/{id}-assembly{number}.cif.gz``. None where names are not of entries."""
    shared: bool = False
    """Whether other types of data are in the same directory (the layout of 2027): then only what
    fits :attr:`pattern` is of this tree, and nothing else is listed, fetched or deleted. Else
    everything in the directory is."""
    data_type: DataType | None = None
    """The type of data; None for trees beside the archive proper (``emdb``, ``sifts``)."""
    file_format: FileFormat | None = None
    """The format, where the tree has only one; None where all formats of the type lie in one
    directory (``validation``, ``nmr-data``), or with no type."""
    content_types: tuple[str, ...] = ()
    """The names under which ``current_file_holdings`` has its files; empty where it has none: then
    only rsync can list it."""
    links: bool = False
    """Whether :attr:`remote` is full of links whose files are wanted (``structures/all``)."""
    target_of_links: str | None = None
    """With :attr:`links`, the directory below the mirror's root the links lead to; the last part of
    a path in it is the name here."""

    def path_of(self, path: str) -> Path:
        """Return where a path of a plan of this tree is on the disk.

        Parameters
        ----------
        path
            ``PlannedChange.path``.

        Examples
        --------
        >>> tree = SyncTree("emdb", "emdb", "../emdb", "emdb", Path("/pdb/emdb"), Layout.CLASSIC)
        >>> tree.path_of("emdb/structures/EMD-1/map/emd_1.map.gz").as_posix()
        '/pdb/emdb/structures/EMD-1/map/emd_1.map.gz'
        """
        return self.root / path[len(self.directory) + 1 :]


class SyncSelection(NamedTuple):
    """Which entries are kept; all of them when nothing is said."""

    prefixes: tuple[str, ...] = ()
    """Beginnings of ids, lower case: ``1``, ``1ab``, ``pdb_00001a``."""
    entries: frozenset[EntryId] | None = None
    """Just these; None for no such list. With prefixes too, either is enough."""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not self.prefixes and self.entries is None

    def has(self, entry: EntryId) -> bool:
        """Tell whether an entry is selected.

        Examples
        --------
        >>> SyncSelection(prefixes=("1a",)).has(EntryId.parse("pdb_00001abc"))
        True
        """
        if self.is_all or (self.entries is not None and entry in self.entries):
            return True
        return bool(self.prefixes) and (
            entry.extended.startswith(self.prefixes)
            or (entry.classic or "").startswith(self.prefixes)
        )


class SettledStatus(StrEnum):
    """How it went with one file of a plan."""

    TRANSFERRED = "transferred"
    """It is here now, whole, with the archive's time."""
    UNCHANGED = "unchanged"
    """The mirror said that what is here is what it has: nothing had to come."""
    VANISHED = "vanished"
    """The mirror has it no more; what was here stays."""
    FAILED = "failed"
    """It did not come; what was here stays."""


class FileSettled(NamedTuple):
    """What became of one planned transfer."""

    path: str
    """``PlannedChange.path``."""
    status: SettledStatus
    size_bytes: int = 0
    """Of the whole file, if it was transferred."""
    reason: str = ""
    """Why it did not come."""
    mirror: str = ""
    """Where it came from, if not from the mirror of the transport."""


class ProbeResult(NamedTuple):
    """Whether a transport would work with a mirror, as far as a short look tells."""

    usable: bool
    reason: str
    """In a few words, for a message: ``rsync 3.2.7, port 873 answers``, ``no rsync program``."""
    may_pass: bool = False
    """With one that is not usable: whether it may be in a while (the port does not answer), rather
    than never (no program, no address). Then a run looks again, as often as ``--retry`` says."""
    refused: bool = False
    """With one that may pass: whether nothing listens there. Then it looks again briefly only."""


class TreePlanned(NamedTuple):
    """What came of planning one tree."""

    tree: SyncTree
    plan: GroupPlan | None
    """None when it could not be made."""
    error: PdbCliError | None = None
    """Why not; ``transient`` tells whether asking the same mirror again may help. A disk that can
    not be read or written is raised instead (``FileAccessError``): no mirror helps.

    Beside a plan: what its list lacks. Such a plan has no deletions, is carried out only where no
    mirror gives a better one, and the tree is not done by it.
    """


class SyncTransport(Protocol):
    """One way to one mirror; an instance serves one run, from one thread.

    Rules for every implementation:

    - names that begin with a dot (any part of a path), and paths that ``is_safe_path`` refuses, are
      neither listed, fetched nor deleted: partial files of either transport are among them;
    - links are not made, and no link below ``SyncTree.root`` is followed out of it;
    - a file gets its name when it is whole, with the archive's time (Last-Modified = mtime);
    - ``plan`` may keep notes of its own (lists it fetched) where it is told to: below ``.pdb-cli``
      for a run, outside of the collection for ``--plan``, which writes nothing there;
    - events given to ``observe`` are ``BytesReceived``, ``AttemptFailed`` and ``Note``; who calls
      ``execute`` reports files;
    - closing a generator (``GeneratorExit``), or an exception in it, ends what was started (child
      processes, transfers) before it returns, and keeps partial data for the next run.
    """

    name: str
    """``rsync`` or ``https``."""
    keeps_records: bool
    """Whether it records what it verified of the files it brings; else records of files that it
    replaces are dropped."""
    mirror: Mirror

    def probe(self) -> ProbeResult:
        """Look, in less than 3 s, whether this could work: program, port. Changes nothing."""
        ...

    def plan(
        self,
        trees: Iterable[SyncTree],
        selection: SyncSelection,
        *,
        delete: bool,
        observe: Observer,
    ) -> Iterator[TreePlanned]:
        """Compare trees with the mirror; change nothing here.

        Parameters
        ----------
        trees
            Whose root may not exist yet: then all is new.
        selection
            Only files of these entries are listed, kept, fetched or deleted. Trees without a
            ``pattern`` come only with a selection of all.
        delete
            Whether to plan deletions: files here that fit tree and selection, and that the list
            lacks.
        observe
            Gets events.

        Yields
        ------
        TreePlanned
            One per tree, in any order.

        Raises
        ------
        FileAccessError
            The disk refuses: nothing can be done at all.
        """
        ...

    def execute(
        self, tree: SyncTree, plan: GroupPlan, *, observe: Observer
    ) -> Generator[FileSettled, None, None]:
        """Fetch what a plan of this transport says is new or changed; delete nothing.

        Exactly ``plan.transfers`` are fetched, even if the mirror has changed since.

        Parameters
        ----------
        tree
            What was planned.
        plan
            What ``plan`` returned for it.
        observe
            Gets events.

        Yields
        ------
        FileSettled
            At most one per transfer. One that did not come out when the generator ends without an
            exception counts as failed.

        Raises
        ------
        FileAccessError
            Nothing more can be written (disk full, read-only): the run ends.
        PdbCliError
            This mirror does not go on. With ``transient`` the same tree is planned and executed
            again after a while (``--retry``); then, as without it, with the next mirror.
        """
        ...

    def finish(self, tree: SyncTree, plan: GroupPlan, *, observe: Observer) -> None:
        """Leave a tree as the mirror has it, now that all else is done.

        Called once per tree all of whose transfers and deletions went well, also when there were
        none: the place to set the times of directories. Never raises for what is only cosmetic.

        Parameters
        ----------
        tree
            The tree.
        plan
            The one that was carried out.
        observe
            Gets events.
        """
        ...


class TransportFactory(NamedTuple):
    """One way to any mirror."""

    name: str
    """That of the transports it makes."""
    make: Callable[[Mirror], SyncTransport]
    """Makes one for a mirror; nothing is started by that. A ``PdbCliError`` says why it can not."""


class SyncRequest(NamedTuple):
    """What one run is asked for."""

    target: str
    """The name that was asked for: ``wwpdb``, ``structures``, ``weekly``."""
    collection: Path
    """The root of the collection; ``.pdb-cli`` is made in it."""
    trees: tuple[SyncTree, ...]
    mirrors: tuple[Mirror, ...]
    """In order of preference, at least one, all with the layout of the trees."""
    selection: SyncSelection = SyncSelection()
    delete: bool = False
    limit: DeleteLimit = DeleteLimit(percent=5.0)
    trust_list: bool = False
    """Whether a list that is shorter or older than the last one is believed."""
    use_trash: bool = True
    retries: int = 5
    """More tries after the first, per mirror."""
    data_type_dirs: Mapping[DataType, Path] = MappingProxyType({})
    """Types that are kept elsewhere than below the root; the trees' roots say so too."""
    retry_delay_s: float | None = None
    """Between tries; None for 1, 2, 4 ... 30 s."""

    @property
    def trash(self) -> Path | None:
        """Where files go to that the archive has no more; None where they go for good."""
        return trash_dir(self.collection) if self.use_trash else None
