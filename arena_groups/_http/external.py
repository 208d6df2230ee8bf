"""External aiohttp sessions: requests through a session of the caller, which stays as it is."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from arena_groups._http.failures import PROGRESS, RepeatedRequestError
from arena_groups.errors import ClientStateError

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["BorrowedSession"]

# Attributes of aiohttp sessions that have another value in a copy.
REPLACED: Final = frozenset(
    {
        "_base_url",
        "_connector",
        "_default_auth",
        "_default_headers",
        "_request_class",
        "_retry_connection",
        "_trace_configs",
    }
)


class BorrowedSession:
    """An external session, as the client uses it.

    Each request goes through a copy of the session, which shares everything with it: connections,
    cookies, headers, middlewares, traces. The copy differs where the session would break a
    guarantee and has no switch for single requests: it never sends a request twice, takes no
    ``Authorization`` but ours, and, if ``fresh``, reuses no connection.
    """

    def __init__(self, external: aiohttp.ClientSession, *, fresh: bool) -> None:
        missing = REPLACED - vars(external).keys()
        if missing:  # replacing what is not there would change nothing
            raise TypeError(
                f"session= cannot be used with aiohttp {aiohttp.__version__}: "
                f"its sessions have no {', '.join(sorted(missing))}"
            )
        self._external = external
        self._fresh = fresh

    @property
    def closed(self) -> bool:
        """Whether the session is closed."""
        return self._external.closed

    @property
    def trust_env(self) -> bool:
        """Whether the session takes its proxy from the environment."""
        return self._external.trust_env

    async def request(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        **options: Any,  # noqa: ANN401 - those of aiohttp
    ) -> aiohttp.ClientResponse:
        """Send a request, as ``aiohttp.ClientSession.request`` does.

        Raises :class:`ClientStateError` if the session is closed or of another event loop.
        """
        external = self._external
        if external.closed or external.connector is None:
            raise ClientStateError("the external aiohttp session is closed")
        loop = asyncio.get_running_loop()
        if getattr(external, "_loop", loop) is not loop:
            raise ClientStateError("the external aiohttp session belongs to another event loop")
        connector = BorrowedConnector(external.connector)
        traces: list[object] = [BorrowedTrace(each, external) for each in external.trace_configs]
        if self._fresh:
            traces.append(connector.trace_reuse())
        session = copy.copy(external)
        vars(session).update(
            _connector=connector,
            _retry_connection=False,
            _trace_configs=traces,
            _base_url=None,  # aiohttp 3.11 takes no absolute URL beside it
            _default_auth=None,
            _default_headers=_without_authorization(external.headers),
            _request_class=_request_maker(external, url, headers),
        )
        sending = session.request(method, url, **options)
        del headers, url, options  # the frame of a request in flight must hold no secret
        try:
            return await sending
        finally:
            session.detach()  # a copy that is not closed warns when it is collected


class BorrowedConnector:
    """The connector of an external session, for one request.

    It records the progress of the request, and lets it be sent only once: aiohttp asks for a
    connection each time, and a middleware may ask again.
    """

    def __init__(self, connector: aiohttp.BaseConnector) -> None:
        self._connector = connector
        self._reused = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._connector, name)

    def trace_reuse(self) -> aiohttp.TraceConfig:
        """Return a trace that reports reused connections, which this connector then discards."""
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(self._record_reuse)
        trace.freeze()
        return trace

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature of aiohttp
    ) -> Connection:
        """Return a connection for the request of the running task.

        Raises :class:`RepeatedRequestError` if the request has had one.
        """
        progress = PROGRESS.get()
        if progress.connected:
            raise RepeatedRequestError
        progress.started = True
        connection = await self._connector.connect(req, traces, timeout)
        while self._reused:
            connection.close()
            self._reused = False
            connection = await self._connector.connect(req, traces, timeout)
        progress.connected = True
        return connection

    async def _record_reuse(self, _: object, __: SimpleNamespace, ___: object) -> None:
        self._reused = True


class BorrowedTrace:
    """A trace configuration of an external session, whose functions get that session.

    What they send through the copy would be taken for the request of the client.
    """

    def __init__(self, config: aiohttp.TraceConfig, external: aiohttp.ClientSession) -> None:
        self._config = config
        self._external = external

    def __getattr__(self, name: str) -> object:
        value: object = getattr(self._config, name)
        send: Callable[..., object] | None = getattr(value, "send", None)
        if send is None:
            return value

        def send_from_external(_: object, *arguments: object) -> object:
            return send(self._external, *arguments)

        return SimpleNamespace(send=send_from_external)


def _request_maker(
    external: aiohttp.ClientSession, target: URL, ours: Mapping[str, str]
) -> Callable[..., aiohttp.ClientRequest]:
    """Return what makes the requests of a copied session: with our headers, and no other login.

    Otherwise aiohttp adds the credentials of the session or of ``~/.netrc``, or refuses to. What a
    subclass sends to another server gets no header of ours.
    """
    request_class: type[aiohttp.ClientRequest] = vars(external)["_request_class"]

    def make(method: str, url: URL, **options: object) -> aiohttp.ClientRequest:
        progress, proxy = PROGRESS.get(), options["proxy"]
        progress.made = True
        if isinstance(proxy, URL):
            _check_proxy(proxy)
            progress.proxy, progress.proxy_setting = proxy.with_user(None), "the aiohttp session"
        headers = CIMultiDict(cast("Mapping[str, str]", options["headers"]))
        if url.origin() == target.origin():
            headers.update(ours)
        options |= {"session": external, "headers": headers, "auth": None, "trust_env": False}
        return cast("Callable[..., aiohttp.ClientRequest]", request_class)(method, url, **options)

    return make


def _check_proxy(proxy: URL) -> None:
    """Raise ``InvalidURL`` for a proxy that aiohttp would take for an HTTP proxy, or for none."""
    if proxy.scheme not in {"http", "https"} or not proxy.host or not proxy.port:
        raise aiohttp.InvalidURL("of the proxy")  # without its password


def _without_authorization(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    kept.popall("Authorization", None)
    return kept
