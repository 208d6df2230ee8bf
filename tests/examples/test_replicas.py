"""Example: two replicas that share one rate limit and one watch."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.examples import run_script
from tests.support.redis_server import RedisServer
from tests.support.waiting import HANG_TIMEOUT, until_blocking

pytest.importorskip("redis", reason="redis is in the extra redis")

FOLDER = Path(__file__).parents[2] / "examples/replicas"
INTERVAL = 0.4


class Service:
    """One replica, and its output."""

    def __init__(self, sandbox: ThreadedSandbox, redis: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._out = folder / f"{self.port}.out"
        self._err = folder / f"{self.port}.err"
        environment = {
            **os.environ, "PYTHONPATH": ".", "PORT": str(self.port), "REDIS_URL": redis,
            "ARENA_BASE_URL": sandbox.url, "ARENA_TOKEN": sandbox.tokens.owner,
            "WATCH_INTERVAL": str(INTERVAL),
        }  # fmt: skip
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, FOLDER / "service.py", "night-walks"],
                env=environment, cwd=FOLDER.parents[1], stdout=out, stderr=err,
            )  # fmt: skip

    def printed(self) -> str:
        return self._out.read_text("utf-8")

    def errors(self) -> str:
        return self._err.read_text("utf-8")

    def get(self, path: str) -> str:
        """Return its response, as soon as it responds."""
        deadline = time.monotonic() + HANG_TIMEOUT
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                    text: str = answer.read().decode()
                    return text
            except urllib.error.URLError:
                assert time.monotonic() < deadline, self.errors()
                assert self.process.poll() is None, self.errors()
                time.sleep(0.05)


@contextmanager
def replicas(
    count: int, sandbox: ThreadedSandbox, redis: str, folder: Path
) -> Iterator[list[Service]]:
    started = [Service(sandbox, redis, folder) for _ in range(count)]
    try:
        yield started
    finally:
        for each in started:
            with each.process:
                each.process.kill()


def welcomed(services: list[Service], name: str) -> list[Service]:
    """Return the replicas that have welcomed a person, once there is one."""

    def found() -> list[Service]:
        return [each for each in services if f", {name}!" in each.printed()]

    until_blocking(lambda: bool(found()), lambda: [each.errors() for each in services])
    return found()


def wait_until_watched(services: list[Service]) -> None:
    until_blocking(
        lambda: any("is watched by this process now" in each.errors() for each in services),
        lambda: [each.errors() for each in services],
    )
    time.sleep(INTERVAL)


def test_one_replica_welcomes_and_another_takes_over(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with ThreadedSandbox() as sandbox:
        sandbox.add_group("Night Walks", slug="night-walks")
        sandbox.add_invitations("night-walks", 3)
        with replicas(2, sandbox, redis_server.url, tmp_path) as services:
            for each in services:
                assert each.get("/health") == "ok\n"
                assert json.loads(each.get("/groups/night-walks/pending")) == {"pending": 3}
            wait_until_watched(services)
            sandbox.add_member("night-walks", sandbox.add_user("Ada"))
            (first,) = welcomed(services, "Ada")
            first.process.kill()
            sandbox.add_member("night-walks", sandbox.add_user("Grace"))
            (second,) = welcomed(services, "Grace")
            assert second is not first
            second.process.send_signal(signal.SIGTERM)
            assert second.process.wait(HANG_TIMEOUT) == 0
            assert "Traceback" not in first.errors() + second.errors()


def test_compose_file_sets_variables_of_the_service() -> None:
    compose = (FOLDER / "compose.yaml").read_text("utf-8")
    service = (FOLDER / "service.py").read_text("utf-8")
    given = set(re.findall(r"^      ([A-Z_]+): ", compose, re.MULTILINE))
    read = re.findall(r'environ\.get\("([A-Z_]+)"', service)
    asked = {*read, "ARENA_TOKEN", "ARENA_BASE_URL"}
    assert given <= asked
    assert "examples/replicas/service.py" in (FOLDER / "Dockerfile").read_text("utf-8")
    assert "examples/replicas/compose.yaml" in service


def test_missing_argument_prints_the_usage() -> None:
    done = run_script("replicas/service.py")
    assert (done.returncode, done.stderr) == (1, "usage: service.py GROUP...\n")
