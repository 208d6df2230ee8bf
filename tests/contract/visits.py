"""A walk through the sandbox: every operation, every outcome that can be had."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from arena_groups.sandbox import Sandbox
from tests.contract.answers import body_of
from tests.contract.differences import Difference
from tests.contract.document import (
    JSON,
    Document,
    DocumentedOperation,
    DocumentError,
    as_list,
    as_object,
)
from tests.contract.malformed import (
    BROKEN_BODIES,
    accepted_queries,
    query_defaults,
    refused_bodies,
    refused_queries,
)
from tests.contract.visitor import GUEST, NOBODY, Places, Visitor

__all__ = ["visit_everything"]

NEWCOMER: Final = "newcomer"
STUDIO: Final = "research-studio"
PRIVATE: Final = "night-shift"
BARE: Final = "blank-page"
NOT_THERE: Final = "no-such-name"

GROUP: Final = "/v3/groups/{id}"
MEMBERS: Final = f"{GROUP}/members"
ME_IN_GROUP: Final = f"{MEMBERS}/me"
MEMBER: Final = f"{MEMBERS}/{{user_id}}"
INVITATIONS: Final = f"{GROUP}/invitations"
INVITATION: Final = f"{INVITATIONS}/{{invitation_id}}"
INVITE: Final = f"{GROUP}/invite"
CONTENTS: Final = f"{GROUP}/contents"
FOLLOWERS: Final = f"{GROUP}/followers"
USER_GROUPS: Final = "/v3/users/{id}/groups"
LISTS: Final = (MEMBERS, INVITATIONS, CONTENTS, FOLLOWERS)


async def visit_everything(
    visitor: Visitor, document: Document, operations: Sequence[DocumentedOperation]
) -> None:
    """Every operation in every way; one that leads nowhere does not end the others."""
    for operation in operations:
        await _as_far_as_possible(visitor, _refusals(visitor, operation))
        await _as_far_as_possible(visitor, _requests(visitor, document, operation))
        if operation.method == "GET":
            await _as_far_as_possible(visitor, _again(visitor, operation))
    for way in (_nowhere, _objects, _lists, _groups, _membership, _invitations, _invite_codes):
        await _as_far_as_possible(visitor, way(visitor))


async def _as_far_as_possible(visitor: Visitor, way: Awaitable[None]) -> None:
    try:
        await way
    except (DocumentError, LookupError, ValueError) as error:
        last = visitor.exchanges[-1] if visitor.exchanges else "the first request"
        visitor.differences.append(Difference(str(last), f"leads no further ({error!r})"))


async def _nowhere(visitor: Visitor) -> None:
    await visitor.ask(404, "GET", "/v3/nowhere", "owner")
    await visitor.ask(405, "PATCH", GROUP, "owner", {"id": STUDIO})


async def _objects(visitor: Visitor) -> None:
    for who in (GUEST, NOBODY, "owner", "read_only"):
        await visitor.ask(200, "GET", "/v3/ping", who)
    await visitor.ask(401, "GET", "/v3/me", GUEST)
    for who in ("owner", "member", "follower", "read_only", "stranger"):
        await visitor.ask(200, "GET", "/v3/me", who)
        await visitor.ask(200, "GET", GROUP, who, {"id": STUDIO})
    visitor.admit(NEWCOMER, visitor.sandbox.add_user("Zoë Nakamura"))
    await visitor.ask(200, "GET", "/v3/me", NEWCOMER)
    for slug, number in visitor.sandbox.groups.items():
        await visitor.ask(200, "GET", GROUP, "owner", {"id": slug})
        await visitor.ask(200, "GET", GROUP, "owner", {"id": number})
    await visitor.ask(403, "GET", GROUP, "stranger", {"id": PRIVATE})


async def _lists(visitor: Visitor) -> None:
    for path in LISTS:
        await _pages(visitor, path, "owner", STUDIO)
        await visitor.ask(403, "GET", path, "stranger", {"id": PRIVATE})
        await visitor.ask(200, "GET", path, "owner", {"id": BARE})
    for path in (MEMBERS, CONTENTS, FOLLOWERS):
        await _pages(visitor, path, GUEST, STUDIO)
    for user in (visitor.sandbox.users.owner, visitor.sandbox.users.stranger):
        for who in (GUEST, "owner"):
            await _pages(visitor, USER_GROUPS, who, user)


async def _pages(visitor: Visitor, path: str, who: str, name: str | int) -> None:
    """Every page of a list at the default size, one beyond, and a large one."""
    await visitor.ask(200, "GET", path, who, {"id": name}, query={"per": 100})
    number, more = 0, True
    while more:
        number += 1
        exchange = await visitor.ask(200, "GET", path, who, {"id": name}, query={"page": number})
        meta = as_object(as_object(body_of(exchange), path).get("meta"), path)
        more = meta["has_more_pages"] is True
    await visitor.ask(200, "GET", path, who, {"id": name}, query={"page": number + 1})


async def _groups(visitor: Visitor) -> None:
    made = await visitor.object(201, "POST", "/v3/groups", "owner", body={"name": "Tide Tables"})
    place = {"id": str(made["slug"])}
    await visitor.ask(403, "PUT", GROUP, "member", place, body={"name": "Mine"})
    await visitor.ask(200, "PUT", GROUP, "owner", place, body={"description": "On *tides*"})
    renamed = await visitor.object(200, "PUT", GROUP, "owner", place, body={"name": "Tides"})
    place = {"id": str(renamed["slug"])}
    await visitor.ask(200, "PUT", GROUP, "owner", place, body={"description": None})
    for name, value in (("name", " "), ("name", "nul\0"), ("avatar_url", "ftp://example.net/a")):
        body: JSON = {"name": "Tides", name: value}
        await visitor.ask(422, "POST", "/v3/groups", "owner", body=body)
        await visitor.ask(422, "PUT", GROUP, "owner", place, body=body)
    await _avatar(visitor, place)
    await visitor.ask(403, "DELETE", GROUP, "member", place)
    await visitor.ask(204, "DELETE", GROUP, "owner", place)
    await visitor.ask(404, "DELETE", GROUP, "owner", place)


async def _avatar(visitor: Visitor, place: Places) -> None:
    """A new image, before and after it has been fetched."""
    body: JSON = {"avatar_url": "https://images.example.net/tides.png"}
    await visitor.ask(200, "PUT", GROUP, "owner", place, body=body)
    visitor.sandbox.advance(60)
    await visitor.ask(200, "GET", GROUP, "owner", place)


async def _membership(visitor: Visitor) -> None:
    sandbox = visitor.sandbox
    place = {"id": sandbox.add_group("Members Only")}
    invite = await visitor.object(201, "POST", INVITE, "owner", place)
    body: JSON = {"invite_token": invite["code"]}
    await visitor.ask(403, "POST", MEMBERS, "member", place, body={"invite_token": "wrong"})
    await visitor.ask(403, "POST", MEMBERS, "member", place, body={})
    await visitor.ask(201, "POST", MEMBERS, "member", place, body=body)
    await visitor.ask(200, "POST", MEMBERS, "member", place, body=body)
    await visitor.ask(200, "POST", MEMBERS, "owner", place, body=body)
    await visitor.ask(204, "DELETE", ME_IN_GROUP, "member", place)
    await visitor.ask(204, "DELETE", ME_IN_GROUP, "member", place)
    await visitor.ask(201, "POST", MEMBERS, "member", place, body=body)
    member = {**place, "user_id": sandbox.users.member}
    await visitor.ask(403, "DELETE", MEMBER, "stranger", member)
    await visitor.ask(204, "DELETE", MEMBER, "owner", member)
    await visitor.ask(404, "DELETE", MEMBER, "owner", member)


async def _invitations(visitor: Visitor) -> None:
    sandbox = visitor.sandbox
    place = {"id": sandbox.add_group("Guest List")}
    by_id: JSON = {"user_id": sandbox.users.stranger}
    by_address: JSON = {"email": "nobody.yet@example.org"}
    follower: JSON = {"user_id": sandbox.users.follower}
    await visitor.ask(403, "POST", INVITATIONS, "stranger", place, body=by_id)
    await visitor.ask(404, "POST", INVITATIONS, "owner", place, body={"user_id": 987_654})
    for body in (by_id, by_address):
        await _invite(visitor, place, body, 201, "invited")
        await _invite(visitor, place, body, 200, "invitation_pending")
    await visitor.ask(422, "POST", INVITATIONS, "owner", place, body={"email": "ada@localhost"})
    visitor.sandbox.allow_inviting_new_addresses(sandbox.users.owner, allowed=False)
    await visitor.ask(403, "POST", INVITATIONS, "owner", place, body={"email": "new@example.org"})
    visitor.sandbox.allow_inviting_new_addresses(sandbox.users.owner)
    await _invite(visitor, place, follower, 201, "added")
    await _invite(visitor, place, follower, 200, "already_member")
    await _revocations(visitor, place)


async def _invite(visitor: Visitor, place: Places, body: JSON, status: int, expected: str) -> None:
    answer = await visitor.object(status, "POST", INVITATIONS, "owner", place, body=body)
    if answer.get("outcome") != expected:
        where = str(visitor.exchanges[-1])
        visitor.differences.append(Difference(where, f"the outcome is not {expected}"))


async def _revocations(visitor: Visitor, place: Places) -> None:
    listed = await visitor.object(200, "GET", INVITATIONS, "owner", place)
    pending = [as_object(each, "an invitation")["id"] for each in as_list(listed["data"], "data")]
    first, second = (int(str(each)) for each in pending)
    invitation = {**place, "invitation_id": first}
    await visitor.ask(403, "DELETE", INVITATION, "stranger", invitation)
    await visitor.ask(204, "DELETE", INVITATION, "owner", invitation)
    await visitor.ask(422, "DELETE", INVITATION, "owner", invitation)
    await visitor.ask(404, "DELETE", INVITATION, "owner", {**place, "invitation_id": 987_654})
    visitor.sandbox.decline_invitation(second)
    await visitor.ask(422, "DELETE", INVITATION, "owner", {**place, "invitation_id": second})


async def _invite_codes(visitor: Visitor) -> None:
    place = {"id": visitor.sandbox.add_group("Open Door")}
    await visitor.ask(404, "GET", INVITE, "owner", place)
    await visitor.ask(201, "POST", INVITE, "owner", place)
    await visitor.ask(200, "POST", INVITE, "owner", place)
    await visitor.ask(200, "GET", INVITE, "owner", place)
    for method in ("GET", "POST", "DELETE"):
        await visitor.ask(403, method, INVITE, "stranger", place)
    await visitor.ask(204, "DELETE", INVITE, "owner", place)
    await visitor.ask(204, "DELETE", INVITE, "owner", place)


def _places_for(sandbox: Sandbox, operation: DocumentedOperation) -> dict[str, str | int]:
    """Values for an operation's path parameters that lead to something."""
    users = sandbox.users
    known: dict[str, str | int] = {
        "id": users.owner if operation.path == USER_GROUPS else STUDIO,
        "user_id": users.member,
        "invitation_id": sandbox.pending_invitations(STUDIO)[0],
    }
    return {name: known[name] for name in operation.places}


