"""Finds the operation for a method and a path, however odd the path."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

import attrs

from arena_groups.sandbox.oauth import OAUTH_OPERATIONS
from arena_groups.sandbox.operations import OPERATIONS, Operation
from arena_groups.sandbox.refusals import method_not_allowed, not_found, not_served
from arena_groups.sandbox.unserved import UNSERVED


@attrs.frozen
class Route:
    """An operation, and the values that the path gives for its parameters."""

    operation: Operation
    path: Mapping[str, str] = attrs.field(repr=False)

    @property
    def group(self) -> str | None:
        """The group that the path names, by slug or id."""
        is_group = self.operation.template.startswith("/v3/groups/")
        return self.path["id"] if is_group else None


def _by_template(operations: Iterable[Operation]) -> Mapping[str, Mapping[str, Operation]]:
    table: defaultdict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in operations:
        table[operation.template][operation.method] = operation
    return table


EVERY_OPERATION = (*OPERATIONS, *OAUTH_OPERATIONS)

_TABLE = _by_template(EVERY_OPERATION)
_ELSEWHERE = [template.split("/") for template in UNSERVED]


def find_route(method: str, raw_path: str) -> Route:
    """The route of a request. Raises the 404 or 405 that there is none."""
    segments = _decoded_segments(raw_path)
    for template, methods in _TABLE.items():
        values = _match(template.split("/"), segments)
        if values is not None:
            return Route(_for_method(methods, method), values)
    if any(_match(template, segments) is not None for template in _ELSEWHERE):
        raise not_served()
    raise not_found("path")


def _decoded_segments(raw_path: str) -> list[str]:
    # Split first, decode then: an encoded slash is part of a name, not a separator.
    try:
        return [unquote_to_bytes(segment).decode() for segment in raw_path.split("/")]
    except UnicodeError:
        raise not_found("path") from None


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    values: dict[str, str] = {}
    for expected, given in zip(template, segments, strict=True):
        if expected.startswith("{") and given:
            values[expected.strip("{}")] = given
        elif expected != given:
            return None
    return values


def _for_method(methods: Mapping[str, Operation], method: str) -> Operation:
    operation = methods.get("GET" if method == "HEAD" else method)
    if operation is None:
        allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]
        raise method_not_allowed(allowed)
    return operation
