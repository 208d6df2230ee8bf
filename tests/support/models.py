"""Objects of every model that an operation returns."""

from collections.abc import Iterator, Mapping

import attrs

from arena_groups import (
    Content,
    Group,
    GroupInvite,
    GroupMember,
    InviteResult,
    Me,
    MembershipInvitation,
    Page,
    RateLimit,
    User,
    from_dict,
)
from tests.support import documents


def parts(value: object) -> Iterator[object]:
    """Yield each object of an attrs class in ``value``, itself included."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from parts(each)
    elif attrs.has(type(value)):
        yield value
        for field in attrs.fields(type(value)):
            yield from parts(getattr(value, field.name))


CONTENTS: type[Page[Content]] = Page[Content]
RETURNED: dict[str, tuple[type, documents.Document]] = {
    "me": (Me, documents.me()),
    "group": (Group, documents.group()),
    "invite": (GroupInvite, documents.invite()),
    "invite_result": (InviteResult, documents.invite_result(outcome="postponed")),
    "invitation": (MembershipInvitation, documents.invitation()),
    "rate_limit": (RateLimit, {"limit": 30, "reset_at": documents.CREATED}),
    "user": (User, documents.user()),
    "member": (GroupMember, documents.member()),
    "page": (CONTENTS, documents.page(*documents.contents())),
}


RETURNED_OBJECTS = [from_dict(kind, document) for kind, document in RETURNED.values()]
SAMPLES = {type(part): part for returned in RETURNED_OBJECTS for part in parts(returned)}
