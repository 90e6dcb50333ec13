"""Mirrors that hold the bundled files and misbehave on command."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

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
    folder = tmp_path_factory.mktemp("certificate")
    both = folder / "both.pem"
    subprocess.run(
        [
            *(require_program("openssl", package="openssl"), "req", "-x509"),
            *("-newkey", "rsa:2048", "-nodes"),
            *("-keyout", both, "-out", folder / "certificate.pem", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes(both.read_bytes() + (folder / "certificate.pem").read_bytes())
    return both


@pytest.fixture
def tls_mirror(certificate: Path) -> Iterator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FaultServer(real_paths(), tls=context) as server:
        yield server
