"""What a download knows of the files that are there, and what it adds to that.

Only in a collection: what lies in a directory of its own is read to its end each time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pdb_cli.index.model import Level
from pdb_cli.operations.download_request import Arrangement, Packing
from pdb_cli.operations.verification_record import record_of_fetch
from pdb_cli.storage.atomic import sync_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Check, Record
    from pdb_cli.operations.download_request import Destination
    from pdb_cli.transfer.fetch import FetchResult

_MOST_WAITING = 1000
_MOST_WAIT_S = 2.0


class DownloadMemory:
    """What is known of the files of a collection.

    Parameters
    ----------
    catalogue
        Of the collection; None remembers nothing.
    destination
        Where files go: of files that do not have their place in the collection nothing is known.
    """

    def __init__(self, catalogue: Catalogue | None, destination: Destination) -> None:
        plain = (destination.arrangement, destination.packing)
        in_place = plain == (Arrangement.DIVIDED, Packing.ARCHIVE)
        self._catalogue = catalogue if in_place else None
        self._records: list[Record] = []
        self._checks: list[Check] = []
        self._directories: set[Path] = set()
        """Where a file replaced another one, since the last time that was written."""
        self._since_s = time.monotonic()

    def look_up(self, names: Sequence[str]) -> Mapping[str, Record | Check]:
        """Return what is known of some files that were wholly verified; from any thread.

        Parameters
        ----------
        names
            Paths in the collection; some hundred at most.
        """
        if self._catalogue is None:
            return {}
        known: dict[str, Record | Check] = {
            name: check
            for name, check in self._catalogue.checks(names).items()
            if check.level >= Level.CONTENT
        }
        for name, record in self._catalogue.records(names).items():
            check = known.get(name)
            # A record tells more, unless it is about an earlier file.
            if record.level >= Level.CONTENT and (
                check is None or record.fits(check.size_bytes, check.mtime_ns)
            ):
                known[name] = record
        return known

    def note_arrival(self, result: FetchResult) -> None:
        """Keep what is known of a file that arrived.

        Parameters
        ----------
        result
            Of status ``FETCHED``.
        """
        if self._catalogue is None:
            return
        record = record_of_fetch(result)
        if record is not None:
            self._records.append(record)
            if not result.item.is_missing:
                self._directories.add(result.item.destination.parent)
        self._write_if_due()

    def note_check(self, check: Check | None) -> None:
        """Keep that a file was read to its end and found good.

        Parameters
        ----------
        check
            What was found; None is nothing worth keeping.
        """
        if self._catalogue is not None and check is not None:
            self._checks.append(check)
            self._write_if_due()

    def flush(self) -> None:
        """Write what is not written yet."""
        self._since_s = time.monotonic()
        if self._catalogue is None:
            return
        # Else, after a power failure, a record could speak of a file that another one replaced,
        # and what is there is that other one again.
        directories, self._directories = self._directories, set()
        for directory in directories:
            sync_directory(directory)
        records, self._records = self._records, []
        self._catalogue.remember(records)
        checks, self._checks = self._checks, []
        if checks:
            self._catalogue.note_checks(checks)

    def _write_if_due(self) -> None:
        """Write when there is enough, or when it has waited long enough."""
        waiting = len(self._records) + len(self._checks)
        if waiting >= _MOST_WAITING or time.monotonic() - self._since_s >= _MOST_WAIT_S:
            self.flush()
