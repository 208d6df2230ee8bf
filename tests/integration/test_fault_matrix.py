"""Every operation against every fault, over real connections of own and external sessions."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from arena_groups import (
    ArenaClient,
    ArenaError,
    ArenaTimeoutError,
    QuotaPacer,
    RetryPolicy,
    Timeout,
)
from arena_groups._api import OPERATIONS
from arena_groups.sandbox import RecordedRequest, Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import matrix
from tests.support.clients import own_and_external
from tests.support.leaks import no_warning
from tests.support.matrix import (
    CALLS,
    FAULTS,
    GONE,
    KINDS,
    MAX_BODY,
    ONCE,
    READ,
    Call,
    Row,
    add_own_group,
    as_markdown,
)
from tests.support.proxies import HOST, client_context, proxied
from tests.support.thorough import THOROUGH

PAGE = Path(__file__).parents[2] / "docs/fault-matrix.md"
ATTEMPTS = 3
ONE_OF_EACH_KIND = {call.kind: name for name, call in CALLS.items()}.values()
SOME_CALLS = CALLS if THOROUGH else ONE_OF_EACH_KIND
NO_OPTIONS: dict[str, Any] = {}


def client(
    sandbox: Sandbox,
    row: Row,
    call: Call,
    times: int | None,
    **connection: Any,
) -> ArenaClient:
    clock = AutoAdvanceClock()
    limits = row.times
    if limits and times is None and call.kind not in row.untouched:
        limits = {"total": 0.03}  # no response comes, so a short limit will do
    return ArenaClient(
        sandbox.tokens.owner,
        **{"base_url": sandbox.url, **connection},
        clock=clock,
        pacer=QuotaPacer(clock=clock),
        retry=RetryPolicy(attempts=ATTEMPTS),
        timeout=Timeout(**limits),
        max_body=MAX_BODY,
    )


async def run_with_fault(
    sandbox: Sandbox,
    row: Row,
    name: str,
    times: int | None,
    *,
    external: bool = False,
    options: Mapping[str, Any] = NO_OPTIONS,
    **connection: Any,
) -> tuple[ArenaError | None, list[RecordedRequest]]:
    group = add_own_group(sandbox, name)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession()) if external else None
        connection |= {"session": session}
        arena = client(sandbox, row, CALLS[name], times, **connection)
        await stack.enter_async_context(arena)
        if session is not None:
            # aiohttp resends on a connection that it kept, so there must be one.
            await (await session.get(f"{sandbox.url}/v3/ping")).read()
        sandbox.clear_requests()
        with sandbox.faults.add(row.fault(), times=times):
            try:
                caller = arena.with_options(**options) if options else arena
                await CALLS[name].run(caller, sandbox, group)
            except ArenaError as error:
                return error, list(sandbox.requests)
    return None, list(sandbox.requests)


def count_executed(requests: list[RecordedRequest]) -> int:
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


def test_matrix_has_every_operation() -> None:
    assert set(CALLS) == {operation.name for operation in OPERATIONS}


@own_and_external
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_that_occurs_once_has_the_documented_result(
    fault: str, *, external: bool
) -> None:
    row = FAULTS[fault]
    with no_warning():
        async with Sandbox() as sandbox:
            for name, call in CALLS.items():
                emails = len(sandbox.emails)
                error, requests = await run_with_fault(sandbox, row, name, 1, external=external)
                check_once(call, row, error, len(requests))
                if call.kind == ONCE:
                    assert count_executed(requests) <= 1, "nothing is executed twice"
                    assert error is not None or count_executed(requests) == 1
                if name == "groups.invite":
                    assert len(sandbox.emails) - emails == count_executed(requests)
                if error is not None and call.kind == ONCE and count_executed(requests):
                    assert error.outcome_unknown
                    assert "look for" in str(error)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_behind_a_proxy_has_the_same_result(fault: str) -> None:
    row = FAULTS[fault]
    with no_warning():
        async with Sandbox(allowed_hosts=[HOST]) as sandbox, proxied(sandbox.url) as proxy:
            connection: dict[str, Any] = {
                "base_url": f"https://{HOST}", "proxy": proxy.address, "ssl": client_context()
            }  # fmt: skip
            for name in SOME_CALLS:
                error, requests = await run_with_fault(sandbox, row, name, 1, **connection)
                check_once(CALLS[name], row, error, len(requests))
            assert len(proxy.requests) >= len(SOME_CALLS)


@pytest.mark.parametrize(
    "fault",
    [
        "connection reset, but executed", "429, Retry-After in seconds", "503 with Retry-After",
        "403 of the edge, as text", "521", "522, but executed",
    ],
)  # fmt: skip
async def test_fault_in_a_view_with_a_deadline_and_in_the_background_has_the_same_result(
    fault: str,
) -> None:
    row = FAULTS[fault]
    options = {"deadline": 600, "priority": "background"}
    with no_warning():
        async with Sandbox() as sandbox:
            for name, call in CALLS.items():
                error, requests = await run_with_fault(sandbox, row, name, 1, options=options)
                check_once(call, row, error, len(requests))


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("connection reset", {"retry": False}),
        ("521", {"retry": False}),
        ("429, Retry-After in seconds", {"deadline": 2.5}),
        ("503 with Retry-After", {"deadline": 1.5}),
    ],
)
async def test_fault_in_a_view_without_a_second_attempt_raises_after_the_first(
    fault: str, options: dict[str, Any]
) -> None:
    row = FAULTS[fault]
    async with Sandbox() as sandbox:
        for name, call in CALLS.items():
            error, requests = await run_with_fault(sandbox, row, name, 1, options=options)
            assert error is not None
            assert type(error) is row.error
            assert (error.attempts, len(requests)) == (1, 1)
            is_certain = call.kind == READ or row.again == KINDS
            assert not (is_certain and error.outcome_unknown)


@pytest.mark.parametrize("kind", KINDS)
async def test_deadline_of_a_view_that_passes_during_an_execution_reports_that_it_was_sent(
    kind: str,
) -> None:
    name = next(name for name, call in CALLS.items() if call.kind == kind)
    row, options = FAULTS["no response, but executed"], {"timeout": 30, "deadline": 0.5}
    async with Sandbox() as sandbox:
        error, requests = await run_with_fault(sandbox, row, name, None, options=options)
    assert type(error) is ArenaTimeoutError
    assert error.request_sent
    assert error.outcome_unknown is (kind != READ)
    assert len(requests) == count_executed(requests) == 1


@own_and_external
@pytest.mark.parametrize("fault", [name for name, row in FAULTS.items() if row.error])
async def test_permanent_fault_raises_after_the_last_attempt(fault: str, *, external: bool) -> None:
    row = FAULTS[fault]
    with no_warning():
        async with Sandbox() as sandbox:
            # The first attempt of every call on both kinds of session is tested above.
            for name in SOME_CALLS if external else CALLS:
                call, emails = CALLS[name], len(sandbox.emails)
                error, requests = await run_with_fault(sandbox, row, name, None, external=external)
                if call.kind in row.untouched:
                    assert (error, len(requests)) == (None, 1)
                    continue
                assert row.error is not None
                assert isinstance(error, row.error) or "executed" in fault
                attempts = ATTEMPTS if call.kind in row.again else 1
                assert error is None or error.attempts == attempts
                assert len(requests) == attempts
                assert len(sandbox.emails) - emails <= 1


LOST = [name for name, row in FAULTS.items() if row.then is matrix.LOST]


@own_and_external
@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.kind == GONE])
@pytest.mark.parametrize("fault", LOST)
async def test_deletion_with_a_lost_response_succeeds(
    fault: str, name: str, *, external: bool
) -> None:
    async with Sandbox() as sandbox:
        error, requests = await run_with_fault(sandbox, FAULTS[fault], name, 1, external=external)
    assert error is None
    assert [request.status for request in requests][-1] == 404
    assert len(requests) == 2


@own_and_external
@pytest.mark.parametrize("fault", LOST)
async def test_revocation_with_a_lost_response_mentions_a_possible_acceptance(
    fault: str, *, external: bool
) -> None:
    async with Sandbox() as sandbox:
        error, _ = await run_with_fault(
            sandbox, FAULTS[fault], "groups.revoke_invitation", 1, external=external
        )
    assert "accepted meanwhile; look in groups.invitations" in str(error)


def test_documentation_has_the_table() -> None:
    assert as_markdown() in PAGE.read_text("utf-8")
