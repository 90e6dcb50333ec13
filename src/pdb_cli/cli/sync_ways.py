"""The ways to a mirror that ``sync`` may take, made from settings, flags and environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pdb_cli.config.network import choose_http_options
from pdb_cli.config.paths import cache_dir
from pdb_cli.config.settings import Transport
from pdb_cli.operations.sync.model import TransportFactory
from pdb_cli.storage.state_dir import STATE_DIR

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.cli.session import Session
    from pdb_cli.cli.sync_request import Asked
    from pdb_cli.operations.sync.model import SyncTransport

_KIB = 1024


def make_factories(session: Session, asked: Asked) -> tuple[TransportFactory, ...]:
    """Return the ways that may be tried, the best first.

    Parameters
    ----------
    session
        This run.
    asked
        What is wanted, and by which way.
    """
    ways = {
        Transport.RSYNC: TransportFactory("rsync", lambda mirror: _rsync(session, asked, mirror)),
        Transport.HTTPS: TransportFactory("https", lambda mirror: _https(session, asked, mirror)),
    }
    if asked.transport is Transport.AUTO:
        return tuple(ways.values())
    return (ways[asked.transport],)


def check_program(session: Session, asked: Asked) -> None:
    """See that the one way that was asked for can be taken, before a job is started for it.

    Parameters
    ----------
    session
        This run.
    asked
        What is wanted, and by which way.

    Raises
    ------
    RsyncUnavailableError
        It is rsync, and there is no program that will do.
    """
    if asked.transport is Transport.RSYNC:
        from pdb_cli.transfer.rsync_program import find_rsync  # noqa: PLC0415 - one of two ways

        find_rsync(session.environ)


def _rsync(session: Session, asked: Asked, mirror: Mirror) -> SyncTransport:
    """Make the way by the rsync program; without a program there is none."""
    from pdb_cli.index.catalogue import open_catalogue  # noqa: PLC0415 - one of two ways
    from pdb_cli.operations.sync.rsync.transport import RsyncTransport  # noqa: PLC0415 - as above
    from pdb_cli.storage.collection import Collection  # noqa: PLC0415 - as above
    from pdb_cli.transfer.rsync_arguments import RsyncOptions  # noqa: PLC0415 - as above
    from pdb_cli.transfer.rsync_program import find_rsync  # noqa: PLC0415 - as above

    settings = session.settings()
    limit_kib_s = asked.bwlimit_kib_s
    if limit_kib_s is None:
        rate_bytes_s = choose_http_options(settings, session.environ).limit_rate_bytes_s
        limit_kib_s = 0 if rate_bytes_s is None else max(1, rate_bytes_s // _KIB)
    options = RsyncOptions(
        program=find_rsync(session.environ),
        parallel=asked.parallel or 1,
        bandwidth_kib_s=limit_kib_s,
        connect_timeout_s=settings.download.connect_timeout_s,
    )
    collection = Collection(asked.request.collection, asked.request.data_type_dirs)
    return RsyncTransport(
        mirror,
        options,
        state=_state_dir(session, asked) / "rsync",
        open_looks=lambda: open_catalogue(collection, writable=False),
    )


def _https(session: Session, asked: Asked, mirror: Mirror) -> SyncTransport:
    """Make the way by the archive's lists and the download engine."""
    from pdb_cli.index.catalogue import open_catalogue  # noqa: PLC0415 - one of two ways
    from pdb_cli.operations.sync.https.transport import (  # noqa: PLC0415 - one of two ways
        HttpsSettings,
        HttpsTransport,
    )
    from pdb_cli.storage.collection import Collection  # noqa: PLC0415 - as above
    from pdb_cli.transfer.retry import RetryPolicy  # noqa: PLC0415 - as above

    http = choose_http_options(session.settings(), session.environ)
    if asked.parallel is not None:
        http = replace(http, connections=asked.parallel)
    if asked.bwlimit_kib_s is not None:
        http = replace(http, limit_rate_bytes_s=asked.bwlimit_kib_s * _KIB)
    request = asked.request
    collection = Collection(request.collection, request.data_type_dirs)
    settings = HttpsSettings(
        lists_dir=_state_dir(session, asked) / "holdings",
        http=http,
        retry=RetryPolicy(retries=request.retries),
        fallbacks=tuple(each for each in request.mirrors if each is not mirror and each.https),
        open_memory=lambda: open_catalogue(collection, writable=not asked.dry_run),
        trust_list=request.trust_list,
    )
    return HttpsTransport(mirror, settings)


def _state_dir(session: Session, asked: Asked) -> Path:
    """Return where a transport may keep what it knows: a plan leaves no trace in a collection."""
    if asked.dry_run:
        return cache_dir(session.environ)
    return asked.request.collection / STATE_DIR
