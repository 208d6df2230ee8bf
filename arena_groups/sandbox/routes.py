"""Operations of the API, and the routes that lead to them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import attrs

from arena_groups.sandbox import oauth, rendering, validation
from arena_groups.sandbox.backend import Backend, SandboxNotFoundError
from arena_groups.sandbox.entities import GroupRecord, JSONObject, UserRecord
from arena_groups.sandbox.permissions import can_read, group_permissions, is_in_group, is_owner
from arena_groups.sandbox.responses import (
    SandboxResponse,
    forbidden,
    method_not_allowed,
    not_found,
    not_served,
    unauthorized,
    unprocessable,
)

_T = TypeVar("_T")

_GROUP = "/v3/groups/{id}"

# Paths of the API that the sandbox does not serve. Links lead to some of them.
_UNSERVED = {
    "/v3/blocks": (
        "",
        "/batch",
        "/batch/{batch_id}",
        "/{id}",
        "/{id}/comments",
        "/{id}/connections",
    ),
    "/v3/channels": ("", "/{id}", "/{id}/connections", "/{id}/contents", "/{id}/followers"),
    "/v3/comments": ("/{id}",),
    "/v3/connections": ("", "/{id}", "/{id}/move"),
    "/v3/me": ("/feed", "/notifications", "/notifications/read", "/notifications/{id}/read"),
    "/v3": ("/openapi", "/openapi.json", "/search", "/uploads/presign"),
    "/v3/users": ("/{id}", "/{id}/contents", "/{id}/followers", "/{id}/following"),
}

UNSERVED = tuple(parent + rest for parent, paths in _UNSERVED.items() for rest in paths)
_UNSERVED_TEMPLATES = [template.split("/") for template in UNSERVED]


@attrs.frozen
class OperationCall:
    """A call of an operation: the caller is permitted, and the body has been read."""

    backend: Backend
    renderer: rendering.JSONRenderer
    caller: UserRecord | None
    path: Mapping[str, str] = attrs.field(repr=False)
    query: Mapping[str, str] = attrs.field(repr=False)
    raw_query: str = attrs.field(repr=False)
    cookies: Mapping[str, str] = attrs.field(repr=False)
    content_type: str
    body: bytes = attrs.field(repr=False)

    def signed_in(self) -> UserRecord:
        """Return the caller. Raises the 401 of a guest."""
        if self.caller is None:
            raise unauthorized("You need to be signed in to do this.")
        return self.caller

    def group(self) -> GroupRecord:
        """Return the group of the path, visible to the caller or not."""
        group = self.backend.find_group(self.path["id"])
        if group is None:
            raise not_found("group")
        return group

    def readable_group(self) -> GroupRecord:
        """Return the group of the path, if the caller may read it."""
        group = self.group()
        if not can_read(group, self.caller):
            self.signed_in()
            raise forbidden("This group is private.")
        return group

    def own_group(self) -> GroupRecord:
        """Return the group of the path, if the caller owns it."""
        group = self.group()
        if not is_owner(group, self.caller):
            raise forbidden("Only the owner of the group may do this.")
        return group

    def invitable_group(self) -> GroupRecord:
        """Return the group of the path, if the caller may manage its invitations."""
        group = self.group()
        if not group_permissions(group, self.caller).manage_invitations:
            raise forbidden("Only the owner and the members may manage invitations.")
        return group

    def json_object(self) -> JSONObject:
        """Return the body."""
        return validation.json_object(self.content_type, self.body)


@attrs.frozen
class OperationSpec:
    """An operation: method, path template, permitted callers, and the function that answers.

    `name` is the operation's name in the API document.
    """

    name: str
    method: str
    template: str
    handler: Callable[[OperationCall], SandboxResponse]
    guests: bool = False
    any_token: bool = False
    takes_body: bool = False

    @property
    def writes(self) -> bool:
        """Whether a token needs the write scope."""
        return self.method != "GET"


def ping(_call: OperationCall) -> SandboxResponse:
    """Answer any caller, with any token or none."""
    return SandboxResponse(200, {"status": "ok"})


def get_me(call: OperationCall) -> SandboxResponse:
    """Return the caller's own profile."""
    return SandboxResponse(200, call.renderer.me(call.signed_in()))


