"""Errors that fail one input, and errors that stop the whole run."""

import pytest

from arena_groups import (
    ArenaClient,
    AuthenticationError,
    BulkOutcome,
    BulkResult,
    ForbiddenError,
    InviteTarget,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    UnprocessableError,
    invite_many,
)
from arena_groups.sandbox import Sandbox
from tests.support.bulk import GROUP, addresses, make_client

INVITED, FAILED = BulkOutcome.INVITED, BulkOutcome.FAILED


@pytest.mark.parametrize(
    ("group", "person", "kind"),
    [
        ("no-such-group", "owner", NotFoundError),
        (GROUP, "stranger", ForbiddenError),
        (GROUP, "wrong", AuthenticationError),
        (GROUP, "limited", RateLimitError),
    ],
)
async def test_fatal_error_stops_the_run_before_anything_is_sent(
    sandbox: Sandbox, group: str, person: str, kind: type[Exception]
) -> None:
    token = getattr(sandbox.tokens, person, "wrong")
    retry = RetryPolicy(attempts=1)
    async with make_client(sandbox, token, retry=retry) as arena:
        run = invite_many(arena, group, addresses(300))
        with pytest.raises(kind) as caught:
            await run
    assert caught.value.__notes__ == ["The run stopped after starting 0 inputs."]
    assert run.summary.stopped_by is caught.value
    assert len(sandbox.requests) <= 3
    assert sandbox.emails == ()


async def test_read_only_token_stops_the_run_at_the_first_inputs(sandbox: Sandbox) -> None:
    async with make_client(sandbox, sandbox.tokens.read_only) as arena:
        run = invite_many(arena, GROUP, addresses(300), concurrency=2)
        results: list[BulkResult[InviteTarget]] = []
        with pytest.raises(ForbiddenError):
            async for result in run:
                results.append(result)  # noqa: PERF401
    assert [result.outcome for result in results] == [FAILED] * len(results)
    assert len(results) <= 2
    assert run.summary.done == len(results)


async def test_deleted_group_stops_the_run(arena: ArenaClient, sandbox: Sandbox) -> None:
    run = invite_many(arena, GROUP, [*addresses(2), 3, *addresses(5, 10)])
    assert (await anext(run)).outcome is INVITED
    await arena.groups.delete(GROUP)
    assert (await anext(run)).outcome is FAILED
    with pytest.raises(NotFoundError):
        await anext(run)
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_unknown_user_fails_without_stopping_the_run(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    ghost = sandbox.add_user("Ghost", confirmed=False)
    run = invite_many(arena, GROUP, [999_999, ghost, "a@example.org"])
    results = [result async for result in run]
    assert results[0].outcome is FAILED
    assert results[2].outcome is INVITED
    assert all(isinstance(r.error, NotFoundError | UnprocessableError) for r in results[:1])
