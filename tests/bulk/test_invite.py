"""``invite_many``: each person exactly one email, in order, whatever happens in between."""

import asyncio
import pickle
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    AuthenticationError,
    BulkOutcome,
    BulkResult,
    ForbiddenError,
    InviteTarget,
    MemoryStore,
    NoPacer,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    StoreError,
    Timeout,
    UnprocessableError,
    invite_many,
)
from arena_groups.bulk.journal import InviteJournal, JournalState
from arena_groups.bulk.targets import normalize_invite_target
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import (
    CutBody,
    Disconnect,
    Fault,
    Hang,
    HTMLPage,
    Latency,
    RateLimited,
    RequestTimeout,
    Reset,
    ServerFailure,
    TruncatedJSON,
)
from tests.support.leaks import no_warning
from tests.support.thorough import repetitions

INVITE = "createGroupInvitation"
INVITED, FAILED = BulkOutcome.INVITED, BulkOutcome.FAILED
QUICK = Timeout(connect=5, read=0.3, total=0.5)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        made.add_group("Spring", slug="spring")
        yield made


def client(sandbox: Sandbox, token: str | None = None, **options: Any) -> ArenaClient:
    options.setdefault("retry", RetryPolicy(attempts=2, backoff=0))
    return ArenaClient(
        token or sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer(), **options
    )


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with client(sandbox) as made:
        yield made


def people(count: int, start: int = 0) -> list[str]:
    return [f"p{number}@example.org" for number in range(start, start + count)]


def sent(sandbox: Sandbox) -> list[str]:
    return [email.address for email in sandbox.emails]


def invites(sandbox: Sandbox) -> int:
    return sum(request.operation == INVITE for request in sandbox.requests)


def own_tasks() -> list[object]:
    """The tasks of runs, among those of the sandbox."""
    names = {"_run_job", "_read_source", "_run_preparation"}
    return [t for t in asyncio.all_tasks() if getattr(t.get_coro(), "__name__", "") in names]


async def outcomes(run: Any) -> list[str]:
    return [str(result.outcome) async for result in run]


