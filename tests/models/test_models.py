"""Rules for all models: frozen values that can be pickled and copied, without secrets in texts."""

import copy
import pickle
from typing import Any

import attrs
import pytest

from arena_groups import Page
from tests.support import documents
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
