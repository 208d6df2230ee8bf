"""Public names: when they are loaded, which module they report, and their type hints."""

import ast
import inspect
import json
import pickle
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType, UnionType

import attrs
import pytest

import arena_groups
from arena_groups import ArenaError, bulk, models
from arena_groups._exports import defining_modules
from arena_groups.models import Links, Page, User
from tests.support import documents

ROOT = Path(arena_groups.__file__).parent.parent
LAZY = [pytest.param(module, id=module.__name__) for module in (arena_groups, bulk, models)]
PUBLIC_MODULES = (
    "arena_groups",
    "arena_groups.bulk",
    "arena_groups.errors",
    "arena_groups.mcp",
    "arena_groups.models",
    "arena_groups.oauth",
    "arena_groups.pytest_plugin",
    "arena_groups.redis",
    "arena_groups.sandbox",
    "arena_groups.sandbox.faults",
    "arena_groups.stores",
    "arena_groups.watching",
    "arena_groups.webhooks",
)
NAMED = [
    pytest.param(getattr(arena_groups, name), id=name)
    for name in arena_groups.__all__
    if isinstance(getattr(arena_groups, name), type | FunctionType | typing.NewType)
]
ENUMS = [each for (each,) in (param.values for param in NAMED) if isinstance(each, type)]
MEMBERS = [member for kind in ENUMS if issubclass(kind, Enum) for member in kind]

REPORTED_MODULES = """
from importlib import import_module
import json
from types import FunctionType
from typing import NewType
import arena_groups
from arena_groups._exports import defining_modules

reported = {}
for name, module in defining_modules("arena_groups").items():
    value = getattr(import_module(module), name)
    if isinstance(value, (type, FunctionType, NewType)):
        reported[name] = value.__module__
print(json.dumps(reported))
"""


def run_python(code: str, *, stdin: bytes = b"") -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input=stdin, capture_output=True, check=True
    )
    assert run.stderr == b""
    return run.stdout.decode()


def loaded_by(statement: str) -> set[str]:
    show = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(run_python(f"{statement}\n{show}")))


def names_for_type_checkers(module: ModuleType) -> list[str]:
    tree = ast.parse(inspect.getsource(module))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return [alias.name for node in imports for alias in node.names]


def names_defined_in(module: ModuleType) -> Iterator[str]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for each in targets if isinstance(each, ast.Name))


def public_callables() -> Iterator[object]:
    for module in PUBLIC_MODULES:
        for name in import_module(module).__all__:
            value = getattr(import_module(module), name)
            if isinstance(value, FunctionType):
                yield pytest.param(value, id=f"{module}.{name}")
            elif inspect.isclass(value):
                yield pytest.param(value, id=f"{module}.{name}")
                for member, function in functions_of(value):
                    yield pytest.param(function, id=f"{module}.{name}.{member}")


def functions_of(kind: type) -> Iterator[tuple[str, Callable[..., object]]]:
    for base in kind.__mro__:
        if base.__module__.startswith("arena_groups"):
            for name, value in vars(base).items():
                function = value.fget if isinstance(value, property) else value
                function = getattr(function, "__func__", function)
                public = not name.startswith("_") or name in {"__init__", "__call__", "__aenter__"}
                if public and isinstance(function, FunctionType):
                    yield name, function


