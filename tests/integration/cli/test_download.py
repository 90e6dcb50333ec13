"""``pdb-cli download`` from the first to the last byte, against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.archive_gzip import archive_gzip
from support.ports import free_port
from support.small_disk import small_disk
from support.wait import wait_until

if TYPE_CHECKING:
    from support.lab import Lab

THREE = ("3hya", "1kqe", "1dsr")


def test_files_arrive_identical_in_the_archives_own_places(lab: Lab) -> None:
    done = lab.run("download", *THREE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("3 downloaded, 0 up to date; ")
    local, published = lab.local(), lab.published()
    assert set(local) == {f"structures/divided/mmCIF/{i[1:3]}/{i}.cif.gz" for i in THREE}
    assert all(local[path] == published[path] for path in local)
    for path in local:
        theirs = (lab.mirror.tree.root / "data" / path).stat().st_mtime
        assert (lab.collection / path).stat().st_mtime == int(theirs)


def test_d05_a_second_run_transfers_nothing_and_exits_0(lab: Lab) -> None:
    lab.run("download", *THREE)
    lab.mirror.forget_requests()
    done = lab.run("download", *THREE)
    assert (done.returncode, lab.mirror.requests) == (0, ())
    assert done.stderr == "0 downloaded, 3 up to date\n"


def test_i01_both_forms_of_an_id_are_one_entry_and_one_file(lab: Lab) -> None:
    done = lab.run("download", "3HYA", "pdb_00003hya", "3hya", "-o", "ids")
    assert (done.returncode, done.stdout) == (0, "3hya\n")
    assert len(lab.mirror.requests) == 1


def test_a_damaged_file_is_fetched_again_and_only_that(lab: Lab) -> None:
    lab.run("download", *THREE)
    path = lab.collection / "structures/divided/mmCIF/kq/1kqe.cif.gz"
    good = path.read_bytes()
    path.write_bytes(good[:-20])
    lab.mirror.forget_requests()
    planned = lab.run("download", *THREE, "--dry-run", "-o", "ids")
    assert (planned.stdout, lab.mirror.requests) == ("1kqe\n", ())
    assert lab.run("download", *THREE).returncode == 0
    assert path.read_bytes() == good
    assert len(lab.mirror.requests) == 1


def test_dry_run_shows_the_plan_and_changes_nothing(lab: Lab) -> None:
    done = lab.run("download", "3hya", "--dry-run", "-o", "json")
    assert done.returncode == 0
    (row,) = json.loads(done.stdout)
    assert (row["action"], row["id"], row["reason"]) == ("fetch", "3hya", "missing")
    assert not lab.collection.exists()
    assert lab.mirror.requests == ()


def test_ids_come_from_lists_and_stdin_too(lab: Lab) -> None:
    listed = lab.run.cwd / "my list.txt"
    listed.write_text("# week 12\n3hya, 1kqe  # two\n", encoding="utf-8")
    done = lab.run("download", "1dsr", "-l", listed, "--stdin", "-o", "ids", input="1C58\n")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["1c58", "1dsr", "1kqe", "3hya"]


def test_assemblies_and_pdb_format_have_their_own_names(lab: Lab) -> None:
    assert lab.run("download", "4hhb", "-t", "asm").returncode == 0
    assert lab.run("download", "1gdr", "-f", "pdb").returncode == 0
    assert set(lab.local()) == {
        "assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz",
        "structures/divided/pdb/gd/pdb1gdr.ent.gz",
    }


def test_a_type_that_has_one_format_needs_no_format_option(lab: Lab) -> None:
    done = lab.run("download", "4hhb", "-t", "biounit", "-t", "asm", "-n", "-o", "json")
    assert done.returncode == 0, done.stderr
    names = [row["path"].rpartition("/")[2] for row in json.loads(done.stdout)]
    assert names == ["4hhb.pdb1.gz", "4hhb-assembly1.cif.gz"]


def test_d09_without_a_pdb_file_mmcif_is_fetched_and_that_is_said(lab: Lab) -> None:
    done = lab.run("download", "3hya", "-f", "pdb", "-o", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["format"], row["asked_format"], row["status"]) == ("mmcif", "pdb", "downloaded")
    assert "without a legacy PDB file: fetching mmCIF instead" in done.stderr
    refused = lab.run("download", "1kqe", "-f", "pdb", "--no-fallback")
    assert refused.returncode == 1
    assert set(lab.local("structures")) == {"structures/divided/mmCIF/hy/3hya.cif.gz"}


def test_d_option_puts_files_flat_into_a_directory(lab: Lab, tmp_path: Path) -> None:
    target = tmp_path / "new" / "flat 'dir'"
    assert lab.run("download", "3hya", "-d", target).returncode == 0
    assert [path.name for path in target.iterdir()] == ["3hya.cif.gz"]
    assert not lab.collection.exists()


def test_without_a_collection_files_go_here_with_a_hint(lab: Lab) -> None:
    text = lab.config.read_text(encoding="utf-8")
    lab.config.write_text(text.partition("\n\n")[2], encoding="utf-8")
    done = lab.run("download", "3hya")
    assert done.returncode == 0, done.stderr
    assert "no collection is set up" in done.stderr
    assert (lab.run.cwd / "3hya.cif.gz").is_file()


def test_an_entry_layout_mirror_serves_the_same_collection(lab: Lab, tmp_path: Path) -> None:
    from pdb_cli.archive.layouts import Layout
    from support.archive_simulator import ArchiveSimulator
    from support.lab import write_config

    with ArchiveSimulator.make(tmp_path / "beta", "3hya", layout=Layout.ENTRY) as beta:
        write_config(lab.config, collection=lab.collection, url=beta.url, layout="entry")
        done = lab.run("download", "3hya")
        assert done.returncode == 0, done.stderr
        (request,) = beta.requests
    assert request.path.endswith("data/entries/hy/pdb_00003hya/structures/pdb_00003hya.cif.gz")
    assert set(lab.local()) == {"structures/divided/mmCIF/hy/3hya.cif.gz"}


def test_d01_the_exit_code_tells_all_some_and_none(lab: Lab) -> None:
    some = lab.run("download", "3hya", "9zzz", "-o", "json")
    assert some.returncode == 3
    assert {row["id"]: row["status"] for row in json.loads(some.stdout)} == {
        "3hya": "downloaded",
        "9zzz": "not-found",
    }
    assert "9zzz" in some.stderr
    assert "1 downloaded, 0 up to date, 1 not found" in some.stderr
    none = lab.run("-q", "download", "9zzz")
    assert none.returncode == 1
    assert len(none.stderr.splitlines()) == 1
    assert len([r for r in lab.mirror.requests if "9zzz" in r.path]) == 2


def test_a_bad_body_never_replaces_a_good_file(lab: Lab) -> None:
    lab.run("download", "3hya")
    before = lab.local()
    served = lab.mirror.tree.root / "data/structures/divided/mmCIF/hy/3hya.cif.gz"
    served.write_bytes(archive_gzip(b"<html>maintenance</html>", name="3hya.cif"))
    done = lab.run("download", "3hya", "--overwrite", "--retry", "0")
    assert done.returncode == 1
    assert lab.local() == before


def test_kinds_whose_files_have_one_name_do_not_meet_in_a_flat_directory(lab: Lab) -> None:
    lab.mirror.tree.publish(obsolete={"1kqe": None})
    kinds = ("-t", "structures", "-t", "obsolete")
    done = lab.run("download", "3hya", "1kqe", *kinds, "-d", "flat")
    assert done.returncode == 3
    flat = lab.run.cwd / "flat"
    found = {str(path.relative_to(flat)) for path in flat.rglob("*.gz")}
    assert found == {"3hya.cif.gz", "obsolete/1kqe.cif.gz"}


def test_what_arrived_is_told_when_the_disk_fills_up(lab: Lab, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_bytes=100 << 10) as disk:
        (disk / "filler").write_bytes(b"x" * 50_000)
        done = lab.run("download", "3hya", "1c58", "-d", disk, "-p", "1", "-o", "json")
        assert [row["id"] for row in json.loads(done.stdout) if row["status"] == "downloaded"] == [
            "3hya"
        ]
    assert done.returncode == 3
    assert "1 downloaded" in done.stderr
    assert "No space left on device" in done.stderr


def test_what_arrived_is_told_after_an_interrupt(lab: Lab) -> None:
    lab.run("download", "3hya")
    lab.mirror.delay_s = 20.0
    process = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "download", "3hya", "1kqe", "-o", "json"],
        cwd=lab.run.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: any(".part" in path for path in lab.local()), what="the second transfer")
    process.send_signal(signal.SIGINT)
    data, message = process.communicate(timeout=10)
    assert (process.returncode, isinstance(json.loads(data), list)) == (130, True)
    assert message.splitlines()[-1] == ("pdb-cli: interrupted; run the same command again to go on")


def test_credentials_of_a_mirror_are_not_in_the_data(lab: Lab) -> None:
    text = lab.config.read_text(encoding="utf-8")
    secret = lab.mirror.url.replace("http://", "http://user:hunter2@")
    lab.config.write_text(text.replace(lab.mirror.url, secret), encoding="utf-8")
    done = lab.run("-v", "download", "3hya", "9zzz", "-o", "json")
    assert done.returncode == 3
    assert "hunter2" not in done.stdout + done.stderr
    assert "hunter2" not in lab.run("config", "show").stdout


def test_without_a_connection_there_is_one_line_per_file_and_advice(lab: Lab) -> None:
    text = lab.config.read_text(encoding="utf-8")
    dead = f"http://127.0.0.1:{free_port()}/pub/pdb"
    lab.config.write_text(text.replace(lab.mirror.url, dead), encoding="utf-8")
    done = lab.run("download", "3hya", "1kqe", "--retry", "2")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3
    assert done.stderr.endswith(
        "no mirror could be reached: is there a network, a proxy? (-v tells more)\n"
    )


def test_what_was_never_tried_is_not_called_failed(lab: Lab) -> None:
    text = lab.config.read_text(encoding="utf-8")
    dead = f"http://127.0.0.1:{free_port()}/pub/pdb"
    lab.config.write_text(text.replace(lab.mirror.url, dead), encoding="utf-8")
    (lab.run.cwd / "ids.txt").write_text("\n".join(f"{n}abc" for n in range(1, 10)))
    options = ("-p", "1", "--retry", "0", "--failed-out", "left.txt", "--report", "report.jsonl")
    done = lab.run("download", "-l", "ids.txt", *options)
    assert done.returncode == 1
    rows = [json.loads(line) for line in (lab.run.cwd / "report.jsonl").read_text().splitlines()]
    assert {row["status"] for row in rows} == {"failed"}
    untried = {row["id"] for row in rows if not row["attempts"]}
    assert 0 < len(untried) < 9
    failed = f"{9 - len(untried)} failed, {len(untried)} not tried; no mirror could be reached"
    assert failed in done.stderr.splitlines()[-1]
    left = dict(line.split("  # ") for line in (lab.run.cwd / "left.txt").read_text().splitlines())
    assert len(left) == 9
    assert {entry for entry in left if left[entry].startswith("not tried: ")} == untried
    # The list is the next run's.
    lab.config.write_text(text, encoding="utf-8")
    again = lab.run("download", "-l", "left.txt", "-n", "-o", "ids")
    assert again.stdout.split() == list(left)


def test_m6_empty_and_double_names_of_mirrors_are_dropped(lab: Lab) -> None:
    done = lab.run("download", "3hya", "-m", "lab,, lab,", "-m", "lab", "-n", "-o", "ids")
    assert (done.returncode, done.stdout) == (0, "3hya\n"), done.stderr
    for nothing in ("", ",", " "):
        done = lab.run("download", "3hya", "-m", nothing)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "a name is expected" in done.stderr


def test_several_mirrors_may_stand_behind_one_option(lab: Lab) -> None:
    done = lab.run("download", "3hya", "-m", "lab,rcsb", "-n", "-o", "ids")
    assert (done.returncode, done.stdout) == (0, "3hya\n")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_work_and_leaves_no_partial_file(lab: Lab, number: int) -> None:
    lab.mirror.delay_s = 20.0
    process = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "download", *THREE],
        cwd=lab.run.cwd,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: lab.local() if lab.collection.exists() else None, what="partial files")
    process.send_signal(number)
    _, message = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert message.splitlines()[-1].endswith("run the same command again to go on")
    assert lab.local() == {}


class TestWrongInput:
    """One clear line, the right exit code, nothing lost, nothing started."""

    def test_all_bad_ids_at_once_with_their_lines(self, lab: Lab) -> None:
        listed = lab.run.cwd / "l.txt"
        listed.write_text("3hya\nabcd\n\n1kqe 12345\n", encoding="utf-8")
        done = lab.run("download", "-l", "l.txt", "nope")
        assert done.returncode == 2
        assert done.stderr == (
            "pdb-cli: 3 ids not valid: 'nope' (arguments), 'abcd' (l.txt, line 2), "
            "'12345' (l.txt, line 4); ids look like 4hhb or pdb_00004hhb\n"
        )
        assert lab.mirror.requests == ()

    def test_skip_invalid_goes_on_without_them(self, lab: Lab) -> None:
        done = lab.run("download", "3hya", "nope", "--skip-invalid")
        assert done.returncode == 0
        assert done.stderr.startswith("skipping 1 id not valid: 'nope' (arguments)\n")

    @pytest.mark.parametrize("text", ["", "# only a comment\n\n"])
    def test_an_empty_list(self, lab: Lab, text: str) -> None:
        (lab.run.cwd / "l.txt").write_text(text, encoding="utf-8")
        done = lab.run("download", "-l", "l.txt")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "l.txt holds no ids" in done.stderr

    def test_no_ids_at_all(self, lab: Lab) -> None:
        done = lab.run("download")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)

    def test_an_unreadable_list(self, lab: Lab) -> None:
        for name, reason in (("missing.txt", "No such file"), (".", "Is a directory")):
            done = lab.run("download", "-l", name)
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
            assert f"can not read {name}: {reason}" in done.stderr

    def test_a_destination_that_is_a_file(self, lab: Lab, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"precious")
        done = lab.run("download", "3hya", "-d", tmp_path / "file" / "below")
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "is not a directory" in done.stderr
        assert (tmp_path / "file").read_bytes() == b"precious"

    def test_a_destination_that_may_not_be_written(self, lab: Lab) -> None:
        done = lab.run("download", "3hya", "-d", "/proc/pdb-cli")
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "can not" in done.stderr
        assert lab.mirror.requests == ()

    def test_an_unknown_mirror(self, lab: Lab) -> None:
        done = lab.run("download", "3hya", "-m", "rcbs")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "did you mean rcsb?" in done.stderr

    def test_a_combination_the_archive_does_not_have(self, lab: Lab) -> None:
        done = lab.run("download", "3hya", "-t", "sf", "-f", "pdb")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)

    def test_a_refused_connection(self, lab: Lab) -> None:
        text = lab.config.read_text(encoding="utf-8")
        dead = f"http://127.0.0.1:{free_port()}/pub/pdb"
        lab.config.write_text(text.replace(lab.mirror.url, dead), encoding="utf-8")
        done = lab.run("-q", "download", "3hya", "--retry", "0")
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert dead.split("/")[2] in done.stderr

    def test_a_list_that_is_not_text_or_stands_where_an_id_should(self, lab: Lab) -> None:
        packed = lab.run.cwd / "list.gz"
        packed.write_bytes(b"\x1f\x8b\x08\0\0\0")
        done = lab.run("download", "-l", "list.gz")
        assert done.stderr == "pdb-cli: can not read list.gz: it is not a text file\n"
        assert lab.run("download", "list.gz").stderr.endswith("is list.gz a list? Use -l list.gz\n")

    def test_options_that_make_no_sense_together(self, lab: Lab) -> None:
        for arguments in (["-a", "2"], ["-n", "--bg"], ["-d", ""]):
            done = lab.run("download", "3hya", *arguments)
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), arguments
        assert lab.mirror.requests == ()

    def test_a_preferred_format_the_archive_does_not_have(self, lab: Lab) -> None:
        text = lab.config.read_text(encoding="utf-8") + 'format = "bcif"\n'
        lab.config.write_text(text, encoding="utf-8")
        done = lab.run("download", "3hya")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "structures as bcif" in done.stderr

    @pytest.mark.parametrize("flag", [("-p", "0"), ("--retry", "-1"), ("-a", "0"), ("-o", "yaml")])
    def test_d11_values_out_of_range_are_usage_errors(
        self, lab: Lab, flag: tuple[str, str]
    ) -> None:
        done = lab.run("download", "3hya", *flag)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert lab.mirror.requests == ()

    def test_an_unknown_setting_names_file_line_and_nearest_key(self, lab: Lab) -> None:
        text = lab.config.read_text(encoding="utf-8") + "paralel = 3\n"
        lab.config.write_text(text, encoding="utf-8")
        done = lab.run("download", "3hya")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        line = len(text.splitlines())
        assert f"{lab.config}, line {line}: download.paralel" in done.stderr
        assert "did you mean download.parallel?" in done.stderr

    def test_a_full_disk(self, lab: Lab, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", size_bytes=200 << 10) as disk:
            self._fill_and_download(lab, disk)

    def _fill_and_download(self, lab: Lab, disk: Path) -> None:
        (disk / "filler").write_bytes(b"x" * 190_000)
        done = lab.run("-q", "download", *THREE, "-d", disk)
        assert done.returncode in {1, 3}
        assert "No space left on device" in done.stderr
        assert "free some space" in done.stderr
        published = {Path(path).name: data for path, data in lab.published().items()}
        for path in disk.iterdir():
            assert path.name == "filler" or path.read_bytes() == published[path.name]


def test_a_message_has_no_traceback_unless_asked(lab: Lab) -> None:
    assert "Traceback" not in lab.run("download", "nope").stderr
    assert "Traceback" in lab.run("-v", "download", "nope").stderr


def test_a_reader_that_goes_away_is_no_error_message(lab: Lab) -> None:
    lab.run("download", *THREE)
    done = subprocess.run(  # noqa: S602 - the pipe is what is tested
        f"{sys.executable} -m pdb_cli download 3hya 1kqe 1dsr -n -o json | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=30,
        env=dict(os.environ),
        check=False,
    )
    assert done.stdout == "["
    assert done.stderr == ""


def test_a_closed_pipe_has_its_own_exit_code(lab: Lab) -> None:
    ids = " ".join(f"{a}{b:03d}" for a in range(1, 10) for b in range(400))
    command = f"{sys.executable} -m pdb_cli download {ids} -n | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=lab.run.cwd, check=False
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_a_superseded_entry_is_explained_or_followed(lab: Lab) -> None:
    lab.mirror.tree.publish(obsolete={"1dsr": "3HYA"}, unreleased=["9hld"])
    done = lab.run("download", "1dsr", "9hld", "9zzz", "1kqe", "-o", "json")
    assert done.returncode == 3
    reasons = {row["id"]: row["reason"] for row in json.loads(done.stdout)}
    assert reasons["1dsr"].startswith("superseded by 3hya (obsolete since ")
    assert reasons["9hld"] == "not yet released: on hold until publication (HPUB)"
    assert reasons["9zzz"] == "neither obsolete nor announced"
    assert reasons["1kqe"] is None
    assert "1dsr.cif.gz: superseded by 3hya" in done.stderr
    followed = lab.run("download", "1dsr", "1kqe", "--obsolete", "follow", "-o", "json")
    assert followed.returncode == 0, followed.stderr
    asked = {row["id"]: row["asked_ids"] for row in json.loads(followed.stdout)}
    assert asked == {"3hya": ["1dsr"], "1kqe": ["1kqe"]}
    assert "1dsr is obsolete: fetching 3hya instead" in followed.stderr
    assert (lab.collection / ".pdb-cli" / "holdings").is_dir()


def test_d11_every_assembly_there_is(lab: Lab) -> None:
    planned = lab.run("download", "4hhb", "-t", "asm", "-a", "all", "-n", "-o", "json")
    assert planned.returncode == 0, planned.stderr
    assert [row["action"] for row in json.loads(planned.stdout)] == ["fetch"]
    assert not lab.collection.exists()
    done = lab.run("download", "4hhb", "-t", "asm", "-t", "biounit", "-a", "ALL")
    assert done.returncode == 0, done.stderr
    assert {"4hhb-assembly1.cif.gz", "4hhb.pdb1.gz"} <= {
        path.rpartition("/")[2] for path in lab.local()
    }
    for wrong in ("0", "-1", "every"):
        assert lab.run("download", "4hhb", "-t", "asm", "-a", wrong).returncode == 2
