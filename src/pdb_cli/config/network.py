"""From settings and environment to how mirrors are talked to; for every command that transfers.

The variables are those of curl. libcurl itself follows the ones for proxies.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pdb_cli._version import __version__
from pdb_cli.config.kinds import rate_bytes_per_s
from pdb_cli.config.paths import home_dir
from pdb_cli.transfer.options import HttpOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.config.settings import Settings

CA_BUNDLE_VARIABLE = "CURL_CA_BUNDLE"
CA_FILE_VARIABLE = "SSL_CERT_FILE"
CA_DIR_VARIABLE = "SSL_CERT_DIR"
NETRC_VARIABLE = "NETRC"


def choose_http_options(settings: Settings, environ: Mapping[str, str]) -> HttpOptions:
    """Return connections, limits, certificates and passwords as the user has set them up.

    Parameters
    ----------
    settings
        The settings; those of ``[download]`` are meant.
    environ
        The environment. ``CURL_CA_BUNDLE`` wins over ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``,
        as it does for curl. ``NETRC`` names another file than ``~/.netrc``.

    Examples
    --------
    >>> from pdb_cli.config.settings import DownloadSettings, Settings
    >>> settings = Settings(download=DownloadSettings(limit_rate="2M"))
    >>> options = choose_http_options(settings, {"HOME": "/home/ada", "SSL_CERT_FILE": "/ca.pem"})
    >>> options.limit_rate_bytes_s, options.ca_file
    (2097152, '/ca.pem')
    """
    download = settings.download
    bundle = environ.get(CA_BUNDLE_VARIABLE)
    return HttpOptions(
        connections=download.parallel,
        connect_timeout_s=download.connect_timeout_s,
        stall_timeout_s=download.stall_timeout_s,
        limit_rate_bytes_s=rate_bytes_per_s(download.limit_rate),
        ca_file=bundle or environ.get(CA_FILE_VARIABLE) or None,
        ca_dir=None if bundle else environ.get(CA_DIR_VARIABLE) or None,
        netrc_file=_netrc_file(environ),
        user_agent=user_agent(download.contact_url),
    )


def user_agent(contact_url: str) -> str:
    """Return how we introduce ourselves to servers.

    Parameters
    ----------
    contact_url
        Where whoever runs a server finds the one who runs this program; empty for nowhere.

    Examples
    --------
    >>> user_agent("https://lab.example/pdb").partition(" ")[2]
    '(+https://lab.example/pdb)'
    """
    name = f"pdb-cli/{__version__}"
    return f"{name} (+{contact_url})" if contact_url else name


def _netrc_file(environ: Mapping[str, str]) -> str | None:
    """Return the user's file of passwords, if there is one."""
    named = environ.get(NETRC_VARIABLE)
    path = named or str(home_dir(environ) / ".netrc")
    # libcurl would look for it before every request.
    return path if os.path.isfile(path) else None  # noqa: PTH113 - a text is what is asked for
