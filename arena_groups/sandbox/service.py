"""Request handling: authentication, rate limit, faults, dispatch and the response."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from urllib.parse import parse_qsl

import attrs
from aiohttp import HttpVersion11, http_exceptions, web

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.control_request import is_control_path
from arena_groups.sandbox.control_views import request_view
from arena_groups.sandbox.entities import (
    CredentialRecord,
    LogEntry,
    RecordedRequest,
    RequestLog,
    UserRecord,
)
from arena_groups.sandbox.event_feed import EventFeed
from arena_groups.sandbox.faults.base import FaultContext, MiddlewareFault
from arena_groups.sandbox.faults.registry import FaultRegistry, FaultRunner, InjectedFault
from arena_groups.sandbox.hosts import HostNames, authority_of
from arena_groups.sandbox.operations import OperationCall
from arena_groups.sandbox.origins import AllowedOrigins
from arena_groups.sandbox.permissions import RateLimitStatus, SandboxRateLimiter
from arena_groups.sandbox.rendering import JSONRenderer
from arena_groups.sandbox.responses import (
    ApiError,
    ResponseContext,
    SandboxResponse,
    dropped,
    forbidden,
    internal_error,
    invalid_field,
    method_not_allowed,
    rate_limit_exceeded,
    serialize_response,
    too_large,
    unauthorized,
    unreadable_request,
)
from arena_groups.sandbox.routes import (
    EVERY_OPERATION,
    OperationSpec,
    RouteMatch,
    find_route,
)
from arena_groups.sandbox.server_protocol import (
    ClientConnection,
    ClientGoneError,
    SerializedResponse,
    to_response,
)

logger = logging.getLogger(__name__)

# aiohttp 3.10 only has the more general exception.
_BadMethod: type[Exception] = getattr(
    http_exceptions, "BadHttpMethod", http_exceptions.BadStatusLine
)
_SERVED_METHODS = frozenset({"HEAD", *(each.method for each in EVERY_OPERATION)})


@attrs.frozen
class RequestIdentity:
    """The sender of a request: the user behind a token, or a guest.

    Requests are counted by `quota_key`; `known` is False for an unknown token.
    """

    quota_key: str = attrs.field(repr=False)
    user: UserRecord | None = None
    credential: CredentialRecord | None = None
    known: bool = True


def guest(request: web.BaseRequest) -> RequestIdentity:
    """Return the identity of a client without a token, counted by its address."""
    return RequestIdentity(f"guest {request.remote}")


def identify(backend: Backend, request: web.BaseRequest) -> RequestIdentity:
    """Return the identity behind the token. An unknown token gives a guest."""
    authorization = request.headers.get("Authorization", "").strip()
    if not authorization:
        return guest(request)
    scheme, _, token = authorization.partition(" ")
    credential = backend.credentials.get(token.strip())
    if scheme.lower() != "bearer" or credential is None:
        return attrs.evolve(guest(request), known=False)
    user = backend.users[credential.user_id]
    return RequestIdentity(f"token {token.strip()}", user, credential)


def count(rate_limiter: SandboxRateLimiter, identity: RequestIdentity) -> RateLimitStatus:
    """Count one request of the identity."""
    user, credential = identity.user, identity.credential
    if user is None or credential is None:
        return rate_limiter.count(identity.quota_key, "guest")
    return rate_limiter.count(identity.quota_key, user.tier, exhausted=credential.exhausted)


def authorise(operation: OperationSpec, identity: RequestIdentity) -> None:
    """Raise the 401 or 403 of a caller who may not call the operation."""
    if operation.any_token:
        return
    if not identity.known:
        raise unauthorized("The token is not valid.")
    if identity.credential is None and not operation.guests:
        raise unauthorized("You need to be signed in to do this.")
    if operation.writes and identity.credential is not None and not identity.credential.write:
        raise forbidden("The token has the read scope only. This operation needs the write scope.")


@attrs.define(eq=False)
class RequestBody:
    """The body of a request, read at most once."""

    _request: web.BaseRequest = attrs.field(repr=False)
    _read: bytes | ApiError | None = attrs.field(default=None, init=False, repr=False)

    async def read(self) -> bytes:
        """Return the whole body. Raises `ApiError` if it is too large or incomplete."""
        if self._read is None:
            self._read = await self._receive()
        if isinstance(self._read, ApiError):
            raise self._read
        return self._read

    async def drain(self) -> None:
        """Read the body and ignore its errors."""
        with suppress(ApiError):
            await self.read()

    async def _receive(self) -> bytes | ApiError:
        try:
            await self._send_continue()
            return await self._request.read()
        except web.HTTPRequestEntityTooLarge:
            return too_large()
        except (web.RequestPayloadError, ConnectionError):
            return invalid_field("body", "must be complete, in the declared encoding")

    async def _send_continue(self) -> None:
        """Send 100 Continue to a client that expects it."""
        request = self._request
        expected = request.headers.get("Expect", "").lower()
        if expected == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # Otherwise aiohttp counts it as the beginning of the response.
            request.writer.output_size = 0


@attrs.frozen
class RequestContext:
    """A request with its sender, route and log entry. `route` is the error of an unknown path."""

    request: web.BaseRequest = attrs.field(repr=False)
    route: RouteMatch | ApiError
    identity: RequestIdentity
    rate_limit: RateLimitStatus
    entry: LogEntry
    fault_runner: FaultRunner
    body: RequestBody
    connection: ClientConnection = attrs.field(repr=False)


def route_of(request: web.BaseRequest) -> RouteMatch | ApiError:
    """Return the route of a request, or the error of an unknown one."""
    try:
        return find_route(request.method, request.rel_url.raw_path)
    except ApiError as error:
        return error


def query_of(request: web.BaseRequest) -> Mapping[str, str]:
    """Return the query parameters of a request; of repeated ones, the last."""
    return dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))


@attrs.frozen
class SandboxService:
    """Processor of all requests to one backend, if they name one of the `hosts`.

    Pages of other sites may write if the `origins` allow them.
    `base_url` returns the URL of the sandbox, `events` is the feed of what happens, and `control`
    answers what is below `/__sandbox__/`.
    """

    backend: Backend
    rate_limiter: SandboxRateLimiter
    request_log: RequestLog
    faults: FaultRegistry
    hosts: HostNames
    origins: AllowedOrigins
    base_url: Callable[[], str]
    events: EventFeed
    control: Callable[[web.BaseRequest, ClientConnection], Awaitable[web.StreamResponse]]
    failures: list[BaseException] = attrs.field(factory=list[BaseException], init=False, repr=False)
    _in_progress: dict[int, ClientConnection] = attrs.field(
        factory=dict[int, ClientConnection], init=False, repr=False
    )

    def drop_requests(self) -> None:
        """Answer the requests in progress with a 503, without executing their operations."""
        connections = tuple(self._in_progress.values())
        self._in_progress.clear()
        for connection in connections:
            connection.end_waits()

    async def respond(
        self, request: web.BaseRequest, connection: ClientConnection
    ) -> web.StreamResponse:
        """Answer a request: count and log it, apply the faults, run the operation, respond.

        A request for another host is answered, but neither logged nor open to faults. So is one to
        the control surface.
        """
        if is_control_path(request.rel_url.raw_path):
            return await self.control(request, connection)
        try:
            self.hosts.check(request)
            preflight = self.origins.answer_preflight(request, control=False)
            if preflight is not None:
                return to_response(preflight)
            self.hosts.check_origin(request, partial(self.origins.allow, control=False))
        except ApiError as error:
            return self._reject(request, error)
        context = self._context_of(request, connection)
        number = context.entry.record.number
        self._in_progress[number] = connection
        try:
            serialized = await self._run_middleware(tuple(self.faults), context)
            serialized = context.fault_runner.transform_body(serialized)
            serialized = self._with_headers(serialized, request)
            context.entry.mark_answered(serialized.status)
            self._finish(context.entry)
            return await serialized.writer(serialized, connection)
        except (ClientGoneError, ConnectionError):
            if number not in self._in_progress and not request.writer.output_size:
                return self._answer_dropped(context)
            connection.reset()
            return web.Response()
        finally:
            self._in_progress.pop(number, None)
            self._finish(context.entry)

    def _answer_dropped(self, context: RequestContext) -> web.Response:
        # Not a reset of the connection: clients repeat some requests after one on their own.
        serialized = serialize_response(dropped().response, _response_context(context))
        response = to_response(self._with_headers(serialized, context.request))
        response.force_close()
        return response

    def respond_to_invalid(
        self, request: web.BaseRequest, error: BaseException | None
    ) -> web.Response:
        """Answer bytes that are not a request, or a request that raised an error."""
        return self._reject(request, self._error_for(error))

    def _error_for(self, error: BaseException | None) -> ApiError:
        if isinstance(error, _BadMethod):
            return method_not_allowed(_SERVED_METHODS)
        if isinstance(error, http_exceptions.HttpProcessingError):
            return unreadable_request()
        return self._internal_error(error)

    def _internal_error(self, error: BaseException | None) -> ApiError:
        logger.error("The sandbox failed to answer a request", exc_info=error)
        if error is not None:
            self.failures.append(error)
        return internal_error()

    def _reject(self, request: web.BaseRequest, error: ApiError) -> web.Response:
        rate_limit = count(self.rate_limiter, guest(request))
        serialized = serialize_response(error.response, ResponseContext(rate_limit=rate_limit))
        return to_response(self._with_headers(serialized, request))

    def _context_of(self, request: web.BaseRequest, connection: ClientConnection) -> RequestContext:
        route, identity = route_of(request), identify(self.backend, request)
        entry = self.request_log.add(
            RecordedRequest(
                request.method,
                request.rel_url.raw_path,
                query_of(request),
                operation=route.operation.name if isinstance(route, RouteMatch) else None,
                received_at=self._now(),
            )
        )
        self.events.publish("request", partial(request_view, entry))
        return RequestContext(
            request=request,
            route=route,
            identity=identity,
            rate_limit=count(self.rate_limiter, identity),
            entry=entry,
            fault_runner=FaultRunner(self.faults, entry),
            body=RequestBody(request),
            connection=connection,
        )

    def _finish(self, entry: LogEntry) -> None:
        if not entry.finished:
            entry.finished = True
            self.events.publish("request", partial(request_view, entry))

    def _publish_change(self, action: str) -> None:
        self.events.publish("change", lambda: {"action": action})

    async def _run_middleware(
        self, faults: Sequence[InjectedFault], context: RequestContext
    ) -> SerializedResponse:
        """Return the response, passed through the remaining middleware faults in order."""
        serialize = partial(serialize_response, response_context=_response_context(context))
        for position, injected in enumerate(faults, start=1):
            fault = injected.fault
            if isinstance(fault, MiddlewareFault) and context.fault_runner.applies(injected):
                # A middleware fault acts on a request that has been read completely.
                await context.body.drain()
                call_next = partial(self._run_middleware, faults[position:], context)
                return await fault.handle(
                    FaultContext(
                        context.rate_limit, self._now(), call_next, serialize, context.connection
                    )
                )
        return serialize(await self._api_response(context))

    async def _api_response(self, context: RequestContext) -> SandboxResponse:
        try:
            return await self._execute(context, _authorised_route(context))
        except ApiError as error:
            return error.response
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - answered, logged and kept
            return self._internal_error(error).response

    async def _execute(self, context: RequestContext, route: RouteMatch) -> SandboxResponse:
        body = await context.body.read() if route.operation.takes_body else b""
        if context.entry.record.number not in self._in_progress:
            raise ClientGoneError
        call = OperationCall(
            backend=self.backend,
            renderer=JSONRenderer(
                self.backend, self._origin(context.request), context.identity.user
            ),
            caller=context.identity.user,
            path=route.path,
            query=query_of(context.request),
            raw_query=context.request.rel_url.raw_query_string,
            cookies=context.request.cookies,
            content_type=context.request.content_type,
            body=body,
        )
        group = self.backend.find_group(route.group or "")
        if context.fault_runner.mutate(self.backend, group):
            self._publish_change("faults")
        response = route.operation.handler(call)
        context.entry.mark_executed()
        if route.operation.writes:
            self._publish_change(route.operation.name)

        def fetch_page(number: int) -> SandboxResponse:
            query = {**call.query, "page": str(number)}
            return route.operation.handler(attrs.evolve(call, query=query))

        return context.fault_runner.transform_page(response, fetch_page)

    def _origin(self, request: web.BaseRequest) -> str:
        """Return the base of links: the host that the request names, else the own URL."""
        authority = authority_of(request)
        return self.base_url() if authority is None else f"http://{authority}"

    def _with_headers(
        self, serialized: SerializedResponse, request: web.BaseRequest
    ) -> SerializedResponse:
        """Return the response with a `Date` in the sandbox's time, and what a browser needs."""
        date = format_datetime(self._now(), usegmt=True)
        allowed = self.origins.headers(request, control=False)
        return attrs.evolve(serialized, headers={"Date": date, **serialized.headers, **allowed})

    def _now(self) -> datetime:
        return self.backend.clock.now()


def _authorised_route(context: RequestContext) -> RouteMatch:
    """Return the route. Raises the error of a caller who is over the limit or not permitted."""
    if context.rate_limit.exceeded:
        raise rate_limit_exceeded(context.rate_limit)
    if isinstance(context.route, ApiError):
        raise context.route
    authorise(context.route.operation, context.identity)
    return context.route


def _response_context(context: RequestContext) -> ResponseContext:
    request = context.request
    return ResponseContext(
        method=request.method,
        if_none_match=", ".join(request.headers.getall("If-None-Match", [])),
        signed_in=context.identity.user is not None,
        rate_limit=context.rate_limit,
    )
