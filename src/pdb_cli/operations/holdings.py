"""Fetch the archive's lists and keep them, so that a second look costs one small answer.

Each mirror's lists are kept in a folder of their own, so that a bad one spoils no other mirror's:
as they were published, ``NAME.json.gz``, beside a record of where they came from:
``NAME.origin.json`` with the URL, its ETag and Last-Modified. A mirror is asked with If-None-Match
only about the very file it sent. What is kept is replaced only by a list that is whole, not by an
empty one, and not by one that says it is older, unless the user says that this is right.
"""

from __future__ import annotations

import os
import time
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.dates import read_date_table
from pdb_cli.archive.holdings import HoldingsFile, iterate_entries
from pdb_cli.errors import (
    FileAccessError,
    HoldingsError,
    HttpStatusError,
    NobodyListensError,
    PdbCliError,
)
from pdb_cli.events import AttemptFailed, BytesReceived, Note, ignore_event
from pdb_cli.operations.holdings_origin import Origin, mirror_folder, read_origin, write_origin
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.http import HttpEngine
from pdb_cli.transfer.inflated import read_inflated
from pdb_cli.transfer.model import Source
from pdb_cli.transfer.request import Request
from pdb_cli.transfer.response import NOT_MODIFIED
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.events import Observer
    from pdb_cli.transfer.headers import ResponseHeaders
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.response import BodyStart
    from pdb_cli.transfer.retry import RetryPolicy

_BUSY_RETRY_S = 0.15
_BUSY_NOTE_S = 10.0
_LONGEST_WAIT_S = 1.0
_REFUSED_TRIES = 3
"""Of the only mirror, where no server runs: more of them make somebody wait for what is known."""
_CLOCKS_DIFFER_S = 86_400.0


class KeptList(NamedTuple):
    """A list of the archive that is on the disk, whole and current."""

    path: Path
    url: str
    """Where it came from, without credentials."""
    changed: bool
    """Whether it arrived just now; else the one that was kept is still current."""
    modified_s: float | None = None
    """The time the mirror that was asked says its list has, in seconds since 1970, if it says so.
    Where that list is older than the one that is kept, it is the older time: it has gone back."""

    def chunks(self) -> Iterator[bytes]:
        """Yield its text, for the readers of :mod:`pdb_cli.archive.holdings`.

        Raises
        ------
        HoldingsError
            It was damaged since it was fetched.
        FileAccessError
            It can not be read.
        """
        return read_inflated(self.path, subject=self.path.name)


def fetch_holdings(
    file: HoldingsFile,
    *,
    mirrors: Sequence[Mirror],
    folder: Path,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
    trust: bool = False,
) -> KeptList:
    """Bring a list of the archive up to date.

    A list is read to its end before it is kept: one that is cut short, damaged or something else
    is refused, and the next mirror asked; so is an empty one where one with entries is kept. One
    that is older than what the same mirror sent before does not replace it, with a ``Note``; nor is
    a list of dates used where another one of these mirrors has sent one before that is newer, by
    its time and by the dates in it. Of several processes one fetches it, the others wait.

    Parameters
    ----------
    file
        Which list.
    mirrors
        In order of preference; those without ``https`` are passed over.
    folder
        Where lists are kept, those of each mirror in a folder below; made if it is not there.
    options
        Connections, time limits, certificates.
    retry
        How often and how late to try again; less often where the only mirror refuses connections.
    observe
        Gets ``BytesReceived``, ``AttemptFailed`` (the first of them ``holds_up``) and ``Note``.
    trust
        Whether a list that is older than the one that is kept is right.

    Returns
    -------
    KeptList
        The list.

    Raises
    ------
    UnsupportedError
        No mirror has an ``https`` root.
    TransferError, HoldingsError
        No mirror sent a whole list; what was kept before is still there.
    FileAccessError
        The folder can not be written.
    """
    # Where none has a root, the first one says which setting is missing.
    asked = [mirror for mirror in mirrors if mirror.https] or mirrors[:1]
    places = {
        each.path_url(file.path): mirror_folder(folder, each) / f"{file}.json.gz" for each in asked
    }
    choice = MirrorChoice([Source(each.name, each.path_url(file.path)) for each in asked], retry)
    with HttpEngine(options) as engine:
        for tries in count(1):
            destination = places[choice.source.url]
            try:
                destination.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FileAccessError.wrap("create", folder, error) from error
            attempt = _Attempt(engine, choice.source, file, destination, observe, trust=trust)
            failure = attempt.run()
            if failure is None:
                kept = KeptList(destination, attempt.url, attempt.changed, attempt.modified_s)
                return _newest(kept, places.values(), observe) if file.has_dates else kept
            jitter = int.from_bytes(os.urandom(4), "big") / 2**32
            delay_s = choice.next_delay_s(failure, jitter)
            is_refused = len(asked) == 1 and isinstance(failure, NobodyListensError)
            if delay_s is None or (is_refused and tries >= _REFUSED_TRIES):
                raise choice.error or failure
            reason = getattr(failure, "reason", type(failure).__name__)
            next_url = without_credentials(choice.source.url)
            name = f"{file}.json.gz"
            observe(AttemptFailed(name, reason, delay_s, next_url, holds_up=tries == 1))
            engine.poll(delay_s)  # nothing is on its way: this is a wait
    raise AssertionError("unreachable: the loop has no end of its own")


