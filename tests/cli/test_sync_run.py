"""Runs of ``sync``: what is shown and asked, what is carried out, and what a second run does."""

import csv
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from arena_groups.cli.sync_run import default_store, with_lines
from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured, Screen
from tests.support.redis_server import RedisServer

GROUP = "night-walks"
LIST = "email,user,note\nnew@example.org,,spring\n,zora-member,\n"
AtTerminal = Callable[..., Screen]
People = Callable[[str], str]


@pytest.fixture(autouse=True)
def group(sandbox: Sandbox) -> None:
    """A group with two members beside the owner."""
    sandbox.add_group("Night Walks", slug=GROUP)
    for name in ("Zora Member", "Yuki Member"):
        sandbox.add_member(GROUP, sandbox.add_user(name))


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def outcomes(text: str) -> list[tuple[object, object]]:
    return [(row["outcome"], row["user"] or row["email"]) for row in rows(text)]


def emails(sandbox: Sandbox) -> list[str]:
    return [each.address for each in sandbox.emails]


def test_sync_invites_then_removes_and_a_second_run_does_nothing(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    line = ["sync", GROUP, people(LIST), "--yes"]
    assert at(*line, chosen="ndjson") == 0
    out, err = capsys.readouterr()
    assert outcomes(out) == [("invited", "new@example.org"), ("removed", "yuki-member")]
    assert [row["lines"] for row in rows(out)] == [[2], []]
    assert "invite 1, held 1, keep 2" in err
    assert "1 invited, 1 removed" in err
    assert at(*line, chosen="ndjson") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing to do" in err
    assert emails(sandbox) == ["new@example.org"]


def test_sync_at_a_terminal_shows_the_plan_and_asks(
    at_terminal: AtTerminal, sandbox: Sandbox, people: People
) -> None:
    file = people(LIST)
    for answer in ("", "\n", "n\n"):
        screen = at_terminal("sync", GROUP, file, answer=answer)
        assert screen.code == 1
        assert "HELD 1" in screen.text
        assert "minute of the quota)" in screen.text
        assert (
            "Invite 1, then remove or revoke up to 1 who are held in night-walks? [y/N] "
            in screen.text
        )
        assert screen.text.endswith("arena-groups: cancelled\n")
    assert emails(sandbox) == []
    screen = at_terminal("sync", GROUP, file, answer="y\n")
    assert screen.code == 0
    assert "removed          Yuki Member (yuki-member)" in screen.text
    assert screen.text.endswith("arena-groups: 1 invited, 1 removed\n")
    assert emails(sandbox) == ["new@example.org"]


def test_sync_with_nothing_to_do_asks_nothing(
    at_terminal: AtTerminal, people: People, sandbox: Sandbox
) -> None:
    screen = at_terminal("sync", GROUP, people("user\nada-osei\nzora-member\nyuki-member\n"))
    assert screen.code == 0
    assert screen.text.endswith(f"{GROUP}: keep 3\narena-groups: nothing to do\n")
    assert "[y/N]" not in screen.text


def test_result_file_has_a_line_for_each_result(
    at: At, people: People, tmp_path: Path, sandbox: Sandbox
) -> None:
    result = tmp_path / "result.csv"
    assert at("sync", GROUP, people(LIST), "--yes", "--result", str(result)) == 0
    with result.open(encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    assert [(row["outcome"], row["email"], row["user"]) for row in found] == [
        ("invited", "new@example.org", ""),
        ("removed", "", "yuki-member"),
    ]
    assert found[0]["lines"] == "2"


def test_masked_results_have_no_address(
    at: At, people: People, capsys: Captured, tmp_path: Path
) -> None:
    markdown = tmp_path / "plan.md"
    line = ["sync", GROUP, people(LIST), "--yes", "--mask", "--md", str(markdown), "-v"]
    assert at(*line, chosen="ndjson") == 0
    out, err = capsys.readouterr()
    assert "new@" not in out + err + markdown.read_text("utf-8")
    assert "n***@e***.org" in out
    assert "n***@e***.org" in markdown.read_text("utf-8")


def test_saved_plan_is_applied(
    at: At, sandbox: Sandbox, people: People, tmp_path: Path, capsys: Captured
) -> None:
    plan = str(tmp_path / "plan.json")
    assert at("sync", GROUP, people(LIST), "--plan", plan) == 0
    capsys.readouterr()
    assert at("sync", "--apply", plan) == 1  # it has to be confirmed
    capsys.readouterr()
    assert at("sync", "--apply", plan, "--yes", chosen="ndjson") == 0
    out, err = capsys.readouterr()
    assert outcomes(out) == [("invited", "new@example.org"), ("removed", "yuki-member")]
    assert "read it" not in err
    assert emails(sandbox) == ["new@example.org"]


def test_saved_plan_whose_only_action_was_held_is_carried_out_after_a_link(
    at: At, sandbox: Sandbox, people: People, tmp_path: Path, capsys: Captured
) -> None:
    plan = str(tmp_path / "plan.json")
    line = ["sync", GROUP, people(LIST), "--keep", "yuki-member"]
    assert at(*line, "--yes") == 0
    sandbox.decline_invitation(sandbox.pending_invitations(GROUP)[0])
    sandbox.add_member(GROUP, "tomasz-whetu")
    assert at(*line, "--plan", plan) == 0
    capsys.readouterr()
    assert at("sync", "--apply", plan, "--yes", chosen="ndjson") == 0
    assert outcomes(capsys.readouterr().out) == [("held", "tomasz-whetu")]
    assert at("sync", "link", "new@example.org", "yuki-member") == 0
    capsys.readouterr()
    assert at("sync", "--apply", plan, "--yes", chosen="ndjson") == 0
    assert outcomes(capsys.readouterr().out) == [("removed", "tomasz-whetu")]


def test_saved_plan_for_another_server_is_refused(
    at: At, sandbox: Sandbox, people: People, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "plan.json"
    assert at("sync", GROUP, people(LIST), "--plan", str(file)) == 0
    plan = json.loads(file.read_text("utf-8"))
    assert plan["server"] == sandbox.url
    file.write_text(json.dumps({**plan, "server": "https://api.example.org"}), "utf-8")
    capsys.readouterr()
    assert at("sync", "--apply", str(file), "--yes") == 1
    shown = capsys.readouterr().err
    assert "the plan was made for a group of https://api.example.org" in shown
    assert "the same command" not in shown
    assert emails(sandbox) == []


def test_saved_plan_of_a_group_that_has_changed_is_refused_or_does_the_rest(
    at: At, sandbox: Sandbox, people: People, tmp_path: Path, capsys: Captured
) -> None:
    plan = str(tmp_path / "plan.json")
    file = people("email,user\nnew@example.org,\n,zora-member\n,tomasz-whetu\n")
    assert at("sync", GROUP, file, "--plan", plan) == 0
    sandbox.add_member(GROUP, "tomasz-whetu")
    capsys.readouterr()
    assert at("sync", "--apply", plan, "--yes") == 1
    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert error["type"] == "drift"
    assert "--on-drift skip" in error["hint"]
    assert emails(sandbox) == []
    assert at("sync", "--apply", plan, "--yes", "--on-drift", "skip", chosen="ndjson") == 0
    assert ("drifted", "tomasz-whetu") in outcomes(capsys.readouterr().out)
    assert "new@example.org" in emails(sandbox)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_plan_that_others_can_write_is_refused_and_read_is_a_warning(
    at: At, people: People, tmp_path: Path, capsys: Captured, sandbox: Sandbox
) -> None:
    plan = tmp_path / "plan.json"
    assert at("sync", GROUP, people(LIST), "--plan", str(plan)) == 0
    sandbox.clear_requests()
    plan.chmod(0o620)
    assert at("sync", "--apply", str(plan), "--yes") == 1
    assert "other users could have changed the plan" in capsys.readouterr().err
    assert sandbox.requests == ()
    plan.chmod(0o644)
    assert at("sync", "--apply", str(plan), "--yes") == 0
    assert "other users can read it: run chmod 600" in capsys.readouterr().err


def test_several_groups_are_brought_in_step_and_others_are_not_touched(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    sandbox.add_group("Day Walks", slug="day-walks")
    sandbox.add_group("Other Walks", slug="other-walks")
    sandbox.add_member("other-walks", sandbox.add_user("Olga Member"))
    file = people(
        f"email,user,group\nx@example.org,,day-walks\n,zora-member,{GROUP}\n,yuki-member,{GROUP}\n"
    )
    assert at("sync", "--groups", file, "--dry-run", "--exit-code", chosen="ndjson") == 9
    found = rows(capsys.readouterr().out)
    assert [row["group"] for row in found] == ["day-walks"] * 2 + [GROUP] * 3
    assert at("sync", "--groups", file, "--yes", chosen="ndjson") == 0
    out, err = capsys.readouterr()
    assert outcomes(out) == [("invited", "x@example.org")]
    assert f"{GROUP}: keep 3" in err
    assert "other-walks" not in out + err


def test_groups_file_with_two_names_of_a_group_changes_nothing(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    number = sandbox.groups[GROUP]
    file = people(f"user,group\nzora-member,{GROUP}\nyuki-member,{number}\n")
    assert at("sync", "--groups", file, "--yes", "--max-removals", "100%") == 4
    assert "are the same group" in capsys.readouterr().err
    file = people(f"user,group\nzora-member,{GROUP}\nyuki-member,\n")
    assert at("sync", "--groups", file, "--yes") == 4
    assert "no valid group in line 3" in capsys.readouterr().err


def test_groups_file_over_the_limit_in_one_group_changes_no_group(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    sandbox.add_group("Day Walks", slug="day-walks")
    file = people(f"email,user,group\nx@example.org,,day-walks\n,ada-osei,{GROUP}\n")
    assert at("sync", "--groups", file, "--yes") == 1
    assert f"{GROUP}: 2 removals and revocations are over the limit of 1" in capsys.readouterr().err
    assert emails(sandbox) == []


def test_group_with_the_slug_of_the_subcommand_is_reached(
    sandbox: Sandbox, people: People, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = sandbox.add_group("Link", slug="link")
    file = people("email\nx@example.org\n")
    monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
    line = ["sync", "--dry-run", "--format", "ndjson", "--base-url", sandbox.url]
    for name in (["--", "link"], [str(number)], ["https://www.are.na/group/link"]):
        assert run([*line, *name, file]) == 0
        assert {row["group"] for row in rows(capsys.readouterr().out)} == {"link"}


def test_link_makes_the_member_known_by_the_address(
    at: At, people: People, capsys: Captured, typed: Callable[[str], None]
) -> None:
    assert at("sync", "link", "zora@example.org", "zora-member", chosen="ndjson") == 0
    (row,) = rows(capsys.readouterr().out)
    assert (row["outcome"], row["target"]) == ("linked", "zora@example.org")
    typed("yuki@example.org")
    assert at("sync", "link", "-", "yuki-member") == 0
    capsys.readouterr()
    file = people("zora@example.org\nYuki@example.org\n")
    assert at("sync", GROUP, file, "--dry-run", "--exit-code", chosen="ndjson") == 0
    assert {row["kind"] for row in rows(capsys.readouterr().out)} == {"keep"}


def test_link_of_an_invalid_address_or_unknown_user_is_an_error(at: At, capsys: Captured) -> None:
    assert at("sync", "link", "secret@", "zora-member") == 1
    assert "secret" not in capsys.readouterr().err
    assert at("sync", "link", "zora@example.org", "no-such-user") == 3
    assert "zora@" not in capsys.readouterr().err


def test_default_store_is_private_and_of_the_account(
    at: At, people: People, home: Path, sandbox: Sandbox
) -> None:
    assert at("sync", GROUP, people(LIST), "--dry-run") == 0
    (store,) = home.rglob("*.sqlite")
    me = sandbox.users.owner.id
    assert store.name == f"127.0.0.1-{sandbox.url.rpartition(':')[2]}-{me}.sqlite"
    if os.name == "posix":
        assert stat.S_IMODE(store.stat().st_mode) == 0o600
        assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    for each in home.rglob("*"):
        assert each.is_dir() or b"example.org" not in each.read_bytes()


def test_default_stores_of_other_servers_and_accounts_differ(home: Path) -> None:
    urls = ("https://api.are.na", "http://[::1]:80", "http://127.0.0.1:8080", "http://127.0.0.1")
    found = {default_store(url, number).name for url in urls for number in (1, 12)}
    assert len(found) == 8
    assert "api.are.na-1.sqlite" in found
    assert not any(":" in name or "/" in name for name in found)


def test_store_of_the_environment_in_redis_is_used(
    at: At,
    people: People,
    home: Path,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.setenv("ARENA_STORE", redis_server.url)
    monkeypatch.setenv("ARENA_SYNC_KEY", "a key of sixteen bytes or more")
    assert at("sync", "link", "zora@example.org", "zora-member") == 0
    capsys.readouterr()
    file = people("zora@example.org\n")
    assert at("sync", GROUP, file, "--dry-run", "--add-only", chosen="ndjson") == 0
    kept = [row for row in rows(capsys.readouterr().out) if row["email"] == "zora@example.org"]
    assert [row["kind"] for row in kept] == ["keep"]
    assert list(home.iterdir()) == []


def test_wrong_token_and_missing_group_have_their_codes(
    at: At, people: People, capsys: Captured, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    line = ["sync", GROUP, people(LIST), "--yes"]
    assert at(*line, person="stranger") == 6
    assert at("sync", "no-such-group", people(LIST), "--yes") == 3
    assert at(*line, person="read_only") == 6
    assert emails(sandbox) == []
    err = capsys.readouterr().err
    assert "new@" not in err


def test_person_who_cannot_be_invited_does_not_stop_the_others(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    file = people("email,user\n,999999\nnew@example.org,\n,zora-member\n")
    assert at("sync", GROUP, file, "--yes", chosen="ndjson") == 3
    out, err = capsys.readouterr()
    found = {(row["kind"], row["outcome"]) for row in rows(out)}
    assert ("invite", "failed") in found
    assert ("invite", "invited") in found
    assert "1 of" in err
    assert emails(sandbox) == ["new@example.org"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("desired is empty", "the list is empty"),
        ("desired gives x at positions 0, 2", "the list gives x at lines 5, 9"),
        ("desired has x at position 1 and 3 more", "the list has x at line 7 and 3 more"),
        (
            "keep names users who do not exist: position 0",
            "--keep names users who do not exist: number 1",
        ),
        ("reinvite has x at positions 0, 9", "--reinvite has x at numbers 1, 10"),
        ("ARENA_SYNC_KEY must have 16 bytes", "ARENA_SYNC_KEY must have 16 bytes"),
    ],
)
def test_errors_of_a_plan_name_lines(message: str, expected: str) -> None:
    assert with_lines(message, [5, 7, 9]) == expected