def list_user_groups(call: OperationCall) -> SandboxResponse:
    """Return the groups of a user; private ones only to that user."""
    params = validation.page_request(call.query)
    order = rendering.group_order(call.query)
    user = call.backend.find_user(call.path["id"])
    if user is None:
        raise not_found("user")
    everything = user is call.caller
    visible = [g for g in call.backend.groups_of(user) if everything or not g.private]
    return _page(order(visible), params, call.renderer.group)


def create_group(call: OperationCall) -> SandboxResponse:
    """Create a group that the caller owns."""
    fields = validation.new_group(call.json_object())
    validation.check_group(fields.name, fields.description, fields.avatar_url)
    group = call.backend.add_group(fields.name, call.signed_in())
    group.description = fields.description
    if fields.avatar_url is not None:
        call.backend.fetch_avatar(group, fields.avatar_url)
    return SandboxResponse(201, call.renderer.group(group))


def get_group(call: OperationCall) -> SandboxResponse:
    """Return a group."""
    return SandboxResponse(200, call.renderer.group(call.readable_group()))


def update_group(call: OperationCall) -> SandboxResponse:
    """Change the given fields of a group."""
    changes = validation.group_changes(call.json_object())
    group = call.own_group()
    validation.check_group(changes.name, changes.description, changes.avatar_url)
    if changes != validation.NO_CHANGES:
        group.updated_at = call.backend.clock.now()
    if changes.name is not None:
        call.backend.rename_group(group, changes.name)
    if changes.clears_description or changes.description is not None:
        group.description = changes.description
    if changes.avatar_url is not None:
        call.backend.fetch_avatar(group, changes.avatar_url)
    return SandboxResponse(200, call.renderer.group(group))


def delete_group(call: OperationCall) -> SandboxResponse:
    """Delete a group."""
    call.backend.delete_group(call.own_group())
    return SandboxResponse(204)


def list_members(call: OperationCall) -> SandboxResponse:
    """Return the owner, then the members."""
    params = validation.page_request(call.query)
    group = call.readable_group()
    members = rendering.visible_members(call.backend, group, viewer=call.caller)
    return _page(members, params, lambda user: call.renderer.member(group, user))


def join(call: OperationCall) -> SandboxResponse:
    """Add the caller with the group's invite code; members need none."""
    code = validation.invite_token(call.json_object())
    group, caller = call.group(), call.signed_in()
    if is_in_group(group, caller):
        return SandboxResponse(200, call.renderer.member(group, caller))
    if group.invite is None or code != group.invite.code:
        raise forbidden("The invite code is wrong.")
    group.members[caller.id] = None
    return SandboxResponse(201, call.renderer.member(group, caller))


def leave(call: OperationCall) -> SandboxResponse:
    """Remove the caller from the group."""
    group, caller = call.group(), call.signed_in()
    if is_owner(group, caller):
        raise forbidden("The owner cannot leave the group.")
    group.members.pop(caller.id, None)
    return SandboxResponse(204)


def remove_member(call: OperationCall) -> SandboxResponse:
    """Remove another user from the group."""
    user_id = validation.path_integer(call.path["user_id"], "user_id")
    group = call.own_group()
    if user_id == group.owner_id:
        raise forbidden("The owner cannot be removed from the group.")
    if user_id not in group.members:
        raise not_found("member in this group")
    del group.members[user_id]
    return SandboxResponse(204)


def list_invitations(call: OperationCall) -> SandboxResponse:
    """Return the pending invitations, newest first."""
    params = validation.page_request(call.query)
    group = call.invitable_group()
    newest_first = list(reversed(group.pending.values()))
    return _page(newest_first, params, call.renderer.invitation)


