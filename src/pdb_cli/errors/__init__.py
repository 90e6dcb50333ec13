"""Every error pdb-cli raises on purpose: facts in fields, no sentences for people.

``cli/errors.py`` turns a type and its fields into the one line a user sees; nothing here prints
or exits. Fields are handed to ``Exception.__init__`` in order, so every error pickles. Each is
imported from here; the modules are by subject, and are loaded when a name of theirs is first used:
``pdb-cli jobs`` needs two of them.

::

    PdbCliError
    ├── UsageError            what was asked for can not be understood
    │   ├── InvalidIdsError   ├── EmptyListError   ├── UnknownNameError
    │   ├── UnsupportedError  ├── SettingsError    ├── InvalidValueError
    │   ├── BatchAllocationError └── NoCollectionError
    ├── FileAccessError       the operating system refused a file operation
    ├── RsyncUnavailableError the system's rsync is missing, or will not do
    ├── TransferError         a mirror did not deliver
    │   ├── RsyncError (RsyncTransientError, RsyncRefusedError, RsyncBusyError)
    │   ├── ConnectionFailedError   ├── HttpStatusError
    │   │   ├── ConnectTimeoutError
    │   │   └── NobodyListensError
    │   ├── RedirectError           ├── ResumeError
    │   └── StaleVersionError
    ├── VerificationError     bytes arrived that are not what was asked for
    │   ├── WebPageError          a web page in place of a file
    │   └── HoldingsError         a list of what the archive holds can not be used
    ├── CollectionBusyError   somebody else is changing the collection
    │   └── CollectionLostError
    ├── ObsoleteLimitError    update must not take so many entries away
    ├── SyncError             a run of sync must not go on
    │   ├── ListDoubtError    ├── DeleteLimitError   ├── NoSpaceError
    │   └── UnsafeTreeError   └── NoTransportError
    └── JobError              background jobs
        ├── UnknownJobError   ├── AmbiguousJobError   ├── JobStartError
        ├── JobRecordError    ├── JobStateError     ├── JobRestartError
        ├── JobOutOfReachError └── WaitTimeoutError
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdb_cli.errors.base import (
        FileAccessError,
        PdbCliError,
    )
    from pdb_cli.errors.collection import (
        CollectionBusyError,
        CollectionLostError,
        DeleteLimitError,
        ListDoubt,
        ListDoubtError,
        NoSpaceError,
        NoTransportError,
        ObsoleteLimitError,
        SyncError,
        UnsafeTreeError,
    )
    from pdb_cli.errors.jobs import (
        AmbiguousJobError,
        JobError,
        JobOutOfReachError,
        JobRecordError,
        JobRestartError,
        JobStartError,
        JobStateError,
        UnknownJobError,
        WaitTimeoutError,
    )
    from pdb_cli.errors.transfer import (
        ConnectionFailedError,
        ConnectTimeoutError,
        Defect,
        HoldingsError,
        HttpStatusError,
        NobodyListensError,
        RedirectError,
        ResumeError,
        RsyncBusyError,
        RsyncError,
        RsyncRefusedError,
        RsyncTransientError,
        RsyncUnavailableError,
        StaleVersionError,
        TransferError,
        VerificationError,
        WebPageError,
    )
    from pdb_cli.errors.usage import (
        BatchAllocationError,
        EmptyListError,
        InvalidId,
        InvalidIdsError,
        InvalidValueError,
        NoCollectionError,
        SettingsError,
        UnknownNameError,
        UnsupportedError,
        UsageError,
    )

__all__ = [
    "AmbiguousJobError",
    "BatchAllocationError",
    "CollectionBusyError",
    "CollectionLostError",
    "ConnectTimeoutError",
    "ConnectionFailedError",
    "Defect",
    "DeleteLimitError",
    "EmptyListError",
    "FileAccessError",
    "HoldingsError",
    "HttpStatusError",
    "InvalidId",
    "InvalidIdsError",
    "InvalidValueError",
    "JobError",
    "JobOutOfReachError",
    "JobRecordError",
    "JobRestartError",
    "JobStartError",
    "JobStateError",
    "ListDoubt",
    "ListDoubtError",
    "NoCollectionError",
    "NoSpaceError",
    "NoTransportError",
    "NobodyListensError",
    "ObsoleteLimitError",
    "PdbCliError",
    "RedirectError",
    "ResumeError",
    "RsyncBusyError",
    "RsyncError",
    "RsyncRefusedError",
    "RsyncTransientError",
    "RsyncUnavailableError",
    "SettingsError",
    "StaleVersionError",
    "SyncError",
    "TransferError",
    "UnknownJobError",
    "UnknownNameError",
    "UnsafeTreeError",
    "UnsupportedError",
    "UsageError",
    "VerificationError",
    "WaitTimeoutError",
    "WebPageError",
]

if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Find a name in the modules, those that most runs need first (PEP 562)."""
        if name in __all__:
            for module in ("base", "jobs", "usage", "transfer", "collection"):
                names = vars(__import__(f"{__name__}.{module}", fromlist=["*"]))
                if name in names:
                    return globals().setdefault(name, names[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the names, also those that nobody used yet."""
    return sorted(__all__)
