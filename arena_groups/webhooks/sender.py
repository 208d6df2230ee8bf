"""Endpoint of webhooks: its settings, and one request to it."""

import os
import ssl
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from http import HTTPStatus
from typing import Final, Literal, Protocol, cast

import aiohttp
from attrs import field, frozen
from multidict import CIMultiDict

from arena_groups._api import Secret
from arena_groups._api.response import parse_retry_after
from arena_groups._arguments import check_flag, check_seconds, check_store_name
from arena_groups._exports import set_public_module
from arena_groups._http.config import user_agent
from arena_groups._http.network import Network, checked_network
from arena_groups._types import Clock, hidden
from arena_groups.stores import Store
from arena_groups.watching import WatchEvent
from arena_groups.watching.delivering import EventDelivery, EventSender
from arena_groups.webhooks import discord, slack
from arena_groups.webhooks.payload import json_body
from arena_groups.webhooks.schedule import Attempt
from arena_groups.webhooks.signature import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SigningKey,
    as_secrets,
    read_keys,
    sign,
)
from arena_groups.webhooks.targets import (
    CheckedConnector,
    Target,
    TargetRefusedError,
    checked_target,
)

__all__ = ["Connection", "WebhookFormat", "WebhookSender"]

WebhookFormat = Literal["json", "slack", "discord"]
"""Form of the bodies that a sender sends."""

GIVE_UP_AFTER: Final = 3 * 86_400.0
TIMEOUT: Final = 10.0
MAX_RESPONSE: Final = 4096  # bytes that are read of a response
NO_CONNECTION: Final = "no connection"
UNTRUSTED: Final = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)
CAUSES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (TargetRefusedError, "its host has no public address (allow_private=True allows others)"),
    (UNTRUSTED, "no TLS connection: its certificate is not trusted, or it refused ours"),
    (aiohttp.ClientConnectorDNSError, "its host was not found"),
    (aiohttp.ClientConnectorError, NO_CONNECTION),
    (TimeoutError, "no response within the time limit"),
    (aiohttp.ServerDisconnectedError, "it closed the connection without a response"),
    (ConnectionError, "it closed the connection without a response"),
)


class Body(Protocol):
    """Function that returns the body of a request for events."""

    def __call__(self, events: Sequence[WatchEvent], *, include_emails: bool) -> bytes:
        """Return the body."""
        ...


FORMATS: Final[dict[WebhookFormat, tuple[Body, int]]] = {
    "json": (json_body, 1),
    "slack": (slack.slack_body, slack.MAX_EVENTS),
    "discord": (discord.discord_body, discord.MAX_EVENTS),
}
"""The function for the bodies of a format, and how many events one holds at most."""


@frozen
class _Message:
    """One request: its headers and its body, which may hold addresses."""

    headers: CIMultiDict[str] = field(repr=hidden)
    body: bytes = field(repr=hidden)


@frozen
class _Settings:
    """Everything that a request needs apart from its events."""

    target: Target
    network: Network
    keys: Sequence[SigningKey]
    format: WebhookFormat
    include_emails: bool

    def message(self, events: Sequence[WatchEvent], now: float) -> _Message:
        """Return the request for events at a Unix time."""
        make_body, _ = FORMATS[self.format]
        body = make_body(events, include_emails=self.include_emails)
        headers = CIMultiDict(
            {
                "Content-Type": "application/json",
                "User-Agent": user_agent(None),
                "Accept-Encoding": "identity",
            }
        )
        if self.format == "json":
            (event,) = events
            headers[ID_HEADER] = event.key
            headers[TIMESTAMP_HEADER] = str(int(now))
            if self.keys:
                headers[SIGNATURE_HEADER] = sign(self.keys, event.key, int(now), body)
        return _Message(headers, body)


