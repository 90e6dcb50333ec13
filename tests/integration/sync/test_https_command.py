"""``pdb-cli sync --transport https`` with everything in place: the catalogue, and every type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.storage.collection import Collection
from support.sync_lab import SyncLab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cli import CliRunner

TYPES = ("structures", "assemblies", "biounit", "structure-factors", "obsolete")
FLAGS = ("--transport", "https", "--delete", "--max-delete", "50%", "-f", "both")


@pytest.fixture
def lab(isolated: object, run_cli: CliRunner, tmp_path: Path) -> Iterator[SyncLab]:
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    with SyncLab(tmp_path, config, run_cli) as made:
        made.tree.all_dated = False
        made.tree.publish(add=["3hya", "1kqe", "1dsr", "4hhb", "5wkd", "1gdr"])
        made.tree.publish(obsolete={"1dsr": "1kqe", "1gdr": None})
        yield made


def test_every_type_and_at_most_five_requests_the_second_time(lab: SyncLab) -> None:
    types = [word for name in TYPES for word in ("-t", name)]
    assert lab.sync(*FLAGS, *types).returncode == 0
    expected = {
        path: file
        for top in ("structures", "assemblies", "biounit")
        for path, file in lab.published(top).items()
    }
    assert lab.local() == expected
    before = len(lab.nginx.requests())
    assert lab.sync(*FLAGS, *types).returncode == 0
    requests = lab.nginx.requests()[before:]
    assert len(requests) <= 5
    assert all("/holdings/" in line for line in requests)
    assert lab.plan(*FLAGS, *types)["changes"] == []


def test_what_arrives_is_recorded_and_what_was_asked_is_not_asked_again(lab: SyncLab) -> None:
    types = ("-t", "assemblies")
    assert lab.sync("--transport", "https", *types).returncode == 0
    (path,) = lab.local()
    with open_catalogue(Collection(lab.collection)) as catalogue:
        record = catalogue.records([path]).get(path)
    assert record is not None
    assert record.sha256 is not None
    assert record.url == f"{lab.https}/data/{path}"
    # A release without a word about this file: it has no date, so the mirror is asked, once.
    lab.tree.publish(copies={"9abc": "1dul"})
    asked = []
    for _ in range(2):
        before = len(lab.nginx.requests())
        assert lab.sync("--transport", "https", *types).returncode == 0
        asked.append(sum('"HEAD ' in line for line in lab.nginx.requests()[before:]))
    assert asked == [1, 0]


def test_types_without_lists_are_refused_with_the_way_out(lab: SyncLab) -> None:
    done = lab.sync("pdbj", "-t", "emdb", "--transport", "https", "-m", "lab")
    assert done.returncode == 1
    assert "rsync" in done.stderr
