"""Requests for the page: which page is shown, and what its forms change."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl, urlencode
from xml.etree.ElementTree import Element

from arena_groups.sandbox.backend import SandboxNotFoundError
from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.control_request import (
    ControlContext,
    ControlError,
    ControlRequest,
    as_control_errors,
    sentence,
)
from arena_groups.sandbox.names import as_id
from arena_groups.sandbox.page.groups import group_page
from arena_groups.sandbox.page.html import PAGE_HEADERS, PAGE_PATH, html_response, message_page
from arena_groups.sandbox.page.inbox import email_page
from arena_groups.sandbox.page.overview import SECTIONS, UNITS, overview
from arena_groups.sandbox.server_protocol import SerializedResponse

_STATIC: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FORM: Final = "application/x-www-form-urlencoded"

Form = Mapping[str, str]
"""The fields of a form; of repeated ones, the last."""


def respond(request: ControlRequest, context: ControlContext) -> SerializedResponse:
    """Return a page, one of its files, or after a form the redirect to the page of the form."""
    match request.path.split("/")[1:]:
        case ["static", name] if name in _STATIC:
            headers = {**PAGE_HEADERS, "Cache-Control": "no-cache", "Content-Type": _STATIC[name]}
            return SerializedResponse(200, headers, _read(name))
        case ["static", _]:
            return html_response(message_page("No such file", "The page has no such file."), 404)
        case _ if request.method == "POST":
            return _submit(request, context)
        case _:
            return _page(request, context)


def _page(
    request: ControlRequest, context: ControlContext, problem: str | None = None, status: int = 200
) -> SerializedResponse:
    """Return a page, with the message of a form that was rejected."""
    try:
        return html_response(_find(request, context, problem), status)
    except SandboxNotFoundError as error:
        return html_response(message_page("Not found", sentence(error)), 404)


def _find(request: ControlRequest, context: ControlContext, problem: str | None) -> Element:
    match request.path.split("/")[1:]:
        case ["emails", number]:
            return email_page(context.backend, as_id(number) or 0, problem)
        case _ if "group" in request.query:
            return group_page(context.backend, request.query, problem)
        case _:
            return overview(request, context, problem)


def _submit(request: ControlRequest, context: ControlContext) -> SerializedResponse:
    """Carry out a form, and lead back to its page, so that a reload sends nothing again."""
    fields = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        if request.content_type != _FORM:
            raise ControlError(415, f"A form is sent as {_FORM}.")
        _carry_out(fields, context.control)
    except ControlError as error:
        return _page(request, context, str(error), error.status)
    query = f"?{urlencode(request.query)}" if request.query else ""
    section = fields.get("section", "")
    fragment = f"#{section}" if section in SECTIONS else ""
    location = f"{PAGE_PATH}{request.path.removeprefix('/')}{query}{fragment}"
    return SerializedResponse(303, {**PAGE_HEADERS, "Location": location})


@cache
def _read(name: str) -> bytes:
    return files("arena_groups.sandbox.page").joinpath(name).read_bytes()


def _carry_out(form: Form, control: SandboxControl) -> None:
    action = _ACTIONS.get(form.get("action", ""))
    if action is None:
        raise ControlError(400, "The form is incomplete.")
    with as_control_errors():
        action(form, control)


def _answer(form: Form, control: SandboxControl) -> None:
    invitation_id = as_id(form.get("invitation", "")) or 0
    if form["action"] == "accept":
        control.accept_invitation(invitation_id)
    else:
        control.decline_invitation(invitation_id)


def _turn_on(form: Form, control: SandboxControl) -> None:
    control.faults.add_spec(form.get("fault", "").strip())


def _turn_off(form: Form, control: SandboxControl) -> None:
    for injected in control.faults:
        if str(injected.id) == form.get("fault"):
            injected.remove()


def _turn_off_kind(form: Form, control: SandboxControl) -> None:
    for injected in control.faults:
        if injected.fault.name() == form.get("fault"):
            injected.remove()


def _turn_off_all(_form: Form, control: SandboxControl) -> None:
    control.faults.clear()


def _clear_requests(_form: Form, control: SandboxControl) -> None:
    control.clear_requests()


def _reset(_form: Form, control: SandboxControl) -> None:
    control.reset()


def _advance(form: Form, control: SandboxControl) -> None:
    unit = UNITS.get(form.get("unit", "seconds"))
    if unit is None:
        raise ControlError(400, f"Choose one of the units {', '.join(UNITS)}.")
    try:
        amount = float(form.get("amount", ""))
    except ValueError:
        raise ControlError(400, "Enter a number to move the clock by.") from None
    control.advance(amount * unit)


_ACTIONS: Final[Mapping[str, Callable[[Form, SandboxControl], None]]] = {
    "accept": _answer,
    "decline": _answer,
    "turn-on": _turn_on,
    "turn-off": _turn_off,
    "turn-off-kind": _turn_off_kind,
    "turn-off-all": _turn_off_all,
    "clear-requests": _clear_requests,
    "advance": _advance,
    "reset": _reset,
}
