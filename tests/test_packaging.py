"""What an installation has, what importing it loads, and that all of it is documented."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import arena_groups

PACKAGE = Path(arena_groups.__file__).parent
TELL = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_by_import(statement: str = "from arena_groups import *") -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{TELL}"],
        cwd=PACKAGE.parent,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert run.stderr == ""
    return set(json.loads(run.stdout))


def imported_for_type_checkers() -> list[str]:
    tree = ast.parse(Path(arena_groups.__file__).read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    return [
        alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def core_modules() -> Iterator[ModuleType]:
    yield arena_groups
    for found in pkgutil.walk_packages([str(PACKAGE)], "arena_groups."):
        if not re.match(r"arena_groups\.(cli|sandbox|__main__)", found.name):
            yield importlib.import_module(found.name)


CORE = list(core_modules())
PUBLIC = [
    pytest.param(getattr(arena_groups, name), id=name)
    for name in arena_groups.__all__
    if inspect.isclass(getattr(arena_groups, name))
]


class TestImport:
    def test_it_loads_no_extra(self) -> None:
        loaded = loaded_by_import()
        assert "arena_groups.session" in loaded
        unwanted = {"click", "rich", "segno", "arena_groups.cli", "arena_groups.sandbox"}
        assert not unwanted & loaded

    def test_it_loads_no_test_tool(self) -> None:
        assert not {"pytest", "hypothesis", "aioresponses", "unittest.mock"} & loaded_by_import()


class TestNames:
    def test_every_public_name_is_there_once_and_sorted(self) -> None:
        names = arena_groups.__all__
        assert len(names) == len(set(names))
        for name in names:
            assert getattr(arena_groups, name) is not None

    def test_nothing_public_was_forgotten(self) -> None:
        helpers = {"TYPE_CHECKING", "import_module"}
        found = {
            name
            for name, value in vars(arena_groups).items()
            if not name.startswith("_") and not inspect.ismodule(value)
        }
        assert found - helpers <= set(arena_groups.__all__)

    @pytest.mark.parametrize("module", CORE, ids=lambda module: module.__name__)
    def test_every_module_names_what_is_there(self, module: ModuleType) -> None:
        for name in getattr(module, "__all__", []):
            assert hasattr(module, name)

    def test_models_and_errors_are_public(self) -> None:
        names = set(arena_groups.__all__)
        assert set(arena_groups.errors.__all__) <= names
        inner = {"Linked", "OpenEnum", "Ping", "PingStatus"}
        assert set(arena_groups.models.__all__) - inner <= names

    def test_type_checkers_see_the_names_that_there_are(self) -> None:
        assert sorted([*imported_for_type_checkers(), "__version__"]) == sorted(
            arena_groups.__all__
        )
        assert dir(arena_groups) == sorted(arena_groups.__all__)

    @pytest.mark.parametrize("name", arena_groups.__all__)
    def test_every_public_name_is_there_when_it_is_asked_for(self, name: str) -> None:
        if name != "__version__":
            vars(arena_groups).pop(name, None)
        assert getattr(arena_groups, name) is vars(arena_groups)[name]

    def test_any_other_name_is_missing(self) -> None:
        with pytest.raises(AttributeError, match="'arena_groups' has no attribute 'Sandbox'"):
            arena_groups.Sandbox  # noqa: B018

    def test_importing_the_package_loads_nothing_that_takes_time(self) -> None:
        heavy = {"aiohttp", "asyncio", "attrs", "cattrs", "msgspec", "arena_groups.models"}
        assert heavy.isdisjoint(loaded_by_import("import arena_groups"))

    def test_star_imports_give_the_same(self) -> None:
        namespace: dict[str, object] = {}
        exec("from arena_groups import *", namespace)  # noqa: S102
        assert set(arena_groups.__all__) <= set(namespace)


class TestDocumentation:
    @pytest.mark.parametrize("module", CORE, ids=lambda module: module.__name__)
    def test_every_module_says_what_it_is(self, module: ModuleType) -> None:
        assert (module.__doc__ or "").strip()

    @pytest.mark.parametrize("kind", PUBLIC)
    def test_every_public_class_and_method_says_what_it_is(self, kind: type) -> None:
        assert "__doc__" in vars(kind)
        assert (kind.__doc__ or "").strip()
        for name, member in inspect.getmembers(kind, inspect.isfunction):
            if member.__module__.startswith("arena_groups") and not name.startswith("_"):
                assert (inspect.getdoc(member) or "").strip(), name

    def test_no_docstring_is_attrs_own(self) -> None:
        for parameter in PUBLIC:
            assert "Method generated by attrs" not in (parameter.values[0].__doc__ or "")


class TestDistribution:
    def test_the_version_is_kept_in_one_place(self) -> None:
        assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", arena_groups.__version__)
        text = (PACKAGE / "_version.py").read_text()
        assert f'"{arena_groups.__version__}"' in text

    def test_it_says_that_it_is_typed(self) -> None:
        assert (PACKAGE / "py.typed").read_bytes() == b""

    def test_its_modules_name_no_path_of_this_machine(self) -> None:
        for file in PACKAGE.rglob("*.py"):
            assert not re.search(r"/(home|root|Users|work|tmp)/", file.read_text("utf-8")), file
