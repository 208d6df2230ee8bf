"""Contents of the sdist and the wheel, and the wheel in an environment without extras."""

import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

import arena_groups
from tests.support import installed
from tests.support.installed import Environment

ROOT = Path(__file__).parent.parent
INFO = f"arena_groups-{arena_groups.__version__}.dist-info"
MANUAL_PAGE = INFO.replace(".dist-info", ".data/data/share/man/man1/arena-groups.1")

STREAM = """
import asyncio

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox


async def main():
    async with (
        Sandbox() as sandbox,
        ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena,
    ):
        async for invitation in arena.groups.invitations("research-studio"):
            print(invitation.id)


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both distributions. The wheel is built from the sdist, as pip does."""
    folder = tmp_path_factory.mktemp("distributions")
    installed.build(ROOT, folder, "sdist")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    installed.build(folder / sdist.name.removesuffix(".tar.gz"), folder, "wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def in_sdist(distributions: Path) -> set[str]:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = [PurePosixPath(member.name) for member in archive if member.isfile()]
    assert {file.parts[0] for file in files} == {f"arena_groups-{arena_groups.__version__}"}
    return {PurePosixPath(*file.parts[1:]).as_posix() for file in files}


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())


def sources() -> Iterator[str]:
    """Yield the files of the package in the sources."""
    for file in (ROOT / "arena_groups").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(ROOT).as_posix()