class _PartSink:
    """Writes to a partial file as the bytes arrive; remembers why that does not work any more."""

    def __init__(self, part: PartialFile) -> None:
        self._part = part
        self.error: PdbCliError | None = None

    def begin(self, start: BodyStart) -> None:
        """Nothing is asked for but the whole."""

    def take(self, pieces: list[bytes], size_bytes: int) -> None:  # noqa: ARG002 - as a Sink
        """Write some bytes."""
        try:
            for piece in pieces if self.error is None else ():
                self._part.write(piece)
        except PdbCliError as error:
            self.error = error


class _Attempt:
    """One request for one list."""

    def __init__(
        self,
        engine: HttpEngine,
        source: Source,
        file: HoldingsFile,
        destination: Path,
        observe: Observer,
        *,
        trust: bool,
    ) -> None:
        self._file = file
        self._trust = trust
        self._engine = engine
        self._source = source
        self.url = without_credentials(source.url)
        """Where the list comes from."""
        self._destination = destination
        self._record = _record_of(destination)
        self._observe = observe
        self.changed = False
        self.modified_s: float | None = None
        """The time of the mirror's list."""

    def run(self) -> PdbCliError | None:
        """Make the request and keep what it brings; return why there is no list."""
        with self._open_part() as part:
            # Only now: who had the partial file before us may have brought the list.
            kept = _read_kept(self._destination)
            # Some servers call all that is not newer unchanged: who believes wants to see it.
            is_same = kept is not None and kept.url == self.url and not self._trust
            conditions = kept.conditions() if kept is not None and is_same else ()
            sink = _PartSink(part)
            request = Request(self._source.url, sink, headers=conditions)
            headers, error = self._transfer(request)
            error = sink.error or error
            if conditions and isinstance(error, HttpStatusError) and error.status == NOT_MODIFIED:
                self.modified_s = kept.last_modified_s if kept else None
                return None
            if error is not None:
                return error
            try:
                self._check(part.path)
            except HoldingsError as damage:
                return damage
            self.modified_s = headers.last_modified_s
            older = kept is not None and _is_older(headers.last_modified_s, kept.last_modified_s)
            if older and not self._trust:
                self._observe(Note(f"{self.url} is older than it was; the newer one stays"))
                return None
            part.publish(mtime_s=headers.last_modified_s)
            self._write_origin(headers)
        self.changed = True
        return None

    def _open_part(self) -> PartialFile:
        """Open the partial file, waiting for another process that has it."""
        started_s = time.monotonic()
        noted = False
        while (part := PartialFile.open(self._destination)) is None:
            if not noted and time.monotonic() - started_s > _BUSY_NOTE_S:
                noted = True
                name = self._destination.name
                self._observe(Note(f"waiting for another process that is fetching {name}"))
            time.sleep(_BUSY_RETRY_S)
        return part

    def _transfer(self, request: Request) -> tuple[ResponseHeaders, PdbCliError | None]:
        """Wait for the answer; return its headers and what is wrong with it."""
        self._engine.start(request)
        while not (finished := self._engine.poll(_LONGEST_WAIT_S)):
            self._tell_received()
        self._tell_received()
        (attempt,) = finished
        return attempt.headers, attempt.error

    def _tell_received(self) -> None:
        """Report the bytes that arrived."""
        if received_bytes := self._engine.take_received_bytes():
            self._observe(BytesReceived(received_bytes))

    def _check(self, path: Path) -> None:
        """Read a list to its end; an empty one is refused where one with entries is kept."""
        chunks = read_inflated(path, subject=self.url)
        if self._file.has_dates:
            is_empty = not read_date_table(chunks, subject=self.url)
        else:
            is_empty = True
            for entry, value in iterate_entries(chunks, subject=self.url):
                is_empty = False
                if self._file is HoldingsFile.CURRENT_FILES and type(value) is not dict:
                    raise HoldingsError(self.url, f"{entry} has no files by content type")
        if is_empty and self._keeps_entries():
            raise HoldingsError(self.url, "it is empty, unlike the one that is kept")

    def _keeps_entries(self) -> bool:
        """Tell whether any mirror's list has entries; one that can not be read has none."""
        name = self._destination.name
        for kept in self._destination.parent.parent.glob(f"*/{name}"):
            chunks = read_inflated(kept, subject=name)
            try:
                if next(iterate_entries(chunks, subject=name), None) is not None:
                    return True
            except (HoldingsError, FileAccessError):
                continue
        return False

    def _write_origin(self, headers: ResponseHeaders) -> None:
        """Record where the list that has just been published came from."""
        write_origin(
            self._record,
            self._destination,
            url=self.url,
            etag=headers.etag,
            last_modified_s=headers.last_modified_s,
        )


