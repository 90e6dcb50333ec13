from __future__ import annotations

import pytest

from pdb_cli.errors import (
    ConnectionFailedError,
    ConnectTimeoutError,
    FileAccessError,
    HttpStatusError,
    PdbCliError,
    RedirectError,
    TransferError,
    WebPageError,
)
from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.model import Source
from pdb_cli.transfer.retry import RetryPolicy
from pdb_cli.transfer.servers import Admission, Placement, Servers, Ticket

POLICY = RetryPolicy(retries=5, base_s=1.0)
BROKEN = ConnectionFailedError("u", "refused")
MISSING = HttpStatusError("u", "HTTP 404", 404)
A, B, C = (Source(name, f"http://{name}/file") for name in "abc")
NOW = Placement(Admission.NOW)
FULL = Placement(Admission.FULL)


def choice(*sources: Source) -> MirrorChoice:
    """Return the mirrors of a new file."""
    return MirrorChoice(sources, POLICY)


def ask(
    servers: Servers[str], source: Source, error: PdbCliError | None, *, now_s: float = 0.0
) -> list[str]:
    """Let a request to a server begin and end at once."""
    return servers.end(servers.begin(source, now_s), error, now_s)


def break_down(servers: Servers[str], *sources: Source, now_s: float = 0.0) -> None:
    """Let servers rest; for two seconds, the first time."""
    for source in sources:
        for _ in range(3):
            ask(servers, source, BROKEN, now_s=now_s)


@pytest.fixture
def servers() -> Servers[str]:
    return Servers(4, POLICY)


def test_file_stays_with_the_mirror_it_prefers(servers: Servers[str]) -> None:
    file = choice(A, B)
    assert servers.place(file, 0.0) == NOW
    assert file.source is A


def test_file_goes_to_the_next_mirror_while_its_own_rests_and_comes_back(
    servers: Servers[str],
) -> None:
    break_down(servers, A)
    early, late = choice(A, B), choice(A, B)
    assert servers.place(early, 1.9) == NOW
    assert early.source is B
    assert servers.place(late, 2.0) == NOW
    assert late.source is A


def test_only_one_file_probes(servers: Servers[str]) -> None:
    break_down(servers, A)
    probe = servers.begin(A, 2.0)
    assert probe.is_probe
    other = choice(A, B)
    servers.place(other, 2.0)
    assert other.source is B
    alone = choice(A)
    assert servers.place(alone, 2.0) == FULL
    servers.park(alone.source, "alone")
    assert servers.end(probe, None, 2.5) == ["alone"]
    assert servers.place(alone, 2.5) == NOW


def test_files_that_waited_for_a_failed_probe_are_all_let_go(servers: Servers[str]) -> None:
    break_down(servers, A)
    probe = servers.begin(A, 2.0)
    for name in ("one", "two", "three"):
        servers.park(A, name)
    assert servers.end(probe, BROKEN, 2.0) == ["one", "two", "three"]


def test_when_all_rest_files_wait_for_the_first_probe(servers: Servers[str]) -> None:
    ask(servers, B, None)
    break_down(servers, B, now_s=0.0)
    break_down(servers, A, now_s=0.5)
    file = choice(A, B)
    assert servers.place(file, 1.0) == Placement(Admission.RESTING, 2.0)
    assert file.source is B


def test_what_never_answered_is_given_up_after_a_probe_each(servers: Servers[str]) -> None:
    break_down(servers, A, B)
    file = choice(A, B)
    assert servers.place(file, 0.0).admission is Admission.RESTING
    ask(servers, A, BROKEN, now_s=2.0)
    assert servers.place(file, 2.0) == NOW
    assert file.source is B
    ask(servers, B, BROKEN, now_s=2.0)
    assert servers.place(file, 2.0).admission is Admission.NEVER
    assert servers.trouble(file) is BROKEN
    # When the rest is over, somebody may look again.
    assert servers.place(choice(A, B), 10.0) == NOW


def test_mirrors_that_lack_the_file_are_no_way_out(servers: Servers[str]) -> None:
    break_down(servers, A)
    file = choice(A, B)
    servers.place(file, 0.0)
    assert file.next_delay_s(MISSING, 1.0) == 0.0
    assert servers.place(file, 0.0) == Placement(Admission.RESTING, 2.0)
    assert file.source is A


