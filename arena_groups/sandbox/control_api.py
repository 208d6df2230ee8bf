"""Routes of the control surface, and the answer to a request."""

from collections import defaultdict
from collections.abc import Callable, Mapping

import attrs

from arena_groups.sandbox import control_actions as actions
from arena_groups.sandbox import page
from arena_groups.sandbox.control_actions import Values
from arena_groups.sandbox.control_request import (
    ControlContext,
    ControlError,
    ControlRequest,
    FieldType,
    as_control_errors,
    body_object,
    check_fields,
    count,
    digits,
    flag,
    json_answer,
    number,
    reference,
    references,
    text,
    texts,
    tier,
    whole_number,
)
from arena_groups.sandbox.control_views import CONTROL_PREFIX
from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.responses import ApiError
from arena_groups.sandbox.routes import decoded_segments, match_template
from arena_groups.sandbox.server_protocol import SerializedResponse

Handler = Callable[[ControlContext, Values, JSONObject], object]
"""Function of what it acts on, the values in the path, and the fields; it returns data."""


@attrs.frozen
class ControlRoute:
    """A method and path, the function that answers, and the fields of its body or query.

    The first fields, as many as `required`, have to be there. Without `fields` all are taken.
    """

    method: str
    template: str
    handler: Handler
    fields: Mapping[str, FieldType] | None = attrs.field(factory=dict[str, FieldType])
    required: int = 0

    def check(self, given: Mapping[str, object]) -> JSONObject:
        """Return the checked fields of a body or query."""
        if self.fields is None:
            return dict(given)
        return check_fields(given, self.fields, tuple(self.fields)[: self.required])


_GROUP = "/groups/{group}"
_USER = "/users/{user}"
_INVITATION = "/invitations/{id}"
_BY_USER: Mapping[str, FieldType] = {"user": reference}
_BY_COUNT: Mapping[str, FieldType] = {"count": count}

ROUTES = (
    ControlRoute("GET", "/state", actions.get_state),
    ControlRoute("GET", "/groups", actions.list_groups),
    ControlRoute(
        "POST",
        "/groups",
        actions.add_group,
        {
            "name": text,
            "slug": text,
            "owner": reference,
            "private": flag,
            "description": text,
            "members": count,
            "followers": count,
            "invitations": count,
        },
        required=1,
    ),
    ControlRoute("GET", _GROUP, actions.get_group, {"limit": digits}),
    ControlRoute("POST", f"{_GROUP}/join", actions.join_group, _BY_USER, required=1),
    ControlRoute("POST", f"{_GROUP}/leave", actions.leave_group, _BY_USER, required=1),
    ControlRoute("POST", f"{_GROUP}/transfer", actions.transfer_group, _BY_USER, required=1),
    ControlRoute("POST", f"{_GROUP}/members", actions.add_members, _BY_COUNT, required=1),
    ControlRoute("POST", f"{_GROUP}/followers", actions.add_followers, _BY_COUNT, required=1),
    ControlRoute("POST", f"{_GROUP}/invitations", actions.add_invitations, _BY_COUNT, required=1),
    ControlRoute("GET", "/users", actions.list_users),
    ControlRoute(
        "POST",
        "/users",
        actions.add_user,
        {
            "name": text,
            "email": text,
            "tier": tier,
            "confirmed": flag,
            "may_invite_new_addresses": flag,
            "follows": references,
        },
        required=1,
    ),
    ControlRoute("GET", _USER, actions.get_user),
    ControlRoute("POST", f"{_USER}/follow", actions.follow, _BY_USER, required=1),
    ControlRoute("POST", f"{_USER}/unfollow", actions.unfollow, _BY_USER, required=1),
    ControlRoute(
        "POST", f"{_USER}/rename", actions.rename_user, {"name": text, "slug": text}, required=1
    ),
    ControlRoute("POST", f"{_USER}/token", actions.new_token, {"write": flag}),
    ControlRoute(
        "POST", f"{_USER}/inviting", actions.allow_inviting, {"allowed": flag}, required=1
    ),
    ControlRoute("GET", _INVITATION, actions.get_invitation),
    ControlRoute("POST", f"{_INVITATION}/accept", actions.accept_invitation),
    ControlRoute("POST", f"{_INVITATION}/decline", actions.decline_invitation),
    ControlRoute(
        "POST",
        "/applications",
        actions.add_application,
        {"name": text, "redirect_uris": texts, "owner": reference, "confidential": flag},
        required=2,
    ),
    ControlRoute(
        "POST",
        "/authorizations/approve",
        actions.approve_authorization,
        {"url": text, "user": reference},
        required=1,
    ),
    ControlRoute(
        "POST", "/authorizations/deny", actions.deny_authorization, {"url": text}, required=1
    ),
    ControlRoute("GET", "/emails", actions.list_emails),
    ControlRoute("POST", "/advance", actions.advance, {"seconds": number}, required=1),
    ControlRoute("GET", "/faults", actions.list_faults),
    ControlRoute("POST", "/faults", actions.add_fault, fields=None),
    ControlRoute("DELETE", "/faults", actions.clear_faults),
    ControlRoute("GET", "/faults/available", actions.list_available_faults),
    ControlRoute("DELETE", "/faults/{id}", actions.remove_fault),
    ControlRoute("GET", "/requests", actions.list_requests, {"after": digits}),
    ControlRoute("DELETE", "/requests", actions.clear_requests),
    ControlRoute("GET", "/events", actions.stream_events),
    ControlRoute("POST", "/reset", actions.reset, {"seed": whole_number}),
)

_PAGES = (
    ("GET", "/"),
    ("POST", "/"),
    ("GET", "/static/{file}"),
    ("GET", "/emails/{id}"),
    ("POST", "/emails/{id}"),
)


def _by_template() -> Mapping[str, Mapping[str, ControlRoute | None]]:
    table: defaultdict[str, dict[str, ControlRoute | None]] = defaultdict(dict)
    for route in ROUTES:
        table[route.template][route.method] = route
    for method, template in _PAGES:
        table[template][method] = None
    return table


_TABLE = _by_template()


def answer(context: ControlContext, request: ControlRequest) -> SerializedResponse:
    """Return the answer to a request. Raises `ControlError` for one that is not possible."""
    if not request.path:
        return SerializedResponse(308, {"Location": f"{CONTROL_PREFIX}/"})
    route, path = _find(request)
    with as_control_errors():
        if route is None:
            return page.respond(request, context)
        reads = request.method in {"GET", "HEAD"}
        fields = route.check(request.query if reads else body_object(request))
        result = route.handler(context, path, fields)
    return result if isinstance(result, SerializedResponse) else json_answer(result)


def _find(request: ControlRequest) -> tuple[ControlRoute | None, Values]:
    """Return the route, None for those of the page, and the values in the path."""
    try:
        segments = decoded_segments(request.path)
    except ApiError:
        raise ControlError(404, "There is no such path.") from None
    method = "GET" if request.method == "HEAD" else request.method
    allowed: set[str] = set()
    for template, methods in _TABLE.items():
        values = match_template(template.split("/"), segments)
        if values is not None:
            if method in methods:
                return methods[method], values
            allowed |= {*methods, "HEAD"} if "GET" in methods else {*methods}
    if not allowed:
        raise ControlError(404, "There is no such path.")
    names = ", ".join(sorted(allowed))
    raise ControlError(405, f"This path has the methods {names} only.", {"Allow": names})
