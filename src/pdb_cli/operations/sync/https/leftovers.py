"""Go on with what a killed run had fetched to the end and not given its name.

Such files are whole, and what they are is told by their own text; of which version, only the mirror
knows. It is asked for the last eight bytes of its file (checksum and length). Where they are the
same, a note is written, with which the download engine goes on: it asks for one byte more.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError, VerificationError
from pdb_cli.storage.leftover import Leftover
from pdb_cli.storage.resume import ResumePoint
from pdb_cli.transfer.ask import TRAILER_BYTES, AnswerKind, Question, ask_mirrors
from pdb_cli.transfer.headers import format_http_date
from pdb_cli.transfer.urls import without_credentials
from pdb_cli.transfer.verify import verify_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.events import Observer
    from pdb_cli.transfer.model import FetchItem
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_TOGETHER: Final = 64
"""Partial files that are open at a time."""


def note_leftovers(
    items: Iterable[FetchItem], *, options: HttpOptions, retry: RetryPolicy, observe: Observer
) -> None:
    """Make the next try go on with partial files that are whole.

    Parameters
    ----------
    items
        What is to be fetched.
    options, retry, observe
        As for ``ask_mirrors``.
    """
    found = _whole(items)
    while True:
        with ExitStack() as locked:
            some = list(islice(found, _TOGETHER))
            for _, leftover in some:
                locked.enter_context(leftover)
            if not some:
                return
            questions = [
                Question(
                    item.name,
                    item.sources[:1],
                    leftover.size_bytes,
                    leftover.end(TRAILER_BYTES),
                    tag=leftover,
                )
                for item, leftover in some
            ]
            with closing(
                ask_mirrors(questions, options=options, retry=retry, observe=observe)
            ) as answers:
                for answer in answers:
                    if answer.kind is AnswerKind.SAME and answer.last_modified_s is not None:
                        _note(answer.question, answer.last_modified_s)


def _whole(items: Iterable[FetchItem]) -> Iterator[tuple[FetchItem, Leftover]]:
    """Yield the files of which there is a whole partial one."""
    for item in items:
        leftover = Leftover.find(item.destination)
        if leftover is None:
            continue
        if _is_whole(item, leftover):
            yield item, leftover
        else:
            leftover.close()


def _is_whole(item: FetchItem, leftover: Leftover) -> bool:
    """Tell whether all of a file is there."""
    if leftover.size_bytes <= TRAILER_BYTES or not item.expectation.gzipped:
        return False
    try:
        verify_file(leftover.path, item.expectation, subject=item.name)
    except (VerificationError, FileAccessError):
        return False
    return True


def _note(question: Question, last_modified_s: float) -> None:
    """Write down of which version a partial file is."""
    leftover: Leftover = question.tag
    point = ResumePoint(
        without_credentials(question.sources[0].url),
        None,
        format_http_date(last_modified_s),
        leftover.size_bytes,
    )
    with suppress(FileAccessError):  # then it is fetched again
        leftover.note(point)