class WebhookSender:
    """Endpoint that receives the events of a watch, by POST requests.

    Requests with the format ``"json"`` hold one event each, and follow the Standard Webhooks
    specification: ``webhook-id`` is the event's ``key``, ``webhook-timestamp`` the time of the
    attempt, and ``webhook-signature`` has one signature by each secret.

    An event is delivered if the response is 2xx. Everything else is a failure, also a redirect,
    which is not followed. No part of the URL after its host is shown in a ``repr``, log or error.

    Args:
        url: The HTTPS URL. Addresses that are not public are refused, also after the name was
            resolved.
        secret: The secret that the receiver knows too, from :func:`generate_secret`; while it is
            replaced, the new and the old one. In a text, they are separated by spaces. ``None``
            sends no signature.
        format: ``"json"``; ``"slack"`` and ``"discord"`` send what their incoming webhooks take,
            several events at once, without a signature.
        name: Name of the endpoint in the store; ``None`` derives one from the URL. With a name,
            what waits for the endpoint is sent to a new URL after a change.
        include_emails: Whether bodies contain the addresses of invitees.
        allow_private: Allow private, link-local and loopback addresses, and plain HTTP to loopback.
        give_up_after: Seconds after which an event that cannot be delivered becomes a dead letter.
        timeout: Seconds that one attempt may take.
        trust_env: Use the proxy and the certificate authorities that the environment names. A
            proxy resolves the name itself, so addresses are not checked.
        ssl: TLS context, for certificates of an own authority.

    Attributes:
        target: Scheme and host of the URL, which may be shown.
        endpoint: Name of the endpoint in the store.
        format: Form of the bodies.
        max_events: How many events one request holds at most.
        give_up_after: Seconds after which an event becomes a dead letter.

    Raises:
        ValueError: The URL, a secret or a number is not valid, the URL is refused, or a secret is
            given for a format without a signature.
        TypeError: An argument has the wrong type.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str | Iterable[str] | None = None,
        format: WebhookFormat = "json",  # noqa: A002 - the name in the command line too
        name: str | None = None,
        include_emails: bool = False,
        allow_private: bool = False,
        give_up_after: float = GIVE_UP_AFTER,
        timeout: float = TIMEOUT,
        trust_env: bool = False,
        ssl: ssl.SSLContext | None = None,
    ) -> None:
        address = Secret(url)
        secrets = None if secret is None else as_secrets(secret)
        del url, secret  # an error's traceback must not hold them
        self.target, self.format = "", format  # first, as the repr needs them
        check_flag(allow_private, "allow_private")
        target = checked_target(address, allow_private=allow_private)
        keys = () if secrets is None else read_keys(secrets)
        if format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}")
        if keys and format != "json":
            raise ValueError(f"secret cannot be used with format={format!r}: it has no signature")
        if name is not None:
            check_store_name(name, "name")
        self.target = target.label
        self.endpoint = address.fingerprint()[:16] if name is None else name
        self.give_up_after = check_seconds(give_up_after, "give_up_after", endless=True)
        self.max_events = FORMATS[format][1]
        self._timeout = check_seconds(timeout, "timeout")
        network = checked_network(
            target.label, session=None, proxy=None, tls=ssl, trust_env=trust_env
        )
        check_flag(include_emails, "include_emails")
        self._settings = _Settings(target, network, keys, format, include_emails)

    @property
    def signed(self) -> bool:
        """Whether requests are signed."""
        return bool(self._settings.keys)

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["Connection", None]:
        """Return a connection that is closed with the block."""
        proxied = self._settings.network.proxy is not None
        async with aiohttp.ClientSession(
            connector=None if proxied else CheckedConnector(self._settings.target),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            auto_decompress=False,
            read_bufsize=MAX_RESPONSE,
        ) as session:
            yield Connection(self._settings, session)

    def delivery(
        self,
        senders: Sequence[EventSender],
        *,
        store: Store,
        name: str = "default",
        shared: bool = False,
        clock: Clock | None = None,
    ) -> AbstractAsyncContextManager[EventDelivery]:
        """Return a delivery to several senders; :meth:`Watcher.deliver` calls it.

        Args:
            senders: The senders of all endpoints, this one among them.
            store: The store of the outbox.
            name: Name of the watch in the store.
            shared: Whether other processes add events to the same outbox.
            clock: The source of monotonic time; ``None`` for that of the system.

        Returns:
            The delivery, which runs in its block.

        Raises:
            ValueError: Two senders have one endpoint, or ``name`` is not valid.
            TypeError: A sender is of another class, or an argument has the wrong type.
        """
        from arena_groups.webhooks.delivery import Delivery  # noqa: PLC0415 - it imports this module

        given = cast("Sequence[WebhookSender]", senders)
        return Delivery(given, store=store, name=name, shared=shared, clock=clock)

    def __repr__(self) -> str:
        return f"WebhookSender({self.target!r}, format={self.format!r})"


class Connection:
    """Open HTTP session of a sender."""

    def __init__(self, settings: _Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def send(self, events: Sequence[WatchEvent], now: float | None = None) -> Attempt:
        """Send events in one request, and return the result; no failure of it is raised.

        Args:
            events: The events, as many as the format takes.
            now: The present Unix time; ``None`` for that of the system.
        """
        now = time.time() if now is None else now
        message = self._settings.message(events, now)
        try:
            response = await self._post(message)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Attempt(failure=_cause(error))
        async with response:
            # So that the connection can be used again; a longer response closes it.
            with suppress(aiohttp.ClientError, OSError):
                await response.content.read(MAX_RESPONSE)
        retry_after = parse_retry_after(response.headers.get("Retry-After"), now)
        return Attempt(response.status, _failure(response.status), retry_after)

    async def _post(self, message: _Message) -> aiohttp.ClientResponse:
        """Send a request, and return its response once its headers are there."""
        proxy, tls = self._settings.network.proxy, self._settings.network.tls
        return await self._session.post(
            self._settings.target.url.reveal(),
            data=message.body,
            headers=message.headers,
            allow_redirects=False,
            ssl=True if tls is None else tls,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.headers,
        )


def _cause(error: Exception) -> str:
    """Return why there was no response, in plain words, without a part of the URL."""
    if isinstance(error.__cause__, TargetRefusedError):
        error = error.__cause__
    known = next((text for kind, text in CAUSES if isinstance(error, kind)), None)
    if known is None:
        return "its response is not valid HTTP"
    number = getattr(error, "errno", None)
    return f"{known} ({os.strerror(number)})" if known == NO_CONNECTION and number else known


def _failure(status: int) -> str:
    """Return why a status is a failure, or nothing for success."""
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"a redirect ({status}), which is not followed: use the URL it leads to"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


set_public_module(globals(), ["WebhookSender"], "arena_groups.webhooks")
