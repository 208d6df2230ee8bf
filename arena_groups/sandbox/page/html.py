"""HTML elements whose texts are always escaped, and the frame of every page."""

from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType
from typing import Final
from xml.etree.ElementTree import Element, tostring

from arena_groups.sandbox.control_views import CONTROL_PREFIX
from arena_groups.sandbox.responses import HTML_TYPE
from arena_groups.sandbox.server_protocol import SerializedResponse

PAGE_PATH: Final = f"{CONTROL_PREFIX}/"
STATIC_PATH: Final = f"{PAGE_PATH}static/"
LONGEST_TEXT: Final = 120  # characters

_POLICY = {
    "default-src": "'none'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
PAGE_HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: the Origin of a form would be "null", and forms would be rejected.
        "Referrer-Policy": "same-origin",
    }
)

Content = Element | str | int | None


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Element:
    """Return an element with texts and elements as its content.

    In names of attributes `_` stands for `-`, and a `_` at the end is dropped. An attribute that is
    True has no value; one that is False or None is left out. None in the content is left out too.
    """
    found = Element(name)
    for key, value in attributes.items():
        if value is not None and value is not False:
            found.set(key.rstrip("_").replace("_", "-"), "" if value is True else str(value))
    for each in content:
        if isinstance(each, Element):
            found.append(each)
        elif each is not None:
            _append_text(found, str(each))
    return found


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def user_text(text: str, *, limit: int = LONGEST_TEXT) -> Element:
    """Return a text that a user wrote, of at most `limit` characters, whatever its direction."""
    return tag("bdi", shorten(text, limit=limit))


def shorten(text: str, *, limit: int = LONGEST_TEXT) -> str:
    """Return a text of at most `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def moment(when: datetime) -> Element:
    """Return a date and time in UTC, which the words around it have to name."""
    return tag("time", f"{when:%Y-%m-%d %H:%M:%S}", datetime=when.isoformat())


def hidden(name: str, value: str | int) -> Element:
    """Return a hidden field of a form."""
    return tag("input", type="hidden", name=name, value=value)


def table(caption: str, columns: Iterable[str], rows: Iterable[Iterable[Content]]) -> Element:
    """Return a table. The first cell of each row is its heading.

    Its roles are explicit, because the style sheet turns rows into blocks where there is no room
    for columns, and browsers then do not report a table.
    """
    names = tuple(columns)
    body = tag("tbody", role="rowgroup")
    for row in rows:
        heading, *others = row
        cells = (
            tag("td", cell, role="cell", data_column=name)
            for name, cell in zip(names[1:], others, strict=True)
        )
        body.append(
            tag("tr", tag("th", heading, role="rowheader", scope="row"), *cells, role="row")
        )
    titles = (tag("th", name, role="columnheader", scope="col") for name in names)
    head = tag("thead", tag("tr", *titles, role="row"), role="rowgroup")
    return tag("table", tag("caption", caption), head, body, role="table")


def section(name: str, title: str, *content: Content, intro: str | None = None) -> Element:
    """Return a section of a page, for which the script fetches the element `NAME-part` anew.

    Forms with texts to type belong after that element, so that they are not replaced.
    """
    heading = tag("h2", title, id=f"{name}-title", tabindex=-1)
    text = tag("p", intro, class_="intro") if intro else None
    return tag("section", heading, text, *content, id=name, aria_labelledby=f"{name}-title")


def live_part(name: str, *content: Content) -> Element:
    """Return an element that the script replaces when it has changed."""
    return tag("div", *content, id=f"{name}-part", data_part=True)


def button(text: str, label: str | None = None, **attributes: str | int | bool | None) -> Element:
    """Return a button; `label` is its whole name, where the text alone could mean several."""
    return tag("button", text, aria_label=label, **attributes)


def form(*content: Content, section: str = "", **attributes: str | int | bool | None) -> Element:
    """Return a form that posts to the URL of its page, and leads back to a section of it."""
    return tag("form", hidden("section", section), *content, method="post", **attributes)


def document(title: str, *content: Content, narrow: bool = False) -> Element:
    """Return a whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{shorten(title)} | Are.na sandbox"),
        tag("link", rel="icon", type="image/svg+xml", href=f"{STATIC_PATH}icon.svg"),
        tag("link", rel="stylesheet", href=f"{STATIC_PATH}page.css"),
        tag("script", src=f"{STATIC_PATH}page.js", defer=True),
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#main", class_="skip"),
        tag(
            "header",
            tag("a", "Are.na sandbox", href=PAGE_PATH, class_="brand"),
            # Filled in by the script, which announces what is new.
            tag("p", id="news", role="status", aria_live="polite"),
        ),
        tag("main", *content, id="main", tabindex=-1, class_="narrow" if narrow else None),
    )
    return tag("html", head, body, lang="en")


def html_response(page: Element, status: int = 200) -> SerializedResponse:
    """Return a page as a response."""
    text = "<!DOCTYPE html>\n" + tostring(page, encoding="unicode", method="html")
    headers = {**PAGE_HEADERS, "Content-Type": HTML_TYPE}
    return SerializedResponse(status, headers, text.encode("utf-8", "replace"))


def message_page(title: str, message: str) -> Element:
    """Return a page with one message, such as that of an error."""
    back = tag("p", tag("a", "Back to the sandbox", href=PAGE_PATH))
    return document(title, tag("h1", title), tag("p", message), back, narrow=True)


def problem_note(message: str | None) -> Element | None:
    """Return the message of a form that was rejected."""
    return tag("p", message, role="alert", class_="problem") if message else None
