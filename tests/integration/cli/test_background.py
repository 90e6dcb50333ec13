"""The main job as a user sees it: ``download --bg``, ``jobs``, ``log``, ``cancel``, ``clean``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pdb_cli.jobs.index import read_index
from pdb_cli.jobs.store import JobStore
from support.read_only_mount import read_only
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Isolated
    from support.lab import Lab

STARTED = re.compile(
    r"Job started: (job_[a-z0-9]{6})\nLog: (/.*\.log)\nUse 'pdb-cli jobs' to check status\n"
)


def _start(lab: Lab, *arguments: str, text: str = "") -> tuple[str, Path]:
    """Start a download in the background; return the job's id and log."""
    from pathlib import Path

    done = lab.run("download", *arguments, "--bg", input=text)
    assert done.returncode == 0, done.stderr
    match = STARTED.fullmatch(done.stdout)
    assert match, done.stdout
    assert Path(match[2]).exists()
    return match[1], Path(match[2])


def _meta(lab: Lab, job_id: str) -> dict[str, object]:
    done = lab.run("jobs", "status", job_id, "-o", "json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert isinstance(record, dict)
    return record


def _wait_for_end(lab: Lab, job_id: str) -> dict[str, object]:
    return wait_until(
        lambda: record if (record := _meta(lab, job_id))["status"] != "running" else None,
        timeout_s=20,
        what=f"the end of {job_id}",
    )


def test_the_main_job_from_list_to_collection(lab: Lab) -> None:
    (lab.run.cwd / "list.txt").write_text("3hya\n1kqe\n1dsr\n", encoding="utf-8")
    job_id, log = _start(lab, "-l", "list.txt")
    # The list was frozen: what happens to it now changes nothing.
    (lab.run.cwd / "list.txt").unlink()
    followed = lab.run("jobs", "log", job_id, "--follow")
    assert followed.returncode == 0
    assert "downloaded structures/divided/mmCIF/hy/3hya.cif.gz (12 kB)" in followed.stdout
    assert "3 downloaded, 0 up to date" in followed.stdout
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", followed.stdout)
    record = _meta(lab, job_id)
    assert record["status"] == "completed"
    assert record["command"] == "download -l list.txt"
    assert (record["exit_code"], record["pid"], record["cwd"]) == (0, None, str(lab.run.cwd))
    progress = record["progress"]
    assert isinstance(progress, dict)
    assert (progress["files_done"], progress["files_total"]) == (3, 3)
    assert len(lab.local()) == 3
    listed = lab.run("jobs").stdout
    assert re.search(rf"^{job_id}  completed .* download -l list.txt$", listed, re.MULTILINE)
    assert log.read_text(encoding="utf-8") == followed.stdout


def test_ids_from_stdin_are_frozen_too(lab: Lab) -> None:
    job_id, _ = _start(lab, "--stdin", text="3hya\n")
    assert _wait_for_end(lab, job_id)["status"] == "completed"
    assert len(lab.local()) == 1


def test_d01_a_job_that_found_nothing_is_failed_with_its_reason(lab: Lab) -> None:
    job_id, _ = _start(lab, "9zzz")
    record = _wait_for_end(lab, job_id)
    assert (record["status"], record["exit_code"]) == ("failed", 1)
    assert "1 not found" in str(record["reason"])
    assert str(record["reason"]).endswith(f"; go on with: pdb-cli jobs restart {job_id}")
    assert lab.run("jobs", "log", job_id, "-f").returncode == 1


def test_a_mistake_shows_in_the_terminal_and_leaves_no_job(lab: Lab, isolated: object) -> None:
    for arguments in (["nope"], ["-l", "missing"], ["3hya", "-m", "nowhere"], ["--frob"]):
        done = lab.run("download", *arguments, "--bg")
        assert done.returncode in {1, 2}
        assert len(done.stderr.splitlines()) == 1
    assert not isolated.jobs_dir.exists()  # type: ignore[attr-defined]


def test_quiet_prints_only_the_id(lab: Lab) -> None:
    done = lab.run("-q", "download", "3hya", "--bg")
    assert re.fullmatch(r"job_[a-z0-9]{6}\n", done.stdout)
    _wait_for_end(lab, done.stdout.strip())


def test_in_a_pipe_it_returns_at_once_while_the_job_goes_on(lab: Lab) -> None:
    lab.mirror.delay_s = 3.0
    started_s = time.monotonic()
    done = subprocess.run(  # noqa: S602 - the pipe is what is tested
        f"{sys.executable} -m pdb_cli download 3hya --bg 2>&1 | cat",
        shell=True,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=20,
        check=True,
    )
    assert time.monotonic() - started_s < 2.5
    match = STARTED.fullmatch(done.stdout)
    assert match
    assert _meta(lab, match[1])["status"] == "running"
    assert _wait_for_end(lab, match[1])["status"] == "completed"


def test_j1_cancel_ends_the_work_and_says_so(lab: Lab) -> None:
    lab.mirror.delay_s = 30.0
    job_id, _ = _start(lab, "3hya", "1kqe")
    wait_until(lambda: _meta(lab, job_id)["progress"], what="the job's first sign of life")
    done = lab.run("jobs", "cancel", job_id)
    assert done.returncode == 0
    assert done.stderr.startswith(f"{job_id}: cancelled by ")
    record = _meta(lab, job_id)
    assert (record["status"], record["exit_code"]) == ("cancelled", 143)
    again = lab.run("jobs", "cancel", job_id)
    assert again.returncode == 0
    assert [path for path in lab.local() if not path.endswith(".part")] == []


def test_cancelling_what_has_ended_says_so_and_exits_1(lab: Lab) -> None:
    job_id, _ = _start(lab, "3hya")
    _wait_for_end(lab, job_id)
    done = lab.run("jobs", "cancel", job_id)
    assert done.returncode == 1
    assert done.stderr == f"pdb-cli: can not cancel {job_id}: it is completed\n"


def test_cancelling_several_goes_on_after_one_that_has_ended(lab: Lab) -> None:
    ended, _ = _start(lab, "3hya")
    _wait_for_end(lab, ended)
    lab.mirror.delay_s = 30.0
    running, _ = _start(lab, "1kqe")
    done = lab.run("jobs", "cancel", ended, running)
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["pdb-cli", running]
    assert _meta(lab, running)["status"] == "cancelled"


def test_a_directory_that_is_not_utf8_can_be_shown(lab: Lab) -> None:
    odd = lab.run.cwd / os.fsdecode(b"odd\xff")
    odd.mkdir()
    done = lab.run("download", "3hya", "-d", ".", "--bg", "-o", "json", cwd=odd)
    assert done.returncode == 0, done.stderr
    shown = lab.run("jobs", "status", "last", env={"PYTHONIOENCODING": "utf-8:strict"})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "/odd?\n" in shown.stdout


def test_clean_removes_what_ended_and_spares_what_runs(lab: Lab, isolated: object) -> None:
    ended, _ = _start(lab, "3hya")
    _wait_for_end(lab, ended)
    lab.mirror.delay_s = 30.0
    running, _ = _start(lab, "1kqe")
    assert lab.run("jobs", "clean").stderr.startswith("removed 0 jobs")
    done = lab.run("jobs", "clean", "--older-than", "0s")
    assert done.stderr == "removed 1 job that ended more than 0s ago\n"
    listed = lab.run("jobs", "--all", "-o", "ids").stdout.split()
    assert listed == [running]
    names = {path.name for path in isolated.jobs_dir.iterdir()}  # type: ignore[attr-defined]
    assert not any(ended in name for name in names)
    assert lab.run("jobs", "cancel", "last").returncode == 0


def test_unknown_and_hostile_job_ids_are_one_line(lab: Lab) -> None:
    for reference in ("job_zzzzzz", "../../etc", "job_../x", "", "last"):
        for verb in ("status", "log", "cancel"):
            done = lab.run("jobs", verb, reference)
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), (verb, reference)


