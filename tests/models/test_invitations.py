"""Invitations, results of inviting, and invite codes."""

import pytest

from arena_groups import (
    EmbeddedUser,
    GroupInvite,
    InviteResult,
    MembershipInvitation,
    from_dict,
)
from tests.support import documents


def test_repr_shows_the_state() -> None:
    invitation = from_dict(MembershipInvitation, documents.invitation())
    assert "InvitationState.PENDING" in repr(invitation)


def test_links_are_empty_and_read_only() -> None:
    links = from_dict(MembershipInvitation, documents.invitation()).links
    assert links == {}
    with pytest.raises(TypeError, match="does not support item assignment"):
        links["self"] = None  # type: ignore[index]


def test_invite_has_the_code_and_its_url() -> None:
    invite = from_dict(GroupInvite, documents.invite())
    assert invite.code == documents.CODE
    assert documents.CODE in invite.url


def test_result_with_an_unknown_outcome_is_matched_by_its_string() -> None:
    match from_dict(InviteResult, documents.invite_result(outcome="postponed")):
        case InviteResult(outcome="postponed", user=EmbeddedUser(slug=slug)):
            assert slug == "mara-lindqvist"
        case _:
            pytest.fail("no match")
