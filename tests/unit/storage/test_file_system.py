from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.storage import file_system
from pdb_cli.storage.file_system import bsd_mounts, file_system_type, is_shared, linux_mounts
from support.small_disk import small_disk

if TYPE_CHECKING:
    from pathlib import Path

LINUX = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
25 22 0:22 / /proc rw,nosuid shared:5 - proc proc rw
90 22 0:50 / /data/pdb rw,relatime shared:9 master:2 - nfs4 server:/export rw,vers=4.2
91 90 0:51 / /data/pdb/my\040disk rw - xfs /dev/sdb1 rw
92 22 0:52 / /scratch rw - lustre 10.0.0.1@o2ib:/scratch rw,flock
93 22 0:53 / /home rw - autofs systemd-1 rw
94 93 0:54 / /home rw - nfs server:/home rw
broken line
"""
BSD = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
server:/export on /Volumes/my data (nfs, nodev, nosuid)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/data", "ext4"),
        ("/data/pdb", "nfs4"),
        ("/data/pdb2", "ext4"),
        ("/data/pdb/structures", "nfs4"),
        ("/data/pdb/my disk/pdb", "xfs"),
        ("/scratch/pdb", "lustre"),
        ("/home/user", "nfs"),
    ],
)
def test_the_nearest_and_latest_mount_counts(path: str, kind: str) -> None:
    assert file_system_type(path, linux_mounts(LINUX)) == kind


def test_mount_of_other_systems_is_read() -> None:
    assert dict(bsd_mounts(BSD)) == {
        "/": "local", "/Volumes/my data": "nfs", "/System/Volumes/Data/home": "autofs",
    }  # fmt: skip


def test_a_memory_disk_is_local(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_bytes=1024**2) as disk:
        assert not is_shared(disk)
        (tmp_path / "link").symlink_to(disk)
        assert not is_shared(tmp_path / "link")


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "fuse.sshfs", "9p", "never heard of"])
def test_what_is_not_known_to_be_local_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 254:0 / / rw - {kind} /dev/vda rw\n")
    monkeypatch.setattr(file_system, "_MOUNTS", mounts)
    assert is_shared(tmp_path)
    mounts.write_text("22 1 254:0 / / rw - xfs /dev/vda rw\n")
    assert not is_shared(tmp_path)
    mounts.write_text("")
    assert is_shared(tmp_path)
