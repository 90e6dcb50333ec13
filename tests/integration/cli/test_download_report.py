"""What ``download`` writes beside the data: ``--report``, ``--failed-out``, rows as they come."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.small_disk import small_disk
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.lab import Lab


def _lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def _start(lab: Lab, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "download", *arguments],
        cwd=lab.run.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_report_has_one_exact_line_per_file(lab: Lab) -> None:
    report = lab.run.cwd / "report.jsonl"
    report.write_text("of an earlier run\n", encoding="utf-8")
    lab.run("download", "1kqe")
    done = lab.run("download", "3hya", "1kqe", "9zzz", "--report", "report.jsonl")
    assert (done.returncode, done.stdout) == (3, "")
    rows = {row["id"]: row for row in _lines(report)}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {"3hya": "downloaded", "1kqe": "up-to-date", "9zzz": "not-found"}
    for name in ("3hya", "1kqe"):
        data = (lab.collection / f"structures/divided/mmCIF/{name[1:3]}/{name}.cif.gz").read_bytes()
        assert rows[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert rows[name]["bytes"] == len(data)
    fetched = rows["3hya"]
    assert fetched["url"].endswith("data/structures/divided/mmCIF/hy/3hya.cif.gz")
    assert (fetched["mirror"], fetched["attempts"], fetched["reason"]) == ("lab", 1, None)
    assert rows["9zzz"]["reason"]
    assert list(fetched) == [
        *("id", "type", "format", "asked_format", "asked_ids", "path", "status", "bytes", "sha256"),
        *("url", "mirror", "attempts", "seconds", "reason"),
    ]


def test_the_failed_list_is_a_list_for_the_next_run(lab: Lab) -> None:
    failed = lab.run.cwd / "failed.txt"
    served = lab.mirror.tree.root / "data/structures/divided/mmCIF/kq/1kqe.cif.gz"
    good = served.read_bytes()
    served.write_bytes(good[:-30])
    done = lab.run("download", "3hya", "1kqe", "9zzz", "--failed-out", failed, "--retry", "0")
    assert done.returncode == 3
    lines = failed.read_text(encoding="utf-8").splitlines()
    assert [line.partition("  # ")[0] for line in lines] == ["1kqe", "9zzz"]
    assert all(line.partition("  # ")[2] for line in lines)
    served.write_bytes(good)
    lab.mirror.forget_requests()
    # It may be read and written by one run.
    again = lab.run("download", "-l", failed, "--failed-out", failed)
    assert again.returncode == 3
    assert not [request for request in lab.mirror.requests if "3hya" in request.path]
    assert failed.read_text(encoding="utf-8").startswith("9zzz  # ")


def test_the_failed_list_is_empty_when_nothing_failed(lab: Lab) -> None:
    failed = lab.run.cwd / "failed.txt"
    failed.write_text("9zzz\n", encoding="utf-8")
    assert lab.run("download", "3hya", "--failed-out", failed).returncode == 0
    assert failed.read_bytes() == b""


def test_an_entry_is_in_the_failed_list_once_whatever_failed_of_it(lab: Lab) -> None:
    failed = lab.run.cwd / "failed.txt"
    kinds = ("-t", "structures", "-t", "sf", "-t", "validation")
    assert lab.run("download", "3hya", *kinds, "--failed-out", failed).returncode == 3
    (line,) = failed.read_text(encoding="utf-8").splitlines()
    assert line.startswith("3hya  # ")


def test_why_an_entry_is_not_there_is_in_report_and_list(lab: Lab) -> None:
    lab.mirror.tree.publish(obsolete={"1kqe": "3hya"})
    outputs = ("--report", "r.jsonl", "--failed-out", "f.txt")
    done = lab.run("download", "1kqe", "3hya", *outputs)
    assert done.returncode == 3
    rows = {row["id"]: row for row in _lines(lab.run.cwd / "r.jsonl")}
    assert rows["1kqe"]["reason"].startswith("superseded by 3hya")
    text = (lab.run.cwd / "f.txt").read_text(encoding="utf-8")
    assert text.startswith("1kqe  # superseded by 3hya")
    followed = lab.run("download", "1kqe", "--obsolete", "follow", *outputs)
    assert followed.returncode == 0, followed.stderr
    assert (lab.run.cwd / "f.txt").read_bytes() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_whole_lines_and_a_complete_list(lab: Lab, number: int) -> None:
    lab.run("download", "3hya")
    lab.mirror.delay_s = 20.0
    outputs = ("--report", "r.jsonl", "--failed-out", "f.txt", "-o", "json")
    process = _start(lab, "3hya", "1kqe", "1dsr", *outputs)
    report = lab.run.cwd / "r.jsonl"
    wait_until(lambda: report.exists() and report.read_bytes(), what="the first line")
    process.send_signal(number)
    data, message = process.communicate(timeout=10)
    assert process.returncode == 128 + number, message
    assert [row["id"] for row in _lines(report)] == ["3hya"]
    assert [row["id"] for row in json.loads(data)] == ["3hya"]
    failed = (lab.run.cwd / "f.txt").read_text(encoding="utf-8")
    assert failed == "".join(f"{i}  # not tried: the run ended before\n" for i in ("1kqe", "1dsr"))


def test_the_report_is_there_after_a_kill(lab: Lab) -> None:
    lab.run("download", "3hya", "1kqe")
    lab.mirror.delay_s = 20.0
    process = _start(lab, "3hya", "1kqe", "1dsr", "--report", "r.jsonl")
    report = lab.run.cwd / "r.jsonl"
    wait_until(lambda: report.exists() and len(_lines(report)) == 2, what="two lines")
    process.kill()
    process.communicate(timeout=10)
    assert [row["id"] for row in _lines(report)] == ["3hya", "1kqe"]


def test_files_that_are_there_are_told_while_others_are_fetched(lab: Lab) -> None:
    lab.run("download", "3hya", "1dsr")
    lab.mirror.delay_s = 20.0
    process = _start(lab, "1kqe", "3hya", "1dsr", "--report", "r.jsonl")
    report = lab.run.cwd / "r.jsonl"
    try:
        # Long before the transfer of the first one is over.
        wait_until(lambda: report.exists() and len(_lines(report)) == 2, what="two lines")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


def test_a_full_disk_leaves_whole_lines(lab: Lab, tmp_path: Path) -> None:
    ids = [f"{digit}zz{letter}" for digit in range(1, 10) for letter in "abcdefgh"]
    with small_disk(tmp_path / "disk", size_bytes=64 << 10) as disk:
        (disk / "filler").write_bytes(b"x" * 50_000)
        done = lab.run("download", *ids, "--report", disk / "r.jsonl")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert 0 < len(_lines(disk / "r.jsonl")) < len(ids)


class TestWrongInput:
    """Said before anything is transferred, and before a job is started."""

    @pytest.mark.parametrize("option", ["--report", "--failed-out"])
    @pytest.mark.parametrize("place", ["missing/file", ".", "/proc/pdb-cli"])
    @pytest.mark.parametrize("background", [(), ("--bg",)])
    def test_a_file_that_can_not_be_written(
        self, lab: Lab, option: str, place: str, background: tuple[str, ...]
    ) -> None:
        done = lab.run("download", "3hya", option, place, *background)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
        assert f"can not write {place}: " in done.stderr
        assert lab.mirror.requests == ()
        assert lab.run("jobs", "-a", "-o", "ids").stdout == ""

    def test_standard_output_and_files_that_are_something_else(self, lab: Lab) -> None:
        listed = lab.run.cwd / "ids.txt"
        listed.write_text("3hya\n", encoding="utf-8")
        for arguments in (
            ("--report", "-"),
            ("--failed-out", "-"),
            ("--report", ""),
            ("--report", "same", "--failed-out", "./same"),
            ("-l", "ids.txt", "--report", "./ids.txt"),
        ):
            done = lab.run("download", "3hya", *arguments)
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), arguments
        assert listed.read_text(encoding="utf-8") == "3hya\n"
        assert lab.mirror.requests == ()

    @pytest.mark.parametrize("option", ["--report", "--failed-out"])
    @pytest.mark.parametrize(
        ("place", "more"),
        [
            ("out/3hya.cif.gz", ()),
            ("out/3hya.cif.gz", ("--bg",)),
            ("elsewhere/pdb3hya.ent.gz", ()),
            ("3HYA.cif", ()),
            ("link", ()),
            ("out/new.jsonl.gz", ("-n",)),
        ],
    )
    def test_m12_a_data_file_is_never_written_over(
        self, lab: Lab, option: str, place: str, more: tuple[str, ...]
    ) -> None:
        for folder in ("out", "elsewhere"):
            (lab.run.cwd / folder).mkdir()
        data_file = lab.run.cwd / "out" / "3hya.cif.gz"
        data_file.write_bytes(b"precious")
        (lab.run.cwd / "link").symlink_to(data_file)
        before = sorted(lab.run.cwd.rglob("*"))
        done = lab.run("download", "3hya", "-d", "out", option, place, *more)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert f"{option} {place!r}: expected another file" in done.stderr
        assert data_file.read_bytes() == b"precious"
        assert sorted(lab.run.cwd.rglob("*")) == before
        assert lab.mirror.requests == ()

    def test_m12_a_compressed_name_outside_the_data_is_allowed(self, lab: Lab) -> None:
        done = lab.run("download", "3hya", "-d", "out", "--report", "rows.gz")
        assert done.returncode == 0, done.stderr
        assert (lab.run.cwd / "rows.gz").is_file()

    def test_a_pipe_is_written_to_and_never_replaced(self, lab: Lab) -> None:
        done = lab.run("-q", "download", "9zzz", "--failed-out", "/dev/stdout")
        assert done.stdout.startswith("9zzz  # ")
        done = lab.run("-q", "download", "9zzz", "--report", "/dev/stdout")
        assert json.loads(done.stdout)["id"] == "9zzz"


def test_a_dry_run_writes_neither_file(lab: Lab) -> None:
    outputs = ("--report", "r.jsonl", "--failed-out", "f.txt")
    done = lab.run("download", "3hya", "1kqe", "-n", *outputs)
    assert done.returncode == 0
    assert list(lab.run.cwd.iterdir()) == []
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["ACTION", "ENTRY", "REASON", "PATH"]
    assert [line.split()[:3] for line in lines] == [
        ["fetch", "3hya", "missing"],
        ["fetch", "1kqe", "missing"],
    ]
    assert {line.index("/") for line in lines} == {heading.index("PATH")}


def test_a_job_has_its_report_where_it_was_started(lab: Lab) -> None:
    done = lab.run("-q", "download", "3hya", "9zzz", "--bg", "--report", "r.jsonl")
    assert done.returncode == 0, done.stderr
    assert lab.run("jobs", "wait", done.stdout.strip()).returncode == 3
    assert {row["id"] for row in _lines(lab.run.cwd / "r.jsonl")} == {"3hya", "9zzz"}