def test_a_prefix_names_a_job(lab: Lab) -> None:
    job_id, _ = _start(lab, "3hya")
    _wait_for_end(lab, job_id)
    for reference in (job_id[:7], job_id.removeprefix("job_"), "last"):
        assert lab.run("jobs", "status", reference).stdout.startswith(f"job:       {job_id}\n")


def test_the_log_shows_its_last_lines_or_all(lab: Lab) -> None:
    job_id, log = _start(lab, "3hya", "1kqe", "1dsr")
    _wait_for_end(lab, job_id)
    text = log.read_text(encoding="utf-8")
    assert lab.run("jobs", "log", job_id, "-n", "1").stdout == text.splitlines(keepends=True)[-1]
    assert lab.run("jobs", "log", job_id, "--full").stdout == text
    assert lab.run("jobs", "log", job_id, "--stdout").stdout == ""


def test_data_asked_for_in_a_job_is_in_its_stdout(lab: Lab) -> None:
    job_id, _ = _start(lab, "3hya", "-o", "ids")
    _wait_for_end(lab, job_id)
    assert lab.run("jobs", "log", job_id, "--stdout").stdout == "3hya\n"


def test_data_is_shown_whole_and_the_log_by_its_end(lab: Lab) -> None:
    ids = [f"{number}zzz" for number in range(1, 10)] * 6
    job_id, _ = _start(lab, *dict.fromkeys(ids), "3hya", "-o", "json")
    _wait_for_end(lab, job_id)
    assert len(json.loads(lab.run("jobs", "log", job_id, "--stdout").stdout)) == 10


