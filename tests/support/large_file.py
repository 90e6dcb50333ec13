"""A file of the archive that is large enough to be continued after a break."""

from __future__ import annotations

import random
from functools import cache

from support.archive_gzip import archive_gzip

LARGE_ID = "3hya"


@cache
def large_file(seed: int = 0) -> bytes:
    """Return an mmCIF file of the entry ``LARGE_ID``, compressed, of about 1.5 MiB."""
    source = random.Random(seed)
    lines = [f"# {source.randbytes(40).hex()}\n".encode() for _ in range(34_000)]
    text = b"data_3HYA\n#\n_entry.id 3HYA\n" + b"".join(lines) + b"# \n"
    return archive_gzip(text, name="3hya.cif")
