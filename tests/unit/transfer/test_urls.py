from __future__ import annotations

import pytest

from pdb_cli.transfer.urls import hide_credentials, without_credentials


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://mirror/pub", "https://mirror/pub"),
        ("https://me@mirror/pub", "https://mirror/pub"),
        ("http://me:pass@mirror:81/pub@2x", "http://mirror:81/pub@2x"),
        ("http://me:p@ss@mirror/", "http://mirror/"),
        ("http://mirror/a?mail=me@home", "http://mirror/a?mail=me@home"),
        ("no url at all", "no url at all"),
    ],
)
def test_credentials_are_left_out(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_message_of_another_library() -> None:
    url = "http://me:pass@mirror/pub"
    assert hide_credentials(f"bad url {url}", url) == "bad url http://***@mirror/pub"
    assert hide_credentials("refused", "http://mirror/") == "refused"
