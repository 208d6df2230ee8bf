"""Environment variables: their page is complete and true, and tests get none from outside."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.environment import CONFIGURATION_FOLDERS, clean_environment, foreign_variables
from tests.support.waiting import HANG_TIMEOUT

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/environment.md").read_text("utf-8")
TUTORIAL = (ROOT / "docs/getting-started.md").read_text("utf-8")
NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+_proxy")
READ_BY_LIBRARIES = {
    "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS",
    "HOME", "XDG_CONFIG_HOME", "APPDATA", "PYTHON_KEYRING_BACKEND", "BROWSER", "TZ",
}  # fmt: skip
# Read by the package; names_in() does not find them.
WITHOUT_UNDERSCORE = {"LOCALAPPDATA", "PAGER", "LESS"}
FOLDERS = {"HOME", "APPDATA", "LOCALAPPDATA"}


def names_in(source: str) -> set[str]:
    """Return the names of variables in a module that uses the environment."""
    tree = ast.parse(source)
    uses = {
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.keyword) and node.arg == "envvar")
    }
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    identifiers = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}  # in __all__
    return {text for text in texts - identifiers if NAME.fullmatch(text)} if uses else set()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os; os.environ.get('A_B')", {"A_B"}),
        ("NAME = 'A_B'\nimport os\nos.environ[NAME]", {"A_B"}),
        ("import os; os.getenv('A_B')", {"A_B"}),
        ("option(envvar='A_B')", {"A_B"}),
        ("NAMES = ('a_proxy',)\nimport os\nprint(NAMES[0] in os.environ)", {"a_proxy"}),
        ("NAME = 'A_B'", set()),
    ],
)
def test_names_in_finds_each_use(source: str, names: set[str]) -> None:
    assert names_in(source) == names


@pytest.fixture(scope="module")
def read() -> set[str]:
    """The names of the variables that the package reads."""
    sources = [path.read_text("utf-8") for path in (ROOT / "arena_groups").rglob("*.py")]
    return set[str]().union(*map(names_in, sources))


def test_page_lists_every_variable_and_no_other(read: set[str]) -> None:
    listed = {name for name in re.findall(r"`([A-Za-z_]+)`", PAGE) if name.isupper()} | {
        name for name in re.findall(r"`([a-z_]+)`", PAGE) if NAME.fullmatch(name)
    }
    assert listed == read | READ_BY_LIBRARIES | WITHOUT_UNDERSCORE


def test_tests_get_no_setting_from_outside(
    read: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert os.environ["TZ"] == "UTC"
    assert foreign_variables(os.environ.keys() - {"TZ", *CONFIGURATION_FOLDERS}) == []
    for name in CONFIGURATION_FOLDERS:  # other tests may have written into it
        assert Path(os.environ[name]).is_relative_to(tmp_path_factory.getbasetemp())
    settings = read | READ_BY_LIBRARIES | WITHOUT_UNDERSCORE
    passed_on = settings.difference(foreign_variables(settings))
    assert passed_on == FOLDERS


@pytest.mark.parametrize(
    ("name", "is_foreign"),
    [
        ("CI", True), ("GITHUB_OUTPUT", True), ("TF_BUILD", True), ("PYTEST_ADDOPTS", True),
        ("GIT_DIR", True), ("LC_ALL", True), ("PYTHONWARNINGS", True), ("XDG_STATE_HOME", True),
        ("PATH", False), ("PYTHONPATH", False), ("PYTEST_CURRENT_TEST", False),
        ("ARENA_GROUPS_THOROUGH", False), ("TMPDIR", False),
    ],
)  # fmt: skip
def test_variable_is_foreign_if_programs_depend_on_it(name: str, *, is_foreign: bool) -> None:
    assert foreign_variables([name]) == [name] * is_foreign


def test_tutorial_needs_only_another_environment_for_production(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    assert not [block for block in blocks if "base_url" in block.lower() or "http" in block]
    digest = tmp_path / "digest.py"
    digest.write_text(blocks[-1], "utf-8")
    with ThreadedSandbox() as practice, ThreadedSandbox(seed=7) as production:
        for sandbox, group in ((practice, ""), (production, "blank-page")):
            variables = {
                "PYTHONPATH": str(ROOT),
                "ARENA_BASE_URL": sandbox.url,
                "ARENA_TOKEN": sandbox.tokens.owner,
            }
            if group:
                variables["DIGEST_GROUP"] = group
            finished = subprocess.run(
                [sys.executable, str(digest)],
                env=clean_environment(**variables),
                capture_output=True,
                encoding="utf-8",
                timeout=HANG_TIMEOUT,
                check=True,
            )
            assert finished.stdout.startswith(f"{group or 'research-studio'}: ")
            assert sandbox.requests


def test_token_of_the_sandbox_alone_is_refused(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "from arena_groups import ArenaClient; ArenaClient()"],
        env=clean_environment(PYTHONPATH=str(ROOT), ARENA_TOKEN="sandbox_owner_1"),
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )
    assert "that of a sandbox: set ARENA_BASE_URL" in finished.stderr.splitlines()[-1]


def test_tutorial_ends_with_a_line_if_only_the_address_is_unset(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    digest = tmp_path / "digest.py"
    digest.write_text(blocks[-1], "utf-8")
    variables = {"PYTHONPATH": str(ROOT), "ARENA_TOKEN": "sandbox_owner_0"}
    finished = subprocess.run(
        [sys.executable, str(digest)],
        env=clean_environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    assert re.fullmatch("digest: the token .* is that of a sandbox: .*\n", finished.stderr)
