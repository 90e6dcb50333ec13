"""What rsync is told and how its words are read: pure functions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.errors import FileAccessError, RsyncBusyError, RsyncError, RsyncTransientError
from pdb_cli.transfer.rsync_arguments import (
    RsyncOptions,
    fetch_arguments,
    listing_arguments,
    name_list,
    split_source,
)
from pdb_cli.transfer.rsync_leftovers import NameLists
from pdb_cli.transfer.rsync_lines import Change, RowKind, read_progress, read_row, read_time
from pdb_cli.transfer.rsync_outcome import (
    complaints,
    error_lines,
    failure,
    is_one_place,
    secrets_of,
)
from pdb_cli.transfer.rsync_program import RsyncProgram
from pdb_cli.transfer.rsync_rules import MOST_PATTERNS, tree_rules
from pdb_cli.transfer.rsync_shares import share_out

OPTIONS = RsyncOptions(RsyncProgram("/usr/bin/rsync", (3, 2, 7), {}))
URL = "rsync://127.0.0.1:873/ftp/data/"
ROOT = Path("/data/pdb")


class TestArguments:
    def test_s2_the_archives_flags_and_no_others(self) -> None:
        arguments = listing_arguments(OPTIONS, URL, ROOT, delete=True)
        assert arguments[-3:] == ["--", URL, "/data/pdb/"]
        assert {"--recursive", "--times", "--dry-run", "--delete"} <= set(arguments)
        assert "--perms" not in arguments
        unwanted = {"-z", "--compress", "-o", "-g", "--owner", "--group", "--links", "-a"}
        assert not unwanted & set(arguments)

    def test_a_fetch_neither_recurses_nor_deletes(self) -> None:
        arguments = fetch_arguments(OPTIONS, URL, ROOT, names_file=Path("/x/names"))
        assert "--files-from=/x/names" in arguments
        assert not {"-r", "--recursive", "--delete", "--copy-links"} & set(arguments)
        assert not any(one.startswith("--bwlimit") for one in arguments)

    @pytest.mark.parametrize("hostile", ["--rsh=evil", "*", "$(evil)", "a b", "ü"])
    def test_no_value_becomes_an_option(self, hostile: str) -> None:
        url = f"rsync://127.0.0.1/ftp/{hostile}/"
        arguments = listing_arguments(OPTIONS, url, ROOT)
        assert arguments.index("--") < arguments.index(url)
        assert ("--protect-args" in arguments) == (hostile != "--rsh=evil")

    def test_names_are_below_the_tree_whatever_they_are(self) -> None:
        module, below = split_source(URL)
        assert (module, below) == ("rsync://127.0.0.1:873/ftp/", "data")
        assert name_list(["-x", "#y"], below) == b"./data/./-x\0./data/./#y\0"
        assert split_source("rsync://[::1]:873/ftp/")[1] == ""
        assert name_list(["ab/x\udcff"]) == b"././ab/x\xff\0"

    def test_lists_come_back_without_ways_out(self, tmp_path: Path) -> None:
        lists = NameLists(tmp_path / "new", "st")
        lists.write(0, ["ab/one", "two"], below="data/x")
        NameLists(tmp_path / "new", "st.1").write(0, ["other tree"], below="")
        (tmp_path / "new" / "st.7.names").write_bytes(b"./data/./../../etc/passwd\0./d/./ok\0cut")
        assert list(lists.read()) == ["ab/one", "two", "ok"]
        lists.remove()
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["st.1.0.names"]


class TestLines:
    @pytest.mark.parametrize(
        ("line", "change", "kind"),
        [
            (b"=>f+++++++++ 5 2026/09/02-00:00:00 ab/x", Change.NEW, RowKind.FILE),
            (b"=>f..t...... 5 2026/09/02-00:00:00 ab/x", Change.CHANGED, RowKind.FILE),
            (b"=.f...p..... 5 2026/09/02-00:00:00 ab/x", Change.ATTRIBUTES, RowKind.FILE),
            (b"=.f          5 2026/09/02-00:00:00 ab/x", Change.NONE, RowKind.FILE),
            (b"=cd+++++++++ 5 2026/09/02-00:00:00 ab/x/", Change.NEW, RowKind.DIRECTORY),
            (b"=.d..t...... 5 2026/09/02-00:00:00 ab/x/", Change.ATTRIBUTES, RowKind.DIRECTORY),
            (b"=*deleting   0 1970/01/01-00:00:00 ab/x", Change.GONE, RowKind.FILE),
            (b"=*deleting   0 1970/01/01-00:00:00 ab/x/", Change.GONE, RowKind.DIRECTORY),
            (b"=cL+++++++++ 5 2026/09/02-00:00:00 ab/x", Change.NEW, RowKind.OTHER),
        ],
    )
    def test_rows_are_read(self, line: bytes, change: Change, kind: RowKind) -> None:
        row = read_row(line)
        assert row is not None
        assert (row.change, row.kind, row.name) == (change, kind, b"ab/x")

    @pytest.mark.parametrize(
        "line", [b"", b"ab/x", b"=", b"=>f+++ 5 x y", b"=>f+++++++++ -5 t n", b"deleting x"]
    )
    def test_anything_else_is_no_row(self, line: bytes) -> None:
        assert read_row(line) is None

    @given(st.binary(min_size=1).filter(lambda name: b"/" not in name and b"\0" not in name))
    def test_names_come_back_as_they_were(self, name: bytes) -> None:
        line = b"=>f+++++++++ 5 2026/09/02-00:00:00 " + escape(name)
        row = read_row(line)
        assert row is not None
        assert row.name == name

    @given(st.binary())
    def test_no_bytes_upset_the_reader(self, line: bytes) -> None:
        assert read_row(line) is None or line.startswith(b"=")
        assert read_progress(line) is None or b"%" in line
        assert read_time(line) is None or b"/" in line


def escape(name: bytes) -> bytes:
    """Write a name as rsync does with --8-bit-output (filtered_fwrite in its log.c)."""
    out = b""
    for place, byte in enumerate(name):
        looks_escaped = (
            name[place : place + 2] == b"\\#"
            and len(name) >= place + 5
            and name[place + 2 : place + 5].isdigit()
        )
        special = looks_escaped or (byte < 0x20 and byte != 0x09)
        out += b"\\#%03o" % byte if special else bytes((byte,))
    return out


class TestRules:
    def test_s1_the_last_rule_excludes_all_others(self) -> None:
        rules = tree_rules(["ab/1abc.cif.gz", "ab/1ab?-assembly*.cif.gz"])
        assert rules == [
            "--exclude=.*",
            "--include=/ab/",
            "--include=/ab/1abc.cif.gz",
            "--include=/ab/1ab?-assembly*.cif.gz",
            "--exclude=*",
        ]

    def test_very_many_patterns_become_directories(self) -> None:
        rules = tree_rules(f"{n % 7}a/{n}.gz" for n in range(MOST_PATTERNS + 1))
        assert len(rules) == 9
        assert rules[1] == "--include=/0a/***"
        assert rules[-1] == "--exclude=*"


class TestShares:
    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**9)), max_size=200),
        st.integers(1, 8),
    )
    def test_every_file_is_in_one_share(self, files: list[tuple[str, int]], count: int) -> None:
        named = [(f"{folder}/{n}", size) for n, (folder, size) in enumerate(files)]
        shares = share_out(named, count)
        assert sorted(path for share in shares for path in share) == sorted(p for p, _ in named)
        assert len(shares) <= count
        assert all(shares)

    def test_shares_have_about_the_same_bytes(self) -> None:
        files = [(f"{n % 36}/{n}", 1_000_000 + n * 1000) for n in range(3000)]
        sizes = dict(files)
        loads = [sum(sizes[path] for path in share) for share in share_out(files, 4)]
        assert len(loads) == 4
        assert max(loads) < 1.05 * min(loads)

    def test_no_share_has_very_many_files(self) -> None:
        shares = share_out([(f"{n % 100}/{n}", 1) for n in range(50_000)], 4)
        assert len(shares) % 4 == 0
        assert max(map(len, shares)) < 2500


class TestOutcomes:
    @pytest.mark.parametrize("code", [5, 10, 12, 23, 24, 30, 35])
    def test_m4_codes_that_may_pass(self, code: int) -> None:
        error = failure(URL, code, ["rsync: something happened"], root=ROOT)
        assert isinstance(error, RsyncTransientError)
        assert error.exit_code == code
        assert "something happened" in error.reason

    @pytest.mark.parametrize("code", [1, 2, 4, 6, 14, 22, 25, -9])
    def test_codes_that_will_not(self, code: int) -> None:
        assert type(failure(URL, code, [], root=ROOT)) is RsyncError

    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("@ERROR: max connections (4) reached -- try again later", RsyncBusyError),
            ("@ERROR: Unknown module 'x'", RsyncError),
            ("@ERROR: auth failed on module x", RsyncError),
            ("@ERROR: access denied to x from y (1.2.3.4)", RsyncError),
            ("@ERROR: the moon is full", RsyncTransientError),
        ],
    )
    def test_the_words_of_a_daemon_decide(self, line: str, kind: type[RsyncError]) -> None:
        error = failure(URL, 5, [line], root=ROOT)
        assert type(error) is kind
        assert line.removeprefix("@ERROR: ") in str(error)

    @pytest.mark.parametrize(
        "line",
        [
            'rsync: [receiver] write failed on "/data/pdb/ab/x": No space left on device (28)',
            'rsync: write failed on "/data/pdb/ab/x": No space left on device (28)',
            'rsync: [receiver] mkstemp "/data/pdb/ab/.x.AbCdEf" failed: Read-only file system (30)',
        ],
    )
    def test_a_disk_that_refuses_is_not_the_mirrors_fault(self, line: str) -> None:
        error = failure(URL, 23 if "(30)" in line else 11, [line], root=ROOT)
        assert isinstance(error, FileAccessError)
        assert str(error.path).startswith("/data/pdb/ab")
        assert error.errno in {28, 30}

    def test_one_place_that_can_not_be_written_is_not_the_mirrors_fault_either(self) -> None:
        line = 'rsync: [receiver] mkstemp "/data/pdb/ab/.x.AbCdEf" failed: Permission denied (13)'
        error = failure(URL, 23, [line], root=ROOT)
        assert is_one_place(error)
        assert isinstance(error, FileAccessError)
        assert error.path.as_posix() == "/data/pdb/ab"

    def test_what_a_daemon_says_of_disks_is_not_about_ours(self) -> None:
        line = '@ERROR: rsync: [receiver] mkstemp "/etc/x" failed: No space left on device (28)'
        assert isinstance(failure(URL, 5, [line], root=ROOT), RsyncTransientError)
        line = 'rsync: [generator] failed to set times on "/data/pdb/ab": Not permitted (1)'
        assert isinstance(failure(URL, 23, [line], root=ROOT), RsyncTransientError)

    def test_complaints_name_files(self) -> None:
        lines = [
            'file has vanished: "/data/ab/one" (in ftp)',
            'rsync: send_files failed to open "/data/ab/two" (in ftp): Permission denied (13)',
            'rsync: link_stat "/data/ab/three" (in ftp) failed: No such file or directory (2)',
            "rsync error: some files/attrs were not transferred (see previous errors) (code 23)",
        ]
        found = {one.path: one.is_gone for one in complaints(lines)}
        assert found == {"/data/ab/one": True, "/data/ab/two": False, "/data/ab/three": True}

    def test_passwords_are_not_told(self) -> None:
        environ = {"RSYNC_PASSWORD": "pa55", "RSYNC_PROXY": "ada:t0p@proxy:3128"}
        lines = error_lines(b"bad pa55 at ada:t0p@proxy, t0p", secrets_of(environ))
        assert lines == ["bad *** at ***@proxy, ***"]
        error = failure("rsync://ada:pw@host/ftp/", 10, lines, root=ROOT)
        assert "pw" not in str(error)