@pytest.mark.parametrize(
    "error",
    [
        MISSING,
        HttpStatusError("u", "HTTP 403", 403),
        HttpStatusError("u", "HTTP 429", 429),
        HttpStatusError("u", "HTTP 503", 503, 1.0),
        RedirectError("u", "loop"),
        TransferError("u", "certificate"),
        FileAccessError.wrap("write", __file__, OSError(28, "full")),  # type: ignore[arg-type]
        None,
    ],
)
def test_what_is_no_trouble_of_the_server_gives_it_no_rest(
    servers: Servers[str], error: PdbCliError | None
) -> None:
    for now_s in range(10):
        ask(servers, A, error, now_s=100.0 * now_s)
    assert servers.place(choice(A), 2000.0) == NOW


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_in_a_row_give_it_a_rest(servers: Servers[str], status: int) -> None:
    for _ in range(3):
        ask(servers, A, HttpStatusError("u", "HTTP 5xx", status))
    assert servers.place(choice(A), 1.0).admission is Admission.RESTING


def test_connecting_in_vain_once_is_enough(servers: Servers[str]) -> None:
    ticket = servers.begin(A, 0.0)
    servers.end(ticket, ConnectTimeoutError("u", "timed out"), 10.0)
    assert servers.place(choice(A), 10.0) == Placement(Admission.RESTING, 20.0)


def test_retry_after_holds_back_every_file_of_the_server(servers: Servers[str]) -> None:
    ask(servers, A, HttpStatusError("u", "HTTP 429", 429, 7.0), now_s=1.0)
    assert servers.place(choice(A), 2.0) == Placement(Admission.HELD, 8.0)
    assert servers.place(choice(A), 8.0) == NOW


def test_a_file_of_a_server_that_is_held_back_goes_to_the_next_mirror(
    servers: Servers[str],
) -> None:
    ask(servers, A, HttpStatusError("u", "HTTP 429", 429, 7.0), now_s=1.0)
    file, tried = choice(A, B), choice(A, B)
    assert servers.place(file, 2.0) == NOW
    assert file.source is B
    assert servers.adjust_delay_s(tried, 7.0, 1.0) == 0.0
    assert tried.source is B
    ask(servers, B, HttpStatusError("u", "HTTP 503", 503, 3.0), now_s=2.0)
    assert servers.place(choice(A, B), 2.0) == Placement(Admission.HELD, 5.0)
    later = choice(A, B)
    assert servers.place(later, 6.0) == NOW
    assert later.source is B


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_answer_about_one_file_shuts_no_server(servers: Servers[str], status: int) -> None:
    ask(servers, A, HttpStatusError("u", f"HTTP {status}", status, 3600.0))
    assert servers.place(choice(A), 0.0) == NOW


def test_files_that_are_called_and_do_not_begin_leave_nobody_waiting(
    servers: Servers[str],
) -> None:
    tickets = [servers.begin(A, 0.0) for _ in range(4)]
    for name in "abcdefgh":
        servers.park(A, name)
    for ticket in tickets[:2]:
        servers.end(ticket, HttpStatusError("u", "HTTP 429", 429), 1.0)
    called = [name for ticket in tickets[2:] for name in servers.end(ticket, None, 2.0)]
    # Nothing is on its way any more, and nobody of those called need ever begin.
    assert called == list("abcdefgh")


def test_server_that_wants_too_much_patience_is_left_by_all(servers: Servers[str]) -> None:
    busy = HttpStatusError("u", "HTTP 503", 503, 3600.0)
    ask(servers, A, busy)
    file, alone = choice(A, B), choice(A)
    assert servers.place(file, 1.0) == NOW
    assert file.source is B
    assert servers.place(alone, 1.0).admission is Admission.NEVER
    assert servers.trouble(alone) is busy


def test_busy_server_gets_half_as_many_requests_and_the_rest_waits(servers: Servers[str]) -> None:
    tickets = [servers.begin(A, 0.0) for _ in range(4)]
    assert servers.place(choice(A), 0.0) == FULL
    servers.park(A, "first")
    servers.park(A, "second")
    busy = HttpStatusError("u", "HTTP 429", 429)
    assert servers.end(tickets[0], busy, 1.0) == []
    assert servers.end(tickets[1], busy, 1.0) == []
    assert servers.end(tickets[2], None, 1.0) == ["first"]
    assert servers.end(tickets[3], None, 1.0) == ["second"]


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://a/other", True),
        ("http://me:secret@A/other", True),
        ("http://a:81/file", False),
        ("https://a/file", False),
    ],
)
def test_a_server_is_scheme_host_and_port(servers: Servers[str], url: str, *, same: bool) -> None:
    break_down(servers, A)
    placement = servers.place(choice(Source("other", url)), 0.0)
    assert (placement.admission is Admission.RESTING) is same


