"""Members: list, join, leave, remove."""

import json

import pytest

from arena_groups.cli.commands.members import extract_invite_code
from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    At,
    Captured,
    Typing,
)
from tests.support.faults import EmptyList


def test_join_with_url_and_leave_changes_members(
    at: At, sandbox: Sandbox, capsys: Captured, typed: Typing
) -> None:
    assert at("invite-code", "show", "night-shift") == 0
    typed(json.loads(capsys.readouterr().out)["url"])
    assert at("members", "join", "night-shift", person="stranger") == 0
    assert json.loads(capsys.readouterr().out)["role"] == "member"
    assert sandbox.users.stranger.id in sandbox.members("night-shift")
    assert at("members", "leave", "night-shift", "--yes", person="stranger") == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "left"
    assert sandbox.users.stranger.id not in sandbox.members("night-shift")


@pytest.mark.parametrize(("code", "exit_code"), [("wrong-4711", 6), ("", 1), ("a b", 1)])
def test_join_with_invalid_code_hides_it_and_gives_hint(
    at: At, capsys: Captured, typed: Typing, code: str, exit_code: int
) -> None:
    typed(code)
    assert at("members", "join", "research-studio", person="stranger") == exit_code
    err = capsys.readouterr().err
    assert "4711" not in err
    assert json.loads(err)["error"]["hint"]


@pytest.mark.parametrize(
    "text", ["c0de", "https://www.are.na/group/x/invite/c0de", "https://x.example/c0de/?a=b"]
)
def test_extract_invite_code_accepts_code_or_url(text: str) -> None:
    assert extract_invite_code(text).reveal() == "c0de"


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "slug"])
def test_list_is_sorted(at: At, capsys: Captured, sort: str) -> None:
    assert at("members", "list", "research-studio") == 0
    newest = json.loads(capsys.readouterr().out)
    assert at("members", "list", "research-studio", "--sort", sort, "--limit", "9") == 0
    found = json.loads(capsys.readouterr().out)
    expected = {
        "newest": newest,
        "oldest": [newest[0], *newest[:0:-1]],
        "name": sorted(newest, key=lambda member: member["name"].casefold()),
        "slug": sorted(newest, key=lambda member: member["slug"]),
    }
    assert found == expected[sort][:9]


def test_remove_several_removes_each_once(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    _, newest, other = sandbox.members("research-studio")[:3]
    users = [str(newest), "minh-castellanos", str(sandbox.users.member.id), str(other)]
    assert at("members", "remove", "research-studio", *users, "--yes") == 0
    removed = [each["id"] for each in json.loads(capsys.readouterr().out)]
    assert removed == [newest, sandbox.users.member.id, other]
    assert not set(removed) & set(sandbox.members("research-studio"))


def test_remove_unknown_user_removes_nobody(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    before = sandbox.members("research-studio")
    users = ["minh-castellanos", "nobody-here", "nobody-here"]
    assert at("members", "remove", "research-studio", *users, "--yes") == 3
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["message"] == "not a member of research-studio: nobody-here"
    assert sandbox.members("research-studio") == before


def test_remove_finds_a_member_that_one_reading_of_the_list_misses(
    at: At, sandbox: Sandbox
) -> None:
    sandbox.faults.add(EmptyList(), times=1)
    assert at("members", "remove", "research-studio", "minh-castellanos", "--yes") == 0
    assert sandbox.users.member.id not in sandbox.members("research-studio")


def test_remove_owner_is_forbidden(at: At, capsys: Captured) -> None:
    assert at("members", "remove", "research-studio", "1", "--yes") == 6
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "forbidden"


def test_join_with_the_url_of_the_invite_asks_for_nothing(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("invite-code", "show", "night-shift") == 0
    url = json.loads(capsys.readouterr().out)["url"]
    assert at("members", "join", f"{url}/?from=mail", person="stranger") == 0
    assert json.loads(capsys.readouterr().out)["role"] == "member"
    assert sandbox.users.stranger.id in sandbox.members("night-shift")


def test_join_with_a_refused_url_shows_no_code(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    url = "https://evil.example/group/night-shift/invite/c0de-4711"
    assert at("members", "join", url, person="stranger") == 1
    err = capsys.readouterr().err
    assert "group must be" in err
    assert "4711" not in err
    assert sandbox.requests == ()


def test_remove_takes_urls_of_the_group_and_of_profiles(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    line = ["https://www.are.na/group/research-studio", "http://are.na/minh-castellanos/", "--yes"]
    assert at("members", "remove", *line) == 0
    assert sandbox.users.member.id not in sandbox.members("research-studio")
    assert at("members", "remove", "research-studio", "ada@example.org", "--yes") == 1
    assert "ada@" not in capsys.readouterr().err
