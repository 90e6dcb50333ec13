from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from pdb_cli.config.edit import set_value, write_starter
from pdb_cli.config.listing import get_value, list_settings, toml_value
from pdb_cli.config.load import check_config, load_settings
from pdb_cli.config.starter import starter_text
from pdb_cli.errors import FileAccessError, InvalidValueError, SettingsError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {"HOME": "/home/ada"}

COMMENTED = """\
# mine
[sync]   # keep this
types = [ "structures" ] # and this

# before download
[download]
parallel = 4    # four lines

[paths] # last
pdb_dir = "/data/pdb"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(COMMENTED)
    return path


def test_c02_set_changes_one_value_and_keeps_comments_and_order(config: Path) -> None:
    set_value(config, "download.parallel", "32", environ=ENVIRON)
    assert config.read_text() == COMMENTED.replace("parallel = 4 ", "parallel = 32 ")


def test_a_new_key_goes_into_its_table(config: Path) -> None:
    set_value(config, "download.retry", "2", environ=ENVIRON)
    assert config.read_text() == COMMENTED.replace("four lines\n", "four lines\nretry = 2\n")


def test_a_new_table_goes_to_the_end(config: Path) -> None:
    set_value(config, "mirrors.lab.https", "http://127.0.0.1:8080/pub/pdb", environ=ENVIRON)
    set_value(config, "mirror.default", "lab, us", environ=ENVIRON)
    assert config.read_text() == (
        COMMENTED + '\n[mirrors.lab]\nhttps = "http://127.0.0.1:8080/pub/pdb"\n'
        '\n[mirror]\ndefault = ["lab", "us"]\n'
    )


def test_in_the_starter_file_a_key_goes_below_its_comment(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_starter(path)
    before = path.read_text()
    set_value(path, "mirror.default", "pdbj", environ=ENVIRON)
    comment = '# default = ["rcsb", "pdbj", "wwpdb"]\n'
    assert path.read_text() == before.replace(comment, f'{comment}default = ["pdbj"]\n')


@pytest.mark.parametrize(
    ("before", "key", "text"),
    [
        ("", "download.parallel", "32"),
        ("[download]", "download.parallel", "32"),
        ("download.retry = 1", "download.parallel", "32"),
        ("download = { retry = 1 }", "download.parallel", "32"),
        ("download = { parallel = 1 }", "download.parallel", "32"),
        ("[download]\n[jobs]\ngrace_s = 5\n", "download.connect_timeout_s", "2.5"),
        ('paths.data_type_dirs.asm = "/a"', "paths.data_type_dirs.assemblies", "/b"),
        ('[paths]\ndata_type_dirs = { asm = "/a" }', "paths.data_type_dirs.validation", "/b"),
        ('[mirrors.LAB]\nhttps = "http://a"', "mirrors.lab.https", "http://b"),
        ('[mirrors.lab]\nhttps = "http://a"', "mirrors.other.rsync", "a::b,c:33/d"),
        ("[sync]\ndelete = true", "sync.targets.weekly.types", "st,asm"),
        ('sync.targets.a.types = ["st"]', "sync.targets.b.types", "asm"),
        ("[download]\r\nretry = 1\r\n", "jobs.notify", "mail\u00e9"),
        ("\ufeff[download]\nretry = 1\n", "download.fallback", "no"),
        ("[download]\nparallel = 0 # wrong", "download.parallel", "32"),
        ("[jobs]\n# grace\u2028_s\n# dir = 1", "jobs.dir", "/j"),
        ("[[download.x]]", "jobs.dir", None),
    ],
)
def test_set_works_in_every_way_to_write_a_file(
    before: str, key: str, text: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(before.encode())
    if text is None:
        with pytest.raises(SettingsError):
            set_value(path, key, "/j", environ=ENVIRON)
        assert path.read_bytes() == before.encode()
        return
    set_value(path, key, text, environ=ENVIRON)
    after = path.read_bytes().decode()
    settings = check_config(after, origin="x", environ=ENVIRON)
    kept = [line for line in before.removeprefix("\ufeff").split("\n") if line.startswith("#")]
    assert all(line in after for line in kept)
    assert settings.origins[key].kind == "file"
    fresh = tmp_path / "fresh.toml"
    set_value(fresh, key, text, environ=ENVIRON)
    alone = check_config(fresh.read_text(), origin="x", environ=ENVIRON)
    assert get_value(settings, key) == get_value(alone, key)


@pytest.mark.parametrize(
    ("key", "text", "error"),
    [
        ("download.paralel", "4", UnknownNameError),
        ("download", "4", UnknownNameError),
        ("", "4", UnknownNameError),
        ("paths.data_type_dirs.nothing", "/x", UnknownNameError),
        ("sync.types", "structurs", UnknownNameError),
        ("download.parallel", "many", InvalidValueError),
        ("download.parallel", "0", InvalidValueError),
        ("sync.delete", "maybe", InvalidValueError),
        ("mirrors.a b.https", "http://x", UnknownNameError),
        ("mirrors.us.https", "http://x", UnknownNameError),
        ("mirrors.lab.https", "ftp://ftp.rcsb.org/pub/pdb", SettingsError),
        ("mirrors.lab.layout", "entry", SettingsError),
        ("mirror.default", "rscb", SettingsError),
        ("paths.pdb_dir", "relative", SettingsError),
    ],
)
def test_a_wrong_key_or_value_changes_nothing(
    key: str, text: str, error: type[Exception], config: Path
) -> None:
    with pytest.raises(error):
        set_value(config, key, text, environ=ENVIRON)
    assert config.read_text() == COMMENTED
    assert os.listdir(config.parent) == ["config.toml"]  # noqa: PTH208 - also hidden files


def test_the_message_about_a_wrong_value_has_the_text_as_typed(config: Path) -> None:
    with pytest.raises(InvalidValueError) as caught:
        set_value(config, "sync.delete", "maybe", environ=ENVIRON)
    error = caught.value
    assert (error.name, error.value, error.expected) == ("sync.delete", "maybe", "true or false")


def test_a_file_with_another_mistake_is_not_touched(config: Path) -> None:
    config.write_text("[download]\nretry = -1\n")
    with pytest.raises(SettingsError) as caught:
        set_value(config, "download.parallel", "4", environ=ENVIRON)
    assert caught.value.key == "download.retry"
    assert config.read_text() == "[download]\nretry = -1\n"


def test_a_linked_file_is_changed_where_it_is(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(config.name)
    set_value(link, "download.parallel", "32", environ=ENVIRON)
    assert link.is_symlink()
    assert "parallel = 32" in config.read_text()


def test_a_private_file_stays_private(config: Path) -> None:
    config.chmod(0o600)
    set_value(config, "download.parallel", "32", environ=ENVIRON)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_a_missing_file_and_its_directories_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pdb-cli" / "config.toml"
    set_value(path, "download.parallel", "32", environ=ENVIRON)
    assert path.read_text() == "[download]\nparallel = 32\n"


def test_a_place_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileAccessError):
        set_value(tmp_path / "file" / "config.toml", "download.retry", "1", environ=ENVIRON)


def test_the_starter_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "pdb-cli" / "config.toml"
    write_starter(path)
    assert path.read_text() == starter_text()
    path.write_text("# mine\n")
    with pytest.raises(FileAccessError) as caught:
        write_starter(path)
    assert "--force" in caught.value.reason
    assert path.read_text() == "# mine\n"
    write_starter(path, force=True)
    assert path.read_text() == starter_text()


def test_c02_the_starter_file_sets_nothing_and_shows_the_real_defaults(tmp_path: Path) -> None:
    defaults = load_settings(environ={"HOME": str(tmp_path)})
    as_is = check_config(starter_text(), origin="x", environ={"HOME": str(tmp_path)})
    assert as_is == defaults
    lines = [line.removeprefix("# ") for line in starter_text().split("\n")]
    assert all(
        f"{row.key.rpartition('.')[2]} = {toml_value(row.value)}" in lines
        for row in list_settings(defaults)
    )


def test_the_starter_files_comments_are_right_settings() -> None:
    text = starter_text()
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in text.split("\n")
    )
    settings = check_config(uncommented, origin="x", environ={"HOME": "/"})
    assert set(settings.mirrors) == {"lab"}
    assert set(settings.sync.targets) == {"weekly"}
    assert len(settings.paths.data_type_dirs) == 1


def test_every_row_is_a_line_that_a_file_may_hold(config: Path) -> None:
    set_value(config, "mirrors.lab.rsync", "a/b", environ=ENVIRON)
    settings = load_settings(environ=ENVIRON, config_path=config)
    text = "\n".join(row.toml() for row in list_settings(settings) if row.value != "")
    again = check_config(text, origin="x", environ=ENVIRON)
    rows = {row.key: row.value for row in list_settings(settings)}
    assert {row.key: row.value for row in list_settings(again)} == rows


def test_the_value_of_a_key_can_be_asked_for(config: Path) -> None:
    settings = load_settings(environ=ENVIRON, config_path=config)
    assert get_value(settings, "download.parallel") == 4
    assert get_value(settings, "paths.pdb_dir") == "/data/pdb"
    assert get_value(settings, "jobs.dir") == ""
    assert get_value(settings, "mirrors.rcsb.https") == "https://files.rcsb.org/pub/pdb"
    for wrong in ("download.paralel", "download", "origins", "mirrors.nowhere.https", ""):
        with pytest.raises(UnknownNameError):
            get_value(settings, wrong)
