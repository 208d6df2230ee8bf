"""Names and paths on the page about the architecture exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "arena_groups"
PAGE = re.sub(r"\s+", " ", (ROOT / "docs/architecture.md").read_text("utf-8"))
NAMES = sorted(set(re.findall(r"`([A-Za-z_.]+)` in `([\w/]+\.py)`", PAGE)))
PATHS = sorted(
    set(re.findall(r"`([\w/]+(?:\.py|/))`", PAGE)) - {"arena_groups/", "tests/", "changes/"}
)


def definitions(file: Path) -> dict[str, ast.AST]:
    """The classes and functions of a module, methods as ``Class.method``."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = node
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    found[f"{node.name}.{inner.name}"] = inner
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node
    return found


@pytest.mark.parametrize(("name", "file"), NAMES)
def test_architecture_name_is_defined_in_its_file(name: str, file: str) -> None:
    assert name in definitions(PACKAGE / file)


@pytest.mark.parametrize("path", PATHS)
def test_architecture_path_exists(path: str) -> None:
    homes = (ROOT, PACKAGE, ROOT / "tests")
    assert any((home / path).exists() for home in homes) or path in {"x/y.py", "tests/x/test_y.py"}


def test_architecture_names_the_steps_of_a_request() -> None:
    assert len(NAMES) >= 20
