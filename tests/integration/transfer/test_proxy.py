"""Through real proxies, with and without a password; which is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import HttpStatusError, TransferError
from pdb_cli.transfer.fetch import FetchStatus, HttpOptions
from support.connect_proxy import ConnectProxy
from support.fetching import (
    OPTIONS,
    OTHER,
    SMALL,
    fetch,
    fetch_one,
    files_below,
    item_for,
    real_paths,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fault_server import FaultServer

USER = "ada:s3cret+x"


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    with ConnectProxy(user=USER) as server:
        yield server


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_d12_tls_goes_through_a_tunnel_with_a_password(
    variable: str,
    *,
    tls_mirror: FaultServer,
    certificate: Path,
    proxy: ConnectProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, f"http://{USER}@{proxy.address}")
    options = HttpOptions(ca_file=str(certificate))
    items = [item_for(path, tmp_path, tls_mirror) for path in (SMALL, OTHER)]
    results, _ = fetch(items, options=options)
    assert [result.status for result in results] == [FetchStatus.FETCHED] * 2
    assert files_below(tmp_path)[items[0].name] == real_paths()[SMALL]
    assert set(proxy.asked) == {f"CONNECT {tls_mirror.url.removeprefix('https://')}"}
    assert all("proxy-authorization" not in request.headers for request in tls_mirror.requests)


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_open_transfer_goes_through_a_proxy_with_a_password(
    variable: str,
    mirror: FaultServer,
    proxy: ConnectProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, f"http://{USER}@{proxy.address}")
    result = fetch_one(item_for(SMALL, tmp_path, mirror))
    assert result.status is FetchStatus.FETCHED
    assert proxy.asked == [f"GET {mirror.url}{SMALL}"]


@pytest.mark.parametrize("user", ["", "ada:wr0ng@"])
def test_proxy_that_refuses_a_tunnel_is_asked_once(
    user: str,
    *,
    tls_mirror: FaultServer,
    certificate: Path,
    proxy: ConnectProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}{proxy.address}")
    item = item_for(SMALL, tmp_path, tls_mirror)
    results, events = fetch([item], options=HttpOptions(ca_file=str(certificate)))
    (result,) = results
    assert (result.status, result.attempts, tls_mirror.requests) == (FetchStatus.FAILED, 1, [])
    assert isinstance(result.error, TransferError)
    assert "proxy" in result.error.reason
    assert "407" in result.error.reason
    assert "wr0ng" not in repr(result) + repr(events)


def test_proxy_that_refuses_an_open_transfer_is_asked_once(
    mirror: FaultServer, proxy: ConnectProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://ada:wr0ng@{proxy.address}")
    results, events = fetch([item_for(SMALL, tmp_path, mirror)])
    (result,) = results
    assert (result.status, result.attempts, mirror.requests) == (FetchStatus.FAILED, 1, [])
    assert isinstance(result.error, HttpStatusError)
    assert result.error.reason == "HTTP 407 the proxy asks for a password"
    assert "wr0ng" not in repr(result) + repr(events)


def test_proxy_in_trouble_is_asked_again(
    tls_mirror: FaultServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy(status=503) as busy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{busy.address}")
        item = item_for(SMALL, tmp_path, tls_mirror)
        result = fetch_one(item, options=HttpOptions(ca_file=str(certificate)))
    assert (result.status, result.attempts) == (FetchStatus.FAILED, 3)


def test_no_proxy_wins_over_every_proxy(
    mirror: FaultServer, proxy: ConnectProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://{USER}@{proxy.address}")
    monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
    assert fetch_one(item_for(SMALL, tmp_path, mirror), options=OPTIONS).status == "fetched"
    assert proxy.asked == []
