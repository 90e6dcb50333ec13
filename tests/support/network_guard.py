"""No test talks to anything but this machine: in-process connections elsewhere raise."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


class NetworkUsedError(AssertionError):
    """A test tried to reach another machine."""


def is_local(host: object) -> bool:
    """Tell whether a host is this machine, without asking a name server.

    >>> [is_local(host) for host in ("127.0.0.1", "::1", "localhost", None)]
    [True, True, True, True]
    >>> [is_local(host) for host in ("192.0.2.1", "files.wwpdb.org")]
    [False, False]
    """
    if host in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def block_network(patch: pytest.MonkeyPatch) -> None:
    """Make every connection and name look-up beyond loopback raise ``NetworkUsedError``."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    getaddrinfo = socket.getaddrinfo

    def check(sock: socket.socket, address: Any) -> None:
        internet = sock.family in {socket.AF_INET, socket.AF_INET6}
        if internet and not is_local(address[0]):
            raise NetworkUsedError(address)

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if not is_local(host):
            raise NetworkUsedError(host)
        return getaddrinfo(host, *args, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
