"""The API's operations, each a small function from a call to an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import attrs

from arena_groups.sandbox import listing, plausible, validate
from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.entities import Group, JSONObject, Person
from arena_groups.sandbox.paging import page_of
from arena_groups.sandbox.refusals import forbidden, not_found, unauthorized, unprocessable
from arena_groups.sandbox.render import Renderer
from arena_groups.sandbox.rules import abilities, belongs, can_read, is_owner
from arena_groups.sandbox.state import UnknownError, World

_T = TypeVar("_T")


@attrs.frozen
class Call:
    """One request that got as far as its operation: its caller may make it, it has a body."""

    world: World
    renderer: Renderer
    caller: Person | None
    path: Mapping[str, str] = attrs.field(repr=False)
    query: Mapping[str, str] = attrs.field(repr=False)
    content_type: str
    body: bytes = attrs.field(repr=False)

    def signed_in(self) -> Person:
        """The caller. Raises the 401 that guests get."""
        if self.caller is None:
            raise unauthorized("You need to be signed in to do this.")
        return self.caller

    def group(self) -> Group:
        """The group that the path names, whether or not the caller may see it."""
        group = self.world.find_group(self.path["id"])
        if group is None:
            raise not_found("group")
        return group

    def readable_group(self) -> Group:
        """The group that the path names, if it shows itself to the caller."""
        group = self.group()
        if not can_read(group, self.caller):
            self.signed_in()
            raise forbidden("This group is private.")
        return group

    def own_group(self) -> Group:
        """The group that the path names, if the caller owns it."""
        group = self.group()
        if not is_owner(group, self.caller):
            raise forbidden("Only the owner of the group may do this.")
        return group

    def invitable_group(self) -> Group:
        """The group that the path names, if the caller may manage its invitations."""
        group = self.group()
        if not abilities(group, self.caller).manage_invitations:
            raise forbidden("Only the owner and the members may manage invitations.")
        return group

    def json_object(self) -> JSONObject:
        """The request's body."""
        return validate.json_object(self.content_type, self.body)


@attrs.frozen
class Operation:
    """A method on a path, who may call it, and the function that answers.

    `name` is what the API document calls it.
    """

    name: str
    method: str
    template: str
    handler: Callable[[Call], Answer]
    guests: bool = False
    writes: bool = False
    any_token: bool = False
    takes_body: bool = False


def ping(_call: Call) -> Answer:
    """Answers whoever asks, with any token or none."""
    return Answer(200, {"status": "ok"})


def get_me(call: Call) -> Answer:
    """The caller's own profile."""
    return Answer(200, call.renderer.me(call.signed_in()))


def list_user_groups(call: Call) -> Answer:
    """The groups of a user; the private ones only to that user."""
    wanted = validate.page_request(call.query)
    order = listing.group_order(call.query)
    person = call.world.find_person(call.path["id"])
    if person is None:
        raise not_found("user")
    everything = person is call.caller
    visible = [g for g in call.world.groups_of(person) if everything or not g.private]
    return _page(order(visible), wanted, call.renderer.group)


def create_group(call: Call) -> Answer:
    """A new group of the caller's."""
    wanted = validate.new_group(call.json_object())
    plausible.check_group(wanted.name, wanted.description, wanted.avatar_url)
    group = call.world.add_group(wanted.name, call.signed_in())
    group.description = wanted.description
    if wanted.avatar_url is not None:
        call.world.fetch_avatar(group, wanted.avatar_url)
    return Answer(201, call.renderer.group(group))


def get_group(call: Call) -> Answer:
    """One group."""
    return Answer(200, call.renderer.group(call.readable_group()))


def update_group(call: Call) -> Answer:
    """Changes what is given and leaves the rest."""
    changes = validate.group_changes(call.json_object())
    group = call.own_group()
    plausible.check_group(changes.name, changes.description, changes.avatar_url)
    if changes != validate.NO_CHANGES:
        group.updated_at = call.world.clock.now()
    if changes.name is not None:
        call.world.rename_group(group, changes.name)
    if changes.clears_description or changes.description is not None:
        group.description = changes.description
    if changes.avatar_url is not None:
        call.world.fetch_avatar(group, changes.avatar_url)
    return Answer(200, call.renderer.group(group))


def delete_group(call: Call) -> Answer:
    """The group is gone for good."""
    call.world.delete_group(call.own_group())
    return Answer(204)


def list_members(call: Call) -> Answer:
    """The owner, then the members."""
    wanted = validate.page_request(call.query)
    group = call.readable_group()
    members = listing.members(call.world, group, viewer=call.caller)
    return _page(members, wanted, lambda person: call.renderer.member(group, person))


def join(call: Call) -> Answer:
    """The caller joins with the group's code; members need none."""
    code = validate.invite_token(call.json_object())
    group, caller = call.group(), call.signed_in()
    if belongs(group, caller):
        return Answer(200, call.renderer.member(group, caller))
    if group.invite is None or code != group.invite.code:
        raise forbidden("The invite code is not this group's.")
    group.members[caller.id] = None
    return Answer(201, call.renderer.member(group, caller))


def leave(call: Call) -> Answer:
    """The caller is no member afterwards."""
    group, caller = call.group(), call.signed_in()
    if is_owner(group, caller):
        raise forbidden("The owner cannot leave the group.")
    group.members.pop(caller.id, None)
    return Answer(204)


def remove_member(call: Call) -> Answer:
    """Somebody else is no member afterwards."""
    user_id = validate.path_integer(call.path["user_id"], "user_id")
    group = call.own_group()
    if user_id == group.owner_id:
        raise forbidden("The owner cannot be removed from the group.")
    if user_id not in group.members:
        raise not_found("member in this group")
    del group.members[user_id]
    return Answer(204)


