"""The first page: inbox, groups, requests, faults, the clock, and how to connect a program."""

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

import attrs

from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.control_request import ControlContext
from arena_groups.sandbox.entities import RecordedRequest
from arena_groups.sandbox.faults.registry import FaultHelp, describe_faults
from arena_groups.sandbox.page.groups import group_list
from arena_groups.sandbox.page.html import (
    Content,
    button,
    document,
    form,
    hidden,
    live_part,
    moment,
    problem_note,
    section,
    table,
    tag,
    user_text,
)
from arena_groups.sandbox.page.inbox import inbox

TITLES: Final = ("Inbox", "Requests", "Clock", "Groups", "Faults", "Connect")
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
    context: ControlContext, query: Mapping[str, str], problem: str | None = None
) -> Element:
    """Return the first page."""
    control, backend = context.control, context.backend
    return document(
        "Overview",
        tag("h1", "Sandbox"),
        tag("p", "A local Are.na server at ", tag("code", control.url), ".", class_="intro"),
        live_part("problem", problem_note(problem)),
        tag("nav", *_jumps(), class_="jump", aria_label="Sections"),
        tag(
            "div",
            tag(
                "div",
                section("inbox", "Inbox", live_part("inbox", *inbox(backend, query))),
                section("requests", "Requests", live_part("requests", *_requests(control))),
                _clock(control),
            ),
            tag(
                "div",
                section("groups", "Groups", live_part("groups", *group_list(backend, query))),
                _faults(control),
                _connection(control),
            ),
            class_="columns",
        ),
    )


def _jumps() -> Iterator[Element]:
    for title in TITLES:
        yield tag("a", title, href=f"#{title.lower()}")


def _requests(control: SandboxControl) -> tuple[Content, ...]:
    requests = control.requests
    if not requests:
        return (tag("p", "The API has not received a request yet.", class_="empty"),)
    newest = list(reversed(requests[-SHOWN_REQUESTS:]))
    shown = f"The newest {len(newest)} of {len(requests)}" if len(requests) > len(newest) else ""
    return (
        table(
            "Requests, newest first",
            ("Request", "Status", "Faults"),
            map(_request_row, newest),
        ),
        tag("p", shown, class_="extent") if shown else None,
        form(button("Clear the list", name="action", value="clear-requests"), section="requests"),
    )


def _request_row(request: RecordedRequest) -> tuple[Content, ...]:
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    path = request.path + (f"?{query}" if query else "")
    status = "none" if request.status is None else str(request.status)
    failed = request.status is None or request.status >= 400
    return (
        tag(
            "span",
            tag("code", request.method, " ", user_text(path)),
            tag("small", request.operation or "unknown operation"),
        ),
        tag("span", status, class_="status failed" if failed else "status"),
        ", ".join(request.faults),
    )


def _faults(control: SandboxControl) -> Element:
    return section(
        "faults",
        "Faults",
        live_part("faults", *_active_faults(control)),
        tag(
            "details",
            tag("summary", "All faults"),
            live_part("kinds", *_kinds(control)),
            id="all-faults",
        ),
        form(
            tag("label", "Fault with options", for_="fault-spec"),
            tag(
                "input",
                id="fault-spec",
                name="fault",
                required=True,
                autocomplete="off",
                spellcheck="false",
                aria_describedby="fault-help",
            ),
            button("Turn on", "Turn on this fault", name="action", value="turn-on"),
            tag(
                "p",
                "For example ",
                tag("code", "server-failure:status=503,times=3,operation=getGroup"),
                ". Without options a fault applies to every request.",
                id="fault-help",
                class_="note",
            ),
            section="faults",
        ),
        intro="A fault makes requests of your program fail, so that you see how it copes.",
    )


def _active_faults(control: SandboxControl) -> Iterator[Content]:
    active = tuple(control.faults)
    if not active:
        yield tag("p", "No fault is on.", class_="empty")
        return
    items = tag("ul", class_="active")
    for number, injected in enumerate(active):
        text = str(injected)
        count = injected.call_count
        applied = f"applied to {count} request{'' if count == 1 else 's'}"
        items.append(
            tag(
                "li",
                tag("code", text),
                f" {applied}",
                form(
                    hidden("fault", number),
                    button("Turn off", f"Turn off {text}", name="action", value="turn-off"),
                    section="faults",
                ),
            )
        )
    yield items
    yield form(button("Turn off all faults", name="action", value="turn-off-all"), section="faults")


def _kinds(control: SandboxControl) -> tuple[Content, ...]:
    active = {each.fault.name() for each in control.faults}
    rows = ((_switch(each, active), _effect(each)) for each in describe_faults())
    return (table("All faults", ("Fault", "Effect"), rows),)


def _effect(fault: FaultHelp) -> Element:
    options = f"Options: {', '.join(fault.options)}" if fault.options else None
    return tag("span", fault.summary, tag("small", options) if options else None)


def _switch(fault: FaultHelp, active: set[str]) -> Element:
    """Return the switch of a fault with its default options."""
    if any(option.endswith("=...") for option in fault.options):
        return tag("span", fault.name, tag("small", " needs options"))
    is_on = fault.name in active
    return form(
        hidden("fault", fault.name),
        tag(
            "button",
            fault.name,
            role="switch",
            aria_checked="true" if is_on else "false",
            name="action",
            value="turn-off-kind" if is_on else "turn-on",
            id=f"fault-{fault.name}",
        ),
        section="all-faults",
    )


def _clock(control: SandboxControl) -> Element:
    units = (tag("option", unit, value=unit, selected=unit == "hours") for unit in UNITS)
    return section(
        "clock",
        "Clock",
        live_part("clock", tag("p", "It is ", moment(control.now), " UTC in the control.")),
        form(
            tag("label", "Move the clock forward by", for_="amount"),
            tag("input", id="amount", name="amount", type="number", value=1, min=0, step="any"),
            tag("select", *units, name="unit", aria_label="Unit"),
            button("Advance", "Advance the clock", name="action", value="advance"),
            section="clock",
        ),
    )


def _connection(control: SandboxControl) -> Element:
    tokens: dict[str, str] = attrs.asdict(control.tokens)
    lines = {"ARENA_BASE_URL": control.url, "ARENA_TOKEN": tokens["owner"]}
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


def _copyable(name: str, text: str) -> Element:
    """Return text in a box; the script adds a button that copies it."""
    return tag("div", tag("h3", name), tag("pre", tag("code", text), tabindex=0, data_copy=name))
