"""The web application: every request passes through `Service.respond`."""

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import attrs
from aiohttp import web
from aiohttp.typedefs import Handler

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.entities import Credential, Person
from arena_groups.sandbox.journal import Journal, RecordedRequest
from arena_groups.sandbox.operations import Call, Operation
from arena_groups.sandbox.quota import Quota, Standing
from arena_groups.sandbox.refusals import (
    RefusedError,
    bad_body,
    forbidden,
    our_fault,
    over_quota,
    too_large,
    unauthorized,
)
from arena_groups.sandbox.render import Renderer
from arena_groups.sandbox.responses import Envelope, to_response
from arena_groups.sandbox.routing import find_route
from arena_groups.sandbox.state import World

logger = logging.getLogger(__name__)

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


@attrs.frozen
class Identity:
    """Who sent a request: the person behind a token, or a guest.

    `quota_key` is what requests are counted by; `known` is false for a token nobody has.
    """

    quota_key: str = attrs.field(repr=False)
    person: Person | None = None
    credential: Credential | None = None
    known: bool = True


@attrs.frozen
class Service:
    """Answers requests about one world. `base_url` is where the sandbox itself listens."""

    world: World
    quota: Quota
    journal: Journal
    base_url: Callable[[], str]

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """The one way through: who, how many, the answer, its headers, the record."""
        identity = self._identify(request)
        standing = self._count(identity)
        answer = await self._answer(request, identity, standing)
        envelope = Envelope(
            method=request.method,
            if_none_match=", ".join(request.headers.getall("If-None-Match", [])),
            request_id=str(uuid.uuid4()),
            signed_in=identity.person is not None,
            standing=standing,
        )
        response = to_response(answer, envelope)
        path, query = request.rel_url.raw_path, _query(request)
        self.journal.append(RecordedRequest(request.method, path, query, response.status))
        return response

    def _identify(self, request: web.Request) -> Identity:
        guest_key = f"guest {request.remote}"
        authorization = request.headers.get("Authorization", "").strip()
        if not authorization:
            return Identity(guest_key)
        scheme, _, token = authorization.partition(" ")
        credential = self.world.credentials.get(token.strip())
        if scheme.lower() != "bearer" or credential is None:
            return Identity(guest_key, known=False)
        person = self.world.people[credential.user_id]
        return Identity(f"token {token.strip()}", person, credential)

    def _count(self, identity: Identity) -> Standing:
        credential = identity.credential
        if credential is None:
            return self.quota.count(identity.quota_key, "guest")
        tier = self.world.people[credential.user_id].tier
        return self.quota.count(identity.quota_key, credential.tier or tier, spent=credential.spent)

    async def _answer(self, request: web.Request, identity: Identity, standing: Standing) -> Answer:
        try:
            route = find_route(request.method, request.rel_url.raw_path)
            if standing.exceeded:
                raise over_quota(standing)
            _authorise(route.operation, identity)
            call = Call(
                world=self.world,
                renderer=Renderer(self.world, self._origin(request), identity.person),
                caller=identity.person,
                path=route.path,
                query=_query(request),
                content_type=request.content_type,
                body=await _read(request) if route.operation.takes_body else b"",
            )
            return route.operation.handler(call)
        except RefusedError as refusal:
            return refusal.answer
        except Exception:
            logger.exception("The sandbox failed to answer a request")
            return our_fault().answer

    def _origin(self, request: web.Request) -> str:
        """Where links lead: the host that the caller asked for, if that is a host at all."""
        host = request.headers.get("Host", "")
        return f"http://{host}" if _HOST.fullmatch(host) else self.base_url()


def build_app(service: Service) -> web.Application:
    """An application that hands every request to the service.

    A middleware sees what no route could match: odd paths and unknown methods too.
    """

    @web.middleware
    async def every_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        del handler  # It would be aiohttp's own 404: there are no routes.
        return await service.respond(request)

    return web.Application(middlewares=[every_request])


def _authorise(operation: Operation, identity: Identity) -> None:
    if operation.any_token:
        return
    if not identity.known:
        raise unauthorized("The token is not valid.")
    if identity.credential is None and not operation.guests:
        raise unauthorized("You need to be signed in to do this.")
    if operation.writes and identity.credential is not None and not identity.credential.write:
        raise forbidden("The token may only read. This needs one with the write scope.")


def _query(request: web.Request) -> Mapping[str, str]:
    return dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None
    except (web.RequestPayloadError, ConnectionError):
        raise bad_body("body", "must be sent whole, in the encoding it claims") from None
