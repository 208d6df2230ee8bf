"""Models and open enums as values."""

import copy
import pickle
from typing import Any, get_args

import attrs
import pytest

from arena_groups import (
    UNSET,
    Channel,
    Content,
    EmbeddedUser,
    Group,
    GroupInvite,
    InvitationState,
    InviteResult,
    Me,
    MembershipInvitation,
    Page,
    RateLimit,
    ResourceType,
    UnknownContent,
    Unset,
    User,
    UserTier,
    from_dict,
)
from arena_groups._types import OpenEnum
from tests.support import documents
from tests.support.shapes import ENUMS, MODELS

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
KNOWN = [member for kind in ENUMS for member in kind]


def instances() -> list[Any]:
    page: type[Page[Content]] = Page[Content]
    pairs: list[tuple[type, documents.Document]] = [
        (Me, documents.me()),
        (Group, documents.group()),
        (GroupInvite, documents.invite()),
        (InviteResult, documents.invite_result(outcome="postponed")),
        (MembershipInvitation, documents.invitation()),
        (RateLimit, {"limit": 30, "reset_at": documents.CREATED}),
        (page, documents.page(*documents.contents())),
    ]
    return [from_dict(model, document) for model, document in pairs]


@pytest.fixture(params=range(len(instances())), ids=lambda n: type(instances()[n]).__name__)
def model(request: pytest.FixtureRequest) -> Any:
    return instances()[request.param]


class TestModels:
    @pytest.mark.parametrize("kind", [*MODELS, Page], ids=lambda kind: kind.__name__)
    def test_every_one_is_slotted_and_takes_keywords_only(self, kind: type) -> None:
        assert not hasattr(object.__new__(kind), "__dict__")
        assert all(field.kw_only for field in attrs.fields(kind))

    def test_a_field_cannot_be_set_nor_added(self, model: Any) -> None:
        for field in attrs.fields(type(model)):
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(model, field.name, None)
        with pytest.raises(AttributeError):
            model.surplus = 1

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_it_can_be_pickled(self, model: Any, protocol: int) -> None:
        assert pickle.loads(pickle.dumps(model, protocol)) == model

    def test_it_can_be_copied(self, model: Any) -> None:
        for again in (copy.copy(model), copy.deepcopy(model), attrs.evolve(model)):
            assert again == model
            assert type(again) is type(model)

    def test_it_can_be_matched(self) -> None:
        match instances()[3]:
            case InviteResult(outcome="postponed", user=EmbeddedUser(slug=slug)):
                assert slug == "mara-lindqvist"
            case _:
                pytest.fail("no match")

    def test_links_are_read_without_the_underscore(self) -> None:
        page = instances()[-1]
        linked = [content for content in page.data if not isinstance(content, UnknownContent)]
        assert len(linked) == len(page.data) - 1
        for each in [*linked, *instances()[:3]]:
            assert each.links == each._links
            assert each.links["self"].href.startswith("https://api.are.na/v3/")
        assert instances()[4].links == {}

    def test_links_cannot_be_changed(self) -> None:
        for each in instances()[:5]:
            if hasattr(each, "links"):
                with pytest.raises(TypeError, match="does not support item assignment"):
                    each.links["self"] = None

    def test_collaborators_cannot_be_changed(self) -> None:
        made = from_dict(Channel, documents.channel())
        assert isinstance(made.collaborators, tuple)
        assert len(made.collaborators) == 2

    def test_no_field_is_checked_or_turned_into_something_when_made(self) -> None:
        for kind in MODELS:
            for field in attrs.fields(kind):
                assert field.validator is None, field.name
                assert field.converter is None, field.name

    def test_every_kind_of_content_can_be_told_apart(self) -> None:
        kinds = {type(content) for content in instances()[-1].data}
        assert kinds == set(get_args(Content))

    def test_the_tree_of_people(self) -> None:
        me = instances()[0]
        assert me.counts.notifications == 2
        assert isinstance(me, User)
        assert isinstance(me, EmbeddedUser)


class TestSecrets:
    @pytest.mark.parametrize("secret", [documents.EMAIL, documents.CODE, "https://api.are.na"])
    def test_addresses_codes_and_links_do_not_show(self, model: Any, secret: str) -> None:
        assert secret not in repr(model)
        assert secret not in str(model)
        assert secret not in f"{model}"

    def test_what_is_no_secret_shows(self) -> None:
        assert "InvitationState.PENDING" in repr(from_dict(
            MembershipInvitation, documents.invitation()
        ))  # fmt: skip
        assert "research-studio" in repr(from_dict(Group, documents.group()))


class TestOpenEnums:
    @pytest.mark.parametrize("member", KNOWN, ids=str)
    def test_a_known_value_is_its_member(self, member: OpenEnum) -> None:
        kind = type(member)
        assert kind(str(member)) is member
        assert member in list(kind)
        assert member == member.value == str(member) == f"{member}"

    @pytest.mark.parametrize("kind", ENUMS)
    @pytest.mark.parametrize("value", ["", "tomorrow", "PENDING", "name", "é\n", "a b"])
    def test_an_unknown_value_is_kept(self, kind: type[OpenEnum], value: str) -> None:
        made = kind(value)
        assert isinstance(made, kind)
        assert made == value
        assert value == made
        assert made == kind(value)
        assert (made.name, made.value, str(made), f"{made}") == (value,) * 4
        assert made not in list(kind)
        assert hash(made) == hash(value)
        assert {value: 1}[made] == 1

    @pytest.mark.parametrize("member", [*KNOWN, UserTier("tomorrow"), UserTier("GUEST")], ids=str)
    def test_every_value_can_be_pickled_and_copied(self, member: OpenEnum) -> None:
        made = [pickle.loads(pickle.dumps(member, protocol)) for protocol in PROTOCOLS]
        for again in [*made, copy.copy(member), copy.deepcopy(member)]:
            assert again == member
            assert type(again) is type(member)
            assert (again.name, again.value) == (member.name, member.value)

    @pytest.mark.parametrize("member", KNOWN, ids=str)
    def test_a_known_value_stays_itself_when_pickled(self, member: OpenEnum) -> None:
        assert all(pickle.loads(pickle.dumps(member, each)) is member for each in PROTOCOLS)

    def test_unknown_values_do_not_join_the_class(self) -> None:
        before = list(InvitationState)
        InvitationState("tomorrow")
        assert list(InvitationState) == before
        assert len(InvitationState) == 4
        assert "tomorrow" not in InvitationState.__members__

    def test_different_values_differ(self) -> None:
        assert UserTier("a") != UserTier("b")
        assert UserTier("a") != UserTier.GUEST
        assert len({UserTier("a"), UserTier("a"), "a"}) == 1

    def test_its_repr_names_class_and_value(self) -> None:
        assert repr(UserTier("tomorrow")) == "<UserTier.tomorrow: 'tomorrow'>"

    @pytest.mark.parametrize("value", [None, 7, True, b"free", ["free"]])
    def test_only_a_string_is_a_value(self, value: Any) -> None:
        with pytest.raises(ValueError, match="not a valid UserTier"):
            UserTier(value)

    def test_every_model_with_a_kind_has_a_type_for_it(self) -> None:
        assert {str(m.KIND) for m in MODELS if hasattr(m, "KIND")} == set(ResourceType) - {"Block"}


class TestUnset:
    def test_there_is_one(self) -> None:
        assert Unset.UNSET is UNSET
        assert repr(UNSET) == "UNSET"
        assert pickle.loads(pickle.dumps(UNSET)) is UNSET
        assert copy.deepcopy(UNSET) is UNSET
