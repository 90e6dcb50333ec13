from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.events import Note
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.index.model import Level, Record
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.operations.sync.model import SyncSelection
from pdb_cli.storage.collection import Collection
from support.memory_setting import DIRECTORY, MemorySetting, make_files, make_mirror
from support.memory_transport import MemoryArchive

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.operations.sync.run import SyncRun

FIRST = "data/structures/divided/mmCIF/0a/10a0.cif.gz"
PATH = f"{DIRECTORY}/0a/10a0.cif.gz"


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    setting = MemorySetting(tmp_path)
    setting.archive.newest_s = 1019.0
    return setting


def _revise(setting: MemorySetting, count: int = 10, time_s: float = 5000.0) -> None:
    """Let the archive revise some files."""
    for path in list(setting.archive.files)[:count]:
        setting.archive.files[path] = (b"revised", time_s)


def _left(run: SyncRun) -> str:
    """Return the path of the first file that stayed as it is."""
    outcome = run.result.trees["structures-mmcif"]
    assert outcome.state == "incomplete"
    assert outcome.left is not None
    assert outcome.left.doubt is ListDoubt.FEW_BEHIND
    return f"{outcome.left.found} {outcome.left.before}"


def _follow_another(setting: MemorySetting, archive: MemoryArchive) -> None:
    setting.archives["two"] = archive
    setting.request = setting.request._replace(mirrors=(make_mirror("two"),))


def test_another_mirror_that_lags_does_not_bring_old_versions_back(setting: MemorySetting) -> None:
    _revise(setting)
    setting.sync()
    before = setting.local()
    _follow_another(setting, MemoryArchive(make_files(20), newest_s=1019.0))
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.doubt is ListDoubt.BEHIND
    assert refusal.value.found.startswith(PATH)
    assert setting.local() == before
    setting.request = setting.request._replace(trust_list=True)
    setting.sync()
    assert setting.local()[FIRST] == b"x"


def test_no_file_becomes_older_for_want_of_a_list_to_remember(setting: MemorySetting) -> None:
    setting.archive.files[FIRST] = (b"revised", 5000.0)
    setting.sync()
    _follow_another(setting, MemoryArchive(make_files(20), newest_s=1019.0))
    # No list of just these was ever seen.
    setting.request = setting.request._replace(selection=SyncSelection(prefixes=("10a",)))
    assert PATH in _left(setting.sync())
    assert setting.local()[FIRST] == b"revised"


