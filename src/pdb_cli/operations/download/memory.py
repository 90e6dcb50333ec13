"""What a download knows of the files that are there, and what it adds to that.

Only in a collection: what lies in a directory of its own is read to its end each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.index.model import Check, Level, Occasion
from pdb_cli.operations.download.request import Arrangement, Packing
from pdb_cli.operations.verification_record import record_of_fetch

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Record
    from pdb_cli.operations.download.request import Destination
    from pdb_cli.transfer.fetch import FetchResult


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
        self._condemned: Mapping[str, Check] | None = None
        """The looks that found files bad, as they were when somebody first asked."""

    def look_up(self, statuses: Mapping[str, os.stat_result]) -> Mapping[str, Record | Check]:
        """Return what is known of files that were wholly verified, and that nobody touched since.

        From any thread.

        Parameters
        ----------
        statuses
            Of some hundred files at most, by their paths in the collection.

        Returns
        -------
        Mapping of str to Record or Check
            By path; those of which nothing is known that still holds are not in it.
        """
        if self._catalogue is None:
            return {}
        known: dict[str, Record | Check] = {}
        _add_fitting(known, self._catalogue.records(statuses), statuses)
        if len(known) < len(statuses):
            rest = statuses.keys() - known.keys()
            _add_fitting(known, self._catalogue.checks(rest), statuses)
        return known

    def find_condemned(self, statuses: Mapping[str, os.stat_result]) -> Mapping[str, str]:
        """Return the files that were found bad, and are as bad as they were; from any thread.

        Parameters
        ----------
        statuses
            As of :meth:`look_up`.

        Returns
        -------
        Mapping of str to str
            By path: what is wrong.
        """
        if self._catalogue is None:
            return {}
        if self._condemned is None:
            self._condemned = self._catalogue.condemned()
        checks = self._condemned
        suspects = checks.keys() & statuses.keys()
        if not suspects:
            return {}
        records = self._catalogue.records(suspects)
        return {
            path: checks[path].defect or ""
            for path in suspects
            if checks[path].condemns(statuses[path], records.get(path))
        }

    def find_record(self, path: str, status: os.stat_result) -> Record | None:
        """Return what the bytes of a file have to be like, as long as it is the version it was.

        Parameters
        ----------
        path
            In the collection.
        status
            Of the file.

        Returns
        -------
        Record or None
            With a SHA-256; from any thread.
        """
        if self._catalogue is None:
            return None
        record = self._catalogue.records([path]).get(path)
        is_known = record is not None and record.sha256 is not None
        fits = record is not None and record.fits(status.st_size, status.st_mtime_ns)
        return record if is_known and fits else None

    def find_outdated(self, statuses: Mapping[str, os.stat_result]) -> frozenset[str]:
        """Return the files that were found to be other versions than the archive's.

        Parameters
        ----------
        statuses
            As of :meth:`look_up`.

        Returns
        -------
        frozenset of str
            Their paths in the collection.
        """
        if self._catalogue is None:
            return frozenset()
        return frozenset(
            path
            for path, mark in self._catalogue.marks(statuses).items()
            if mark.is_outdated and mark.fits(statuses[path].st_size, statuses[path].st_mtime_ns)
        )

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
            replaced = () if result.item.is_missing else (result.item.destination.parent,)
            self._catalogue.remember((record,), directories=replaced)

    def note_check(self, found: Record | Check | None) -> None:
        """Keep that a file was read to its end and found good.

        Parameters
        ----------
        found
            A record if it has the bytes that were recorded; None is nothing worth keeping.
        """
        if self._catalogue is None or found is None:
            return
        if isinstance(found, Check):
            self._catalogue.note_checks((found,))
        else:
            self._catalogue.remember((found,), occasion=Occasion.CHECK)

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._catalogue is not None:
            self._catalogue.flush()


def _add_fitting(
    known: dict[str, Record | Check],
    found: Mapping[str, Record | Check],
    statuses: Mapping[str, os.stat_result],
) -> None:
    """Add what was found of files that are as they were."""
    for name, fact in found.items():
        status = statuses[name]
        if fact.level >= Level.CONTENT and fact.vouches_for(status):
            known[name] = fact
