"""Request handling: authentication, dispatch, faults and the response."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from urllib.parse import parse_qsl

import attrs
from aiohttp import HttpVersion11, http_exceptions, web

from arena_groups.sandbox.backend import World
from arena_groups.sandbox.entities import Credential, Entry, Journal, Person, RecordedRequest
from arena_groups.sandbox.faults.base import FaultContext, MiddlewareFault
from arena_groups.sandbox.faults.registry import FaultRegistry, InjectedFault, Strikes
from arena_groups.sandbox.permissions import Quota, Standing
from arena_groups.sandbox.rendering import Renderer
from arena_groups.sandbox.responses import (
    Answer,
    Envelope,
    RefusedError,
    bad_body,
    forbidden,
    method_not_allowed,
    our_fault,
    over_quota,
    to_message,
    too_large,
    unauthorized,
    unreadable,
)
from arena_groups.sandbox.routes import EVERY_OPERATION, Call, Operation, Route, find_route
from arena_groups.sandbox.server_protocol import GoneError, Line, Message, to_response


@attrs.frozen
class Identity:
    """Who sent a request: the person behind a token, or a guest.

    `quota_key` is what requests are counted by; `known` is false for a token nobody has.
    """

    quota_key: str = attrs.field(repr=False)
    person: Person | None = None
    credential: Credential | None = None
    known: bool = True


def guest(request: web.BaseRequest) -> Identity:
    """Somebody without a token, counted by address."""
    return Identity(f"guest {request.remote}")


def identify(world: World, request: web.BaseRequest) -> Identity:
    """Whom the token stands for. A token nobody has leaves a guest."""
    authorization = request.headers.get("Authorization", "").strip()
    if not authorization:
        return guest(request)
    scheme, _, token = authorization.partition(" ")
    credential = world.credentials.get(token.strip())
    if scheme.lower() != "bearer" or credential is None:
        return attrs.evolve(guest(request), known=False)
    person = world.people[credential.user_id]
    return Identity(f"token {token.strip()}", person, credential)


def count(quota: Quota, identity: Identity) -> Standing:
    """Count one request of theirs."""
    person, credential = identity.person, identity.credential
    if person is None or credential is None:
        return quota.count(identity.quota_key, "guest")
    return quota.count(identity.quota_key, person.tier, spent=credential.spent)


def authorise(operation: Operation, identity: Identity) -> None:
    """Raises the 401 or 403 of whoever may not call the operation."""
    if operation.any_token:
        return
    if not identity.known:
        raise unauthorized("The token is not valid.")
    if identity.credential is None and not operation.guests:
        raise unauthorized("You need to be signed in to do this.")
    if operation.writes and identity.credential is not None and not identity.credential.write:
        raise forbidden("The token may only read. This needs one with the write scope.")


@attrs.define(eq=False)
class Upload:
    """A request's body, read at most once."""

    _request: web.BaseRequest = attrs.field(repr=False)
    _read: bytes | RefusedError | None = attrs.field(default=None, init=False, repr=False)

    async def content(self) -> bytes:
        """The whole body. Raises the refusal of one that is too large, or does not arrive."""
        if self._read is None:
            self._read = await self._receive()
        if isinstance(self._read, RefusedError):
            raise self._read
        return self._read

    async def settle(self) -> None:
        """Take in the body, whatever it is."""
        with suppress(RefusedError):
            await self.content()

    async def _receive(self) -> bytes | RefusedError:
        try:
            await self._invite()
            return await self._request.read()
        except web.HTTPRequestEntityTooLarge:
            return too_large()
        except (web.RequestPayloadError, ConnectionError):
            return bad_body("body", "must be sent whole, in the encoding it claims")

    async def _invite(self) -> None:
        """Tell a client who asked first to go on and send the body."""
        request = self._request
        expected = request.headers.get("Expect", "").lower()
        if expected == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # Otherwise aiohttp takes it for the beginning of the answer.
            request.writer.output_size = 0


@attrs.frozen
class Visit:
    """A request, who sent it, and where it leads. `route` may be the refusal that it is nowhere."""

    request: web.BaseRequest = attrs.field(repr=False)
    route: Route | RefusedError
    identity: Identity
    standing: Standing
    entry: Entry
    strikes: Strikes
    upload: Upload
    line: Line = attrs.field(repr=False)


def route_of(request: web.BaseRequest) -> Route | RefusedError:
    """The route of a request, or why there is none."""
    try:
        return find_route(request.method, request.rel_url.raw_path)
    except RefusedError as refusal:
        return refusal


def query_of(request: web.BaseRequest) -> Mapping[str, str]:
    """The parameters of a request's URL; of those given twice, the last."""
    return dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))


logger = logging.getLogger(__name__)

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
# aiohttp 3.10 has only the more general one.
_BadMethod: type[Exception] = getattr(
    http_exceptions, "BadHttpMethod", http_exceptions.BadStatusLine
)
_METHODS = frozenset({"HEAD", *(each.method for each in EVERY_OPERATION)})


