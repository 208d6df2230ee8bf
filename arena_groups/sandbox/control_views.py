"""Records of a sandbox as JSON, for its control surface."""

from itertools import islice

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import (
    GroupRecord,
    InvitationRecord,
    JSONObject,
    LogEntry,
    SentEmail,
    UserRecord,
)
from arena_groups.sandbox.faults.base import Fault
from arena_groups.sandbox.faults.kinds import describe_faults, target_options
from arena_groups.sandbox.faults.registry import InjectedFault

CONTROL_PREFIX = "/__sandbox__"
"""Start of the paths of the control surface."""


def user_view(user: UserRecord) -> JSONObject:
    """Return the id, slug and name of a user."""
    return {"id": user.id, "slug": user.slug, "name": user.name}


def account_view(user: UserRecord) -> JSONObject:
    """Return a user with what only the sandbox shows of an account."""
    return {
        **user_view(user),
        "email": user.email,
        "tier": user.tier,
        "confirmed": user.confirmed,
        "may_invite_new_addresses": user.may_invite_new_addresses,
    }


def group_view(backend: Backend, group: GroupRecord) -> JSONObject:
    """Return a group, with the number of its members, the owner included."""
    return {
        "id": group.id,
        "slug": group.slug,
        "name": group.name,
        "private": group.private,
        "description": group.description,
        "owner": user_view(backend.users[group.owner_id]),
        "member_count": len(group.members) + 1,
        "pending_count": len(group.pending),
        "follower_count": len(group.followers),
    }


def group_details(
    backend: Backend, group: GroupRecord, base_url: str, limit: int | None = None
) -> JSONObject:
    """Return a group with its members, the owner first, and its pending invitations.

    Both lists are newest first, and have at most `limit` entries.
    """
    people = [group.owner_id, *reversed(group.members)]
    return {
        **group_view(backend, group),
        "members": [
            {**user_view(backend.users[each]), "role": "member" if position else "owner"}
            for position, each in enumerate(islice(people, limit))
        ],
        "pending": [
            invitation_view(backend, each, base_url)
            for each in islice(reversed(group.pending.values()), limit)
        ],
    }


def invitation_view(backend: Backend, invitation: InvitationRecord, base_url: str) -> JSONObject:
    """Return an invitation, with the link to the page where its invitee answers it."""
    invitee = invitation.invitee_id
    return {
        "id": invitation.id,
        "group": backend.groups[invitation.group_id].slug,
        "invitee": None if invitee is None else user_view(backend.users[invitee]),
        "email": invitation.email,
        "inviter": user_view(backend.users[invitation.invited_by]),
        "state": invitation.state,
        "created_at": invitation.created_at.isoformat(),
        "link": invitation_link(invitation.id, base_url),
    }


def invitation_link(invitation_id: int, base_url: str) -> str:
    """Return the link in the email of an invitation."""
    return f"{base_url}{CONTROL_PREFIX}/emails/{invitation_id}"


def email_view(backend: Backend, email: SentEmail, base_url: str) -> JSONObject:
    """Return an email. Of a deleted group, the slug is null and the state `deleted`."""
    group = backend.groups.get(email.group_id)
    invitation = backend.invitations.get(email.invitation_id)
    return {
        "id": email.invitation_id,
        "invitation_id": email.invitation_id,
        "address": email.address,
        "group": {
            "id": email.group_id,
            "slug": group.slug if group else None,
            "name": email.group_name,
        },
        "inviter": {"id": email.inviter_id, "name": email.inviter_name},
        "subject": email.subject,
        "sent_at": email.sent_at.isoformat(),
        "state": invitation.state if invitation else "deleted",
        "link": invitation_link(email.invitation_id, base_url),
    }


def request_view(entry: LogEntry) -> JSONObject:
    """Return a request. Until it is finished, its status is null."""
    record = entry.record
    return {
        "number": record.number,
        "received_at": record.received_at.isoformat() if record.received_at else None,
        "method": record.method,
        "path": record.path,
        "query": dict(record.query),
        "operation": record.operation,
        "status": record.status,
        "executed": record.executed,
        "faults": list(record.faults),
        "finished": entry.finished,
    }


def fault_view(injected: InjectedFault) -> JSONObject:
    """Return a fault in place, with its options and the number of requests it was applied to."""
    target = injected.target
    return {
        "id": injected.id,
        "fault": injected.fault.name(),
        "options": _options(injected.fault),
        "operation": target.operation,
        "method": target.method,
        "route": target.route,
        "times": target.times,
        "skip": target.skip,
        "probability": target.probability,
        "call_count": injected.call_count,
    }


def available_faults() -> JSONObject:
    """Return every kind of fault, and the options that all of them have."""
    kinds = [
        {"name": each.name, "summary": each.summary, "options": list(each.options)}
        for each in describe_faults()
    ]
    return {"faults": kinds, "common_options": target_options()}


def _options(fault: Fault) -> JSONObject:
    return {
        field.name: _plain(getattr(fault, field.name))
        for field in attrs.fields(type(fault))
        if field.init
    }


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, frozenset):  # the ids in `keep`
        return sorted(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return repr(value)
