"""Whatever a server or a list says, the command ends with a code of its own and no traceback."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.main import main
from support.fetching import SMALL, real_paths
from support.raw_server import RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = real_paths()[SMALL]
NAMES = st.sampled_from([
    b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Content-Range", b"Location",
    b"Retry-After", b"Last-Modified", b"ETag", b"Date", b"Accept-Ranges", b"Connection",
    b"Set-Cookie", b"Content-Type", b"Alt-Svc", b"Strict-Transport-Security", b"WWW-Authenticate",
])  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=40),
    st.integers().map(lambda number: str(number).encode()),
    st.sampled_from([
        str(len(WHOLE)).encode(), b"chunked", b"gzip", b"br", b"bytes 0-9/10", b"bytes */*",
        b"Fri, 31 Dec 9999 23:59:59 GMT", b"Thu, 01 Jan 1601 00:00:00 GMT", b"Mon, 99 Foo 1e9 GMT",
        b"/", b"//", b"http://", b"http://127.0.0.1:1/x", b"file:///etc/passwd", b"close", b'W/"',
    ]),
)  # fmt: skip
STATUSES = st.one_of(
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 206 Part", b"HTTP/1.1 302 Go"]
    ),
    st.integers(0, 1200).map(lambda code: b"HTTP/1.1 %d x" % code),
    st.binary(max_size=20),
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BODIES = st.one_of(st.just(WHOLE), st.binary(max_size=100))
LISTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(
            ["3hya", "PDB_00003HYA", "pdb_0000", "#", ",", "\t", "\r", "\ufeff", "1abc2"]
        )
    ).map(lambda words: "\n".join(words).encode()),
)
OFTEN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server() as running:
        yield running


def run_here(*arguments: str | Path) -> tuple[int, str]:
    """Run a command line in this process; return its code and what it says to people."""
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        code = main([str(argument) for argument in arguments])
    return code, said.getvalue()


def check_ending(code: int, said: str) -> None:
    """Fail unless the code is a documented one and the words are for people."""
    assert code in list(ExitCode)
    assert "Traceback" not in said


@OFTEN
@given(status=STATUSES, headers=HEADERS, body=BODIES)
@example(status=b"HTTP/1.1 200 OK", headers=[], body=WHOLE)
def test_whatever_a_server_says_ends_well(
    server: RawServer, status: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    lines = [status, *(name + b": " + value for name, value in headers)]
    server.answer = b"\r\n".join(lines) + b"\r\n\r\n" + body
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.toml"
        config.write_text(
            f'[mirror]\ndefault = ["lab"]\n[mirrors.lab]\nhttps = "{server.url}/pub/pdb"\n'
            "[download]\nretry = 0\nstall_timeout_s = 2\n"
        )
        code, said = run_here("--config", config, "download", "3hya", "-d", folder / "d")
        check_ending(code, said)
        found = {path.name: path.read_bytes() for path in (folder / "d").glob("[!.]*")}
    assert found == ({"3hya.cif.gz": WHOLE} if code == 0 else {}), said
    if not headers and status == b"HTTP/1.1 200 OK" and body == WHOLE:
        assert code == 0


@OFTEN
@given(data=LISTS)
@example(data=b"3hya")
def test_whatever_a_list_holds_ends_well(server: RawServer, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "list").write_bytes(data)
        (folder / "config.toml").write_text(f'[mirrors.lab]\nhttps = "{server.url}/pub/pdb"\n')
        for more in ((), ("--skip-invalid",)):
            code, said = run_here(
                *("--config", folder / "config.toml", "download", "-m", "lab", "-n"),
                *("-l", folder / "list", "-d", folder / "d", *more),
            )
            check_ending(code, said)
            assert data != b"3hya" or code == 0
