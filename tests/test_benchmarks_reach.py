"""How far a watch goes: the simulation, alone and against real watches. No timing is asserted."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path
from statistics import mean

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import ArenaClient, MemberJoined, MemoryCache, MemoryStore, QuotaPacer
from arena_groups._api import GroupReference
from arena_groups.sandbox import Sandbox, faults
from arena_groups.watching.watcher import Watcher
from benchmarks.children import ROOT
from benchmarks.cli import main
from benchmarks.figures import Machine
from benchmarks.reach.command import REACH_RESULTS, measure_cost
from benchmarks.reach.figures import Cost, Figures, Simulated, load, save
from benchmarks.reach.fleet import Fleet, requests_of
from benchmarks.reach.redis_load import Capacity, Load, RedisFigures, reads_of, writes_of
from benchmarks.reach.report import markdown, write_docs
from benchmarks.reach.simulation import Reach, Record, simulate, simulate_token
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


@define
class RealWatch:
    """Real watch over a sandbox, in which invitations are accepted at given times."""

    fleet: Fleet
    sandbox: Sandbox
    arena: ArenaClient
    started: float
    seen: Seen = field(factory=Seen)
    accepted: dict[int, float] = field(factory=dict[int, float])

    def now(self) -> float:
        """Return the seconds since the start."""
        return asyncio.get_running_loop().time() - self.started

    def add_groups(self) -> list[str]:
        """Add the groups of the fleet, and return their slugs."""
        slugs = [f"g{number}" for number in range(self.fleet.groups)]
        for slug in slugs:
            self.sandbox.add_group(slug, slug=slug)
            self.sandbox.add_members(slug, self.fleet.members - 1)
            self.sandbox.add_invitations(slug, self.fleet.pending)
        return slugs

    async def run(self, changes: Sequence[Sequence[float]], seconds: float) -> None:
        """Watch the groups for some seconds."""
        slugs = self.add_groups()
        self.sandbox.faults.add(faults.Latency(self.fleet.latency))
        watcher = Watcher(
            self.arena,
            [GroupReference(slug) for slug in slugs],
            interval=self.fleet.interval,
            store=MemoryStore(),
            concurrency=self.fleet.concurrency,
            jitter=steady,
        )
        async with watcher, asyncio.TaskGroup() as tasks:
            for slug, times in zip(slugs, changes, strict=True):
                for when in times:
                    tasks.create_task(self._accept(slug, when))
            tasks.create_task(self._consume(watcher))
            await asyncio.sleep(seconds - self.now())
            await watcher.aclose()
        self.seen.statuses.update(each.status for each in self.sandbox.requests)

    async def _accept(self, slug: str, when: float) -> None:
        await asyncio.sleep(when - self.now())
        pending = self.sandbox.pending_invitations(slug)
        self.accepted[self.sandbox.accept_invitation(pending[len(pending) // 2])] = when

    async def _consume(self, watcher: Watcher) -> None:
        async for event in watcher:
            if isinstance(event, MemberJoined):
                self.seen.delays.append(self.now() - self.accepted[event.member.id])


async def watch_for(fleet: Fleet, changes: Sequence[Sequence[float]], seconds: float) -> Seen:
    """Run a real watch, and return what it has done."""
    clock, started = LoopClock(), asyncio.get_running_loop().time()
    async with (
        Sandbox(
            limit=fleet.limit, tier="free", clock=lambda: UNIX + clock.now() - started
        ) as sandbox,
        ArenaClient(
            sandbox.tokens.owner,
            base_url=sandbox.url,
            clock=clock,
            pacer=QuotaPacer(clock=clock),
            cache=MemoryCache(max_entries=100_000, max_bytes=2**30),
        ) as arena,
    ):
        real = RealWatch(fleet, sandbox, arena, started)
        await real.run(changes, seconds)
    return real.seen


def simulated(fleet: Fleet, changes: Sequence[Sequence[float]], seconds: float) -> Record:
    return simulate_token(fleet, [list(each) for each in changes], seconds=seconds, jitter=steady)


SMALL = Fleet(groups=2, members=20, pending=5, limit=600)
SETTINGS = {
    "one group": evolve(SMALL, groups=1),
    "lists of several pages": evolve(SMALL, members=210, pending=110),
    "members of several pages": evolve(SMALL, groups=1, members=201),
    "invitations of several pages": evolve(SMALL, groups=1, pending=230),
    "more than its share of the quota": evolve(SMALL, groups=6, limit=30),
    "one poll at a time": evolve(SMALL, groups=3, concurrency=1, latency=0.5),
}


class TestRealWatch:
    @pytest.mark.parametrize("fleet", SETTINGS.values(), ids=SETTINGS)
    def test_simulation_and_real_watch_agree(self, fleet: Fleet) -> None:
        seconds = HOUR
        changes = [
            [905.0 + 61 * number, 1_705.0 + 47 * number, 2_505.0 + 71 * number]
            for number in range(fleet.groups)
        ]
        seen = run_virtual(watch_for(fleet, changes, seconds))
        record = simulated(fleet, changes, seconds)
        assert set(seen.statuses) <= {200, 304, 404, None}  # 404: there is no invite code
        assert seen.requests == pytest.approx(len(record.arrivals), abs=3)  # of the last polls
        assert seen.statuses[304] == pytest.approx(record.unchanged, abs=3)
        assert len(seen.delays) == len(record.delays)
        expected = mean(late for _, late in record.delays)
        assert mean(seen.delays) == pytest.approx(expected, rel=0.1)


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

    @pytest.mark.parametrize("limit", [36, 120])
    def test_delay_grows_with_the_groups_of_a_token(self, limit: int) -> None:
        whole = limit // 12  # groups that are polled in each interval
        fleets = [Fleet(groups=whole * times, limit=limit, joins=24.0) for times in (1, 4, 16)]
        found = [simulate(each, seconds=8 * HOUR, warm_up=2 * HOUR) for each in fleets]
        typical = [each.typical_delay for each in found]
        assert typical == sorted(typical)
        assert all(each.typical_delay < each.slow_delay for each in found)

    def test_tokens_multiply_the_quota(self) -> None:
        fleet = Fleet(groups=40, limit=60, joins=12.0)
        one, eight = (simulate(evolve(fleet, tokens=each), seconds=2 * HOUR) for each in (1, 8))
        assert eight.typical_delay < one.typical_delay
        assert eight.share < one.share
        assert 8 * eight.requests > one.requests

    def test_tokens_are_alike(self) -> None:
        fleet = Fleet(groups=300, tokens=30, limit=120)
        all_tokens = simulate(fleet, seconds=HOUR)
        some = simulate(fleet, seconds=HOUR, tokens=5)
        assert some.requests == pytest.approx(all_tokens.requests, rel=0.02)

    def test_replicas_share_the_quota_of_the_token(self) -> None:
        fleet = Fleet(groups=200, limit=300)
        one, four = (simulate(evolve(fleet, replicas=each), seconds=2 * HOUR) for each in (1, 4))
        assert four.requests == pytest.approx(one.requests, rel=0.02)


def figures() -> Figures:
    """Return figures of all parts, as a run makes them."""
    machine = Machine("2026-01-01", "a processor", 2, "Linux", "CPython", 0.1, {"aiohttp": "3"})
    capacity = Capacity(100, 20, writes=50_000.0, reads=20_000.0, read_bytes=1024.0)
    return Figures(
        machine=machine,
        quick=False,
        simulated=[
            Simulated(Fleet(groups=500), Reach(177.4, 0.296, 0.67, 284.8, 700.0, 600)),
            Simulated(Fleet(groups=1, joins=0.0), Reach(3.0, 0.005, 0.67, inf, inf, 8)),
        ],
        costs=[Cost(100, 20, 5, 39.0, 37.7, 1.44), Cost(10_000, 1, 0, 0.0, 20.0, 1.5)],
        redis=RedisFigures([Load(10, 2, 4.2, 3.2, 1.0)], [capacity]),
    )


class TestRedisFormula:
    def test_one_process_reads_nothing(self) -> None:
        assert reads_of(1) == 0

    def test_each_process_that_stands_by_reads_as_often_as_the_owner_writes(self) -> None:
        assert reads_of(5) == 4 * reads_of(2)
        assert writes_of() == reads_of(2) + 1

    def test_busy_grows_with_groups_and_replicas_and_shrinks_with_the_interval(self) -> None:
        capacity = Capacity(100, 20, 50_000.0, 20_000.0, 1024.0)
        assert capacity.busy(200, 2, 60.0) == pytest.approx(2 * capacity.busy(100, 2, 60.0))
        assert capacity.busy(100, 3, 60.0) > capacity.busy(100, 2, 60.0)
        assert capacity.busy(100, 2, 120.0) < capacity.busy(100, 2, 60.0)

    def test_most_groups_take_one_core(self) -> None:
        capacity = Capacity(100, 20, 50_000.0, 20_000.0, 1024.0)
        most = capacity.most_groups(5, 60.0)
        assert capacity.busy(most, 5, 60.0) <= 1 < capacity.busy(most + 1, 5, 60.0)


class TestReport:
    def test_tables_have_all_figures(self) -> None:
        text = markdown(figures())
        assert "| 500 | 100 | 1 | 600 | 1 | 177 | 30% | 67% | 285 s | 12 min |" in text
        assert "| 1 | 100 | 1 | 600 | 1 | 3 | 0% | 67% |  |  |" in text
        assert "| 100 | 20 | 5 | 39 | 38 | 1.44 |" in text
        assert "| 10,000 | 1 | 0 |  | 20 | 1.50 |" in text
        assert "| 10 | 2 | 4.20 | 4.16 | 3.20 | 3.16 | 1.00 |" in text

    def test_part_that_was_left_out_is_named(self) -> None:
        text = markdown(evolve(figures(), redis=None, left_out={"Redis": "it is not installed"}))
        assert "- Left out: Redis (it is not installed)." in text
        assert "Commands of Redis" not in text

    def test_quick_run_is_called_rough(self) -> None:
        assert "rough" in markdown(evolve(figures(), quick=True))
        assert "rough" not in markdown(figures())

    def test_figures_are_read_as_they_were_saved(self, tmp_path: Path) -> None:
        path = tmp_path / "reach.json"
        save(figures(), path)
        assert load(path) == figures()

    def test_page_without_the_markers_is_refused(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("no markers\n", "utf-8")
        with pytest.raises(ValueError, match=r"page\.md has no place"):
            write_docs(figures(), page)

    def test_docs_show_the_figures_in_the_repository(self) -> None:
        kept = load(REACH_RESULTS)
        assert not kept.quick
        assert markdown(kept) in (ROOT / "docs/benchmarks.md").read_text("utf-8")

    def test_docs_begin_with_the_delays_of_one_token(self) -> None:
        def short(seconds: float) -> str:
            return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

        text = (ROOT / "docs/benchmarks.md").read_text("utf-8")
        rows = [
            f"| {fleet.limit} | {fleet.groups:,} "
            f"| {short(reach.typical_delay)} | {short(reach.slow_delay)} |"
            for fleet, reach in ((each.fleet, each.reach) for each in load(REACH_RESULTS).simulated)
            if (fleet.tokens, fleet.replicas, fleet.members) == (1, 1, 100)
        ]
        assert len(rows) == 5
        assert "\n".join(rows) in text


class TestCommand:
    def test_saved_figures_are_shown_without_a_measurement(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "reach.json"
        save(figures(), path)
        assert main(["reach", "--from", str(path)]) == 0
        assert capsys.readouterr().out == markdown(figures()) + "\n"

    @pytest.mark.parametrize("text", ["[project]", "{}", '{"machine": 1}', "[1]"])
    def test_other_file_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
    ) -> None:
        path = tmp_path / "other.json"
        path.write_text(text, "utf-8")
        assert main(["reach", "--from", str(path)]) == 2
        assert capsys.readouterr().err == "error: other.json has no figures of reach\n"

    @pytest.fixture
    def measured(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Return the calls of ``measure``, which returns figures at once."""
        calls: list[bool] = []

        def measure(*, quick: bool) -> Figures:
            calls.append(quick)
            return evolve(figures(), quick=quick)

        monkeypatch.setattr("benchmarks.reach.command.measure", measure)
        return calls

    def test_output_that_cannot_be_written_is_refused_before_the_measurement(
        self, tmp_path: Path, measured: list[bool]
    ) -> None:
        assert main(["reach", "--output", str(tmp_path / "missing" / "reach.json")]) == 2
        assert not measured

    def test_quick_run_is_saved_only_where_it_is_asked_for(
        self, tmp_path: Path, measured: list[bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = tmp_path / "kept.json"
        monkeypatch.setattr("benchmarks.cli.REACH_RESULTS", kept)
        assert main(["reach", "--quick"]) == 0
        assert not kept.exists()
        assert main(["reach", "--quick", "--output", str(tmp_path / "quick.json")]) == 0
        assert load(tmp_path / "quick.json").quick
        assert main(["reach"]) == 0
        assert not load(kept).quick
        assert measured == [True, True, False]

    def test_interrupted_run_ends_without_a_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        def interrupt(*, quick: bool) -> Figures:
            raise KeyboardInterrupt

        monkeypatch.setattr("benchmarks.reach.command.measure", interrupt)
        assert main(["reach", "--output", str(tmp_path / "reach.json")]) == 130
        assert capsys.readouterr().err == "\ninterrupted: nothing was saved\n"

    def test_real_watch_is_measured(self) -> None:
        cost = measure_cost(3, 5, 2, polls=10)
        assert (cost.groups, cost.members, cost.pending) == (3, 5, 2)
        assert cost.traced > 1
        assert cost.cpu > 0
