"""State as JSON: texts, lists, pages, and one method per schema of the API document."""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import attrs

from arena_groups.sandbox.backend import Backend, InvitationOutcome
from arena_groups.sandbox.entities import (
    BlockRecord,
    ChannelRecord,
    ConnectionRecord,
    ContentRecord,
    FollowedKind,
    GroupRecord,
    InvitationRecord,
    InviteCodeRecord,
    JSONObject,
    UserRecord,
)
from arena_groups.sandbox.permissions import (
    block_permissions,
    can_read,
    can_see_content,
    channel_permissions,
    group_collaborates,
    group_permissions,
    is_owner,
)
from arena_groups.sandbox.validation import PageParams, choice

_LINK = re.compile(r"\[([^\[\]]+)\]\((https?://[^\s()]+)\)")
_STRONG = re.compile(r"\*\*([^*\n]+)\*\*")
_EMPHASIS = re.compile(r"\*([^*\n]+)\*")

_T = TypeVar("_T")

_Dated = TypeVar("_Dated", ContentRecord, GroupRecord)

_TIMES = ("created_at_desc", "created_at_asc", "updated_at_desc", "updated_at_asc")
CONTENT_SORTS = _TIMES
GROUP_SORTS = ("name_asc", "name_desc", *_TIMES)
FOLLOWER_SORTS = ("created_at_desc", "created_at_asc")
FOLLOWED_KINDS = ("User", "Channel", "Group")
CONTENT_TYPES = ("Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block")

PUBLIC_SITE = "https://www.are.na"


def initials(name: str) -> str:
    """Return the first letters of the first two words, in capitals."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def timestamp(moment: datetime) -> str:
    """Return a time in the format of the API: UTC, whole seconds, a trailing Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def markdown(source: str) -> dict[str, object]:
    """Return the three renderings of a text: as written, as HTML (escaped), and plain."""
    return {"markdown": source, "html": _as_html(source), "plain": _as_plain(source)}


def _as_html(source: str) -> str:
    paragraphs = [part for part in re.split(r"\n{2,}", source) if part.strip()]
    return "".join(f"<p>{_inline_html(paragraph.strip())}</p>" for paragraph in paragraphs)


def _inline_html(paragraph: str) -> str:
    # Escaping comes first, so that no text adds a tag; URLs are excluded from emphasis.
    pieces: list[str] = []
    end = 0
    escaped = html.escape(paragraph)
    for link in _LINK.finditer(escaped):
        pieces += [_emphasise(escaped[end : link.start()]), _anchor(link[1], link[2])]
        end = link.end()
    return "".join([*pieces, _emphasise(escaped[end:])])


def _anchor(words: str, url: str) -> str:
    return f'<a href="{url}" target="_blank" rel="nofollow noopener">{_emphasise(words)}</a>'


def _emphasise(escaped: str) -> str:
    strong = _STRONG.sub(r"<strong>\1</strong>", escaped)
    return _EMPHASIS.sub(r"<em>\1</em>", strong).replace("\n", "<br>")


def _as_plain(source: str) -> str:
    without_links = _LINK.sub(r"\1 (\2)", source)
    return _EMPHASIS.sub(r"\1", _STRONG.sub(r"\1", without_links))


def page_of(items: Sequence[_T], params: PageParams) -> tuple[Sequence[_T], JSONObject]:
    """Return the items of one page (none beyond the end) and its `meta`."""
    return items[params.start : params.start + params.per], page_meta(len(items), params)


