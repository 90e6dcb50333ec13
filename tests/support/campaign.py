"""A download of many files of which some meet a fault, and what must come of each of them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.archive_gzip import archive_gzip
from support.fault_server import FaultServer
from support.faults import (
    Body,
    Chunked,
    Drip,
    Endless,
    FlippedBit,
    OddHeaders,
    OtherFile,
    Raw,
    Redirect,
    Reset,
    ShortBody,
    Stall,
    Status,
    TruncatedFile,
    WebPage,
    WrongLength,
)
from support.large_mirror import make_large_mirror
from support.watcher import watched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.cli import CliRunner
    from support.faults import Fault
    from support.watcher import Watch

DOWNLOADED, FAILED, NOT_FOUND = "downloaded", "failed", "not-found"
RETRIES = 2
FAULTY_SHARE = 0.1
OLD_SHARE = 0.1
_HEAD = b"HTTP/1.1 200 OK\r\n%s\r\n\r\n"
_OTHER_NAME = "/pub/pdb/data/structures/divided/mmCIF/00/9000.cif.gz"

PASSING: dict[str, Fault] = {
    "503": Status(503),
    "503 with a date": Status(503, retry_after_s=1, as_date=True),
    "429 with seconds": Status(429, retry_after_s=1),
    "500": Status(500),
    "408": Status(408),
    "425": Status(425),
    "reset": Reset(),
    "reset at once": Reset(after_bytes=0),
    "short body": ShortBody(),
    "length too small": WrongLength(),
    "truncated": TruncatedFile(),
    "flipped bit": FlippedBit(),
    "flipped checksum": FlippedBit(offset=-5),
    "web page": WebPage(),
    "other entry": OtherFile(_OTHER_NAME),
    "empty": Body(b""),
    "not gzip": Body(b"data_9000\n#\n"),
    "bomb": Body(archive_gzip(b"data_9000\n" + bytes(5_000_000), name="")),
    "stall": Stall(),
    "silence": Raw(b"", stays_open=True),
    "half a header": Raw(b"HTTP/1.1 200 OK\r\nServer: x\r\n", stays_open=True),
    "hang-up": Raw(b""),
    "bad chunk": Raw(_HEAD % b"Transfer-Encoding: chunked" + b"zz\r\nnothing"),
    "no last chunk": Raw(_HEAD % b"Transfer-Encoding: chunked" + b"1\r\nx\r\n"),
    "endless error page": Endless(503),
}
"""Another try helps; where they stay, the file has failed."""
FINAL: dict[str, Fault] = {
    "403": Status(403),
    "loop": Redirect(),
    "redirect to a file": Redirect("file:///etc/passwd"),
}
"""No other try is made: the file has failed."""
HARMLESS: dict[str, Fault] = {
    "chunked": Chunked(),
    "drip": Drip(pieces=5, pause_s=0.05),
    "encoded, it says": OddHeaders((("Content-Encoding", "gzip"),)),
}
ABSENT: dict[str, Fault] = {"404": Status(404), "410": Status(410)}


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a file meets, and what comes of it."""

    name: str
    fault: Fault
    times: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a campaign ended, beside how it should have."""

    exit_code: int
    expected_exit_code: int
    statuses: Mapping[str, str]
    expected_statuses: Mapping[str, str]
    files: Mapping[str, bytes]
    expected_files: Mapping[str, bytes]
    errors: str
    watch: Watch

    def check(self) -> None:
        """Fail with what is not as it should be."""
        wrong = {
            entry: (status, self.statuses.get(entry))
            for entry, status in self.expected_statuses.items()
            if self.statuses.get(entry) != status
        }
        assert wrong == {}, self.errors
        assert self.statuses.keys() == self.expected_statuses.keys()
        assert self.watch.bad == []
        differing = {
            name
            for name in self.files.keys() | self.expected_files.keys()
            if self.files.get(name) != self.expected_files.get(name)
        }
        assert differing == set()
        assert self.watch.looks > 1
        assert self.exit_code == self.expected_exit_code
        assert "Traceback" not in self.errors


def every_fault_alone() -> list[Meeting]:
    """Return every fault, once where it passes and once where it stays."""
    passing = [Meeting(name, fault, 1, DOWNLOADED) for name, fault in PASSING.items()]
    staying = [Meeting(name, fault, None, FAILED) for name, fault in PASSING.items()]
    final = [Meeting(name, fault, None, FAILED) for name, fault in FINAL.items()]
    absent = [Meeting(name, fault, None, NOT_FOUND) for name, fault in ABSENT.items()]
    harmless = [Meeting(name, fault, None, DOWNLOADED) for name, fault in HARMLESS.items()]
    return [*passing, *staying, *final, *absent, *harmless]


def mixed_faults(files: int, *, seed: int) -> dict[int, Meeting]:
    """Choose a tenth of the files, by number, and a fault for each of them.

    Two of three pass at the second try, so that most of the mirror's answers are good.
    """
    chance = random.Random(seed)
    chosen = chance.sample(range(files), round(files * FAULTY_SHARE))
    passing = [meeting for meeting in every_fault_alone() if meeting.status == DOWNLOADED]
    return {
        number: chance.choice(passing if chance.random() < 2 / 3 else every_fault_alone())
        for number in chosen
    }


def run_campaign(
    folder: Path,
    run_cli: CliRunner,
    meetings: Mapping[int, Meeting],
    *,
    files: int,
    parallel: int,
    seed: int = 0,
    rate_bytes_per_s: float | None = None,
    stall_timeout_s: float = 1.5,
    timeout_s: float = 50.0,
) -> Verdict:
    """Download files of which some meet a fault, over older ones that are good, and watched.

    Parameters
    ----------
    folder
        An empty one for everything.
    run_cli
        Runs the command.
    meetings
        By the number of the file.
    files
        How many there are.
    parallel
        How many are asked for at the same time.
    seed
        Chooses the files of which there is an older version.
    rate_bytes_per_s
        How fast the link is.
    stall_timeout_s
        After how long a silent transfer is given up; on a busy machine an honest server is silent
        for a while too.
    timeout_s
        When to give up.
    """
    mirror = make_large_mirror(folder / "mirror", files=files, repeats=(1,), sources=("3hya",))
    entries = list(mirror.paths)
    destination, older = folder / "destination", folder / "older"
    destination.mkdir()
    older.mkdir()
    expected = {path.name: path.read_bytes() for path in mirror.paths.values()}
    statuses = dict.fromkeys(entries, DOWNLOADED)
    old = random.Random(seed).sample(entries, round(files * OLD_SHARE))
    # Every file that will fail has an older version too: that is what a bad one might replace.
    lost = [entries[number] for number, met in meetings.items() if met.status != DOWNLOADED]
    for entry in {*old, *lost[::2]}:
        text = f"data_{entry.upper()}\n# the version before\n_entry.id {entry.upper()}\n#\n"
        data = archive_gzip(text.encode(), name=f"{entry}.cif")
        for place in (destination, older):
            (place / f"{entry}.cif.gz").write_bytes(data)
    with FaultServer(folder / "mirror", rate_bytes_per_s=rate_bytes_per_s) as server:
        for number, met in meetings.items():
            entry = entries[number]
            path = mirror.paths[entry]
            server.inject(
                met.fault, f"/{path.relative_to(folder / 'mirror').as_posix()}", times=met.times
            )
            statuses[entry] = met.status
            if met.status != DOWNLOADED:
                old_file = older / path.name
                expected.pop(path.name)
                if old_file.exists():
                    expected[path.name] = old_file.read_bytes()
        config = folder / "config.toml"
        config.write_text(
            f'[mirror]\ndefault = ["lab"]\n[mirrors.lab]\nhttps = "{server.url}/pub/pdb"\n'
            f"[download]\nretry = {RETRIES}\nstall_timeout_s = {stall_timeout_s}\n"
        )
        (folder / "list.txt").write_text("\n".join(entries))
        with watched(destination, folder / "mirror", older) as watch:
            done = run_cli(
                *("--config", config, "download", "-l", folder / "list.txt", "-d", destination),
                *("-p", str(parallel), "--overwrite", "-o", "json"),
                timeout_s=timeout_s,
            )
    good = sum(status == DOWNLOADED for status in statuses.values())
    return Verdict(
        exit_code=done.returncode,
        expected_exit_code=0 if good == files else 3 if good else 1,
        statuses={row["id"]: row["status"] for row in json.loads(done.stdout or "[]")},
        expected_statuses=statuses,
        files={path.name: path.read_bytes() for path in destination.iterdir()},
        expected_files=expected,
        errors=done.stderr,
        watch=watch,
    )
