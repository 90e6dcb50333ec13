from __future__ import annotations

import os
import select
import threading
from contextlib import closing

import pytest

from pdb_cli.transfer.mailbox import Mailbox


def is_ringing(mailbox: Mailbox[int]) -> bool:
    """Tell whether the bell rings."""
    return bool(select.select([mailbox.wake_fd], [], [], 0)[0])


def test_letters_come_out_in_order_and_the_bell_stops() -> None:
    with closing(Mailbox[int]()) as mailbox:
        assert mailbox.collect() == []
        assert not is_ringing(mailbox)
        for number in range(3):
            mailbox.put(number)
        assert is_ringing(mailbox)
        assert mailbox.collect() == [0, 1, 2]
        assert not is_ringing(mailbox)


def test_exception_is_raised() -> None:
    with closing(Mailbox[int]()) as mailbox:
        mailbox.put(LookupError("surprise"))
        with pytest.raises(LookupError, match="surprise"):
            mailbox.collect()


def test_no_letter_is_ever_overlooked() -> None:
    collected: list[int] = []
    with closing(Mailbox[int]()) as mailbox:

        def write(first: int) -> None:
            for number in range(first, first + 5000):
                mailbox.put(number)

        threads = [threading.Thread(target=write, args=(n * 5000,)) for n in range(3)]
        for thread in threads:
            thread.start()
        while len(collected) < 15_000:
            assert select.select([mailbox.wake_fd], [], [], 10)[0], "the bell did not ring"
            collected += mailbox.collect()
        for thread in threads:
            thread.join()
    assert sorted(collected) == list(range(15_000))


def test_closing_twice_is_fine() -> None:
    mailbox = Mailbox[int]()
    descriptor = mailbox.wake_fd
    mailbox.close()
    mailbox.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_bell_that_rings_late_is_not_left_ringing() -> None:
    mailbox = Mailbox[int]()
    # As if whoever put the letter in was interrupted between the mark and the bell.
    mailbox._is_rung = True
    mailbox._letters.put(1)
    assert mailbox.collect() == [1]
    os.write(mailbox._waker_fd, b"\0")
    assert mailbox.collect() == []
    assert select.select([mailbox.wake_fd], [], [], 0)[0] == []
    mailbox.close()
