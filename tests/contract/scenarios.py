"""Requests to the sandbox that produce each outcome of each operation."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from arena_groups.sandbox import Sandbox
from tests.contract.differences import Difference
from tests.contract.document import (
    JSON,
    Document,
    DocumentedOperation,
    DocumentError,
    as_list,
    as_object,
)
from tests.contract.invalid_requests import (
    BROKEN_BODIES,
    invalid_bodies,
    invalid_queries,
    query_defaults,
    valid_queries,
)
from tests.contract.responses import body_of
from tests.contract.sandbox_client import GUEST, INVALID, PathParams, SandboxClient

__all__ = ["run_scenarios"]

NEWCOMER: Final = "newcomer"
STUDIO: Final = "research-studio"
PRIVATE: Final = "night-shift"
BARE: Final = "blank-page"
UNKNOWN: Final = "no-such-name"

GROUP: Final = "/v3/groups/{id}"
MEMBERS: Final = f"{GROUP}/members"
ME_IN_GROUP: Final = f"{MEMBERS}/me"
MEMBER: Final = f"{MEMBERS}/{{user_id}}"
INVITATIONS: Final = f"{GROUP}/invitations"
INVITATION: Final = f"{INVITATIONS}/{{invitation_id}}"
INVITE: Final = f"{GROUP}/invite"
CONTENTS: Final = f"{GROUP}/contents"
FOLLOWERS: Final = f"{GROUP}/followers"
CHANNEL: Final = "/v3/channels/{id}"
CHANNEL_CONTENTS: Final = f"{CHANNEL}/contents"
NOTIFICATIONS: Final = "/v3/me/notifications"
USER: Final = "/v3/users/{id}"
USER_GROUPS: Final = f"{USER}/groups"
USER_LISTS: Final = (USER_GROUPS, f"{USER}/followers", f"{USER}/following")
LISTS: Final = (MEMBERS, INVITATIONS, CONTENTS, FOLLOWERS)


async def run_scenarios(
    client: SandboxClient, document: Document, operations: Sequence[DocumentedOperation]
) -> None:
    """Send all requests of all operations; one that fails does not stop the others."""
    for operation in operations:
        await _run_scenario(client, _refusals(client, operation))
        await _run_scenario(client, _requests(client, document, operation))
        if operation.method == "GET":
            await _run_scenario(client, _again(client, operation))
    for scenario in (
        _unknown_paths,
        _objects,
        _lists,
        _channels,
        _notifications,
        _groups,
        _membership,
        _invitations,
        _invite_codes,
    ):
        await _run_scenario(client, scenario(client))


async def _run_scenario(client: SandboxClient, scenario: Awaitable[None]) -> None:
    try:
        await scenario
    except (DocumentError, LookupError, ValueError) as error:
        last = client.exchanges[-1] if client.exchanges else "the first request"
        client.differences.append(Difference(str(last), f"ends the scenario ({error!r})"))


async def _unknown_paths(client: SandboxClient) -> None:
    await client.ask(404, "GET", "/v3/unknown", "owner")
    await client.ask(405, "PATCH", GROUP, "owner", {"id": STUDIO})


async def _objects(client: SandboxClient) -> None:
    for who in (GUEST, INVALID, "owner", "read_only"):
        await client.ask(200, "GET", "/v3/ping", who)
    await client.ask(401, "GET", "/v3/me", GUEST)
    for who in ("owner", "member", "follower", "read_only", "stranger"):
        await client.ask(200, "GET", "/v3/me", who)
        await client.ask(200, "GET", GROUP, who, {"id": STUDIO})
    client.admit(NEWCOMER, client.sandbox.add_user("Zoë Nakamura"))
    await client.ask(200, "GET", "/v3/me", NEWCOMER)
    for slug, number in client.sandbox.groups.items():
        await client.ask(200, "GET", GROUP, "owner", {"id": slug})
        await client.ask(200, "GET", GROUP, "owner", {"id": number})
    await client.ask(403, "GET", GROUP, "stranger", {"id": PRIVATE})


async def _lists(client: SandboxClient) -> None:
    for path in LISTS:
        await _pages(client, path, "owner", STUDIO)
        await client.ask(403, "GET", path, "stranger", {"id": PRIVATE})
        await client.ask(200, "GET", path, "owner", {"id": BARE})
    for path in (MEMBERS, CONTENTS, FOLLOWERS):
        await _pages(client, path, GUEST, STUDIO)
    for user in (client.sandbox.users.follower.id, client.sandbox.users.stranger.id):
        for who in (GUEST, "owner"):
            await client.ask(200, "GET", USER, who, {"id": user})
            for path in USER_LISTS:
                await _pages(client, path, who, user)
    for user in (client.sandbox.users.owner.id, "ada-osei"):
        await _pages(client, USER_GROUPS, "owner", user)


async def _channels(client: SandboxClient) -> None:
    for name in (STUDIO, PRIVATE):
        query: dict[str, str | int] = {"type": "Channel", "per": 100}
        page = await client.object(200, "GET", CONTENTS, "owner", {"id": name}, query=query)
        for each in as_list(page.get("data"), CONTENTS):
            channel = as_object(each, CONTENTS)
            path_params = {"id": str(channel["slug"])}
            hidden = channel["visibility"] == "private" or name == PRIVATE
            for path in (CHANNEL, CHANNEL_CONTENTS):
                await client.ask(200, "GET", path, "owner", path_params)
                await client.ask(403 if hidden else 200, "GET", path, "stranger", path_params)
                await client.ask(401 if hidden else 200, "GET", path, GUEST, path_params)
            await client.ask(200, "GET", CHANNEL, "owner", {"id": str(channel["id"])})
    await _pages(client, CHANNEL_CONTENTS, "owner", next(iter(client.sandbox.channels)))


async def _notifications(client: SandboxClient) -> None:
    query: dict[str, str | int] = {"limit": 5}
    for name in ("next", "prev"):
        cursor: JSON = None
        while True:
            page = await client.object(200, "GET", NOTIFICATIONS, "owner", query=query)
            meta = as_object(page.get("meta"), NOTIFICATIONS)
            cursor = meta[f"{name}_cursor"]
            if cursor is None or (name == "prev" and query.get("prev") == cursor):
                break
            query = {"limit": 5, name: str(cursor)}
            if name == "prev" and not page.get("data"):
                break
        query = {"limit": 5}
        await client.ask(400, "GET", NOTIFICATIONS, "owner", query={name: "no-cursor"})
    fan = client.sandbox.add_user("Fan Of Somebody")
    client.sandbox.follow(fan, client.sandbox.users.member.id)
    await client.ask(201, "POST", INVITATIONS, "member", {"id": STUDIO}, body={"user_id": fan})
    await client.ask(200, "GET", NOTIFICATIONS, "owner", query={"limit": 1, "unread": "true"})
    newcomer = client.sandbox.add_user("Nobody Yet")
    client.admit("nobody", newcomer)
    await client.ask(200, "GET", NOTIFICATIONS, "nobody", query={"unread": "true"})


async def _pages(client: SandboxClient, path: str, who: str, name: str | int) -> None:
    """Request all pages of a list at the default size, one beyond the end, and a large one."""
    await client.ask(200, "GET", path, who, {"id": name}, query={"per": 100})
    number, more = 0, True
    while more:
        number += 1
        exchange = await client.ask(200, "GET", path, who, {"id": name}, query={"page": number})
        meta = as_object(as_object(body_of(exchange), path).get("meta"), path)
        more = meta["has_more_pages"] is True
    await client.ask(200, "GET", path, who, {"id": name}, query={"page": number + 1})


async def _groups(client: SandboxClient) -> None:
    created = await client.object(201, "POST", "/v3/groups", "owner", body={"name": "Tide Tables"})
    path_params = {"id": str(created["slug"])}
    await client.ask(403, "PUT", GROUP, "member", path_params, body={"name": "Mine"})
    await client.ask(200, "PUT", GROUP, "owner", path_params, body={"description": "On *tides*"})
    renamed = await client.object(200, "PUT", GROUP, "owner", path_params, body={"name": "Tides"})
    path_params = {"id": str(renamed["slug"])}
    await client.ask(200, "PUT", GROUP, "owner", path_params, body={"description": None})
    for name, value in (("name", " "), ("name", "nul\0"), ("avatar_url", "ftp://example.net/a")):
        body: JSON = {"name": "Tides", name: value}
        await client.ask(422, "POST", "/v3/groups", "owner", body=body)
        await client.ask(422, "PUT", GROUP, "owner", path_params, body=body)
    await _avatar(client, path_params)
    await client.ask(403, "DELETE", GROUP, "member", path_params)
    await client.ask(204, "DELETE", GROUP, "owner", path_params)
    await client.ask(404, "DELETE", GROUP, "owner", path_params)


async def _avatar(client: SandboxClient, path_params: PathParams) -> None:
    """Set a new image, before and after it has been fetched."""
    body: JSON = {"avatar_url": "https://images.example.net/tides.png"}
    await client.ask(200, "PUT", GROUP, "owner", path_params, body=body)
    client.sandbox.advance(60)
    await client.ask(200, "GET", GROUP, "owner", path_params)


async def _membership(client: SandboxClient) -> None:
    sandbox = client.sandbox
    path_params = {"id": sandbox.add_group("Members Only")}
    invite = await client.object(201, "POST", INVITE, "owner", path_params)
    body: JSON = {"invite_token": invite["code"]}
    await client.ask(403, "POST", MEMBERS, "member", path_params, body={"invite_token": "wrong"})
    await client.ask(403, "POST", MEMBERS, "member", path_params, body={})
    await client.ask(201, "POST", MEMBERS, "member", path_params, body=body)
    await client.ask(200, "POST", MEMBERS, "member", path_params, body=body)
    await client.ask(200, "POST", MEMBERS, "owner", path_params, body=body)
    await client.ask(204, "DELETE", ME_IN_GROUP, "member", path_params)
    await client.ask(204, "DELETE", ME_IN_GROUP, "member", path_params)
    await client.ask(201, "POST", MEMBERS, "member", path_params, body=body)
    member = {**path_params, "user_id": sandbox.users.member.id}
    await client.ask(403, "DELETE", MEMBER, "stranger", member)
    await client.ask(204, "DELETE", MEMBER, "owner", member)
    await client.ask(404, "DELETE", MEMBER, "owner", member)


async def _invitations(client: SandboxClient) -> None:
    sandbox = client.sandbox
    path_params = {"id": sandbox.add_group("Guest List")}
    by_id: JSON = {"user_id": sandbox.users.stranger.id}
    by_address: JSON = {"email": "nobody.yet@example.org"}
    follower: JSON = {"user_id": sandbox.users.follower.id}
    await client.ask(403, "POST", INVITATIONS, "stranger", path_params, body=by_id)
    await client.ask(404, "POST", INVITATIONS, "owner", path_params, body={"user_id": 987_654})
    for body in (by_id, by_address):
        await _invite(client, path_params, body, 201, "invited")
        await _invite(client, path_params, body, 200, "invitation_pending")
    await client.ask(
        422, "POST", INVITATIONS, "owner", path_params, body={"email": "ada@localhost"}
    )
    client.sandbox.allow_inviting_new_addresses(sandbox.users.owner.id, allowed=False)
    await client.ask(
        403, "POST", INVITATIONS, "owner", path_params, body={"email": "new@example.org"}
    )
    client.sandbox.allow_inviting_new_addresses(sandbox.users.owner.id)
    await _invite(client, path_params, follower, 201, "added")
    await _invite(client, path_params, follower, 200, "already_member")
    await _revocations(client, path_params)


async def _invite(
    client: SandboxClient, path_params: PathParams, body: JSON, status: int, expected: str
) -> None:
    answer = await client.object(status, "POST", INVITATIONS, "owner", path_params, body=body)
    if answer.get("outcome") != expected:
        where = str(client.exchanges[-1])
        client.differences.append(Difference(where, f"the outcome is not {expected}"))


async def _revocations(client: SandboxClient, path_params: PathParams) -> None:
    listed = await client.object(200, "GET", INVITATIONS, "owner", path_params)
    pending = [as_object(each, "an invitation")["id"] for each in as_list(listed["data"], "data")]
    first, second = (int(str(each)) for each in pending)
    invitation = {**path_params, "invitation_id": first}
    await client.ask(403, "DELETE", INVITATION, "stranger", invitation)
    await client.ask(204, "DELETE", INVITATION, "owner", invitation)
    await client.ask(422, "DELETE", INVITATION, "owner", invitation)
    await client.ask(404, "DELETE", INVITATION, "owner", {**path_params, "invitation_id": 987_654})
    client.sandbox.decline_invitation(second)
    await client.ask(422, "DELETE", INVITATION, "owner", {**path_params, "invitation_id": second})


async def _invite_codes(client: SandboxClient) -> None:
    path_params = {"id": client.sandbox.add_group("Open Door")}
    await client.ask(404, "GET", INVITE, "owner", path_params)
    await client.ask(201, "POST", INVITE, "owner", path_params)
    await client.ask(200, "POST", INVITE, "owner", path_params)
    await client.ask(200, "GET", INVITE, "owner", path_params)
    for method in ("GET", "POST", "DELETE"):
        await client.ask(403, method, INVITE, "stranger", path_params)
    await client.ask(204, "DELETE", INVITE, "owner", path_params)
    await client.ask(204, "DELETE", INVITE, "owner", path_params)


def _path_params_for(sandbox: Sandbox, operation: DocumentedOperation) -> dict[str, str | int]:
    """Return path parameters of an operation that name existing objects."""
    users = sandbox.users
    name = next(iter(sandbox.channels)) if operation.path.startswith(CHANNEL) else STUDIO
    known: dict[str, str | int] = {
        "id": users.follower.id if operation.path.startswith(USER) else name,
        "user_id": users.member.id,
        "invitation_id": sandbox.pending_invitations(STUDIO)[0],
    }
    return {name: known[name] for name in operation.path_params}


async def _refusals(client: SandboxClient, operation: DocumentedOperation) -> None:
    """Send requests with a wrong token or path, the same for every operation."""
    body = next(iter(operation.examples.values()), None)
    path_params = _path_params_for(client.sandbox, operation)
    method, path = operation.method, operation.path
    await client.ask(429, method, path, "limited", path_params, body=body)
    if 401 in operation.responses:
        await client.ask(401, method, path, INVALID, path_params, body=body)
    if not operation.guests:
        await client.ask(401, method, path, GUEST, path_params, body=body)
    if method != "GET":
        await client.ask(403, method, path, "read_only", path_params, body=body)
    if "id" in path_params:
        await client.ask(404, method, path, "owner", {**path_params, "id": UNKNOWN}, body=body)
    for name in path_params.keys() - {"id"}:
        await client.ask(400, method, path, "owner", {**path_params, name: "twelve"}, body=body)


async def _requests(
    client: SandboxClient, document: Document, operation: DocumentedOperation
) -> None:
    """Send invalid requests, which must be 400, and some valid ones."""
    path_params = _path_params_for(client.sandbox, operation)
    method, path = operation.method, operation.path
    for query in invalid_queries(document, operation):
        about = f"refused: {query}"
        await client.ask(400, method, path, "owner", path_params, query=query, about=about)
    for query in valid_queries(document, operation):
        about = f"allowed: {query}"
        await client.ask(200, method, path, "owner", path_params, query=query, about=about)
    defaults = query_defaults(document, operation)
    if "page" in defaults:
        await _defaults(client, operation, path_params, defaults)
    if operation.body is not None:
        await _bodies(client, document, operation, path_params)


async def _defaults(
    client: SandboxClient,
    operation: DocumentedOperation,
    path_params: PathParams,
    defaults: Mapping[str, JSON],
) -> None:
    exchange = await client.send(operation.method, operation.path, "owner", path_params)
    meta = as_object(as_object(body_of(exchange), "a page").get("meta"), "meta")
    for parameter, field_name in (("page", "current_page"), ("per", "per_page")):
        wanted, got = defaults.get(parameter), meta.get(field_name)
        if wanted != got:
            problem = f"{parameter} is {wanted} by default in the document, {got} in the response"
            client.differences.append(Difference(str(exchange), problem))


async def _bodies(
    client: SandboxClient,
    document: Document,
    operation: DocumentedOperation,
    path_params: PathParams,
) -> None:
    method, path = operation.method, operation.path
    for name, content in BROKEN_BODIES.items():
        await client.ask(400, method, path, "owner", path_params, content=content, about=name)
    for body in invalid_bodies(document, operation):
        about = f"refused: {json.dumps(body)}"
        content = json.dumps(body).encode()
        await client.ask(400, method, path, "owner", path_params, content=content, about=about)
    path_params = (
        {**path_params, "id": client.sandbox.add_group("Examples")} if path_params else path_params
    )
    for name, example in operation.examples.items():
        for body in _with_more(example):
            exchange = await client.send(method, path, "owner", path_params, body=body, about=name)
            if exchange.status == 400:
                client.differences.append(Difference(str(exchange), "an example is refused"))


def _with_more(example: JSON) -> list[JSON]:
    """Return an example, and the same with a field that the document does not have."""
    return [example, {**example, "of_no_concern": 1}] if isinstance(example, dict) else [example]


async def _again(client: SandboxClient, operation: DocumentedOperation) -> None:
    """Repeat requests with the ETag of the first response, which must be 304."""
    path_params = _path_params_for(client.sandbox, operation)
    client.sandbox.advance(60)  # a new avatar of a group appears first
    first = await client.send(operation.method, operation.path, "owner", path_params)
    tag = {"If-None-Match": first.headers.get("etag", "none")}
    await client.ask(304, operation.method, operation.path, "owner", path_params, headers=tag)
