"""The first page: inbox, groups, requests, faults, the clock, and how to connect a program."""

from collections.abc import Iterator
from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element

import attrs

from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.control_request import ControlContext, ControlRequest
from arena_groups.sandbox.entities import LogEntry
from arena_groups.sandbox.page.faults import fault_section
from arena_groups.sandbox.page.groups import group_list
from arena_groups.sandbox.page.html import (
    Content,
    button,
    document,
    form,
    live_part,
    moment,
    problem_note,
    section,
    table,
    tag,
    user_text,
)
from arena_groups.sandbox.page.inbox import inbox

TITLES: Final = ("Inbox", "Requests", "Clock", "Groups", "Faults", "Connect", "Reset")
SECTIONS: Final = frozenset({*map(str.lower, TITLES), "all-faults", "members", "pending"})
"""The ids of elements that a form may lead back to."""

SHOWN_REQUESTS: Final = 25
UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}

_TOKENS: Final = {
    "owner": "owns the seeded groups, and may change them",
    "read_only": "the same user, with the scope read only",
    "member": "a member of research-studio",
    "follower": "follows the owner, and is not a member",
    "stranger": "follows no one",
    "limited": "the owner, always over the rate limit",
}


def overview(
    request: ControlRequest, context: ControlContext, problem: str | None = None
) -> Element:
    """Return the first page. Its URLs are those that reach the sandbox from the browser."""
    control, backend, query = context.control, context.backend, request.query
    return document(
        "Overview",
        tag("h1", "Sandbox"),
        tag("p", "A local Are.na server at ", tag("code", request.origin), ".", class_="intro"),
        live_part("problem", problem_note(problem)),
        tag("nav", *_jumps(), class_="jump", aria_label="Sections"),
        tag(
            "div",
            tag(
                "div",
                section("inbox", "Inbox", live_part("inbox", *inbox(backend, query))),
                section("requests", "Requests", live_part("requests", *_requests(context))),
                _clock(control),
            ),
            tag(
                "div",
                section("groups", "Groups", live_part("groups", *group_list(backend, query))),
                fault_section(control),
                _connection(control, request.origin),
                _restart(),
            ),
            class_="columns",
        ),
    )


def _jumps() -> Iterator[Element]:
    for title in TITLES:
        yield tag("a", title, href=f"#{title.lower()}")


def _requests(context: ControlContext) -> tuple[Content, ...]:
    log = tuple(context.request_log)
    if not log:
        return (tag("p", "The API has not received a request yet.", class_="empty"),)
    rows = [_request_row(each) for each in islice(reversed(log), SHOWN_REQUESTS)]
    shown = f"The newest {len(rows)} of {len(log)}" if len(log) > len(rows) else None
    return (
        table("Requests, newest first", ("Request", "Status", "Faults"), rows),
        tag("p", shown, class_="extent") if shown else None,
        form(button("Clear the list", name="action", value="clear-requests"), section="requests"),
    )


def _request_row(entry: LogEntry) -> tuple[Content, ...]:
    request = entry.record
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    path = request.path + (f"?{query}" if query else "")
    when = f", {request.received_at:%H:%M:%S} UTC" if request.received_at else ""
    no_status = "no response" if entry.finished else "waiting"
    failed = entry.finished and (request.status is None or request.status >= 400)
    return (
        tag(
            "span",
            tag("code", request.method, " ", user_text(path)),
            tag("small", (request.operation or "unknown operation") + when),
        ),
        tag("span", request.status or no_status, class_="status failed" if failed else "status"),
        ", ".join(request.faults),
    )


def _clock(control: SandboxControl) -> Element:
    units = (tag("option", unit, value=unit, selected=unit == "hours") for unit in UNITS)
    return section(
        "clock",
        "Clock",
        live_part("clock", tag("p", "It is ", moment(control.now), " UTC in the sandbox.")),
        form(
            tag("label", "Move the clock forward by", for_="amount"),
            tag("input", id="amount", name="amount", type="number", value=1, min=0, step="any"),
            tag("select", *units, name="unit", aria_label="Unit"),
            button("Advance", "Advance the clock", name="action", value="advance"),
            section="clock",
        ),
    )


def _connection(control: SandboxControl, url: str) -> Element:
    tokens: dict[str, str] = attrs.asdict(control.tokens)
    lines = {"ARENA_BASE_URL": url, "ARENA_TOKEN": tokens["owner"]}
    shell = "\n".join(f"export {name}={value}" for name, value in lines.items())
    powershell = "\n".join(f'$env:{name} = "{value}"' for name, value in lines.items())
    rows = ((role, tokens[role], use) for role, use in _TOKENS.items())
    return section(
        "connect",
        "Connect",
        _copyable("Linux and macOS", shell),
        _copyable("PowerShell", powershell),
        tag(
            "details",
            tag("summary", "Tokens of other users"),
            table(
                "Tokens",
                ("Token", "Value", "User and scope"),
                ((role, tag("code", token), use) for role, token, use in rows),
            ),
        ),
        intro="These variables make the sandbox the server of your program.",
    )


def _restart() -> Element:
    return section(
        "reset",
        "Reset",
        tag(
            "details",
            tag("summary", "Start again"),
            form(
                button("Reset the sandbox", name="action", value="reset"),
                tag("p", "What was added and invited since the start is deleted.", class_="note"),
                section="reset",
            ),
        ),
        intro="Groups, users, emails, requests, faults and the clock become as at the start.",
    )


def _copyable(name: str, text: str) -> Element:
    """Return text in a box; the script adds a button that copies it."""
    return tag("div", tag("h3", name), tag("pre", tag("code", text), tabindex=0, data_copy=name))
