"""Requests to any endpoint: the operation, the query and the body, checked."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from types import NoneType
from typing import Any, cast, get_origin
from urllib.parse import urlencode

from arena_groups._api.json_data import join_path
from arena_groups._api.operations import Operation
from arena_groups._api.request import Request
from arena_groups._api.routes import SURROGATE, FilledRoute, fill_route
from arena_groups._api.secrets import Secret
from arena_groups._api.shapes import has_identity, is_supported
from arena_groups._arguments import check_range
from arena_groups._types import JSONItem
from arena_groups.models import Page

__all__ = ["any_list_request", "any_request"]

SAFE_METHODS = frozenset({"GET", "HEAD"})
IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
WITHOUT_ARGUMENTS = ((list, list[object]), (dict, dict[str, object]), (Page, Page[object]))
IN_DOUBT = "the request may have been carried out or not; look before you try again."
MAX_DEPTH = 100


def any_request(
    method: object,
    route: object,
    *,
    path: object,
    query: object,
    body: object,
    returns: object,
    idempotent: bool | None,
) -> Request[Any] | Exception:
    """Return a request to any endpoint, or the error of an argument.

    The error is returned, not raised: a traceback from here would hold the values.
    """
    try:
        operation, filled = _operation(method, route, path, returns, idempotent)
        params = _query_params(query)
        if body is not None and operation.method in SAFE_METHODS:
            raise ValueError(f"json cannot be sent with {operation.method}: pass query=")
        encoded = (
            None if body is None else Secret(json.dumps(_plain(body, "json"), allow_nan=False))
        )
        target = f"{filled.path}?{urlencode(params)}" if params else filled.path
        return Request(
            operation=operation,
            path=filled.path,
            target=target,
            query=params,
            body=encoded,
            values=_distinct_texts(path, query, body),
        )
    except (TypeError, ValueError) as error:
        return error.with_traceback(None)


def any_list_request(
    route: object, *, path: object, query: object, item: object, per: int, max_per: int
) -> Request[Any] | Exception:
    """Return a request for the pages of any list, or the error of an argument."""
    try:
        size = check_range(per, "per", 1, max_per)
        kind = JSONItem if item is None else item
        if not is_supported(kind) or not has_identity(kind):
            raise TypeError(
                "item must be a type with the attributes type and id, such as Content, or None "
                f"for dicts, not {_type_name(item)}"
            )
        operation, filled = _operation("GET", route, path, cast("Any", Page)[kind])
        params = _query_params(query, reserved=("page", "per"))
        return Request(
            operation=operation,
            path=filled.path,
            target=f"{filled.path}?{urlencode({'per': size, **params})}",
            query={"per": size, **params},
            values=_distinct_texts(path, query),
        )
    except (TypeError, ValueError) as error:
        return error.with_traceback(None)


def _operation(
    method: object,
    route: object,
    path: object = None,
    returns: object = None,
    idempotent: bool | None = None,
) -> tuple[Operation[Any], FilledRoute]:
    """Return the operation of a method and a route, and the filled route.

    Raises ``ValueError`` and ``TypeError`` for arguments that are not valid.
    """
    verb = _method(method)
    filled = fill_route(route, path)
    if idempotent is not None and not isinstance(idempotent, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"idempotent must be a bool or None, not {type(idempotent).__name__}")
    if returns is not None and verb == "HEAD":
        raise ValueError("returns cannot be used with HEAD, whose response has no body")
    returns = next((full for bare, full in WITHOUT_ARGUMENTS if returns is bare), returns)
    if returns is not None and not is_supported(returns):
        raise TypeError(
            "returns must be a type that msgspec decodes, such as Channel, Page[User] or "
            f"list[dict[str, object]], not {_type_name(returns)}"
        )
    kind = NoneType if verb == "HEAD" else object if returns is None else returns
    safe_to_repeat = verb in IDEMPOTENT_METHODS if idempotent is None else idempotent
    operation: Operation[Any] = Operation(
        name=f"{verb} {filled.name}",
        method=verb,
        route=filled.name,
        result=lambda: cast("type[object]", kind),
        idempotent=safe_to_repeat,
        cacheable=verb == "GET",
        shared=False,
        not_found_hint="check the route, and the values of its placeholders",
        advice="it does no harm to try again." if safe_to_repeat else IN_DOUBT,
        success_after_retry_statuses=(404,) if verb == "DELETE" and returns is None else (),
    )
    return operation, filled


def _method(method: object) -> str:
    if not isinstance(method, str):
        raise TypeError(f"method must be a str such as 'GET', not {type(method).__name__}")
    verb = str.__str__(method).upper()
    if verb not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}")
    return verb


def _query_params(query: object, reserved: Collection[str] = ()) -> dict[str, str]:
    """Return the parameters of a query as texts; those that are ``None`` are left out.

    A list becomes one parameter, its items separated by commas. Raises ``ValueError`` and
    ``TypeError``, which name the parameter and not its value.
    """
    if query is None:
        return {}
    if not isinstance(query, Mapping):
        raise TypeError(f"query must be a mapping, not {type(query).__name__}")
    params: dict[str, str] = {}
    for name, value in cast("Mapping[object, object]", query).items():
        if not isinstance(name, str) or not name:
            raise TypeError("query must have names that are strings and not empty")
        if name in reserved:
            raise ValueError(f"query must not contain {name}: it is set for each page")
        if value is not None:
            params[_encodable(name, "a name of query")] = _param(value, join_path("query", name))
    return params


def _param(value: object, place: str) -> str:
    if isinstance(value, list | tuple):
        items = [_scalar(each, place) for each in cast("list[object]", value)]
        if any("," in each for each in items):
            raise ValueError(
                f"{place} must be a list of items without a comma, which separates them"
            )
        return ",".join(items)
    return _scalar(value, place)


def _scalar(value: object, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} must be a finite number")
    if isinstance(value, str):
        return _encodable(str.__str__(value), place)  # not the name of an enum
    if isinstance(value, int | float):
        return format(value)
    kinds = "a str, int, float, bool, None or a list of these"
    raise TypeError(f"{place} must be {kinds}, not {type(value).__name__}")


def _encodable(text: str, place: str) -> str:
    if SURROGATE.search(text):
        raise ValueError(f"{place} holds half of a surrogate pair")
    return text


def _plain(value: object, place: str, depth: int = 0) -> object:
    """Return JSON data without subclasses and tuples, or raise an error that names its place."""
    if depth > MAX_DEPTH:
        raise ValueError("json is nested too deeply, or contains itself")
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {
            _key(name, place): _plain(each, join_path(place, name), depth + 1)
            for name, each in members.items()
        }
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [_plain(each, join_path(place, n), depth + 1) for n, each in enumerate(items)]
    return _plain_scalar(value, place)


def _plain_scalar(value: object, place: str) -> object:
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool | int):
        return value
    if not isinstance(value, float):
        hint = ": pass to_dict() of it" if hasattr(value, "__attrs_attrs__") else ""
        raise TypeError(f"{place} must be JSON data, not {type(value).__name__}{hint}")
    if not math.isfinite(value):
        raise ValueError(f"{place} must be a finite number")
    return value


def _key(name: object, place: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{place} must have keys of type str, not {type(name).__name__}")
    return str.__str__(name)


def _distinct_texts(*values: object) -> tuple[str, ...]:
    """Return the different texts in checked values, the longest first."""
    found = {text for each in values for text in _texts(each)}
    return tuple(sorted(found, key=len, reverse=True))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield str.__str__(value)
    elif isinstance(value, Mapping):
        for each in cast("Mapping[str, object]", value).values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in cast("list[object]", value):
            yield from _texts(each)


def _type_name(shape: object) -> str:
    """Return the name of a type, or of the type of a value that was passed in its place."""
    if get_origin(shape) is not None:
        return str(shape)
    return shape.__name__ if isinstance(shape, type) else f"a value of {type(shape).__name__}"
