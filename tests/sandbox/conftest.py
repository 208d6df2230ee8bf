"""A sandbox for each test, and a client that talks to it."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.sandbox.api import Api, reads_only


@pytest.fixture(scope="package")
def shared_sandbox() -> Iterator[ThreadedSandbox]:
    """A sandbox for all tests that change nothing. It outlives their event loops."""
    with ThreadedSandbox() as running:
        yield running


@pytest.fixture
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """The sandbox of a test: a new one, or the shared one for tests that only read."""
    if request.node.get_closest_marker(reads_only.name) is None:
        async with Sandbox() as running:
            yield running
        return
    shared: Sandbox = request.getfixturevalue("shared_sandbox")
    before = state_of(shared)
    yield shared
    assert state_of(shared) == before
    shared.faults.clear()
    shared.clear_requests()


def state_of(sandbox: Sandbox) -> tuple[object, ...]:
    """Return what a test that only reads must not change."""
    groups = sandbox.groups
    members = [sandbox.members(group) for group in groups]
    pending = [sandbox.pending_invitations(group) for group in groups]
    return groups, members, pending, sandbox.emails


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as open_session:
        yield open_session


@pytest.fixture
def http(sandbox: Sandbox, session: aiohttp.ClientSession) -> Api:
    return Api(sandbox, session)


@pytest.fixture
def tokens(sandbox: Sandbox) -> Tokens:
    return sandbox.tokens
