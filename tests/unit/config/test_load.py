from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import BUILTIN_MIRRORS, Mirror, RsyncRoot
from pdb_cli.config.keys import KEYS, Key
from pdb_cli.config.listing import get_value
from pdb_cli.config.load import check_config, load_settings
from pdb_cli.config.settings import Origin, OriginKind, Settings, SyncFormat, SyncTarget, Transport
from pdb_cli.errors import (
    FileAccessError,
    InvalidValueError,
    SettingsError,
    UnknownNameError,
)

DOCUMENTED = """\
[paths]
pdb_dir = "/data/pdb"
data_type_dirs = { assemblies = "/big/assemblies" }
[mirror]
default = ["rcsb", "pdbj", "wwpdb"]
[mirrors.lab]
https  = "http://127.0.0.1:8080/pub/pdb"
rsync  = "rsync://127.0.0.1:8730/ftp"
layout = "classic"
bcif = "http://127.0.0.1:8080/{id}.bcif.gz"
[download]
parallel = 16
retry = 5
connect_timeout_s = 10
stall_timeout_s = 30
limit_rate = ""
contact_url = ""
format = "mmcif"
fallback = true
[sync]
types = ["structures"]
format = "mmcif"
transport = "auto"
delete = false
max_delete = "5%"
[sync.targets.weekly]
types = ["structures", "assemblies"]
mirror = "pdbj"
[jobs]
dir = ""
grace_s = 10
log_max_mb = 50
notify = ""
[api]
rcsb_data = "https://data.rcsb.org"
rcsb_search = "https://search.rcsb.org"
"""

# For each key two values that are not the default: as a file has them, and as a flag brings them.
OTHER_VALUES: dict[str, tuple[Any, Any]] = {
    "paths.pdb_dir": ("/from/file", Path("/from/flag")),
    "mirror.default": (["pdbe"], ("wwpdb", "rcsb")),
    "download.parallel": (3, 4),
    "download.retry": (1, 2),
    "download.connect_timeout_s": (1.5, 2.5),
    "download.stall_timeout_s": (3.5, 4.5),
    "download.limit_rate": ("1M", "2M"),
    "download.contact_url": ("https://lab.example", "ada@lab.example"),
    "download.format": ("pdb", FileFormat.XML),
    "download.fallback": (False, True),
    "sync.types": (["validation"], (DataType.ASSEMBLIES, DataType.STRUCTURES)),
    "sync.format": ("both", "pdb"),
    "sync.transport": ("https", "rsync"),
    "sync.delete": (True, False),
    "sync.max_delete": ("7%", "100"),
    "jobs.dir": ("/jobs/file", "/jobs/flag"),
    "jobs.grace_s": (1.5, 2.5),
    "jobs.log_max_mb": (7, 8),
    "jobs.notify": ("mail me", "call me"),
    "api.rcsb_data": ("http://a", "http://b"),
    "api.rcsb_search": ("http://c", "http://d"),
}
FROM_ENVIRONMENT = {
    "paths.pdb_dir": "/from/environment",
    "mirror.default": "pdbj, pdbe",
    "jobs.dir": "/jobs/environment",
}
PLAIN_KEYS = [key for key in KEYS if "*" not in key.path]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / ".config" / "pdb-cli" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def plain(value: object) -> object:
    """Return a value as get_value shows it."""
    if isinstance(value, tuple | list):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path | FileFormat) else value


