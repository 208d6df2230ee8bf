"""What ``arena-groups auth`` does."""

import os

from arena_groups import ArenaClient, Me, QuotaPacer
from arena_groups._api import Secret
from arena_groups._http.config import TOKEN_VARIABLE
from arena_groups.cli.connect import (
    RETRY,
    SANDBOX_SOURCE,
    base_url_of,
    connected,
    find_token,
    needs_token,
)
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.logins import forget_login, store_login
from arena_groups.cli.notes import note
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.cli.records import AuthStatus, Change
from arena_groups.cli.results import write_one
from arena_groups.cli.settings import ENTERED, Settings
from arena_groups.cli.views import AUTH_STATUS, CHANGES

_ENTER = "make a token in your settings at Are.na, and type it, paste it or pipe it in"


async def show_status(settings: Settings) -> None:
    """Write who the token stands for, and what is known of its quota and scopes."""
    pacer = QuotaPacer()
    login = None if settings.sandbox else find_token(settings)
    needs_token(settings)
    async with connected(settings, pacer=pacer) as arena:
        me = await arena.me()
    quota = pacer.snapshot()
    granted = () if login is None else login.scopes
    status = AuthStatus(
        base_url=SANDBOX_SOURCE if settings.sandbox else base_url_of(settings),
        token_source=settings.token_source,
        user_id=me.id,
        slug=me.slug,
        name=me.name,
        tier=me.tier.value,
        # An answer to a read proves the scope read; only a write would tell of write.
        scopes=list(granted or ["read"]),
        write=_may_write(granted),
        quota_limit=quota.limit,
        quota_window=quota.window,
        quota_left=None if quota.limit is None else max(0, quota.limit - quota.used),
        quota_resets_in=None if quota.resets_in is None else round(quota.resets_in, 1),
    )
    write_one(settings, AUTH_STATUS, status)


async def log_in(settings: Settings, token: Secret, scopes: tuple[str, ...] = ()) -> None:
    """Check a token, store it, and write whose it is."""
    base_url = base_url_of(settings)
    settings.token_source = ENTERED
    me = await _whose(token, base_url)
    place = store_login(base_url, token, scopes)
    note(settings, f"the token is kept in {place}")
    if os.environ.get(TOKEN_VARIABLE):
        note(settings, f"{TOKEN_VARIABLE} is set, and comes before what is stored")
    change = Change(outcome="logged in", type="User", id=me.id, what=f"{me.name} ({me.slug})")
    write_one(settings, CHANGES, change)


async def log_out(settings: Settings) -> None:
    """Remove the stored token, and write whether there was one."""
    base_url = base_url_of(settings)
    outcome = "logged out" if forget_login(base_url) else "was not logged in"
    if os.environ.get(TOKEN_VARIABLE):
        note(settings, f"{TOKEN_VARIABLE} is still set")
    write_one(settings, CHANGES, Change(outcome=outcome, type="Login", what=base_url))


async def _whose(token: Secret, base_url: str) -> Me:
    if token.problem():
        message = f"the token {token.problem()}"
        raise ProblemError(Problem("unauthorized", message, ExitCode.UNAUTHORIZED, _ENTER))
    async with ArenaClient(token.reveal(), base_url=base_url, retry=RETRY) as arena:
        return await arena.me()


def _may_write(granted: tuple[str, ...]) -> str:
    if not granted:
        return "unknown"
    return "yes" if "write" in granted else "no"
