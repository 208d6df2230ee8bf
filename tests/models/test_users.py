"""Users: in full, as parts of other objects, and the token's own."""

from arena_groups import EmbeddedUser, Me, User, UserCounts, from_dict
from tests.support import documents


def test_me_is_a_user_in_full() -> None:
    me = from_dict(Me, documents.me())
    assert isinstance(me, User)
    assert isinstance(me, EmbeddedUser)


def test_me_has_an_address_and_counts_of_its_own() -> None:
    me = from_dict(Me, documents.me())
    assert me.email == documents.EMAIL
    assert isinstance(me.counts, UserCounts)
    assert me.counts.notifications == 2


def test_user_without_a_bio_has_none() -> None:
    document = documents.user()
    del document["bio"]
    assert from_dict(User, document).bio is None
