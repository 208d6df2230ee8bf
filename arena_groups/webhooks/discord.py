"""Body of Discord's incoming webhooks: one line an event, several events in one message.

Discord permits 2,000 characters in the content of a message.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

from arena_groups.watching.events import WatchEvent
from arena_groups.webhooks.lines import Markup, summarize

__all__ = ["MAX_EVENTS", "discord_body"]

MAX_EVENTS: Final = 10
MAX_CONTENT: Final = 2000
SUPPRESS_EMBEDS: Final = 1 << 2
_MARKDOWN: Final = re.compile(r"[\\*_~`|<>#@:\[\]()\-+]")


def discord_body(events: Sequence[WatchEvent], *, include_emails: bool = False) -> bytes:
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
        events, MARKUP, most=MAX_EVENTS, limit=MAX_CONTENT, include_emails=include_emails
    )
    body: dict[str, object] = {
        "content": "\n".join([found.title, *found.shown]),
        "allowed_mentions": {"parse": []},  # nobody is notified, whatever a name contains
        "flags": SUPPRESS_EMBEDS,
    }
    # ASCII, as JSON can hold half of a surrogate pair, which UTF-8 cannot.
    return json.dumps(body, separators=(",", ":")).encode()


def _escape(text: str) -> str:
    """Return a text with a backslash before each sign that may be markup, a mention or a URL."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _link(label: str, url: str) -> str:
    return f"[{label}](<{url}>)"


MARKUP: Final = Markup("**", _escape, _link)
