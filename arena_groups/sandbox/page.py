"""Page of a sandbox for people: its groups, and the emails that it "sent"."""

from html import escape

from arena_groups.sandbox.control_request import (
    NO_STORE,
    ControlContext,
    ControlError,
    ControlRequest,
)
from arena_groups.sandbox.control_state import CONTROL_PREFIX
from arena_groups.sandbox.names import as_id
from arena_groups.sandbox.responses import HTML_TYPE
from arena_groups.sandbox.server_protocol import SerializedResponse

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sandbox</title>
<h1>{title}</h1>
{content}
</html>
"""
_BUTTON = '<form method="post" action="{action}"><button>{label}</button></form>'


def respond(request: ControlRequest, context: ControlContext) -> SerializedResponse:
    """Answer a request for the page, a static file or an email, or the answer to an email."""
    match request.path.split("/")[1:]:
        case [""]:
            names = "".join(f"<li>{escape(each)}</li>" for each in context.control.groups)
            return _html("Sandbox", f"<ul>{names}</ul>")
        case ["emails", number]:
            return _html("Invitation", _buttons(context, number))
        case ["emails", number, "accept"]:
            context.control.accept_invitation(_invitation_id(context, number))
            return _back(number)
        case ["emails", number, "decline"]:
            context.control.decline_invitation(_invitation_id(context, number))
            return _back(number)
        case _:
            raise ControlError(404, "There is no such file.")


def _invitation_id(context: ControlContext, number: str) -> int:
    found = as_id(number)
    if found not in context.backend.invitations:
        raise ControlError(404, "There is no such email.")
    return found


def _buttons(context: ControlContext, number: str) -> str:
    state = context.control.invitation_state(_invitation_id(context, number))
    links = {word: f"{CONTROL_PREFIX}/emails/{number}/{word.lower()}" for word in _WORDS}
    buttons = [_BUTTON.format(action=link, label=word) for word, link in links.items()]
    return "".join(buttons) if state == "pending" else f"<p>{state}</p>"


def _back(number: str) -> SerializedResponse:
    return SerializedResponse(303, {"Location": f"{CONTROL_PREFIX}/emails/{number}"})


def _html(title: str, content: str) -> SerializedResponse:
    headers = {"Content-Type": HTML_TYPE, **NO_STORE}
    return SerializedResponse(200, headers, _PAGE.format(title=title, content=content).encode())


_WORDS = ("Accept", "Decline")
