from __future__ import annotations

import pytest

from pdb_cli.config.keys import KEYS, WrongNameError, canonical, find_key, is_section, nearest_key
from pdb_cli.config.listing import list_settings
from pdb_cli.config.load import load_settings


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("download.paralel", "download.parallel"),
        ("downlod", "download"),
        ("Download", "download"),
        ("download.delete", "sync.delete"),
        ("retry", "download.retry"),
        ("mirrors.lab.htps", "mirrors.lab.https"),
        ("sync.targets.weekly.typ", "sync.targets.weekly.types"),
        ("download.xyzzy", None),
        ("dwnload.paralel", "download.parallel"),
        ("xyzzy", None),
    ],
)
def test_the_nearest_key_is_what_was_probably_meant(wrong: str, right: str | None) -> None:
    assert nearest_key(tuple(wrong.split("."))) == right


def test_keys_and_sections_are_told_apart() -> None:
    assert find_key(("download", "parallel")) is not None
    assert find_key(("mirrors", "anything", "https")) is not None
    assert find_key(("mirrors", "anything")) is None
    assert find_key(("download",)) is None
    assert is_section(("download",))
    assert is_section(("sync", "targets", "weekly"))
    assert not is_section(("download", "parallel"))
    assert not is_section(("nothing",))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("mirrors", "LAB", "https"), ("mirrors", "lab", "https")),
        (("paths", "data_type_dirs", "SF"), ("paths", "data_type_dirs", "structure-factors")),
        (("sync", "targets", "Weekly", "types"), ("sync", "targets", "Weekly", "types")),
        (("download", "parallel"), ("download", "parallel")),
    ],
)
def test_names_in_keys_have_one_form(written: tuple[str, ...], meant: tuple[str, ...]) -> None:
    assert canonical(written) == meant


@pytest.mark.parametrize(
    "path",
    [
        ("mirrors", "us", "https"),
        ("mirrors", "a b", "https"),
        ("mirrors", "", "https"),
        ("sync", "targets", "1abc", "types"),
        ("sync", "targets", "pdb_1", "types"),
    ],
)
def test_names_that_mean_something_else_are_refused(path: tuple[str, ...]) -> None:
    with pytest.raises(WrongNameError):
        canonical(path)


def test_every_field_of_the_settings_has_a_key_and_the_reverse() -> None:
    listed = {row.key for row in list_settings(load_settings(environ={"HOME": "/"}))}
    assert listed == {key.name for key in KEYS if "*" not in key.path}
