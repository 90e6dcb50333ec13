"""Fetch the archive's lists and keep them, so that a second look costs one small answer.

A list is kept as it was published, ``NAME.json.gz``, beside a record of where it came from:
``NAME.origin.json`` with the URL, its ETag and Last-Modified. A mirror is asked with If-None-Match
only about the very file it sent. What is kept is replaced only by a list that is whole, not by an
empty one, and not by one that says it is older: mirrors lag behind one another.
"""

from __future__ import annotations

import os
import time
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.holdings import iterate_entries
from pdb_cli.errors import (
    FileAccessError,
    HoldingsError,
    HttpStatusError,
    NobodyListensError,
    PdbCliError,
)
from pdb_cli.events import AttemptFailed, BytesReceived, Note, ignore_event
from pdb_cli.operations.holdings_origin import Origin, read_origin, write_origin
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.http import HttpEngine
from pdb_cli.transfer.inflated import read_inflated
from pdb_cli.transfer.model import Source
from pdb_cli.transfer.request import Request
from pdb_cli.transfer.response import NOT_MODIFIED
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pdb_cli.archive.holdings import HoldingsFile
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
    """The time the mirror says its list has, in seconds since 1970, if it says so. Where that list
    is older than the one that is kept, it is the older time: the mirror has gone back."""

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
) -> KeptList:
    """Bring a list of the archive up to date.

    A list is read to its end before it is kept: one that is cut short, damaged or something else
    is refused, and the next mirror asked; so is an empty one where one with entries is kept. One
    that is older than what is kept does not replace it, with a ``Note``. Of several processes one
    fetches it, the others wait.

    Parameters
    ----------
    file
        Which list.
    mirrors
        In order of preference; those without ``https`` are passed over.
    folder
        Where lists are kept; made if it is not there.
    options
        Connections, time limits, certificates.
    retry
        How often and how late to try again; less often where the only mirror refuses connections.
    observe
        Gets ``BytesReceived``, ``AttemptFailed`` (the first of them ``holds_up``) and ``Note``.

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
    destination = folder / f"{file}.json.gz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError.wrap("create", folder, error) from error
    # Where none has a root, the first one says which setting is missing.
    asked = [mirror for mirror in mirrors if mirror.https] or mirrors[:1]
    choice = MirrorChoice([Source(each.name, each.path_url(file.path)) for each in asked], retry)
    with HttpEngine(options) as engine:
        for tries in count(1):
            attempt = _Attempt(engine, choice.source, destination, observe)
            failure = attempt.run()
            if failure is None:
                return KeptList(destination, attempt.url, attempt.changed, attempt.modified_s)
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
        self, engine: HttpEngine, source: Source, destination: Path, observe: Observer
    ) -> None:
        self._engine = engine
        self._source = source
        self.url = without_credentials(source.url)
        """Where the list that is kept came from, after a run without a failure."""
        self._destination = destination
        self._record = destination.with_name(destination.name.replace(".json.gz", ".origin.json"))
        self._observe = observe
        self.changed = False
        self.modified_s: float | None = None
        """The time of the mirror's list."""

    def run(self) -> PdbCliError | None:
        """Make the request and keep what it brings; return why there is no list."""
        with self._open_part() as part:
            # Only now: who had the partial file before us may have brought the list.
            kept = self._read_kept()
            conditions = kept.conditions() if kept and kept.url == self.url else ()
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
            if kept is not None and _is_older(headers.last_modified_s, kept.last_modified_s):
                name = self._destination.name
                self._observe(Note(f"{self.url} is older than the {name} that is kept; it stays"))
                self.url = kept.url
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
        is_empty = True
        for _ in iterate_entries(read_inflated(path, subject=self.url), subject=self.url):
            is_empty = False
        if is_empty and self._keeps_entries():
            raise HoldingsError(self.url, "it is empty, unlike the one that is kept")

    def _keeps_entries(self) -> bool:
        """Tell whether the list that is kept has entries; one that can not be read has none."""
        name = self._destination.name
        chunks = read_inflated(self._destination, subject=name)
        try:
            return next(iterate_entries(chunks, subject=name), None) is not None
        except (HoldingsError, FileAccessError):
            return False

    def _read_kept(self) -> Origin | None:
        """Return where the list that is kept came from, if that is known and it is whole."""
        origin = read_origin(self._record, self._destination)
        if origin is None:
            return None
        try:
            for _ in read_inflated(self._destination, subject=self._destination.name):
                pass
        except (HoldingsError, FileAccessError):
            return None
        return origin

    def _write_origin(self, headers: ResponseHeaders) -> None:
        """Record where the list that has just been published came from."""
        write_origin(
            self._record,
            self._destination,
            url=self.url,
            etag=headers.etag,
            last_modified_s=headers.last_modified_s,
        )


def _is_older(new_s: float | None, kept_s: float | None) -> bool:
    """Tell whether a list is older than the one that is kept.

    A time in the future is a server's mistake; believed, it would keep out every later list.
    """
    if new_s is None or kept_s is None or kept_s > time.time() + _CLOCKS_DIFFER_S:
        return False
    return new_s < kept_s
