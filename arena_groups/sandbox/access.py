"""Who sends a request, and whether they may."""

import attrs
from aiohttp import web

from arena_groups.sandbox.entities import Credential, Person
from arena_groups.sandbox.operations import Operation
from arena_groups.sandbox.quota import Quota, Standing
from arena_groups.sandbox.refusals import forbidden, unauthorized
from arena_groups.sandbox.state import World


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