def _newest(kept: KeptList, places: Iterable[Path], observe: Observer) -> KeptList:
    """Return the newest of the lists that mirrors have sent: the one that was asked may lag.

    The times of two mirrors prove nothing: one of them may be a copy that has times of its own. So
    what is newer also has to name a date that the mirror that was asked does not know.
    """
    for place in places:
        origin = None if place == kept.path else read_origin(_record_of(place), place)
        if origin is None or not _is_older(kept.modified_s, origin.last_modified_s):
            continue
        if _newest_date(kept.path) < _newest_date(place):
            observe(Note(f"{kept.url} is older than {origin.url}, which is kept and used instead"))
            # Not its own time, so that who asked hears of the lag.
            kept = KeptList(place, origin.url, changed=False, modified_s=kept.modified_s)
    return kept


def _newest_date(place: Path) -> str:
    """Return the newest date in a list of dates; nothing if it can not be read."""
    try:
        table = read_date_table(read_inflated(place, subject=place.name), subject=place.name)
    except (HoldingsError, FileAccessError):
        return ""
    return max(table.values(), default="")  # as text: the archive writes them all alike


def _record_of(kept: Path) -> Path:
    """Return the record beside a list."""
    return kept.with_name(kept.name.replace(".json.gz", ".origin.json"))


def _read_kept(kept: Path) -> Origin | None:
    """Return where a list that is kept came from, if that is known and it is whole."""
    origin = read_origin(_record_of(kept), kept)
    if origin is None:
        return None
    try:
        for _ in read_inflated(kept, subject=kept.name):
            pass
    except (HoldingsError, FileAccessError):
        return None
    return origin


def _is_older(new_s: float | None, kept_s: float | None) -> bool:
    """Tell whether a list is older than the one that is kept.

    A time in the future is a server's mistake; believed, it would keep out every later list.
    """
    if new_s is None or kept_s is None or kept_s > time.time() + _CLOCKS_DIFFER_S:
        return False
    return new_s < kept_s
