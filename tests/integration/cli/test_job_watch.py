"""``pdb-cli jobs watch`` on a real pseudo-terminal: what is seen, and what is left behind."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.progress import Progress, write_progress
from pdb_cli.jobs.store import JobStore
from support.jobs import a_job, put
from support.on_terminal import OnTerminal
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Isolated
    from support.cli import CliRunner
    from support.lab import Lab

BEGIN, END = "\x1b[?1049h", "\x1b[?1049l"
"""To the alternate screen and back."""
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
"""The cursor."""
HALF = Progress(4000, 2000, 0, 10**9, 12_000_000, 83.5, 190.0, "downloading", 2000, 600)


@pytest.fixture
def store(isolated: Isolated) -> JobStore:
    """A jobs directory with one job that runs elsewhere, half done, and traps in its texts."""
    store = JobStore(isolated.jobs_dir)
    running = a_job(
        "job_runner",
        status=JobStatus.RUNNING,
        host="elsewhere",
        finished_at=None,
        exit_code=None,
        label="[red]\x1b]0;stolen\x07weekly",
        command="download [/]\x1b[2J",
    )
    put(store, running)
    write_progress(store.paths(running.id).progress, HALF._replace(updated_at=utc_now()))
    return store


@pytest.fixture
def watch(store: JobStore, isolated: Isolated) -> Iterator[OnTerminal]:  # noqa: ARG001 - before
    """A watch that has drawn its first table."""
    with OnTerminal("jobs", "watch", cwd=isolated.work_dir) as terminal:
        terminal.see("2,000/4,000")
        assert terminal.settings_now() != terminal.settings
        yield terminal


def check_restored(terminal: OnTerminal) -> None:
    """Check that the terminal is as it was."""
    assert terminal.settings_now() == terminal.settings
    begun, _, after = terminal.text.rpartition(END)
    assert begun.count(BEGIN) == begun.count(END) + 1
    assert terminal.text.rindex(SHOW) > terminal.text.rindex(HIDE)
    assert "stopped watching; job_runner goes on" in after
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("key", ["q", "Q", "\x03"], ids=["q", "Q", "ctrl-c"])
def test_a_key_leaves_and_the_job_goes_on(watch: OnTerminal, key: str) -> None:
    watch.press("x" + key)
    assert watch.end() == 0
    check_restored(watch)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_puts_the_terminal_back(watch: OnTerminal, number: signal.Signals) -> None:
    watch.process.send_signal(number)
    codes = {signal.SIGTERM: 143, signal.SIGHUP: 129}
    assert watch.end() == codes.get(number, 0)
    check_restored(watch)


def test_impatience_leaves_nothing_half_done(watch: OnTerminal) -> None:
    for _ in range(20):
        watch.press("\x03")
        watch.process.send_signal(signal.SIGTERM)
    watch.see("stopped watching")
    watch.end()
    assert watch.settings_now() == watch.settings
    assert "Traceback" not in watch.text


@pytest.mark.usefixtures("store")
def test_texts_of_jobs_are_shown_as_they_are(isolated: Isolated) -> None:
    with OnTerminal("jobs", "watch", cwd=isolated.work_dir, width=200) as terminal:
        terminal.see("[red]?]0;stolen?weekly  download [/]?[2J")
        terminal.press("q")
        assert terminal.end() == 0
    assert "\x07" not in terminal.text
    assert "\x1b[2J" not in terminal.text
    assert "\x1b]" not in terminal.text


def test_it_follows_the_size_of_the_terminal_and_the_jobs(
    watch: OnTerminal, store: JobStore
) -> None:
    watch.resize(60, 12)
    watch.process.send_signal(signal.SIGWINCH)
    narrow = watch.see(lambda text: text.count("q leaves") >= 3)
    last = narrow.rpartition("q leaves")[0].rpartition("q leaves")[2]
    assert "job_runner" in last
    assert "COMMAND" not in last
    store.write(store.read("job_runner").with_changes(
        status=JobStatus.FAILED, exit_code=1, finished_at=utc_now(), pid=None
    ), durable=False)  # fmt: skip
    watch.see("failed")
    put(store, a_job("job_second", status=JobStatus.RUNNING, host="elsewhere", finished_at=None))
    watch.see("job_second")
    watch.press("q")
    assert watch.end() == 0
    assert "job_second goes on" in watch.text


def test_stopped_by_ctrl_z_it_leaves_the_terminal_to_the_shell(watch: OnTerminal) -> None:
    watch.process.send_signal(signal.SIGTSTP)
    # No shell controls this session, so that the kernel continues at once what would stop.
    watch.see(lambda text: END in text and BEGIN in text and "2,000/4,000" in text)
    watch.press("q")
    assert watch.end() == 0
    check_restored(watch)


def test_a_terminal_that_is_closed_ends_it(watch: OnTerminal) -> None:
    watch.hang_up()
    wait_until(lambda: watch.process.poll() is not None, what="the end")
    assert watch.process.returncode == 129


def test_no_jobs_are_said_to_be_none_and_waited_for(isolated: Isolated) -> None:
    with OnTerminal("jobs", "watch", cwd=isolated.work_dir) as terminal:
        terminal.see("No job is running.")
        put(JobStore(isolated.jobs_dir), a_job("job_ended1", finished_at=utc_now()))
        terminal.see("completed")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.text.endswith("stopped watching\r\n")


def test_without_a_terminal_it_is_wrong_usage(run_cli: CliRunner) -> None:
    done = run_cli("jobs", "watch")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "'pdb-cli jobs' lists" in done.stderr
    assert "jobs log --follow" in done.stderr


def test_a_real_download_is_seen_from_beginning_to_end(lab: Lab, isolated: Isolated) -> None:
    lab.mirror.delay_s = 1.0
    started = lab.run("-q", "download", "3hya", "1kqe", "-p", "1", "--bg")
    job_id = started.stdout.strip()
    with OnTerminal("jobs", "watch", cwd=isolated.work_dir) as terminal:
        terminal.see("downloading")
        terminal.see("completed")
        terminal.see("2/2")
        terminal.press("q")
        assert terminal.end() == 0
    assert job_id in terminal.text
    progress = JobStore(isolated.jobs_dir).paths(job_id).progress.read_text(encoding="utf-8")
    assert '"entries_done": 2' in progress
    assert '"phase": "done"' in progress
