"""What an installation has, what importing it loads, and that all of it is documented."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.dom.minidom import parseString

import pytest

import arena_groups

PACKAGE = Path(arena_groups.__file__).parent
ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
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
        assert "arena_groups._http" in loaded
        unwanted = {"click", "rich", "segno", "redis", "oauthlib"}
        unwanted |= {f"arena_groups.{name}" for name in ("cli", "oauth", "redis", "sandbox")}
        assert not unwanted & loaded

    def test_watch_loads_no_other_room(self) -> None:
        loaded = loaded_by_import("from arena_groups import watch")
        assert "arena_groups.watching" in loaded
        others = ("bulk", "cli", "oauth", "redis", "sandbox", "pytest_plugin")
        assert not {f"arena_groups.{name}" for name in others} & loaded

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
        inner = {"Linked", "Ping", "PingStatus"}
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

    def test_only_what_users_and_tests_install_is_an_extra(self) -> None:
        project = tomllib.loads(read("pyproject.toml"))["project"]
        assert set(project["optional-dependencies"]) == {"cli", "oauth", "redis", "test"}

    def test_groups_and_extras_agree_on_the_lowest_versions(self) -> None:
        settings = tomllib.loads(read("pyproject.toml"))
        lists = [*settings["project"]["optional-dependencies"].values()]
        lists += settings["dependency-groups"].values()
        bounds = {each for one in lists for each in one if isinstance(each, str) and ">=" in each}
        names = [each.partition(">=")[0] for each in bounds]
        assert len(names) == len(set(names))

    def test_its_modules_name_no_path_of_this_machine(self) -> None:
        for file in PACKAGE.rglob("*.py"):
            assert not re.search(r"/(home|root|Users|work|tmp)/", file.read_text("utf-8")), file


class TestPages:
    """What the pages at the top say of the project is so."""

    @pytest.mark.parametrize("page", ["README.md", "examples/README.md"])
    def test_their_links_lead_somewhere(self, page: str) -> None:
        text = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
        targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
        inside = [target for target in targets if not target.startswith("https://")]
        assert inside
        assert not [
            target for target in inside if not (ROOT / page).parent.joinpath(target).exists()
        ]

    def test_the_supported_versions_are_those_of_the_metadata(self) -> None:
        project = tomllib.loads(read("pyproject.toml"))["project"]
        lowest = dict(each.split(">=") for each in project["dependencies"])
        table = read("README.md").partition("## Supported versions")[2].partition("##")[0]
        rows = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", table, re.MULTILINE))
        assert rows.pop("Python") == project["requires-python"].removeprefix(">=")
        assert rows == {name: lowest[name] for name in ("aiohttp", "attrs", "cattrs", "msgspec")}

    def test_every_declared_python_is_tested(self) -> None:
        classifiers = tomllib.loads(read("pyproject.toml"))["project"]["classifiers"]
        declared = [each for each in map(minor_version, classifiers) if each]
        assert declared == ["3.11", "3.12", "3.13"]
        quoted = ", ".join(f'"{each}"' for each in [*declared, "3.14"])
        assert f"PYTHONS = [{quoted}]" in read("noxfile.py")
        assert f"python: [{quoted}]" in read(".github/workflows/ci.yml")
        assert f"| {declared[0]} to {declared[-1]} |" in read("README.md")

    def test_the_core_tests_are_there(self) -> None:
        (core,) = re.findall(r"^CORE = \[\n(.*?)^\]$", read("noxfile.py"), re.MULTILINE | re.DOTALL)
        places = re.findall(r'"(.+)"', core)
        assert len(places) > 5
        assert not [place for place in places if not (ROOT / place).exists()]

    def test_this_version_is_a_supported_one(self) -> None:
        minor = arena_groups.__version__.rpartition(".")[0]
        assert f"| {minor} | yes |" in read("SECURITY.md")

    def test_the_picture_needs_nothing_from_elsewhere(self) -> None:
        picture = read("docs/images/terminal.svg")
        document = parseString(picture)  # noqa: S318 - our own
        assert document.documentElement.tagName == "svg"
        assert not re.search(r"url\(['\"]?http|href|@font-face|@import", picture)


class TestWorkflows:
    @pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
    def test_actions_are_pinned_by_commit(self, workflow: Path) -> None:
        lines = [line for line in workflow.read_text("utf-8").splitlines() if "uses:" in line]
        assert lines
        pinned = r" +(- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+"
        assert not [line for line in lines if not re.fullmatch(pinned, line)]

    def test_an_action_has_one_version_everywhere(self) -> None:
        text = "".join(path.read_text("utf-8") for path in WORKFLOWS)
        used = set(re.findall(r"uses: (\S+)@(.+)", text))
        assert len(used) == len({action for action, _ in used})

    @pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
    def test_it_can_be_read_and_asks_for_little(self, workflow: Path) -> None:
        yaml = pytest.importorskip("yaml")
        told = yaml.safe_load(workflow.read_text("utf-8"))
        assert told["permissions"] in ({}, {"contents": "read"})
        for job in told["jobs"].values():
            assert job["timeout-minutes"] <= 30
            assert all(("uses" in step) != ("run" in step) for step in job["steps"])

    def test_the_tests_run_on_each_system_and_python(self) -> None:
        yaml = pytest.importorskip("yaml")
        matrix = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["tests"]["strategy"]
        assert matrix["matrix"] == {
            "system": ["ubuntu-latest", "macos-latest", "windows-latest"],
            "python": ["3.11", "3.12", "3.13", "3.14"],
        }

    def test_the_contract_is_checked_every_week(self) -> None:
        yaml = pytest.importorskip("yaml")
        workflow = yaml.safe_load(read(".github/workflows/contract.yml"))
        (schedule,) = workflow[True]["schedule"]  # YAML 1.1 reads "on" as a boolean
        assert re.fullmatch(r"\d+ \d+ \* \* \d", schedule["cron"])
        assert "nox --session contract" in read(".github/workflows/contract.yml")

    @pytest.mark.parametrize("name", ["bug_report", "feature_request"])
    def test_the_forms_for_issues_can_be_read(self, name: str) -> None:
        yaml = pytest.importorskip("yaml")
        form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
        assert {"name", "description", "body"} <= form.keys()
        ids = [each["id"] for each in form["body"] if each["type"] != "markdown"]
        assert len(ids) == len(set(ids)) > 1

    def test_newer_versions_are_looked_for_where_there_are_any(self) -> None:
        yaml = pytest.importorskip("yaml")
        places = yaml.safe_load(read(".github/dependabot.yml"))["updates"]
        manifest = {"github-actions": ".github/workflows", "pip": "pyproject.toml"}
        for place in places:
            name = manifest.get(place["package-ecosystem"], "package.json")
            assert (ROOT / place["directory"].lstrip("/") / name).exists()
        assert {each["package-ecosystem"] for each in places} == {*manifest, "npm"}

    def test_a_release_is_published_without_a_secret(self) -> None:
        release = read(".github/workflows/release.yml")
        assert "secrets." not in release
        assert "password" not in release
        publish = release.partition("\n  publish:\n")[2]
        assert "    environment: release\n    permissions:\n      id-token: write\n" in publish
        assert release.count("write") == 3  # two to attest, one to publish


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def minor_version(classifier: str) -> str | None:
    found = re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier)
    return found and found[1]
