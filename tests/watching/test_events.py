"""Events as data: what a repr hides, and what their JSON contains."""

from arena_groups import InvitationSent, InviteCodeChanged, to_dict
from tests.support.group_states import GROUP, NOW, invitation


def test_repr_hides_addresses_and_codes() -> None:
    sent = InvitationSent(
        key="k", sequence=1, group=GROUP, observed_at=NOW, invitation=invitation(3)
    )
    changed = InviteCodeChanged(key="k", sequence=2, group=GROUP, observed_at=NOW, fingerprint="f2")
    assert "ada@example.org" not in repr(sent)
    assert "f2" not in repr(changed)


def test_to_dict_contains_the_kind() -> None:
    sent = InvitationSent(
        key="k", sequence=1, group=GROUP, observed_at=NOW, invitation=invitation(3)
    )
    assert to_dict(sent)["kind"] == "invitation-sent"


def test_invite_code_changed_with_a_fingerprint_says_that_a_code_exists() -> None:
    event = InviteCodeChanged(key="k", sequence=1, group=GROUP, observed_at=NOW, fingerprint="f1")
    assert event.exists
    assert not InviteCodeChanged(
        key="k", sequence=2, group=GROUP, observed_at=NOW, fingerprint=None
    ).exists
