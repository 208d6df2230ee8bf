"""Redis server of the tests: started, stopped, paused and killed as a test needs."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from shutil import which

import pytest

from tests.support.waiting import until_blocking

BINARY = which("redis-server") or which("valkey-server")


class RedisServer:
    """A server on a free port of this machine, without anything on disk."""

    def __init__(self, folder: Path) -> None:
        if BINARY is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server, empty."""
        assert BINARY is not None
        process = self._process = subprocess.Popen(
            [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder,
             "--save", "", "--appendonly", "no"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def ready() -> bool:
            assert process.poll() is None, "redis-server ended at once"
            return self._is_up()

        until_blocking(ready)

    def kill(self) -> None:
        """Kill the server, with its contents."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()

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
        """Send a command, and return its reply, which must be a single string or number."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            with connection.makefile("rb") as reply:
                head = reply.readline().decode().strip()
                if head[:1] != "$":
                    return head[1:]
                return reply.read(int(head[1:])).decode()

    def _is_up(self) -> bool:
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
