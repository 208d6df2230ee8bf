"""Random sequences of changes to groups, failures of receivers, and kills of the watch.

Every event arrives at every endpoint at least once, in the order of its group, with a signature
that the official library accepts. Nothing is lost: the numbers of the events have no gap, and a
receiver that applies them ends with a correct copy of the groups.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import ArenaClient, MemoryStore, NoPacer, watch
from arena_groups.sandbox import Sandbox
from arena_groups.webhooks import generate_secret
from tests.support.thorough import repetitions
from tests.support.virtual_time import LoopClock, run_virtual
from tests.support.webhooks import Endpoint, KilledError, MortalStore, local_sender

EXAMPLES: Final = repetitions(20, thorough=200)
INTERVAL: Final = 60.0
GROUPS: Final = ("spring", "autumn")

picks = st.integers(0, 9)
changes = st.tuples(
    st.just("change"), st.sampled_from(["join", "leave", "invite", "accept", "decline"]),
    st.sampled_from(GROUPS), picks,
)  # fmt: skip
states = st.tuples(st.just("state"), st.integers(0, 1), st.sampled_from(Endpoint.STATES))
starts = st.tuples(st.just("start"), st.none() | st.integers(0, 25), st.booleans())
waits = st.tuples(st.just("wait"), st.floats(0.1, 150))
others = st.tuples(st.sampled_from(["kill", "new secret", "switch"]), st.integers(0, 1))
steps = st.lists(st.one_of(changes, states, starts, waits, waits, others), max_size=25)


@define
class World:
    """Groups, endpoints, a store that survives, and the processes of a watch that do not."""

    sandbox: Sandbox
    arena: ArenaClient
    urls: Sequence[str]
    endpoints: Sequence[Endpoint]
    shared: bool
    disk: MemoryStore = field(factory=MemoryStore)
    secrets: list[list[str]] = field(factory=list[list[str]])
    processes: list[tuple[MortalStore, "asyncio.Task[Any]"]] = field(
        factory=list[tuple[MortalStore, "asyncio.Task[Any]"]]
    )

    async def do(self, name: str, *arguments: Any) -> None:
        """Take one step."""
        match name:
            case "change":
                self.change(*arguments)
            case "state":
                self.endpoints[arguments[0]].state = arguments[1]
            case "start":
                await self.start(*arguments)
            case "wait":
                await asyncio.sleep(arguments[0])
            case "kill":
                await self.kill(arguments[0])
            case "new secret":
                await self.replace_secret(arguments[0])
            case "switch":
                self.endpoints[arguments[0]].secret = self.secrets[arguments[0]][0]

    def change(self, kind: str, slug: str, pick: int) -> None:
        """Change a group."""
        group = self.sandbox.groups[slug]
        if kind == "join":
            self.sandbox.add_members(group, pick + 1)
        elif kind == "invite":
            self.sandbox.add_invitations(group, pick + 1)
        elif kind == "leave":
            if others := self.sandbox.members(group)[1:]:
                self.sandbox.leave_group(group, others[pick % len(others)])
        elif pending := self.sandbox.pending_invitations(group):
            invitation = pending[pick % len(pending)]
            if kind == "accept":
                self.sandbox.accept_invitation(invitation)
            else:
                self.sandbox.decline_invitation(invitation)

    async def start(self, writes: int | None, unanswered: bool) -> None:
        """Start a process, which is killed at one of its writes; it replaces one if not shared."""
        if not self.shared or len(self.processes) > 1:
            await self.kill(0)
        store = MortalStore(self.disk, writes, unanswered=unanswered)
        self.processes.append((store, asyncio.create_task(self.run(store))))

    async def run(self, store: MortalStore) -> None:
        """Watch and deliver, as a process does that starts again after an error."""
        senders = [
            local_sender(url, secret=secrets, name=f"endpoint-{number}")
            for number, (url, secrets) in enumerate(zip(self.urls, self.secrets, strict=True))
        ]
        watcher = watch(
            self.arena, *GROUPS, interval=INTERVAL, store=store, replay=True, shared=self.shared
        )
        with suppress(KilledError, asyncio.CancelledError):
            async with watcher:
                await watcher.deliver(senders)

    async def kill(self, number: int) -> None:
        """Kill a process."""
        if self.processes:
            store, task = self.processes.pop(number % len(self.processes))
            store.dead = True
            task.cancel()
            await asyncio.wait([task])

    async def replace_secret(self, number: int) -> None:
        """Begin to replace the secret of an endpoint: processes sign with the new and the old."""
        while self.processes:
            await self.kill(0)
        self.secrets[number] = [generate_secret(), self.endpoints[number].secret]

    async def finish(self) -> None:
        """Let everything that waits arrive."""
        for endpoint in self.endpoints:
            endpoint.state = "accepts"
        while self.processes:
            await self.kill(0)
        await self.start(None, False)
        await asyncio.sleep(400)
        await self.kill(0)

    def check(self) -> None:
        """Check what the endpoints have received."""
        for slug in GROUPS:
            group = self.sandbox.groups[slug]
            first, second = (endpoint.sequences(group) for endpoint in self.endpoints)
            assert first == second == list(range(1, len(first) + 1))
        for endpoint in self.endpoints:
            assert endpoint.problems == []
            for slug in GROUPS:
                self.check_copy(endpoint, self.sandbox.groups[slug])

    def check_copy(self, endpoint: Endpoint, group: int) -> None:
        """Check that the events lead to the members and invitations that the group has."""
        members, invitations, seen = set[int](), set[int](), set[str]()
        for event in endpoint.accepted:
            if event["group"]["id"] == group and event["key"] not in seen:
                seen.add(event["key"])
                if event["kind"] in {"member-joined", "member-left"}:
                    change = members.add if event["kind"] == "member-joined" else members.discard
                    change(event["member"]["id"])
                elif event["kind"].startswith("invitation-"):
                    is_new = event["kind"] == "invitation-sent"
                    change = invitations.add if is_new else invitations.discard
                    change(event["invitation"]["id"])
        assert members == set(self.sandbox.members(group))
        assert invitations == set(self.sandbox.pending_invitations(group))


async def play(script: Sequence[tuple[Any, ...]], *, shared: bool) -> None:
    endpoints = [Endpoint(generate_secret()), Endpoint(generate_secret())]
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(endpoint.serve()) for endpoint in endpoints]
        sandbox = await stack.enter_async_context(Sandbox())
        for slug in GROUPS:
            sandbox.add_group(slug.title(), slug=slug)
        arena = await stack.enter_async_context(
            ArenaClient(
                sandbox.tokens.owner, base_url=sandbox.url, clock=LoopClock(), pacer=NoPacer()
            )
        )
        world = World(sandbox, arena, urls, endpoints, shared)
        world.secrets = [[endpoint.secret] for endpoint in endpoints]
        for step in script:
            await world.do(*step)
        await world.finish()
        world.check()


@settings(max_examples=EXAMPLES, deadline=None)
@given(script=steps, shared=st.booleans())
def test_every_event_arrives_at_every_endpoint_in_order_and_signed(
    script: list[tuple[Any, ...]], shared: bool
) -> None:
    run_virtual(play(script, shared=shared))
