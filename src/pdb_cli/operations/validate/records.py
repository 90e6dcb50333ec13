"""Make sure that the records which a validation makes can be read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.validate.model import Finding

_MOST_UNPROVED = 5000


class NewRecords:
    """Counts the records that were made, and those that the catalogue has.

    Parameters
    ----------
    catalogue
        Which got them.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.made = 0
        """Files that were to get one."""
        self.kept = 0
        """Of those, the ones that have it, as of the last :meth:`settle`."""
        self._catalogue = catalogue
        self._unproved: dict[str, str | None] = {}

    def add(self, finding: Finding) -> None:
        """Count a file, if a record was made for it.

        Parameters
        ----------
        finding
            What a look at it came to.
        """
        if not finding.is_new_record:
            return
        self.made += 1
        self._unproved[finding.collected.file.path] = finding.sha256
        if len(self._unproved) >= _MOST_UNPROVED:
            self.settle()

    def settle(self) -> None:
        """Have written what was made, and see what is there."""
        if not self._unproved:
            return
        unproved, self._unproved = self._unproved, {}
        self._catalogue.flush()
        there = self._catalogue.records(unproved)
        self.kept += sum(record.sha256 == unproved[path] for path, record in there.items())
