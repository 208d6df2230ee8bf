"""Models as plain data that JSON can hold, and back."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TypeVar, cast, overload

import attrs

from arena_groups._api.issues import structure, unstructure
from arena_groups._api.json_data import DecodeFailure
from arena_groups._exports import set_public_module
from arena_groups._types import JSONItem
from arena_groups.errors import DecodeError

__all__ = ["from_dict", "to_dict"]

T = TypeVar("T")


def from_dict(model: type[T], data: Mapping[str, object]) -> T:
    """Turn plain JSON data into a model: the inverse of :func:`to_dict`.

    Args:
        model: The class of the model.
        data: The data, with the names of the API's JSON.

    Returns:
        The model.

    Raises:
        DecodeError: The data is not what the model needs; every issue has its path.
    """
    result = structure(model, _plain(data))
    del data
    if isinstance(result, DecodeFailure):
        raise DecodeError(getattr(model, "__name__", "content"), result.issues)
    return result


@overload
def to_dict(model: Sequence[object]) -> list[dict[str, object]]: ...  # type: ignore[overload-overlap]


@overload
def to_dict(model: object) -> dict[str, object]: ...


def to_dict(model: object) -> dict[str, object] | list[dict[str, object]]:
    """Turn a model into a dict ready for JSON, with the names of the API's JSON.

    A list or tuple of models becomes a list of dicts, and a :class:`Page` a dict with ``data`` and
    ``meta``. Datetimes become RFC 3339 strings, and enums become strings. A field that the API may
    leave out is left out if it is ``None``. The data contains the email addresses and invite codes
    of the models.

    Args:
        model: The model, or a list or tuple of models. Items of ``paginate()`` will do, too.

    Returns:
        The data, which shares nothing with the model.

    Raises:
        TypeError: The object is not a model, or there is something else in the list.
    """
    if isinstance(model, list | tuple):
        models = cast("Sequence[object]", model)
        return [_item(each, place) for place, each in enumerate(models)]
    return _item(model)


def _item(model: object, place: int | None = None) -> dict[str, object]:
    if isinstance(model, JSONItem):
        return deepcopy(dict(model))
    if isinstance(model, type) or not attrs.has(type(model)):
        where = "" if place is None else f" at position {place} of the list"
        raise TypeError(
            "to_dict takes a model of arena_groups, or a list of models, "
            f"not {type(model).__name__}{where}"
        )
    return unstructure(model)


def _plain(data: object) -> object:
    return dict(cast("Mapping[str, object]", data)) if isinstance(data, Mapping) else data


set_public_module(globals(), ["from_dict", "to_dict"])
