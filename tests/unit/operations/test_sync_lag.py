from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.events import Note
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.index.model import Level, Record
from pdb_cli.operations.sync.model import SyncSelection
from pdb_cli.storage.collection import Collection
from support.memory_setting import DIRECTORY, MemorySetting, make_files, make_mirror
from support.memory_transport import MemoryArchive

if TYPE_CHECKING:
    from pathlib import Path

FIRST = "data/structures/divided/mmCIF/0a/10a0.cif.gz"
PATH = f"{DIRECTORY}/0a/10a0.cif.gz"


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    setting = MemorySetting(tmp_path)
    setting.archive.newest_s = 1019.0
    return setting


def _follow_another(setting: MemorySetting, archive: MemoryArchive) -> None:
    setting.archives["two"] = archive
    setting.request = setting.request._replace(mirrors=(make_mirror("two"),))


def test_another_mirror_that_lags_does_not_bring_old_versions_back(setting: MemorySetting) -> None:
    setting.archive.files[FIRST] = (b"revised", 5000.0)
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
    with pytest.raises(ListDoubtError):
        setting.sync()
    assert setting.local()[FIRST] == b"revised"


def test_a_mirror_that_is_behind_leaves_the_run_to_the_next(setting: MemorySetting) -> None:
    setting.archive.files[FIRST] = (b"revised", 5000.0)
    setting.sync()
    setting.add_mirror("two", setting.archive)
    setting.archives["one"] = MemoryArchive(make_files(20), newest_s=1019.0)
    run = setting.sync()
    assert run.result.is_done
    assert setting.local()[FIRST] == b"revised"
    assert any(isinstance(one, Note) and "the next" in one.text for one in setting.events)


def test_another_mirror_that_lags_does_not_remove_what_is_new(setting: MemorySetting) -> None:
    setting.archive.files["data/structures/divided/mmCIF/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    setting.sync()
    _follow_another(setting, MemoryArchive(make_files(20), newest_s=1019.0))
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.found == "files until 1970-01-01 00:16"
    assert refusal.value.before == f"1970-01-01 01:23 ({DIRECTORY}/zz/1zzz.cif.gz)"
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
        with pytest.raises(ListDoubtError) as refusal:
            setting.sync()
        assert refusal.value.doubt is ListDoubt.BEHIND
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
