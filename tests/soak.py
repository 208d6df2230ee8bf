"""Soak test: many tasks, all operations and random faults, with a final count.

Run it with ``nox -s soak`` or ``python -m tests.soak [SECONDS]``. It prints its figures and ends
with 1 if anything was missed, repeated, rejected as too fast, or left open.
"""

import asyncio
import gc
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from random import Random

from attrs import define, field

from arena_groups import ArenaClient, ArenaError, QuotaPacer, RetryPolicy, Timeout
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    Churn,
    CutBody,
    Disconnect,
    Fault,
    HTMLPage,
    Latency,
    RateLimited,
    RequestTimeout,
    Reset,
    ServerFailure,
    TruncatedJSON,
)

STUDIO = "research-studio"
TASKS = 100
WINDOW = 2
LIMIT = 900
STABLE = 200
FLAT = 32 * 1024 * 1024

FAULTS: list[tuple[Fault, float]] = [
    (Latency(0.02), 0.05),
    (RequestTimeout(), 0.005),
    (ServerFailure(503), 0.01),
    (ServerFailure(500, after=True), 0.005),
    (Reset(), 0.005),
    (Reset(after=True), 0.005),
    (Disconnect(after=True), 0.005),
    (CutBody(), 0.005),
    (TruncatedJSON(), 0.005),
    (HTMLPage(), 0.002),
    (RateLimited(1), 0.0003),
]


@define
class Soak:
    """State of a soak test."""

    sandbox: Sandbox
    arena: ArenaClient
    ends: float
    stable: frozenset[int]
    random: Random = field(factory=lambda: Random(7))
    numbers: "count[int]" = field(factory=count)
    done: Counter[str] = field(factory=Counter[str])
    errors: Counter[str] = field(factory=Counter[str])
    statuses: Counter[str] = field(factory=Counter[str])
    problems: list[str] = field(factory=list[str])

    async def work(self, group: int) -> None:
        """Run random jobs until the time is over."""
        jobs: list[tuple[str, Callable[[int], Awaitable[object]]]] = [
            ("walk", self.walk),
            ("invite and revoke", self.invite),
            ("group", self.own_group),
            ("read", self.read),
            ("code", self.code),
            ("cancel", self.cancel),
        ]
        while time.monotonic() < self.ends:
            name, job = self.random.choice(jobs)
            try:
                await job(group)
            except ArenaError as error:
                self.errors[type(error).__name__] += 1
            else:
                self.done[name] += 1

    async def walk(self, _: int) -> None:
        """Read the whole list, continue after errors, and compare with the unchanged items."""
        per = self.random.choice([7, 24, 50, 100])
        items, seen = aiter(self.arena.groups.invitations(STUDIO, per=per)), Counter[int]()
        while True:
            try:
                seen[(await anext(items)).id] += 1
            except StopAsyncIteration:
                break
            except ArenaError as error:
                self.errors[f"in a walk: {type(error).__name__}"] += 1
        if max(seen.values()) > 1:
            self.problems.append("a walk yielded an invitation twice")
        if missed := self.stable - set(seen):
            self.problems.append(f"a walk missed {len(missed)} invitations")

    async def invite(self, group: int) -> None:
        """Invite a new address, and revoke the invitation."""
        email = f"guest-{next(self.numbers)}@example.org"
        result = await self.arena.groups.invite(group, email=email)
        if result.invitation is not None:
            await self.arena.groups.revoke_invitation(group, result.invitation.id)

    async def own_group(self, _: int) -> None:
        """Create a group, update it and delete it."""
        group = await self.arena.groups.create(f"Soak {next(self.numbers)}")
        await self.arena.groups.update(group.id, description="Changed")
        await self.arena.groups.delete(group.id)

    async def read(self, group: int) -> None:
        """Send one request of each read operation."""
        await self.arena.ping()
        await self.arena.me()
        await self.arena.groups.get(group)
        await self.arena.groups.members(STUDIO).collect(limit=10)
        await self.arena.groups.contents(STUDIO).first()
        await self.arena.groups.followers(STUDIO).count()
        await self.arena.users.groups(self.sandbox.users.owner.id)

    async def code(self, group: int) -> None:
        """Create an invite code, and delete it."""
        await self.arena.groups.create_invite_code(group)
        await self.arena.groups.delete_invite_code(group)

    async def cancel(self, group: int) -> None:
        """Cancel reads at a random moment."""
        try:
            async with asyncio.timeout(self.random.random() * 0.1):
                await self.read(group)
        except TimeoutError as error:
            if isinstance(error, ArenaError):
                raise

    def count_requests(self) -> None:
        """Count the requests at the server, and clear them."""
        for request in self.sandbox.requests:
            injected = "rate-limited" in request.faults
            name = "429, injected" if injected else str(request.status)
            self.statuses[name] += 1
        self.sandbox.clear_requests()


