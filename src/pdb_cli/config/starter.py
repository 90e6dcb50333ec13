"""The commented configuration file that ``config init`` writes."""

from __future__ import annotations

from pdb_cli.config.keys import ANY, KEYS
from pdb_cli.config.listing import list_settings, toml_value
from pdb_cli.config.load import check_config

_HEADER = """\
# Settings of pdb-cli. Take the # from a line to change its value; every value shown is the
# default. A flag or an environment variable wins over this file; 'pdb-cli config show --sources'
# tells where each value comes from, 'pdb-cli config validate' checks this file.
"""

_EXAMPLES = {
    "paths": """\
# Types of data that are kept elsewhere than below pdb_dir.
# data_type_dirs = { assemblies = "/big/assemblies" }
""",
    "mirror": """\
# A mirror of your own, or an override of a built-in one (rcsb, pdbj, pdbe, wwpdb).
# [mirrors.lab]
# https = "http://127.0.0.1:8080/pub/pdb"     # what equals https://files.wwpdb.org/pub/pdb
# rsync = "rsync://127.0.0.1:8730/ftp"        # what equals rsync://rsync.wwpdb.org/ftp
# layout = "classic"                          # or "entry", the layout of 21 July 2027
""",
    "sync": """\
# A target of your own, run as 'pdb-cli sync weekly'; what is left out is as above.
# [sync.targets.weekly]
# types = ["structures", "assemblies"]
# mirror = "pdbj"
""",
}


def starter_text() -> str:
    """Return a configuration file in which every key is explained and none is set.

    Built from the table of keys and the defaults, so that it can not disagree with them.
    """
    settings = check_config("", origin="defaults", environ={"HOME": "/"})
    defaults = {row.key: row.value for row in list_settings(settings)}
    parts = [_HEADER]
    section = ""
    for key in KEYS:
        if ANY in key.path:
            continue
        if key.path[0] != section:
            parts += _examples(section)
            section = key.path[0]
            parts.append(f"[{section}]\n")
        value = toml_value(defaults[key.name])
        mark = "" if key.has_effect else " (No effect yet.)"
        parts.append(f"# {key.summary}{mark}\n# {key.path[-1]} = {value}\n")
    return "\n".join(parts)


def _examples(section: str) -> list[str]:
    """Return what ends a section: keys whose names the user chooses."""
    return [_EXAMPLES[section]] if section in _EXAMPLES else []
