"""Rules for all models: frozen values that can be pickled and copied, without secrets in texts."""

import copy
import pickle
from typing import Any

import attrs
import pytest

from arena_groups import (
    Channel,
    EmbeddedConnection,
    EmbeddedGroup,
    EmbeddedUser,
    Group,
    GroupInvite,
    GroupMember,
    ImageBlock,
    Me,
    MembershipInvitation,
    Page,
    PendingBlock,
    ResourceType,
    UnknownContent,
    User,
    from_dict,
    to_dict,
)
from arena_groups.models._parts import Ping
from tests.support import documents
from tests.support.models import SAMPLES
from tests.support.shapes import MODELS


@pytest.mark.parametrize("kind", [*MODELS, Page], ids=lambda kind: kind.__name__)
class TestClasses:
    def test_objects_have_slots_only(self, kind: type) -> None:
        assert not hasattr(object.__new__(kind), "__dict__")

    def test_fields_are_keyword_only(self, kind: type) -> None:
        assert all(field.kw_only for field in attrs.fields(kind))

    def test_fields_have_no_validator_and_no_converter(self, kind: type) -> None:
        for field in attrs.fields(kind):
            assert field.validator is None, field.name
            assert field.converter is None, field.name

    def test_annotations_are_not_strings(self, kind: type) -> None:
        for base in kind.__mro__:
            for name, hint in vars(base).get("__annotations__", {}).items():
                assert not isinstance(hint, str), name


class TestObjects:
    def test_setting_a_field_raises(self, model: Any) -> None:
        for field in attrs.fields(type(model)):
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(model, field.name, None)

    def test_adding_an_attribute_raises(self, model: Any) -> None:
        with pytest.raises(AttributeError):
            model.surplus = 1

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickled_object_is_equal(self, model: Any, protocol: int) -> None:
        assert pickle.loads(pickle.dumps(model, protocol)) == model

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, attrs.evolve])
    def test_copied_object_is_equal(self, model: Any, duplicate: Any) -> None:
        again = duplicate(model)
        assert again == model
        assert type(again) is type(model)

    @pytest.mark.parametrize("secret", [documents.EMAIL, documents.CODE, "https://api.are.na"])
    @pytest.mark.parametrize("text", [repr, str, format])
    def test_texts_show_no_address_code_or_link(self, model: Any, secret: str, text: Any) -> None:
        assert secret not in text(model)


def test_samples_are_of_every_model() -> None:
    assert set(SAMPLES) == {*MODELS, Page} - {Ping}


class TestSamples:
    def test_equal_objects_have_the_same_hash(self, sample: Any) -> None:
        again = copy.deepcopy(sample)
        assert again == sample
        assert hash(again) == hash(sample)
        assert {sample: 1}[again] == 1

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_object_of_other_links_can_be_pickled(self, sample: Any, protocol: int) -> None:
        if hasattr(sample, "links"):
            sample = attrs.evolve(sample, links=sample.links)
        again = pickle.loads(pickle.dumps(sample, protocol))
        assert again == sample
        assert hash(again) == hash(sample)
        if hasattr(sample, "links"):
            assert pickle.loads(pickle.dumps(sample.links, protocol)) == again.links
            assert copy.deepcopy(sample.links) == copy.copy(sample.links) == again.links
            assert to_dict(again) == to_dict(sample)

    def test_repr_names_each_field_that_may_hold_a_secret(self, sample: Any) -> None:
        for name in {"email", "invitee_email", "code", "url"} & {
            field.name for field in attrs.fields(type(sample))
        }:
            value = getattr(sample, name)
            secret = value in (documents.EMAIL, documents.CODE, documents.CODE_URL)
            assert f"{name}={'<hidden>' if secret else repr(value)}" in repr(sample)


def test_collections_count_in_equality_but_not_in_the_hash() -> None:
    group = from_dict(Group, documents.group())
    other = attrs.evolve(group, links={})
    assert group != other
    assert hash(group) == hash(other)


def test_repr_shows_that_an_address_is_missing() -> None:
    document = documents.invitation(invitee_email=None)
    assert "invitee_email=None" in repr(from_dict(MembershipInvitation, document))


SAME = {
    "user": [
        from_dict(User, documents.user()),
        from_dict(User, documents.user(name="Mara L.", slug="mara-l")),
        from_dict(Me, documents.me(id=7)),
        from_dict(GroupMember, documents.member(id=7)),
        from_dict(EmbeddedUser, documents.embedded_user()),
    ],
    "group": [
        from_dict(Group, documents.group(id=7)),
        from_dict(EmbeddedGroup, documents.embedded_group(id=7, name="Renamed")),
    ],
    "invitation": [
        from_dict(MembershipInvitation, documents.invitation(id=7)),
        from_dict(MembershipInvitation, documents.invitation(id=7, state="accepted")),
    ],
    "invite code": [from_dict(GroupInvite, documents.invite(id=7))],
    "channel": [from_dict(Channel, documents.channel(id=7))],
    "block": [
        from_dict(PendingBlock, documents.block("PendingBlock", id=7)),
        from_dict(ImageBlock, documents.block("Image", id=7, image=documents.image())),
        UnknownContent(id=7, type=ResourceType("Hologram"), data={"base_type": "Block"}),
    ],
    "unknown content": [
        UnknownContent(id=7, type=ResourceType("Hologram")),
        UnknownContent(id=7, type=ResourceType("Hologram"), data={"base_type": None}),
    ],
    "other unknown content": [
        UnknownContent(id=7, type=ResourceType("Sound"), data={"base_type": None}),
    ],
    "connection": [from_dict(EmbeddedConnection, documents.connection(id=7))],
}


@pytest.mark.parametrize("kind", SAME)
def test_objects_are_the_same_by_kind_and_id_whatever_their_class(kind: str) -> None:
    others = [each for other, objects in SAME.items() if other != kind for each in objects]
    for one in SAME[kind]:
        assert all(one.is_same(other) for other in SAME[kind])
        assert not any(one.is_same(other) for other in others)
        assert not one.is_same(attrs.evolve(one, id=8))
        assert not any(one.is_same(other) for other in (None, 7, "7", object()))


def test_objects_of_different_classes_stay_unequal() -> None:
    users = [from_dict(EmbeddedUser, documents.embedded_user()), *SAME["user"][0:1]]
    users += [from_dict(GroupMember, documents.member(**documents.embedded_user()))]
    assert len(set(users)) == len(users)


def test_every_model_with_an_id_has_an_identity() -> None:
    with_id = {kind for kind in MODELS if "id" in {each.name for each in attrs.fields(kind)}}
    assert with_id == {kind for kind in MODELS if hasattr(kind, "is_same")}
