"""Configuration of a client, checked."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from platform import python_version
from typing import cast

import aiohttp
from attrs import field, frozen
from msgspec import Struct

from arena_groups._api import Credentials, Secret, TokenOrigin, checked_token
from arena_groups._arguments import check_arity, check_instance, check_seconds, seconds
from arena_groups._exports import set_public_module
from arena_groups._http.network import has_environment_token, is_production
from arena_groups._version import PROJECT_PAGE, __version__

__all__ = [
    "CredentialsProvider",
    "Timeout",
    "TokenProvider",
    "check_session",
    "checked_timeout",
    "checked_traces",
    "user_agent",
]

TokenProvider = Callable[[], Awaitable[str] | str]
TOKEN_VARIABLE = "ARENA_TOKEN"  # noqa: S105 - its name, not a token
SANDBOX_TOKEN = "sandbox_"  # noqa: S105 - how each of them begins
DEFAULT_USER_AGENT = (
    f"arena-groups/{__version__} (+{PROJECT_PAGE}; python {python_version()}; "
    f"aiohttp {aiohttp.__version__})"
)
# Products and comments of RFC 9110; of comments in comments, one level.
PRODUCT = r"[\w!#$%&'*+.^`|~-]+(?:/[\w!#$%&'*+.^`|~-]+)?"
COMMENT = r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)"
APP = rf"{PRODUCT}(?: (?:{PRODUCT}|{COMMENT}))*"
MAX_APP = 256


@frozen
class Timeout:
    """Time limits of one attempt, in seconds.

    Args:
        connect: The longest time to open a connection.
        read: The longest silence of the server while the response arrives.
        total: The longest time for the whole attempt, the body included.

    Raises:
        ValueError: A limit is not more than 0 and finite.
        TypeError: A limit is not a number.
    """

    connect: float = field(default=5, validator=seconds())
    read: float = field(default=15, validator=seconds())
    total: float = field(default=30, validator=seconds())


class CredentialsProvider:
    """Source of the token: an argument, the environment, a token provider, or none.

    ``static`` are the credentials of all requests; ``None`` if a provider is called for each. With
    ``base_url``, a token of another server is not sent there.
    """

    def __init__(
        self,
        token: Secret | TokenProvider | None,
        base_url: str | None = None,
        *,
        environment: bool = True,
    ) -> None:
        if callable(token):
            check_arity(token, "the token provider", 0)
        self._provider = token if callable(token) else None
        self.static: Credentials | None = None if callable(token) else Credentials()
        self._production = base_url is not None and is_production(base_url)
        self._generation = 0
        self._replacement: TokenReplacement | None = None
        if isinstance(token, Secret):
            self._set(token, TokenOrigin.ARGUMENT)
        elif token is None and environment and os.environ.get(TOKEN_VARIABLE):
            if base_url is None or has_environment_token(base_url):
                self._set(Secret(os.environ[TOKEN_VARIABLE]), TokenOrigin.ENVIRONMENT)
            else:
                self.static = Credentials(None, TokenOrigin.WITHHELD)

    def _set(self, token: Secret, origin: TokenOrigin) -> None:
        self.static = Credentials(self._checked(token, origin), origin)

    def _checked(self, token: Secret, origin: TokenOrigin) -> Secret:
        checked = checked_token(token, origin)
        if self._production and checked.reveal().startswith(SANDBOX_TOKEN):
            raise ValueError(
                f"the token from {origin} is that of a sandbox: set ARENA_BASE_URL, or pass "
                "base_url=, to use it there"
            )
        return checked

    async def fetch(self) -> Credentials:
        """Return the credentials of the next request. Raises what the token provider raises."""
        if self._provider is None:
            return Credentials()
        generation, provided = self._generation, self._provider()
        token = Secret(await provided if isawaitable(provided) else provided)
        del provided  # an error's traceback must not hold it
        checked = self._checked(token, TokenOrigin.PROVIDER)
        return Credentials(checked, TokenOrigin.PROVIDER, generation)

    async def replace(self, refused: Credentials) -> Credentials:
        """Return the credentials that the token provider has after a 401.

        Requests with the same token call the provider once, also those whose 401 arrives later.
        """
        shared = self._replacement
        if shared is None or not shared.serves(refused):
            self._generation += 1
            shared = self._replacement = TokenReplacement(
                refused.fingerprint, self._generation, asyncio.ensure_future(self.fetch())
            )
        try:
            return await shared.wait()
        finally:
            if shared.failed and self._replacement is shared:
                self._replacement = None  # an error holds frames of the provider
            del shared  # here and below: breaks the cycle of task, error, traceback and frame


class TokenReplacement(Struct, eq=False):
    """One call of the token provider for all requests with a refused token.

    ``generation`` is the number of this call. Credentials of a lower one are older.
    """

    _refused: str
    _generation: int
    _asking: asyncio.Future[Credentials]
    _waiters: int = 0

    @property
    def failed(self) -> bool:
        """Whether the call has ended without a token."""
        asking = self._asking
        return asking.done() and (asking.cancelled() or asking.exception() is not None)

    def serves(self, refused: Credentials) -> bool:
        """Return whether this call was for the same token, which is older than the call."""
        abandoned = not (self._asking.done() or self._waiters)
        return (
            refused.fingerprint == self._refused
            and refused.generation < self._generation
            and not (abandoned or self.failed)
        )

    async def wait(self) -> Credentials:
        """Return the result of the call, which is cancelled once no caller waits for it."""
        self._waiters += 1
        try:
            await asyncio.wait([self._asking])
        finally:
            self._waiters -= 1
            if not (self._asking.done() or self._waiters):
                self._asking.cancel()
                await asyncio.wait([self._asking])
        try:
            return self._asking.result()
        finally:
            del self


def checked_timeout(timeout: object) -> Timeout:
    """Return the limits that the argument ``timeout`` stands for; a number is the total.

    Raises ``TypeError`` for what is neither a :class:`Timeout` nor a number.
    """
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        return Timeout(total=check_seconds(timeout, "timeout"))
    check_instance(
        timeout, "timeout", Timeout, ", such as Timeout(total=10), or a number of seconds"
    )
    return cast("Timeout", timeout)


def check_session(session: object) -> None:
    """Raise ``TypeError`` for what is neither an aiohttp session nor ``None``."""
    if session is not None:
        check_instance(session, "session", aiohttp.ClientSession, " of aiohttp, or None")


def checked_traces(trace_configs: object) -> Sequence[aiohttp.TraceConfig]:
    """Return trace configurations as a tuple; ``TypeError`` for a single one, and for others."""
    if isinstance(trace_configs, aiohttp.TraceConfig):
        raise TypeError("trace_configs must be a sequence of them: put the TraceConfig in a list")
    if not isinstance(trace_configs, list | tuple):
        name = type(trace_configs).__name__
        raise TypeError(f"trace_configs must be a list of aiohttp.TraceConfig, not {name}")
    given = cast("Sequence[aiohttp.TraceConfig]", trace_configs)
    for each in given:
        check_instance(each, "each of trace_configs", aiohttp.TraceConfig, " of aiohttp")
    return tuple(given)


def user_agent(app: str | None) -> str:
    """Return the header ``User-Agent``: the caller's ``app``, if any, then this package.

    Raises ``ValueError`` if ``app`` has not the form of the header, ``TypeError`` if it is not a
    string.
    """
    if app is None:
        return DEFAULT_USER_AGENT
    check_instance(app, "app", str)
    valid = (
        len(app) <= MAX_APP
        and app.isascii()
        and app.isprintable()
        and re.fullmatch(APP, app, re.ASCII)
    )
    if not valid:
        raise ValueError(
            "app must be a name, a version and a page in ASCII, of up to "
            f"{MAX_APP} characters, such as 'my-bot/1.0 (+https://example.org)'"
        )
    return f"{app} {DEFAULT_USER_AGENT}"


set_public_module(globals(), ["Timeout"])
