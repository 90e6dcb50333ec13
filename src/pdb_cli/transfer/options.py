"""How to talk to mirrors: connections, time limits, certificates."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Where systems keep the certificates they trust, as one file: Debian and its family, the Red Hat
# family (new and old place), SUSE, macOS and Alpine, BSD. A libcurl that comes inside a Python
# wheel was built on another system and looks in that system's place only.
_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)


_OTHER_DESCRIPTORS = 32
"""Those of the process itself: streams, bells, files that wait for a connection."""
_DESCRIPTORS_PER_FILE = 3


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Settings of the HTTP engine.

    Proxies are not among them: libcurl itself follows ``HTTPS_PROXY``, ``http_proxy``,
    ``ALL_PROXY`` and ``NO_PROXY``.
    """

    connections: int = 16
    """How many files to fetch at the same time, at least 1."""
    connect_timeout_s: float = 10.0
    """Longest time for finding, reaching and greeting a server (TLS included)."""
    stall_timeout_s: float = 30.0
    """Longest time without a single byte. A transfer may take for ever as long as it moves."""
    ca_file: str | None = None
    """Trusted certificates, a PEM file; None means those of the system."""
    ca_dir: str | None = None
    """More of them: a directory of PEM files, prepared with ``c_rehash``."""
    netrc_file: str | None = None
    """Names and passwords by host, for mirrors that ask for them; a missing file is no error. Those
    of one host are never sent to another, and those in a URL win."""
    limit_rate_bytes_s: int | None = None
    """Most bytes per second over all transfers together; None for no limit."""
    user_agent: str = "pdb-cli"
    """How we introduce ourselves."""

    def __post_init__(self) -> None:
        if self.connections < 1:
            raise ValueError(f"connections must be at least 1, not {self.connections}")
        if self.limit_rate_bytes_s is not None and self.limit_rate_bytes_s < 1:
            raise ValueError(f"a rate must be at least 1, not {self.limit_rate_bytes_s}")
        if self.connect_timeout_s <= 0 or self.stall_timeout_s <= 0:
            raise ValueError("time limits must be positive")


def affordable_connections(wanted: int) -> int:
    """Return how many files can be fetched at once with the descriptors this process may have.

    A file takes a connection, itself, and sometimes its note; libcurl calls a lack of descriptors
    a server that can not be reached.

    Parameters
    ----------
    wanted
        How many were asked for.

    Returns
    -------
    int
        As many, or fewer, at least 1.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return wanted
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (limit - _OTHER_DESCRIPTORS) // _DESCRIPTORS_PER_FILE))


def find_ca_bundle() -> str | None:
    """Return the file with the certificates this system trusts.

    Returns
    -------
    str | None
        The first of the usual places that exists; None leaves the choice to libcurl.
    """
    for path in _CA_BUNDLES:
        if os.path.exists(path):  # noqa: PTH110 - no Path objects for seven stat calls
            return path
    return None
