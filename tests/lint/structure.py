"""Rules for the modules of the package: their length, and that a class name stands once."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.lint.problem import ROOT, Problem

SHORTEST: Final = 40  # lines
LONGEST: Final = 450
MAY_BE_SHORT: Final = {"__init__.py", "__main__.py", "_version.py"}


def check_length(text: str, file: str) -> Iterator[Problem]:
    """Find a module that is too short to be one of its own, or too long to be read at once."""
    lines = len(text.splitlines())
    if lines < SHORTEST and Path(file).name not in MAY_BE_SHORT:
        yield Problem(file, 1, f"{lines} lines; a module has at least {SHORTEST}")
    if lines > LONGEST:
        yield Problem(file, 1, f"{lines} lines; a module has at most {LONGEST}")


def check_class_names(texts: dict[str, str]) -> Iterator[Problem]:
    """Find class names that stand more than once in the package, nested ones among them."""
    places: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for file, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append((file, node.lineno))
    for name, found in places.items():
        (first, _), *others = found
        for file, line in others:
            yield Problem(file, line, f"class {name} is also in {first}")


def check(root: Path = ROOT) -> Iterator[Problem]:
    """Check every module of the package."""
    texts = {
        file.relative_to(root).as_posix(): file.read_text("utf-8")
        for file in sorted((root / "arena_groups").rglob("*.py"))
    }
    for file, text in texts.items():
        yield from check_length(text, file)
    yield from check_class_names(texts)
