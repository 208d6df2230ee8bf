"""Random sequences of crashes and starts of processes that share a watch, in virtual time.

Polls and the store are slow, and the last write of a crashed process may arrive after its crash.
No event is missing, none is delivered by two processes unless the first crashed before the
acknowledgement, and the groups of a crashed process are taken over within two intervals.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from typing import TypeVar

import pytest
from attrs import define, field
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from arena_groups import ArenaClient, MemoryStore, Store, Timeout, watch
from arena_groups.sandbox import Sandbox, faults
from arena_groups.stores.base import NO_CONDITIONS
from tests.support.clients import single
from tests.support.thorough import repetitions
from tests.support.virtual_time import LoopClock, run_virtual

T = TypeVar("T")

INTERVAL = 6.0
MAX_DELAY = INTERVAL / 16  # of the store, on the way there and on the way back
MAX_HANDLING = INTERVAL / 30
TAKEOVER = 2 * INTERVAL
START = 60.0  # a process that was started this long ago knows its groups
GROUPS = ["one", "two", "three"]


def now() -> float:
    return asyncio.get_running_loop().time()


class SlowStore:
    """View of a store that one process has of it: slow, and cut off after a crash.

    ``owned`` are the namespaces whose last fencing token is of this process, with the time of its
    last write.
    """

    def __init__(
        self, store: MemoryStore, owners: "dict[str, Replica]", rng: random.Random
    ) -> None:
        self._store = store
        self._owners = owners
        self._rng = rng
        self.replica: Replica | None = None
        self.crashed = asyncio.Event()

    async def read(self, namespace: str) -> dict[str, str]:
        return await self._slowly(lambda: self._store.read(namespace))

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        async def write() -> bool:
            done = await self._store.compare_and_set(namespace, updates, expected=expected)
            if done and self.replica is not None:
                if "fencing_token" in updates:
                    self._owners[namespace] = self.replica
                self.replica.last_writes[namespace] = now()
            return done

        return await self._slowly(write)

    async def _slowly(self, operation: Callable[[], Awaitable[T]]) -> T:
        if self.crashed.is_set():
            await asyncio.Event().wait()
        await asyncio.sleep(self._rng.random() * MAX_DELAY)
        result = await operation()  # also after a crash: it was on its way
        await asyncio.sleep(self._rng.random() * MAX_DELAY)
        if self.crashed.is_set():
            await asyncio.Event().wait()
        return result


@define(eq=False)
class Delivery:
    """One delivery of an event, until its acknowledgement was confirmed or its process crashed."""

    key: str
    replica: "Replica"
    began: float
    ended: float = float("inf")


@define(eq=False)
class Replica:
    """A process that shares the watch."""

    arena: ArenaClient
    store: SlowStore
    rng: random.Random
    started: float
    log: list[Delivery]
    crashed: float = float("inf")
    last_writes: dict[str, float] = field(factory=dict[str, float])
    task: "asyncio.Task[None] | None" = None

    async def run(self) -> None:
        """Handle events until the crash."""
        store: Store = self.store
        watcher = watch(
            self.arena, *GROUPS, interval=INTERVAL, store=store, shared=True, replay=True
        )
        delivery: Delivery | None = None
        async with watcher:
            async for event in watcher:
                if delivery is not None:
                    delivery.ended = now()
                delivery = Delivery(event.key, self, now())
                self.log.append(delivery)
                await asyncio.sleep(self.rng.random() * MAX_HANDLING)
                await watcher.ack()
                delivery.ended = now()
                delivery = None

    def crash(self) -> None:
        self.crashed = now()
        self.store.crashed.set()


@define
class Course:
    """The processes, and everything that has happened to them."""

    sandbox: Sandbox
    rng: random.Random
    store: MemoryStore = field(factory=MemoryStore)
    owners: dict[str, Replica] = field(factory=dict[str, Replica])
    log: list[Delivery] = field(factory=list[Delivery])
    running: list[Replica] = field(factory=list[Replica])
    all: list[Replica] = field(factory=list[Replica])
    expected: set[str] = field(factory=set[str])
    checks: "list[asyncio.Task[None]]" = field(factory=list["asyncio.Task[None]"])

    def start(self) -> None:
        """Start a process."""
        arena = single(
            self.sandbox.tokens.owner,
            base_url=self.sandbox.url,
            clock=LoopClock(),
            timeout=Timeout(read=1000, total=1000),
        )
        store = SlowStore(self.store, self.owners, self.rng)
        replica = Replica(arena, store, self.rng, now(), self.log)
        store.replica = replica
        replica.task = asyncio.ensure_future(replica.run())
        self.running.append(replica)
        self.all.append(replica)

    def crash(self, pick: int) -> None:
        """Crash a process, and check later that another has taken over."""
        victim = self.running.pop(pick % len(self.running))
        victim.crash()
        self.checks.append(asyncio.ensure_future(self._check_takeover(victim)))

    def join(self, pick: int) -> None:
        """Add a member to a group."""
        group = self.sandbox.groups[GROUPS[pick % len(GROUPS)]]
        (user,) = self.sandbox.add_members(group, 1)
        self.expected.add(f"{group}/member-joined/{user}")

    async def _check_takeover(self, victim: Replica) -> None:
        """Check that a process that waited takes over what ``victim`` owned."""
        await asyncio.sleep(MAX_DELAY)  # until its last write has arrived
        owned = [each for each, owner in self.owners.items() if owner is victim]
        waiting = [each for each in self.running if now() - each.started > START]
        for namespace in owned:
            await asyncio.sleep(victim.last_writes[namespace] + TAKEOVER - now())
            if any(each.crashed > now() for each in waiting):
                assert self.owners[namespace] is not victim

    async def close(self) -> None:
        """End all processes."""
        for each in self.all:
            if each.task is not None:
                each.task.cancel()
                if each in self.running:
                    await asyncio.gather(each.task, return_exceptions=True)
            await each.arena.aclose()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "Replica" in repr(task) or "Watcher" in repr(task) or "lease" in repr(task):
                task.cancel()

    def check_deliveries(self) -> None:
        """Check that every event was delivered, and by one process at a time."""
        by_key: dict[str, list[Delivery]] = defaultdict(list)
        by_group: dict[str, list[Delivery]] = defaultdict(list)
        for each in self.log:
            by_key[each.key].append(each)
            by_group[each.key.partition("/")[0]].append(each)
        assert self.expected <= {key.rpartition("/")[0] for key in by_key}
        for deliveries in by_key.values():
            for each in deliveries[:-1]:
                assert each.replica.crashed < each.ended, deliveries
        for deliveries in by_group.values():
            for first, second in pairwise(deliveries):
                assert min(first.ended, first.replica.crashed) <= second.began, deliveries


actions = st.lists(
    st.tuples(
        st.sampled_from(["crash", "start", "join", "join", "join"]),
        st.integers(0, 5),
        st.floats(0, 5 * INTERVAL),
    ),
    min_size=5,
    max_size=25,
)


async def run_course(
    actions: list[tuple[str, int, float]], replicas: int, latency: float, seed: int
) -> None:
    async with Sandbox() as sandbox:
        for group in GROUPS:
            sandbox.add_group(group, slug=group)
        sandbox.faults.add(faults.Latency(latency))
        course = Course(sandbox, random.Random(seed))
        try:
            for _ in range(replicas):
                course.start()
            await asyncio.sleep(START + 5 * latency)
            for kind, pick, pause in actions:
                if kind == "crash" and len(course.running) > 1:
                    course.crash(pick)
                elif kind == "start" and len(course.running) < 3:
                    course.start()
                else:
                    course.join(pick)
                await asyncio.sleep(pause)
            await asyncio.sleep(TAKEOVER + 10 * INTERVAL + 20 * latency)
            await asyncio.gather(*course.checks)
        finally:
            await course.close()
        course.check_deliveries()


@pytest.mark.parametrize("latency", [0.1, INTERVAL, 4 * INTERVAL])
@settings(
    max_examples=repetitions(8, thorough=60),
    phases=[Phase.explicit, Phase.generate],  # a smaller example takes minutes
)
@given(actions=actions, replicas=st.integers(2, 3), seed=st.integers(0, 1000))
def test_random_crashes_lose_no_event_and_are_followed_by_a_takeover(
    latency: float, actions: list[tuple[str, int, float]], replicas: int, seed: int
) -> None:
    run_virtual(run_course(actions, replicas, latency, seed))
