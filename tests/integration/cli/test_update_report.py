"""The weekly report: what has changed since the last one, told once, and not lost."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from support.holdings import write_holdings
from support.updating import bring

if TYPE_CHECKING:
    from pathlib import Path

    from support.lab import Lab


def report(lab: Lab, path: Path) -> dict[str, Any]:
    """Make a report; return it."""
    done = lab.run("update", "--check", "--report", str(path))
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_each_change_is_told_once_whatever_was_updated_in_between(lab: Lab, tmp_path: Path) -> None:
    path, tree = tmp_path / "report.json", lab.mirror.tree
    bring(lab.mirror.tree, lab.collection)
    tree.publish(obsolete={"1kqe": "1dsr"})
    first = report(lab, path)
    assert (first["since"], first["added"], first["revised"]) == (None, [], [])
    assert [(one["id"], one["successors"]) for one in first["obsolete"]] == [("1kqe", ["1dsr"])]
    assert first["files"]["up-to-date"] == 6

    tree.publish(change=["3hya"], copies={"2abc": "3hya", "3abc": "1c58"})
    tree.publish(change=["3hya", "2abc"], obsolete={"1dsr": ["3ABC"]})
    assert lab.run("update", "--obsolete", "delete", "--follow-obsolete").returncode == 0
    second = report(lab, path)
    assert second["since"] == first["made_at"]
    assert second["added"] == ["2abc", "3abc"]
    assert second["new_here"] == ["3abc"]
    assert [(one["id"], one["before"][:10], one["now"][:10]) for one in second["revised"]] == [
        ("3hya", "2026-08-28", "2026-09-18")
    ]
    # It is not here any more, but it was at the last report.
    assert [(one["id"], one["successors"]) for one in second["obsolete"]] == [("1dsr", ["3abc"])]
    third = report(lab, path)
    assert (third["added"], third["revised"], third["obsolete"]) == ([], [], [])
    assert third["archive_entries"] == second["archive_entries"] == 6


def test_a_report_that_could_not_be_written_is_made_again(lab: Lab, tmp_path: Path) -> None:
    bring(lab.mirror.tree, lab.collection)
    report(lab, tmp_path / "report.json")
    lab.mirror.tree.publish(change=["3hya"], copies={"2abc": "3hya"})
    kept = lab.collection / ".pdb-cli" / "last-report.json.gz"
    before = kept.read_bytes()
    for place in (tmp_path / "none" / "report.md", lab.collection):
        done = lab.run("update", "-c", "--report", f"{place}/x.json/r.json")
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
    assert kept.read_bytes() == before
    # Nor does a mirror that is down, or that has not all lists, move it on.
    lists = lab.mirror.tree.root / "holdings"
    lab.mirror.tree.publish(obsolete={"1kqe": None})
    for path in (lists, lists / "all_removed_entries.json.gz"):
        path.rename(lists.with_name("away"))
        assert lab.run("update", "-c", "--report", str(tmp_path / "r.md")).returncode == 1
        assert not (tmp_path / "r.md").exists()
        lists.with_name("away").rename(path)
    assert report(lab, tmp_path / "report.json")["added"] == ["2abc"]


def test_a_list_that_is_far_too_short_is_no_report(lab: Lab, tmp_path: Path) -> None:
    tree = lab.mirror.tree
    copies = {f"{number}a{letter}c": "3hya" for number in range(1, 9) for letter in "xyz"}
    tree.publish(copies=copies)
    bring(tree, lab.collection)
    report(lab, tmp_path / "report.json")
    kept = lab.collection / ".pdb-cli" / "last-report.json.gz"
    before = kept.read_bytes(), (tmp_path / "report.json").read_bytes()
    tree.publish(change=["3hya"])
    name = "released_structures_last_modified_dates"
    short = {"3HYA": "2026-09-11T14:09:19+00:00"}
    write_holdings(tree.root / "holdings", name, short, mtime_s=tree.file_time_s)
    done = lab.run("update", "--report", str(tmp_path / "report.json"))
    # A file was updated: it is not that nothing was done.
    assert "1 updated" in done.stderr
    assert done.returncode == 3
    assert "29 of the 30 entries here are in no list" in done.stderr
    assert "sync.max_delete" not in done.stderr
    assert (kept.read_bytes(), (tmp_path / "report.json").read_bytes()) == before
    assert lab.run("update").returncode == 3
    # What is here says nothing any more, but the last report does.
    shutil.rmtree(lab.collection / "structures")
    done = lab.run("update", "--check", "--report", str(tmp_path / "report.json"))
    assert done.returncode == 1
    assert f"1 entries, and 30 at the last report (if that is right, remove {kept})" in done.stderr


def test_a_torn_memory_begins_anew(lab: Lab, tmp_path: Path) -> None:
    bring(lab.mirror.tree, lab.collection)
    report(lab, tmp_path / "report.json")
    kept = lab.collection / ".pdb-cli" / "last-report.json.gz"
    kept.write_bytes(kept.read_bytes()[:-9])
    assert report(lab, tmp_path / "report.json")["since"] is None
    assert report(lab, tmp_path / "report.json")["since"] is not None


def test_markdown_can_be_mailed(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    bring(lab.mirror.tree, lab.collection)
    lab.run("update", "--check", "--report", str(path))
    assert "There was no report before this one" in path.read_text()
    lab.mirror.tree.publish(
        change=["3hya"], copies={"2abc": "3hya"}, obsolete={"1kqe": "1dsr", "1gdr": None}
    )
    done = lab.run("-q", "update", "--check", "--report", str(path))
    assert done.returncode == 0
    assert done.stderr == ""
    text = path.read_text()
    assert text.isascii()
    assert text.splitlines()[0].startswith("# Changes of the Protein Data Bank, 20")
    for line in (
        "- New in the archive: 1 (of 5 entries)",
        "- Revised in this collection: 1; 0 elsewhere",
        "- Obsolete in this collection: 2",
        "| 3hya | 2026-08-28T14:09:19+00:00 | 2026-09-04T14:09:19+00:00 |",
        "| 1kqe | 2026-09-09 | superseded by 1dsr (obsolete since 2026-09-09) |",
        "2abc",
    ):
        assert line in text.splitlines()
