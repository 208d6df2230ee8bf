"""Redis server of the tests: started, stopped, paused and killed as a test needs."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree, which
from typing import Self

import pytest
from attrs import frozen

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
        self,
        folder: Path,
        *options: str,
        durable: bool = False,
        config: Path | None = None,
        binary: str | None = BINARY,
    ) -> None:
        if binary is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        self._binary = binary
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
        process = self._process = subprocess.Popen(
            [self._binary, *self._config, "--port", str(self.port), "--bind", "127.0.0.1",
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


def start_cluster_node(stack: ExitStack, folder: Path) -> RedisServer:
    """Start a cluster of one node."""
    server = RedisServer(folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    stack.callback(server.kill)
    server.start()
    server.command("CLUSTER ADDSLOTSRANGE 0 16383")
    until_blocking(lambda: "cluster_state:ok" in server.command("CLUSTER INFO"))
    return server


@frozen
class FailoverServers:
    """A primary called ``ours``, its replica, and the Sentinel that watches both."""

    primary: RedisServer
    replica: RedisServer
    sentinel: RedisServer

    @classmethod
    def start(cls, stack: ExitStack, folder: Path) -> Self:
        """Start the three servers, and wait until they know each other."""

        def start(name: str, *options: str, config: str = "") -> RedisServer:
            own = folder / name
            own.mkdir()
            file = own / "redis.conf"
            file.write_text(config, "utf-8")
            server = RedisServer(own, *options, config=file if config else None)
            stack.callback(server.kill)
            server.start()
            return server

        primary = start("primary")
        replica = start("replica", "--replicaof", "127.0.0.1", str(primary.port))
        until_blocking(lambda: "master_link_status:up" in replica.command("INFO replication"))
        sentinel = start(
            "sentinel", "--sentinel",
            config=f"sentinel monitor ours 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds ours 300\n"
            "sentinel failover-timeout ours 2000\n",
        )  # fmt: skip
        until_blocking(lambda: "slaves=1" in sentinel.command("INFO sentinel"))
        return cls(primary, replica, sentinel)
