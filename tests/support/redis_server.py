"""Redis server of the tests: started, stopped, paused and killed as a test needs."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from shutil import rmtree, which

import pytest

from tests.support.waiting import until_blocking

BINARY = which("redis-server") or which("valkey-server")


def free_port() -> int:
    """Return a port of this machine that nothing uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server on a free port of this machine.

    Its contents end with it, unless it is ``durable``. ``options`` are those of its command line;
    ``config`` is a file that it may write, as Sentinel does.
    """

    def __init__(
        self, folder: Path, *options: str, durable: bool = False, config: Path | None = None
    ) -> None:
        if BINARY is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        self.folder = folder
        self._config = [] if config is None else [config]
        self._options = ["--save", "", "--appendonly", "no", *options]
        if config is not None:
            self._options = list(options)
        elif durable:
            self._options = [
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                *options,
            ]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server, with what it has kept."""
        assert BINARY is not None
        process = self._process = subprocess.Popen(
            [BINARY, *self._config, "--port", str(self.port), "--bind", "127.0.0.1",
             "--dir", self.folder, *self._options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def ready() -> bool:
            assert process.poll() is None, "redis-server ended at once"
            return self._is_up()

        until_blocking(ready)

    def kill(self) -> None:
        """Kill the server."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()

    def forget(self) -> None:
        """Delete what a killed server has kept."""
        rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "appendonly.aof").unlink(missing_ok=True)

    def pause(self) -> None:
        """Stop all replies; connections stay open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def calls(self) -> dict[str, int]:
        """Return the number of calls of each command."""
        lines = self.command("INFO commandstats").splitlines()
        found = (line.partition(":") for line in lines if line.startswith("cmdstat_"))
        return {
            name.removeprefix("cmdstat_"): int(rest.split(",")[0].removeprefix("calls="))
            for name, _, rest in found
        }

    def command(self, line: str) -> str:
        """Send a command, and return its reply: a string or number, empty if there is none."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            with connection.makefile("rb") as reply:
                head = reply.readline().decode().strip()
                if head[:1] != "$":
                    return head[1:]
                return reply.read(max(0, int(head[1:]))).decode()

    def _is_up(self) -> bool:
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
