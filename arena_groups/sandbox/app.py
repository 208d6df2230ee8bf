"""What becomes of a request: every one passes through `Service.respond`."""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from email.utils import format_datetime
from functools import partial

import attrs
from aiohttp import http_exceptions, web

from arena_groups.sandbox.access import authorise, count, guest, identify
from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.delivery import Message, to_response
from arena_groups.sandbox.faults.base import Detour, Exchange
from arena_groups.sandbox.faults.registry import Faults, InjectedFault
from arena_groups.sandbox.faults.strikes import Strikes
from arena_groups.sandbox.journal import Entry, Journal, RecordedRequest
from arena_groups.sandbox.operations import Call
from arena_groups.sandbox.quota import Quota
from arena_groups.sandbox.refusals import (
    RefusedError,
    method_not_allowed,
    our_fault,
    over_quota,
    unreadable,
)
from arena_groups.sandbox.render import Renderer
from arena_groups.sandbox.responses import Envelope, to_message
from arena_groups.sandbox.routing import EVERY_OPERATION, Route
from arena_groups.sandbox.state import World
from arena_groups.sandbox.visit import Upload, Visit, query_of, route_of
from arena_groups.sandbox.wire import GoneError, Line

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
    faults: Faults
    base_url: Callable[[], str]

    async def respond(self, request: web.BaseRequest, line: Line) -> web.StreamResponse:
        """The one way through: who, how many, the record, the faults, the answer, its headers."""
        visit = self._visit(request, line)
        try:
            message = await self._through(tuple(self.faults), visit)
            message = self._dated(visit.strikes.spoil(message))
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
            if isinstance(detour, Detour) and visit.strikes.detour(injected):
                # Whatever happens now, happens to a request that was read.
                await visit.upload.settle()
                proceed = partial(self._through, faults[position:], visit)
                return await detour.handle(
                    Exchange(visit.standing, self._now(), proceed, compose, visit.line)
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
        visit.strikes.disturb(self.world, self.world.find_group(route.group or ""))
        answer = route.operation.handler(call)
        visit.entry.took_effect()

        def other_page(number: int) -> Answer:
            query = {**call.query, "page": str(number)}
            return route.operation.handler(attrs.evolve(call, query=query))

        return visit.strikes.rewrite(answer, other_page)

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
