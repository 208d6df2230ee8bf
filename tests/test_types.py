"""Open enums, the ``UNSET`` marker, and the mixin that closes."""

import copy
import pickle
from typing import Any

import pytest

from arena_groups import UNSET, InvitationState, Unset, UserTier
from arena_groups._types import AsyncCloseable, OpenEnum
from tests.support.shapes import ENUMS

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
KNOWN = [member for kind in ENUMS for member in kind]


class TestOpenEnum:
    @pytest.mark.parametrize("member", KNOWN, ids=str)
    def test_known_value_gives_its_member(self, member: OpenEnum) -> None:
        kind = type(member)
        assert kind(str(member)) is member
        assert member in list(kind)
        assert member == member.value == str(member) == f"{member}"

    @pytest.mark.parametrize("kind", ENUMS)
    @pytest.mark.parametrize("value", ["", "tomorrow", "PENDING", "name", "é\n", "a b"])
    def test_unknown_value_gives_an_equal_object_of_the_class(
        self, kind: type[OpenEnum], value: str
    ) -> None:
        unknown = kind(value)
        assert isinstance(unknown, kind)
        assert unknown == value
        assert value == unknown
        assert unknown == kind(value)
        assert (unknown.name, unknown.value, str(unknown), f"{unknown}") == (value,) * 4
        assert unknown not in list(kind)
        assert hash(unknown) == hash(value)
        assert {value: 1}[unknown] == 1

    @pytest.mark.parametrize("member", [*KNOWN, UserTier("tomorrow"), UserTier("GUEST")], ids=str)
    def test_value_survives_pickling_and_copying(self, member: OpenEnum) -> None:
        pickled = [pickle.loads(pickle.dumps(member, protocol)) for protocol in PROTOCOLS]
        for again in [*pickled, copy.copy(member), copy.deepcopy(member)]:
            assert again == member
            assert type(again) is type(member)
            assert (again.name, again.value) == (member.name, member.value)

    @pytest.mark.parametrize("member", KNOWN, ids=str)
    def test_known_value_is_the_same_object_when_unpickled(self, member: OpenEnum) -> None:
        assert all(pickle.loads(pickle.dumps(member, each)) is member for each in PROTOCOLS)

    def test_unknown_value_does_not_join_the_class(self) -> None:
        before = list(InvitationState)
        InvitationState("tomorrow")
        assert list(InvitationState) == before
        assert len(InvitationState) == 4
        assert "tomorrow" not in InvitationState.__members__

    def test_different_unknown_values_differ(self) -> None:
        assert UserTier("a") != UserTier("b")
        assert UserTier("a") != UserTier.GUEST
        assert len({UserTier("a"), UserTier("a"), "a"}) == 1

    def test_repr_names_class_and_value(self) -> None:
        assert repr(UserTier("tomorrow")) == "<UserTier.tomorrow: 'tomorrow'>"

    @pytest.mark.parametrize("value", [None, 7, True, b"free", ["free"]])
    def test_value_other_than_a_string_raises(self, value: Any) -> None:
        with pytest.raises(ValueError, match="not a valid UserTier"):
            UserTier(value)


class TestUnset:
    def test_there_is_one_object(self) -> None:
        assert Unset.UNSET is UNSET
        assert pickle.loads(pickle.dumps(UNSET)) is UNSET
        assert copy.deepcopy(UNSET) is UNSET

    def test_repr_is_its_name(self) -> None:
        assert repr(UNSET) == "UNSET"


class TestAsyncCloseable:
    class Closeable(AsyncCloseable):
        """Counts how often it was closed."""

        def __init__(self) -> None:
            self.closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    async def test_async_with_gives_the_object_and_closes_it(self) -> None:
        closeable = self.Closeable()
        async with closeable as entered:
            assert entered is closeable
            assert closeable.closed == 0
        assert closeable.closed == 1

    async def test_error_in_async_with_closes_too(self) -> None:
        closeable = self.Closeable()
        with pytest.raises(ZeroDivisionError):
            async with closeable:
                raise ZeroDivisionError
        assert closeable.closed == 1