@pytest.mark.parametrize(
    ("sources", "delay_s", "asked"),
    [
        ((A,), 5.0, A),  # its own back-off is longer than the rest
        ((A, B), 0.0, B),
        ((A, C), 1.5, C),  # C's rest ends first
    ],
)
def test_delay_after_a_failure_that_began_a_rest(
    servers: Servers[str], sources: tuple[Source, ...], delay_s: float, asked: Source
) -> None:
    break_down(servers, C, now_s=0.0)
    break_down(servers, A, now_s=0.5)
    file = choice(*sources)
    assert servers.adjust_delay_s(file, 5.0, 0.5) == delay_s
    assert servers.place(file, 0.5 + delay_s) == NOW
    assert file.source is asked


def test_delay_is_the_files_own_while_its_server_is_asked(servers: Servers[str]) -> None:
    ask(servers, A, BROKEN)
    file = choice(A, B)
    assert servers.adjust_delay_s(file, 5.0, 0.0) == 5.0
    assert file.source is A


def test_ticket_knows_no_credentials(servers: Servers[str]) -> None:
    ticket = servers.begin(Source("a", "https://me:secret@a:8443/x"), 3.0)
    assert ticket == Ticket("https://a:8443", 3.0, is_probe=False)


def page(servers: Servers[str], *, now_s: float) -> None:
    """Let a server send a web page in place of a file, as is found out after its end."""
    ticket = servers.begin(A, now_s)
    servers.end(ticket, None, now_s)
    servers.judge_body(ticket, WebPageError("u"), now_s)


def test_a_server_that_sends_nothing_but_web_pages_rests_and_is_given_up(
    servers: Servers[str],
) -> None:
    file = choice(A)
    for _ in range(3):
        assert servers.place(file, 0.0) == NOW
        page(servers, now_s=0.0)
    assert servers.place(file, 1.9) == Placement(Admission.RESTING, 2.0)
    # The probe brings a page again; files never came.
    page(servers, now_s=2.0)
    assert servers.place(file, 2.0).admission is Admission.NEVER
    assert isinstance(servers.trouble(file), WebPageError)


def test_a_server_that_sends_web_pages_for_a_while_is_waited_for(servers: Servers[str]) -> None:
    file = choice(A)
    servers.judge_body(servers.begin(A, 0.0), None, 0.0)
    for _ in range(3):
        page(servers, now_s=0.0)
    for now_s, rest_s in ((2.0, 4.0), (6.0, 8.0)):
        page(servers, now_s=now_s)
        assert servers.place(file, now_s) == Placement(Admission.RESTING, now_s + rest_s)
    probe = servers.begin(A, 14.0)
    servers.end(probe, None, 14.0)
    servers.judge_body(probe, None, 14.1)
    assert servers.place(file, 14.1) == NOW
    # And it is not on probation.
    page(servers, now_s=15.0)
    assert servers.place(file, 15.0) == NOW


def test_web_pages_among_files_are_no_reason_to_rest(servers: Servers[str]) -> None:
    for _ in range(10):
        page(servers, now_s=0.0)
        page(servers, now_s=0.0)
        ticket = servers.begin(A, 0.0)
        servers.end(ticket, None, 0.0)
        servers.judge_body(ticket, None, 0.0)
    assert servers.place(choice(A), 0.0) == NOW


def test_what_a_file_waited_in_one_outage_does_not_count_in_the_next(
    servers: Servers[str],
) -> None:
    patient, new = choice(A), choice(A)
    ask(servers, A, None)
    break_down(servers, A)
    waits = POLICY.retries + 1
    assert [servers.may_wait(patient) for _ in range(waits)] == [True] * waits
    # The server comes back and is lost again before the file had its turn.
    ask(servers, A, None, now_s=1000.0)
    break_down(servers, A, now_s=1001.0)
    assert [servers.may_wait(patient) for _ in range(waits + 1)] == [True] * waits + [False]
    assert servers.may_wait(new)


def test_the_second_of_three_probes_is_for_a_file_that_failed_before(servers: Servers[str]) -> None:
    ask(servers, A, None)
    break_down(servers, A)
    requests = [2, 0, 1]
    turns = []
    for due_s in (2.0, 6.0, 14.0, 30.0, 60.0, 90.0):
        turns.append(sorted(requests, key=lambda count: servers.turn(choice(A), count)))
        ask(servers, A, BROKEN, now_s=due_s)
    assert turns == [[0, 1, 2], [1, 2, 0], [0, 1, 2]] * 2
