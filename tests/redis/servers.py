"""A Redis server of one's own: started, stopped, paused and killed as a test likes."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from shutil import which

import pytest

PATIENCE = 20.0  # seconds; only ever reached when something hangs
BINARY = which("redis-server") or which("valkey-server")


class OwnRedis:
    """A server on a free port of this machine that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        if BINARY is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Serve, from nothing."""
        assert BINARY is not None
        self._process = subprocess.Popen(
            [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder,
             "--save", "", "--appendonly", "no"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, with all that it knew."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()

    def pause(self) -> None:
        """Keep it from answering, with its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def commands(self) -> dict[str, int]:
        """How often each command was called."""
        lines = self.command("INFO commandstats").splitlines()
        found = (line.partition(":") for line in lines if line.startswith("cmdstat_"))
        return {
            name.removeprefix("cmdstat_"): int(rest.split(",")[0].removeprefix("calls="))
            for name, _, rest in found
        }

    def command(self, line: str) -> str:
        """What it answers to a command whose answer comes in one piece."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line_to_it:
            line_to_it.sendall(line.encode() + b"\r\n")
            with line_to_it.makefile("rb") as answer:
                head = answer.readline().decode().strip()
                if head[:1] != "$":
                    return head[1:]
                return answer.read(int(head[1:])).decode()

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
