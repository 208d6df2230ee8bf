"""Routes of the API, and the operation behind each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote_to_bytes

import attrs

from arena_groups.sandbox import channels, oauth, operations
from arena_groups.sandbox.operations import OperationCall
from arena_groups.sandbox.responses import (
    SandboxResponse,
    method_not_allowed,
    not_found,
    not_served,
)

_USER = "/v3/users/{id}"
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
    "/v3/channels": ("", "/{id}/connections", "/{id}/followers"),
    "/v3/comments": ("/{id}",),
    "/v3/connections": ("", "/{id}", "/{id}/move"),
    "/v3/me": ("/feed", "/notifications/read", "/notifications/{id}/read"),
    "/v3": ("/openapi", "/openapi.json", "/search", "/uploads/presign"),
    "/v3/users": ("/{id}/contents",),
}

UNSERVED = tuple(parent + rest for parent, paths in _UNSERVED.items() for rest in paths)
_UNSERVED_METHODS = {"/v3/channels/{id}": ("PUT", "DELETE")}
_UNSERVED_TEMPLATES = [template.split("/") for template in UNSERVED]


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


# A template with a fixed segment comes before one with a parameter in its place.
OPERATIONS = (
    OperationSpec("getPing", "GET", "/v3/ping", operations.ping, guests=True, any_token=True),
    OperationSpec("getCurrentUser", "GET", "/v3/me", operations.get_me),
    OperationSpec("getUser", "GET", _USER, operations.get_user, guests=True),
    OperationSpec(
        "getUserFollowers",
        "GET",
        f"{_USER}/followers",
        operations.list_user_followers,
        guests=True,
    ),
    OperationSpec(
        "getUserFollowing",
        "GET",
        f"{_USER}/following",
        operations.list_user_following,
        guests=True,
    ),
    OperationSpec(
        "getUserGroups", "GET", f"{_USER}/groups", operations.list_user_groups, guests=True
    ),
    OperationSpec("getMyNotifications", "GET", "/v3/me/notifications", channels.list_notifications),
    OperationSpec("getChannel", "GET", "/v3/channels/{id}", channels.get_channel, guests=True),
    OperationSpec(
        "getChannelContents",
        "GET",
        "/v3/channels/{id}/contents",
        channels.list_channel_contents,
        guests=True,
    ),
    OperationSpec("createGroup", "POST", "/v3/groups", operations.create_group, takes_body=True),
    OperationSpec("getGroup", "GET", _GROUP, operations.get_group, guests=True),
    OperationSpec("updateGroup", "PUT", _GROUP, operations.update_group, takes_body=True),
    OperationSpec("deleteGroup", "DELETE", _GROUP, operations.delete_group),
    OperationSpec(
        "getGroupMembers", "GET", f"{_GROUP}/members", operations.list_members, guests=True
    ),
    OperationSpec("joinGroup", "POST", f"{_GROUP}/members", operations.join, takes_body=True),
    OperationSpec("leaveGroup", "DELETE", f"{_GROUP}/members/me", operations.leave),
    OperationSpec(
        "removeGroupMember", "DELETE", f"{_GROUP}/members/{{user_id}}", operations.remove_member
    ),
    OperationSpec(
        "getGroupInvitations", "GET", f"{_GROUP}/invitations", operations.list_invitations
    ),
    OperationSpec(
        "createGroupInvitation", "POST", f"{_GROUP}/invitations", operations.invite, takes_body=True
    ),
    OperationSpec(
        "revokeGroupInvitation",
        "DELETE",
        f"{_GROUP}/invitations/{{invitation_id}}",
        operations.revoke_invitation,
    ),
    OperationSpec("getGroupInvite", "GET", f"{_GROUP}/invite", operations.get_invite_code),
    OperationSpec("createGroupInvite", "POST", f"{_GROUP}/invite", operations.create_invite_code),
    OperationSpec("deleteGroupInvite", "DELETE", f"{_GROUP}/invite", operations.delete_invite_code),
    OperationSpec(
        "getGroupContents", "GET", f"{_GROUP}/contents", operations.list_contents, guests=True
    ),
    OperationSpec(
        "getGroupFollowers", "GET", f"{_GROUP}/followers", operations.list_followers, guests=True
    ),
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
    segments = decoded_segments(raw_path)
    for template, methods in _TABLE.items():
        values = match_template(template.split("/"), segments)
        if values is not None:
            if method in _UNSERVED_METHODS.get(template, ()):
                raise not_served()
            return RouteMatch(_for_method(methods, method), values)
    if any(match_template(template, segments) is not None for template in _UNSERVED_TEMPLATES):
        raise not_served()
    raise not_found("path")


def decoded_segments(raw_path: str) -> list[str]:
    """Return the decoded parts of a path. Raises the 404 of a path that is not UTF-8."""
    # Split before decoding: an encoded slash is part of a name, not a separator.
    try:
        return [unquote_to_bytes(segment).decode() for segment in raw_path.split("/")]
    except UnicodeError:
        raise not_found("path") from None


def match_template(template: list[str], segments: list[str]) -> dict[str, str] | None:
    """Return the values of the parameters of a template, None if the path does not match it."""
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
