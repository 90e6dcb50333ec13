"""Mirrors that ask for a password, which stands in a netrc file."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from pdb_cli.transfer.fetch import FetchStatus, HttpOptions
from support.faults import Redirect
from support.fetching import SMALL, fetch_one, item_for

if TYPE_CHECKING:
    from pathlib import Path

    from support.fault_server import FaultServer


def basic(user: str) -> str:
    """Return the header for ``name:password``."""
    return "Basic " + base64.b64encode(user.encode()).decode()


@pytest.fixture
def options(tmp_path: Path) -> HttpOptions:
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine 127.0.0.1 login ada password s3cret\n"
        "machine other.example login eve password other\n"
    )
    return HttpOptions(netrc_file=str(netrc))


def test_password_of_the_netrc_file_is_used(
    mirror: FaultServer, options: HttpOptions, tmp_path: Path
) -> None:
    mirror.authorization = basic("ada:s3cret")
    result = fetch_one(item_for(SMALL, tmp_path / "c", mirror), options=options)
    assert result.status is FetchStatus.FETCHED
    assert "s3cret" not in repr(result)


def test_password_of_the_url_wins(
    mirror: FaultServer, options: HttpOptions, tmp_path: Path
) -> None:
    mirror.authorization = basic("me:mine")
    url = mirror.url.replace("http://", "http://me:mine@")
    result = fetch_one(item_for(SMALL, tmp_path / "c", url), options=options)
    assert result.status is FetchStatus.FETCHED


def test_password_does_not_follow_a_redirect_to_another_host(
    mirror: FaultServer, second_mirror: FaultServer, options: HttpOptions, tmp_path: Path
) -> None:
    mirror.authorization = basic("ada:s3cret")
    mirror.inject(Redirect(second_mirror.url.replace("127.0.0.1", "localhost") + SMALL))
    result = fetch_one(item_for(SMALL, tmp_path / "c", mirror), options=options)
    assert result.status is FetchStatus.FETCHED
    assert [request.headers.get("authorization") for request in second_mirror.requests] == [None]


def test_host_that_is_not_in_the_file_gets_nothing(
    mirror: FaultServer, options: HttpOptions, tmp_path: Path
) -> None:
    url = mirror.url.replace("127.0.0.1", "localhost")
    result = fetch_one(item_for(SMALL, tmp_path / "c", url), options=options)
    assert result.status is FetchStatus.FETCHED
    assert "authorization" not in mirror.requests[0].headers


@pytest.mark.parametrize("text", [None, "", "machine 127.0.0.1 login ada\n"])
def test_file_without_a_password_for_the_host_is_no_obstacle(
    text: str | None, mirror: FaultServer, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    if text is not None:
        netrc.write_text(text)
    options = HttpOptions(netrc_file=str(netrc))
    result = fetch_one(item_for(SMALL, tmp_path / "c", mirror), options=options)
    assert result.status is FetchStatus.FETCHED


def test_wrong_password_is_asked_once(
    mirror: FaultServer, options: HttpOptions, tmp_path: Path
) -> None:
    mirror.authorization = basic("ada:changed")
    result = fetch_one(item_for(SMALL, tmp_path / "c", mirror), options=options)
    assert (result.status, result.attempts) == (FetchStatus.FAILED, 1)
    assert "s3cret" not in repr(result)
