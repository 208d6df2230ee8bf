"""Bot that answers commands while its bulk run uses the same rate limit."""

import asyncio
from typing import Final

from attrs import define, field

from arena_groups import ArenaClient, ArenaTimeoutError, Clock, QuotaPacer
from arena_groups.sandbox import Sandbox, faults

GROUP: Final = "research-studio"
COUNT: Final = 300
TASKS: Final = 20


@define
class Bot:
    """Bot and the sandbox that it uses, both in the time of ``clock``.

    Attributes:
        every: Seconds between two commands; without it there are none.
        deadline: Seconds in which a command must be answered.
        waits: Seconds of each command that was answered.
        refused: Number of commands that were not.
    """

    sandbox: Sandbox
    clock: Clock
    every: float = 0.0
    deadline: float = 0.0
    latency: float = 0.05
    waits: list[float] = field(factory=list[float])
    refused: int = 0

    async def run(self, *, writes: bool, start: float) -> float:
        """Return the seconds of the bulk run, which begins after ``start`` seconds."""
        async with self.sandbox as sandbox:
            sandbox.faults.add(faults.Latency(self.latency))
            pacer = QuotaPacer(clock=self.clock)
            async with ArenaClient(
                sandbox.tokens.owner, base_url=sandbox.url, clock=self.clock, pacer=pacer
            ) as arena:
                await asyncio.sleep(start)
                commands = asyncio.create_task(self._command(arena))
                begin = self.clock.now()
                await self._bulk(arena, writes=writes)
                took = self.clock.now() - begin
                commands.cancel()
                await asyncio.wait([commands])
            # The last command may have been cancelled before its response.
            statuses = {each.status for each in sandbox.requests}
            assert statuses <= {200, 201, 304, None}, statuses
        return took

    async def _bulk(self, arena: ArenaClient, *, writes: bool) -> None:
        background = arena.with_options(priority="background")
        numbers = iter(range(COUNT))

        async def work() -> None:
            for number in numbers:
                if writes:
                    await background.groups.invite(GROUP, email=f"guest{number}@example.org")
                else:
                    await background.groups.get(GROUP)

        await asyncio.gather(*(work() for _ in range(TASKS)))

    async def _command(self, arena: ArenaClient) -> None:
        command = arena.with_options(deadline=self.deadline) if self.every else arena
        while self.every:
            begin = self.clock.now()
            try:
                await command.me()
            except ArenaTimeoutError:
                self.refused += 1
            else:
                self.waits.append(self.clock.now() - begin)
            await asyncio.sleep(max(0.0, begin + self.every - self.clock.now()))
