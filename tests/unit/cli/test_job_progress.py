from __future__ import annotations

import pytest

from pdb_cli.cli.job_progress import percent, progress_line, progress_rows
from pdb_cli.jobs.model import utc_text
from pdb_cli.jobs.progress import Progress

NOW_S = 1_800_000_000.0
RUNNING = Progress(
    files_total=4000,
    files_done=1200,
    files_failed=3,
    bytes_received=1_200_000_000,
    rate_bytes_s=12_000_000,
    elapsed_s=83.5,
    eta_s=190.0,
    phase="downloading",
    entries_total=2000,
    entries_done=600,
    updated_at=utc_text(NOW_S - 1),
)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "1,203/4,000 30 %  3 failed  12.0 MB/s  3 min left"),
        ({"files_failed": 0, "eta_s": 42.0}, "1,200/4,000 30 %  12.0 MB/s  42 s left"),
        ({"eta_s": 3599.0}, "1,203/4,000 30 %  3 failed  12.0 MB/s  59 min left"),
        ({"eta_s": 7500.0}, "1,203/4,000 30 %  3 failed  12.0 MB/s  2 h 5 min left"),
        ({"eta_s": None}, "1,203/4,000 30 %  3 failed  12.0 MB/s"),
        ({"eta_s": 1e18}, "1,203/4,000 30 %  3 failed  12.0 MB/s"),
        ({"files_total": 0}, "downloading"),
        # What has not been heard of for long has no rate and promises nothing.
        ({"updated_at": utc_text(NOW_S - 150)}, "1,203/4,000 30 %  3 failed  quiet 2 min"),
        ({"updated_at": utc_text(NOW_S + 90)}, "1,203/4,000 30 %  3 failed  12.0 MB/s  3 min left"),
        ({"updated_at": ""}, "1,203/4,000 30 %  3 failed  12.0 MB/s  3 min left"),
    ],
)  # fmt: skip
def test_a_line_says_what_is_known(changes: dict[str, object], line: str) -> None:
    assert progress_line(RUNNING._replace(**changes), NOW_S) == line  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("total", "done", "wanted"), [(0, 0, None), (3000, 2999, 99), (3, 3, 100), (1, 7, 100)]
)
def test_a_hundred_percent_is_all_of_it(total: int, done: int, wanted: int | None) -> None:
    assert percent(Progress(total, done, 0, 0)) == wanted


def test_all_of_it_for_one_job() -> None:
    rows = dict(progress_rows(RUNNING, command="dl 1abc", running=True, now_s=NOW_S))
    assert rows == {
        "phase": "downloading",
        "entries": "600 of 2,000",
        "files": "1,203 of 4,000 (30 %), 3 failed",
        "received": "1.2 GB, 12.0 MB/s",
        "time left": "3 min",
    }
    done = RUNNING._replace(phase="done")
    ended = dict(progress_rows(done, command="-q sync", running=False, now_s=NOW_S))
    assert (ended["received"], ended["time left"]) == ("1.2 GB", "")
    assert progress_rows(None, command="", running=True, now_s=NOW_S) == []


@pytest.mark.parametrize("command", ["validate --level gzip", "--color never val 1abc --fix"])
def test_bytes_that_were_here_were_not_received(command: str) -> None:
    done = RUNNING._replace(phase="done")
    ended = dict(progress_rows(done, command=command, running=False, now_s=NOW_S))
    assert ended["checked"] == "1.2 GB"
    assert "received" not in ended
