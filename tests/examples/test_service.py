"""The watch as a service: the systemd unit, the image and the Compose file.

The unit is verified by systemd where it is installed. No image is built here.
"""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from arena_groups.cli.commands.watch import command

FOLDER = Path(__file__).parents[2] / "examples/service"
UNIT = (FOLDER / "arena-watch.service").read_text("utf-8")
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))


def parsed(arguments: list[str]) -> dict[str, object]:
    """Return the parameters of the command for these arguments; it does not run."""
    return command.make_context("watch", arguments).params


def instruction(name: str) -> list[str]:
    (found,) = re.findall(rf"^{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    words: list[str] = json.loads(found)
    return words


def test_unit_runs_a_valid_command() -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    program, name, *arguments = shlex.split(line)
    assert (Path(program).name, name) == ("arena-groups", "watch")
    values = parsed(arguments)
    assert values["all_groups"] is True
    assert values["health_at"] == ("127.0.0.1", 8081)
    assert "ARENA_TOKEN" not in line  # it is in a private file


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_is_verified_by_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "arena-watch.service"
    unit.write_text(UNIT.replace("/opt/arena-groups/bin/arena-groups", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    about_unit = [line for line in done.stderr.splitlines() if "arena-watch" in line]
    assert about_unit == []


def test_image_runs_a_valid_command() -> None:
    program, name = instruction("ENTRYPOINT")
    assert (program, name) == ("arena-groups", "watch")
    values = parsed([*instruction("CMD"), "--store", "redis://redis:6379/0"])
    assert values["shared"] is True
    assert values["health_at"] == ("0.0.0.0", 8081)  # noqa: S104 - in a container
    assert "USER nobody" in DOCKERFILE


def test_compose_starts_two_replicas_that_share_a_store() -> None:
    watch, redis = COMPOSE["services"]["watch"], COMPOSE["services"]["redis"]
    assert watch["deploy"]["replicas"] == 2
    assert watch["environment"]["ARENA_STORE"] == "redis://redis:6379/0"
    assert "ports" not in watch  # two replicas cannot have the same one
    assert watch["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert "always" in redis["command"]
    assert (FOLDER / watch["build"]["context"] / watch["build"]["dockerfile"]).is_file()


def test_compose_takes_every_secret_from_the_environment() -> None:
    variables = COMPOSE["services"]["watch"]["environment"]
    for name in ("ARENA_TOKEN", "ARENA_WEBHOOK_URL", "ARENA_WEBHOOK_SECRET"):
        assert variables[name].startswith(f"${{{name}:")


def test_wrong_option_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        parsed(["--all-groups", "--helth", "127.0.0.1:8081"])
