"""Configuration of Sphinx."""

import builtins
import re
from collections.abc import Iterator
from datetime import datetime
from enum import Enum, StrEnum
from importlib import import_module
from types import FunctionType

import attrs
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from arena_groups._exports import defining_modules
from arena_groups._types import OpenEnum
from arena_groups._version import __version__
from arena_groups.models._common import Timestamp

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
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_mock_imports = ["pytest"]  # not in the extra, and only needed when tests run

napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # types are in signatures

html_theme = "furo"
html_title = f"arena-groups {release}"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]

GENERATED_DEFAULT = re.compile(r"attr_dict\['(\w+)'\]\.default")
# A reader need not know what the decoder takes from these annotations.
SIMPLER_HINTS = {Timestamp: datetime, Timestamp | None: datetime | None}


def restore_modules() -> dict[str, str]:
    """Let public names report the module that defines them, and map them to the public name.

    autodoc reads the order of members and the docstrings of fields in the reported module.
    """
    public_names = dict[str, str]()
    for package, name, module in public_homes():
        public_names[f"{module}.{name}"] = f"{package}.{name}"
        value = getattr(import_module(module), name)
        if isinstance(value, type | FunctionType):
            value.__module__ = module
        if isinstance(value, type):
            simplify_hints(value)
    return public_names


def public_homes() -> Iterator[tuple[str, str, str]]:
    """Yield package, name and module of public names; the shortest name of several comes last."""
    for package in ("arena_groups.webhooks", "arena_groups.reconcile", "arena_groups"):
        import_module(package)
        for name, module in defining_modules(package).items():
            yield package, name, module


def simplify_hints(kind: type) -> None:
    """Show a timestamp as a ``datetime``."""
    for holder in (*kind.__mro__[:-1], kind.__init__):
        hints = getattr(holder, "__annotations__", {})
        hints |= {
            name: SIMPLER_HINTS[hint]
            for name, hint in hints.items()
            if hint in (Timestamp, Timestamp | None)
        }


PUBLIC_NAMES = restore_modules()


def show_enum_members(
    _app: Sphinx, _kind: str, name: str, member: object, _skip: bool, _options: object
) -> bool | None:
    """Show the members of an enum that have no docstring, too."""
    return False if isinstance(member, Enum) and member.name == name else None


def keep_colons(
    _app: Sphinx, kind: str, _name: str, _member: object, _options: object, lines: list[str]
) -> None:
    """Undo that napoleon takes the text before a colon for the type of a field."""
    start = next((line for line in lines if line.startswith(":type: ")), "")
    if kind in {"attribute", "property"} and start:
        lines.remove(start)
        lines[0] = f"{start.removeprefix(':type: ')}: {lines[0]}"


def show_attrs_defaults(*event: object) -> tuple[str, object] | None:
    """Show the default of a field, where the generated source refers to it by name."""
    *_, member, _options, signature, returns = event
    if not isinstance(member, type) or not isinstance(signature, str) or not attrs.has(member):
        return None
    fields = attrs.fields_dict(member)

    def default(match: re.Match[str]) -> str:
        value = fields[match[1]].default
        return value.__name__ if isinstance(value, FunctionType) else repr(value)

    return GENERATED_DEFAULT.sub(default, signature).replace(" = NOTHING", " = ..."), returns


def show_public_bases(
    _app: Sphinx, _name: str, _class: type, _options: object, bases: list[type]
) -> None:
    """Leave out bases that are not part of the public API."""
    shown = [StrEnum if base is OpenEnum else base for base in bases]
    bases[:] = [base for base in shown if not is_private(base)] or [object]


def is_private(base: type) -> bool:
    """Return whether a base class is not part of the public API."""
    path = f"{base.__module__}.{getattr(base, '__name__', '')}"
    return "._" in path and path.startswith("arena_groups.") and path not in PUBLIC_NAMES


def link_public_name(
    app: Sphinx, environment: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Link a name in its private module to the public name that the reference has."""
    public = PUBLIC_NAMES.get(node.get("reftarget", ""))
    if public is None:
        return None
    python = environment.get_domain("py")
    place = node["refdoc"], app.builder, node["reftype"], public, node, content
    return python.resolve_xref(environment, *place)


def tidy(_app: Sphinx, document: nodes.document) -> None:
    """Leave out that a class is an ``object``, and links of builtins to fields named alike."""
    for paragraph in list(document.findall(nodes.paragraph)):
        if paragraph.astext() == "Bases: object":
            paragraph.parent.remove(paragraph)
    for reference in list(document.findall(pending_xref)):
        if hasattr(builtins, reference.get("reftarget", "")):
            reference.replace_self(reference.children)


def setup(app: Sphinx) -> None:
    """Connect the functions above to the events of Sphinx."""
    app.connect("autodoc-skip-member", show_enum_members)
    app.connect("autodoc-process-docstring", keep_colons, priority=900)  # after napoleon
    app.connect("autodoc-process-signature", show_attrs_defaults)
    app.connect("autodoc-process-bases", show_public_bases)
    app.connect("doctree-read", tidy)
    app.connect("missing-reference", link_public_name)
