"""Events as lines: their words, and what names cannot do to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import WatchEvent
from arena_groups.webhooks.lines import Markup, describe, fill, size
from tests.support.watch_events import every_event

ANY_WAY = "declined, revoked, expired or accepted"
SOMEBODY = "a person without a known account"
PLAIN = Markup(bold="", escape=lambda text: text, link=lambda label, _: label)


def test_each_event_is_described() -> None:
    lines = [describe(event, PLAIN, include_emails=False) for event in every_event()]
    assert lines == [
        "Ada was invited by Ada",
        f"{SOMEBODY} was invited by Ada",
        "Ada joined",
        "Ada accepted the invitation by Ada",
        "The invitation of Ada is no longer pending: declined, revoked or expired",
        f"The invitation of {SOMEBODY} is no longer pending: {ANY_WAY}",
        "Ada has the role member (was owner)",
        "Ada is no longer a member",
        "The invite code was changed",
        "The invite code was deleted",
    ]


def test_addresses_are_shown_only_if_they_are_included() -> None:
    events = every_event()
    shown = [describe(event, PLAIN, include_emails=True) for event in events]
    assert [line for line in shown if "ada@example.org" in line] == [shown[1], shown[5]]
    hidden = [describe(event, PLAIN, include_emails=False) for event in events]
    assert not any("@" in line for line in hidden)


@given(st.text())
def test_name_stays_on_one_line_of_bounded_length(name: str) -> None:
    for event in every_event(name):
        line = describe(event, PLAIN, include_emails=True)
        assert len(line.splitlines()) == 1
        assert len(line) < 400


@pytest.mark.parametrize(
    "name", ["نور الدين", "阮 Minh", "Zoë", "👩\u200d💻", "\u0915\u094d\u200d\u0937"]
)
def test_names_in_any_script_are_unchanged(name: str) -> None:
    event: WatchEvent = every_event(name)[2]
    assert describe(event, PLAIN, include_emails=False) == f"{name} joined"


@pytest.mark.parametrize("name", ["\u202eevil", "a\nb", "a\u2028b", "\x1b[31m", "\ud800", ""])
def test_name_cannot_control_the_text(name: str) -> None:
    line = describe(every_event(name)[2], PLAIN, include_emails=False)
    assert line.endswith(" joined")
    assert line.isprintable()
    assert line != " joined"


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20), st.integers(20, 200))
def test_fill_never_exceeds_the_limit_and_counts_what_is_left(lines: list[str], limit: int) -> None:
    shown, left = fill(lines, limit)
    assert shown == lines[: len(shown)]
    assert len(shown) + left == len(lines)
    text = "\n".join([*shown, *([f"and {left} more"] if left else [])])
    assert size(text) <= limit
    if left == 0:
        assert shown == lines


def test_size_counts_utf16_code_units() -> None:
    assert size("aé阮👩") == 5
