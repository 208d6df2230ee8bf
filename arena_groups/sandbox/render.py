"""State as JSON: one method per schema of the API document."""

import attrs

from arena_groups.sandbox.entities import (
    Block,
    Channel,
    Content,
    Group,
    Invitation,
    InviteCode,
    JSONObject,
    Person,
)
from arena_groups.sandbox.rules import (
    abilities,
    block_abilities,
    channel_abilities,
    group_collaborates,
    is_owner,
)
from arena_groups.sandbox.state import InviteResult, World
from arena_groups.sandbox.text import initials, markdown, timestamp

PUBLIC_SITE = "https://www.are.na"


@attrs.frozen
class Renderer:
    """Renders the world as `viewer` may see it; links start with `base_url` (no slash after)."""

    world: World
    base_url: str
    viewer: Person | None

    def embedded_user(self, person: Person) -> JSONObject:
        """EmbeddedUser."""
        return {
            "id": person.id,
            "type": "User",
            "name": person.name,
            "slug": person.slug,
            "avatar": person.avatar,
            "initials": initials(person.name),
        }

    def user(self, person: Person) -> JSONObject:
        """User."""
        return {
            **self.embedded_user(person),
            "created_at": timestamp(person.created_at),
            "updated_at": timestamp(person.updated_at),
            **_optional("bio", _rendered(person.bio), sparse=person.sparse),
            "badge": person.badge,
            "tier": person.tier,
            "counts": _user_counts(person),
            "_links": self._links(f"users/{person.slug}", groups=f"users/{person.slug}/groups"),
        }

    def me(self, person: Person) -> JSONObject:
        """Me: the whole user, and what is for the user's own eyes."""
        counts: JSONObject = {**_user_counts(person), "notifications": person.notifications}
        return {**self.user(person), "counts": counts, "email": person.email}

    def member(self, group: Group, person: Person) -> JSONObject:
        """GroupMember."""
        role = "owner" if is_owner(group, person) else "member"
        return {**self.embedded_user(person), "role": role}

    def embedded_group(self, group: Group) -> JSONObject:
        """EmbeddedGroup."""
        return {
            "id": group.id,
            "type": "Group",
            "name": group.name,
            "slug": group.slug,
            "avatar": self.world.avatar_of(group),
            "initials": initials(group.name),
        }

    def group(self, group: Group) -> JSONObject:
        """Group."""
        owner = self.world.people[group.owner_id]
        path = f"groups/{group.slug}"
        return {
            **self.embedded_group(group),
            **_optional("description", _rendered(group.description), sparse=group.sparse),
            "created_at": timestamp(group.created_at),
            "updated_at": timestamp(group.updated_at),
            "user": self.embedded_user(owner),
            "counts": {"channels": _own_channels(group), "users": 1 + len(group.members)},
            "can": attrs.asdict(abilities(group, self.viewer)),
            "_links": self._links(
                path,
                user=f"users/{owner.slug}",
                members=f"{path}/members",
                contents=f"{path}/contents",
                followers=f"{path}/followers",
            ),
        }

    def invitation(self, invitation: Invitation) -> JSONObject:
        """MembershipInvitation."""
        people = self.world.people
        invitee, accepted = invitation.invitee_id, invitation.accepted_at
        return {
            "id": invitation.id,
            "type": "MembershipInvitation",
            "target": self.embedded_group(self.world.groups[invitation.group_id]),
            "invitee": None if invitee is None else self.embedded_user(people[invitee]),
            "invitee_email": invitation.email,
            "invited_by": self.embedded_user(people[invitation.invited_by]),
            "state": invitation.state,
            "accepted_at": None if accepted is None else timestamp(accepted),
            "created_at": timestamp(invitation.created_at),
            "updated_at": timestamp(invitation.updated_at),
            "_links": {},
        }

    def invite_result(self, result: InviteResult) -> JSONObject:
        """GroupMemberInviteResponse."""
        person, invitation = result.person, result.invitation
        return {
            "outcome": result.outcome,
            "user": None if person is None else self.embedded_user(person),
            "invitation": None if invitation is None else self.invitation(invitation),
        }

    def invite_code(self, group: Group, invite: InviteCode) -> JSONObject:
        """GroupInvite."""
        return {
            "id": invite.id,
            "type": "GroupInvite",
            "code": invite.code,
            "url": f"{PUBLIC_SITE}/group/{group.slug}/invite/{invite.code}",
            "created_at": timestamp(invite.created_at),
            "updated_at": timestamp(invite.updated_at),
            "_links": self._links(f"groups/{group.slug}/invite", group=f"groups/{group.slug}"),
        }

    def content(self, group: Group, content: Content) -> JSONObject:
        """One of the blocks, or a Channel."""
        if isinstance(content, Channel):
            return self._channel(group, content)
        return self._block(content)

    def _block(self, block: Block) -> JSONObject:
        author = self.world.people[block.user_id]
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
            **block.parts,
        }
        if not block.sparse:
            rendered["can"] = attrs.asdict(block_abilities(block, self.viewer))
        return rendered

    def _channel(self, group: Group, channel: Channel) -> JSONObject:
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
            rendered["can"] = attrs.asdict(channel_abilities(group, channel, self.viewer))
        return rendered

    def _channel_owner(self, group: Group, channel: Channel) -> JSONObject:
        if channel.owner_id is None:
            return self.embedded_group(group)
        return self.embedded_user(self.world.people[channel.owner_id])

    def _collaborators(self, group: Group, channel: Channel) -> list[JSONObject]:
        people = [self.embedded_user(self.world.people[each]) for each in channel.collaborator_ids]
        return [self.embedded_group(group), *people] if group_collaborates(channel) else people

    def _links(self, path: str, **others: str) -> JSONObject:
        return {
            name: {"href": f"{self.base_url}/v3/{each}"}
            for name, each in {"self": path, **others}.items()
        }


def _optional(name: str, value: object, *, sparse: bool) -> JSONObject:
    """A field that has a value, is null, or (in sparse records) is not there at all."""
    return {} if value is None and sparse else {name: value}


def _rendered(source: str | None) -> JSONObject | None:
    return None if source is None else markdown(source)


def _user_counts(person: Person) -> JSONObject:
    return {
        "channels": person.channels,
        "followers": len(person.followers),
        "following": len(person.following),
    }


def _own_channels(group: Group) -> int:
    return sum(isinstance(each, Channel) and each.owner_id is None for each in group.contents)
