"""Bodies for Discord: within its documented limits, with names that are plain text."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import WatchEvent
from arena_groups.webhooks.discord import MAX_EVENTS, discord_body
from arena_groups.webhooks.lines import size
from tests.support.watch_events import every_event

LINK = re.compile(r"\[((?:\\.|[^\\\]])*)\]\(<(https://www\.are\.na/[^<>\s]*)>\)")
HOSTILE = [
    "@everyone", "@here", "<@123>", "<@&123>", "<#123>", "<:x:123>", "[Ada](https://evil.example)",
    "https://evil.example", "**bold**", "# big", "||spoiler||", "```", "> quote", "\\", "a](b",
]  # fmt: skip


def check_limits(body: bytes) -> str:
    """Check the limits that Discord documents, and return the text without links."""
    document: Any = json.loads(body)
    assert set(document) == {"content", "allowed_mentions", "flags"}
    assert document["allowed_mentions"] == {"parse": []}
    assert document["flags"] == 4
    assert 1 <= size(document["content"]) <= 2000
    text = LINK.sub(lambda found: found[1], document["content"])
    title, *lines = text.split("\n")
    assert title.startswith("**")
    assert title.endswith("**")
    for part in (title[2:-2], *lines):
        # Every sign that could be markup has a backslash, but those in the words of a line.
        assert not re.search(r"[*_~`|<>#@\[\]]", re.sub(r"\\.", "", part))
    return text


def test_body_has_the_group_and_a_line_for_each_event() -> None:
    body = discord_body(every_event())
    check_limits(body)
    lines = json.loads(body)["content"].split("\n")
    assert lines[0] == "**[Seven](<https://www.are.na/group/seven>)**"
    assert lines[3] == "[Ada](<https://www.are.na/user-5>) joined"
    assert len(lines) == 1 + MAX_EVENTS


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_plain_text(name: str) -> None:
    text = check_limits(discord_body(every_event(name, group=name)[2:3]))
    assert re.sub(r"\\(.)", r"\1", text.split("\n")[1]) == f"{name} joined"


@pytest.mark.parametrize("name", ["*" * 200, "👩" * 200, "阮" * 200, "a" * 200])
def test_as_many_events_as_possible_with_the_longest_names_fit(name: str) -> None:
    events = every_event(name, group=name, email="*" * 200)
    text = check_limits(discord_body(events, include_emails=True))
    lines = text.split("\n")
    if len(lines) < 1 + MAX_EVENTS or lines[-1].startswith("and "):
        assert lines[-1] == f"and {MAX_EVENTS - len(lines) + 2} more"


def test_as_many_events_as_possible_with_usual_names_are_all_shown() -> None:
    events = every_event("Marie-Luise Oberhuber", group="Research Studio")
    text = check_limits(discord_body(events))
    assert len(text.split("\n")) == 1 + MAX_EVENTS


@given(st.text(max_size=120), st.integers(1, MAX_EVENTS))
def test_any_name_is_within_the_limits(name: str, count: int) -> None:
    check_limits(discord_body(every_event(name, group=name)[:count], include_emails=True))


@pytest.mark.parametrize("events", [[], every_event()[:1] * (MAX_EVENTS + 1)])
def test_body_of_too_few_or_too_many_events_is_refused(events: list[WatchEvent]) -> None:
    with pytest.raises(ValueError, match="1 to 10"):
        discord_body(events)
