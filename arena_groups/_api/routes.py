"""Routes of any endpoint: checked, and filled with escaped values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote, unquote

from attrs import frozen

__all__ = ["SURROGATE", "FilledRoute", "fill_route"]

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})+", re.ASCII)
NOT_IN_ROUTES = re.compile("[/\\\\@?#\0-\x1f\x7f-\x9f]")
SURROGATE = re.compile("[\ud800-\udfff]")
DOTS = frozenset({".", ".."})
LOGGED_SEGMENTS = 2

EXAMPLE = '"/v3/channels/{id}"'


@frozen
class FilledRoute:
    """A route as logs and errors name it, and the path that is sent."""

    name: str
    path: str


def fill_route(route: object, values: object = None) -> FilledRoute:
    """Return the path of a route, with ``values`` in place of its placeholders, escaped.

    The name of a route without placeholders is its first two segments, as the others may be
    values. Raises ``ValueError`` for a route that is not a path on the API's host, and for values
    that are missing, superfluous or cannot be a segment; ``TypeError`` for wrong types. No error
    holds a value.
    """
    if not isinstance(route, str):
        raise TypeError(f"route must be a str such as {EXAMPLE}, not {type(route).__name__}")
    if values is not None and not isinstance(values, Mapping):
        raise TypeError(f"path must be a mapping of placeholders, not {type(values).__name__}")
    segments = _segments(route)
    named = {name for each in segments if (name := _placeholder(each)) is not None}
    given = cast("Mapping[object, object]", values or {})
    _check_names(named, given)
    filled = [
        each if (name := _placeholder(each)) is None else _escaped(given[name], name)
        for each in segments
    ]
    path = "/".join(["", *filled])
    logged = segments if named else segments[:LOGGED_SEGMENTS]
    return FilledRoute("/".join(["", *logged]), path)


def _segments(route: str) -> list[str]:
    if "?" in route or "#" in route:
        raise ValueError("route must not hold a query or a fragment: pass query=")
    start, *segments = route.split("/")
    if start or not segments or "" in segments:
        raise ValueError(
            f"route must be a path such as {EXAMPLE}: with a slash at its start, without a host, "
            "an empty segment or a slash at its end"
        )
    for segment in segments:
        if _placeholder(segment) is None:
            _check_segment(segment)
    return segments


def _check_segment(segment: str) -> None:
    if "{" in segment or "}" in segment:
        raise ValueError(f"a placeholder of route must be a whole segment, as in {EXAMPLE}")
    if not SEGMENT.fullmatch(segment):
        raise ValueError(
            "route holds a character that no path has: put values into path=, which escapes them"
        )
    decoded, before = unquote(segment, errors="surrogateescape"), segment
    while decoded != before:  # escaped any number of times
        decoded, before = unquote(decoded, errors="surrogateescape"), decoded
    if decoded.partition(";")[0] in DOTS or NOT_IN_ROUTES.search(decoded):
        raise ValueError(
            "route must not hold a segment of dots, or an escaped slash, backslash, @, ?, # or "
            "control character: put values into path=, which escapes them"
        )


def _placeholder(segment: str) -> str | None:
    found = PLACEHOLDER.fullmatch(segment)
    return None if found is None else found[1]


def _check_names(named: set[str], given: Mapping[object, object]) -> None:
    if missing := sorted(named - given.keys()):
        raise ValueError(f"path lacks a value for {_listed(missing)}")
    if superfluous := sorted(str(each) for each in given.keys() - named):
        raise ValueError(f"route has no placeholder for {_listed(superfluous)} of path")


def _listed(names: list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _escaped(value: object, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"{{{name}}} of path must be a str or an int, not {type(value).__name__}")
    text = str.__str__(value) if isinstance(value, str) else str(int(value))  # not an enum's name
    if not text or text in DOTS:
        raise ValueError(f"{{{name}}} of path must not be empty or dots: that is another path")
    if SURROGATE.search(text):
        raise ValueError(f"{{{name}}} of path holds half of a surrogate pair")
    return quote(text, safe="")
