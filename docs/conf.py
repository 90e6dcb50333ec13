"""How Sphinx builds the documentation: no network, no theme from elsewhere, warnings are errors."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from pdb_cli._version import __version__

project = "pdb-cli"
author = "The pdb-cli developers"
copyright = "the pdb-cli developers"  # noqa: A001 - the name Sphinx looks for
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "generated_pages",
]
exclude_patterns = ["_build", "_ext", "images", "make_picture.py"]
source_suffix = {".md": "markdown"}
language = "en"

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
# Types that are imported for type checkers alone stay as they are written.
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
autosummary_generate = False

templates_path: list[str] = []
html_theme = "alabaster"
html_theme_options = {
    "description": "A local collection of Protein Data Bank files, correct and current",
    "github_button": False,
    "fixed_sidebar": True,
    "page_width": "1100px",
    "sidebar_width": "250px",
    "font_size": "16px",
    "font_family": "system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif",
    "head_font_family": "system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif",
    "show_powered_by": False,
    "show_relbars": True,
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_title = f"pdb-cli {release}"
html_copy_source = False
html_show_sourcelink = False
# Options and quotes must stay what can be typed.
smartquotes = False