class TestLoading:
    def test_package_import_loads_nothing_heavy(self) -> None:
        heavy = {"aiohttp", "asyncio", "attrs", "cattrs", "msgspec", "arena_groups.models"}
        assert heavy.isdisjoint(loaded_by("import arena_groups"))

    def test_models_import_loads_no_model(self) -> None:
        loaded = loaded_by("import arena_groups.models")
        assert {"attrs", "msgspec", "arena_groups._types"}.isdisjoint(loaded)
        assert not [name for name in loaded if name.startswith("arena_groups.models.")]

    def test_model_loads_only_the_models_it_needs(self) -> None:
        loaded = loaded_by("from arena_groups import User")
        assert {name for name in loaded if name.startswith("arena_groups.models.")} == {
            "arena_groups.models._common",
            "arena_groups.models._embedded",
            "arena_groups.models._parts",
            "arena_groups.models.pages",
            "arena_groups.models.users",
        }

    def test_bulk_call_loads_no_other_bulk_call(self) -> None:
        assert "arena_groups.bulk.delete" not in loaded_by("from arena_groups import invite_many")
        assert "arena_groups.bulk.journal" not in loaded_by("from arena_groups import revoke_many")

    def test_watch_loads_neither_sqlite_nor_other_rooms(self) -> None:
        loaded = loaded_by("from arena_groups import watch")
        assert "arena_groups.watching.watcher" in loaded
        folders = ("bulk", "cli", "oauth", "pytest_plugin", "redis", "sandbox", "stores.sqlite")
        assert {"sqlite3", *(f"arena_groups.{folder}" for folder in folders)}.isdisjoint(loaded)

    def test_error_loads_no_client(self) -> None:
        assert {"aiohttp", "cattrs", "arena_groups.models.users"}.isdisjoint(
            loaded_by("from arena_groups import NotFoundError")
        )

    def test_star_import_loads_no_extra(self) -> None:
        loaded = loaded_by("from arena_groups import *")
        assert "arena_groups._http" in loaded
        unwanted = {"click", "mcp", "oauthlib", "pydantic", "redis", "rich", "segno"}
        rooms = ("cli", "mcp", "oauth", "redis", "sandbox")
        unwanted |= {f"arena_groups.{name}" for name in rooms}
        assert not unwanted & loaded

    def test_command_line_loads_the_server_for_assistants_only_to_serve(self) -> None:
        loaded = loaded_by("import arena_groups.cli.main, arena_groups.cli.commands.mcp")
        assert not {"mcp", "pydantic", "starlette", "arena_groups.mcp"} & loaded

    def test_star_import_loads_no_test_tool(self) -> None:
        loaded = loaded_by("from arena_groups import *")
        assert not {"pytest", "hypothesis", "aioresponses", "unittest.mock"} & loaded

    def test_invite_many_loads_no_other_bulk_call_and_no_store_of_files(self) -> None:
        loaded = loaded_by("from arena_groups import invite_many")
        assert "arena_groups.bulk.invite" in loaded
        others = ("bulk.delete", "watching", "stores.sqlite", "cli", "oauth", "redis", "sandbox")
        assert not {f"arena_groups.{name}" for name in others} & loaded
        assert not {"sqlite3", "cattrs"} & loaded

    def test_watch_loads_no_other_room(self) -> None:
        loaded = loaded_by("from arena_groups import watch")
        assert "arena_groups.watching" in loaded
        others = ("bulk", "cli", "oauth", "redis", "sandbox", "pytest_plugin")
        assert not {f"arena_groups.{name}" for name in others} & loaded


