from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli._version import __version__
from pdb_cli.config.network import choose_http_options
from pdb_cli.config.settings import DownloadSettings, Settings
from pdb_cli.transfer.options import HttpOptions

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings()


def test_defaults_are_those_of_the_engine(tmp_path: Path) -> None:
    options = choose_http_options(SETTINGS, {"HOME": str(tmp_path)})
    assert options == HttpOptions(user_agent=f"pdb-cli/{__version__}")


def test_settings_are_passed_on(tmp_path: Path) -> None:
    settings = DownloadSettings(
        parallel=3,
        connect_timeout_s=1.0,
        stall_timeout_s=2.0,
        limit_rate="1.5M",
        contact_url="mailto:ada@lab.example",
    )
    assert choose_http_options(Settings(download=settings), {"HOME": str(tmp_path)}) == HttpOptions(
        connections=3,
        connect_timeout_s=1.0,
        stall_timeout_s=2.0,
        limit_rate_bytes_s=1_572_864,
        user_agent=f"pdb-cli/{__version__} (+mailto:ada@lab.example)",
    )


@pytest.mark.parametrize(
    ("variables", "file", "folder"),
    [
        ({}, None, None),
        ({"SSL_CERT_FILE": "/f"}, "/f", None),
        ({"SSL_CERT_DIR": "/d"}, None, "/d"),
        ({"SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d"}, "/f", "/d"),
        ({"CURL_CA_BUNDLE": "/b"}, "/b", None),
        ({"CURL_CA_BUNDLE": "/b", "SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d"}, "/b", None),
        ({"CURL_CA_BUNDLE": "", "SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, None, None),
    ],
)
def test_d12_certificates_are_those_curl_would_take(
    variables: dict[str, str], file: str | None, folder: str | None, tmp_path: Path
) -> None:
    options = choose_http_options(SETTINGS, {"HOME": str(tmp_path), **variables})
    assert (options.ca_file, options.ca_dir) == (file, folder)


def test_netrc_is_the_home_directorys_or_the_named_one(tmp_path: Path) -> None:
    usual, named = tmp_path / ".netrc", tmp_path / "named"
    environ = {"HOME": str(tmp_path)}
    assert choose_http_options(SETTINGS, environ).netrc_file is None
    usual.touch()
    assert choose_http_options(SETTINGS, environ).netrc_file == str(usual)
    environ["NETRC"] = str(named)
    assert choose_http_options(SETTINGS, environ).netrc_file is None
    named.touch()
    assert choose_http_options(SETTINGS, environ).netrc_file == str(named)
