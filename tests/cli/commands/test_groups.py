"""Groups, their contents and their followers."""

import json

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    At,
    Captured,
)


def test_group_is_created_changed_and_deleted(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    assert at("groups", "create", "Reading Room", "--description", "We *read*.") == 0
    created = json.loads(capsys.readouterr().out)
    assert created["description"]["plain"] == "We read."
    slug = created["slug"]
    assert at("groups", "update", slug, "--name", "Listening Room", "--no-description") == 0
    changed = json.loads(capsys.readouterr().out)
    assert (changed["id"], changed["name"]) == (created["id"], "Listening Room")
    assert changed.get("description") is None
    assert changed["slug"] != slug
    assert at("groups", "update", str(created["id"]), "--description", "Back.") == 0
    assert json.loads(capsys.readouterr().out)["description"]["markdown"] == "Back."
    picture = "https://images.example.net/a.jpg"
    assert at("groups", "update", str(created["id"]), "--avatar-url", picture) == 0
    capsys.readouterr()
    assert at("groups", "delete", changed["slug"], "--yes") == 0
    gone = json.loads(capsys.readouterr().out)
    assert (gone["outcome"], gone["type"]) == ("deleted", "Group")
    assert created["id"] not in sandbox.groups.values()


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("name", "2024"),
        ("newest", "Blank Page"),
        ("oldest", "Analog Weather"),
        ("updated", "Blank Page"),
    ],
)
def test_list_sorts_groups(at: At, capsys: Captured, sort: str, first: str) -> None:
    assert at("groups", "list", "--sort", sort) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == first


def test_list_of_another_user_shows_their_groups(at: At, capsys: Captured) -> None:
    assert at("groups", "list", "--user", "minh-castellanos", person="stranger") == 0
    assert "research-studio" in capsys.readouterr().out


def test_contents_with_type_and_sort_lists_only_that_type_in_order(
    at: At, capsys: Captured
) -> None:
    line = ["research-studio", "--type", "Link", "--sort", "oldest", "--limit", "5"]
    assert at("groups", "contents", *line) == 0
    found = json.loads(capsys.readouterr().out)
    times = [each["created_at"] for each in found]
    assert {each["type"] for each in found} == {"Link"}
    assert times == sorted(times)
    assert len(times) == 5


def test_followers_oldest_first_reverses_list(at: At, capsys: Captured) -> None:
    assert at("groups", "followers", "research-studio") == 0
    newest_first = json.loads(capsys.readouterr().out)
    assert at("groups", "followers", "research-studio", "--sort", "oldest") == 0
    assert json.loads(capsys.readouterr().out) == newest_first[::-1]


@pytest.mark.parametrize(
    "line",
    [
        "groups show a-b", "members list a-b", "invitations list a-b", "groups contents a-b",
        "members remove a-b minh-castellanos", "groups delete a-b",
    ],
)  # fmt: skip
def test_group_that_does_not_exist_leads_to_the_list(line: str, at: At, capsys: Captured) -> None:
    assert at(*line.split(), "--yes") == 3
    hint = json.loads(capsys.readouterr().err)["error"]["hint"]
    assert hint.startswith("`arena-groups groups list` shows the slugs of your groups;")


def test_address_in_place_of_the_group_is_named_as_such(at: At, capsys: Captured) -> None:
    for words in (("invitations", "send"), ("members", "list")):
        assert at(*words, "ann@example.org") == 1
        message = json.loads(capsys.readouterr().err)["error"]["message"]
        assert "this is an email address, and GROUP comes first" in message
        assert "ann" not in message