async def _refusals(visitor: Visitor, operation: DocumentedOperation) -> None:
    """What is refused for the token or the path, the same for every operation."""
    body = next(iter(operation.examples.values()), None)
    places = _places_for(visitor.sandbox, operation)
    method, path = operation.method, operation.path
    await visitor.ask(429, method, path, "limited", places, body=body)
    if 401 in operation.responses:
        await visitor.ask(401, method, path, NOBODY, places, body=body)
    if not operation.guests:
        await visitor.ask(401, method, path, GUEST, places, body=body)
    if method != "GET":
        await visitor.ask(403, method, path, "read_only", places, body=body)
    if "id" in places:
        await visitor.ask(404, method, path, "owner", {**places, "id": NOT_THERE}, body=body)
    for name in places.keys() - {"id"}:
        await visitor.ask(400, method, path, "owner", {**places, name: "twelve"}, body=body)


async def _requests(visitor: Visitor, document: Document, operation: DocumentedOperation) -> None:
    """Requests that the document refuses, all with 400, and some that it does not refuse."""
    place = _places_for(visitor.sandbox, operation)
    method, path = operation.method, operation.path
    for query in refused_queries(document, operation):
        about = f"refused: {query}"
        await visitor.ask(400, method, path, "owner", place, query=query, about=about)
    for query in accepted_queries(document, operation):
        about = f"allowed: {query}"
        await visitor.ask(200, method, path, "owner", place, query=query, about=about)
    defaults = query_defaults(document, operation)
    if "page" in defaults:
        await _defaults(visitor, operation, place, defaults)
    if operation.body is not None:
        await _bodies(visitor, document, operation, place)


