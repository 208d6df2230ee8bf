"""The network edge in front of the API, as the client meets it over real connections."""

import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    BlockedError,
    PacerSnapshot,
    QuotaPacer,
    RateLimitError,
    RetryPolicy,
    ServerError,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Blocked, EdgeError
from tests.support.clients import client, connected
from tests.support.documents import STUDIO, TOKEN
from tests.support.servers import PONG, http, serving

INVITE = "createGroupInvitation"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
ONCE_MORE = (521, 523, 525)
UNKNOWN = (520, 522, 524, 527, 529, 530)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=NOON.timestamp) as running:  # no window ends during a test
        yield running


@pytest.fixture
def pacer(clock: AutoAdvanceClock) -> QuotaPacer:
    return QuotaPacer(clock=clock)


@pytest.fixture
async def arena(
    sandbox: Sandbox, clock: AutoAdvanceClock, pacer: QuotaPacer
) -> AsyncIterator[ArenaClient]:
    async with client(sandbox.url, clock, sandbox.tokens.owner, pacer=pacer) as connection:
        yield connection


class TestBlocked:
    @pytest.mark.parametrize("form", ["text", "page", "json", "challenge", "empty"])
    async def test_blocked_call_is_not_retried_and_does_not_blame_the_token(
        self, arena: ArenaClient, sandbox: Sandbox, form: str
    ) -> None:
        sandbox.faults.add(Blocked(form))
        with pytest.raises(BlockedError, match="not your token: check the User-Agent") as caught:
            await arena.groups.invite(STUDIO, email="ada@example.org")
        error = caught.value
        assert (error.status, error.attempts, error.outcome_unknown) == (403, 1, False)
        assert (error.request_id or "").endswith("-SBX")
        assert len(sandbox.requests) == 1
        assert "<" not in str(error)
        assert "&mdash;" not in str(error)

    async def test_page_is_shown_as_plain_text(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.faults.add(Blocked("page"))
        with pytest.raises(BlockedError) as caught:
            await arena.me()
        assert caught.value.message == (
            "Access denied Access denied Automated access to this site is blocked \u2014 it is for "
            "people & browsers."
        )

    async def test_statuses_of_the_policy_do_not_retry_it(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        sandbox.faults.add(Blocked())
        policy = RetryPolicy(statuses={403})
        async with client(sandbox.url, clock, sandbox.tokens.owner, retry=policy) as arena:
            with pytest.raises(BlockedError):
                await arena.me()
        assert len(sandbox.requests) == 1

    async def test_compressed_page_is_read(self) -> None:
        page = gzip.compress(b"<p>Automated access is blocked" + b" " * 100_000)
        response = http(page, "403 Forbidden", Content_Encoding="gzip", Content_Type="text/html")
        async with connected(response) as (arena, _):
            with pytest.raises(BlockedError, match="403 Forbidden: Automated access is blocked "):
                await arena.me()

    @pytest.mark.parametrize("concurrency", [1, 3])
    async def test_challenge_within_a_list_is_not_retried(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int
    ) -> None:
        items = arena.groups.invitations("research-studio", per=50, concurrency=concurrency)
        iterator = aiter(items)
        first = await anext(iterator)
        sandbox.faults.add(Blocked("challenge"))
        with pytest.raises(BlockedError):
            async for _ in iterator:
                pass
        sandbox.faults.clear()
        rest = [each.id async for each in iterator]
        assert first.id not in rest

    async def test_challenge_with_a_status_of_success_is_not_retried(
        self, clock: AutoAdvanceClock
    ) -> None:
        page = http(b"<title>Checking your browser</title>", cf_mitigated="challenge")
        async with serving(page) as server, client(server.url, clock) as arena:
            with pytest.raises(BlockedError, match="200 OK: Checking your browser") as caught:
                await arena.groups.invite(STUDIO, email="ada@example.org")
            assert not caught.value.outcome_unknown
            assert len(server.requests) == 1

    @pytest.mark.parametrize("call", ["delete", "request"])
    async def test_challenge_with_404_does_not_show_that_a_lost_deletion_worked(
        self, clock: AutoAdvanceClock, call: str
    ) -> None:
        challenge = http(b"<title>Wait</title>", "404 Not Found", cf_mitigated="challenge")
        responses = iter([http(b"", "520 <none>"), challenge])
        async with serving(lambda _: next(responses)) as server, client(server.url, clock) as arena:
            with pytest.raises(BlockedError) as caught:
                if call == "delete":
                    await arena.groups.delete("studio")
                else:
                    await arena.request("DELETE", "/v3/channels/{id}", path={"id": "walks"})
        assert (caught.value.attempts, caught.value.outcome_unknown) == (2, True)

    async def test_token_that_the_page_repeats_is_redacted(self) -> None:
        page = f"<html><b>{TOKEN}</b> is blocked</html>".encode()
        async with connected(http(page, "403 Forbidden", CF_RAY=TOKEN)) as (arena, _):
            with pytest.raises(BlockedError, match="is blocked") as caught:
                await arena.me()
        assert TOKEN not in f"{caught.value} {vars(caught.value)}"


class TestStatuses:
    @pytest.mark.parametrize("status", ONCE_MORE)
    async def test_invitation_that_reached_no_server_is_sent_again(
        self, arena: ArenaClient, sandbox: Sandbox, status: int
    ) -> None:
        sandbox.faults.add(EdgeError(status), operation=INVITE, times=2)
        await arena.groups.invite(STUDIO, email="ada@example.org")
        assert [request.executed for request in sandbox.requests] == [False, False, True]
        assert len(sandbox.emails) == 1

    @pytest.mark.parametrize("status", [*ONCE_MORE, 526])
    async def test_last_failure_without_a_server_leaves_no_doubt(
        self, arena: ArenaClient, sandbox: Sandbox, status: int
    ) -> None:
        sandbox.faults.add(EdgeError(status))
        with pytest.raises(ServerError) as caught:
            await arena.groups.create("Night Walks")
        assert not caught.value.outcome_unknown
        assert caught.value.attempts == (1 if status == 526 else 5)

    @pytest.mark.parametrize("status", UNKNOWN)
    @pytest.mark.parametrize("after", [False, True])
    async def test_other_failures_of_an_invitation_are_in_doubt(
        self, arena: ArenaClient, sandbox: Sandbox, status: int, after: bool
    ) -> None:
        sandbox.faults.add(EdgeError(status, after=after), operation=INVITE)
        with pytest.raises(ServerError) as caught:
            await arena.groups.invite(STUDIO, email="ada@example.org")
        assert caught.value.outcome_unknown
        assert caught.value.attempts == 1
        assert len(sandbox.emails) == after

    async def test_invitation_in_doubt_is_never_sent_again(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(EdgeError(521), operation=INVITE, times=1)
        sandbox.faults.add(EdgeError(522, after=True), operation=INVITE, times=1)
        with pytest.raises(ServerError) as caught:
            await arena.groups.invite(STUDIO, email="ada@example.org")
        assert (caught.value.attempts, caught.value.outcome_unknown) == (2, True)
        assert len(sandbox.emails) == 1

    async def test_request_sent_too_early_is_sent_again_if_idempotent(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(EdgeError(425), times=1)
        await arena.me()
        sandbox.faults.add(EdgeError(425))
        with pytest.raises(ArenaAPIError, match="425 Too Early") as caught:
            await arena.groups.create("Night Walks")
        assert (caught.value.attempts, caught.value.outcome_unknown) == (1, False)

    async def test_statuses_of_the_policy_are_retried_if_idempotent(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        sandbox.faults.add(EdgeError(526), times=1)
        policy = RetryPolicy(statuses=[526])
        async with client(sandbox.url, clock, sandbox.tokens.owner, retry=policy) as arena:
            await arena.me()
            sandbox.faults.add(EdgeError(526), times=1)
            with pytest.raises(ServerError):
                await arena.groups.create("Night Walks")


class TestEdgeLimit:
    async def test_limit_of_the_edge_holds_the_client_and_counts_nothing(
        self, arena: ArenaClient, sandbox: Sandbox, pacer: QuotaPacer, clock: AutoAdvanceClock
    ) -> None:
        await arena.me()
        before = pacer.snapshot()
        sandbox.faults.add(EdgeError(429), times=3)
        started = clock.now()
        await arena.me()
        assert [request.status for request in sandbox.requests] == [200, 429, 429, 429, 304]
        assert clock.now() - started == pytest.approx(2 + 6 + 18)
        after = pacer.snapshot()
        assert (after.limit, after.used) == (before.limit, before.used + 1)

    async def test_retry_after_of_the_edge_is_obeyed(
        self, arena: ArenaClient, sandbox: Sandbox, pacer: QuotaPacer, clock: AutoAdvanceClock
    ) -> None:
        await arena.me()
        sandbox.faults.add(EdgeError(429, retry_after=30), times=1)
        started = clock.now()
        await arena.me()
        assert clock.now() - started == pytest.approx(30)

    async def test_headers_of_the_edge_are_not_those_of_the_api(
        self, clock: AutoAdvanceClock, pacer: QuotaPacer
    ) -> None:
        usual = {"X_RateLimit_Limit": "120", "X_RateLimit_Window": "60"}
        foreign = {"X_RateLimit_Limit": "1", "X_RateLimit_Remaining": "0"}
        refusal = http(b"error code: 1015", "429 Too Many Requests", Retry_After="600", **foreign)
        body = json.loads(PONG.partition(b"\r\n\r\n")[2])
        async with (
            serving(http(body, **usual)) as server,
            client(server.url, clock, pacer=pacer) as arena,
        ):
            await arena.ping()
            known = arena.rate_limit
            server.response = refusal
            with pytest.raises(RateLimitError, match="not your quota") as caught:
                await arena.ping()
            assert caught.value.from_edge
            assert caught.value.rate_limit is None
            assert arena.rate_limit is known
            assert counts(pacer.snapshot()) == (120, 1, 600)

    async def test_permanent_limit_of_the_edge_raises_after_the_last_attempt(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        sandbox.faults.add(EdgeError(429))
        async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
            with pytest.raises(RateLimitError) as caught:
                await arena.groups.invite(STUDIO, email="ada@example.org")
        assert (caught.value.attempts, caught.value.outcome_unknown) == (5, False)


def counts(snapshot: PacerSnapshot) -> tuple[int | None, int, float]:
    return snapshot.limit, snapshot.used, round(snapshot.blocked_for)
