"""Sandbox in a process of its own, with many groups that are alike and never change."""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

from attrs import frozen

from arena_groups.sandbox import Sandbox
from benchmarks.children import ROOT

__all__ = ["World", "running_world"]


@frozen
class World:
    """Running sandbox: its address, the token of the owner, and the groups' ids."""

    url: str
    token: str
    groups: list[int]


@contextmanager
def running_world(groups: int, members: int, pending: int) -> Generator[World, None, None]:
    """Run such a sandbox until the end of the block."""
    sizes = [str(each) for each in (groups, members, pending)]
    with subprocess.Popen(
        [sys.executable, "-m", __name__, *sizes],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the sandbox did not start")
            yield World(**json.loads(line))
        finally:
            process.stdin.close()
            process.wait(30)


async def _serve(groups: int, members: int, pending: int) -> None:
    async with Sandbox() as sandbox:
        guests = [sandbox.add_user(f"guest-{number}") for number in range(members - 1)]
        ids = [sandbox.add_group(f"g{number}", slug=f"g{number}") for number in range(groups)]
        for group in ids:
            for guest in guests:
                sandbox.add_member(group, guest)
            sandbox.add_invitations(group, pending)
        world = {"url": sandbox.url, "token": sandbox.tokens.owner, "groups": ids}
        print(json.dumps(world), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser()
    for name in ("groups", "members", "pending"):
        parser.add_argument(name, type=int)
    given = parser.parse_args()
    asyncio.run(_serve(given.groups, given.members, given.pending))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # the parent reports it
        main()