class TestTargets:
    @pytest.mark.parametrize(
        ("given", "address"),
        [
            ("  Ada@Example.ORG\n", "Ada@example.org"),
            ("ada+x@sub.example.org", "ada+x@sub.example.org"),
            ("zoe\u0308@b\u00fccher.example", "zo\u00eb@b\u00fccher.example"),
            ("o'hara@example.org", "o'hara@example.org"),
        ],
    )
    def test_addresses_are_normalised(self, given: str, address: str) -> None:
        assert normalize_invite_target(given) == InviteTarget(email=address)

    @pytest.mark.parametrize(
        "bad",
        [
            "", " ", "ada", "ada@", "@example.org", "ada@example", "adaPATIENCEexample.org",
            "a b@example.org", "ada@example..org", "ada@-example.org", "ada@example-.org",
            "ada@.example.org", "ada@example.org.", "Ada <ada@example.org>", "a,b@example.org",
            "mailto:ada@example.org", "ada@example.org;", "a@b@example.org",
            f"{'a' * 65}@example.org", f"a@{'b' * 250}.org", "ada@exam\x00ple.org",
            0, -1, 2**63, 1.5, None, True, [], b"ada@example.org", InviteTarget(),
            InviteTarget(email="ada@example.org", user_id=4), InviteTarget(user_id=0),
        ],
    )  # fmt: skip
    def test_what_is_nobody(self, bad: object) -> None:
        with pytest.raises((ValueError, TypeError)) as caught:
            normalize_invite_target(bad)
        assert "example" not in str(caught.value)

    def test_an_address_does_not_show(self) -> None:
        assert "ada" not in repr(normalize_invite_target("ada@example.org"))
        target = InviteTarget(user_id=7)
        assert normalize_invite_target(7) == normalize_invite_target(target) == target

    async def test_users_and_invitations_are_people(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        async for invitation in arena.groups.invitations("research-studio", limit=40):
            who = normalize_invite_target(invitation)
            if invitation.invitee is None:
                assert who.email == invitation.invitee_email
            else:
                assert who.user_id == invitation.invitee.id
        member = await arena.groups.members("research-studio").first()
        assert member is not None
        assert normalize_invite_target(member).user_id == member.id


class TestOutcomes:
    async def test_each_has_one_in_order(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        known = sandbox.add_user("Noor", email="noor@example.org")
        sandbox.add_member("spring", known)
        await arena.groups.invite("spring", email="Lev@example.org")
        sandbox.clear_requests()
        targets = [
            "lev@EXAMPLE.org", "ada@example.org", known, sandbox.users.follower,
            " ADA@example.org ", "noor@example.org", 999_999, "bo@example.org",
        ]  # fmt: skip
        run = invite_many(arena, "spring", targets, concurrency=3)
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
        assert invites(sandbox) == 5  # neither the pending, nor the member by id, nor the twin
        summary = run.summary
        assert (summary.done, run.done, len(summary.failed)) == (8, 8, 1)
        assert summary.counts[INVITED] == 2
        assert summary.failed == (results[6],)
        assert summary.stopped_by is None
        assert str(summary).startswith("8 done: 2 invited, 1 added, 1 already invited")
        assert "@example" not in repr((results, summary, run)).lower()
        assert pickle.loads(pickle.dumps(results[6])).outcome is FAILED

    async def test_awaited_it_gives_the_summary(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        run = invite_many(arena, "spring", people(3))
        summary = await run
        assert (summary.done, sent(sandbox)) == (3, people(3))
        assert repr(run) == "<BulkRun 3 of 3 done>"
        assert [each async for each in run] == []

    async def test_nobody(self, arena: ArenaClient) -> None:
        summary = await invite_many(arena, "spring", [])
        assert (summary.done, str(summary)) == (0, "0 done")

    async def test_a_dry_run_sends_nothing(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        store = MemoryStore()
        await invite_many(arena, "spring", people(1), store=store)
        sandbox.clear_requests()
        run = invite_many(arena, "spring", [*people(3), 3], store=store, dry_run=True)
        assert await outcomes(run) == ["invited", *["would_invite"] * 3]
        assert {each.method for each in sandbox.requests} == {"GET"}
        assert len(sandbox.emails) == 1
        again = invite_many(arena, "spring", people(3), store=store)
        assert await outcomes(again) == ["invited"] * 3

    async def test_a_bad_one_in_a_collection_is_told_before_anything_is_sent(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        targets: list[str] = [*people(250), "typo@", *people(3, 300), "x", "y", "z", "a", "b"]
        with pytest.raises(ValueError, match=r"position 250, 254, 255, 256, 257 and 1 more$"):
            invite_many(arena, "spring", targets)
        assert sandbox.requests == ()

    async def test_a_bad_one_in_a_stream_fails_alone(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        stream: Iterator[Any] = iter(["a@example.org", "typo@", None, "b@example.org"])
        run = invite_many(arena, "spring", stream)
        assert await outcomes(run) == ["invited", "failed", "failed", "invited"]
        first, second = (each.error for each in run.summary.failed)
        assert (type(first), type(second)) == (ValueError, TypeError)
        assert run.total is None

    @pytest.mark.parametrize(
        "arguments",
        [
            {"targets": "ada@example.org"}, {"group": "a/b"}, {"concurrency": 0},
            {"concurrency": 1.5}, {"on_error": "explode"}, {"claim_timeout": 0},
        ],
    )  # fmt: skip
    async def test_misuse(self, arena: ArenaClient, arguments: dict[str, Any]) -> None:
        options: dict[str, Any] = {"group": "spring", "targets": [1], **arguments}
        with pytest.raises((ValueError, TypeError)):
            invite_many(arena, **options)


class TestStopping:
    @pytest.mark.parametrize(
        ("group", "person", "kind"),
        [
            ("no-such-group", "owner", NotFoundError),
            ("spring", "stranger", ForbiddenError),
            ("spring", "wrong", AuthenticationError),
            ("spring", "limited", RateLimitError),
        ],
    )
    async def test_what_all_would_meet_ends_it_at_once(
        self, sandbox: Sandbox, group: str, person: str, kind: type[Exception]
    ) -> None:
        token = getattr(sandbox.tokens, person, "wrong")
        retry = RetryPolicy(attempts=1)
        async with client(sandbox, token, retry=retry) as arena:
            run = invite_many(arena, group, people(300))
            with pytest.raises(kind) as caught:
                await run
        assert caught.value.__notes__ == ["The run stopped after starting 0 inputs."]
        assert run.summary.stopped_by is caught.value
        assert len(sandbox.requests) <= 3
        assert sandbox.emails == ()

    async def test_a_read_only_token_ends_it_at_the_first(self, sandbox: Sandbox) -> None:
        async with client(sandbox, sandbox.tokens.read_only) as arena:
            run = invite_many(arena, "spring", people(300), concurrency=2)
            results: list[BulkResult[InviteTarget]] = []
            with pytest.raises(ForbiddenError):
                async for result in run:
                    results.append(result)  # noqa: PERF401
        assert [result.outcome for result in results] == [FAILED] * len(results)
        assert len(results) <= 2
        assert run.summary.done == len(results)

    async def test_a_group_that_goes_away_ends_it(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        run = invite_many(arena, "spring", [*people(2), 3, *people(5, 10)])
        assert (await anext(run)).outcome is INVITED
        await arena.groups.delete("spring")
        assert (await anext(run)).outcome is FAILED
        with pytest.raises(NotFoundError):
            await anext(run)
        with pytest.raises(StopAsyncIteration):
            await anext(run)

    @pytest.mark.parametrize("concurrency", [1, 3])
    async def test_on_the_first_error(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int
    ) -> None:
        targets = [*people(2), 999_999, *people(20, 10)]
        run = invite_many(arena, "spring", targets, on_error="stop", concurrency=concurrency)
        results: list[str] = []
        with pytest.raises(NotFoundError):
            async for result in run:
                results.append(result.outcome.value)  # noqa: PERF401
        assert results[:3] == ["invited", "invited", "failed"]
        assert set(results[3:]) <= {"invited"}
        assert len(results) == len(sandbox.emails) + 1 <= 3 + concurrency

    async def test_a_server_that_only_fails_is_left_in_peace(self, sandbox: Sandbox) -> None:
        clock = AutoAdvanceClock()
        sandbox.faults.add(ServerFailure(500), operation=INVITE)
        async with client(sandbox) as arena:
            run = invite_many(arena, "spring", people(300), clock=clock)
            with pytest.raises(ServerError):
                await run
        assert (run.summary.done, len(run.summary.failed)) == (3, 3)
        assert invites(sandbox) == 6

    async def test_an_error_of_the_source_comes_after_the_results_before_it(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        def broken() -> Iterator[str]:
            yield from people(3)
            raise OSError("the file is gone")

        run = invite_many(arena, "spring", broken(), concurrency=2)
        results: list[str] = []
        with pytest.raises(OSError, match="the file is gone"):
            async for result in run:
                results.append(result.outcome.value)  # noqa: PERF401
        assert results == ["invited"] * 3

    async def test_one_that_makes_no_sense_is_collected(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        ghost = sandbox.add_user("Ghost", confirmed=False)
        run = invite_many(arena, "spring", [999_999, ghost, "a@example.org"])
        results = [result async for result in run]
        assert results[0].outcome is FAILED
        assert results[2].outcome is INVITED
        assert all(isinstance(r.error, NotFoundError | UnprocessableError) for r in results[:1])


class TestIterating:
    async def test_it_reads_no_further_than_it_sends(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        read: list[int] = []
        closed = False

        async def endless() -> AsyncIterator[str]:
            nonlocal closed
            number = 0
            try:
                while True:
                    read.append(number)
                    yield f"p{number}@example.org"
                    number += 1
            finally:
                closed = True

        with no_warning():
            async with invite_many(arena, "spring", endless(), concurrency=3) as run:
                count = 0
                async for _ in run:
                    count += 1
                    assert len(read) <= count + 3
                    if count == 10:
                        break
            assert closed
            assert not own_tasks()
        assert len(sandbox.emails) >= 10

    async def test_one_at_a_time_nothing_runs_between_two_results(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        async for result in invite_many(arena, "spring", people(20)):
            assert not own_tasks()
            if result.position == 4:
                break
        assert len(sandbox.emails) == 5

    async def test_dropped_it_leaves_nothing_behind(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Hang(), operation=INVITE, skip=1)
        with no_warning():
            run = invite_many(arena, "spring", people(20), concurrency=4)
            await anext(run)
            del run
            while own_tasks():  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def test_a_cancelled_anext_is_resumed(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        run = invite_many(arena, "spring", people(12), concurrency=2)
        results: list[BulkResult[InviteTarget]] = []
        cancelled = 0
        while True:
            task = asyncio.ensure_future(anext(run))
            await asyncio.sleep(0)
            if cancelled % 3:
                await asyncio.sleep(0)
            task.cancel()
            try:
                results.append(await task)
            except asyncio.CancelledError:
                cancelled += 1
                await asyncio.sleep(0.001)
            except StopAsyncIteration:
                break
        assert cancelled
        assert [result.position for result in results] == list(range(12))
        assert sent(sandbox) == people(12)

    async def test_closing_ends_what_is_under_way(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Hang(), operation=INVITE)
        run = invite_many(arena, "spring", people(20), concurrency=4)
        waiting = asyncio.ensure_future(anext(run))
        while invites(sandbox) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await run.aclose()
        await run.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await anext(run)
        assert not own_tasks()
        assert run.closed

    async def test_several_tasks_may_share_it(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        run = invite_many(arena, "spring", people(10), concurrency=2)

        async def half() -> list[BulkResult[InviteTarget]]:
            return [result async for result in run]

        halves = await asyncio.gather(half(), half())
        assert sorted(r.position for half in halves for r in half) == list(range(10))


class TestJournal:
    async def test_a_second_run_has_it_all_from_the_journal(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        targets = [*people(3), sandbox.users.follower]
        await invite_many(arena, "spring", targets, store=store)
        sandbox.clear_requests()
        run = invite_many(arena, "spring", targets, store=store)
        results = [result async for result in run]
        assert [each.outcome.value for each in results] == ["invited"] * 3 + ["added"]
        assert all(each.from_journal for each in results)
        assert run.summary.from_journal == 4
        assert invites(sandbox) == 0

    async def test_whoever_was_revoked_since_is_invited_in_another_campaign_only(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        await invite_many(arena, "spring", people(1), store=store)
        await arena.groups.revoke_invitation("spring", sandbox.pending_invitations("spring")[0])
        (same,) = [r async for r in invite_many(arena, "spring", people(1), store=store)]
        assert (same.outcome, same.from_journal, len(sandbox.emails)) == (INVITED, True, 1)
        run = invite_many(arena, "spring", people(1), store=store, journal="autumn")
        (other,) = [result async for result in run]
        assert (other.outcome, other.from_journal, len(sandbox.emails)) == (INVITED, False, 2)

    async def test_there_is_no_address_in_it(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        store = MemoryStore()
        await invite_many(arena, "spring", people(2), store=store)
        assert "example" not in str(vars(store))

    async def test_what_failed_is_tried_again(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        store = MemoryStore()
        for _ in range(2):
            run = invite_many(arena, "spring", [999_999], store=store)
            assert await outcomes(run) == ["failed"]
        assert invites(sandbox) == 2

    async def test_a_foreign_entry_is_no_guess(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        store = MemoryStore()
        await invite_many(arena, "spring", people(1), store=store)
        (scope,) = store._namespaces
        (name,) = await store.read(scope)
        await store.compare_and_set(scope, {name: '{"state": "posted"}'})
        with pytest.raises(StoreError, match="journal"):
            await invite_many(arena, "spring", people(1), store=store)

    async def test_two_runs_at_once_share_the_work(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, targets = MemoryStore(), people(40)
        runs = [
            invite_many(
                arena, "spring", targets, store=store, concurrency=3, claim_timeout=5,
                clock=AutoAdvanceClock(),
            )
            for _ in range(2)
        ]  # fmt: skip
        summaries = await asyncio.gather(*runs)
        assert [summary.counts[INVITED] for summary in summaries] == [40, 40]
        assert Counter(sent(sandbox)) == Counter(targets)

    async def test_a_claim_that_is_alive_is_waited_for(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, group = MemoryStore(), sandbox.groups["spring"]
        other = InviteJournal(store, f"invite_many/{group}/invitations", claim_timeout=120)
        await other.open()
        assert await other.claim("email:p0@example.org")
        assert not await InviteJournal(
            store, f"invite_many/{group}/invitations", claim_timeout=120
        ).claim("email:p0@example.org")

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if len(self.waits) == 2:
                    await other.complete("email:p0@example.org", JournalState.INVITED)
                await super().wait(event, seconds)

        clock = Clock()
        run = invite_many(arena, "spring", people(1), store=store, clock=clock)
        (result,) = [each async for each in run]
        assert (result.outcome, result.from_journal, invites(sandbox)) == (INVITED, True, 0)
        assert clock.waits == [12.0] * 3

    async def test_a_claim_that_was_left_behind_is_taken_over_after_the_time(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, group, clock = MemoryStore(), sandbox.groups["spring"], AutoAdvanceClock()
        other = InviteJournal(store, f"invite_many/{group}/invitations", claim_timeout=120)
        await other.open()
        await other.claim("email:p0@example.org")
        (result,) = [
            each async for each in invite_many(arena, "spring", people(1), store=store, clock=clock)
        ]
        assert (result.outcome, len(sandbox.emails)) == (INVITED, 1)
        assert sum(clock.waits) == pytest.approx(120, abs=5)

    async def test_an_old_claim_is_taken_over_at_once(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store, group, clock = MemoryStore(), sandbox.groups["spring"], AutoAdvanceClock()
        scope = f"invite_many/{group}/invitations"
        other = InviteJournal(store, scope, claim_timeout=120, now=lambda: 1_700_000_000.0)
        await other.open()
        await other.claim("email:p0@example.org")
        summary = await invite_many(arena, "spring", people(1), store=store, clock=clock)
        assert (summary.counts, clock.waits) == ({INVITED: 1}, [])

    async def test_what_arrives_late_is_not_sent_again(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        """The request of a killed process is still on its way when the next one looks."""
        store, group = MemoryStore(), sandbox.groups["spring"]
        other = InviteJournal(store, f"invite_many/{group}/invitations", claim_timeout=120)
        await other.open()
        await other.claim("email:p0@example.org")

        class Clock(AutoAdvanceClock):
            async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
                if len(self.waits) == 4:
                    await arena.groups.invite("spring", email="p0@example.org")
                await super().wait(event, seconds)

        run = invite_many(arena, "spring", people(1), store=store, clock=Clock())
        assert await outcomes(run) == ["invited"]
        assert invites(sandbox) == 1


FAULTS: list[Fault] = [
    Reset(), Reset(after=True), Disconnect(), Disconnect(after=True),
    ServerFailure(500), ServerFailure(500, after=True), ServerFailure(502, after=True, html=True),
    ServerFailure(503), ServerFailure(504), ServerFailure(504, after=True),
    RequestTimeout(), RequestTimeout(after=True), RateLimited(retry_after=0),
    CutBody(), TruncatedJSON(), HTMLPage(), Hang(), Hang(after=True),
]  # fmt: skip


class TestUnknownOutcomes:
    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    async def test_every_fault_leaves_one_email_each(self, sandbox: Sandbox, fault: Fault) -> None:
        clock = AutoAdvanceClock()
        sandbox.faults.add(fault, operation=INVITE, skip=1, times=1)
        async with client(sandbox, timeout=QUICK) as arena:
            run = invite_many(arena, "spring", people(4), clock=clock)
            assert await outcomes(run) == ["invited"] * 4
        assert Counter(sent(sandbox)) == Counter(people(4))

    async def test_somebody_whose_address_no_list_tells(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.add_user("Ghita", email="ghita@example.org")
        sandbox.faults.add(Reset(after=True), operation=INVITE, times=1)
        run = invite_many(arena, "spring", ["ghita@example.org"], clock=AutoAdvanceClock())
        assert await outcomes(run) == ["invited"]
        assert len(sandbox.emails) == 1

    async def test_somebody_who_was_added(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.faults.add(Reset(after=True), operation=INVITE, times=1)
        run = invite_many(arena, "spring", [sandbox.users.follower], clock=AutoAdvanceClock())
        (result,) = [each async for each in run]
        assert (result.outcome, result.from_journal) == (BulkOutcome.ADDED, False)

    async def test_where_the_look_fails_too_it_ends_and_is_settled_next_time(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        with (
            sandbox.faults.add(Reset(after=True), operation=INVITE),
            sandbox.faults.add(Reset(), operation="getGroupInvitations", skip=1),
            pytest.raises(ArenaConnectionError),
        ):
            await invite_many(arena, "spring", people(3), store=store)
        run = invite_many(arena, "spring", people(3), store=store, clock=AutoAdvanceClock())
        results = [each async for each in run]
        assert [each.outcome for each in results] == [INVITED] * 3
        assert [each.from_journal for each in results] == [True, False, False]
        assert Counter(sent(sandbox)) == Counter(people(3))

    async def test_one_that_takes_too_long_is_given_up(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Latency(600, after=True), operation=INVITE, times=1)
        run = invite_many(arena, "spring", people(2), claim_timeout=0.4, clock=AutoAdvanceClock())
        assert await outcomes(run) == ["invited"] * 2
        assert Counter(sent(sandbox)) == Counter(people(2))

    async def test_one_that_never_gets_through_fails_and_says_so(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Hang(), operation=INVITE, times=2)
        run = invite_many(arena, "spring", people(2), claim_timeout=0.4, clock=AutoAdvanceClock())
        assert await outcomes(run) == ["failed", "invited"]
        (failed,) = run.summary.failed
        assert isinstance(failed.error, ArenaConnectionError)
        assert "outcome is unknown" in str(failed.error)

    @hypothesis_settings(max_examples=repetitions(10, thorough=25))
    @given(
        faults=st.lists(
            st.tuples(
                st.sampled_from([f for f in FAULTS if not isinstance(f, Hang)]),
                st.integers(0, 6),
                st.integers(1, 2),
            ),
            max_size=4,
        ),
        concurrency=st.integers(1, 4),
        stops=st.lists(st.integers(0, 6), max_size=3),
    )
    async def test_any_faults_and_any_stops(
        self, faults: list[tuple[Fault, int, int]], concurrency: int, stops: list[int]
    ) -> None:
        store, targets = MemoryStore(), people(6)
        async with Sandbox() as sandbox, client(sandbox) as arena:
            sandbox.add_group("Spring", slug="spring")
            for fault, skip, times in faults:
                sandbox.faults.add(fault, operation=INVITE, skip=skip, times=times)

            def run() -> Any:
                return invite_many(
                    arena, "spring", targets, store=store, concurrency=concurrency,
                    clock=AutoAdvanceClock(),
                )  # fmt: skip

            for stop in stops:
                async with run() as begun:
                    try:
                        for _ in range(stop):
                            await anext(begun, None)
                    except (ServerError, ArenaConnectionError):
                        pass
            sandbox.faults.clear()
            assert await outcomes(run()) == ["invited"] * 6
            assert Counter(sent(sandbox)) == Counter(targets)