@attrs.frozen
class Service:
    """Answers requests about one world. `base_url` is where the sandbox itself listens."""

    world: World
    quota: Quota
    journal: Journal
    faults: FaultRegistry
    base_url: Callable[[], str]

    async def respond(self, request: web.BaseRequest, line: Line) -> web.StreamResponse:
        """The one way through: who, how many, the record, the faults, the answer, its headers."""
        visit = self._visit(request, line)
        try:
            message = await self._through(tuple(self.faults), visit)
            message = self._dated(visit.strikes.transform(message))
            visit.entry.answered(message.status)
            return await message.deliver(message, line)
        except (GoneError, ConnectionError):
            line.reset()
            return web.Response()

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.Response:
        """The answer to what is no request, or to one that the sandbox failed to answer."""
        standing = count(self.quota, guest(request))
        message = to_message(_why_refused(error).answer, Envelope(standing=standing))
        return to_response(self._dated(message))

    def _visit(self, request: web.BaseRequest, line: Line) -> Visit:
        route, identity = route_of(request), identify(self.world, request)
        entry = Entry(
            RecordedRequest(
                request.method,
                request.rel_url.raw_path,
                query_of(request),
                operation=route.operation.name if isinstance(route, Route) else None,
            )
        )
        self.journal.append(entry)
        return Visit(
            request=request,
            route=route,
            identity=identity,
            standing=count(self.quota, identity),
            entry=entry,
            strikes=Strikes(self.faults, entry),
            upload=Upload(request),
            line=line,
        )

    async def _through(self, faults: Sequence[InjectedFault], visit: Visit) -> Message:
        """The answer, by way of the first of these faults that is a detour, and so on."""
        compose = partial(to_message, envelope=_envelope(visit))
        for position, injected in enumerate(faults, start=1):
            detour = injected.fault
            if isinstance(detour, MiddlewareFault) and visit.strikes.detour(injected):
                # Whatever happens now, happens to a request that was read.
                await visit.upload.settle()
                call_next = partial(self._through, faults[position:], visit)
                return await detour.handle(
                    FaultContext(visit.standing, self._now(), call_next, compose, visit.line)
                )
        return compose(await self._answer(visit))

    async def _answer(self, visit: Visit) -> Answer:
        try:
            return await self._operate(visit, _open_route(visit))
        except RefusedError as refusal:
            return refusal.answer
        except Exception:
            logger.exception("The sandbox failed to answer a request")
            return our_fault().answer

    async def _operate(self, visit: Visit, route: Route) -> Answer:
        body = await visit.upload.content() if route.operation.takes_body else b""
        call = Call(
            world=self.world,
            renderer=Renderer(self.world, self._origin(visit.request), visit.identity.person),
            caller=visit.identity.person,
            path=route.path,
            query=query_of(visit.request),
            content_type=visit.request.content_type,
            body=body,
        )
        visit.strikes.mutate(self.world, self.world.find_group(route.group or ""))
        answer = route.operation.handler(call)
        visit.entry.executed()

        def other_page(number: int) -> Answer:
            query = {**call.query, "page": str(number)}
            return route.operation.handler(attrs.evolve(call, query=query))

        return visit.strikes.transform_page(answer, other_page)

    def _origin(self, request: web.BaseRequest) -> str:
        """Where links lead: the host that the caller asked for, if that is a host at all."""
        host = request.headers.get("Host", "")
        return f"http://{host}" if _HOST.fullmatch(host) else self.base_url()

    def _dated(self, message: Message) -> Message:
        """The message with the sandbox's own time, which its quota goes by."""
        date = format_datetime(self._now(), usegmt=True)
        return attrs.evolve(message, headers={"Date": date, **message.headers})

    def _now(self) -> datetime:
        return self.world.clock.now()


def _open_route(visit: Visit) -> Route:
    """Where the request leads. Raises the refusal of one that leads nowhere, or may not pass."""
    if visit.standing.exceeded:
        raise over_quota(visit.standing)
    if isinstance(visit.route, RefusedError):
        raise visit.route
    authorise(visit.route.operation, visit.identity)
    return visit.route


def _envelope(visit: Visit) -> Envelope:
    request = visit.request
    return Envelope(
        method=request.method,
        if_none_match=", ".join(request.headers.getall("If-None-Match", [])),
        signed_in=visit.identity.person is not None,
        standing=visit.standing,
    )


def _why_refused(error: BaseException | None) -> RefusedError:
    if isinstance(error, _BadMethod):
        return method_not_allowed(_METHODS)
    if isinstance(error, http_exceptions.HttpProcessingError):
        return unreadable()
    logger.error("The sandbox failed to answer a request", exc_info=error)
    return our_fault()
