"""The ways to the mirrors, in the order in which they are tried; each is probed when it is needed.

First the best way to each mirror, in the order of the mirrors, then what other ways there are.
Where there is only one, it is not probed: the plan will tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.errors import NoTransportError, PdbCliError
from pdb_cli.events import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.events import Observer
    from pdb_cli.operations.sync.model import SyncTransport, TransportFactory


class Routes:
    """Transports that seem usable.

    Parameters
    ----------
    mirrors
        In order of preference.
    factories
        Ways to a mirror, the best first.
    observe
        Is told which way was chosen, and why.
    """

    def __init__(
        self, mirrors: Sequence[Mirror], factories: Sequence[TransportFactory], observe: Observer
    ) -> None:
        self._mirrors = mirrors
        self._factories = factories
        self._observe = observe
        self._found: list[SyncTransport] = []
        self._search = self._usable()
        self._reasons: list[tuple[str, str, str]] = []
        self._told: set[tuple[str, str, str]] = set()
        self._may_pass = False
        self._is_silent = False
        """Whether anything that may pass is more than a port where nothing listens."""

    def get(self, number: int) -> SyncTransport | None:
        """Return a way by its number, from 0; None when there are not so many.

        Parameters
        ----------
        number
            Its place in the order.
        """
        while len(self._found) <= number:
            transport = next(self._search, None)
            if transport is None:
                return None
            self._found.append(transport)
        return self._found[number]

    def look_again(self) -> bool:
        """Begin to look anew, if what was in the way may have passed.

        Returns
        -------
        bool
            False when it is of no use: no program, no address.
        """
        if not self._may_pass:
            return False
        self._reasons.clear()
        self._may_pass = self._is_silent = False
        self._search = self._usable()
        return True

    @property
    def are_refused(self) -> bool:
        """Whether nothing listens wherever something may answer in a while."""
        return self._may_pass and not self._is_silent

    def failure(self) -> NoTransportError:
        """Return the error that says what was found."""
        return NoTransportError(tuple(self._reasons))

    def _usable(self) -> Iterator[SyncTransport]:
        """Look at one way after the other."""
        later: list[tuple[Mirror, Sequence[TransportFactory]]] = []
        for mirror in self._mirrors:
            for number, factory in enumerate(self._factories, start=1):
                transport = self._probe(mirror, factory)
                if transport is not None:
                    later.append((mirror, self._factories[number:]))
                    yield transport
                    break
        for mirror, factories in later:
            for factory in factories:
                transport = self._probe(mirror, factory)
                if transport is not None:
                    yield transport

    def _probe(self, mirror: Mirror, factory: TransportFactory) -> SyncTransport | None:
        """Make a transport and look whether it is usable."""
        try:
            transport = factory.make(mirror)
        except PdbCliError as error:
            reason = str(getattr(error, "reason", type(error).__name__))
            self._refuse(mirror, factory.name, reason)
            return None
        if len(self._mirrors) * len(self._factories) == 1:
            # There is no choice: planning finds out, and says it better.
            return transport
        found = transport.probe()
        if found.usable:
            self._observe(Note(f"{mirror.name} by {transport.name}: {found.reason}"))
            return transport
        self._may_pass = self._may_pass or found.may_pass
        self._is_silent = self._is_silent or (found.may_pass and not found.refused)
        self._refuse(mirror, transport.name, found.reason)
        return None

    def _refuse(self, mirror: Mirror, way: str, reason: str) -> None:
        """Remember and tell why a way can not be taken."""
        found = (mirror.name, way, reason)
        self._reasons.append(found)
        if found not in self._told:
            self._told.add(found)
            self._observe(Note(f"{mirror.name} not by {way}: {reason}"))
