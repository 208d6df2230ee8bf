"""Operations of the API: the function that answers a call of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import attrs

from arena_groups.sandbox import rendering, validation
from arena_groups.sandbox.backend import Backend, SandboxNotFoundError
from arena_groups.sandbox.entities import GroupRecord, JSONObject, UserRecord
from arena_groups.sandbox.notifications import notify_of_addition
from arena_groups.sandbox.permissions import can_read, group_permissions, is_in_group, is_owner
from arena_groups.sandbox.responses import (
    SandboxResponse,
    forbidden,
    not_found,
    unauthorized,
    unprocessable,
)

_T = TypeVar("_T")


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

    def user(self) -> UserRecord:
        """Return the user of the path."""
        user = self.backend.find_user(self.path["id"])
        if user is None:
            raise not_found("user")
        return user

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


def ping(_call: OperationCall) -> SandboxResponse:
    """Answer any caller, with any token or none."""
    return SandboxResponse(200, {"status": "ok"})


def get_me(call: OperationCall) -> SandboxResponse:
    """Return the caller's own profile."""
    return SandboxResponse(200, call.renderer.me(call.signed_in()))


def get_user(call: OperationCall) -> SandboxResponse:
    """Return a user."""
    return SandboxResponse(200, call.renderer.user(call.user()))


def list_user_followers(call: OperationCall) -> SandboxResponse:
    """Return the users who follow a user."""
    params = validation.page_request(call.query)
    newest_first = rendering.wants_newest_first(call.query)
    followers = rendering.followers_of(call.user(), newest_first=newest_first)
    return _user_page(call, followers, params)


def list_user_following(call: OperationCall) -> SandboxResponse:
    """Return the users, channels and groups that a user follows."""
    params = validation.page_request(call.query)
    newest_first = rendering.wants_newest_first(call.query)
    kind = validation.choice(call.query, "type", rendering.FOLLOWED_KINDS)
    followed = rendering.followed_by(call.renderer, call.user(), kind, newest_first=newest_first)
    return _page(followed, params, lambda each: each)


def list_user_groups(call: OperationCall) -> SandboxResponse:
    """Return the groups of a user; private ones only to that user."""
    params = validation.page_request(call.query)
    order = rendering.group_order(call.query)
    user = call.user()
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
    users = call.backend.users
    members = rendering.visible_members(call.backend, group, viewer=call.caller)
    return _page(members, params, lambda each: call.renderer.member(group, users[each]))


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
    shown = group.newest_pending(params.start, params.per)
    data = [call.renderer.invitation(each) for each in shown]
    meta = rendering.page_meta(len(group.pending), params)
    return SandboxResponse(200, {"data": data, "meta": meta})


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
    if result.outcome == "added" and result.user is not None:
        notify_of_addition(call.backend, group, caller, result.user)
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
    followers = rendering.followers_of(group, newest_first=newest_first)
    return _user_page(call, followers, params)


def _user_page(
    call: OperationCall, user_ids: Sequence[int], params: validation.PageParams
) -> SandboxResponse:
    users = call.backend.users
    return _page(user_ids, params, lambda each: call.renderer.user(users[each]))


def _page(
    items: Sequence[_T], params: validation.PageParams, render: Callable[[_T], JSONObject]
) -> SandboxResponse:
    shown, meta = rendering.page_of(items, params)
    return SandboxResponse(200, {"data": [render(each) for each in shown], "meta": meta})