def memory() -> int:
    """Return the bytes that this process has in memory."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def sockets() -> int:
    """Return the number of open sockets."""
    files = Path("/proc/self/fd").iterdir()
    return sum(file.is_symlink() and "socket" in str(file.readlink()) for file in files)


async def watch(run: Soak, seconds: float) -> int:
    """Count every second, and return the bytes allocated in the second half."""
    middle = 0
    while (left := run.ends - time.monotonic()) > 0:
        await asyncio.sleep(min(1.0, left))
        run.count_requests()
        if not middle and left < seconds / 2:
            gc.collect()
            middle = memory()
    gc.collect()
    return memory() - middle


async def soak(seconds: float) -> list[str]:
    """Run for ``seconds``, print the figures, and return the problems."""
    open_before = sockets()
    async with Sandbox(limit=LIMIT, window=WINDOW) as sandbox:
        stable = frozenset(sandbox.pending_invitations(STUDIO)[::2][:STABLE])
        for fault, probability in FAULTS:
            sandbox.faults.add(fault, probability=probability)
        churn = Churn(STUDIO, keep=stable)
        sandbox.faults.add(churn, operation="getGroupInvitations", probability=0.3)
        group = sandbox.add_group("Soaking")
        pacer = QuotaPacer(write_spacing=0.005)
        async with ArenaClient(
            sandbox.tokens.owner,
            base_url=sandbox.url,
            timeout=Timeout(total=10),
            retry=RetryPolicy(attempts=6, backoff=0.05, max_backoff=1),
            pacer=pacer,
        ) as arena:
            run = Soak(sandbox, arena, time.monotonic() + seconds, stable)
            tasks = [asyncio.create_task(run.work(group)) for _ in range(TASKS)]
            grown = await watch(run, seconds)
            await asyncio.gather(*tasks)
        run.count_requests()
        emails = Counter(email.address for email in sandbox.emails)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    figures = {
        "done": dict(run.done),
        "errors": dict(run.errors),
        "responses by status": dict(run.statuses),
        "emails": emails.total(),
        "memory, second half (KiB)": grown >> 10,
        "sockets before and after": (open_before, sockets()),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    wrong = {
        "an address received two emails": emails.total() > len(emails),
        "the server rejected requests with 429": bool(run.statuses["429"]),
        "tasks are left": bool(left),
        "permits were not released": bool(pacer.snapshot().in_flight),
        "sockets are left open": sockets() > open_before,
        "memory grew": grown > FLAT,
        "no walk was finished": not run.done["walk"],
    }
    return sorted(set(run.problems)) + [name for name, holds in wrong.items() if holds]


def main() -> int:
    """Run the soak test, and return the exit code."""
    warnings.simplefilter("error")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    problems = asyncio.run(soak(seconds), debug=False)
    for problem in problems:
        print(f"WRONG: {problem}")
    print("soak:", "not clean" if problems else "clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
