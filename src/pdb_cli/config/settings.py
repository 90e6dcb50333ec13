"""The settings as frozen values. The defaults written here are the only ones there are."""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.mirrors import Mirror, find_mirror


class OriginKind(StrEnum):
    """What kind of source a value comes from, the weakest first."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Origin(NamedTuple):
    """Where a value comes from."""

    kind: OriginKind
    detail: str = ""
    """``path:line``, the variable's or the flag's name; empty for a default."""

    def __str__(self) -> str:
        """Return kind and detail."""
        return f"{self.kind} {self.detail}".rstrip()


class SyncFormat(StrEnum):
    """In which formats ``sync`` keeps structures."""

    MMCIF = "mmcif"
    PDB = "pdb"
    BOTH = "both"


class Transport(StrEnum):
    """How ``sync`` reaches a mirror."""

    AUTO = "auto"
    """rsync where the program and the port answer, else https."""
    RSYNC = "rsync"
    HTTPS = "https"


class PathSettings(NamedTuple):
    """``[paths]``."""

    pdb_dir: Path | None = None
    """Root of the collection."""
    data_type_dirs: Mapping[DataType, Path] = MappingProxyType({})
    """Types that are kept elsewhere than below the root."""


class MirrorSettings(NamedTuple):
    """``[mirror]``."""

    default: tuple[str, ...] = ("rcsb", "pdbj", "wwpdb")
    """Names (no regions) in order of preference, which is the order of fail-over."""


class DownloadSettings(NamedTuple):
    """``[download]``."""

    parallel: int = 16
    """Transfers at once."""
    retry: int = 5
    """More tries per file and mirror, after the first."""
    connect_timeout_s: float = 10.0
    stall_timeout_s: float = 30.0
    """A transfer that moves nothing for so long is given up."""
    limit_rate: str = ""
    """The user's text; ``kinds.rate_bytes_per_s`` reads it. Empty: no limit."""
    contact_url: str = ""
    """Told to every server, with the program's name; empty: nothing."""
    format: FileFormat = FileFormat.MMCIF
    fallback: bool = True
    """Whether mmCIF is fetched where an entry has no file in the legacy format."""


class SyncTarget(NamedTuple):
    """``[sync.targets.NAME]``; None is as in ``[sync]`` or, for the mirror, ``[mirror]``."""

    types: tuple[DataType, ...] | None = None
    format: SyncFormat | None = None
    transport: Transport | None = None
    delete: bool | None = None
    max_delete: str | None = None
    mirror: str | None = None


class SyncSettings(NamedTuple):
    """``[sync]``."""

    types: tuple[DataType, ...] = (DataType.STRUCTURES,)
    format: SyncFormat = SyncFormat.MMCIF
    transport: Transport = Transport.AUTO
    delete: bool = False
    """Whether local files that the mirror does not have are removed."""
    max_delete: str = "5%"
    """Most files that may be removed in one run: a count, or percent of the local files."""
    targets: Mapping[str, SyncTarget] = MappingProxyType({})


class JobSettings(NamedTuple):
    """``[jobs]``."""

    dir: Path | None = None
    """Where job records are; None for ``paths.default_jobs_dir``."""
    grace_s: float = 10.0
    """Seconds between asking a job to end and making it end."""
    log_max_mb: int = 50
    """Largest log of one job, in units of 1,000,000 bytes."""
    notify: str = ""
    """A command, or an Apprise URL; empty for none."""


class ApiSettings(NamedTuple):
    """``[api]``."""

    rcsb_data: str = "https://data.rcsb.org"
    rcsb_search: str = "https://search.rcsb.org"


class Settings(NamedTuple):
    """Every setting, and where each one comes from."""

    paths: PathSettings = PathSettings()
    mirror: MirrorSettings = MirrorSettings()
    mirrors: Mapping[str, Mirror] = MappingProxyType({})
    """The configured mirrors by lower-case name, complete: what the configuration leaves out
    of a built-in mirror is as built in."""
    download: DownloadSettings = DownloadSettings()
    sync: SyncSettings = SyncSettings()
    jobs: JobSettings = JobSettings()
    api: ApiSettings = ApiSettings()
    origins: Mapping[str, Origin] = MappingProxyType({})
    """By dotted key, such as ``download.parallel``; every key that has a value is there."""

    def preferred_mirrors(self) -> tuple[Mirror, ...]:
        """Return the mirrors of ``mirror.default``, in order of preference."""
        return tuple(find_mirror(name, self.mirrors) for name in self.mirror.default)