class TestWheel:
    def test_wheel_contains_only_the_package_and_the_manual_page(self, in_wheel: set[str]) -> None:
        about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
        assert in_wheel == {*sources(), *(f"{INFO}/{name}" for name in about), MANUAL_PAGE}

    def test_wheel_is_typed_and_has_no_tests(self, in_wheel: set[str]) -> None:
        assert "arena_groups/py.typed" in in_wheel
        assert not [name for name in in_wheel if re.search(r"(^|/)(tests|examples|docs)/", name)]

    def test_wheel_installs_the_manual_page(self, wheel: Path, in_sdist: set[str]) -> None:
        with zipfile.ZipFile(wheel) as archive:
            assert archive.read(MANUAL_PAGE) == (ROOT / "docs/man/arena-groups.1").read_bytes()
        assert "docs/man/arena-groups.1" in in_sdist

    def test_wheel_name_is_for_any_system(self, wheel: Path) -> None:
        assert wheel.name == f"arena_groups-{arena_groups.__version__}-py3-none-any.whl"

    def test_wheel_has_the_command_and_the_plugin(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            points = archive.read(f"{INFO}/entry_points.txt").decode()
        assert "[console_scripts]\narena-groups = arena_groups.cli:entry_point\n" in points
        assert "[pytest11]\narena_groups.pytest_plugin = arena_groups.pytest_plugin\n" in points


class TestSdist:
    def test_sdist_contains_what_its_tests_need(self, in_sdist: set[str]) -> None:
        assert set(sources()) <= in_sdist
        for name in ("tests", "examples", "benchmarks", ".github"):
            here = {
                file.relative_to(ROOT).as_posix()
                for file in (ROOT / name).rglob("*")
                if file.is_file() and not {"__pycache__", "node_modules"} & {*file.parts}
            }
            assert here <= in_sdist, name
        pages = {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"}
        assert pages | {"pyproject.toml", "noxfile.py", ".ci/run", "docs/index.md"} <= in_sdist

    def test_sdist_contains_no_generated_files(self, in_sdist: set[str]) -> None:
        stray = r"(^|/)(__pycache__|_build|node_modules|dist|\.[a-z]+_cache|\.venv|\.nox)/|\.pyc$"
        assert not [name for name in in_sdist if re.search(stray, name)]
        top = {name.partition("/")[0] for name in in_sdist if "/" in name}
        folders = {".ci", ".github", "arena_groups", "benchmarks", "changes", "docs"}
        assert top == folders | {"examples", "tests"}

    def test_sdist_contains_only_files_known_to_git(self, in_sdist: set[str]) -> None:
        if not (ROOT / ".git").exists() or shutil.which("git") is None:
            pytest.skip("not a clone")
        listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        run = subprocess.run(["git", *listed], cwd=ROOT, capture_output=True, check=True)
        assert in_sdist - {"PKG-INFO"} <= set(run.stdout.decode().split("\0"))


class TestMetadata:
    def test_metadata_requires_only_what_the_client_needs(self, metadata: Message) -> None:
        required = metadata.get_all("Requires-Dist", [])
        assert set(installed.needed(required)) == {
            "aiohttp", "attrs", "cattrs", "idna", "msgspec", "multidict", "yarl",
        }  # fmt: skip

    def test_metadata_describes_the_project(self, metadata: Message) -> None:
        assert metadata["Name"] == "arena-groups"
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["License-Expression"] == "MIT"
        assert metadata["Description-Content-Type"] == "text/markdown"
        assert metadata.get_payload() == (ROOT / "README.md").read_text("utf-8")

    def test_metadata_has_only_https_urls(self, metadata: Message) -> None:
        for url in metadata.get_all("Project-URL", []):
            assert url.partition(", ")[2].startswith("https://")


@pytest.fixture(scope="module")
def bare(wheel: Path, metadata: Message, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment with the wheel, its requirements and pip, without extras."""
    environment = installed.create(tmp_path_factory.mktemp("bare") / "environment", wheel)
    environment.modules("pip", *installed.needed(metadata.get_all("Requires-Dist", [])))
    return environment


class TestWithoutExtras:
    def test_environment_has_no_library_of_an_extra(
        self, bare: Environment, tmp_path: Path
    ) -> None:
        for module in ("click", "rich", "segno", "keyring", "oauthlib", "svg", "jinja2", "pytest"):
            assert bare.run("python", "-c", f"import {module}", cwd=tmp_path).code == 1

    def test_a_list_can_be_streamed(self, bare: Environment, tmp_path: Path) -> None:
        done = bare.run("python", "-W", "error", "-c", STREAM, cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        ids = done.out.split()
        assert len(ids) == len(set(ids)) > 100

    def test_every_public_name_can_be_imported(self, bare: Environment, tmp_path: Path) -> None:
        code = "from arena_groups import *; print(ArenaClient.__module__, __version__)"
        done = bare.run("python", "-c", code, cwd=tmp_path)
        assert done.out == f"arena_groups {arena_groups.__version__}\n", done.err

    @pytest.mark.parametrize("arguments", [[], ["--help"], ["groups", "list"]], ids=" ".join)
    def test_the_command_without_its_extra_names_the_extra(
        self, bare: Environment, tmp_path: Path, arguments: list[str]
    ) -> None:
        done = bare.run("arena-groups", *arguments, cwd=tmp_path)
        assert (done.code, done.out) == (1, "")
        (line,) = done.err.splitlines()
        assert 'python -m pip install "arena-groups[cli]"' in line

    def test_the_module_without_its_extra_names_the_extra(
        self, bare: Environment, tmp_path: Path
    ) -> None:
        done = bare.run("python", "-m", "arena_groups", cwd=tmp_path)
        assert (done.code, done.out) == (1, "")
        assert 'python -m pip install "arena-groups[cli]"' in done.err
        assert "Traceback" not in done.err

    def test_oauth_without_its_extra_names_the_extra(
        self, bare: Environment, tmp_path: Path
    ) -> None:
        done = bare.run("python", "-c", "import arena_groups.oauth", cwd=tmp_path)
        assert done.code == 1
        message = 'arena_groups.oauth needs oauthlib: python -m pip install "arena-groups[oauth]"'
        assert done.err.splitlines()[-1] == f"ImportError: {message}"

    def test_html_report_without_its_extra_names_the_extra(
        self, bare: Environment, tmp_path: Path
    ) -> None:
        code = "from arena_groups.reconcile import report_html as page; page([])"
        done = bare.run("python", "-c", code, cwd=tmp_path)
        assert done.code == 1
        message = 'an HTML report needs Jinja2: python -m pip install "arena-groups[report]"'
        assert done.err.splitlines()[-1] == f"ImportError: {message}"


@pytest.fixture(scope="module")
def beside(wheel: Path, metadata: Message, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return the same environment with pytest."""
    environment = installed.create(tmp_path_factory.mktemp("beside") / "environment", wheel)
    environment.modules("pytest", *installed.needed(metadata.get_all("Requires-Dist", [])))
    return environment


class TestBesidePytest:
    """With pytest, and without the other libraries of the tests."""

    def test_the_plugin_is_found_and_loads_nothing(
        self, beside: Environment, tmp_path: Path
    ) -> None:
        (tmp_path / "test_it.py").write_text(
            "import sys\n\ndef test_it():\n    assert 'aiohttp' not in sys.modules\n"
        )
        options = ("-W", "error", "--strict-markers", "-p", "no:cacheprovider")
        done = beside.run("python", "-m", "pytest", *options, cwd=tmp_path)
        assert (done.code, done.err) == (0, ""), done.out
        assert "1 passed" in done.out
        assert f"arena-groups-{arena_groups.__version__}" in done.out

    def test_the_plugin_has_a_sandbox_without_extras(
        self, beside: Environment, tmp_path: Path
    ) -> None:
        (tmp_path / "test_it.py").write_text(
            "def test_it(arena_sandbox):\n    assert arena_sandbox.url.startswith('http://')\n"
        )
        done = beside.run("python", "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path)
        assert done.code == 0, done.out
