"""What each route of the control surface does: functions of the sandbox, a path and fields."""

from collections.abc import Mapping
from typing import Any, cast

import attrs

from arena_groups.sandbox import control_views as views
from arena_groups.sandbox.backend import SandboxNotFoundError
from arena_groups.sandbox.control_request import ANSWER_HEADERS, ControlContext, ControlError
from arena_groups.sandbox.entities import GroupRecord, InvitationRecord, JSONObject, UserRecord
from arena_groups.sandbox.event_feed import EventWriter
from arena_groups.sandbox.faults.registry import InjectedFault
from arena_groups.sandbox.names import as_id
from arena_groups.sandbox.server_protocol import SerializedResponse

Values = Mapping[str, str]
"""The values of the parameters in a path."""


def _found_group(context: ControlContext, path: Values) -> GroupRecord:
    group = context.backend.find_group(path["group"])
    if group is None:
        raise SandboxNotFoundError(f"there is no group {path['group']!r} in the sandbox")
    return group


def _found_user(context: ControlContext, ref: int | str) -> UserRecord:
    user = context.backend.find_user(ref)
    if user is None:
        raise SandboxNotFoundError(f"there is no user {ref!r} in the sandbox")
    return user


def _found_invitation(context: ControlContext, path: Values) -> InvitationRecord:
    invitation = context.backend.invitations.get(as_id(path["id"]) or 0)
    if invitation is None:
        raise SandboxNotFoundError(f"there is no invitation {path['id']!r} in the sandbox")
    return invitation


def _group(context: ControlContext, group: GroupRecord) -> JSONObject:
    return views.group_view(context.backend, group)


def _invitation(context: ControlContext, invitation: InvitationRecord) -> JSONObject:
    return views.invitation_view(context.backend, invitation, context.control.url)


# State


def get_state(context: ControlContext, _path: Values, _fields: JSONObject) -> JSONObject:
    """Return what a client needs to know, and the time."""
    return {**context.control.describe(), "now": context.control.now.isoformat()}


