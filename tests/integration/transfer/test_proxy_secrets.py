from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import TransferError
from pdb_cli.transfer.retry import RetryPolicy
from support.fetching import SMALL, fetch, item_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "proxy",
    [
        "http://user:se#cret@127.0.0.1:1",
        "http://user:se/cret@127.0.0.1:1",
        "http://user:se?cret@127.0.0.1:1",
        "http://user:se cret@127.0.0.1:1",
        "http://user:se'cret@127.0.0.1:9x",
        "http://user:se@cret@127.0.0.1:9x",
        "foo://user:se-cret@127.0.0.1:1",
        "http://user:se-cret@127.0.0.1:9x",
        "user:se-cret@127.0.0.1:9x",
        "http://user:" + "se-cret" * 60 + "@127.0.0.1:9x",
        "http://cret.invalid?@127.0.0.1",
    ],
)
def test_password_of_a_proxy_is_never_shown(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    item = item_for(SMALL, tmp_path, "http://mirror.invalid")
    results, events = fetch([item], retry=RetryPolicy(retries=1, base_s=0.01))
    error = results[0].error
    assert isinstance(error, TransferError)
    assert "proxy" in error.reason
    shown = repr(error) + error.url + error.reason + repr(events)
    assert "cret" not in shown
    assert "user" not in shown
