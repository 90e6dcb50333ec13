"""Endpoints that ended, by name, so that a user who configures one is told instead of left waiting.

Source: news and documentation of wwPDB and RCSB, with the dates given in the rows.
"""

from __future__ import annotations

import re
from typing import Final

RETIRED: Final[tuple[tuple[str, str], ...]] = (
    (
        r"ftp://(ftp|files|www)\.(wwpdb|rcsb)\.org\b.*",
        "wwPDB and RCSB ended FTP on 2024-11-01; use https://files.wwpdb.org/pub/pdb",
    ),
    (
        r"(https?://)?ftp\.(wwpdb|rcsb)\.org\b.*",
        "this name ended in 2023-09; use files.wwpdb.org for HTTPS, rsync.wwpdb.org for rsync",
    ),
    (r".*/ls-lR(\.gz)?", "ls-lR ended on 2023-07-12; the holdings files replace it"),
    (r"(https?://)?mmtf\.rcsb\.org\b.*", "the MMTF service ended; BinaryCIF replaces it"),
    (
        r"(https?://)?ligand-expo\.rcsb\.org\b.*|.*/cc-to-pdb\.tdd",
        "Ligand Expo ended and answers with a web page",
    ),
    (
        r"(https?://)?(www|search)\.rcsb\.org/(pdb/rest/search|rcsbsearch/v1)\b.*",
        "RCSB's Search API v1 ended; use https://search.rcsb.org",
    ),
    (
        r"(rsync://)?rsync-nextgen\.(rcsb|wwpdb)\.org\b.*",
        "RCSB's NextGen rsync ended in 2026-06; use rsync-nextgen.pdbj.org",
    ),
    (r".*/CHECKSUMS", "the archive has no CHECKSUMS files"),
)
"""Pattern of the URL (any case) and what to tell; the first that fits counts."""


def explain_retired(url: str) -> str | None:
    """Say why an endpoint does not work any more.

    Parameters
    ----------
    url
        A URL, or ``host/path`` without a scheme.

    Returns
    -------
    str or None
        What happened and what to use instead; None when nothing is known against it.

    Examples
    --------
    >>> explain_retired("https://mmtf.rcsb.org/v1.0/full/4hhb")
    'the MMTF service ended; BinaryCIF replaces it'
    >>> explain_retired("https://files.rcsb.org/pub/pdb") is None
    True
    """
    for pattern, explanation in RETIRED:
        if re.fullmatch(pattern, url.strip(), re.IGNORECASE | re.DOTALL):
            return explanation
    return None
