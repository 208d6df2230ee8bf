"""Routes of the control surface, and what each of them does."""

from collections import defaultdict
from collections.abc import Callable, Mapping

import attrs

from arena_groups.sandbox import page
from arena_groups.sandbox.backend import SandboxNotFoundError
from arena_groups.sandbox.control_request import (
    ControlContext,
    ControlError,
    ControlRequest,
    FieldType,
    body_object,
    check_fields,
    json_answer,
)
from arena_groups.sandbox.control_state import CONTROL_PREFIX
from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.responses import ApiError
from arena_groups.sandbox.routes import decoded_segments, match_template
from arena_groups.sandbox.server_protocol import SerializedResponse

Values = Mapping[str, str]
"""The values of the parameters in a path."""


@attrs.frozen
class ControlRoute:
    """A method and path, the fields of its body or query, and the function that answers."""

    method: str
    template: str
    handler: Callable[[ControlContext, Values, JSONObject], object]
    fields: Mapping[str, FieldType] = attrs.field(factory=dict[str, FieldType])
    required: tuple[str, ...] = ()


def get_state(context: ControlContext, _path: Values, _fields: JSONObject) -> JSONObject:
    """Return what a client needs to know, and the time."""
    return {**context.control.describe(), "now": context.control.now.isoformat()}


ROUTES = (ControlRoute("GET", "/state", get_state),)

_PAGES = {
    "/": ("GET", "POST"),
    "/static/{file}": ("GET",),
    "/emails/{id}": ("GET", "POST"),
}


def _by_template() -> Mapping[str, Mapping[str, ControlRoute | None]]:
    table: defaultdict[str, dict[str, ControlRoute | None]] = defaultdict(dict)
    for template, methods in _PAGES.items():
        table[template] = dict.fromkeys(methods)
    for route in ROUTES:
        table[route.template][route.method] = route
    return table


_TABLE = _by_template()


def answer(context: ControlContext, request: ControlRequest) -> SerializedResponse:
    """Return the answer to a request. Raises `ControlError` for one that is not possible."""
    if not request.path:
        return SerializedResponse(308, {"Location": f"{CONTROL_PREFIX}/"})
    route, path = _find(request)
    if route is None:
        return page.respond(request, context)
    given: Mapping[str, object] = request.query
    if request.method not in {"GET", "HEAD"}:
        given = body_object(request)
    try:
        fields = check_fields(given, route.fields, route.required)
        return json_answer(route.handler(context, path, fields))
    except SandboxNotFoundError as error:
        raise ControlError(404, _sentence(error)) from None
    except ValueError as error:
        raise ControlError(400, _sentence(error)) from None


def _find(request: ControlRequest) -> tuple[ControlRoute | None, Values]:
    try:
        segments = decoded_segments(request.path)
    except ApiError:
        raise ControlError(404, "There is no such path.") from None
    method = "GET" if request.method == "HEAD" else request.method
    for template, methods in _TABLE.items():
        values = match_template(template.split("/"), segments)
        if values is not None:
            if method not in methods:
                allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
                raise ControlError(
                    405,
                    f"This path has the methods {', '.join(allowed)}.",
                    {"Allow": ", ".join(allowed)},
                )
            return methods[method], values
    raise ControlError(404, "There is no such path.")


def _sentence(error: Exception) -> str:
    words = str(error)
    return f"{words[:1].upper()}{words[1:]}."
