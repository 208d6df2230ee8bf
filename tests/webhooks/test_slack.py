"""Bodies for Slack: within its documented limits, with names that cannot mention anybody."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import WatchEvent
from arena_groups.webhooks.lines import size
from arena_groups.webhooks.slack import MAX_EVENTS, slack_body
from tests.support.watch_events import every_event

CONTROL_SEQUENCE = re.compile(r"<([^>]*)>")
HOSTILE = [
    "<!channel>",
    "<!here|x>",
    "<@U024BE7LH>",
    "<https://evil.example|Ada>",
    "&lt;!everyone&gt;",
]


def text_of(body: bytes) -> str:
    document: Any = json.loads(body)
    return "\n".join(block["text"]["text"] for block in document["blocks"])


def check_limits(body: bytes) -> None:
    """Check the limits that Slack documents, and that only links are control sequences."""
    document: Any = json.loads(body)
    assert set(document) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert 1 <= len(document["blocks"]) <= 50
    assert size(document["text"]) <= 4000
    for block in document["blocks"]:
        assert block["type"] == "section"
        assert block["text"]["type"] == "mrkdwn"
        assert block["text"]["verbatim"] is True
        assert 1 <= size(block["text"]["text"]) <= 3000
    assert sum(size(block["text"]["text"]) for block in document["blocks"]) <= 12_000
    for text in (document["text"], text_of(body)):
        links = CONTROL_SEQUENCE.findall(text)
        assert all(link.startswith("https://www.are.na/") for link in links)
        rest = CONTROL_SEQUENCE.sub("", text)
        assert "<" not in rest
        assert ">" not in rest


def test_body_has_the_group_and_a_line_for_each_event() -> None:
    body = slack_body(every_event())
    check_limits(body)
    lines = text_of(body).splitlines()
    assert lines[0] == "*<https://www.are.na/group/seven|Seven>*"
    assert lines[3] == "<https://www.are.na/user-5|Ada> joined"
    assert len(lines) == 1 + len(every_event())
    notification = json.loads(body)["text"]
    assert notification.startswith("Seven: <https://www.are.na/user-5|Ada> was invited by")
    assert notification.endswith(", and 9 more")
    assert (
        json.loads(slack_body(every_event()[-1:]))["text"] == "Seven: The invite code was deleted"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_mention_or_link(name: str) -> None:
    body = slack_body(every_event(name, group=name, email=f"{name}@x.example"), include_emails=True)
    check_limits(body)
    assert name not in text_of(body)


@pytest.mark.parametrize("name", ["*bold*", "_a_", "~a~", "`a`", "```a```"])
def test_names_are_not_formatted(name: str) -> None:
    text = text_of(slack_body(every_event(name)[2:3])).splitlines()[1]
    label = text.partition("|")[2].partition(">")[0]
    assert label.replace("\u200b", "") == name
    assert not re.search(r"(^|[^\u200b])[*_~`]|[*_~`]([^\u200b]|$)", label)


@pytest.mark.parametrize("name", ["&" * 200, "👩" * 200, "*" * 200, "阮" * 200, "a" * 200])
def test_as_many_events_as_possible_with_the_longest_names_fit(name: str) -> None:
    events = (every_event(name, group=name, email="&" * 200 + "@x.example") * 5)[:MAX_EVENTS]
    body = slack_body(events, include_emails=True)
    check_limits(body)
    lines = text_of(body).splitlines()
    if len(lines) < 1 + MAX_EVENTS:
        assert lines[-1] == f"and {MAX_EVENTS - len(lines) + 2} more"


def test_as_many_events_as_possible_with_usual_names_are_all_shown() -> None:
    events = (every_event("Marie-Luise Oberhuber", group="Research Studio") * 5)[:MAX_EVENTS]
    body = slack_body(events)
    check_limits(body)
    assert len(text_of(body).splitlines()) == 1 + MAX_EVENTS


@given(st.text(max_size=120), st.integers(1, MAX_EVENTS))
def test_any_name_is_within_the_limits(name: str, count: int) -> None:
    check_limits(slack_body((every_event(name, group=name) * 5)[:count], include_emails=True))


@pytest.mark.parametrize("name", ["", "\u200b", "\ud83d"])
def test_group_without_a_name_that_can_be_shown_is_mentioned(name: str) -> None:
    body = slack_body(every_event(group=name)[:1])
    check_limits(body)
    assert json.loads(body)["text"].startswith("(no name): ")


@pytest.mark.parametrize("events", [[], every_event()[:1] * (MAX_EVENTS + 1)])
def test_body_of_too_few_or_too_many_events_is_refused(events: list[WatchEvent]) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        slack_body(events)
