"""Make the picture in the README from a real run of ``pdb-cli demo`` (``./dev picture``).

The demo runs in a pseudo-terminal, so that what is drawn is what a user sees; rich turns its output
into an SVG without fonts from elsewhere.
"""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

_WIDTH = 108
_TARGET = Path(__file__).parent / "images" / "demo.svg"
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def record() -> str:
    """Run the demo in a pseudo-terminal and return what it printed."""
    output = b""

    def read(fd: int) -> bytes:
        nonlocal output
        data = os.read(fd, 1 << 16)
        output += data
        return data

    os.environ["COLUMNS"] = str(_WIDTH)
    status = pty.spawn([sys.executable, "-m", "pdb_cli", "demo"], read)
    if status != 0:
        sys.exit("the demo failed; no picture was made")
    text = output.decode().replace("\r\n", "\n")
    text = re.sub(r"\x1b\[\?25[lh]", "", text)  # the cursor, hidden and shown again
    # A progress bar that was taken away again (cursor up, erase the line) leaves nothing.
    return re.sub(r"(?:[^\n]*\r)*[^\n]*\n?\r?\x1b\[1A\x1b\[2K", "", text)


def main() -> None:
    """Write the picture."""
    text = record()
    console = Console(record=True, width=_WIDTH, file=Path(os.devnull).open("w"))  # noqa: SIM115 - for the life of the script
    lines = text.strip().split("\n")
    for line in lines:
        rendered = Text.from_ansi(line)
        if line.startswith("$"):
            rendered.stylize("bold green")
        elif line.startswith("#"):
            rendered.stylize("dim italic")
        console.print(rendered, soft_wrap=False)
    _TARGET.write_text(
        console.export_svg(title="pdb-cli demo", theme=MONOKAI, code_format=_SVG),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
