"""Rules for the docstrings of public names: which sections they have, and what those list.

Ruff checks the form of each section (rules ``D``, Google's convention). It does not ask for a
section that is missing altogether, which is what this module does.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Never, NoReturn, get_origin

import attrs

from arena_groups._exports import defining_modules
from tests.lint.problem import ROOT, Problem

MODULES: Final = (
    "arena_groups",
    "arena_groups.bulk",
    "arena_groups.errors",
    "arena_groups.models",
    "arena_groups.oauth",
    "arena_groups.pytest_plugin",
    "arena_groups.redis",
    "arena_groups.sandbox",
    "arena_groups.sandbox.faults",
    "arena_groups.stores",
    "arena_groups.watching",
)
"""The public modules. What is public in them is in ``__all__``."""

NOT_CONSTRUCTED: Final = {
    "BulkRun",
    "GroupsResource",
    "ItemIterator",
    "PageIterator",
    "Paginator",
    "UsersResource",
    "Watcher",
}
"""Classes whose objects come from other calls: their constructor is not for users."""

_NOTHING: Final = {None, "None", NoReturn, "NoReturn", Never, "Never", inspect.Signature.empty}
_SECTION = re.compile(r"^(\w[\w ]*):$", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?: \S", re.MULTILINE)


def sections(docstring: str) -> dict[str, str]:
    """Split a docstring into its sections, by heading."""
    _, *parts = _SECTION.split(inspect.cleandoc(docstring))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def check_function(
    function: Callable[..., Any], *overridden: Callable[..., Any], name: str
) -> Iterator[str]:
    """Find parameters and results that no docstring of a function, or of what it overrides, has."""
    found: dict[str, str] = {}
    for each in (*overridden, function):
        found |= sections(inspect.getdoc(each) or "")
    signature = inspect.signature(function)
    yield from _undescribed(_parameters(signature), _entries(found, "Args"), name)
    returned = signature.return_annotation
    if returned not in _NOTHING and not {"Returns", "Yields"} & found.keys():
        yield f"{name} has neither Returns: nor Yields:"


def check_class(kind: type) -> Iterator[str]:
    """Find what the docstrings of a class, its constructor and its methods leave out."""
    name = kind.__name__
    if name not in NOT_CONSTRUCTED and not issubclass(kind, Enum):
        yield from _undescribed(_constructor_parameters(kind), _described(kind), name)
    for member, function, *overridden in _methods(kind):
        yield from check_function(function, *overridden, name=f"{name}.{member}")


def check_module(module: str) -> Iterator[Problem]:
    """Check everything that a module has in ``__all__``."""
    for name in importlib.import_module(module).__all__:
        value = getattr(importlib.import_module(module), name)
        if inspect.isclass(value) and get_origin(value) is None:
            messages = check_class(value)
        elif inspect.isfunction(value):
            messages = check_function(value, name=name)
        else:
            continue
        file, line = _place(value)
        yield from (Problem(file, line, message) for message in messages)


def check() -> Iterator[Problem]:
    """Check the public modules, each name once."""
    yield from dict.fromkeys(problem for module in MODULES for problem in check_module(module))


def _place(value: Any) -> tuple[str, int]:
    if inspect.isclass(value):
        file, line = _source_file(value), _definition(value).lineno
    else:
        file, line = Path(inspect.getsourcefile(value) or ""), inspect.getsourcelines(value)[1]
    return (file.relative_to(ROOT) if file.is_relative_to(ROOT) else file).as_posix(), line


def _source_file(kind: type) -> Path:
    """Return the file that defines a class, which may report its package as its own."""
    home = importlib.import_module(kind.__module__)
    if hasattr(home, "__path__"):
        home = importlib.import_module(defining_modules(home.__name__)[kind.__name__])
    return Path(inspect.getsourcefile(home) or "")


def _definition(kind: type) -> ast.ClassDef:
    """Return the syntax tree of a class."""
    nodes = ast.walk(ast.parse(_source_file(kind).read_text("utf-8")))
    return next(
        node for node in nodes if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )


def _undescribed(parameters: list[str], described: set[str], name: str) -> Iterator[str]:
    if missing := [each for each in parameters if each not in described]:
        yield f"{name} does not describe {', '.join(missing)}"


def _parameters(signature: inspect.Signature) -> list[str]:
    return [
        name
        for name in signature.parameters
        if name not in {"self", "cls"} and not name.startswith("_")
    ]


def _entries(found: dict[str, str], *headings: str) -> set[str]:
    return {entry for heading in headings for entry in _ENTRY.findall(found.get(heading, ""))}


def _constructor_parameters(kind: type) -> list[str]:
    if getattr(kind, "_is_protocol", False):  # it has no constructor of its own
        return []
    if attrs.has(kind):
        return [each.alias or each.name for each in attrs.fields(kind) if each.init]
    constructor = kind.__init__  # type: ignore[misc]
    return _parameters(inspect.signature(constructor)) if inspect.isfunction(constructor) else []


def _described(kind: type) -> set[str]:
    """Return the parameters that are described by a class, its constructor or its fields."""
    described = set[str]()
    for each in kind.__mro__:
        if each.__module__.startswith("arena_groups") or each is kind:
            for text in (each.__doc__, vars(each).get("__init__", each).__doc__):
                described |= _entries(sections(text or ""), "Args", "Attributes")
            described |= _described_fields(each)
    return described


def _described_fields(kind: type) -> set[str]:
    """Return the fields of a class that are followed by a docstring of their own."""
    body = _definition(kind).body
    return {
        one.target.id.lstrip("_")
        for one, after in pairwise(body)
        if isinstance(one, ast.AnnAssign)
        and isinstance(one.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def _methods(kind: type) -> Iterator[tuple[Any, ...]]:
    """Yield the name and the definitions of each public method, the one that counts first."""
    found: dict[str, list[Any]] = {}
    for each in kind.__mro__:
        if each.__module__.startswith("arena_groups") or each is kind:
            for name, value in vars(each).items():
                if not name.startswith("_"):
                    found.setdefault(name, []).append(getattr(value, "__func__", value))
    for name, definitions in found.items():
        if inspect.isfunction(definitions[0]):
            yield name, *filter(inspect.isfunction, definitions)
