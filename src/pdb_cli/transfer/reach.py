"""Can a server be reached? A connection and a greeting, and not one request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pdb_cli.transfer.curl_errors import translate_curl_error
from pdb_cli.transfer.handle import buffer_bytes, make_handle
from pdb_cli.transfer.options import HttpOptions, find_ca_bundle

if TYPE_CHECKING:
    from pdb_cli.errors import PdbCliError


def reach(url: str, *, options: HttpOptions, timeout_s: float) -> PdbCliError | None:
    """Connect to the server of a URL, through a proxy where the environment names one.

    Parameters
    ----------
    url
        Any URL of the server.
    options
        Certificates.
    timeout_s
        Longest time for all of it, in seconds.

    Returns
    -------
    PdbCliError | None
        Why it can not be reached; None if it can.
    """
    import pycurl

    limits = replace(options, connect_timeout_s=min(timeout_s, options.connect_timeout_s))
    handle = make_handle(limits, options.ca_file or find_ca_bundle(), buffer_bytes(options))
    curl = handle.curl
    try:
        curl.setopt(pycurl.URL, url.encode())
        curl.setopt(pycurl.CONNECT_ONLY, 1)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, round(timeout_s * 1000)))
        try:
            curl.perform()
        except pycurl.error as error:
            code, message = error.args
            return translate_curl_error(curl, code, message, url)
    finally:
        curl.close()
    return None
