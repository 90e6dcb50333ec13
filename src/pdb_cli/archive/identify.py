"""From a path back to what the file is: the table of layouts, read backwards."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.ids import CLASSIC_PATTERN, EXTENDED_PATTERN, EntryId
from pdb_cli.archive.layouts import COLLECTION_ROWS, ROWS, ArchiveFile, Layout, LayoutRow

if TYPE_CHECKING:
    from pathlib import PurePath


class _NameRule(NamedTuple):
    """One row of the table, prepared for reading names."""

    row: LayoutRow
    name: re.Pattern[str]
    directories: tuple[str, ...]
    """Templates of the directories, the innermost first."""


def identify(path: str | PurePath) -> tuple[ArchiveFile, Layout] | None:
    """Tell which file of the archive a path stands for.

    The name decides, whatever directory the file was moved to; the directories settle what a
    name leaves open (``1abc.cif.gz`` may be a current, an obsolete or an integrative structure).
    Never raises, whatever the text. Nothing is read from disk.

    Parameters
    ----------
    path
        An absolute or relative path or a bare name, with or without ``.gz``.

    Returns
    -------
    tuple of (ArchiveFile, Layout) or None
        What it is and the layout its name belongs to; None for anything else.

    Examples
    --------
    >>> file, layout = identify("/data/pdb/structures/divided/mmCIF/ab/1abc.cif.gz")
    >>> str(file.entry), str(file.data_type), str(file.file_format), str(layout)
    ('1abc', 'structures', 'mmcif', 'classic')
    >>> identify("README") is None
    True
    """
    text = path if isinstance(path, str) else path.as_posix()
    *directories, name = text.split("/")
    directories.reverse()
    name = name.removesuffix(".gz")
    best: tuple[ArchiveFile, Layout] | None = None
    best_score = -1
    for rule in _name_rules():
        match = rule.name.fullmatch(name)
        if match is None:
            continue
        entry = EntryId.parse(match["id"])
        score = _agreement(rule, entry, directories)
        if score > best_score:
            row = rule.row
            number = int(match["number"]) if "number" in rule.name.groupindex else None
            best = (ArchiveFile(entry, row.data_type, row.file_format, number), row.layout)
            best_score = score
    return best


@cache
def _name_rules() -> tuple[_NameRule, ...]:
    """Prepare the rows; those that win a draw come first.

    The classic layout never writes an extended id that has a classic form, so an extended id
    without directories speaks for the entry layout.
    """
    ordered = sorted((*ROWS, *COLLECTION_ROWS), key=lambda row: row.layout is not Layout.ENTRY)
    return tuple(_name_rule(row) for row in ordered)


def _name_rule(row: LayoutRow) -> _NameRule:
    """Turn a row's template into a pattern for names and templates for directories."""
    *directories, name = row.template.removesuffix(".gz").split("/")
    ids = EXTENDED_PATTERN
    if row.layout is Layout.CLASSIC:
        # What is left of the extended ids when those that have a classic form are taken out.
        ids = f"{CLASSIC_PATTERN}|(?!....0000[0-9]){EXTENDED_PATTERN}"
    pattern = re.escape(name).replace(r"\{id\}", f"(?P<id>{ids})")
    pattern = pattern.replace(r"\{number\}", "(?P<number>[1-9][0-9]{0,4})")
    return _NameRule(row, re.compile(pattern), tuple(reversed(directories)))


def _agreement(rule: _NameRule, entry: EntryId, directories: list[str]) -> int:
    """Count how many directories, from the innermost outwards, are as the row has them."""
    shown = entry.extended if rule.row.layout is Layout.ENTRY else str(entry)
    count = 0
    for template, actual in zip(rule.directories, directories, strict=False):
        if actual != template.format(hash=entry.hash_dir, id=shown):
            break
        count += 1
    return count