def list_invitations(call: Call) -> Answer:
    """The pending invitations, newest first."""
    wanted = validate.page_request(call.query)
    group = call.invitable_group()
    newest_first = list(reversed(group.pending.values()))
    return _page(newest_first, wanted, call.renderer.invitation)


def invite(call: Call) -> Answer:
    """Adds or invites somebody."""
    target = validate.invite_target(call.json_object())
    group, caller = call.invitable_group(), call.signed_in()
    if target.email is not None:
        plausible.check_address(target.email)
        if call.world.find_by_address(target.email) is None and not caller.may_invite_new_people:
            raise forbidden("You may not invite people who have no account yet.")
    try:
        result = call.world.invite(group, caller, target)
    except UnknownError:
        raise not_found("user") from None
    created = result.outcome in {"added", "invited"}
    return Answer(201 if created else 200, call.renderer.invite_result(result))


def revoke_invitation(call: Call) -> Answer:
    """A pending invitation ends."""
    invitation_id = validate.path_integer(call.path["invitation_id"], "invitation_id")
    group, caller = call.group(), call.signed_in()
    invitation = call.world.invitations.get(invitation_id)
    if invitation is None or invitation.group_id != group.id:
        raise not_found("invitation in this group")
    if invitation.invited_by != caller.id and not abilities(group, caller).manage_invitations:
        raise forbidden("Only those who manage invitations, or sent this one, may revoke it.")
    if invitation.state != "pending":
        raise unprocessable(f"The invitation is no longer pending: it was {invitation.state}.")
    call.world.close_invitation(invitation, "revoked")
    return Answer(204)


def get_invite_code(call: Call) -> Answer:
    """The group's code."""
    group = call.own_group()
    if group.invite is None:
        raise not_found("invite code for this group")
    return Answer(200, call.renderer.invite_code(group, group.invite))


def create_invite_code(call: Call) -> Answer:
    """The group's code, new if there was none."""
    group = call.own_group()
    invite, created = call.world.ensure_invite_code(group)
    return Answer(201 if created else 200, call.renderer.invite_code(group, invite))


def delete_invite_code(call: Call) -> Answer:
    """The group has no code afterwards."""
    call.own_group().invite = None
    return Answer(204)


def list_contents(call: Call) -> Answer:
    """The group's blocks and channels."""
    wanted = validate.page_request(call.query)
    order = listing.content_order(call.query)
    keep = listing.content_filter(call.query)
    group = call.readable_group()
    shown = [each for each in listing.contents(group, viewer=call.caller) if keep(each)]
    return _page(order(shown), wanted, lambda each: call.renderer.content(group, each))


def list_followers(call: Call) -> Answer:
    """The people who follow the group."""
    wanted = validate.page_request(call.query)
    newest_first = listing.newest_first(call.query)
    group = call.readable_group()
    followers = listing.followers(call.world, group, newest_first=newest_first)
    return _page(followers, wanted, call.renderer.user)


def _page(
    items: Sequence[_T], wanted: validate.PageRequest, render: Callable[[_T], JSONObject]
) -> Answer:
    shown, meta = page_of(items, wanted)
    return Answer(200, {"data": [render(each) for each in shown], "meta": meta})


_GROUP = "/v3/groups/{id}"

# A template with a fixed segment comes before one with a parameter in its place.
OPERATIONS = (
    Operation("getPing", "GET", "/v3/ping", ping, guests=True, any_token=True),
    Operation("getCurrentUser", "GET", "/v3/me", get_me),
    Operation("getUserGroups", "GET", "/v3/users/{id}/groups", list_user_groups, guests=True),
    Operation("createGroup", "POST", "/v3/groups", create_group, writes=True, takes_body=True),
    Operation("getGroup", "GET", _GROUP, get_group, guests=True),
    Operation("updateGroup", "PUT", _GROUP, update_group, writes=True, takes_body=True),
    Operation("deleteGroup", "DELETE", _GROUP, delete_group, writes=True),
    Operation("getGroupMembers", "GET", f"{_GROUP}/members", list_members, guests=True),
    Operation("joinGroup", "POST", f"{_GROUP}/members", join, writes=True, takes_body=True),
    Operation("leaveGroup", "DELETE", f"{_GROUP}/members/me", leave, writes=True),
    Operation(
        "removeGroupMember", "DELETE", f"{_GROUP}/members/{{user_id}}", remove_member, writes=True
    ),
    Operation("getGroupInvitations", "GET", f"{_GROUP}/invitations", list_invitations),
    Operation(
        "createGroupInvitation",
        "POST",
        f"{_GROUP}/invitations",
        invite,
        writes=True,
        takes_body=True,
    ),
    Operation(
        "revokeGroupInvitation",
        "DELETE",
        f"{_GROUP}/invitations/{{invitation_id}}",
        revoke_invitation,
        writes=True,
    ),
    Operation("getGroupInvite", "GET", f"{_GROUP}/invite", get_invite_code),
    Operation("createGroupInvite", "POST", f"{_GROUP}/invite", create_invite_code, writes=True),
    Operation("deleteGroupInvite", "DELETE", f"{_GROUP}/invite", delete_invite_code, writes=True),
    Operation("getGroupContents", "GET", f"{_GROUP}/contents", list_contents, guests=True),
    Operation("getGroupFollowers", "GET", f"{_GROUP}/followers", list_followers, guests=True),
)
