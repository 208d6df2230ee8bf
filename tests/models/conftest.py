"""An object of each model that an operation returns."""

from typing import Any

import pytest

from arena_groups import (
    Content,
    Group,
    GroupInvite,
    InviteResult,
    Me,
    MembershipInvitation,
    Page,
    RateLimit,
    from_dict,
)
from tests.support import documents

CONTENTS: type[Page[Content]] = Page[Content]
RETURNED: dict[str, tuple[type, documents.Document]] = {
    "me": (Me, documents.me()),
    "group": (Group, documents.group()),
    "invite": (GroupInvite, documents.invite()),
    "invite_result": (InviteResult, documents.invite_result(outcome="postponed")),
    "invitation": (MembershipInvitation, documents.invitation()),
    "rate_limit": (RateLimit, {"limit": 30, "reset_at": documents.CREATED}),
    "page": (CONTENTS, documents.page(*documents.contents())),
}


@pytest.fixture(params=RETURNED)
def model(request: pytest.FixtureRequest) -> Any:
    """Each of the models, one after another."""
    kind, document = RETURNED[request.param]
    return from_dict(kind, document)


@pytest.fixture
def page() -> Page[Content]:
    """A page with one content of each kind."""
    return from_dict(CONTENTS, documents.page(*documents.contents()))
