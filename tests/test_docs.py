"""The reference has every public name."""

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import arena_groups
from arena_groups import errors, oauth, pytest_plugin, redis, sandbox
from arena_groups.sandbox import faults

REFERENCE = (Path(__file__).parent.parent / "docs/reference.md").read_text("utf-8")
BY_ITSELF = set(
    re.findall(r"^\.\. (?:autoclass|autofunction|data):: (\S+)$", REFERENCE, re.MULTILINE)
)
WHOLE = set(re.findall(r"^\.\. automodule:: (\S+)$", REFERENCE, re.MULTILINE))
PUBLIC = [
    pytest.param(module, name, id=f"{module.__name__}.{name}")
    for module in (arena_groups, oauth, redis, sandbox, faults, pytest_plugin)
    for name in module.__all__
]


def listed_names(module: ModuleType) -> set[str]:
    """What a listing of the whole module shows: that which has a docstring."""
    values = {name: getattr(module, name) for name in module.__all__}
    made = {name for name, value in values.items() if callable(value) and value.__doc__}
    return made | set(explained_values(module))


def explained_values(module: ModuleType) -> list[str]:
    """The values in a module that are followed by a docstring of their own."""
    return [
        target.id
        for statement, after in pairwise(ast.parse(inspect.getsource(module)).body)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and is_text(after)
        for target in ast.walk(statement)
        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
    ]


def is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


LISTED = {
    f"{module.__name__}.{name}"
    for module in (errors, sandbox, faults)
    if module.__name__ in WHOLE
    for name in listed_names(module)
}


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_the_reference_has_every_public_name(module: ModuleType, name: str) -> None:
    homes = (module, errors) if module in (arena_groups, oauth) else (module,)
    places = {f"{home.__name__}.{name}" for home in homes}
    assert places & (BY_ITSELF | LISTED)


@pytest.mark.parametrize("marker", ["arena_group", "arena_fault", "arena_quota"])
def test_the_reference_has_every_marker(marker: str) -> None:
    assert f"| `{marker}(" in REFERENCE


def test_a_name_without_a_docstring_is_not_listed() -> None:
    assert "arena_groups.sandbox.SEEDED_AT" not in LISTED
