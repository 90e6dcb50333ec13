"""Mirrors that hold the bundled files and misbehave on command."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from support.certificates import make_certificate
from support.fault_server import FaultServer
from support.fetching import real_paths
from support.programs import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def mirror() -> Iterator[FaultServer]:
    with FaultServer(real_paths()) as server:
        yield server


@pytest.fixture
def second_mirror() -> Iterator[FaultServer]:
    with FaultServer(real_paths()) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for loopback that no system trusts; one file with its key."""
    openssl = require_program("openssl", package="openssl")
    return make_certificate(openssl, tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def tls_mirror(certificate: Path) -> Iterator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FaultServer(real_paths(), tls=context) as server:
        yield server
