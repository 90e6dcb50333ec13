"""What a download knows of the files that are there, and what it adds to that.

Only in a collection: what lies in a directory of its own is read to its end each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.index.model import Level
from pdb_cli.operations.download_request import Arrangement, Packing
from pdb_cli.operations.verification_record import record_of_fetch

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Check, Record
    from pdb_cli.operations.download_request import Destination
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

    def look_up(self, statuses: Mapping[str, os.stat_result]) -> Mapping[str, Record | Check]:
        """Return what is known of files that were wholly verified as they are; from any thread.

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

    def note_check(self, check: Check | None) -> None:
        """Keep that a file was read to its end and found good.

        Parameters
        ----------
        check
            What was found; None is nothing worth keeping.
        """
        if self._catalogue is not None and check is not None:
            self._catalogue.note_checks((check,))

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
        if fact.level >= Level.CONTENT and fact.fits(status.st_size, status.st_mtime_ns):
            known[name] = fact