async def _defaults(
    visitor: Visitor, operation: DocumentedOperation, place: Places, defaults: Mapping[str, JSON]
) -> None:
    exchange = await visitor.send(operation.method, operation.path, "owner", place)
    meta = as_object(as_object(body_of(exchange), "a page").get("meta"), "meta")
    for parameter, field_name in (("page", "current_page"), ("per", "per_page")):
        wanted, got = defaults.get(parameter), meta.get(field_name)
        if wanted != got:
            problem = f"{parameter} is {wanted} by default in the document, {got} in the answer"
            visitor.differences.append(Difference(str(exchange), problem))


async def _bodies(
    visitor: Visitor, document: Document, operation: DocumentedOperation, place: Places
) -> None:
    method, path = operation.method, operation.path
    for name, content in BROKEN_BODIES.items():
        await visitor.ask(400, method, path, "owner", place, content=content, about=name)
    for body in refused_bodies(document, operation):
        about = f"refused: {json.dumps(body)}"
        content = json.dumps(body).encode()
        await visitor.ask(400, method, path, "owner", place, content=content, about=about)
    place = {**place, "id": visitor.sandbox.add_group("Examples")} if place else place
    for name, example in operation.examples.items():
        for body in _with_more(example):
            exchange = await visitor.send(method, path, "owner", place, body=body, about=name)
            if exchange.status == 400:
                visitor.differences.append(Difference(str(exchange), "an example is refused"))


def _with_more(example: JSON) -> list[JSON]:
    """An example as it is, and with a field that the document does not speak of."""
    return [example, {**example, "of_no_concern": 1}] if isinstance(example, dict) else [example]


async def _again(visitor: Visitor, operation: DocumentedOperation) -> None:
    """What was read once is not sent a second time to whoever has it still."""
    places = _places_for(visitor.sandbox, operation)
    first = await visitor.send(operation.method, operation.path, "owner", places)
    tag = {"If-None-Match": first.headers.get("etag", "none")}
    await visitor.ask(304, operation.method, operation.path, "owner", places, headers=tag)
