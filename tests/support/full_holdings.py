"""Holdings as large as the archive's own, made of synthetic ids: nothing real is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE_ENTRIES = 260_000
"""About as many as the archive had in September 2026."""

_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyz"
_ENTRIES_PER_CHUNK = 500


def synthetic_ids(count: int) -> Iterator[str]:
    """Yield classic ids, lower case, each once: ``1000``, ``1001``, ... at most 419,904."""
    base = len(_ALPHANUMERIC)
    for number in range(count):
        rest, fourth = divmod(number, base)
        rest, third = divmod(rest, base)
        first, second = divmod(rest, base)
        yield f"{first + 1}{_ALPHANUMERIC[second]}{_ALPHANUMERIC[third]}{_ALPHANUMERIC[fourth]}"


def current_file_holdings(entries: int = ARCHIVE_ENTRIES) -> Iterator[bytes]:
    """Yield the text of ``current_file_holdings`` piece by piece, in the archive's proportions.

    Most entries have a legacy PDB file and structure factors, 8 % have NMR data, and there are 1.4
    assemblies of each.
    """
    yield b"{\n"
    block: list[str] = []
    for number, entry in enumerate(synthetic_ids(entries)):
        block.append(("" if number == 0 else ",\n") + _entry(entry, number))
        if len(block) == _ENTRIES_PER_CHUNK:
            yield "".join(block).encode()
            block.clear()
    yield "".join(block).encode() + b"\n}\n"


def released_structures_last_modified_dates(entries: int = ARCHIVE_ENTRIES) -> Iterator[bytes]:
    """Yield the text of ``released_structures_last_modified_dates`` piece by piece."""
    yield b"{\n"
    for number, entry in enumerate(synthetic_ids(entries)):
        start = "" if number == 0 else ",\n"
        day = f"20{number % 20 + 7:02}-{number % 12 + 1:02}-{number % 28 + 1:02}"
        yield f'{start}    "{entry.upper()}" : "{day}T14:09:19+00:00"'.encode()
    yield b"\n}\n"


def assemblies_of(number: int) -> int:
    """Return how many assemblies the entry of this number has."""
    return 44 if number % 5000 == 0 else 1 + (number % 3 == 0)


def _entry(entry: str, number: int) -> str:
    """Return one member of the document: all files of an entry."""
    h = entry[1:3]
    divided = "/pdb/data/structures/divided"
    types = {"mmcif": [f"{divided}/mmCIF/{h}/{entry}.cif.gz"]}
    if number % 10:
        types["pdb"] = [f"{divided}/pdb/{h}/pdb{entry}.ent.gz"]
    types["pdbml"] = [f"{divided}/XML/{h}/{entry}.xml.gz"]
    types["pdbml_extatom"] = [f"{divided}/XML-extatom/{h}/{entry}-extatom.xml.gz"]
    types["pdbml_noatom"] = [f"{divided}/XML-noatom/{h}/{entry}-noatom.xml.gz"]
    numbers = range(1, assemblies_of(number) + 1)
    types["assembly_mmcif"] = [
        f"/pdb/data/assemblies/mmCIF/divided/{h}/{entry}-assembly{n}.cif.gz" for n in numbers
    ]
    types["assembly_pdb"] = [
        f"/pdb/data/biounit/PDB/divided/{h}/{entry}.pdb{n}.gz" for n in numbers
    ]
    report = f"/pdb/validation_reports/{h}/{entry}/{entry}"
    endings = ["full_validation.pdf", "validation.pdf", "multipercentile_validation.png"]
    endings += ["multipercentile_validation.svg", "validation.xml", "validation.cif"]
    if number % 12 == 0:
        types["nmr_chemical_shifts"] = [f"{divided}/nmr_chemical_shifts/{h}/{entry}_cs.str.gz"]
        types["nmr_restraints_v1"] = [f"{divided}/nmr_restraints/{h}/{entry}.mr.gz"]
        types["nmr_restraints_v2"] = [f"{divided}/nmr_restraints_v2/{h}/{entry}_mr.str.gz"]
    else:
        types["structure_factors"] = [f"{divided}/structure_factors/{h}/r{entry}sf.ent.gz"]
        endings += ["validation_2fo-fc_map_coef.cif", "validation_fo-fc_map_coef.cif"]
    types["validation_report"] = [f"{report}_{ending}.gz" for ending in endings]
    members = ",\n".join(
        f'        "{name}" : [\n'
        + ",\n".join(f'            "{path}"' for path in paths)
        + "\n        ]"
        for name, paths in types.items()
    )
    return f'    "{entry.upper()}" : {{\n{members}\n    }}'
