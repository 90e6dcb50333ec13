from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.errors import JobRecordError
from pdb_cli.jobs.model import (
    SCHEMA,
    Job,
    JobStatus,
    ProcessIdentity,
    decode,
    encode,
    parse_grace,
    utc_text,
)
from support.jobs import a_job

REQUIRED_KEYS = {
    "id",
    "command",
    "started_at",
    "finished_at",
    "pid",
    "status",
    "exit_code",
}


def as_dict(job: Job) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(encode(job))
    return record


def as_bytes(record: object) -> bytes:
    return json.dumps(record).encode()


def test_a_record_survives_the_round_trip() -> None:
    job = a_job(
        supervisor=ProcessIdentity(12, "345"),
        child=ProcessIdentity(13, "346"),
        signal="SIGKILL",
        label="weekly",
        lock_works=True,
        argv=("a\nb", "ü", "\udcff"),
        command="$'\\377' ü",
    )
    assert decode(encode(job), job_id=job.id) == job


def test_the_promised_keys_are_there_while_a_job_runs() -> None:
    record = as_dict(a_job(status=JobStatus.RUNNING, finished_at=None, exit_code=None))
    assert record.keys() >= REQUIRED_KEYS
    assert record["finished_at"] is record["exit_code"] is record["pid"] is None
    assert record["schema"] == SCHEMA


def test_a_record_is_utf_8_whatever_the_arguments_were() -> None:
    text = encode(a_job(argv=("\udcff", "ü"))).decode("utf-8")
    assert '"\\udcff"' in text
    assert '"ü"' in text


def test_unknown_keys_survive_a_rewrite() -> None:
    record = as_dict(a_job()) | {"invented_later": {"deep": [1, None]}}
    job = decode(as_bytes(record), job_id="job_aaaaaa").with_changes(label="x")
    assert as_dict(job) == record | {"label": "x"}


def test_an_older_schema_is_read() -> None:
    old = {
        "schema": 0,
        "id": "job_aaaaaa",
        "command": "sync",
        "started_at": "2026-01-01T00:00:00Z",
        "status": "failed",
    }
    job = decode(as_bytes(old), job_id="job_aaaaaa")
    assert (job.status, job.exit_code, job.argv) == (JobStatus.FAILED, None, ())


@pytest.mark.parametrize("schema", [SCHEMA + 1, "new", None, 1.5])
def test_a_newer_schema_is_refused(schema: object) -> None:
    record = as_dict(a_job()) | {"schema": schema}
    with pytest.raises(JobRecordError, match="newer pdb-cli"):
        decode(as_bytes(record), job_id="job_aaaaaa")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"\0" * 700,
        b"[" * 100_000,
        encode(a_job())[:-20],
        encode(a_job("job_bbbbbb")),
    ],
)
def test_what_is_not_a_record_of_this_job_is_refused(data: bytes) -> None:
    with pytest.raises(JobRecordError):
        decode(data, job_id="job_aaaaaa")


@pytest.mark.parametrize("key", sorted(as_dict(a_job()).keys() - {"schema", "grace_s"}))
def test_j06_a_value_of_the_wrong_kind_is_refused(key: str) -> None:
    # A list of numbers fits no key but argv, which takes it as texts.
    wrong = {"a": 1} if key in {"argv", "supervisor", "child"} else [1]
    with pytest.raises(JobRecordError):
        decode(as_bytes(as_dict(a_job()) | {key: wrong}), job_id="job_aaaaaa")


@pytest.mark.parametrize("pid", ["x", None, 1e999])
def test_a_process_that_is_none_is_refused(pid: object) -> None:
    record = as_dict(a_job()) | {"child": {"pid": pid, "start_token": "1"}}
    with pytest.raises(JobRecordError):
        decode(as_bytes(record), job_id="job_aaaaaa")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(as_dict(a_job()))), JSON)
def test_j06_any_value_is_read_or_refused_and_what_is_read_can_be_written(
    key: str, value: object
) -> None:
    try:
        job = decode(as_bytes(as_dict(a_job()) | {key: value}), job_id="job_aaaaaa")
    except JobRecordError:
        return
    assert decode(encode(job), job_id="job_aaaaaa") == job


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", None, [], 10**400])
def test_an_unusable_grace_time_is_replaced(value: object) -> None:
    assert parse_grace(value, default=3.0) == 3.0


@pytest.mark.parametrize(
    ("status", "final"),
    [
        (JobStatus.QUEUED, False),
        (JobStatus.RUNNING, False),
        (JobStatus.COMPLETED, True),
        (JobStatus.FAILED, True),
        (JobStatus.CANCELLED, True),
    ],
)
def test_states_know_whether_they_are_final(status: JobStatus, *, final: bool) -> None:
    assert status.final is final


def test_times_are_utc() -> None:
    assert utc_text(1_000_000_000) == "2001-09-09T01:46:40Z"