class TestNames:
    @pytest.mark.parametrize("module", LAZY)
    def test_list_dictionary_and_imports_for_type_checkers_are_equal(
        self, module: ModuleType
    ) -> None:
        here = {"__version__"} if module is arena_groups else set[str]()
        names = module.__all__
        assert len(names) == len(set(names))
        assert sorted(defining_modules(module.__name__)) == sorted(set(names) - here)
        assert sorted(names_for_type_checkers(module)) == sorted(set(names) - here)
        assert dir(module) == sorted(names)

    @pytest.mark.parametrize("module", LAZY)
    def test_each_name_is_defined_in_its_home(self, module: ModuleType) -> None:
        for name, home in defining_modules(module.__name__).items():
            assert name in names_defined_in(import_module(home)), name

    @pytest.mark.parametrize("name", arena_groups.__all__)
    def test_name_is_kept_once_it_is_loaded(self, name: str) -> None:
        if name != "__version__":
            vars(arena_groups).pop(name, None)
        assert getattr(arena_groups, name) is vars(arena_groups)[name]

    @pytest.mark.parametrize("module", LAZY)
    def test_unknown_name_raises_attribute_error(self, module: ModuleType) -> None:
        with pytest.raises(AttributeError, match=f"'{module.__name__}' has no attribute 'Sandbox'"):
            module.Sandbox  # noqa: B018

    def test_package_has_no_public_name_besides_those_listed(self) -> None:
        helpers = {"TYPE_CHECKING", "lazy_exports"}
        found = {
            name
            for name, value in vars(arena_groups).items()
            if not name.startswith("_") and not inspect.ismodule(value)
        }
        assert found - helpers <= set(arena_groups.__all__)

    def test_models_and_errors_are_all_public(self) -> None:
        names = set(arena_groups.__all__)
        assert set(import_module("arena_groups.errors").__all__) <= names
        assert set(models.__all__) <= names

    def test_star_import_gives_every_name(self) -> None:
        namespace: dict[str, object] = {}
        exec("from arena_groups import *", namespace)  # noqa: S102
        assert set(arena_groups.__all__) <= set(namespace)


class TestReportedModule:
    def test_is_the_package_however_a_name_was_loaded(self) -> None:
        reported = json.loads(run_python(REPORTED_MODULES))
        assert len(reported) > 100
        assert {name: module for name, module in reported.items() if module != "arena_groups"} == {}

    @pytest.mark.parametrize("value", NAMED)
    def test_pickle_refers_to_the_package(self, value: object) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            pickled = pickle.dumps(value, protocol)
            assert b"arena_groups" in pickled
            assert b"arena_groups." not in pickled
            assert pickle.loads(pickled) is value

    @pytest.mark.parametrize("member", MEMBERS, ids=repr)
    def test_enum_member_is_pickled_by_its_public_class(self, member: Enum) -> None:
        pickled = pickle.dumps(member)
        assert b"arena_groups." not in pickled
        assert pickle.loads(pickled) is member

    def test_pickles_are_read_by_another_process(self) -> None:
        user = arena_groups.from_dict(User, documents.user())
        error = arena_groups.NotFoundError(404, error="Not Found")
        read = "import pickle, sys; print(*pickle.load(sys.stdin.buffer), sep='\\n')"
        printed = run_python(read, stdin=pickle.dumps([user, error, arena_groups.UNSET]))
        assert printed.splitlines() == [str(user), "404 Not Found", "Unset.UNSET"]

    def test_traceback_names_the_error_as_users_import_it(self) -> None:
        assert f"{ArenaError.__module__}.{ArenaError.__qualname__}" == "arena_groups.ArenaError"


@pytest.mark.parametrize("value", list(public_callables()))
def test_type_hints_are_resolved_at_run_time(value: Callable[..., object]) -> None:
    typing.get_type_hints(value, include_extras=True)


def alternatives(hint: object) -> tuple[object, ...]:
    """Return the members of a union, or the hint itself."""
    union = typing.get_origin(hint) in (typing.Union, UnionType)
    return typing.get_args(hint) if union else (hint,)


def public_classes() -> Iterator[type]:
    """Yield the public attrs classes of all modules."""
    for module in map(import_module, PUBLIC_MODULES):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, type) and attrs.has(value):
                yield value


def test_collections_of_frozen_classes_are_not_in_the_hash() -> None:
    hashable = [kind for kind in public_classes() if kind.__hash__ is not None]
    assert Page in hashable
    for kind in hashable:
        attrs.resolve_types(kind)
        for field in attrs.fields(kind):
            types = {typing.get_origin(each) or each for each in alternatives(field.type)}
            mutable = types & {Mapping, MutableMapping, Sequence, dict, list, set, Links}
            assert not (mutable and field.eq and field.hash is not False), (kind, field.name)
