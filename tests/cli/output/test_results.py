"""Results: counts of lists that are shown in part, and progress."""

import io
import sys

import pytest

from arena_groups.cli.main import run
from arena_groups.cli.output.results import Extent, describe_count
from tests.support.command_line import AsPerson, FakeTerminal

GROUP = "research-studio"
ITEMS = ("item", "items")


@pytest.mark.parametrize(
    ("shown", "extent", "text"),
    [
        (1, Extent(), "1 item"),
        (7, Extent(total=7), "7 items"),
        (7, Extent(total=8), "7 items"),  # the list changed meanwhile
        (4, Extent(total=480, is_cut=True), "Showing 4 of 480 items"),
        (480, Extent(total=480, is_cut=True), "480 items"),
        (4, Extent(is_cut=True), "Showing 4 items; there may be more"),
        (0, Extent(is_cut=True), "Showing 0 items; there may be more"),
        (12, Extent(total=480, is_filtered=True), "Showing 12 of 480 items"),
        (0, Extent(total=480, is_filtered=True), "Showing 0 of 480 items"),
        (0, Extent(total=0, is_filtered=True), "0 items"),
        (
            4,
            Extent(total=480, matching=12, is_filtered=True, is_cut=True),
            "Showing 4 of 12 items that match, 480 in all",
        ),
        (
            4,
            Extent(total=480, is_filtered=True, is_cut=True),
            "Showing the first 4 items that match, 480 in all",
        ),
        (
            1,
            Extent(is_filtered=True, is_cut=True),
            "Showing the first 1 item that match; there may be more",
        ),
    ],
)
def test_count_says_how_many_there_are_as_far_as_that_is_known(
    shown: int, extent: Extent, text: str
) -> None:
    assert describe_count(shown, ITEMS, extent) == text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (f"members list {GROUP} --limit 3", "Showing 3 of 34 members\n"),
        (f"members list {GROUP} --limit 3 --sort name", "Showing 3 of 34 members\n"),
        (f"groups followers {GROUP} --limit 2", "Showing 2 of 64 followers\n"),
        (f"groups contents {GROUP} --type Channel --limit 2", "Showing 2 of 12 items\n"),
        ("groups list --limit 2", "Showing 2 of 8 groups\n"),
        ("groups list", "8 groups\n"),
        (f"invitations list {GROUP} --limit 4", "Showing 4 of 480 pending invitations\n"),
        (f"invitations list {GROUP} --limit 4 --sort oldest", "Showing 4 of 480 pending"),
        (f"invitations list {GROUP} --email zzz@*", "Showing 0 of 480 pending invitations\n"),
        (
            f"invitations list {GROUP} --older-than 1d --limit 4",
            "Showing the first 4 pending invitations that match, 480 in all\n",
        ),
        ("invitations list --all-groups --limit 4", "Showing 4 pending invitations; there may be"),
    ],
)
def test_list_at_terminal_ends_with_what_it_shows_of_all(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, line: str, text: str
) -> None:
    err = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", FakeTerminal())
    monkeypatch.setattr(sys, "stderr", err)
    assert run([*line.split(), *as_person("owner")]) == 0
    assert text in err.getvalue()


def test_results_at_terminal_are_a_table_and_a_count(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = FakeTerminal(), FakeTerminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert "INVITEE" in out.getvalue().splitlines()[0]
    count = sum(line[:1].isdigit() for line in out.getvalue().splitlines())
    assert err.getvalue() == f"{count} pending invitations\n"


def test_progress_is_shown_when_results_go_elsewhere(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    err = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert " so far" in err.getvalue()
    assert err.getvalue().endswith(" pending invitations\n")