def toml(value: object) -> str:
    """Write a value of the table above as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).replace("'", '"')


@pytest.mark.parametrize("key", PLAIN_KEYS, ids=lambda key: key.name)
def test_m03_c02_a_stronger_source_wins_for_every_key(
    key: Key, environ: dict[str, str], config: Path
) -> None:
    in_file, in_flag = OTHER_VALUES[key.name]
    default = load_settings(environ=environ)
    assert default.origins[key.name] == Origin(OriginKind.DEFAULT)

    config.write_text(f"[{key.path[0]}]\n{key.path[1]} = {toml(in_file)}\n")
    from_file = load_settings(environ=environ)
    assert get_value(from_file, key.name) == plain(in_file) != get_value(default, key.name)
    assert from_file.origins[key.name] == Origin(OriginKind.FILE, f"{config}:2")

    if key.variable:
        environ[key.variable] = FROM_ENVIRONMENT[key.name]
        from_environment = load_settings(environ=environ)
        value = get_value(from_environment, key.name)
        assert value == (["pdbj", "pdbe"] if isinstance(value, list) else environ[key.variable])
        assert from_environment.origins[key.name] == Origin(OriginKind.ENVIRONMENT, key.variable)

    from_flag = load_settings(environ=environ, flags={key.name: in_flag})
    assert get_value(from_flag, key.name) == plain(in_flag)
    assert from_flag.origins[key.name].kind is OriginKind.FLAG

    # A flag that was not given changes nothing.
    assert load_settings(environ={"HOME": environ["HOME"]}, flags={key.name: None}) == from_file


@pytest.mark.parametrize("key", PLAIN_KEYS, ids=lambda key: key.name)
def test_d14_a_flag_equal_to_its_default_still_wins(
    key: Key, environ: dict[str, str], config: Path
) -> None:
    default = get_value(load_settings(environ=environ), key.name)
    config.write_text(f"[{key.path[0]}]\n{key.path[1]} = {toml(OTHER_VALUES[key.name][0])}\n")

    settings = load_settings(environ=environ, flags={key.name: default})

    assert get_value(settings, key.name) == default
    assert settings.origins[key.name].kind is OriginKind.FLAG


def test_a_value_in_one_section_leaves_the_other_defaults_alone(
    environ: dict[str, str], config: Path
) -> None:
    config.write_text("[download]\nparallel = 3\n")
    settings = load_settings(environ=environ)
    assert settings.download.parallel == 3
    assert settings.download.retry == Settings().download.retry
    assert settings.sync == Settings().sync


def test_the_documented_file_is_understood_in_every_key(
    environ: dict[str, str], config: Path
) -> None:
    config.write_text(DOCUMENTED)

    settings = load_settings(environ=environ)

    assert settings.paths.pdb_dir == Path("/data/pdb")
    assert settings.paths.data_type_dirs == {DataType.ASSEMBLIES: Path("/big/assemblies")}
    assert settings.mirror.default == ("rcsb", "pdbj", "wwpdb")
    lab = Mirror(
        "lab",
        "http://127.0.0.1:8080/pub/pdb",
        (RsyncRoot("127.0.0.1", 8730, "ftp"),),
        Layout.CLASSIC,
        "http://127.0.0.1:8080/{id}.bcif.gz",
    )
    assert settings.mirrors == {"lab": lab}
    weekly = SyncTarget(types=(DataType.STRUCTURES, DataType.ASSEMBLIES), mirror="pdbj")
    assert settings.sync.targets == {"weekly": weekly}
    assert settings.sync.format is SyncFormat.MMCIF
    assert settings.sync.transport is Transport.AUTO
    defaults = Settings()
    assert settings.download == defaults.download
    assert settings.jobs == defaults.jobs
    assert settings.api == defaults.api
    lines = DOCUMENTED.split("\n")
    for key, origin in settings.origins.items():
        assert origin.kind is OriginKind.FILE
        assert key.rpartition(".")[2] in lines[int(origin.detail.rpartition(":")[2]) - 1]


def test_a_configured_mirror_overrides_a_built_in_one_field_by_field(
    environ: dict[str, str], config: Path
) -> None:
    config.write_text('[mirrors.RCSB]\nhttps = "http://127.0.0.1:8080/pub/pdb/"\n')
    settings = load_settings(environ=environ)
    builtin = BUILTIN_MIRRORS["rcsb"]
    assert settings.mirrors["rcsb"] == Mirror(
        "rcsb", "http://127.0.0.1:8080/pub/pdb", builtin.rsync, builtin.layout, builtin.bcif
    )
    assert settings.origins["mirrors.rcsb.https"] == Origin(OriginKind.FILE, f"{config}:2")
    assert settings.origins["mirrors.rcsb.layout"] == Origin(OriginKind.DEFAULT)


def test_regions_and_capitals_in_lists_of_mirrors_become_names(
    environ: dict[str, str], config: Path
) -> None:
    config.write_text(
        '[mirror]\ndefault = ["LAB", "us", "rcsb", "EU"]\n[mirrors.lab]\nrsync = "a/b"'
    )
    assert load_settings(environ=environ).mirror.default == ("lab", "rcsb", "pdbe")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[download]\nparalel = 4", (2, "download.paralel", "unknown key", "download.parallel")),
        ("\n\n[downlod]\nretry = 4", (3, "downlod", "unknown key", "download")),
        ("retry = 4", (1, "retry", "unknown key", "download.retry")),
        ("download = { paralel = 4 }", (1, "download.paralel", "unknown key", "download.parallel")),
        (
            "[download]\nparallel = 0",
            (2, "download.parallel", "expected a whole number from 1 to 256, not 0", None),
        ),
        (
            "[download]\n\nparallel = true",
            (3, "download.parallel", "expected a whole number from 1 to 256, not true", None),
        ),
        (
            "[download.parallel]\nx = 1",
            (1, "download.parallel", "expected a whole number from 1 to 256, not a table", None),
        ),
        ("download = 4", (1, "download", "expected a table, not a value", None)),
        ("[[mirrors]]\nx = 1", (1, "mirrors", "expected a table, not a value", None)),
        (
            "[download]\nstall_timeout_s = -1",
            (
                2,
                "download.stall_timeout_s",
                "expected a number of seconds from 0.001 to 86400, not -1",
                None,
            ),
        ),
        ('[download]\nformat = "ciff"', (2, "download.format", "no format 'ciff'", "cif")),
        (
            '[sync]\ntypes = ["structurs"]',
            (2, "sync.types", "no data type 'structurs'", "structures"),
        ),
        (
            '[sync]\ntransport = "ftp"',
            (2, "sync.transport", 'expected "auto" or "rsync" or "https", not \'ftp\'', None),
        ),
        ('[mirror]\ndefault = ["rscb"]', (2, "mirror.default", "no mirror 'rscb'", "rcsb")),
        (
            '[sync.targets.weekly]\nmirror = "pdbf"',
            (2, "sync.targets.weekly.mirror", "no mirror 'pdbf'", "pdbj"),
        ),
        (
            '[mirrors.rcbs]\nlayout = "entry"',
            (1, "mirrors.rcbs", "a mirror needs https, rsync or both", "mirrors.rcsb"),
        ),
        ("[mirrors.lab]", (1, "mirrors.lab", "a mirror needs https, rsync or both", None)),
        (
            '[mirrors.us]\nhttps = "http://x"',
            (1, "mirrors.us", "us is another name of the mirror rcsb", "mirrors.rcsb"),
        ),
        (
            '[mirrors.lab]\nhttps = "ftp://ftp.wwpdb.org/pub/pdb"',
            (
                2,
                "mirrors.lab.https",
                "wwPDB and RCSB ended FTP on 2024-11-01; use https://files.wwpdb.org/pub/pdb",
                None,
            ),
        ),
        (
            '[paths]\ndata_type_dirs = { asm = "big" }',
            (
                2,
                "paths.data_type_dirs.asm",
                "expected an absolute path, or one that begins with ~, not 'big'",
                None,
            ),
        ),
        (
            '[paths.data_type_dirs]\nassembles = "/big"',
            (2, "paths.data_type_dirs.assembles", "no data type 'assembles'", "assemblies"),
        ),
        (
            '[paths.data_type_dirs]\nstructures = "/big"\nvalidation = "/big"',
            (
                2,
                "paths.data_type_dirs.structures",
                "expected a directory apart: structures-mmcif would be in /big/divided/mmCIF, and",
                None,
            ),
        ),
        (
            '[paths]\npdb_dir = "/p/pdb"\ndata_type_dirs = { validation = "/p" }',
            (
                3,
                "paths.data_type_dirs.validation",
                "expected a directory apart: structures-mmcif would be in /p/pdb/structures",
                None,
            ),
        ),
        (
            '[paths]\npdb_dir = "~nobody-of-this-name/pdb"',
            (
                2,
                "paths.pdb_dir",
                "expected an absolute path, or one that begins with ~, not '~nobody-of",
                None,
            ),
        ),
        ("[download]\nparallel = = 4", (2, None, "not TOML: Invalid value", None)),
        ("[download]\nx = [", (2, None, "not TOML: Invalid value", None)),
        ("[a]\n[a]\n", (2, None, "not TOML: Cannot declare ('a',) twice", None)),
    ],
)
def test_c02_a_mistake_names_file_line_and_nearest_right_key(
    text: str,
    mistake: tuple[int, str | None, str, str | None],
    environ: dict[str, str],
    config: Path,
) -> None:
    line, key, problem, suggestion = mistake
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    error = caught.value
    assert (error.origin, error.line, error.key) == (str(config), line, key)
    assert error.problem.startswith(problem)
    assert error.suggestion == suggestion


def test_a_file_that_is_not_text_is_refused_with_the_line(
    environ: dict[str, str], config: Path
) -> None:
    config.write_bytes(b'[jobs]\nnotify = "\xff"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    assert (caught.value.line, caught.value.problem) == (2, "not UTF-8 text")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(
    environ: dict[str, str], config: Path
) -> None:
    config.write_bytes(b"\xef\xbb\xbf[download]\r\nparallel = 3\r\n")
    settings = load_settings(environ=environ)
    assert settings.download.parallel == 3
    assert settings.origins["download.parallel"].detail == f"{config}:2"


@pytest.mark.parametrize(
    ("text", "problem", "suggestion"),
    [
        ("rcsb,pdbk", "no mirror 'pdbk'", "pdbj"),
        (",", "expected a list of mirrors, not []", None),
    ],
)
def test_c02_a_wrong_variable_is_an_error_that_names_it(
    text: str, problem: str, suggestion: str | None, environ: dict[str, str]
) -> None:
    wrong = environ | {"PDB_CLI_MIRROR": text}
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=wrong, flags={"mirror.default": ("rcsb",)})
    error = caught.value
    assert error.origin == "environment variable PDB_CLI_MIRROR"
    assert (error.line, error.key) == (None, "mirror.default")
    assert (error.problem, error.suggestion) == (problem, suggestion)


def test_an_empty_variable_counts_as_not_set(environ: dict[str, str]) -> None:
    empty = dict.fromkeys(["PDB_DIR", "PDB_CLI_MIRROR", "PDB_CLI_JOBS_DIR", "PDB_CLI_CONFIG"], "")
    assert load_settings(environ=environ | empty) == load_settings(environ=environ)


def test_a_wrong_flag_is_a_usage_error_that_names_it(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError) as invalid:
        load_settings(environ=environ, flags={"download.limit_rate": "fast"})
    assert (invalid.value.name, invalid.value.value) == ("--limit-rate", "fast")
    with pytest.raises(UnknownNameError) as unknown:
        load_settings(environ=environ, flags={"mirror.default": ("rscb",)})
    assert (unknown.value.kind, unknown.value.name) == ("mirror", "rscb")
    with pytest.raises(ValueError, match="no setting"):
        load_settings(environ=environ, flags={"download.paralel": 1})


def test_a_tilde_is_the_home_of_the_environment(environ: dict[str, str], config: Path) -> None:
    config.write_text('[paths]\npdb_dir = "~/pdb"\n[jobs]\ndir = "~"\n')
    settings = load_settings(environ=environ)
    assert settings.paths.pdb_dir == Path(environ["HOME"]) / "pdb"
    assert settings.jobs.dir == Path(environ["HOME"])
    from_flag = load_settings(environ=environ, flags={"paths.pdb_dir": Path("~/other")})
    assert from_flag.paths.pdb_dir == Path(environ["HOME"]) / "other"
    relative = load_settings(environ=environ | {"PDB_DIR": "here/pdb"})
    assert relative.paths.pdb_dir == Path("here/pdb")


def test_the_file_is_the_one_that_was_named(environ: dict[str, str], config: Path) -> None:
    usual, named, flagged = config, config.with_name("b.toml"), config.with_name("c.toml")
    for number, path in enumerate((usual, named, flagged), start=1):
        path.write_text(f"[download]\nparallel = {number}\n")
    assert load_settings(environ=environ).download.parallel == 1
    environ["PDB_CLI_CONFIG"] = str(named)
    assert load_settings(environ=environ).download.parallel == 2
    assert load_settings(environ=environ, config_path=flagged).download.parallel == 3


def test_a_missing_file_is_an_error_only_when_it_was_named(
    environ: dict[str, str], tmp_path: Path
) -> None:
    assert load_settings(environ=environ).download == Settings().download
    assert load_settings(environ={"HOME": "/dev/null"}).download == Settings().download
    missing = tmp_path / "no.toml"
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ, config_path=missing)
    assert caught.value.origin == str(missing)
    assert caught.value.problem == "no such file; --config names it"
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ | {"PDB_CLI_CONFIG": str(missing)})
    assert caught.value.problem == "no such file; environment variable PDB_CLI_CONFIG names it"


def test_a_file_that_can_not_be_read_is_an_error(environ: dict[str, str], config: Path) -> None:
    config.mkdir()
    with pytest.raises(FileAccessError) as caught:
        load_settings(environ=environ)
    assert (caught.value.action, caught.value.path) == ("read", config)


def test_checking_a_text_takes_nothing_from_the_environment() -> None:
    environ = {"HOME": "/h", "PDB_DIR": "/data", "PDB_CLI_MIRROR": "nonsense"}
    settings = check_config("[download]\nparallel = 2", origin="x.toml", environ=environ)
    assert settings.paths.pdb_dir is None
    assert settings.origins["download.parallel"].detail == "x.toml:2"


def test_without_a_file_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\n"
        "from pdb_cli.config.load import load_settings\n"
        "load_settings(environ={'HOME': '/dev/null', 'PDB_DIR': '/x', 'PDB_CLI_MIRROR': 'us'})\n"
        "heavy = {'tomllib', 'tomlkit', 'difflib', 'json', 'logging', 'shutil', 'tempfile',\n"
        "         'subprocess', 'uuid', 'random', 'ssl', 'pycurl', 'pdb_cli.config.locate'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
