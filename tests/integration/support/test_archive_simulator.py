from __future__ import annotations

import email.utils
import gzip
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.layouts import Layout
from support.archive_gzip import inflate, stored_name
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.real_entries import CLASSIC_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KQE = "data/structures/divided/mmCIF/kq/1kqe.cif.gz"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    with ArchiveSimulator.make(tmp_path, "1kqe", "3hya", "5wkd") as simulator:
        yield simulator


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Ask without urllib's habits: errors are answers too."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def holdings(simulator: ArchiveSimulator, name: str) -> dict[str, Any]:
    _, data, _ = get(f"{simulator.url}/holdings/{name}.json.gz")
    content: dict[str, Any] = json.loads(gzip.decompress(data))
    return content


def test_files_are_served_as_published(simulator: ArchiveSimulator) -> None:
    status, data, headers = get(f"{simulator.url}/{KQE}")
    assert status == 200
    assert data == (CLASSIC_ROOT / KQE).read_bytes()
    assert headers["Content-Length"] == str(len(data))
    modified = email.utils.parsedate_to_datetime(headers["Last-Modified"])
    assert modified.timestamp() == simulator.tree.file_time_s
    assert f"{modified:%A}" == "Friday"


def test_every_request_is_recorded(simulator: ArchiveSimulator) -> None:
    get(f"{simulator.url}/{KQE}", User_Agent="probe")
    get(f"{simulator.url}/{KQE}", method="HEAD")
    get(f"{simulator.url}/nothing")
    get(f"{simulator.origin}/../../etc/passwd")
    answers = [(request.method, request.status) for request in simulator.requests]
    assert answers == [("GET", 200), ("HEAD", 200), ("GET", 404), ("GET", 404)]
    first = simulator.requests[0]
    assert first.path == f"/pub/pdb/{KQE}"
    assert first.headers["user-agent"] == "probe"
    assert first.sent_bytes == (CLASSIC_ROOT / KQE).stat().st_size
    assert [request.connection for request in simulator.requests] == [1, 2, 3, 4]
    simulator.forget_requests()
    assert simulator.requests == ()


def test_a_part_is_served_only_of_the_same_version(simulator: ArchiveSimulator) -> None:
    _, whole, headers = get(f"{simulator.url}/{KQE}")
    url, tag = f"{simulator.url}/{KQE}", headers["ETag"]
    status, part, headers = get(url, Range="bytes=1000-", If_Range=tag)
    assert (status, part) == (206, whole[1000:])
    assert headers["Content-Range"] == f"bytes 1000-{len(whole) - 1}/{len(whole)}"
    assert get(url, Range="bytes=0-9")[1] == whole[:10]
    assert get(url, Range=f"bytes={len(whole)}-")[0] == 416
    simulator.tree.publish(change=["1kqe"])
    status, changed, _ = get(url, Range="bytes=1000-", If_Range=tag)
    assert status == 200
    assert changed != whole


def test_an_unchanged_file_is_not_sent_again(simulator: ArchiveSimulator) -> None:
    url = f"{simulator.url}/{KQE}"
    _, _, headers = get(url)
    assert get(url, If_None_Match=headers["ETag"])[:2] == (304, b"")
    assert get(url, If_Modified_Since=headers["Last-Modified"])[:2] == (304, b"")
    assert get(url, If_None_Match='"other"')[0] == 200


def test_holdings_have_the_published_shape(simulator: ArchiveSimulator) -> None:
    _, data, _ = get(f"{simulator.url}/holdings/released_structures_last_modified_dates.json.gz")
    assert stored_name(data) == "released_structures_last_modified_dates.json"
    assert inflate(data).decode().splitlines() == [
        "{",
        '    "1KQE" : "2026-08-28T14:09:19+00:00",',
        '    "3HYA" : "2026-08-28T14:09:19+00:00",',
        '    "5WKD" : "2026-08-28T14:09:19+00:00"',
        "}",
    ]
    assert holdings(simulator, "current_file_holdings")["5WKD"] == {
        "pdb": ["/pdb/data/structures/divided/pdb/wk/pdb5wkd.ent.gz"],
        "structure_factors": ["/pdb/data/structures/divided/structure_factors/wk/r5wkdsf.ent.gz"],
    }


def test_a_weekly_release_adds_changes_and_obsoletes(simulator: ArchiveSimulator) -> None:
    before = holdings(simulator, "released_structures_last_modified_dates")
    old = inflate((CLASSIC_ROOT / KQE).read_bytes())
    simulator.tree.publish(
        add=["1dsr"],
        copies={"9xyz": "1kqe"},
        change=["1kqe"],
        obsolete={"3hya": ["9XYZ", "1dsr"], "5wkd": "9xyz"},
        unreleased=["9abc"],
    )
    after = holdings(simulator, "released_structures_last_modified_dates")
    assert set(before) == {"1KQE", "3HYA", "5WKD"}
    assert set(after) == {"1KQE", "1DSR", "9XYZ"}
    assert after["1KQE"] == "2026-09-04T14:09:19+00:00" > before["1KQE"]

    changed = inflate(get(f"{simulator.url}/{KQE}")[1])
    assert changed != old
    assert changed.startswith(b"data_1KQE\n")
    assert changed.endswith(old[-100:])

    _, copy, _ = get(f"{simulator.url}/data/structures/divided/mmCIF/xy/9xyz.cif.gz")
    assert stored_name(copy) == "9xyz.cif"
    assert inflate(copy).startswith(b"data_9XYZ\n")
    assert b"1kqe" not in inflate(copy).lower()

    removed = holdings(simulator, "all_removed_entries")
    assert removed["3HYA"]["status_code"] == "OBS"
    assert removed["3HYA"]["superseded_by"] == ["9XYZ", "1dsr"]
    assert removed["5WKD"]["superseded_by"] == "9xyz"
    moved = "data/structures/obsolete/mmCIF/hy/3hya.cif.gz"
    assert removed["3HYA"]["content_type"] == {"mmcif": [f"/pdb/{moved}"]}
    assert get(f"{simulator.url}/{moved}")[0] == 200
    assert get(f"{simulator.url}/{moved.replace('obsolete', 'divided')}")[0] == 404
    assert holdings(simulator, "unreleased_entries")["9ABC"]["status_code"] == "HPUB"


def test_the_layout_of_2027(tmp_path: Path) -> None:
    with ArchiveSimulator.make(tmp_path, "1kqe", "pdb_00011a7y", layout=Layout.ENTRY) as simulator:
        simulator.tree.publish(copies={"pdb_1000axyz": "1kqe"})
        assert simulator.url.endswith("/pub/wwpdb/pdb")
        for entry, folder in {
            "pdb_00001kqe": "kq",
            "pdb_00011a7y": "a7",
            "pdb_1000axyz": "xy",
        }.items():
            path = f"data/entries/{folder}/{entry}/structures/{entry}.cif.gz"
            status, data, _ = get(f"{simulator.url}/{path}")
            assert status == 200
            assert stored_name(data) == f"{entry}.cif"
            assert holdings(simulator, "current_file_holdings")[entry]["mmcif"] == [
                f"/wwpdb/pdb/{path}"
            ]
        copy = f"{simulator.url}/data/entries/xy/pdb_1000axyz/structures/pdb_1000axyz.cif.gz"
        assert inflate(get(copy)[1]).startswith(b"data_pdb_1000axyz\n")


def test_answers_can_be_held_back(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path)
    tree.publish(add=["3hya"])
    with ArchiveSimulator(tree, delay_s=30) as simulator:
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(f"{simulator.url}/holdings", timeout=0.2)
        assert simulator.requests == ()