def advance(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Move the clock forward, and return the time."""
    context.control.advance(cast("float", fields["seconds"]))
    return {"now": context.control.now.isoformat()}


def reset(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Start again, and return the state."""
    context.control.reset(seed=cast("int | None", fields.get("seed")))
    return get_state(context, path, {})


# Groups


def list_groups(context: ControlContext, _path: Values, _fields: JSONObject) -> JSONObject:
    """Return all groups, oldest first."""
    return {"groups": [_group(context, each) for each in context.backend.groups.values()]}


def add_group(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Add a group with so many members, followers and invitations, and return it."""
    control, options = context.control, cast("dict[str, Any]", dict(fields))
    added = {name: options.pop(name, 0) for name in ("members", "followers", "invitations")}
    group = control.add_group(**options)
    control.add_members(group, added["members"])
    control.add_followers(group, added["followers"])
    control.add_invitations(group, added["invitations"])
    return _group(context, context.backend.groups[group])


def get_group(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Return a group with its members and pending invitations."""
    limit = cast("int | None", fields.get("limit"))
    group = _found_group(context, path)
    return views.group_details(context.backend, group, context.control.url, limit)


def join_group(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Let a user join a group, and return the group."""
    group = _found_group(context, path)
    context.control.join_group(group.id, cast("int | str", fields["user"]))
    return _group(context, group)


def leave_group(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Let a member leave a group, and return the group."""
    group = _found_group(context, path)
    context.control.leave_group(group.id, cast("int | str", fields["user"]))
    return _group(context, group)


def transfer_group(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Make a member the owner of a group, and return the group."""
    group = _found_group(context, path)
    context.control.transfer_ownership(group.id, cast("int | str", fields["user"]))
    return _group(context, group)


def add_members(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Add new members to a group, and return their ids."""
    group = _found_group(context, path)
    return {"users": context.control.add_members(group.id, cast("int", fields["count"]))}


def add_followers(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Add new followers of a group, and return their ids."""
    group = _found_group(context, path)
    return {"users": context.control.add_followers(group.id, cast("int", fields["count"]))}


def add_invitations(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Add pending invitations to a group, and return their ids."""
    group = _found_group(context, path)
    return {"invitations": context.control.add_invitations(group.id, cast("int", fields["count"]))}


# Users


def list_users(context: ControlContext, _path: Values, _fields: JSONObject) -> JSONObject:
    """Return all users, oldest first."""
    return {"users": [views.account_view(each) for each in context.backend.users.values()]}


def get_user(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Return a user."""
    return views.account_view(_found_user(context, path["user"]))


def add_user(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Add a user, and return the user."""
    number = context.control.add_user(**cast("dict[str, Any]", fields))
    return views.account_view(context.backend.users[number])


def follow(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Let a user follow another one, and return the follower."""
    user = _found_user(context, path["user"])
    context.control.follow(user.id, cast("int | str", fields["user"]))
    return views.account_view(user)


def unfollow(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Let a user stop following another one, and return the former follower."""
    user = _found_user(context, path["user"])
    context.control.unfollow(user.id, cast("int | str", fields["user"]))
    return views.account_view(user)


def rename_user(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Change the name of a user, and perhaps the slug, and return the user."""
    user = _found_user(context, path["user"])
    context.control.rename_user(user.id, **cast("dict[str, Any]", fields))
    return views.account_view(user)


def new_token(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Return a new token of a user."""
    user = _found_user(context, path["user"])
    token = context.control.token_for(user.id, write=cast("bool", fields.get("write", True)))
    return {"token": token, "user": views.user_view(user)}


def allow_inviting(context: ControlContext, path: Values, fields: JSONObject) -> JSONObject:
    """Set whether a user may invite addresses without an account, and return the user."""
    user = _found_user(context, path["user"])
    allowed = cast("bool", fields["allowed"])
    context.control.allow_inviting_new_addresses(user.id, allowed=allowed)
    return views.account_view(user)


# Invitations and emails


def get_invitation(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Return an invitation."""
    return _invitation(context, _found_invitation(context, path))


def accept_invitation(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Accept an invitation as its invitee, and return the invitation."""
    invitation = _found_invitation(context, path)
    context.control.accept_invitation(invitation.id)
    return _invitation(context, invitation)


def decline_invitation(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Decline an invitation as its invitee, and return the invitation."""
    invitation = _found_invitation(context, path)
    context.control.decline_invitation(invitation.id)
    return _invitation(context, invitation)


def list_emails(context: ControlContext, _path: Values, _fields: JSONObject) -> JSONObject:
    """Return the emails "sent" so far, oldest first."""
    backend, url = context.backend, context.control.url
    return {"emails": [views.email_view(backend, each, url) for each in backend.emails]}


# OAuth


def add_application(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Register an app, and return it with its credentials."""
    options = cast("dict[str, Any]", dict(fields))
    app = context.control.add_application(
        options.pop("name"), *options.pop("redirect_uris"), **options
    )
    return {**attrs.asdict(app), "redirect_uris": list(app.redirect_uris)}


def approve_authorization(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Approve the OAuth request of an app, and return where the browser goes."""
    user = cast("int | str | None", fields.get("user"))
    url = cast("str", fields["url"])
    return {"location": context.control.approve_authorization(url, user=user)}


def deny_authorization(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Deny the OAuth request of an app, and return where the browser goes."""
    return {"location": context.control.deny_authorization(cast("str", fields["url"]))}


# Faults


def list_faults(context: ControlContext, _path: Values, _fields: JSONObject) -> JSONObject:
    """Return the faults in place, oldest first."""
    return {"faults": [views.fault_view(each) for each in context.control.faults]}


def list_available_faults(
    _context: ControlContext, _path: Values, _fields: JSONObject
) -> JSONObject:
    """Return every kind of fault."""
    return views.available_faults()


def add_fault(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Add a fault by its spec, or by its name and options, and return it."""
    spec, name = fields.pop("spec", None), fields.pop("fault", None)
    if not isinstance(name if spec is None else spec, str) or (spec and (name or fields)):
        raise ControlError(400, "Name a fault: as spec alone, or as fault with options.")
    faults = context.control.faults
    if isinstance(spec, str):
        return views.fault_view(faults.add_spec(spec))
    options = {option: _as_ids(option, value) for option, value in fields.items()}
    return views.fault_view(faults.add_named(str(name), **options))


def _as_ids(option: str, value: object) -> object:
    """Return a list of JSON as a set of ids, and other values unchanged."""
    if not isinstance(value, list):
        return value
    ids = cast("list[object]", value)
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in ids):
        raise ControlError(400, f"The field {option} must be a list of ids.")
    return frozenset(ids)


def clear_faults(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Remove all faults."""
    context.control.faults.clear()
    return list_faults(context, path, {})


def remove_fault(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Remove a fault, and return the others."""
    _found_fault(context, path["id"]).remove()
    return list_faults(context, path, {})


def _found_fault(context: ControlContext, given: str) -> InjectedFault:
    for each in context.control.faults:
        if each.id == as_id(given):
            return each
    raise SandboxNotFoundError(f"there is no fault {given!r} in the sandbox")


# Requests and events


def list_requests(context: ControlContext, _path: Values, fields: JSONObject) -> JSONObject:
    """Return the requests after a number, oldest first, and the number of the newest."""
    after, log = cast("int", fields.get("after", 0)), context.request_log
    found = [views.request_view(each) for each in log if each.record.number > after]
    return {"requests": found, "newest": log.newest}


def clear_requests(context: ControlContext, path: Values, _fields: JSONObject) -> JSONObject:
    """Clear the list of requests. Their numbers go on."""
    context.control.clear_requests()
    return list_requests(context, path, {})


def stream_events(
    context: ControlContext, _path: Values, _fields: JSONObject
) -> SerializedResponse:
    """Return the stream of events."""
    headers = {"Content-Type": "text/event-stream; charset=utf-8", **ANSWER_HEADERS}
    return SerializedResponse(200, headers, writer=EventWriter(context.events))
