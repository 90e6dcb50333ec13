"""Include and exclude rules: which part of a tree rsync looks at (rsync(1), FILTER RULES)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN: Final = "--exclude=.*"
"""Unfinished files of both transports, and what programs keep beside data, are no data."""
NOTHING_ELSE: Final = "--exclude=*"

MOST_PATTERNS: Final = 500
"""rsync tries rules one by one for every file: 500 and 260,000 files are a second or two."""


def tree_rules(patterns: Iterable[str] | None) -> list[str]:
    """Return the rules for some files of a tree; they end in an exclude of all others.

    What the rules let through may be more than the patterns, where there are very many of them:
    then it is whole directories.

    Parameters
    ----------
    patterns
        Paths below the tree, with ``?`` and ``*`` for parts of names; None for everything.

    Examples
    --------
    >>> for rule in tree_rules(["a?/1a??.cif.gz"]):
    ...     print(rule)
    --exclude=.*
    --include=/a?/
    --include=/a?/1a??.cif.gz
    --exclude=*
    >>> tree_rules(None)
    ['--exclude=.*']
    """
    if patterns is None:
        return [HIDDEN]
    chosen = list(patterns)
    if len(chosen) > MOST_PATTERNS:
        tops = {pattern.partition("/")[0] + "/***" for pattern in chosen if "/" in pattern}
        files = {pattern for pattern in chosen if "/" not in pattern}
        includes = sorted(tops) + (["*"] if len(files) > MOST_PATTERNS else sorted(files))
    else:
        includes = []
        for pattern in chosen:
            parts = pattern.split("/")
            includes += ["/".join(parts[:count]) + "/" for count in range(1, len(parts))]
            includes.append(pattern)
    return [HIDDEN, *(f"--include=/{one}" for one in dict.fromkeys(includes)), NOTHING_ELSE]
