"""Run a validation as a library, on a collection of real files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.validate.run import (
    Finding,
    Level,
    Repair,
    ValidateRequest,
    run_validate,
)
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy
from support.collected import overwrite

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.events import Event
    from pdb_cli.storage.collection import Collection
    from support.fault_server import FaultServer

CONTENT = ValidateRequest(Level.CONTENT, workers=2)
GZIP = ValidateRequest(Level.GZIP)
HASH = ValidateRequest(Level.HASH)
HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"
KQE = "structures/divided/mmCIF/kq/1kqe.cif.gz"
GDR = "structures/divided/pdb/gd/pdb1gdr.ent.gz"
ASSEMBLY = "assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz"
OPTIONS = HttpOptions(connections=4, connect_timeout_s=2, stall_timeout_s=2)


def repair_from(*mirrors: FaultServer) -> Repair:
    """Return how to fetch from mirrors."""
    named = tuple(
        Mirror(f"m{number}", f"{mirror.url}/pub/pdb", (), Layout.CLASSIC)
        for number, mirror in enumerate(mirrors)
    )
    return Repair(named, OPTIONS, RetryPolicy(retries=1, base_s=0.01))


def validate(
    collection: Collection, request: ValidateRequest = CONTENT, repair: Repair | None = None
) -> tuple[dict[str, Finding], list[Event]]:
    """Validate; return findings by path, and events."""
    events: list[Event] = []
    with open_catalogue(collection, observe=events.append) as catalogue:
        catalogue.refresh()
        findings = run_validate(
            collection, catalogue, request, repair=repair, observe=events.append
        )
        with closing(findings):
            found = list(findings)
    by_path = {finding.collected.file.path: finding for finding in found}
    assert len(by_path) == len(found)
    return by_path, events


def everything_below(root: Path) -> dict[str, bytes]:
    """Return all files of a collection but its own state."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".pdb-cli" not in path.parts
    }


def damage(collection: Collection, *names: str) -> dict[str, bytes]:
    """Flip a bit of files; return what they hold then."""
    for name in names:
        path = collection.root / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 16
        overwrite(path, bytes(data), keep_time=True)
    return {name: (collection.root / name).read_bytes() for name in names}
