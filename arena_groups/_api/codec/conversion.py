"""The ways in and out: bodies and dicts to models, models to dicts."""

from collections.abc import Mapping
from typing import TypeVar, cast

import attrs

from arena_groups._api.codec.fast import REFUSED, read_fast
from arena_groups._api.codec.faults import Faults
from arena_groups._api.codec.later import structure, unstructure
from arena_groups._api.codec.plain import parse
from arena_groups._exports import set_public_module
from arena_groups.errors import DecodeError, DecodeIssue

__all__ = ["check_json", "decode", "from_dict", "to_dict"]

T = TypeVar("T")


def decode(returns: type[T], body: bytes, operation: str) -> T:
    """Turn a JSON ``body`` into ``returns`` (a model, or ``Page[model]``).

    Raises :class:`DecodeError` naming ``operation`` and every fault, never giving a part.
    """
    result = read_fast(returns, body)
    if result is not REFUSED:
        return result
    found = _read_slowly(returns, body)
    del body  # an error's traceback must not hold what was in it
    if isinstance(found, Faults):
        raise DecodeError(operation, found.faults, invalid_json=found.incomplete)
    return found


def check_json(body: bytes, operation: str) -> None:
    """Raise :class:`DecodeError` unless ``body`` is JSON, of whatever shape."""
    document = parse(body)
    del body
    if isinstance(document, Faults):
        raise DecodeError(operation, document.faults, invalid_json=document.incomplete)


def from_dict(model: type[T], data: Mapping[str, object]) -> T:
    """Turn plain JSON data into ``model``: the inverse of :func:`to_dict`.

    Raises :class:`DecodeError` with the path of every fault.
    """
    result = structure(model, _plain(data))
    del data
    if isinstance(result, Faults):
        raise DecodeError(getattr(model, "__name__", "content"), result.faults)
    return result


def to_dict(model: object) -> dict[str, object]:
    """Turn a model into a dict ready for JSON, with the names of the wire.

    Datetimes become RFC 3339 strings, enums strings. A field that the API may leave out is
    left out where it is ``None``. The dict holds the email addresses and invite codes of the
    model. Raises ``TypeError`` for what is no model.
    """
    if isinstance(model, type) or not attrs.has(type(model)):
        raise TypeError(f"to_dict takes a model of arena_groups, not {type(model).__name__}")
    return unstructure(model)


def _read_slowly(returns: type[T], body: bytes) -> T | Faults:
    document = parse(body)
    found = document if isinstance(document, Faults) else structure(returns, document)
    if isinstance(found, Faults) and not _is_utf8(body):
        return Faults([DecodeIssue("", "is not UTF-8")], incomplete=True)
    return found


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plain(data: object) -> object:
    return dict(cast("Mapping[str, object]", data)) if isinstance(data, Mapping) else data


set_public_module(globals(), ["from_dict", "to_dict"])
