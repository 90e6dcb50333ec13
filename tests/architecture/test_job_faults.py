"""The faults that background jobs must survive in every release, and the tests that see to it."""

from __future__ import annotations

import ast

import pytest

from support.package_copy import REPOSITORY

TESTS = REPOSITORY / "tests"
# File and the start of a test's name; more than one test may begin so.
FAULTS = {
    "exit code 0": ["integration/jobs/test_endings.py::test_exit_code_zero_is_completed"],
    "exit code n": ["integration/jobs/test_endings.py::test_other_exit_codes_are_failed"],
    "ended by a signal": ["integration/jobs/test_endings.py::test_a_signal_nobody_asked_for"],
    "could not be executed": ["integration/jobs/test_endings.py::test_a_program_that_is_missing"],
    "the caller's terminal hung up": [
        "integration/jobs/test_spawn.py::test_a_callers_terminal_that_hangs_up",
    ],
    "--bg in a pipe returns at once": [
        "integration/jobs/test_spawn.py::test_a_caller_in_a_pipe_returns_at_once",
        "integration/cli/test_background.py::test_in_a_pipe_it_returns_at_once",
    ],
    "40 starts at once": [
        "integration/cli/test_background.py::test_j03_forty_command_lines_at_once",
        "integration/jobs/test_spawn.py::test_j03_twenty_starts_at_once",
        "soak/test_jobs.py::test_j03_forty_starts_at_once",
    ],
    "supervisor killed": [
        "integration/jobs/test_liveness.py::test_j02_a_killed_supervisor_is_unsupervised_then_lost",
    ],
    "supervisor and command killed": [
        "integration/jobs/test_liveness.py::test_j02_both_killed_is_lost",
        "integration/jobs/test_stateful.py::test_whatever_happens_to_jobs",
    ],
    "machine restarted": [
        "integration/jobs/test_liveness.py::test_j02_another_boot_is_a_restart",
        "integration/jobs/test_places.py::test_j02_a_job_of_an_earlier_boot_ended_with_it",
    ],
    "pid used again": [
        "integration/jobs/test_liveness.py::test_j02_a_pid_that_is_used_again_is_not_the_job",
        "integration/jobs/test_places.py::test_j02_pids_that_the_kernel_gives_to_others",
    ],
    "another host": [
        "integration/jobs/test_liveness.py::test_j02_a_job_of_another_place_is_unknown",
        "integration/jobs/test_liveness.py::test_j02_a_job_of_another_place_whose_lock_is_held",
        "integration/jobs/test_places.py::test_j02_a_job_of_another_host_is_judged_by_that_host",
        "integration/jobs/test_places.py::test_j01_a_job_of_another_host_is_cancelled",
    ],
    "another container": [
        "integration/jobs/test_places.py::test_j02_a_job_of_a_container_runs",
        "integration/jobs/test_places.py::test_j02_a_job_of_a_container_that_is_gone",
        "integration/jobs/test_places.py::test_j02_a_job_seen_from_inside_a_container",
    ],
    "cancel of a polite command": [
        "integration/jobs/test_cancel.py::test_j01_a_polite_command_is_cancelled_at_once",
        "integration/jobs/test_cancel.py::test_j01_a_command_that_winds_up_with_143",
    ],
    "cancel of one that ignores TERM": [
        "integration/jobs/test_cancel.py::test_j01_a_command_that_ignores_term_is_killed",
    ],
    "cancel of a daemonised grandchild": [
        "integration/jobs/test_cancel.py::test_j01_a_daemonised_grandchild",
        "integration/jobs/test_cancel_rsync.py::test_j01_rsync_and_its_runaway_siblings_end",
    ],
    "cancel twice": [
        "integration/jobs/test_cancel.py::test_cancelling_twice_is_harmless",
        "integration/jobs/test_cancel.py::test_two_at_once_both_hear_of_the_end",
    ],
    "cancel of a finished job": [
        "integration/jobs/test_cancel.py::test_a_job_that_has_ended_can_not_be_cancelled",
        "integration/cli/test_background.py::test_cancelling_what_has_ended_says_so",
    ],
    "cancel without a supervisor": [
        "integration/jobs/test_cancel.py::test_j01_an_unsupervised_job_is_cancelled",
        "integration/jobs/test_cancel_rsync.py::test_j01_the_same_without_a_supervisor",
    ],
    "status read while the job ends": [
        "integration/jobs/test_liveness.py::test_j03_status_read_while_jobs_end_is_never_wrong",
        "integration/jobs/test_liveness.py::test_j03_a_job_of_another_host_that_ends_between",
        "soak/test_jobs.py::test_j03_status_read_while_sixty_jobs_end",
    ],
    "locks denied": ["integration/jobs/test_liveness.py::test_everything_works_where_locks"],
    "index torn, absent or foreign": [
        "unit/jobs/test_index.py::test_an_index_that_is_missing_torn_or_foreign_is_rebuilt",
        "unit/jobs/test_index.py::test_an_index_of_another_directory_is_not_believed",
        "integration/jobs/test_stateful.py::test_whatever_happens_to_jobs",
    ],
    "record torn or absent": [
        "integration/jobs/test_commands.py::test_an_unreadable_record_is_listed_and_has_no_status",
        "integration/jobs/test_liveness.py::test_an_unreadable_record_is_listed",
        "integration/jobs/test_liveness.py::test_a_record_torn_after_the_end_is_seen",
        "unit/jobs/test_store.py::test_records_that_can_not_be_read_say_why",
    ],
    "disk full for the log": [
        "integration/jobs/test_disks.py::test_a_job_that_fills_the_disk_ends_with_its_own_reason",
        "integration/jobs/test_disks.py::test_a_job_on_a_full_disk_can_be_cancelled",
    ],
    "disk full for the record": [
        "integration/jobs/test_disks.py::test_an_end_is_recorded_as_soon_as_there_is_room",
        "integration/jobs/test_disks.py::test_no_job_is_started_on_a_full_disk",
        "integration/jobs/test_disks.py::test_a_start_that_can_not_be_recorded",
        "integration/jobs/test_disks.py::test_an_end_that_can_never_be_recorded",
    ],
    "job directory deleted while it runs": [
        "integration/jobs/test_liveness.py::test_j06_a_job_directory_deleted_while_it_runs",
        "integration/jobs/test_follow.py::test_j04_a_follower_of_a_job_that_is_deleted",
    ],
    "jobs directory read-only": [
        "integration/jobs/test_disks.py::test_no_job_is_started_in_a_read_only_directory",
        "integration/jobs/test_disks.py::test_lost_jobs_below_a_read_only_directory",
        "integration/jobs/test_disks.py::test_a_running_job_below_a_read_only_directory",
        "integration/cli/test_background.py::test_a_read_only_jobs_directory_is_one_line",
    ],
    "clean spares what lives and follows no link": [
        "unit/jobs/test_clean.py::test_j06_a_live_job_is_never_removed",
        "unit/jobs/test_clean.py::test_links_are_not_followed",
        "integration/cli/test_background.py::test_clean_removes_what_ended_and_spares_what_runs",
    ],
    "ids that are paths": [
        "unit/jobs/test_store.py::test_j06_no_path_is_built_from_what_is_not_an_id",
        "integration/cli/test_background.py::test_unknown_and_hostile_job_ids",
    ],
    "prefixes, ambiguous ones too": [
        "unit/jobs/test_store.py::test_an_id_a_unique_prefix_and_last_are_resolved",
        "unit/jobs/test_store.py::test_an_ambiguous_prefix_names_what_it_fits",
    ],
}  # fmt: skip


def find_tests(reference: str) -> list[str]:
    """Return the names of the tests a reference means."""
    name, _, start = reference.partition("::")
    path = TESTS / name
    if not path.is_file():
        return []
    return [
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith(start)
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_tests(fault: str) -> None:
    assert [reference for reference in FAULTS[fault] if not find_tests(reference)] == []


@pytest.mark.parametrize(
    "reference", ["integration/jobs/test_gone.py::test_x", "unit/jobs/test_store.py::test_gone"]
)
def test_a_planted_gap_is_caught(reference: str) -> None:
    assert find_tests(reference) == []