def invite(call: OperationCall) -> SandboxResponse:
    """Add or invite a user or an address."""
    target = validation.invite_target(call.json_object())
    group, caller = call.invitable_group(), call.signed_in()
    if target.email is not None:
        validation.check_address(target.email)
        if (
            call.backend.find_user_by_address(target.email) is None
            and not caller.may_invite_new_addresses
        ):
            raise forbidden("You may not invite people without an account.")
    try:
        result = call.backend.invite(group, caller, target)
    except SandboxNotFoundError:
        raise not_found("user") from None
    created = result.outcome in {"added", "invited"}
    return SandboxResponse(201 if created else 200, call.renderer.invite_result(result))


def revoke_invitation(call: OperationCall) -> SandboxResponse:
    """Revoke a pending invitation."""
    invitation_id = validation.path_integer(call.path["invitation_id"], "invitation_id")
    group, caller = call.group(), call.signed_in()
    invitation = call.backend.invitations.get(invitation_id)
    if invitation is None or invitation.group_id != group.id:
        raise not_found("invitation in this group")
    if (
        invitation.invited_by != caller.id
        and not group_permissions(group, caller).manage_invitations
    ):
        raise forbidden("Only the inviter, the owner and the members may revoke an invitation.")
    if invitation.state != "pending":
        raise unprocessable(f"The invitation is no longer pending, but {invitation.state}.")
    call.backend.close_invitation(invitation, "revoked")
    return SandboxResponse(204)


def get_invite_code(call: OperationCall) -> SandboxResponse:
    """Return the group's invite code."""
    group = call.own_group()
    if group.invite is None:
        raise not_found("invite code for this group")
    return SandboxResponse(200, call.renderer.invite_code(group, group.invite))


def create_invite_code(call: OperationCall) -> SandboxResponse:
    """Return the group's invite code, a new one if it has none."""
    group = call.own_group()
    invite, created = call.backend.ensure_invite_code(group)
    return SandboxResponse(201 if created else 200, call.renderer.invite_code(group, invite))


def delete_invite_code(call: OperationCall) -> SandboxResponse:
    """Delete the group's invite code."""
    call.own_group().invite = None
    return SandboxResponse(204)


def list_contents(call: OperationCall) -> SandboxResponse:
    """Return the group's blocks and channels."""
    params = validation.page_request(call.query)
    order = rendering.content_order(call.query)
    keep = rendering.content_filter(call.query)
    group = call.readable_group()
    shown = [each for each in rendering.visible_contents(group, viewer=call.caller) if keep(each)]
    return _page(order(shown), params, lambda each: call.renderer.content(group, each))


def list_followers(call: OperationCall) -> SandboxResponse:
    """Return the group's followers."""
    params = validation.page_request(call.query)
    newest_first = rendering.wants_newest_first(call.query)
    group = call.readable_group()
    followers = rendering.followers_of(call.backend, group, newest_first=newest_first)
    return _page(followers, params, call.renderer.user)


def _page(
    items: Sequence[_T], params: validation.PageParams, render: Callable[[_T], JSONObject]
) -> SandboxResponse:
    shown, meta = rendering.page_of(items, params)
    return SandboxResponse(200, {"data": [render(each) for each in shown], "meta": meta})


