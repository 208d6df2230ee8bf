"""How far a watch goes: the simulation, alone and against real watches. No timing is asserted."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from statistics import mean

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import ArenaClient, MemberJoined, MemoryCache, MemoryStore, QuotaPacer
from arena_groups._api import GroupReference
from arena_groups.sandbox import Sandbox, faults
from arena_groups.watching.watcher import Watcher
from benchmarks.reach.fleet import Fleet, requests_of
from benchmarks.reach.simulation import Record, simulate, simulate_token
from tests.support.virtual_time import LoopClock, run_virtual

UNIX = 1_800_000_000
HOUR = 3600.0


def steady() -> float:
    """Return the jitter of all polls, so that both run alike."""
    return 0.5


@define
class Seen:
    """Requests that a sandbox has received, and how late each change was noticed."""

    statuses: Counter[int | None] = field(factory=Counter[int | None])
    delays: list[float] = field(factory=list[float])

    @property
    def requests(self) -> int:
        """Number of all requests."""
        return sum(self.statuses.values())


async def watch_for(fleet: Fleet, changes: Sequence[Sequence[float]], seconds: float) -> Seen:
    """Run a real watch over a sandbox in which invitations are accepted at the given times."""
    loop, clock, seen = asyncio.get_running_loop(), LoopClock(), Seen()
    started = loop.time()
    happened: dict[int, float] = {}

    def now() -> float:
        return loop.time() - started

    async with (
        Sandbox(limit=fleet.limit, tier="free", clock=lambda: UNIX + now()) as sandbox,
        ArenaClient(
            sandbox.tokens.owner,
            base_url=sandbox.url,
            clock=clock,
            pacer=QuotaPacer(clock=clock),
            cache=MemoryCache(max_entries=100_000, max_bytes=2**30),
        ) as arena,
    ):
        slugs = [f"g{number}" for number in range(fleet.groups)]
        for slug in slugs:
            sandbox.add_group(slug, slug=slug)
            sandbox.add_members(slug, fleet.members - 1)
            sandbox.add_invitations(slug, fleet.pending)
        sandbox.faults.add(faults.Latency(fleet.latency))

        async def accept(slug: str, when: float) -> None:
            await asyncio.sleep(when - now())
            pending = sandbox.pending_invitations(slug)
            happened[sandbox.accept_invitation(pending[len(pending) // 2])] = when

        async def consume() -> None:
            async for event in watcher:
                if isinstance(event, MemberJoined):
                    seen.delays.append(now() - happened[event.member.id])

        groups = [GroupReference(slug) for slug in slugs]
        watcher = Watcher(
            arena,
            groups,
            interval=fleet.interval,
            store=MemoryStore(),
            jitter=steady,
            concurrency=fleet.concurrency,
        )
        async with watcher, asyncio.TaskGroup() as tasks:
            for slug, times in zip(slugs, changes, strict=True):
                for when in times:
                    tasks.create_task(accept(slug, when))
            consuming = tasks.create_task(consume())
            await asyncio.sleep(seconds - now())
            await watcher.aclose()
            await consuming
        seen.statuses.update(each.status for each in sandbox.requests)
    return seen


def simulated(fleet: Fleet, changes: Sequence[Sequence[float]], seconds: float) -> Record:
    return simulate_token(fleet, [list(each) for each in changes], seconds=seconds, jitter=steady)


SMALL = Fleet(groups=2, members=20, pending=5, limit=600)
SETTINGS = {
    "one group": evolve(SMALL, groups=1),
    "lists of several pages": evolve(SMALL, members=250, pending=130),
    "members of several pages": evolve(SMALL, groups=1, members=201),
    "invitations of several pages": evolve(SMALL, groups=1, pending=230),
    "more than its share of the quota": evolve(SMALL, groups=12, limit=60),
    "one poll at a time": evolve(SMALL, groups=4, concurrency=1, latency=0.5),
}


class TestRealWatch:
    @pytest.mark.parametrize("fleet", SETTINGS.values(), ids=SETTINGS)
    def test_simulation_and_real_watch_agree(self, fleet: Fleet) -> None:
        seconds = HOUR
        changes = [
            [when + 100.0 * number for when in (905.0, 1_135.0, 2_505.0)] if number < 3 else []
            for number in range(fleet.groups)
        ]
        seen = run_virtual(watch_for(fleet, changes, seconds))
        record = simulated(fleet, changes, seconds)
        assert set(seen.statuses) <= {200, 304, 404, None}  # 404: there is no invite code
        assert seen.requests == len(record.arrivals)
        assert seen.statuses[304] == pytest.approx(record.unchanged, abs=2)  # of the last polls
        assert len(seen.delays) == len(record.delays)
        expected = mean(late for _, late in record.delays)
        assert mean(seen.delays) == pytest.approx(expected, rel=0.05)


class TestRequestsOfAPoll:
    def test_quiet_poll_takes_three_whatever_the_size(self) -> None:
        for size in (0, 99, 100, 101, 100_000):
            poll = requests_of(evolve(SMALL, members=max(size, 1), pending=size))
            assert (poll.requests, poll.unchanged) == (3, 2)

    @given(
        members=st.integers(1, 5_000),
        pending=st.integers(0, 5_000),
        more=st.integers(0, 500),
        full=st.booleans(),
        changed=st.booleans(),
    )
    def test_longer_lists_never_take_fewer(
        self, members: int, pending: int, more: int, full: bool, changed: bool
    ) -> None:
        small = evolve(SMALL, members=members, pending=pending)
        large = evolve(SMALL, members=members + more, pending=pending + more)
        quiet = requests_of(small)
        here = requests_of(small, full=full, changed=changed)
        there = requests_of(large, full=full, changed=changed)
        assert quiet.requests <= here.requests <= there.requests
        assert here.unchanged < here.requests


fleets = st.builds(
    Fleet,
    groups=st.integers(1, 150),
    members=st.sampled_from([1, 100, 101, 450]),
    pending=st.sampled_from([0, 20, 250]),
    interval=st.sampled_from([5.0, 60.0, 300.0]),
    joins=st.sampled_from([0.0, 2.0, 200.0]),
    replicas=st.integers(1, 5),
    concurrency=st.integers(1, 8),
    limit=st.sampled_from([30, 120, 600]),
    latency=st.sampled_from([0.05, 0.2, 3.0]),
)


class TestSimulation:
    @settings(max_examples=25, deadline=None)
    @given(fleet=fleets, seed=st.integers(0, 1_000))
    def test_no_window_has_more_requests_than_the_limit(self, fleet: Fleet, seed: int) -> None:
        found = simulate(fleet, seconds=1_200, seed=seed)
        assert 0 < found.busiest <= fleet.limit
        assert found.share <= 1
        assert 0 < found.unchanged < 1

    @settings(max_examples=10, deadline=None)
    @given(fleet=fleets, times=st.integers(2, 5))
    def test_more_groups_never_mean_fewer_requests(self, fleet: Fleet, times: int) -> None:
        quiet = evolve(fleet, joins=0.0)
        few, many = (
            simulate(each, seconds=3_600).requests
            for each in (quiet, evolve(quiet, groups=times * quiet.groups))
        )
        assert few <= 1.05 * many  # as jitter moves some polls past the end

    @pytest.mark.parametrize("limit", [120, 600])
    def test_delay_grows_with_the_groups_of_a_token(self, limit: int) -> None:
        fleets = [Fleet(groups=groups, limit=limit, joins=6.0) for groups in (50, 200, 800)]
        found = [simulate(each, seconds=8 * HOUR, warm_up=2 * HOUR) for each in fleets]
        typical = [each.typical_delay for each in found]
        assert typical == sorted(typical)
        assert all(each.typical_delay < each.slow_delay for each in found)

    def test_tokens_multiply_the_quota(self) -> None:
        one = simulate(Fleet(groups=400), seconds=2 * HOUR)
        eight = simulate(Fleet(groups=400, tokens=8), seconds=2 * HOUR)
        assert eight.typical_delay < one.typical_delay
        assert eight.share < one.share
        assert 8 * eight.requests > one.requests

    def test_tokens_are_alike(self) -> None:
        fleet = Fleet(groups=900, tokens=30)
        all_tokens = simulate(fleet, seconds=HOUR)
        some = simulate(fleet, seconds=HOUR, tokens=5)
        assert some.requests == pytest.approx(all_tokens.requests, rel=0.02)

    def test_replicas_share_the_quota_of_the_token(self) -> None:
        fleet = Fleet(groups=200, limit=300)
        one, four = (simulate(evolve(fleet, replicas=each), seconds=2 * HOUR) for each in (1, 4))
        assert four.requests == pytest.approx(one.requests, rel=0.02)
