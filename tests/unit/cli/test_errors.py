"""Every public error becomes one line that says what to do; nothing is forgotten."""

from __future__ import annotations

import errno
import inspect
import pickle
from pathlib import Path

import click
import pytest

from pdb_cli import errors as e
from pdb_cli.cli.errors import describe, reason_of
from pdb_cli.cli.exit_codes import ExitCode

SAMPLES: list[tuple[BaseException, str, ExitCode]] = [
    (
        e.InvalidIdsError(
            (
                e.InvalidId("12", "list.txt", 3),
                e.InvalidId("x" * 60, "arguments", None),
            )
        ),
        (
            "2 ids not valid: '12' (list.txt, line 3), 'xxxxxxxxxxxxxxxxxxxxx...' (arguments); "
            "ids look like 4hhb or pdb_00004hhb"
        ),
        ExitCode.USAGE,
    ),
    (e.EmptyListError("l.txt"), "l.txt holds no ids; one id per line is expected", ExitCode.USAGE),
    (e.EmptyListError(None), "no ids given; name some, or use -l FILE or --stdin", ExitCode.USAGE),
    (
        e.UnknownNameError("mirror", "rcsbb", ("pdbe", "rcsb")),
        "no mirror 'rcsbb'; did you mean rcsb? known: pdbe, rcsb",
        ExitCode.USAGE,
    ),
    (
        e.UnsupportedError("assemblies as xml", "the archive has mmcif only"),
        "assemblies as xml: the archive has mmcif only",
        ExitCode.USAGE,
    ),
    (
        e.InvalidValueError("--older-than", "x", "a duration"),
        "--older-than 'x': expected a duration",
        ExitCode.USAGE,
    ),
    (
        e.SettingsError("c.toml", 4, "download.paralel", "unknown key", "download.parallel"),
        "c.toml, line 4: download.paralel: unknown key; did you mean download.parallel?",
        ExitCode.USAGE,
    ),
    (
        e.FileAccessError("write", Path("/data/x"), "No space left on device", errno.ENOSPC),
        (
            "can not write /data/x: No space left on device; free some space and run the same "
            "command again, it goes on where it was"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ConnectionFailedError("http://a/b", "connection refused"),
        "http://a/b: connection refused; try another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.ConnectTimeoutError("http://a/b", "connection timed out after 10 s"),
        "http://a/b: connection timed out after 10 s; try another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.NobodyListensError("http://a/b", "could not connect to server"),
        "http://a/b: could not connect to server; try another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.ResumeError("http://a/b", "the server sent other bytes than the missing ones"),
        "http://a/b: the server sent other bytes than the missing ones; try another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.RedirectError("http://a/b", "redirected in a circle"),
        "http://a/b: redirected in a circle; try another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.StaleVersionError("http://a/b", "Fri, 28 Aug 2026 14:09:19 GMT"),
        (
            "http://a/b: it still has an older version, of Fri, 28 Aug 2026 14:09:19 GMT; try "
            "again later, or another mirror with -m"
        ),
        ExitCode.FAILED,
    ),
    (
        e.NoCollectionError(),
        (
            "no collection is set up; 'pdb-cli config set paths.pdb_dir DIR', --pdb-dir DIR before "
            "the command, or PDB_DIR names one"
        ),
        ExitCode.USAGE,
    ),
    (
        e.BatchAllocationError("Slurm", "--bg-force"),
        (
            "a background job would end with this Slurm allocation; run it here "
            "without --bg, start it from the login node, or add --bg-force"
        ),
        ExitCode.USAGE,
    ),
    (
        e.HttpStatusError("http://a/b", "Service Unavailable", 503),
        "http://a/b: the server answered 503 Service Unavailable",
        ExitCode.FAILED,
    ),
    (
        e.WebPageError("http://a/b"),
        "http://a/b: an HTML page (wrong-kind)",
        ExitCode.FAILED,
    ),
    (
        e.VerificationError("http://a/b", e.Defect.TRUNCATED, "ends early"),
        "http://a/b: ends early (truncated)",
        ExitCode.FAILED,
    ),
    (
        e.HoldingsError("https://a/x.json.gz", "cut short"),
        "https://a/x.json.gz: cut short; try again later, or another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.UnknownJobError("job_xxxxxx"),
        "no job 'job_xxxxxx'; 'pdb-cli jobs --all' lists them",
        ExitCode.FAILED,
    ),
    (
        e.UnknownJobError("last"),
        "there are no jobs yet; add --bg to a long command to start one",
        ExitCode.FAILED,
    ),
    (
        e.AmbiguousJobError("a", ("job_aaaaaa", "job_aaaaab")),
        "'a' fits 2 jobs: job_aaaaaa, job_aaaaab; type more of the id",
        ExitCode.FAILED,
    ),
    (e.JobStartError(None, "why"), "the job was not started: why", ExitCode.FAILED),
    (
        e.JobStartError("job_abc123", "why"),
        "job_abc123 was not started: why; 'pdb-cli jobs status job_abc123' shows its record",
        ExitCode.FAILED,
    ),
    (
        e.JobRecordError("job_abc123", "torn"),
        "job_abc123 can not be read: torn",
        ExitCode.FAILED,
    ),
    (
        e.JobStateError("job_abc123", "completed", "cancel"),
        "can not cancel job_abc123: it is completed",
        ExitCode.FAILED,
    ),
    (
        e.JobRestartError("job_abc123", "its arguments held a secret", "run it again: cd / && x"),
        "can not restart job_abc123: its arguments held a secret; run it again: cd / && x",
        ExitCode.FAILED,
    ),
    (
        e.JobOutOfReachError("job_abc123", "login01", None, Path("/jobs/job_abc123")),
        (
            "no answer about job_abc123 from login01 (never seen); the request stays; "
            "if that host is gone for good: rm -r /jobs/job_abc123"
        ),
        ExitCode.FAILED,
    ),
    (
        e.CollectionBusyError(Path("/pdb"), "node1", 42, "pdb-cli sync", "job_abc123", "", 3.0),
        (
            "/pdb is being changed by job job_abc123 (pdb-cli sync; process 42 on node1); "
            "--wait waits for it"
        ),
        ExitCode.FAILED,
    ),
    (
        e.CollectionBusyError(Path("/pdb"), "node1", 42, "pdb-cli sync", None, "", 7200.0),
        (
            "/pdb is being changed by pdb-cli sync (process 42 on node1); last seen 2 h 0 min ago; "
            "if it has ended for certain, remove /pdb/.pdb-cli/write.lock"
        ),
        ExitCode.FAILED,
    ),
    (
        e.CollectionBusyError(Path("/pdb"), "", 0, ""),
        "/pdb is being changed by another process; --wait waits for it",
        ExitCode.FAILED,
    ),
    (
        e.CollectionLostError(Path("/pdb")),
        (
            "/pdb/.pdb-cli/write.lock was removed, and nothing more was changed; "
            "run the same command again"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ListDoubtError("emdb", "rsync://host/emdb", e.ListDoubt.SHORT, "10", "100"),
        (
            "emdb: nothing was changed, because the list of rsync://host/emdb has 10 files and the "
            "last complete one had 100; try another mirror with -m, or --trust-list if that is "
            "right"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ListDoubtError(
            "emdb", "rsync://host/emdb", e.ListDoubt.OLDER, "2026-01-01", "2026-02-02"
        ),
        (
            "emdb: nothing was changed, because the list of rsync://host/emdb is of 2026-01-01 and "
            "the last one was of 2026-02-02; try another mirror with -m, or --trust-list if that "
            "is right"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ListDoubtError(
            "emdb",
            "rsync://host/emdb",
            e.ListDoubt.FEW_BEHIND,
            "emdb/a of 2026-01-01",
            "2026-02-02",
        ),
        (
            "emdb: rsync://host/emdb has only emdb/a of 2026-01-01 and what is here is of "
            "2026-02-02: left as it is; --trust-list takes what the mirror has"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ListDoubtError("emdb", "rsync://host/emdb", e.ListDoubt.EMPTY, "0", "12"),
        (
            "emdb: nothing was changed, because the list of rsync://host/emdb is empty while 12 "
            "files are here; try another mirror with -m"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ListDoubtError("emdb", "rsync://host/emdb", e.ListDoubt.EMPTY, "0", "0"),
        "emdb: rsync://host/emdb lists no such files; try another mirror with -m",
        ExitCode.FAILED,
    ),
    (
        e.DeleteLimitError("emdb", 12, 100, "5%"),
        (
            "nothing was changed: 12 of 100 files of emdb would be deleted, more than "
            "--max-delete 5% allows; --plan lists them"
        ),
        ExitCode.FAILED,
    ),
    (
        e.ObsoleteLimitError(30, 100, "5%"),
        (
            "nothing was changed: 30 of 100 entries would go as obsolete, more than "
            "sync.max_delete 5% allows; see which with --check, try another mirror with -m, or, "
            "if that is right, 'pdb-cli config set sync.max_delete 30'"
        ),
        ExitCode.FAILED,
    ),
    (
        e.NoSpaceError(Path("/pdb"), 2_000_000_000, 1_000_000, "bytes"),
        (
            "nothing was changed: /pdb has room for 1.0 MB, 2.0 GB are to come; free some space, "
            "or sync less (-t, a prefix, --ids)"
        ),
        ExitCode.FAILED,
    ),
    (
        e.UnsafeTreeError(Path("/pdb/ab"), "a link leads out of the tree"),
        "/pdb/ab: a link leads out of the tree; nothing there was touched",
        ExitCode.FAILED,
    ),
    (
        e.NoTransportError((("rcsb", "rsync", "no rsync program"), ("rcsb", "https", "timeout"))),
        (
            "no way to any mirror (rcsb by rsync: no rsync program; and 1 more); is there a "
            "network, a proxy? Another mirror: -m"
        ),
        ExitCode.FAILED,
    ),
    (
        e.NoTransportError((("rcsb", "rsync", "no rsync program"),)),
        (
            "no way to any mirror (rcsb by rsync: no rsync program); --transport https needs "
            "neither rsync nor its port"
        ),
        ExitCode.FAILED,
    ),
    (
        e.RsyncUnavailableError(None, "there is no rsync program"),
        "there is no rsync program; --transport https needs none",
        ExitCode.FAILED,
    ),
    *(
        (
            kind("rsync://host/ftp/data", "max connections (25) reached", 5),
            "rsync://host/ftp/data: max connections (25) reached; try another mirror with -m",
            ExitCode.FAILED,
        )
        for kind in (e.RsyncError, e.RsyncTransientError, e.RsyncRefusedError, e.RsyncBusyError)
    ),
    (
        e.WaitTimeoutError(2.5, ("job_aaaaaa", "job_bbbbbb")),
        "not ended after 2.5 s: job_aaaaaa, job_bbbbbb (jobs go on)",
        ExitCode.TIMED_OUT,
    ),
    (
        e.BatchAllocationError("Slurm"),
        (
            "a background job would end with this Slurm allocation; run it here "
            "without --bg, start it from the login node, or add --force"
        ),
        ExitCode.USAGE,
    ),
]
_ABSTRACT = {e.PdbCliError, e.UsageError, e.TransferError, e.JobError, e.SyncError}


@pytest.mark.parametrize(("error", "text", "code"), SAMPLES, ids=lambda value: type(value).__name__)
def test_an_error_becomes_one_line_with_the_next_step(
    error: BaseException, text: str, code: ExitCode
) -> None:
    message = describe(error)
    assert message.lines == (f"pdb-cli: {text}",)
    assert message.exit_code is code


def test_every_public_error_has_a_sample() -> None:
    public = {
        value
        for value in vars(e).values()
        if inspect.isclass(value) and issubclass(value, e.PdbCliError)
    }
    assert public - _ABSTRACT == {type(error) for error, _, _ in SAMPLES}


@pytest.mark.parametrize(
    "error", [error for error, _, _ in SAMPLES], ids=lambda v: type(v).__name__
)
def test_errors_pickle_with_their_fields(error: BaseException) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)


def test_an_unknown_error_is_shown_as_a_bug_and_not_hidden() -> None:
    message = describe(ZeroDivisionError("division by zero"))
    assert "unexpected ZeroDivisionError: division by zero" in message.lines[0]
    assert message.exit_code is ExitCode.FAILED


def test_what_the_system_refused_is_no_bug() -> None:
    named = FileNotFoundError(errno.ENOENT, "No such file or directory", "/x")
    assert describe(named).lines == ("pdb-cli: the system refused: /x: No such file or directory",)
    unnamed = OSError(errno.EMFILE, "Too many open files")
    assert describe(unnamed).lines == ("pdb-cli: the system refused: Too many open files",)


def test_a_usage_error_of_click_is_one_line_too() -> None:
    message = describe(click.UsageError("No such option:\n --frob"))
    assert message.lines == ("pdb-cli: No such option: --frob; 'pdb-cli --help' shows the usage",)
    assert message.exit_code is ExitCode.USAGE


def test_the_reason_of_a_failed_file_does_not_repeat_the_program() -> None:
    assert reason_of(e.HttpStatusError("http://a/b", "x", 503)) == "http://a/b answered 503"
    assert reason_of(e.FileAccessError("write", Path("/x"), "denied")) == "can not write /x: denied"


def test_many_invalid_ids_are_counted_and_cut() -> None:
    bad = tuple(e.InvalidId(f"bad{n}", "l", n) for n in range(1, 1101))
    line = describe(e.InvalidIdsError(bad)).lines[0]
    assert line.startswith("pdb-cli: 1100 ids not valid: 'bad1' (l, line 1)")
    assert "'bad1000' (l, line 1000) and 100 more" in line


def test_no_message_shows_a_password_or_moves_the_cursor() -> None:
    hostile = [
        e.SettingsError("c", 1, "k", "expected a URL, not 'http://me:hun ter2@x/pub'"),
        e.InvalidValueError("mirrors.x.https", "http://me:hunter2#a@b@x/pub", "a URL"),
        e.FileAccessError("read", Path("/a\nb\x1b[31m"), "gone"),
    ]
    for error in hostile:
        (line,) = describe(error).lines
        assert "hunter2" not in line
        assert "ter2" not in line
        assert line.isprintable()
