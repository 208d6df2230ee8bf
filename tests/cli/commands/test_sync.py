"""The command ``sync``: plans, what is asked, results, and saved plans."""

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups.cli.commands.sync import parse_limit
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured, Screen

GROUP = "night-walks"
AtTerminal = Callable[..., Screen]
People = Callable[[str], str]


@pytest.fixture(autouse=True)
def group(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    """A group with two members beside the owner, and an invitation by address."""
    sandbox.add_group("Night Walks", slug=GROUP)
    for name in ("Zora Member", "Yuki Member"):
        sandbox.add_member(GROUP, sandbox.add_user(name))
    assert at("invitations", "send", GROUP, "pending@example.org") == 0
    capsys.readouterr()
    sandbox.clear_requests()


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def kinds(text: str) -> dict[str, int]:
    found = [str(row["kind"]) for row in rows(text)]
    return {kind: found.count(kind) for kind in found}


def writes(sandbox: Sandbox) -> list[str]:
    return [each.method for each in sandbox.requests if each.method != "GET"]


LIST = "email,user,note\nnew@example.org,,spring\n,zora-member,\npending@example.org,,\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10%", 0.1), ("20", 20), ("0", 0), ("100%", 1.0), (" 2.5 % ", 0.025), ("0.7%", 0.007)],
)
def test_limit_is_a_number_or_a_percentage(text: str, expected: float) -> None:
    found = parse_limit(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("text", ["", "x", "0.1", "101%", "-1", "10%%", "١٠"])
def test_invalid_limit_says_what_to_use(
    text: str, at: At, people: People, capsys: Captured
) -> None:
    assert at("sync", GROUP, people(LIST), "--max-removals", text) == 1
    assert "use 10% or 20" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sync", "give either GROUP and FILE"),
        ("sync {group}", "name both, GROUP and FILE"),
        ("sync people.csv", "name both, GROUP and FILE"),
        ("sync link not-an-address ada-osei", "EMAIL is not an email address: write it as"),
        ("sync {group} {file} --groups {file}", "give either"),
        ("sync {group} {file} --apply plan.json", "give either"),
        ("sync --apply plan.json --dry-run", "--dry-run cannot be combined with --apply"),
        ("sync --apply plan.json --add-only", "--add-only cannot be combined with --apply"),
        ("sync --apply plan.json --max-removals 5", "--max-removals cannot be combined"),
        ("sync --apply plan.json --encoding cp1252", "--encoding cannot be combined"),
        ("sync {group} {file} --encoding cp9999", "there is no encoding 'cp9999'"),
        ("sync {group} {file} --on-drift skip", "--on-drift needs --apply"),
        ("sync {group} {file} --exit-code", "--exit-code needs --dry-run"),
        ("sync {group} {file} --dry-run --result r.csv", "--result needs a run"),
        ("sync {group} {file} --add-only --remove-only", "cannot be combined"),
        ("sync {group} {file} --reinvite all --reinvite 5", "--reinvite all"),
        ("sync {group} {file} --keep secret@", "--keep number 1"),
        ("sync {group} {file} --store ftp://x", "--store"),
        ("sync {group} {file} --yes --result {file}", "are the same file"),
        ("sync {group} {file} --plan {file}", "are the same file"),
        ("sync {group} {file} --dry-run --md {file}", "are the same file"),
        ("sync {group} {file} --plan x.json --md x.json", "are the same file"),
        ("sync link ada@example.org", "USER"),
    ],
)
def test_invalid_options_send_nothing(
    line: str,
    words: str,
    at: At,
    sandbox: Sandbox,
    people: People,
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = people(LIST)
    assert at(*(word.format(group=GROUP, file=file) for word in line.split())) == 1
    err = capsys.readouterr().err
    assert words in err
    assert "secret" not in err
    assert sandbox.requests == ()
    assert Path(file).read_text("utf-8") == LIST


def test_sandbox_has_a_store_of_its_own(
    people: People, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    monkeypatch.setenv("ARENA_STORE", str(tmp_path / "store.db"))
    line = ["sync", "blank-page", people("ada@example.org\n"), "--sandbox"]
    assert run([*line, "--dry-run"]) == 0
    assert kinds(capsys.readouterr().out)["invite"] == 1
    assert not (tmp_path / "store.db").exists()
    assert list(home.iterdir()) == []
    assert run([*line, "--dry-run", "--store", str(tmp_path / "store.db")]) == 1
    assert "cannot be combined" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("email\n", "it lists nobody"),
        ("email\nada@example.org\nsecret@\n", "line 3"),
        ("email,group\nada@example.org,a\nbo@example.org,b\n", "use --groups"),
        ("name,mail\nsecret,secret@example.org\n", "there is no column"),
    ],
)
def test_broken_list_changes_nothing(
    text: str, problem: str, at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    assert at("sync", GROUP, people(text), "--yes") == 4
    error = json.loads(capsys.readouterr().err)["error"]
    assert problem in error["message"]
    assert error["hint"] == "nothing was changed"
    assert "secret" not in str(error)
    assert sandbox.requests == ()


def test_rows_that_contradict_each_other_are_named_by_line(
    at: At, people: People, capsys: Captured
) -> None:
    file = people("email,user\na@example.org,zora-member\n\na@example.org,yuki-member\n")
    assert at("sync", GROUP, file, "--yes") == 4
    message = json.loads(capsys.readouterr().err)["error"]["message"]
    assert "lines 2, 4" in message
    assert "a@" not in message


def test_users_who_do_not_exist_are_named_by_line(at: At, people: People, capsys: Captured) -> None:
    assert at("sync", GROUP, people("user\nzora-member\nno-such-user\n"), "--yes") == 4
    assert "line 3" in json.loads(capsys.readouterr().err)["error"]["message"]


def test_dry_run_shows_the_plan_as_tables(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    assert at("sync", GROUP, people(LIST), "--dry-run", chosen="table") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "INVITE 1" in out
    assert "new@example.org                 2      not in the group (spring)" in out
    assert "HELD 1" in out
    assert "Yuki Member (yuki-member)" in out
    assert "Zora" not in out
    assert f"{GROUP}: invite 1, held 1, keep 3 (about" in out
    assert writes(sandbox) == []


@pytest.mark.parametrize("chosen", ["json", "ndjson", "csv"])
def test_dry_run_writes_each_action(chosen: str, at: At, people: People, capsys: Captured) -> None:
    assert at("sync", GROUP, people(LIST), "--dry-run", chosen=chosen) == 0
    out = capsys.readouterr().out
    if chosen == "csv":
        found = list(csv.DictReader(io.StringIO(out)))
        assert {row["kind"] for row in found} == {"invite", "held", "keep"}
        (invited,) = (row for row in found if row["kind"] == "invite")
        assert (invited["email"], invited["lines"]) == ("new@example.org", "2")
        return
    found = json.loads(out) if chosen == "json" else rows(out)
    (held,) = (row for row in found if row["kind"] == "held")
    assert held["held"] == "remove"
    assert held["user"] == "yuki-member"
    assert held["waits_for"] == [2]
    assert held["resolve"]


def test_dry_run_with_exit_code_finds_drift(at: At, people: People, capsys: Captured) -> None:
    line = ["sync", GROUP, people(LIST), "--dry-run", "--exit-code"]
    assert at(*line) == 9
    assert at(*line[:-1]) == 0
    capsys.readouterr()


def test_dry_run_with_exit_code_of_the_roster_finds_nothing(
    at: At, people: People, capsys: Captured
) -> None:
    assert at("roster", GROUP, chosen="csv") == 0
    file = people(capsys.readouterr().out)
    assert at("sync", GROUP, file, "--dry-run", "--exit-code", chosen="ndjson") == 0
    assert kinds(capsys.readouterr().out) == {"keep": 4}


def test_mask_hides_addresses_and_notes(at: At, people: People, capsys: Captured) -> None:
    for chosen in ("table", "json", "csv"):
        assert at("sync", GROUP, people(LIST), "--dry-run", "--mask", chosen=chosen) == 0
        out = capsys.readouterr().out
        assert "n***@e***.org" in out
        assert "new@" not in out
        assert "spring" not in out


def test_markdown_masks_addresses(at: At, people: People, tmp_path: Path) -> None:
    file = tmp_path / "plan.md"
    assert at("sync", GROUP, people(LIST), "--dry-run", "--md", str(file)) == 0
    text = file.read_text("utf-8")
    assert text.startswith(f"### `{GROUP}: invite 1, held 1, keep 3")
    assert "| invite | `n***@e***.org` | 2 | not in the group |" in text
    assert "new@" not in text


def test_too_many_removals_change_nothing(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    file = people("user\nada-osei\n")
    assert at("sync", GROUP, file, "--yes") == 1
    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert error["type"] == "removal_limit"
    assert "3 removals and revocations are over the limit of 1" in error["message"]
    assert "if the list is right, raise --max-removals" in error["hint"]
    assert writes(sandbox) == []
    assert at("sync", GROUP, file, "--dry-run") == 0
    assert "over the limit" in capsys.readouterr().err
    plan = str(Path(file).with_name("plan.json"))
    assert at("sync", GROUP, file, "--plan", plan) == 0
    capsys.readouterr()
    assert at("sync", "--apply", plan, "--yes") == 1
    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert "make a new plan with a higher --max-removals" in error["hint"]
    assert writes(sandbox) == []


def test_too_many_who_are_held_name_the_way_to_find_out_who_they_are(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    file = people("email\nnew@example.org\n")
    assert at("sync", GROUP, file, "--yes") == 1
    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert "run it with --add-only first" in error["hint"]
    assert writes(sandbox) == []
    assert at("sync", GROUP, file, "--keep", "other@example.org", "--yes") == 1
    assert "sync link" in capsys.readouterr().err


def test_sync_without_terminal_needs_yes(
    at: At, sandbox: Sandbox, people: People, capsys: Captured
) -> None:
    assert at("sync", GROUP, people(LIST)) == 1
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "confirmation"
    assert sandbox.requests == ()


def test_plan_file_is_private(
    at: At, people: People, tmp_path: Path, capsys: Captured, sandbox: Sandbox
) -> None:
    file = tmp_path / "plan.json"
    file.write_text("old", "utf-8")
    file.chmod(0o644)
    assert at("sync", GROUP, people(LIST), "--plan", str(file), chosen="table") == 0
    assert "holds addresses" in capsys.readouterr().err
    assert json.loads(file.read_text("utf-8"))["group"]["slug"] == GROUP
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if "plan" in each.name] == ["plan.json"]
    assert writes(sandbox) == []


@pytest.mark.parametrize("dangling", [False, True])
def test_plan_is_not_written_through_a_link(
    at: At, people: People, tmp_path: Path, capsys: Captured, sandbox: Sandbox, *, dangling: bool
) -> None:
    target = tmp_path / "target"
    if not dangling:
        target.write_text("kept", "utf-8")
    link = tmp_path / "plan.json"
    link.symlink_to(target)
    assert at("sync", GROUP, people(LIST), "--plan", str(link)) == 1
    assert "symbolic link" in capsys.readouterr().err
    assert sandbox.requests == ()
    assert not dangling or not target.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is not valid JSON"),
        ("\xff", "it is not valid JSON"),
        ("[" * 9999, "it is not valid JSON"),
        ("[]", "it is empty"),
        ("{}", "it has no version"),
        ("[5]", "a plan must be a dict"),
        ('{"version": 99}', "make a new plan"),
        ('{"version": 1, "id": "5"}', "the plan is damaged"),
    ],
)
def test_other_file_is_not_a_plan(
    text: str, problem: str, at: At, tmp_path: Path, capsys: Captured, sandbox: Sandbox
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text, "latin-1")
    file.chmod(0o600)
    assert at("sync", "--apply", str(file), "--yes") == 4
    shown = capsys.readouterr().err
    assert "plan.json is not a plan of sync: " in shown
    assert problem in shown
    assert sandbox.requests == ()
