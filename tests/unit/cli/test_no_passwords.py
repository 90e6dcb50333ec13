"""A password in a URL never gets into a message, wherever the URL comes from."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli import errors as e
from pdb_cli.cli.errors import describe
from pdb_cli.config.load import check_config
from pdb_cli.jobs.redact import redact
from pdb_cli.transfer.servers import _origin
from pdb_cli.transfer.urls import hide_credentials, without_credentials

# What the syntax of URLs allows in a password (RFC 3986, section 3.2.1), and a lone @.
IN_URL = st.text(string.ascii_letters + string.digits + "-._~!$&()*+,;=:%@", max_size=60)
# What people write nevertheless.
ANYTHING = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=60)
KEPT = "Pa5sw0rd"


def assert_hidden(text: str) -> None:
    assert KEPT not in text
    assert KEPT[:4] not in text


@given(before=IN_URL, after=IN_URL, scheme=st.sampled_from(["http", "https", "HTTP", "socks5h"]))
def test_passwords_of_urls_are_hidden(before: str, after: str, scheme: str) -> None:
    url = f"{scheme}://ada:{before}{KEPT}{after}@mirror.example:8080/pub/pdb/x.gz"
    assert_hidden(without_credentials(url))
    assert_hidden(_origin(url))
    assert_hidden(redact(f"--proxy={url}"))
    assert_hidden(hide_credentials(f"can not use {url}, sorry", url))
    for error in (
        e.ConnectionFailedError(url, f"no route to {url}"),
        e.HttpStatusError(url, "HTTP 503", 503),
        e.RedirectError(url, f"redirected to {url}"),
        e.VerificationError(url, e.Defect.CORRUPT, url),
        e.InvalidValueError("-m", url, "a mirror"),
        e.UnknownNameError("mirror", url, ("rcsb",)),
        RuntimeError(url),
    ):
        assert_hidden("".join(describe(error).lines))


@given(before=ANYTHING, after=ANYTHING)
def test_passwords_of_refused_settings_are_hidden(before: str, after: str) -> None:
    url = f"ftp://ada:{before}{KEPT}{after}@mirror.example"
    quoted = url.replace("\\", "\\\\").replace('"', '\\"').replace("\x7f", "")
    with pytest.raises(e.SettingsError) as refusal:
        check_config(
            f'[mirrors.lab]\nhttps = "{quoted}"\n', origin="config.toml", environ={"HOME": "/"}
        )
    assert "expected" in refusal.value.problem
    assert_hidden(refusal.value.problem)
    assert_hidden("".join(describe(refusal.value).lines))
