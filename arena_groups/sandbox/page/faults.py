"""The faults on the page: those in place, a switch for each kind, and a form for options."""

from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element

import attrs

from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.faults.kinds import FaultHelp, describe_faults
from arena_groups.sandbox.faults.registry import InjectedFault
from arena_groups.sandbox.page.html import (
    Content,
    button,
    form,
    hidden,
    live_part,
    section,
    table,
    tag,
)


def fault_section(control: SandboxControl) -> Element:
    """Return the section with the faults in place, a switch for each kind, and a form."""
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


def fault_text(injected: InjectedFault) -> str:
    """Return a fault as it is written for `--fault`, without options that have their default."""
    options = [
        _option(field.name, getattr(record, field.name))
        for record in (injected.fault, injected.target)
        for field in attrs.fields(type(record))
        if field.init and getattr(record, field.name) != field.default
    ]
    return injected.fault.name() + (f":{','.join(options)}" if options else "")


def _option(name: str, value: object) -> str:
    match value:
        case True:
            return name
        case False | None:
            return f"{name}={str(value).lower()}"
        case frozenset():
            ids = cast("frozenset[int]", value)
            return f"{name}={'+'.join(map(str, sorted(ids)))}"
        case _ if callable(value):
            return f"{name}=(a function)"
        case _:
            return f"{name}={value}"


def _active_faults(control: SandboxControl) -> Iterator[Content]:
    active = tuple(control.faults)
    if not active:
        yield tag("p", "No fault is on.", class_="empty")
        return
    items = tag("ul", class_="active")
    for injected in active:
        text = fault_text(injected)
        count = injected.call_count
        applied = f"applied to {count} request{'' if count == 1 else 's'}"
        items.append(
            tag(
                "li",
                tag("code", text),
                f" {applied}",
                form(
                    hidden("fault", injected.id),
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
    return (table("Faults and their effects", ("Fault", "Effect"), rows),)


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
