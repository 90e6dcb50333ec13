"""Certificates for servers on loopback."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(openssl: str, folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that no system trusts; return one file with its key."""
    both, certificate = folder / "both.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", both, "-out", certificate, "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes(both.read_bytes() + certificate.read_bytes())
    return both