def test_a_directory_that_is_gone_is_no_bug(lab: Lab) -> None:
    gone = lab.run.cwd / "gone"
    gone.mkdir()
    done = subprocess.run(  # noqa: S602 - the shell stays in the removed directory
        f"cd {gone} && rmdir {gone} && {sys.executable} -m pdb_cli download 3hya -d /tmp/x --bg",
        shell=True,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "pdb-cli: can not use .: No such file or directory\n"


def test_a_list_without_a_valid_id_is_no_list_for_the_job_either(lab: Lab) -> None:
    job_id, _ = _start(lab, "3hya", "--stdin", "--skip-invalid", text="hello\n")
    assert _wait_for_end(lab, job_id)["status"] == "completed"


def test_secrets_do_not_reach_the_record(lab: Lab, isolated: object) -> None:
    job_id, _ = _start(lab, "3hya", "-d", "password=hunter2")
    _wait_for_end(lab, job_id)
    stored = (isolated.jobs_dir / job_id / "meta.json").read_text()  # type: ignore[attr-defined]
    assert "hunter2" not in stored
    assert "password=***" in stored
    assert (lab.run.cwd / "password=hunter2" / "3hya.cif.gz").is_file()


def test_j03_forty_command_lines_at_once_all_keep_their_exit_code(
    lab: Lab, isolated: Isolated
) -> None:
    # Everything there, nothing there, some there: 0, 1 and 3, and every caller knows which.
    kinds = ((["3hya"], 0), (["9zzz"], 1), (["1dsr", "9zzz"], 3), (["1kqe", "1c58"], 0))
    callers = [
        subprocess.Popen(
            [sys.executable, "-m", "pdb_cli", "-q", "download", *ids, "-d", str(number), "--bg"],
            cwd=lab.run.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, (ids, _) in enumerate(kinds * 10)
    ]
    answers = [caller.communicate(timeout=50) for caller in callers]
    assert [caller.returncode for caller in callers] == [0] * 40, answers
    job_ids = [printed.strip() for printed, _ in answers]
    assert len(set(job_ids)) == 40
    store = JobStore(isolated.jobs_dir)

    def ended() -> bool:
        return all(store.read(job_id).status.final for job_id in job_ids)

    wait_until(ended, timeout_s=50, what="the end of forty jobs")
    expected = [code for _, code in kinds * 10]
    assert [store.read(job_id).exit_code for job_id in job_ids] == expected
    statuses = {
        job_id: "failed" if code else "completed"
        for job_id, code in zip(job_ids, expected, strict=True)
    }

    def indexed() -> dict[str, str]:
        return {job_id: entry["status"] for job_id, entry in read_index(store).items()}

    # The supervisors update the index as their last act; nobody has listed the jobs.
    wait_until(lambda: indexed() == statuses, what="the index to know them all")
    assert set(lab.run("jobs", "--all", "-o", "ids").stdout.split()) == set(job_ids)


def test_a_read_only_jobs_directory_is_one_line_and_hides_no_job(
    lab: Lab, isolated: Isolated
) -> None:
    job_id, _ = _start(lab, "3hya")
    _wait_for_end(lab, job_id)
    with read_only(isolated.jobs_dir):
        refused = lab.run("download", "1kqe", "--bg")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert len(refused.stderr.splitlines()) == 1
        assert "Read-only file system" in refused.stderr
        assert lab.run("jobs", "--all", "-o", "ids").stdout == f"{job_id}\n"
        assert lab.run("jobs", "status", job_id).returncode == 0
        assert lab.run("jobs", "clean", "--older-than", "0s").returncode == 1
