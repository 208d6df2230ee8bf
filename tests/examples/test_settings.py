"""Examples: a setting that is missing or wrong is one line, which names the variable."""

import re
import warnings
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES, run_script

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = [
    pytest.mark.usefixtures("arena_sandbox"),
    # Python 3.13 deprecates a call of the regular expressions in discord.py 2.7.
    pytest.mark.filterwarnings("ignore:'count' is passed as positional:DeprecationWarning"),
]

ARGUMENTS = {
    "nightly_digest.py": ["research-studio"],
    "onboarding.py": ["research-studio", "examples/newcomers.csv"],
    "doorkeeper.py": ["FILE", "research-studio"],
    "discord_bot.py": [],
    "aiohttp_service.py": [],
    "fastapi_service.py": [],
    "replicas/service.py": ["research-studio"],
}
WEBHOOK_RECEIVERS = {"webhook_aiohttp.py", "webhook_fastapi.py"}  # see test_webhook_receivers.py
NEEDS = {
    "discord_bot.py": ["discord"],
    "fastapi_service.py": ["fastapi", "uvicorn"],
    "replicas/service.py": ["redis"],
}
TOKEN_MISSING = r"ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token.*"
INVALID = {
    "ARENA_TOKEN": [("", TOKEN_MISSING), ("a b", "the token .*ARENA_TOKEN holds a space.*")],
    "ARENA_BASE_URL": [("nonsense", "ARENA_BASE_URL must be an absolute http or https URL")],
}
OWN_SETTINGS = {
    "discord_bot.py": {
        "ARENA_GROUP": [
            ("", "ARENA_GROUP is not set: export ARENA_GROUP='…' with the slug .*"),
            ("a.b", "group must be a slug, .*"),
        ],
        "DISCORD_TOKEN": [("", "DISCORD_TOKEN is not set: export DISCORD_TOKEN='…' with .*")],
    },
    "doorkeeper.py": {
        "DOORKEEPER_INTERVAL": [
            (value, "DOORKEEPER_INTERVAL must be a number of seconds above 0, such as 60")
            for value in ("often", "0", "-1", "nan", "inf")
        ],
    },
    "replicas/service.py": {
        "PORT": [
            *((value, "PORT must be a number above 0, such as 8081") for value in ("x", "-1")),
            ("70000", r".*\n?.*port must be 0-65535.*"),
        ],
        "WATCH_INTERVAL": [("0", "WATCH_INTERVAL must be a number above 0, such as 60")],
        "REDIS_URL": [("nonsense", "invalid Redis address: .*")],
    },
}
CASES = [
    (script, variable, value, line)
    for script in ARGUMENTS
    for variable, values in {**INVALID, **OWN_SETTINGS.get(script, {})}.items()
    for value, line in values
]


@pytest.fixture(autouse=True)
def valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_GROUP", "research-studio")
    monkeypatch.setenv("DISCORD_TOKEN", "a.token")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")


@pytest.mark.parametrize(("script", "variable", "value", "line"), CASES)
def test_setting_that_is_missing_or_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str,
    variable: str,
    value: str,
    line: str,
) -> None:
    with warnings.catch_warnings():
        # It imports a module for voice that Python 3.13 no longer has.
        warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
        for needed in NEEDS.get(script, []):
            pytest.importorskip(needed)
    monkeypatch.setenv(variable, value)
    arguments = [
        str(tmp_path / "store.db") if each == "FILE" else each for each in ARGUMENTS[script]
    ]
    done = run_script(script, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"{Path(script).stem}: {line}\n", done.stderr)
    assert "a b" not in done.stderr.replace("holds a b", "")


def test_every_program_among_the_examples_is_tested() -> None:
    programs = {each.relative_to(EXAMPLES).as_posix() for each in EXAMPLES.rglob("*.py")}
    assert programs == {*ARGUMENTS, *WEBHOOK_RECEIVERS}


def test_missing_token_in_a_real_process_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ARENA_TOKEN")
    done = run_script("aiohttp_service.py", process=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"aiohttp_service: {TOKEN_MISSING}\n", done.stderr)
