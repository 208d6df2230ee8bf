"""Normalization of targets: equal people become equal targets, bad input is rejected."""

from collections.abc import Callable
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    InviteTarget,
    RemoveTarget,
    RevokeTarget,
)
from arena_groups.bulk.targets import (
    normalize_invite_target,
    normalize_remove_target,
    normalize_revoke_target,
)
from arena_groups.sandbox import Sandbox

NO_STRING: Any = 7


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("  Ada@Example.ORG\n", "Ada@Example.ORG"),
        ("ada+x@sub.example.org", "ada+x@sub.example.org"),
        ("zoe\u0308@b\u00fccher.example", "zoe\u0308@b\u00fccher.example"),
        ("o'hara@example.org", "o'hara@example.org"),
    ],
)
def test_normalize_invite_target_with_address_trims_it(given: str, address: str) -> None:
    target = normalize_invite_target(given)
    assert (target.email, target) == (address, InviteTarget(email=address))


@pytest.mark.parametrize(
    "bad",
    [
        "", " ", "ada", "ada@", "@example.org", "ada@example", "ada@@example.org",
        "a b@example.org", "ada@example..org", "ada@-example.org", "ada@example-.org",
        "ada@.example.org", "ada@example.org.", "Ada <ada@example.org>", "a,b@example.org",
        "mailto:ada@example.org", "ada@example.org;", "a@b@example.org",
        f"{'a' * 65}@example.org", f"a@{'b' * 250}.org", "ada@exam\x00ple.org",
        0, -1, 2**63, 1.5, None, True, [], b"ada@example.org", InviteTarget(),
        InviteTarget(email="ada@example.org", user_id=4), InviteTarget(user_id=0),
        InviteTarget(email=NO_STRING), InviteTarget(user="a/b"), InviteTarget(user=""),
        InviteTarget(user="ada@example.org"), InviteTarget(user="ada", user_id=4),
        InviteTarget(user="ada", email="ada@example.org"), "https://evil.example/ada",
        "https://www.are.na/group/ada", "www.are.na/ada",
    ],
)  # fmt: skip
def test_normalize_invite_target_with_bad_input_raises_without_showing_it(bad: object) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        normalize_invite_target(bad)
    assert "example" not in str(caught.value)


def test_invite_targets_of_one_mailbox_are_equal() -> None:
    one = InviteTarget(email="Ada@b\u00fccher.example")
    other = InviteTarget(email=" ada@XN--bcher-kva.example")
    assert (one, hash(one), one.key) == (other, hash(other), other.key)
    assert InviteTarget(email="wei\u00df@a.de") != InviteTarget(email="weiss@a.de")
    assert InviteTarget(user_id=7) != InviteTarget(user_id=8)


@pytest.mark.parametrize("bad", [0, -1, 2**63, 1.5, None, True, "7", []])
def test_normalize_revoke_and_remove_target_with_bad_id_raises(bad: object) -> None:
    for normalize in (normalize_revoke_target, normalize_remove_target):
        with pytest.raises((ValueError, TypeError)):
            normalize(bad)


@pytest.mark.parametrize(
    ("normalize", "name"),
    [
        (normalize_invite_target, "user id"),
        (normalize_revoke_target, "invitation id"),
        (normalize_remove_target, "user id"),
    ],
)
def test_normalize_names_the_kind_of_an_id_out_of_range(
    normalize: Callable[[object], object], name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be 1 or more, not 0"):
        normalize(0)
    with pytest.raises(ValueError, match=f"^{name} is larger than any id"):
        normalize(2**63)


@pytest.mark.parametrize(
    "given",
    [
        "https://www.are.na/ada-osei/?a",
        InviteTarget(user="ada-osei"),
        InviteTarget(user="http://are.na/ada-osei"),
    ],
)
def test_normalize_invite_target_with_user_keeps_the_slug(given: object) -> None:
    target = normalize_invite_target(given)
    assert target == InviteTarget(user="ada-osei") != InviteTarget(user="mara-lindqvist")
    assert target == normalize_invite_target(target)
    assert target.key == "slug:ada-osei"
    assert "ada-osei" in repr(target)


@pytest.mark.parametrize(
    "secret",
    ["ada@example.org", "https://www.are.na/group/x/invite/example", "https://a.na/?t=example"],
)
def test_invite_target_hides_what_is_not_a_user(secret: str) -> None:
    assert "example" not in repr(InviteTarget(user=secret))


def test_remove_targets_of_different_users_are_not_equal() -> None:
    assert RemoveTarget(user_id=None, slug="ada-osei") != RemoveTarget(user_id=None, slug="bo")


@pytest.mark.parametrize("given", ["ada-osei", "https://are.na/ada-osei/"])
def test_normalize_remove_target_with_user_keeps_the_slug(given: str) -> None:
    target = normalize_remove_target(given)
    assert (target.user_id, target.slug) == (None, "ada-osei")
    assert normalize_remove_target(target).slug == "ada-osei"


@pytest.mark.parametrize("bad", ["", "a/b", "https://evil.example/a", "ada@example.org", "4711"])
def test_normalize_remove_target_with_no_user_raises_without_showing_it(bad: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        normalize_remove_target(bad)
    assert "ada@" not in str(caught.value)


def test_normalize_revoke_and_remove_target_keep_the_id() -> None:
    revoke, remove = RevokeTarget(invitation_id=7), RemoveTarget(user_id=7)
    assert normalize_revoke_target(7) == normalize_revoke_target(revoke) == revoke
    assert normalize_remove_target(7) == normalize_remove_target(remove) == remove


def test_invite_target_hides_address_and_normalizes_to_itself() -> None:
    assert "ada" not in repr(normalize_invite_target("ada@example.org"))
    target = InviteTarget(user_id=7)
    assert normalize_invite_target(7) == normalize_invite_target(target) == target


async def test_normalize_invite_target_accepts_users_and_invitations(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    async for invitation in arena.groups.invitations("research-studio", limit=40):
        target = normalize_invite_target(invitation)
        if invitation.invitee is None:
            assert target.email == invitation.invitee_email
        else:
            assert target.user_id == invitation.invitee.id
    member = await arena.groups.members("research-studio").first()
    assert member is not None
    assert normalize_invite_target(member).user_id == member.id