def page_meta(total: int, params: PageParams) -> JSONObject:
    """Return the `meta` of a page of a list with this many items."""
    pages = -(-total // params.per)
    has_more = params.page < pages
    return {
        "current_page": params.page,
        "next_page": params.page + 1 if has_more else None,
        "prev_page": params.page - 1 if params.page > 1 else None,
        "per_page": params.per,
        "total_pages": pages,
        "total_count": total,
        "has_more_pages": has_more,
    }


def visible_members(
    backend: Backend, group: GroupRecord, *, viewer: UserRecord | None
) -> list[int]:
    """Return the ids of the owner, then of members, newest first.

    Members who are not confirmed are shown to the owner only.
    """
    newest_first = reversed(group.members)
    if is_owner(group, viewer):
        return [group.owner_id, *newest_first]
    return [group.owner_id, *(each for each in newest_first if backend.users[each].confirmed)]


def followers_of(followed: GroupRecord | UserRecord, *, newest_first: bool) -> list[int]:
    """Return the ids of the followers of a group or user in the order in which they followed it."""
    return list(reversed(followed.followers) if newest_first else followed.followers)


def followed_by(
    renderer: "JSONRenderer", user: UserRecord, kind: str | None, *, newest_first: bool
) -> list[JSONObject]:
    """Return what a user follows, of one kind or of all, as far as the viewer may see it."""
    rendered = (renderer.followed(*each) for each in user.following if kind in {None, each[0]})
    found = [each for each in rendered if each is not None]
    return found[::-1] if newest_first else found


def wants_newest_first(query: Mapping[str, str]) -> bool:
    """Return whether a list of followers or of what is followed is requested newest first."""
    return choice(query, "sort", FOLLOWER_SORTS) != "created_at_asc"


def visible_contents(group: GroupRecord, *, viewer: UserRecord | None) -> list[ContentRecord]:
    """Return the contents that the viewer may see."""
    return [each for each in group.contents if can_see_content(group, each, viewer)]


def content_filter(query: Mapping[str, str]) -> Callable[[ContentRecord], bool]:
    """Return the predicate of the `type` parameter."""
    wanted = choice(query, "type", CONTENT_TYPES)

    def keep(content: ContentRecord) -> bool:
        match wanted:
            case None:
                return True
            case "Channel":
                return isinstance(content, ChannelRecord)
            case "Block":
                return isinstance(content, BlockRecord)
            case kind:
                return isinstance(content, BlockRecord) and content.kind == kind

    return keep


def content_order(
    query: Mapping[str, str],
) -> Callable[[Iterable[ContentRecord]], list[ContentRecord]]:
    """Return the order of the `sort` parameter, by default newest first."""
    sort = choice(query, "sort", CONTENT_SORTS) or "created_at_desc"
    return lambda items: _by_time(items, sort)


def group_order(query: Mapping[str, str]) -> Callable[[Iterable[GroupRecord]], list[GroupRecord]]:
    """Return the order of the `sort` parameter, by default by name."""
    sort = choice(query, "sort", GROUP_SORTS) or "name_asc"
    if sort.startswith("name"):
        return lambda items: sorted(items, key=_by_name, reverse=sort == "name_desc")
    return lambda items: _by_time(items, sort)


def _by_name(group: GroupRecord) -> tuple[str, int]:
    return group.name.casefold(), group.id


def _by_time(items: Iterable[_Dated], sort: str) -> list[_Dated]:
    field, direction = sort.rsplit("_", 1)

    def key(item: _Dated) -> tuple[datetime, int]:
        return (item.created_at if field == "created_at" else item.updated_at), item.id

    # A block and a channel may tie in both keys, so one order is the reverse of the other.
    ascending = sorted(items, key=key)
    return ascending if direction == "asc" else ascending[::-1]


@attrs.frozen
class JSONRenderer:
    """Renderer of records as `viewer` sees them. Links start with `base_url`."""

    backend: Backend
    base_url: str
    viewer: UserRecord | None

    def embedded_user(self, user: UserRecord) -> JSONObject:
        """Return an EmbeddedUser."""
        return {
            "id": user.id,
            "type": "User",
            "name": user.name,
            "slug": user.slug,
            "avatar": user.avatar,
            "initials": initials(user.name),
        }

    def user(self, user: UserRecord) -> JSONObject:
        """Return a User."""
        path = f"users/{user.slug}"
        return {
            **self.embedded_user(user),
            "created_at": timestamp(user.created_at),
            "updated_at": timestamp(user.updated_at),
            **_optional("bio", _rendered(user.bio), sparse=user.sparse),
            "badge": user.badge,
            "tier": user.tier,
            "counts": _user_counts(user),
            "_links": self._links(
                path,
                groups=f"{path}/groups",
                followers=f"{path}/followers",
                following=f"{path}/following",
            ),
        }

    def me(self, user: UserRecord) -> JSONObject:
        """Return a Me: the user, and the fields only that user sees."""
        unread = user.notifications + sum(
            each.group_id in self.backend.groups for each in user.additions
        )
        counts: JSONObject = {**_user_counts(user), "notifications": unread}
        return {**self.user(user), "counts": counts, "email": user.email}

    def member(self, group: GroupRecord, user: UserRecord) -> JSONObject:
        """Return a GroupMember."""
        role = "owner" if is_owner(group, user) else "member"
        return {**self.embedded_user(user), "role": role}

    def embedded_group(self, group: GroupRecord) -> JSONObject:
        """Return an EmbeddedGroup."""
        return {
            "id": group.id,
            "type": "Group",
            "name": group.name,
            "slug": group.slug,
            "avatar": self.backend.avatar_of(group),
            "initials": initials(group.name),
        }

    def group(self, group: GroupRecord) -> JSONObject:
        """Return a Group."""
        owner = self.backend.users[group.owner_id]
        path = f"groups/{group.slug}"
        return {
            **self.embedded_group(group),
            **_optional("description", _rendered(group.description), sparse=group.sparse),
            "created_at": timestamp(group.created_at),
            "updated_at": timestamp(group.updated_at),
            "user": self.embedded_user(owner),
            "counts": {"channels": _own_channels(group), "users": 1 + len(group.members)},
            "can": attrs.asdict(group_permissions(group, self.viewer)),
            "_links": self._links(
                path,
                user=f"users/{owner.slug}",
                members=f"{path}/members",
                contents=f"{path}/contents",
                followers=f"{path}/followers",
            ),
        }

    def invitation(self, invitation: InvitationRecord) -> JSONObject:
        """Return a MembershipInvitation."""
        users = self.backend.users
        invitee, accepted = invitation.invitee_id, invitation.accepted_at
        return {
            "id": invitation.id,
            "type": "MembershipInvitation",
            "target": self.embedded_group(self.backend.groups[invitation.group_id]),
            "invitee": None if invitee is None else self.embedded_user(users[invitee]),
            "invitee_email": invitation.email,
            "invited_by": self.embedded_user(users[invitation.invited_by]),
            "state": invitation.state,
            "accepted_at": None if accepted is None else timestamp(accepted),
            "created_at": timestamp(invitation.created_at),
            "updated_at": timestamp(invitation.updated_at),
            "_links": {},
        }

    def invite_result(self, result: InvitationOutcome) -> JSONObject:
        """Return a GroupMemberInviteResponse."""
        user, invitation = result.user, result.invitation
        return {
            "outcome": result.outcome,
            "user": None if user is None else self.embedded_user(user),
            "invitation": None if invitation is None else self.invitation(invitation),
        }

    def invite_code(self, group: GroupRecord, invite: InviteCodeRecord) -> JSONObject:
        """Return a GroupInvite."""
        return {
            "id": invite.id,
            "type": "GroupInvite",
            "code": invite.code,
            "url": f"{PUBLIC_SITE}/group/{group.slug}/invite/{invite.code}",
            "created_at": timestamp(invite.created_at),
            "updated_at": timestamp(invite.updated_at),
            "_links": self._links(f"groups/{group.slug}/invite", group=f"groups/{group.slug}"),
        }

    def followed(self, kind: FollowedKind, number: int) -> JSONObject | None:
        """Return a User, Group or Channel; None if it is deleted or the viewer may not see it."""
        if kind == "User":
            return self.user(self.backend.users[number])
        if kind == "Group":
            group = self.backend.groups.get(number)
            visible = group is not None and can_read(group, self.viewer)
            return self.group(group) if group is not None and visible else None
        found = self.backend.find_channel(number)
        visible = found is not None and can_see_content(*found, self.viewer)
        return self._channel(*found) if found is not None and visible else None

    def content(self, group: GroupRecord, content: ContentRecord) -> JSONObject:
        """Return a block of any kind, or a Channel."""
        if isinstance(content, ChannelRecord):
            return self._channel(group, content)
        return self._block(content)

    def connected(self, group: GroupRecord, connection: ConnectionRecord) -> JSONObject:
        """Return a block or a Channel, with its place in the channel that lists it."""
        user = self.embedded_user(self.backend.users[connection.user_id])
        place: JSONObject = {
            "id": connection.id,
            "position": connection.position,
            "pinned": connection.pinned,
            **_optional("metadata", connection.metadata, sparse=connection.sparse),
            "connected_at": timestamp(connection.connected_at),
            "connected_by": user if connection.position % 7 else None,
        }
        return {**self.content(group, connection.content), "connection": place}

    def _block(self, block: BlockRecord) -> JSONObject:
        author = self.backend.users[block.user_id]
        rendered: JSONObject = {
            "id": block.id,
            "base_type": "Block",
            "type": block.kind,
            **_optional("title", block.title, sparse=block.sparse),
            **_optional("description", _rendered(block.description), sparse=block.sparse),
            "state": block.state,
            "visibility": block.visibility,
            "comment_count": block.comment_count,
            "created_at": timestamp(block.created_at),
            "updated_at": timestamp(block.updated_at),
            "user": self.embedded_user(author),
            **_optional("metadata", block.metadata, sparse=block.sparse),
            **_optional("source", block.source, sparse=block.sparse),
            "_links": self._links(f"blocks/{block.id}", user=f"users/{author.slug}"),
            **block.kind_fields,
        }
        if not block.sparse:
            rendered["can"] = attrs.asdict(block_permissions(block, self.viewer))
        return rendered

    def _channel(self, group: GroupRecord, channel: ChannelRecord) -> JSONObject:
        rendered: JSONObject = {
            "id": channel.id,
            "type": "Channel",
            "slug": channel.slug,
            "title": channel.title,
            **_optional("description", _rendered(channel.description), sparse=channel.sparse),
            "state": "available",
            "visibility": channel.visibility,
            "created_at": timestamp(channel.created_at),
            "updated_at": timestamp(channel.updated_at),
            **_optional("metadata", channel.metadata, sparse=channel.sparse),
            "owner": self._channel_owner(group, channel),
            "counts": {
                "blocks": channel.blocks,
                "channels": channel.channels,
                "contents": channel.blocks + channel.channels,
                "collaborators": len(self._collaborators(group, channel)),
            },
            "_links": self._links(
                f"channels/{channel.slug}", contents=f"channels/{channel.slug}/contents"
            ),
        }
        if not channel.sparse:
            rendered["collaborators"] = self._collaborators(group, channel)
            rendered["can"] = attrs.asdict(channel_permissions(group, channel, self.viewer))
        return rendered

    def _channel_owner(self, group: GroupRecord, channel: ChannelRecord) -> JSONObject:
        if channel.owner_id is None:
            return self.embedded_group(group)
        return self.embedded_user(self.backend.users[channel.owner_id])

    def _collaborators(self, group: GroupRecord, channel: ChannelRecord) -> list[JSONObject]:
        users = [self.embedded_user(self.backend.users[each]) for each in channel.collaborator_ids]
        return [self.embedded_group(group), *users] if group_collaborates(channel) else users

    def _links(self, path: str, **others: str) -> JSONObject:
        return {
            name: {"href": f"{self.base_url}/v3/{each}"}
            for name, each in {"self": path, **others}.items()
        }


def _optional(name: str, value: object, *, sparse: bool) -> JSONObject:
    """Return a field with its value, as null, or (in sparse records) not at all."""
    return {} if value is None and sparse else {name: value}


def _rendered(source: str | None) -> JSONObject | None:
    return None if source is None else markdown(source)


def _user_counts(user: UserRecord) -> JSONObject:
    return {
        "channels": user.channels,
        "followers": len(user.followers),
        "following": sum(kind == "User" for kind, _ in user.following),
    }


def _own_channels(group: GroupRecord) -> int:
    return sum(isinstance(each, ChannelRecord) and each.owner_id is None for each in group.contents)
