"""``download --decompress``: the text under its own name, verified before the gzip is dropped."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from support.archive_gzip import inflate

if TYPE_CHECKING:
    from support.lab import Lab

_SERVED = "data/structures/divided/mmCIF/hy/3hya.cif.gz"


def test_the_text_is_kept_with_the_archives_time(lab: Lab) -> None:
    done = lab.run("download", "3hya", "4hhb", "-d", "flat", "--decompress", "-o", "json")
    assert done.returncode == 3, "the mirror has no structure of 4hhb"
    flat = lab.run.cwd / "flat"
    assert [path.name for path in flat.iterdir()] == ["3hya.cif"]
    served = lab.mirror.tree.root / _SERVED
    text = inflate(served.read_bytes())
    path = flat / "3hya.cif"
    assert path.read_bytes() == text
    assert path.stat().st_mtime == int(served.stat().st_mtime)
    row = next(row for row in json.loads(done.stdout) if row["id"] == "3hya")
    assert row["path"].endswith("flat/3hya.cif")
    assert (row["bytes"], row["sha256"]) == (len(text), hashlib.sha256(text).hexdigest())


def test_what_is_there_and_whole_is_not_fetched_again(lab: Lab) -> None:
    arguments = ("download", "3hya", "-d", "flat", "--decompress")
    assert lab.run(*arguments).returncode == 0
    lab.mirror.forget_requests()
    assert lab.run(*arguments).stderr == "0 downloaded, 1 up to date\n"
    assert lab.mirror.requests == ()
    path = lab.run.cwd / "flat/3hya.cif"
    good = path.read_bytes()
    path.write_bytes(b"<html>maintenance</html>")
    assert lab.run(*arguments).returncode == 0
    assert path.read_bytes() == good


def test_other_names_lose_only_their_gz(lab: Lab) -> None:
    for kind, name in (("asm", "4hhb-assembly1.cif"), ("biounit", "4hhb.pdb1")):
        arguments = ("-t", kind, "-d", kind, "--decompress")
        assert lab.run("download", "4hhb", *arguments).returncode == 0
        assert [path.name for path in (lab.run.cwd / kind).iterdir()] == [name]


def test_a_damaged_gzip_leaves_nothing_behind_and_the_good_text_alone(lab: Lab) -> None:
    arguments = ("download", "3hya", "-d", "flat", "--decompress", "--retry", "0")
    served = lab.mirror.tree.root / _SERVED
    whole = served.read_bytes()
    served.write_bytes(whole[:-8] + bytes(8))
    assert lab.run(*arguments).returncode == 1
    assert list((lab.run.cwd / "flat").iterdir()) == []
    served.write_bytes(whole)
    assert lab.run(*arguments).returncode == 0
    served.write_bytes(whole[:-8] + bytes(8))
    assert lab.run(*arguments, "--overwrite").returncode == 1
    (path,) = (lab.run.cwd / "flat").iterdir()
    assert path.read_bytes() == inflate(whole)


def test_the_collection_keeps_the_archives_own_files(lab: Lab) -> None:
    for arguments in ((), ("-d", "there", "--layout", "divided")):
        done = lab.run("download", "3hya", "--decompress", *arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "use -d DIR or --layout flat" in done.stderr
    assert lab.mirror.requests == ()
    flat = lab.run("download", "3hya", "--decompress", "--layout", "flat")
    assert flat.returncode == 0
    assert (lab.collection / "3hya.cif").is_file()
