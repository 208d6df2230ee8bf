"""Every operation that the client knows, each described once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from msgspec import Struct

from arena_groups import models

if TYPE_CHECKING:
    from arena_groups.models._parts import Ping

ResultT_co = TypeVar("ResultT_co", covariant=True)

GROUP_MISSING: Final = (
    "check the slug or id; a rename changes the slug, and private groups are hidden"
)
USER_MISSING: Final = "check the user's slug or id"
GROUP_HIDDEN: Final = "only its owner and its members see a private group"
OWNER_ONLY: Final = "only the owner may change or delete a group"
CODE_OF_OWNER: Final = "only those who manage a group, as its owner does, have its invite code"
PAGING: Final = ("page", "per")


class Operation(Struct, Generic[ResultT_co], frozen=True, kw_only=True, dict=True):
    """One operation of the API.

    Attributes:
        name: The name by which callers know it, as ``"groups.invite"``.
        method: The HTTP method.
        route: The path, with ``{placeholders}``.
        result: Returns the type of the response's body; ``NoneType`` for no body. A model is only
            made when an operation needs it: all of them take as long as the rest of an import.
        query: The names of its query parameters.
        body: The names in its body.
        idempotent: Whether sending it twice has the effect of sending it once.
        needs_token: Whether it is refused to guests.
        not_found_hint: What to check after a 404.
        forbidden_hint: Who may do this, or why it can be refused; empty if that is not known.
        cacheable: Whether its response may be kept for conditional requests.
        advice: What to do if the outcome of a write is unknown.
        success_after_retry_statuses: The statuses which show, after an attempt whose response
            was lost, that this attempt had succeeded.
        form_encoded: Whether the body is sent as a form instead of JSON.
        shared: Whether several callers may get the same decoded result.
        skip_invalid: Whether items of a list that cannot be decoded are left out.
    """

    name: str
    method: str
    route: str
    result: Callable[[], type[ResultT_co]]
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    idempotent: bool = True
    needs_token: bool = False
    not_found_hint: str = GROUP_MISSING
    forbidden_hint: str = ""
    cacheable: bool = False
    advice: str = "it does no harm to try again."
    success_after_retry_statuses: tuple[int, ...] = ()
    form_encoded: bool = False
    shared: bool = True
    skip_invalid: bool = False

    @cached_property
    def writes(self) -> bool:
        """Whether it needs a token with the scope ``write``."""
        return self.method not in {"GET", "HEAD"}

    @cached_property
    def returns(self) -> type[ResultT_co]:
        """The type of the response's body."""
        return self.result()


def _nothing() -> type[None]:
    return NoneType


def _ping() -> type[Ping]:
    from arena_groups.models._parts import Ping  # noqa: PLC0415 - not a name of the package

    return Ping


