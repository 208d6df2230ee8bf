"""Local Are.na server for tests and first steps: the groups API on loopback, with state in memory.

async with Sandbox() as sandbox:
    async with ArenaClient(token=sandbox.tokens.owner, base_url=sandbox.url) as arena:
        ...
"""

from arena_groups.sandbox.accounts import Applications, SandboxUser, Tokens, Users
from arena_groups.sandbox.applications import Application
from arena_groups.sandbox.backend import SandboxConflictError, SandboxNotFoundError
from arena_groups.sandbox.entities import (
    InvitationState,
    RecordedRequest,
    SentEmail,
    Tier,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.names import HasId
from arena_groups.sandbox.seed import SEEDED_AT
from arena_groups.sandbox.server import DEFAULT_SEED, Sandbox
from arena_groups.sandbox.threaded import ThreadedSandbox

__all__ = [
    "DEFAULT_SEED",
    "SEEDED_AT",
    "Application",
    "Applications",
    "AutoAdvanceClock",
    "HasId",
    "InvitationState",
    "RecordedRequest",
    "Sandbox",
    "SandboxConflictError",
    "SandboxNotFoundError",
    "SandboxUser",
    "SentEmail",
    "ThreadedSandbox",
    "Tier",
    "Tokens",
    "Users",
]
