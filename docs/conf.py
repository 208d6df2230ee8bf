"""Configuration of Sphinx."""

import re

from docutils import nodes
from sphinx.application import Sphinx

from arena_groups._version import __version__

project = "arena-groups"
author = "The arena-groups contributors"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_mock_imports = ["pytest"]  # not in the extra, and only needed when tests run

MOMENT = re.compile(r"[~.\w]*Annotated\[([~.\w]*datetime), [~.\w]*Meta\(tz=True\)\]")

html_theme = "furo"
html_title = f"arena-groups {release}"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]


def shorten(*told: object) -> tuple[str, object] | None:
    """Show a moment as the ``datetime`` it is, without what only the codec reads."""
    *_, signature, returns = told
    return (MOMENT.sub(r"\1", signature), returns) if isinstance(signature, str) else None


def drop_plain_bases(_app: Sphinx, document: nodes.document) -> None:
    """Leave out that a class is an ``object``, or has a base that is nobody else's business."""
    for paragraph in list(document.findall(nodes.paragraph)):
        if paragraph.astext() in {"Bases: object", "Bases: SessionOwner", "Bases: AsyncCloseable"}:
            paragraph.parent.remove(paragraph)


def setup(app: Sphinx) -> None:
    """Let Sphinx know."""
    app.connect("doctree-read", drop_plain_bases)
    app.connect("autodoc-process-signature", shorten)
