"""Every operation against every fault, over real connections."""

from pathlib import Path

import pytest

from arena_groups import ArenaClient, ArenaError, QuotaPacer, RetryPolicy, Timeout
from arena_groups.sandbox import RecordedRequest, Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import matrix
from tests.support.leaks import no_warning
from tests.support.matrix import CALLS, FAULTS, GONE, MAX_BODY, ONCE, Call, Row, as_markdown

PAGE = Path(__file__).parents[2] / "docs/fault-matrix.md"
ATTEMPTS = 3


def client(sandbox: Sandbox, row: Row, call: Call, times: int | None) -> ArenaClient:
    clock = AutoAdvanceClock()
    limits = row.times
    if limits and times is None and call.kind not in row.untouched:
        limits = {"total": 0.03}  # no answer is to come, so nobody need be given time
    return ArenaClient(
        sandbox.tokens.owner,
        base_url=sandbox.url,
        clock=clock,
        pacer=QuotaPacer(clock=clock),
        retry=RetryPolicy(attempts=ATTEMPTS),
        timeout=Timeout(**limits),
        max_body=MAX_BODY,
    )


def own_group(sandbox: Sandbox, name: str) -> int:
    group = sandbox.add_group(f"For {name}")
    sandbox.add_member(group, sandbox.users.member)
    sandbox.add_invitations(group, 2)
    return group


async def strike(
    sandbox: Sandbox, row: Row, name: str, times: int | None
) -> tuple[ArenaError | None, list[RecordedRequest]]:
    group = own_group(sandbox, name)
    sandbox.clear_requests()
    async with client(sandbox, row, CALLS[name], times) as arena:
        with sandbox.faults.add(row.fault(), times=times):
            try:
                await CALLS[name].run(arena, sandbox, group)
            except ArenaError as error:
                return error, list(sandbox.requests)
    return None, list(sandbox.requests)


def written(requests: list[RecordedRequest]) -> int:
    return sum(request.executed for request in requests)


def check_once(call: Call, row: Row, error: ArenaError | None, reached: int) -> None:
    if row.error is None or call.kind in row.untouched:
        assert (error, reached) == (None, 1)
    elif call.kind in row.then:
        assert type(error) is row.then[call.kind]
        assert (error.attempts, reached) == (2, 2)
        assert error.outcome_unknown
    elif call.kind in row.again:
        assert (error, reached) == (None, 2)
    else:
        assert type(error) is row.error
        assert (error.attempts, reached) == (1, 1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_that_strikes_once(fault: str) -> None:
    row = FAULTS[fault]
    with no_warning():
        async with Sandbox() as sandbox:
            for name, call in CALLS.items():
                emails = len(sandbox.emails)
                error, requests = await strike(sandbox, row, name, 1)
                check_once(call, row, error, len(requests))
                if call.kind == ONCE:
                    assert written(requests) <= 1, "nothing is done twice"
                    assert error is not None or written(requests) == 1
                if name == "groups.invite":
                    assert len(sandbox.emails) - emails == written(requests)
                if error is not None and call.kind == ONCE and written(requests):
                    assert error.outcome_unknown
                    assert "look for" in str(error)


@pytest.mark.parametrize("fault", [name for name, row in FAULTS.items() if row.error])
async def test_a_fault_that_does_not_end(fault: str) -> None:
    row = FAULTS[fault]
    with no_warning():
        async with Sandbox() as sandbox:
            for name, call in CALLS.items():
                emails = len(sandbox.emails)
                error, requests = await strike(sandbox, row, name, None)
                if call.kind in row.untouched:
                    assert (error, len(requests)) == (None, 1)
                    continue
                assert row.error is not None
                assert isinstance(error, row.error) or "executed" in fault
                sent = ATTEMPTS if call.kind in row.again else 1
                assert error is None or error.attempts == sent
                assert len(requests) == sent
                assert len(sandbox.emails) - emails <= 1


LOST = [name for name, row in FAULTS.items() if row.then is matrix.LOST]


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.kind == GONE])
@pytest.mark.parametrize("fault", LOST)
async def test_a_deletion_whose_answer_was_lost_counts_as_done(fault: str, name: str) -> None:
    async with Sandbox() as sandbox:
        error, requests = await strike(sandbox, FAULTS[fault], name, 1)
    assert error is None
    assert [request.status for request in requests][-1] == 404
    assert len(requests) == 2


@pytest.mark.parametrize("fault", LOST)
async def test_nobody_is_told_that_an_invitation_was_revoked_which_may_be_accepted(
    fault: str,
) -> None:
    async with Sandbox() as sandbox:
        error, _ = await strike(sandbox, FAULTS[fault], "groups.revoke_invitation", 1)
    assert "accepted meanwhile; look in groups.invitations" in str(error)


def test_the_table_is_in_the_documentation() -> None:
    assert as_markdown() in PAGE.read_text("utf-8")