# A template with a fixed segment comes before one with a parameter in its place.
OPERATIONS = (
    OperationSpec("getPing", "GET", "/v3/ping", ping, guests=True, any_token=True),
    OperationSpec("getCurrentUser", "GET", "/v3/me", get_me),
    OperationSpec("getUserGroups", "GET", "/v3/users/{id}/groups", list_user_groups, guests=True),
    OperationSpec("createGroup", "POST", "/v3/groups", create_group, takes_body=True),
    OperationSpec("getGroup", "GET", _GROUP, get_group, guests=True),
    OperationSpec("updateGroup", "PUT", _GROUP, update_group, takes_body=True),
    OperationSpec("deleteGroup", "DELETE", _GROUP, delete_group),
    OperationSpec("getGroupMembers", "GET", f"{_GROUP}/members", list_members, guests=True),
    OperationSpec("joinGroup", "POST", f"{_GROUP}/members", join, takes_body=True),
    OperationSpec("leaveGroup", "DELETE", f"{_GROUP}/members/me", leave),
    OperationSpec("removeGroupMember", "DELETE", f"{_GROUP}/members/{{user_id}}", remove_member),
    OperationSpec("getGroupInvitations", "GET", f"{_GROUP}/invitations", list_invitations),
    OperationSpec(
        "createGroupInvitation", "POST", f"{_GROUP}/invitations", invite, takes_body=True
    ),
    OperationSpec(
        "revokeGroupInvitation",
        "DELETE",
        f"{_GROUP}/invitations/{{invitation_id}}",
        revoke_invitation,
    ),
    OperationSpec("getGroupInvite", "GET", f"{_GROUP}/invite", get_invite_code),
    OperationSpec("createGroupInvite", "POST", f"{_GROUP}/invite", create_invite_code),
    OperationSpec("deleteGroupInvite", "DELETE", f"{_GROUP}/invite", delete_invite_code),
    OperationSpec("getGroupContents", "GET", f"{_GROUP}/contents", list_contents, guests=True),
    OperationSpec("getGroupFollowers", "GET", f"{_GROUP}/followers", list_followers, guests=True),
)


@attrs.frozen
class RouteMatch:
    """An operation, and the values of its path parameters."""

    operation: OperationSpec
    path: Mapping[str, str] = attrs.field(repr=False)

    @property
    def group(self) -> str | None:
        """The slug or id of the group in the path."""
        is_group = self.operation.template.startswith("/v3/groups/")
        return self.path["id"] if is_group else None


def _by_template(operations: Iterable[OperationSpec]) -> Mapping[str, Mapping[str, OperationSpec]]:
    table: defaultdict[str, dict[str, OperationSpec]] = defaultdict(dict)
    for operation in operations:
        table[operation.template][operation.method] = operation
    return table


# No bearer token identifies their callers. The consent page is not in the API document.
OAUTH_OPERATIONS = (
    OperationSpec(
        "showAuthorization",
        "GET",
        oauth.AUTHORIZE,
        lambda call: oauth.show_consent(call.backend, call.raw_query, call.cookies),
        any_token=True,
    ),
    OperationSpec(
        "decideAuthorization",
        "POST",
        oauth.AUTHORIZE,
        lambda call: oauth.submit_consent(call.backend, call.content_type, call.body, call.cookies),
        any_token=True,
        takes_body=True,
    ),
    OperationSpec(
        "createOAuthToken",
        "POST",
        "/v3/oauth/token",
        lambda call: oauth.create_token(call.backend, call.content_type, call.body),
        any_token=True,
        takes_body=True,
    ),
)

EVERY_OPERATION = (*OPERATIONS, *OAUTH_OPERATIONS)

_TABLE = _by_template(EVERY_OPERATION)


def find_route(method: str, raw_path: str) -> RouteMatch:
    """Return the route of a request. Raises the 404 or 405 of an unknown one."""
    segments = _decoded_segments(raw_path)
    for template, methods in _TABLE.items():
        values = _match(template.split("/"), segments)
        if values is not None:
            return RouteMatch(_for_method(methods, method), values)
    if any(_match(template, segments) is not None for template in _UNSERVED_TEMPLATES):
        raise not_served()
    raise not_found("path")


def _decoded_segments(raw_path: str) -> list[str]:
    # Split before decoding: an encoded slash is part of a name, not a separator.
    try:
        return [unquote_to_bytes(segment).decode() for segment in raw_path.split("/")]
    except UnicodeError:
        raise not_found("path") from None


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    values: dict[str, str] = {}
    for expected, given in zip(template, segments, strict=True):
        if expected.startswith("{") and given:
            values[expected.strip("{}")] = given
        elif expected != given:
            return None
    return values


def _for_method(methods: Mapping[str, OperationSpec], method: str) -> OperationSpec:
    operation = methods.get("GET" if method == "HEAD" else method)
    if operation is None:
        allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]
        raise method_not_allowed(allowed)
    return operation
