"""``invite_many``: one email for each person, across failures and repeated runs."""

import asyncio
import pickle
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    BulkOutcome,
    ClientStateError,
    MemoryStore,
    NotFoundError,
    QuotaPacer,
    RetryPolicy,
    ServerError,
    StoreError,
    Timeout,
    invite_many,
)
from arena_groups.bulk.journal import JournalState
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import (
    CutBody,
    Disconnect,
    Fault,
    FaultContext,
    Hang,
    HTMLPage,
    Latency,
    MiddlewareFault,
    RateLimited,
    RequestTimeout,
    Reset,
    SerializedResponse,
    ServerFailure,
    TruncatedJSON,
)
from tests.support.bulk import (
    GROUP,
    INVITE,
    GatedPacer,
    addresses,
    claim_elsewhere,
    executed_invites,
    invite_requests,
    journal_namespace,
    list_requests,
    make_client,
    outcomes_of,
    sent_emails,
)
from tests.support.thorough import repetitions
from tests.support.waiting import until

INVITED, FAILED = BulkOutcome.INVITED, BulkOutcome.FAILED
SHORT_TIMEOUT = Timeout(connect=5, read=0.3, total=0.5)

FAULTS: list[Fault] = [
    Reset(), Reset(after=True), Disconnect(), Disconnect(after=True),
    ServerFailure(500), ServerFailure(500, after=True), ServerFailure(502, after=True, html=True),
    ServerFailure(503), ServerFailure(504), ServerFailure(504, after=True),
    RequestTimeout(), RequestTimeout(after=True), RateLimited(retry_after=0),
    CutBody(), TruncatedJSON(), HTMLPage(), Hang(), Hang(after=True),
]  # fmt: skip
# A few faults that end, each after so many requests (skip), for so many (times).
INJECTED_FAULTS = st.lists(
    st.tuples(
        st.sampled_from([fault for fault in FAULTS if not isinstance(fault, Hang)]),
        st.integers(0, 6),
        st.integers(1, 2),
    ),
    max_size=4,
)


@attrs.frozen
class ResetTogether(MiddlewareFault):
    """Executes as many requests as the barrier says, then resets their connections at once."""

    barrier: asyncio.Barrier

    async def handle(self, context: FaultContext) -> SerializedResponse:
        await context.call_next()
        await self.barrier.wait()
        return Reset().reply(context)


