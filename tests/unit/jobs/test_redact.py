from __future__ import annotations

import pytest

from pdb_cli.jobs.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:pw@proxy.example:8080/x", "https://***@proxy.example:8080/x"),
        ("--proxy=socks5h://me@host", "--proxy=socks5h://***@host"),
        ("http://me:p@ss@host/", "http://***@host/"),
        ("HTTP://ME:PW@HOST", "HTTP://***@HOST"),
        ("rsync://u:p@h/a rsync://v:q@i/b", "rsync://***@h/a rsync://***@i/b"),
        ("--token=abc", "--token=***"),
        ("tgram://a?token=abc&to=b", "tgram://a?token=***&to=b"),
        ("PASSWORD=x", "PASSWORD=***"),
        ("api_key=x", "api_key=***"),
        ("--api-key=x", "--api-key=***"),
    ],
)
def test_secrets_are_replaced(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "4hhb", "https://files.example/a@b", "me@example.org", "-m", "--token", "a/b:c@d"],
)
def test_everything_else_stays(text: str) -> None:
    assert redact(text) == text
