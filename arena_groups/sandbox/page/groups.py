"""The groups of the page, and the page of one group with its members and invitations."""

from collections.abc import Mapping
from itertools import chain
from typing import Final
from xml.etree.ElementTree import Element

from arena_groups.sandbox.backend import Backend, SandboxNotFoundError
from arena_groups.sandbox.entities import GroupRecord
from arena_groups.sandbox.page.html import (
    PAGE_PATH,
    Content,
    document,
    live_part,
    moment,
    problem_note,
    section,
    shorten,
    table,
    tag,
    user_text,
)
from arena_groups.sandbox.page.inbox import InvitationView, answer_form, email_path
from arena_groups.sandbox.page.lists import pager, take_part

GROUPS: Final = 10
"""The number of groups that the first page shows at a time."""

_PENDING_COLUMNS: Final = ("Invitee", "Address", "Invited by", "Sent (UTC)", "Answer")


def group_list(backend: Backend, query: Mapping[str, str]) -> tuple[Content, ...]:
    """Return the list of all groups."""
    part = take_part(
        backend.groups.values(), len(backend.groups), query.get("groups", ""), rows=GROUPS
    )
    if not backend.groups:
        return (tag("p", "There are no groups.", class_="empty"),)
    rows = (
        (
            tag(
                "span",
                tag("a", user_text(group.name), href=f"{PAGE_PATH}?group={group.id}"),
                tag("small", tag("code", user_text(group.slug))),
            ),
            len(group.members) + 1,
            len(group.pending),
            _visibility(group),
        )
        for group in part.items
    )
    return (
        table("Groups", ("Group", "Members", "Pending", "Visibility"), rows),
        pager(part, query, "groups", "groups"),
    )


def group_page(backend: Backend, query: Mapping[str, str], problem: str | None = None) -> Element:
    """Return the page of one group. Raises `SandboxNotFoundError` if there is no such group."""
    group = backend.find_group(query["group"])
    if group is None:
        raise SandboxNotFoundError(f"there is no group {shorten(query['group'])!r} in the sandbox")
    return document(
        group.name,
        tag("p", tag("a", "Back to the sandbox", href=f"{PAGE_PATH}#groups")),
        tag("h1", user_text(group.name)),
        tag("p", tag("code", user_text(group.slug)), f", id {group.id}, {_visibility(group)}"),
        live_part("problem", problem_note(problem)),
        section("members", "Members", live_part("members", *_members(backend, group, query))),
        section(
            "pending",
            "Pending invitations",
            live_part("pending", *_pending(backend, group, query)),
        ),
    )


def _visibility(group: GroupRecord) -> str:
    return "private" if group.private else "public"


def _members(backend: Backend, group: GroupRecord, query: Mapping[str, str]) -> tuple[Content, ...]:
    ids = chain([group.owner_id], reversed(group.members))
    part = take_part(ids, len(group.members) + 1, query.get("members", ""))
    users = (backend.users[each] for each in part.items)
    rows = (
        (
            user_text(user.name),
            tag("code", user_text(user.slug)),
            user.id,
            "owner" if user.id == group.owner_id else "member",
        )
        for user in users
    )
    return (
        table("Members, the owner and then the newest first", ("Name", "Slug", "Id", "Role"), rows),
        pager(part, query, "members", "members"),
    )


def _pending(backend: Backend, group: GroupRecord, query: Mapping[str, str]) -> tuple[Content, ...]:
    if not group.pending:
        return (tag("p", "No invitation is pending.", class_="empty"),)
    records = reversed(group.pending.values())
    part = take_part(records, len(group.pending), query.get("pending", ""))
    views = [InvitationView.of(backend, each) for each in part.items]
    rows = (
        (
            tag("a", user_text(view.invitee), href=email_path(view.id)),
            user_text(view.address or ""),
            user_text(view.inviter),
            moment(view.created_at),
            answer_form(view, section="pending"),
        )
        for view in views
    )
    return (
        table("Pending invitations, newest first", _PENDING_COLUMNS, rows),
        pager(part, query, "pending", "pending"),
    )
