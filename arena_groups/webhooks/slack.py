"""Body of Slack's incoming webhooks: one line an event, several events in one message.

Slack permits 50 blocks in a message and 3,000 characters in a section. Messages whose blocks have
about 13,000 characters in all were refused, too, although no limit for that is documented.
"""

import json
from collections.abc import Sequence
from typing import Final

from arena_groups.watching.events import WatchEvent
from arena_groups.webhooks.lines import NO_NAME, Markup, more, size, summarize

__all__ = ["MAX_EVENTS", "slack_body"]

MAX_EVENTS: Final = 50
MAX_SECTION: Final = 3000
MAX_TOTAL: Final = 12_000
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def slack_body(events: Sequence[WatchEvent], *, include_emails: bool = False) -> bytes:
    """Return the body of a request for events of one group.

    Args:
        events: The events, in order: 1 to ``MAX_EVENTS``.
        include_emails: Whether the message contains the addresses of invitees.

    Returns:
        The JSON.

    Raises:
        ValueError: There is no event, or there are too many.
    """
    found = summarize(
        events, MARKUP, most=MAX_EVENTS, limit=MAX_TOTAL, include_emails=include_emails
    )
    first = f"{MARKUP.text(events[-1].group.name) or NO_NAME}: {found.lines[0]}"
    notification = first if len(events) == 1 else f"{first}, {more(len(events) - 1)}"
    body = {
        "text": notification,
        "blocks": [_section(text) for text in _sections([found.title, *found.shown])],
        "unfurl_links": False,
        "unfurl_media": False,
    }
    # ASCII, as JSON can hold half of a surrogate pair, which UTF-8 cannot.
    return json.dumps(body, separators=(",", ":")).encode()


def _sections(lines: Sequence[str]) -> list[str]:
    """Return the lines in as few texts as possible, of the length of a section at most."""
    texts: list[str] = []
    for line in lines:
        joined = f"{texts[-1]}\n{line}" if texts else line
        if texts and size(joined) <= MAX_SECTION:
            texts[-1] = joined
        else:
            texts.append(line)
    return texts


def _section(text: str) -> dict[str, object]:
    # Without verbatim, Slack would make links of URLs and of names of channels in the text.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _escape(text: str) -> str:
    """Return a text without control sequences, such as ``<!channel>``, and without formatting.

    Slack's mrkdwn has no escape for its signs of formatting, so a zero-width space parts them from
    the text beside them.
    """
    escaped = text.translate(_ENTITIES)
    for sign in "*_~`":
        escaped = escaped.replace(sign, f"\u200b{sign}\u200b")
    return escaped


def _link(label: str, url: str) -> str:
    return f"<{url.translate(_ENTITIES)}|{label}>"


MARKUP: Final = Markup("*", _escape, _link)
