"""Fill the reference pages from the program itself, so that they can not say anything else.

A page holds a line ``<!-- generated: NAME -->``. When Sphinx reads the page, the line is replaced
by the Markdown that the generator of that name returns. Nothing is written to disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import generated_archive
import generated_commands
import generated_settings
from markdown_text import definition
from sphinx.pycode import ModuleAnalyzer

import pdb_cli
from pdb_cli.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_MARK: Final = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
_ROLE: Final = re.compile(r":[a-z]+:(?=`)")
"""The markup around a name in a docstring that Markdown does not know."""


def exit_codes() -> Iterator[str]:
    """Yield every exit code with its meaning."""
    documented = ModuleAnalyzer.for_module("pdb_cli.cli.exit_codes").find_attr_docs()
    for code in ExitCode:
        text = " ".join(documented["ExitCode", code.name]).strip()
        yield from definition(f"`{code.value}`", text)


def public_names() -> Iterator[str]:
    """Yield every name that ``pdb_cli`` itself offers, with a link to its module."""
    for name in pdb_cli.__all__:
        value = getattr(pdb_cli, name)
        if isinstance(value, str):
            yield from definition(f"`pdb_cli.{name}`", f"A text; here `{value!r}`.")
            continue
        role = "class" if isinstance(value, type) else "func"
        summary = _ROLE.sub("", (value.__doc__ or "").strip().split("\n\n")[0])
        target = f"{{py:{role}}}`{value.__module__}.{value.__qualname__}`"
        yield from definition(f"`pdb_cli.{name}`", " ".join(summary.split()), target)


GENERATORS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "commands": generated_commands.commands,
    "global-options": generated_commands.global_options,
    "settings": generated_settings.sections,
    "keys-without-effect": generated_settings.keys_without_effect,
    "exit-codes": exit_codes,
    "layouts": generated_archive.layouts,
    "mirrors": generated_archive.mirrors,
    "sync-targets": generated_archive.sync_targets,
    "data-types": generated_archive.data_types,
    "formats": generated_archive.formats,
    "public-names": public_names,
}


def fill(text: str) -> str:
    """Replace every mark in a page by what its generator returns.

    Raises
    ------
    KeyError
        A mark names no generator.
    """
    return _MARK.sub(lambda match: "\n".join(GENERATORS[match[1]]()), text)


def _on_source_read(app: Sphinx, name: str, content: list[str]) -> None:  # noqa: ARG001 - Sphinx's signature
    content[0] = fill(content[0])


def _outdated(
    app: Sphinx,  # noqa: ARG001 - Sphinx's signature
    env: BuildEnvironment,
    added: set[str],  # noqa: ARG001 - Sphinx's signature
    changed: set[str],  # noqa: ARG001 - Sphinx's signature
    removed: set[str],  # noqa: ARG001 - Sphinx's signature
) -> list[str]:
    """Name the pages with marks: the program may have changed though the page did not."""
    return [
        name
        for name in env.found_docs
        if _MARK.search(env.doc2path(name).read_text(encoding="utf-8"))
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _on_source_read)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
