"""A response to a model, or to the error that it stands for.

msgspec decodes a body straight into the models. If msgspec refuses it, cattrs decodes it once
more and finds every issue (:mod:`arena_groups._api.issues`). Both give the same result for a
body that both accept.

What most calls do not need is imported when they do: it takes longer than the rest.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args, get_origin

import msgspec

from arena_groups._api.request import Request
from arena_groups._api.response import RawResponse, is_challenge
from arena_groups._api.secrets import Credentials
from arena_groups.errors import ArenaAPIError, DecodeError, DecodeIssue
from arena_groups.models._common import Identifiable
from arena_groups.models.pages import Page

if TYPE_CHECKING:
    from arena_groups._api.json_data import DecodeFailure
    from arena_groups.models._parts import Links

# ruff: noqa: PLC0415 - see above

__all__ = [
    "NOT_DECODED",
    "Decode",
    "Raw",
    "Shape",
    "check_json",
    "checking_links",
    "decode",
    "decode_msgspec",
    "decoder_for",
    "parse_response",
]

T = TypeVar("T")
Shape = Any  # a class, or what typing makes of one
Raw = bytes | msgspec.Raw
Decode = Callable[[Raw], Any]


class NotDecoded(Enum):
    """The type of :data:`NOT_DECODED`."""

    NOT_DECODED = "NOT_DECODED"


NOT_DECODED: Final = NotDecoded.NOT_DECODED


_decoders: dict[object, Decode] = {}  # made at first use, as that takes a while
links_of: Callable[[object], Links] = attrgetter("_links")


def parse_response(request: Request[T], response: RawResponse, credentials: Credentials) -> T:
    """Return the model in a response, or raise the error that the response stands for.

    Raises the :class:`ArenaAPIError` of an error status, and :class:`DecodeError` if the body is
    not what the operation promises. ``credentials`` are those that the request was sent with. A
    challenge of the network edge is an error, even with the status of a success.
    """
    challenged = not response.body and is_challenge(response.headers)
    if challenged or not 200 <= response.status < 300:
        raise _status_error(request, response, credentials)
    operation = request.operation
    try:
        if response.truncated:
            raise DecodeError(operation.name, [DecodeIssue("", "is larger than max_body allows")])
        if operation.returns is NoneType:
            if response.body:
                check_json(response.body, operation.name)  # a proxy's page does not mean success
            return cast("T", None)
        found = decode_msgspec(operation.returns, response.body)
        if found is not NOT_DECODED:  # by far the most frequent case
            return found
        return decode(
            operation.returns, response.body, operation.name, skip_invalid=operation.skip_invalid
        )
    except DecodeError:
        if not is_challenge(response.headers):
            raise
    raise _status_error(request, response, credentials)


def _status_error(
    request: Request[T], response: RawResponse, credentials: Credentials
) -> ArenaAPIError:
    from arena_groups._api.status_errors import make_status_error

    return make_status_error(request, response, credentials)


def decode(returns: type[T], body: bytes, operation: str, *, skip_invalid: bool = False) -> T:
    """Turn a JSON ``body`` into ``returns`` (a model, or ``Page[model]``).

    With ``skip_invalid``, a page with items that cannot be decoded becomes a ``PartialPage``.
    Otherwise raises :class:`DecodeError` naming ``operation`` and every issue.
    """
    result = decode_msgspec(returns, body)
    if result is NOT_DECODED and body.startswith(BOM_UTF8):
        result = decode_msgspec(returns, body.removeprefix(BOM_UTF8))
    if result is not NOT_DECODED:
        return result
    from arena_groups._api import issues
    from arena_groups._api.json_data import DecodeFailure

    read = issues.decode_valid_items if skip_invalid else issues.decode_with_issues
    found = read(returns, body)
    del body  # an error's traceback must not hold what was in it
    if isinstance(found, DecodeFailure):
        raise _decode_error(operation, found)
    return found


def check_json(body: bytes, operation: str) -> None:
    """Raise :class:`DecodeError` unless ``body`` is JSON, of whatever shape."""
    from arena_groups._api import json_data

    document = json_data.parse_json(body)
    del body
    if isinstance(document, json_data.DecodeFailure):
        raise _decode_error(operation, document)


def _decode_error(operation: str, failure: DecodeFailure) -> DecodeError:
    return DecodeError(operation, failure.issues, invalid_json=failure.invalid_json)


def decode_msgspec(returns: type[T], body: bytes) -> T | NotDecoded:
    """A JSON ``body`` as ``returns``, or :data:`NOT_DECODED` if anything at all is unusual."""
    try:
        found: T = (_decoders.get(returns) or decoder_for(returns))(body)
    except Exception:  # noqa: BLE001 - the slow way finds out what it is
        return NOT_DECODED
    return found


def decoder_for(shape: Shape) -> Decode:
    """Return the function that decodes JSON into a type. It raises an error if that fails."""
    found = _decoders.get(shape)
    if found is None:
        found = _decoders[shape] = _new_decoder(shape)
    return found


def _new_decoder(shape: Shape) -> Decode:
    origin: object = get_origin(shape)
    item = get_args(shape)[0] if origin is Page else shape
    if _is_model_of_one_kind(item):
        try:
            read = msgspec.json.Decoder(shape).decode
        except TypeError:  # a field is a union of models
            pass
        else:
            return checking_links(read, shape, item)
    from arena_groups._api.decoders import new_decoder

    return new_decoder(shape)


def _is_model_of_one_kind(shape: Shape) -> bool:
    return isinstance(shape, type) and issubclass(shape, Identifiable) and hasattr(shape, "KIND")


def checking_links(read: Decode, shape: Shape, item: Shape) -> Decode:
    """Return ``read``; if models of the type ``item`` have links, a function that checks these.

    ``shape`` is ``item`` or a page of it.
    """
    if not hasattr(item, "HAS_SELF_LINK"):
        return read

    def decode_checked(body: Raw) -> object:
        found = read(body)
        for links in map(links_of, (found,) if shape is item else found.data):
            if "self" not in links:
                raise ValueError
        return found

    return decode_checked