def test_few_files_that_would_go_back_do_not_stop_the_others(setting: MemorySetting) -> None:
    _revise(setting, 8)
    setting.archive.files["data/structures/divided/mmCIF/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    setting.sync()
    files = {**make_files(20), "data/structures/divided/mmCIF/zz/2zzz.cif.gz": (b"other", 1018.0)}
    del files["data/structures/divided/mmCIF/9a/19a1.cif.gz"]
    _follow_another(setting, MemoryArchive(files, newest_s=1019.0))
    run = setting.make_run()
    (plan,) = run.plan().groups
    assert (plan.new.files, plan.changed.files, plan.deleted.files) == (1, 0, 1)
    assert plan.local_files == 21
    for _ in range(2):  # nor does it the week after
        run = setting.sync()
        assert run.result.did_something
        assert PATH in _left(run)
        assert "8 more" in _left(run)
    local = setting.local()
    assert local[FIRST] == b"revised"
    assert "data/structures/divided/mmCIF/zz/1zzz.cif.gz" in local
    assert local["data/structures/divided/mmCIF/zz/2zzz.cif.gz"] == b"other"
    assert setting.trash() == ["19a1.cif.gz"]
    setting.request = setting.request._replace(trust_list=True)
    assert setting.sync().result.is_done
    assert setting.local()[FIRST] == b"x"


def test_a_list_with_times_of_files_takes_back_what_it_knows(setting: MemorySetting) -> None:
    _revise(setting)
    setting.sync()
    files = make_files(20)
    other = MemoryArchive(files, newest_s=9000.0, newest_entry_s=4000.0, has_times=True)
    _follow_another(setting, other)
    with pytest.raises(ListDoubtError):
        setting.sync()
    other.newest_entry_s = 5000.0
    assert setting.sync().result.is_done
    assert setting.local()[FIRST] == b"x"


def test_a_mirror_that_is_behind_leaves_the_run_to_the_next(setting: MemorySetting) -> None:
    _revise(setting)
    setting.sync()
    setting.add_mirror("two", setting.archive)
    setting.archives["one"] = MemoryArchive(make_files(20), newest_s=1019.0)
    run = setting.sync()
    assert run.result.is_done
    assert setting.local()[FIRST] == b"revised"
    assert any(isinstance(one, Note) and "the next" in one.text for one in setting.events)


def test_another_mirror_that_lags_does_not_remove_what_is_new(setting: MemorySetting) -> None:
    for number in range(10):
        path = f"data/structures/divided/mmCIF/zz/{number}zzz.cif.gz"
        setting.archive.files[path] = (b"new", 5000.0)
    setting.sync()
    setting.request = setting.request._replace(limit=DeleteLimit(percent=50.0), trust_list=False)
    files = make_files(40)
    _follow_another(setting, MemoryArchive(files, newest_s=1019.0))
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.found == "files until 1970-01-01 00:16"
    assert refusal.value.before == f"1970-01-01 01:23 ({DIRECTORY}/zz/0zzz.cif.gz)"
    assert setting.trash() == []


def test_file_of_the_user_says_nothing_of_a_mirror(setting: MemorySetting) -> None:
    setting.sync()
    for name in ("README.txt", "0a/notes.txt"):
        notes = setting.root / DIRECTORY / name
        notes.write_text("mine")
        os.utime(notes, (5000, 5000))
    assert setting.sync().result.is_done
    assert (setting.root / DIRECTORY / "README.txt").read_text() == "mine"


def test_another_mirror_may_know_more(setting: MemorySetting) -> None:
    setting.sync()
    files = make_files(19)
    files[FIRST] = (b"revised", 5000.0)
    _follow_another(setting, MemoryArchive(files, newest_s=5000.0))
    assert setting.sync().result.is_done
    assert setting.local()[FIRST] == b"revised"
    assert len(setting.trash()) == 1


def test_time_that_is_not_the_archives_says_nothing_of_a_mirror(setting: MemorySetting) -> None:
    setting.sync()
    os.utime(setting.root / PATH, ns=(0, 9_000_000_000_500))
    _follow_another(setting, MemoryArchive(make_files(20), newest_s=1019.0))
    assert setting.sync().result.is_done


@pytest.mark.parametrize("here_s", [1019, 5000, 4_000_000_000], ids=["known", "newer", "future"])
@pytest.mark.parametrize("way", ["replace", "remove"])
def test_the_list_of_the_last_run_does_not_take_back_what_is_newer(
    setting: MemorySetting, here_s: int, way: str
) -> None:
    setting.sync()
    path = setting.root / PATH
    if way == "remove":
        path = path.with_name("20a0.cif.gz")
        path.write_bytes(b"brought by somebody else")
    os.utime(path, (here_s, here_s))
    before = setting.local()
    if here_s == 5000:
        assert PATH.replace("10a0", path.name[:4]) in _left(setting.sync())
        assert setting.local() == before
        setting.request = setting.request._replace(trust_list=True)
    assert setting.sync().result.is_done
    assert setting.is_equal()


def test_a_newer_list_of_the_same_mirror_may_take_a_file_back(setting: MemorySetting) -> None:
    setting.archive.files[FIRST] = (b"revised", 1015.0)
    setting.sync()
    setting.archive.files[FIRST] = (b"x", 1000.0)
    setting.archive.newest_s = 1020.0
    assert setting.sync().result.is_done
    assert setting.local()[FIRST] == b"x"


def test_records_of_what_is_replaced_are_dropped(setting: MemorySetting) -> None:
    setting.sync()
    other = f"{DIRECTORY}/1a/11a0.cif.gz"
    collection = Collection(setting.root, {})
    with open_catalogue(collection) as catalogue:
        catalogue.remember(
            Record(path, 1, 1, Level.CONTENT, 1.0, sha256="0" * 64) for path in (PATH, other)
        )
    setting.archive.files[FIRST] = (b"revised", 5000.0)
    setting.sync()
    with open_catalogue(collection) as catalogue:
        assert set(catalogue.records([PATH, other])) == {other}