PING: Final = Operation(name="ping", method="GET", route="/v3/ping", result=_ping)
ME: Final = Operation(
    name="me",
    method="GET",
    route="/v3/me",
    result=lambda: models.Me,
    needs_token=True,
    cacheable=True,
)
GET_USER: Final = Operation(
    name="users.get",
    method="GET",
    route="/v3/users/{id}",
    not_found_hint=USER_MISSING,
    result=lambda: models.User,
    cacheable=True,
)
USER_FOLLOWERS: Final = Operation(
    name="users.followers",
    method="GET",
    route="/v3/users/{id}/followers",
    not_found_hint=USER_MISSING,
    result=lambda: models.Page[models.User],
    query=(*PAGING, "sort"),
    cacheable=True,
)
USER_FOLLOWING: Final[Operation[models.Page[models.Followable]]] = Operation(
    name="users.following",
    method="GET",
    route="/v3/users/{id}/following",
    not_found_hint=USER_MISSING,
    result=lambda: models.Page[models.Followable],
    query=(*PAGING, "sort", "type"),
    cacheable=True,
)
USER_GROUPS: Final = Operation(
    name="users.groups",
    method="GET",
    route="/v3/users/{id}/groups",
    not_found_hint=USER_MISSING,
    result=lambda: models.Page[models.Group],
    query=(*PAGING, "sort"),
    cacheable=True,
)
GET_GROUP: Final = Operation(
    name="groups.get",
    method="GET",
    route="/v3/groups/{id}",
    forbidden_hint=GROUP_HIDDEN,
    result=lambda: models.Group,
    cacheable=True,
)
CREATE_GROUP: Final = Operation(
    name="groups.create",
    method="POST",
    route="/v3/groups",
    result=lambda: models.Group,
    body=("name", "description", "avatar_url"),
    idempotent=False,
    needs_token=True,
    advice="the group may exist or not; look for it with users.groups before you try again.",
)
UPDATE_GROUP: Final = Operation(
    name="groups.update",
    method="PUT",
    route="/v3/groups/{id}",
    forbidden_hint=OWNER_ONLY,
    result=lambda: models.Group,
    body=("name", "description", "avatar_url"),
    needs_token=True,
    advice="the group may be changed or not; a new name changes the slug, so look for it by id.",
)
DELETE_GROUP: Final = Operation(
    name="groups.delete",
    method="DELETE",
    route="/v3/groups/{id}",
    forbidden_hint=OWNER_ONLY,
    result=_nothing,
    needs_token=True,
    success_after_retry_statuses=(404,),
)
MEMBERS: Final = Operation(
    name="groups.members",
    method="GET",
    route="/v3/groups/{id}/members",
    forbidden_hint=GROUP_HIDDEN,
    result=lambda: models.Page[models.GroupMember],
    query=PAGING,
    cacheable=True,
)
JOIN: Final = Operation(
    name="groups.join",
    method="POST",
    route="/v3/groups/{id}/members",
    forbidden_hint="the invite code is wrong, or not valid any more: ask for the current one",
    result=lambda: models.GroupMember,
    body=("invite_token",),
    needs_token=True,
)
LEAVE: Final = Operation(
    name="groups.leave",
    method="DELETE",
    route="/v3/groups/{id}/members/me",
    forbidden_hint="the owner cannot leave a group: hand it over to another member first, in its "
    "settings at Are.na, or delete it",
    result=_nothing,
    needs_token=True,
)
REMOVE_MEMBER: Final = Operation(
    name="groups.remove_member",
    method="DELETE",
    route="/v3/groups/{id}/members/{user_id}",
    not_found_hint="check the group, and that the user is a member",
    forbidden_hint="only the owner may remove members, and the owner cannot be removed",
    result=_nothing,
    needs_token=True,
    success_after_retry_statuses=(404,),
)
INVITATIONS: Final = Operation(
    name="groups.invitations",
    method="GET",
    route="/v3/groups/{id}/invitations",
    forbidden_hint="only the owner and the members of a group see its invitations",
    result=lambda: models.Page[models.MembershipInvitation],
    query=PAGING,
    needs_token=True,
    cacheable=True,
)
INVITE: Final = Operation(
    name="groups.invite",
    not_found_hint="check the group, and the id of the user if one was given",
    method="POST",
    route="/v3/groups/{id}/invitations",
    forbidden_hint="only the owner and the members may invite, and not all of them people "
    "without an account",
    result=lambda: models.InviteResult,
    body=("user_id", "email"),
    idempotent=False,
    needs_token=True,
    advice="the email may have been sent or not; look for the person in groups.invitations and "
    "groups.members before you try again.",
)
REVOKE_INVITATION: Final = Operation(
    name="groups.revoke_invitation",
    method="DELETE",
    route="/v3/groups/{id}/invitations/{invitation_id}",
    not_found_hint="check the group, and that the invitation is one of its own",
    forbidden_hint="only the inviter, the owner and the members may revoke an invitation",
    result=_nothing,
    needs_token=True,
    advice="the invitation may be revoked or not, or accepted meanwhile; look in "
    "groups.invitations, and for the person in groups.members.",
)
INVITE_CODE: Final = Operation(
    name="groups.invite_code",
    not_found_hint="the group may have no invite code (groups.create_invite_code makes one), "
    "or check its slug or id",
    method="GET",
    route="/v3/groups/{id}/invite",
    forbidden_hint=CODE_OF_OWNER,
    result=lambda: models.GroupInvite,
    needs_token=True,
)
CREATE_INVITE_CODE: Final = Operation(
    name="groups.create_invite_code",
    method="POST",
    route="/v3/groups/{id}/invite",
    forbidden_hint=CODE_OF_OWNER,
    result=lambda: models.GroupInvite,
    needs_token=True,
)
DELETE_INVITE_CODE: Final = Operation(
    name="groups.delete_invite_code",
    method="DELETE",
    route="/v3/groups/{id}/invite",
    forbidden_hint=CODE_OF_OWNER,
    result=_nothing,
    needs_token=True,
)
CONTENTS: Final[Operation[models.Page[models.Content]]] = Operation(
    name="groups.contents",
    method="GET",
    route="/v3/groups/{id}/contents",
    forbidden_hint=GROUP_HIDDEN,
    result=lambda: models.Page[models.Content],
    query=(*PAGING, "sort", "type"),
    cacheable=True,
)
FOLLOWERS: Final = Operation(
    name="groups.followers",
    method="GET",
    route="/v3/groups/{id}/followers",
    forbidden_hint=GROUP_HIDDEN,
    result=lambda: models.Page[models.User],
    query=(*PAGING, "sort"),
    cacheable=True,
)

OPERATIONS: Final[tuple[Operation[object], ...]] = (
    PING,
    ME,
    GET_USER,
    USER_FOLLOWERS,
    USER_FOLLOWING,
    USER_GROUPS,
    GET_GROUP,
    CREATE_GROUP,
    UPDATE_GROUP,
    DELETE_GROUP,
    MEMBERS,
    JOIN,
    LEAVE,
    REMOVE_MEMBER,
    INVITATIONS,
    INVITE,
    REVOKE_INVITATION,
    INVITE_CODE,
    CREATE_INVITE_CODE,
    DELETE_INVITE_CODE,
    CONTENTS,
    FOLLOWERS,
)
