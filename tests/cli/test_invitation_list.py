"""Lists of pending invitations by inviter."""

import json

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured

GROUP = "research-studio"
LIST = ("invitations", "list", GROUP)


def inviters(capsys: Captured) -> set[str]:
    return {each["invited_by"]["slug"] for each in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize(
    "name",
    [
        "ada-osei", "Ada Osei", "ada osei", "  ADA   osei ", "1", "https://www.are.na/ada-osei",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", [GROUP, "--all-groups"])
def test_inviter_is_given_by_name_slug_id_or_url(
    at: At, capsys: Captured, name: str, where: str
) -> None:
    assert at("invitations", "list", where, "--invited-by", name, "--limit", "5") == 0
    assert inviters(capsys) == {"ada-osei"}


@pytest.mark.parametrize(
    ("name", "near"),
    [("ada-ossei", "ada-osei"), ("Osei Ada", "ada-osei"), ("Yamamoto Akira", "akira-yamamoto")],
)
@pytest.mark.parametrize("more", [(), ("--sort", "oldest"), ("--limit", "1")])
def test_unknown_inviter_is_an_error_that_names_near_ones(
    at: At, capsys: Captured, name: str, near: str, more: tuple[str, ...]
) -> None:
    assert at(*LIST, "--invited-by", name, *more) == 3
    out, err = capsys.readouterr()
    assert out == ""
    error = json.loads(err)["error"]
    assert error["message"] == f"nobody called {name!r} has invited anybody in {GROUP}"
    assert near in error["hint"]


def test_unknown_inviter_in_all_groups_is_an_error(at: At, capsys: Captured) -> None:
    assert at("invitations", "list", "--all-groups", "--invited-by", "zzz") == 3
    assert "in your groups" in capsys.readouterr().err


def test_member_who_has_invited_nobody_has_an_empty_list(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    user = sandbox.add_user("Quiet Member")
    sandbox.add_member(GROUP, user)
    assert at(*LIST, "--invited-by", "quiet member") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_known_inviter_whose_invitations_do_not_match_has_an_empty_list(
    at: At, capsys: Captured
) -> None:
    assert at(*LIST, "--invited-by", "ada-osei", "--email", "zzz@*") == 0
    assert json.loads(capsys.readouterr().out) == []