class TestArguments:
    async def test_collection_with_bad_targets_raises_before_anything_is_sent(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        targets: list[str] = [*addresses(250), "typo@", *addresses(3, 300), "x", "y", "z", "a", "b"]
        with pytest.raises(ValueError, match=r"position 250, 254, 255, 256, 257 and 1 more$"):
            invite_many(arena, GROUP, targets)
        assert sandbox.requests == ()

    async def test_bad_target_in_a_stream_fails_alone(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        stream: Iterator[Any] = iter(["a@example.org", "typo@", None, "b@example.org"])
        run = invite_many(arena, GROUP, stream)
        assert await outcomes_of(run) == ["invited", "failed", "failed", "invited"]
        first, second = (each.error for each in run.summary.failed)
        assert (type(first), type(second)) == (ValueError, TypeError)
        assert run.total is None

    @pytest.mark.parametrize(
        "arguments",
        [
            {"targets": "ada@example.org"}, {"group": "a/b"}, {"concurrency": 0},
            {"concurrency": 1.5}, {"on_error": "explode"}, {"claim_timeout": 0},
            {"claim_timeout": float("nan")}, {"claim_timeout": float("inf")},
            {"claim_timeout": "1"}, {"claim_timeout": True}, {"claim_timeout": None},
        ],
    )  # fmt: skip
    async def test_bad_argument_raises(self, arena: ArenaClient, arguments: dict[str, Any]) -> None:
        options: dict[str, Any] = {"group": GROUP, "targets": [1], **arguments}
        with pytest.raises((ValueError, TypeError)):
            invite_many(arena, **options)


class TestOutcomes:
    async def test_mixed_targets_have_results_in_order(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        known = sandbox.add_user("Noor", email="noor@example.org")
        sandbox.add_member(GROUP, known)
        await arena.groups.invite(GROUP, email="Lev@example.org")
        sandbox.clear_requests()
        targets = [
            "lev@EXAMPLE.org", "ada@example.org", known, sandbox.users.follower.id,
            " ADA@example.org ", "noor@example.org", 999_999, "bo@example.org",
        ]  # fmt: skip
        run = invite_many(arena, GROUP, targets, concurrency=3)
        assert run.total == 8
        results = [result async for result in run]
        assert [result.outcome.value for result in results] == [
            "already_invited", "invited", "already_member", "added",
            "duplicate", "already_member", "failed", "invited",
        ]  # fmt: skip
        assert [result.position for result in results] == list(range(8))
        assert results[4].duplicate_of == 1
        assert isinstance(results[6].error, NotFoundError)
        assert results[3].invite is not None
        # None for the pending invitation, the member by id, and the duplicate.
        assert invite_requests(sandbox) == 5
        summary = run.summary
        assert (summary.done, run.done, len(summary.failed)) == (8, 8, 1)
        assert summary.counts[INVITED] == 2
        assert summary.failed == (results[6],)
        assert summary.stopped_by is None
        assert str(summary).startswith("8 done: 2 invited, 1 added, 1 already invited")
        assert "@example" not in repr((results, summary, run)).lower()
        assert pickle.loads(pickle.dumps(results[6])).outcome is FAILED

    async def test_dry_run_sends_nothing(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        store = MemoryStore()
        await invite_many(arena, GROUP, addresses(1), store=store)
        sandbox.clear_requests()
        run = invite_many(arena, GROUP, [*addresses(3), 3], store=store, dry_run=True)
        assert await outcomes_of(run) == ["invited", *["would_invite"] * 3]
        assert {each.method for each in sandbox.requests} == {"GET"}
        assert len(sandbox.emails) == 1
        again = invite_many(arena, GROUP, addresses(3), store=store)
        assert await outcomes_of(again) == ["invited"] * 3


class TestRepeatedRuns:
    async def test_second_run_takes_all_outcomes_from_the_journal(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        targets = [*addresses(3), sandbox.users.follower.id]
        await invite_many(arena, GROUP, targets, store=store)
        sandbox.clear_requests()
        run = invite_many(arena, GROUP, targets, store=store)
        results = [result async for result in run]
        assert [each.outcome.value for each in results] == ["invited"] * 3 + ["added"]
        assert all(each.from_journal for each in results)
        assert run.summary.from_journal == 4
        assert invite_requests(sandbox) == 0

    async def test_revoked_invitation_is_sent_again_with_another_journal_only(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        await invite_many(arena, GROUP, addresses(1), store=store)
        await arena.groups.revoke_invitation(GROUP, sandbox.pending_invitations(GROUP)[0])
        (same,) = [r async for r in invite_many(arena, GROUP, addresses(1), store=store)]
        assert (same.outcome, same.from_journal, len(sandbox.emails)) == (INVITED, True, 1)
        run = invite_many(arena, GROUP, addresses(1), store=store, journal="autumn")
        (other,) = [result async for result in run]
        assert (other.outcome, other.from_journal, len(sandbox.emails)) == (INVITED, False, 2)

    async def test_failed_invitation_is_tried_again(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, clock = MemoryStore(), AutoAdvanceClock()
        for _ in range(2):
            run = invite_many(arena, GROUP, [999_999], store=store, clock=clock)
            assert await outcomes_of(run) == ["failed"]
            assert await store.read(journal_namespace(sandbox)) == {}
        assert clock.waits == []
        assert invite_requests(sandbox) == 2

    async def test_concurrent_runs_with_one_journal_send_each_invitation_once(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, targets = MemoryStore(), addresses(40)
        runs = [
            invite_many(
                arena, GROUP, targets, store=store, concurrency=3, claim_timeout=5,
                clock=AutoAdvanceClock(),
            )
            for _ in range(2)
        ]  # fmt: skip
        summaries = await asyncio.gather(*runs)
        assert [summary.counts[INVITED] for summary in summaries] == [40, 40]
        assert Counter(sent_emails(sandbox)) == Counter(targets)


class TestClaims:
    async def test_claim_of_another_run_is_waited_for(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, (address,) = MemoryStore(), addresses(1)
        other = await claim_elsewhere(sandbox, store, address)

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if len(self.waits) == 2:
                    await other.complete(f"email:{address}", JournalState.INVITED)
                await super().wait(event, seconds)

        clock = Clock()
        run = invite_many(arena, GROUP, [address], store=store, clock=clock)
        (result,) = [each async for each in run]
        assert (result.outcome, result.from_journal, invite_requests(sandbox)) == (INVITED, True, 0)
        assert clock.waits == [12.0] * 3

    async def test_claim_that_is_replaced_by_another_run_is_waited_for_again(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, (address,) = MemoryStore(), addresses(1)
        await claim_elsewhere(sandbox, store, address)

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if len(self.waits) == 9:
                    await claim_elsewhere(sandbox, store, address)
                await super().wait(event, seconds)

        clock = Clock()
        run = invite_many(arena, GROUP, [address], store=store, clock=clock)
        assert await outcomes_of(run) == ["invited"]
        assert sum(clock.waits) == pytest.approx(240, abs=5)
        assert invite_requests(sandbox) == 1

    async def test_abandoned_claim_is_replaced_after_its_timeout(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, clock, (address,) = MemoryStore(), AutoAdvanceClock(), addresses(1)
        await claim_elsewhere(sandbox, store, address)
        run = invite_many(arena, GROUP, [address], store=store, clock=clock)
        (result,) = [each async for each in run]
        assert (result.outcome, len(sandbox.emails)) == (INVITED, 1)
        assert sum(clock.waits) == pytest.approx(120, abs=5)

    @pytest.mark.parametrize("claim_timeout", [0.5, 30, 4000])
    @pytest.mark.parametrize("valid_for", [20, 500])
    async def test_claim_is_waited_for_as_long_as_it_says(
        self, arena: ArenaClient, sandbox: Sandbox, claim_timeout: float, valid_for: float
    ) -> None:
        store, clock, (address,) = MemoryStore(), AutoAdvanceClock(), addresses(1)
        await claim_elsewhere(sandbox, store, address, claim_timeout=valid_for)
        run = invite_many(
            arena, GROUP, [address], store=store, clock=clock, claim_timeout=claim_timeout
        )
        assert await outcomes_of(run) == ["invited"]
        assert clock.now() == pytest.approx(valid_for)
        assert max(clock.waits) <= valid_for / 10  # the journal is read in between
        assert invite_requests(sandbox) == 1

    async def test_claims_that_wait_are_reported(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, targets, reported = MemoryStore(), addresses(4), list[float]()
        for address in targets[1:3]:
            await claim_elsewhere(sandbox, store, address)
        waiting: list[int] = []

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                waiting.append(run.summary.waiting_for_claim)
                await super().wait(event, seconds)

        run = invite_many(
            arena, GROUP, targets, store=store, concurrency=4, clock=Clock(),
            on_claim_wait=reported.append,
        )  # fmt: skip
        summary = await run
        assert reported == [120]
        assert max(waiting) == 2
        assert (summary.waiting_for_claim, summary.counts) == (0, {INVITED: 4})

    @pytest.mark.parametrize("concurrency", [1, 20])
    async def test_claims_that_expired_share_the_requests_for_the_lists(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int
    ) -> None:
        store, clock, targets = MemoryStore(), AutoAdvanceClock(), addresses(20)
        for address in targets:
            await claim_elsewhere(sandbox, store, address)
        run = invite_many(arena, GROUP, targets, store=store, concurrency=concurrency, clock=clock)
        assert await outcomes_of(run) == ["invited"] * 20
        assert list_requests(sandbox) <= 2 + 3
        assert clock.now() == pytest.approx(120)

    async def test_expired_claim_of_a_user_is_searched_for_among_the_members(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        """Also if the lists were read since it expired, for an address."""
        store, user = MemoryStore(), sandbox.users.follower.id
        await claim_elsewhere(sandbox, store, *addresses(1))
        await claim_elsewhere(sandbox, store, user)

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if not self.waits:
                    await arena.groups.invite(GROUP, user_id=user)
                await super().wait(event, seconds)

        run = invite_many(arena, GROUP, [*addresses(1), user], store=store, clock=Clock())
        results = [each async for each in run]
        assert [each.outcome.value for each in results] == ["invited", "added"]
        assert [each.from_journal for each in results] == [False, True]
        assert executed_invites(sandbox) == 2

    async def test_error_of_the_report_stops_the_run(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, (address,) = MemoryStore(), addresses(1)
        await claim_elsewhere(sandbox, store, address)

        def report(_: float) -> None:
            raise LookupError("no terminal")

        with pytest.raises(LookupError):
            await invite_many(arena, GROUP, [address], store=store, on_claim_wait=report)
        assert invite_requests(sandbox) == 0

    async def test_invitation_that_arrives_late_is_not_sent_again(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        """A killed process leaves a request behind, which the server executes later."""
        store, (address,) = MemoryStore(), addresses(1)
        await claim_elsewhere(sandbox, store, address)

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if len(self.waits) == 4:
                    await arena.groups.invite(GROUP, email=address)
                await super().wait(event, seconds)

        run = invite_many(arena, GROUP, [address], store=store, clock=Clock())
        assert await outcomes_of(run) == ["invited"]
        assert invite_requests(sandbox) == 1


class TestPermits:
    """A person is claimed when the request has its permit, and not before."""

    async def test_nobody_is_claimed_while_requests_wait_for_their_permits(
        self, sandbox: Sandbox
    ) -> None:
        store, pacer = MemoryStore(), GatedPacer()
        async with make_client(sandbox, pacer=pacer) as arena:
            # Far less than the time that the requests wait.
            run = invite_many(
                arena, GROUP, addresses(50), store=store, concurrency=50, claim_timeout=30
            )
            waiting = asyncio.ensure_future(outcomes_of(run))
            await until(lambda: pacer.queued == 50)
            assert await store.read(journal_namespace(sandbox)) == {}
            pacer.gate.set()
            assert await waiting == ["invited"] * 50
        assert (list_requests(sandbox), executed_invites(sandbox)) == (2, 50)

    @pytest.mark.parametrize("concurrency", [1, 16, 200])
    async def test_any_concurrency_takes_as_few_requests(
        self, sandbox: Sandbox, concurrency: int
    ) -> None:
        async with Sandbox(limit=120, clock=lambda: 1_700_000_000.0) as limited:
            limited.add_group("Spring", slug=GROUP)
            clock = AutoAdvanceClock(limited.advance)
            async with make_client(limited, clock=clock, pacer=QuotaPacer(clock=clock)) as arena:
                summary = await invite_many(arena, GROUP, addresses(200), concurrency=concurrency)
            assert summary.counts == {INVITED: 200}
            assert (list_requests(limited), invite_requests(limited)) == (2, 200)
            assert {request.status for request in limited.requests} == {200, 201}

    async def test_run_that_is_closed_while_it_waits_leaves_no_claim(
        self, sandbox: Sandbox
    ) -> None:
        store, pacer, clock = MemoryStore(), GatedPacer(), AutoAdvanceClock()
        async with make_client(sandbox, pacer=pacer) as arena:
            async with invite_many(arena, GROUP, addresses(5), store=store, concurrency=5) as run:
                waiting = asyncio.ensure_future(anext(run))
                await until(lambda: pacer.queued == 5)
            with pytest.raises(StopAsyncIteration):
                await waiting
            assert await store.read(journal_namespace(sandbox)) == {}
            pacer.gate.set()
            again = invite_many(arena, GROUP, addresses(5), store=store, clock=clock)
            assert await outcomes_of(again) == ["invited"] * 5
        assert (clock.waits, executed_invites(sandbox)) == ([], 5)

    async def test_client_that_is_closed_while_it_waits_has_sent_nothing(
        self, sandbox: Sandbox
    ) -> None:
        store, pacer = MemoryStore(), GatedPacer()
        arena = make_client(sandbox, pacer=pacer)
        run = invite_many(arena, GROUP, addresses(5), store=store, concurrency=5)
        results = asyncio.ensure_future(anext(run))
        await until(lambda: pacer.queued == 5)
        await arena.aclose()
        result = await results
        assert isinstance(result.error, ClientStateError)
        assert not result.error.outcome_unknown
        await run.aclose()
        assert await store.read(journal_namespace(sandbox)) == {}
        assert invite_requests(sandbox) == 0

    async def test_person_claimed_by_another_run_meanwhile_is_not_invited(
        self, sandbox: Sandbox
    ) -> None:
        store, pacer, (address,) = MemoryStore(), GatedPacer(), addresses(1)

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                await super().wait(event, seconds)
                if len(self.waits) == 5:
                    await journal.complete(f"email:{address}", JournalState.INVITED)

        async with make_client(sandbox, pacer=pacer) as arena:
            run = invite_many(arena, GROUP, [address], store=store, clock=Clock())
            waiting = asyncio.ensure_future(anext(run))
            await until(lambda: pacer.queued == 1)
            journal = await claim_elsewhere(sandbox, store, address)
            pacer.gate.set()
            result = await waiting
            await run.aclose()
        assert (result.outcome, result.from_journal) == (INVITED, True)
        assert invite_requests(sandbox) == 0

    async def test_person_claimed_by_another_run_meanwhile_is_waited_for_if_the_journal_knows_it(
        self, sandbox: Sandbox
    ) -> None:
        """The journal is read again for another person, between the decision and the permit."""
        store, pacer, (person, other) = MemoryStore(), GatedPacer(), addresses(2)
        await claim_elsewhere(sandbox, store, other)

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if not self.waits:
                    await until(lambda: pacer.queued == 1)
                    await claim_elsewhere(sandbox, store, person)
                elif len(self.waits) == 3:
                    pacer.gate.set()
                await super().wait(event, seconds)

        clock = Clock()
        async with make_client(sandbox, pacer=pacer) as arena:
            run = invite_many(
                arena, GROUP, [person, other], store=store, concurrency=2, clock=clock
            )
            assert await outcomes_of(run) == ["invited"] * 2
        # The journal knew the claim after the first wait, of 12 s.
        assert clock.now() >= 12 + 120
        assert executed_invites(sandbox) == 2

    async def test_person_claimed_by_another_run_before_a_retry_is_not_invited(
        self, sandbox: Sandbox
    ) -> None:
        """A claim may expire while a retry waits; then it is no longer this run's."""
        store, (address,) = MemoryStore(), addresses(1)
        key = f"email:{address}"
        sandbox.faults.add(RateLimited(retry_after=100), operation=INVITE, times=1)

        class ClientClock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                journal = await claim_elsewhere(sandbox, store, address)
                await journal.complete(key, JournalState.INVITED)
                await super().wait(event, seconds)

        async with make_client(sandbox, clock=ClientClock()) as arena:
            (result,) = [each async for each in invite_many(arena, GROUP, [address], store=store)]
        assert (result.outcome, result.from_journal) == (INVITED, True)
        assert (invite_requests(sandbox), executed_invites(sandbox)) == (1, 0)

    async def test_retry_renews_the_claim(self, sandbox: Sandbox) -> None:
        store, clock, (address,) = MemoryStore(), AutoAdvanceClock(), addresses(1)
        sandbox.faults.add(RateLimited(retry_after=100), operation=INVITE, times=1)
        async with make_client(sandbox, clock=clock) as arena:
            run = invite_many(arena, GROUP, [address], store=store)
            assert await outcomes_of(run) == ["invited"]
        assert (executed_invites(sandbox), clock.waits) == (1, [100])

    async def test_claim_that_took_the_store_too_long_is_not_used(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        """Another run may have seen the claim long before the store's answer."""
        clock = AutoAdvanceClock()

        class SlowStore(MemoryStore):
            async def compare_and_set(self, *args: Any, **options: Any) -> bool:
                done = await super().compare_and_set(*args, **options)
                await clock.wait(asyncio.Event(), 95)
                return done

        store = SlowStore()
        run = invite_many(arena, GROUP, addresses(3), store=store, clock=clock)
        with pytest.raises(StoreError, match="claim_timeout"):
            await run
        assert invite_requests(sandbox) == 0
        assert await store.read(journal_namespace(sandbox)) == {}

    @pytest.mark.parametrize("applied", [False, True], ids=["not written", "written"])
    async def test_store_that_fails_to_claim_stops_the_run(
        self, arena: ArenaClient, sandbox: Sandbox, *, applied: bool
    ) -> None:
        class FailingStore(MemoryStore):
            failing = True

            async def compare_and_set(self, *args: Any, **options: Any) -> bool:
                if self.failing and not applied:
                    raise StoreError("the disk is full")
                done = await super().compare_and_set(*args, **options)
                if self.failing:
                    raise StoreError("no answer")
                return done

        store = FailingStore()
        with pytest.raises(StoreError):
            await invite_many(arena, GROUP, addresses(3), store=store, concurrency=3)
        assert invite_requests(sandbox) == 0
        store.failing = False
        run = invite_many(arena, GROUP, addresses(3), store=store, clock=AutoAdvanceClock())
        assert await outcomes_of(run) == ["invited"] * 3
        assert executed_invites(sandbox) == 3


class TestUnknownOutcomes:
    async def test_three_server_errors_in_a_row_stop_the_run(self, sandbox: Sandbox) -> None:
        clock = AutoAdvanceClock()
        sandbox.faults.add(ServerFailure(500), operation=INVITE)
        async with make_client(sandbox) as arena:
            run = invite_many(arena, GROUP, addresses(300), clock=clock)
            with pytest.raises(ServerError):
                await run
        assert (run.summary.done, len(run.summary.failed)) == (3, 3)
        assert invite_requests(sandbox) == 6

    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    async def test_any_fault_leaves_one_email_each(self, sandbox: Sandbox, fault: Fault) -> None:
        clock = AutoAdvanceClock()
        sandbox.faults.add(fault, operation=INVITE, skip=1, times=1)
        async with make_client(sandbox, timeout=SHORT_TIMEOUT) as arena:
            run = invite_many(arena, GROUP, addresses(4), clock=clock)
            assert await outcomes_of(run) == ["invited"] * 4
        assert Counter(sent_emails(sandbox)) == Counter(addresses(4))

    async def test_lost_response_for_known_user_sends_one_email(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.add_user("Ghita", email="ghita@example.org")
        sandbox.faults.add(Reset(after=True), operation=INVITE, times=1)
        run = invite_many(arena, GROUP, ["ghita@example.org"], clock=AutoAdvanceClock())
        assert await outcomes_of(run) == ["invited"]
        assert len(sandbox.emails) == 1

    async def test_lost_response_for_follower_reports_added(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Reset(after=True), operation=INVITE, times=1)
        run = invite_many(arena, GROUP, [sandbox.users.follower.id], clock=AutoAdvanceClock())
        (result,) = [each async for each in run]
        assert (result.outcome, result.from_journal) == (BulkOutcome.ADDED, False)

    async def test_outcome_that_cannot_be_checked_is_resolved_by_the_next_run(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        with (
            sandbox.faults.add(Reset(after=True), operation=INVITE),
            sandbox.faults.add(Reset(), operation="getGroupInvitations", skip=1),
            pytest.raises(ArenaConnectionError),
        ):
            await invite_many(arena, GROUP, addresses(3), store=store)
        run = invite_many(arena, GROUP, addresses(3), store=store, clock=AutoAdvanceClock())
        results = [each async for each in run]
        assert [each.outcome for each in results] == [INVITED] * 3
        assert [each.from_journal for each in results] == [True, False, False]
        assert Counter(sent_emails(sandbox)) == Counter(addresses(3))

    async def test_slow_invitation_is_cancelled_and_checked(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Latency(600, after=True), operation=INVITE, times=1)
        run = invite_many(arena, GROUP, addresses(2), claim_timeout=0.4, clock=AutoAdvanceClock())
        assert await outcomes_of(run) == ["invited"] * 2
        assert Counter(sent_emails(sandbox)) == Counter(addresses(2))

    async def test_invitation_that_never_gets_through_fails_with_unknown_outcome(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Hang(), operation=INVITE, times=2)
        run = invite_many(arena, GROUP, addresses(2), claim_timeout=0.4, clock=AutoAdvanceClock())
        assert await outcomes_of(run) == ["failed", "invited"]
        (failed,) = run.summary.failed
        assert isinstance(failed.error, ArenaConnectionError)
        assert "outcome is unknown" in str(failed.error)

    @pytest.mark.parametrize("pending", [0, 350])
    async def test_lost_response_costs_one_request_for_the_newest_invitations(
        self, arena: ArenaClient, sandbox: Sandbox, pending: int
    ) -> None:
        sandbox.add_invitations(GROUP, pending)
        for position in range(0, 40, 4):
            sandbox.faults.add(Reset(after=True), operation=INVITE, skip=position, times=1)
        clock = AutoAdvanceClock()
        run = invite_many(arena, GROUP, addresses(40), clock=clock)
        assert await outcomes_of(run) == ["invited"] * 40
        assert list_requests(sandbox) == 1 + max(1, -(-pending // 100)) + 10
        assert (executed_invites(sandbox), clock.waits) == (40, [])

    async def test_lost_responses_at_once_share_the_requests_for_the_lists(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.add_invitations(GROUP, 350)
        sandbox.faults.add(ResetTogether(asyncio.Barrier(30)), operation=INVITE)
        run = invite_many(arena, GROUP, addresses(30), concurrency=30, clock=AutoAdvanceClock())
        assert await outcomes_of(run) == ["invited"] * 30
        assert list_requests(sandbox) <= 5 + 5
        assert executed_invites(sandbox) == 30

    async def test_lost_responses_share_the_error_of_the_lists(self, sandbox: Sandbox) -> None:
        sandbox.faults.add(ResetTogether(asyncio.Barrier(30)), operation=INVITE)
        sandbox.faults.add(ServerFailure(500), operation="getGroupInvitations", skip=1)
        store, retry = MemoryStore(), RetryPolicy(attempts=1)
        async with make_client(sandbox, retry=retry) as arena:
            with pytest.raises(ServerError):
                await invite_many(arena, GROUP, addresses(30), store=store, concurrency=30)
            assert list_requests(sandbox) <= 2 + 5
            sandbox.faults.clear()
            run = invite_many(arena, GROUP, addresses(30), store=store, clock=AutoAdvanceClock())
            results = [each async for each in run]
        assert [each.outcome for each in results] == [INVITED] * 30
        assert all(each.from_journal for each in results)
        assert executed_invites(sandbox) == 30

    async def test_lost_response_for_user_is_found_among_many_members(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.add_members(GROUP, 350)
        sandbox.faults.add(Reset(after=True), operation=INVITE, times=1)
        run = invite_many(arena, GROUP, [sandbox.users.follower.id], clock=AutoAdvanceClock())
        assert await outcomes_of(run) == ["added"]
        first_pages = 1 + 4 + 1  # the owner is checked after the members
        assert list_requests(sandbox) == first_pages + 1 + 1

    @hypothesis_settings(max_examples=repetitions(10, thorough=25))
    @given(
        faults=INJECTED_FAULTS,
        concurrency=st.integers(1, 4),
        stops=st.lists(st.integers(0, 6), max_size=3),
    )
    async def test_any_faults_and_interruptions_leave_one_email_each(
        self, faults: list[tuple[Fault, int, int]], concurrency: int, stops: list[int]
    ) -> None:
        store, targets = MemoryStore(), addresses(6)
        async with Sandbox() as sandbox, make_client(sandbox) as arena:
            sandbox.add_group("Spring", slug=GROUP)
            for fault, skip, times in faults:
                sandbox.faults.add(fault, operation=INVITE, skip=skip, times=times)

            def run() -> Any:
                return invite_many(
                    arena, GROUP, targets, store=store, concurrency=concurrency,
                    clock=AutoAdvanceClock(),
                )  # fmt: skip

            for stop in stops:
                async with run() as started:
                    try:
                        for _ in range(stop):
                            await anext(started, None)
                    except (ServerError, ArenaConnectionError):
                        pass
            sandbox.faults.clear()
            assert await outcomes_of(run()) == ["invited"] * 6
            assert Counter(sent_emails(sandbox)) == Counter(targets)
            assert executed_invites(sandbox) == 6

    @hypothesis_settings(max_examples=repetitions(10, thorough=40))
    @given(
        faults=INJECTED_FAULTS,
        concurrencies=st.tuples(st.integers(1, 8), st.integers(1, 8)),
        timeouts=st.tuples(st.sampled_from([20, 120, 900]), st.sampled_from([20, 120, 900])),
        stops=st.lists(st.integers(0, 6), max_size=3),
    )
    async def test_two_runs_with_other_claim_timeouts_leave_one_email_each(
        self,
        faults: list[tuple[Fault, int, int]],
        concurrencies: tuple[int, int],
        timeouts: tuple[float, float],
        stops: list[int],
    ) -> None:
        """Of two runs on one journal, one is interrupted and started again while both run."""
        store, targets, clock = MemoryStore(), addresses(6), AutoAdvanceClock()
        async with Sandbox() as sandbox, make_client(sandbox, clock=clock) as arena:
            sandbox.add_group("Spring", slug=GROUP)
            for fault, skip, times in faults:
                sandbox.faults.add(fault, operation=INVITE, skip=skip, times=times)

            def run(number: int) -> Any:
                return invite_many(
                    arena, GROUP, targets if number else targets[::-1], store=store,
                    concurrency=concurrencies[number], claim_timeout=timeouts[number],
                )  # fmt: skip

            async def interrupted() -> None:
                for stop in stops:
                    async with run(0) as started:
                        with suppress(ServerError, ArenaConnectionError):
                            for _ in range(stop):
                                await anext(started, None)

            async def uninterrupted() -> None:
                with suppress(ServerError, ArenaConnectionError):
                    await run(1)

            await asyncio.gather(interrupted(), uninterrupted())
            sandbox.faults.clear()
            assert await outcomes_of(run(1)) == ["invited"] * 6
            assert Counter(sent_emails(sandbox)) == Counter(targets)
            assert executed_invites(sandbox) == 6
