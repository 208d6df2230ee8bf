"""Private attributes of objects and modules, which tests must not touch."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.lint.problem import ROOT, Problem

ALLOWED: Final = {
    "_exit": "os._exit ends a process at once, and is documented",
    "_is_protocol": "typing has no other way to recognize a protocol",
}
"""Private names of the standard library that are needed, each with the reason."""

BY_NAME: Final = {"getattr", "setattr", "delattr", "hasattr", "attrgetter"}
"""Functions that take the name of an attribute."""


def check_text(text: str, file: str) -> Iterator[Problem]:
    """Find private attributes of other objects than ``self`` and ``cls`` in a module."""
    for node in ast.walk(ast.parse(text)):
        for name in _attributes(node):
            if name.startswith("_") and not name.startswith("__") and name not in ALLOWED:
                line = getattr(node, "lineno", 1)
                yield Problem(file, line, f"{name}: test the public behaviour instead")


def check(root: Path = ROOT) -> Iterator[Problem]:
    """Find private attributes in all tests."""
    for file in sorted((root / "tests").rglob("*.py")):
        yield from check_text(file.read_text("utf-8"), file.relative_to(root).as_posix())


def _attributes(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
            yield node.attr
    elif isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else _name(function)
        if name in BY_NAME:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value.rpartition(".")[2]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
