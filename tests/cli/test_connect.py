"""The client of a command: API or sandbox, and its token."""

import json

import pytest

import arena_groups
from arena_groups import MembershipInvitation, from_dict
from arena_groups.cli.connect import retry_policy
from arena_groups.cli.main import run
from tests.support.command_line import AsPerson, Captured

GROUP = "research-studio"


def test_connected_by_default_uses_are_na(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def client(token: str | None, **options: object) -> None:
        asked.append((token, options["base_url"], options["retry"]))
        raise ValueError("not in tests")

    monkeypatch.setattr(arena_groups, "ArenaClient", client)
    assert run(["invitations", "list", GROUP]) == 1
    assert asked == [(None, "https://api.are.na", retry_policy())]


def test_connected_with_sandbox_needs_no_token(capsys: Captured) -> None:
    assert run(["invitations", "list", GROUP, "--sandbox"]) == 0
    out, err = capsys.readouterr()
    items = [from_dict(MembershipInvitation, json.loads(line)) for line in out.splitlines()]
    assert {item.target.slug for item in items} == {GROUP}
    assert len({item.id for item in items}) == len(items) > 100
    assert err == ""


def test_connected_with_sandbox_ignores_token(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_TOKEN", "not-for-sandboxes")
    assert run(["invite-code", "show", GROUP, "--sandbox"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("token", ["wrong-token-4711", None])
def test_connected_with_wrong_or_no_token_is_unauthorized(
    capsys: Captured, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    where = as_person("owner")
    if token is None:
        monkeypatch.delenv("ARENA_TOKEN")
        hint = f"log in with `arena-groups auth login {' '.join(where)}`"
    else:
        monkeypatch.setenv("ARENA_TOKEN", token)
        hint = "ARENA_TOKEN"
    assert run(["invitations", "list", GROUP, *where]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arena-groups: 401")
    assert err.count("\n") == 1
    assert hint in err
    assert "4711" not in err


@pytest.mark.parametrize(
    ("person", "group", "code", "kind"),
    [
        ("owner", "no-such-group", 3, "not_found"),
        ("stranger", GROUP, 6, "forbidden"),
        ("limited", GROUP, 5, "rate_limited"),
    ],
)
def test_connected_refused_request_returns_code_of_error(
    capsys: Captured, as_person: AsPerson, person: str, group: str, code: int, kind: str
) -> None:
    where = as_person(person)
    assert run(["invitations", "list", group, *where]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arena-groups: ")
    assert err.count("\n") == 1
    assert run(["invitations", "list", group, "--format", "json", *where]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["error"]["type"] == kind
    assert json.loads(err)["error"]["exit_code"] == code


def test_connected_without_server_hints_at_base_url(capsys: Captured, unused_tcp_port: int) -> None:
    where = f"http://127.0.0.1:{unused_tcp_port}"
    assert run(["invitations", "list", GROUP, "--base-url", where]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "(hint: " in err
    assert "--base-url" in err
    assert "Errno" not in err
