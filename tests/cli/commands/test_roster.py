"""Rosters of groups, and what changed between two of them."""

import csv
import io
import json
from pathlib import Path

import pytest

from arena_groups.bulk import normalize_invite_target
from arena_groups.cli.main import run
from arena_groups.cli.people_file import read_invitees
from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured

GROUP = "research-studio"
FORMATS = ("csv", "json", "ndjson")


def save(at: At, capsys: Captured, file: Path, *groups: str, chosen: str = "csv") -> Path:
    """Save the roster of groups in a file, as a shell does."""
    assert at("roster", *(groups or (GROUP,)), chosen=chosen) == 0
    file.write_text(capsys.readouterr().out, "utf-8")
    return file


def changes(
    at: At, capsys: Captured, old: Path, new: Path | str, code: int = 0
) -> list[tuple[str, str | None]]:
    """Return the kind and the person of each change, as JSON names them."""
    assert at("roster", "diff", str(old), str(new), "--exit-code") == code
    found = json.loads(capsys.readouterr().out)
    return [(each["change"], each["user"] or each["email"]) for each in found]


@pytest.mark.parametrize("chosen", FORMATS)
def test_diff_of_a_saved_roster_with_the_unchanged_group_is_empty_in_every_format(
    at: At, capsys: Captured, tmp_path: Path, chosen: str
) -> None:
    saved = save(at, capsys, tmp_path / "saved", GROUP, "night-shift", chosen=chosen)
    assert changes(at, capsys, saved, GROUP) == []
    again = save(at, capsys, tmp_path / "again", "night-shift", chosen="csv")
    assert changes(at, capsys, saved, again) == []


@pytest.mark.parametrize(
    "name",
    ["阮 Minh", "نور الدين", "=HYPERLINK(1)", "-1+2", "'=x", 'a,b;"c"\nd', " @ ", "\u202eabc"],
)
def test_names_survive_every_format(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path, name: str
) -> None:
    sandbox.add_member("blank-page", sandbox.add_user(name))
    files = [save(at, capsys, tmp_path / chosen, "blank-page", chosen=chosen) for chosen in FORMATS]
    cells = [row["name"] for row in csv.DictReader(io.StringIO(files[0].read_text("utf-8")))]
    assert not any(cell.lstrip().startswith(("=", "-", "@")) for cell in cells)
    for file in files:
        assert changes(at, capsys, file, "blank-page") == []
        assert changes(at, capsys, file, files[0]) == []


@pytest.mark.parametrize("sort", ["name", "state", "waiting"])
def test_roster_is_sorted_within_each_group(at: At, capsys: Captured, sort: str) -> None:
    groups = ("night-shift", "blank-page")
    assert at("roster", *groups) == 0
    rows = json.loads(capsys.readouterr().out)
    assert at("roster", *groups, "--sort", sort) == 0
    found = json.loads(capsys.readouterr().out)
    for row in (*rows, *found):
        del row["taken_at"]
    key = {
        "name": lambda row: (row["name"] or row["email"]).casefold(),
        "state": lambda row: ["owner", "member", None].index(row["role"]),
        "waiting": lambda row: -(row["waiting_days"] or -1),
    }[sort]
    assert found == [
        row for group in groups for row in sorted((r for r in rows if r["group"] == group), key=key)
    ]


@pytest.mark.parametrize(
    ("sort", "order"), [("name", ["a", "m", "z"]), ("change", ["z", "a", "m"])]
)
def test_differences_are_sorted(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path, sort: str, order: list[str]
) -> None:
    saved = save(at, capsys, tmp_path / "old.csv", "blank-page")
    for name in ("M", "A"):
        sandbox.add_member("blank-page", sandbox.add_user(name))
    assert at("invitations", "send", "blank-page", "--user-id", str(sandbox.add_user("Z"))) == 0
    capsys.readouterr()
    assert at("roster", "diff", str(saved), "blank-page", "--sort", sort) == 0
    users = [row["user"] for row in json.loads(capsys.readouterr().out)]
    assert users == order or (sort == "change" and set(users[1:]) == {"a", "m"})


def test_diff_shows_each_kind_of_change_since_the_file(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path
) -> None:
    group = sandbox.add_group("Team")
    leaver, heir, invitee = (sandbox.add_user(name) for name in ("Lea", "Hal", "Ida"))
    for user in (leaver, heir):
        sandbox.add_member(group, user)
    assert at("invitations", "send", str(group), "--user-id", str(invitee)) == 0
    assert at("invitations", "send", str(group), "x@example.org") == 0
    capsys.readouterr()
    saved = save(at, capsys, tmp_path / "old.csv", str(group))
    *_, by_address = sorted(sandbox.pending_invitations(group))
    (by_user,) = set(sandbox.pending_invitations(group)) - {by_address}
    sandbox.accept_invitation(by_user)
    sandbox.decline_invitation(by_address)
    sandbox.leave_group(group, leaver)
    sandbox.add_member(group, sandbox.add_user("New"))
    assert at("invitations", "send", str(group), "y@example.org") == 0
    sandbox.transfer_ownership(group, heir)
    capsys.readouterr()
    found = changes(at, capsys, saved, str(group), code=9)
    assert found == [
        ("joined", "new"),
        ("accepted", "ida"),
        ("left", "lea"),
        ("role_changed", "hal"),
        ("role_changed", "ada-osei"),
        ("invited", "y@example.org"),
        ("gone", "x@example.org"),
    ]
    assert at("roster", "diff", str(saved), str(group), chosen="table") == 0
    table = capsys.readouterr().out
    assert "now owner, was member" in table
    assert "declined, revoked, expired" in table


def test_roster_without_permission_says_that_it_has_members_only(
    at: At, capsys: Captured, tmp_path: Path
) -> None:
    saved = save(at, capsys, tmp_path / "old.json", chosen="json")
    assert at("roster", GROUP, "--quiet", person="stranger") == 0
    out, err = capsys.readouterr()
    assert {row["state"] for row in json.loads(out)} == {"member"}
    assert "members only" in json.loads(err)["note"]["message"]
    assert at("roster", "diff", str(saved), GROUP, person="stranger") == 0
    out, err = capsys.readouterr()
    assert "members only" in err
    assert {each["change"] for each in json.loads(out)} <= {"left"}


def test_roster_rows_are_input_of_invitations_send(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path
) -> None:
    saved = save(at, capsys, tmp_path / "people.csv")
    rows = list(csv.DictReader(io.StringIO(saved.read_text("utf-8"))))
    targets = [row.target for row in read_invitees(str(saved), None)]
    expected = [row["email"] or int(row["user_id"]) for row in rows]
    assert targets == [normalize_invite_target(each) for each in expected]


@pytest.mark.parametrize("chosen", FORMATS)
def test_roster_rows_are_a_list_for_sync_that_changes_nothing(
    at: At, capsys: Captured, tmp_path: Path, chosen: str
) -> None:
    saved = save(at, capsys, tmp_path / f"people.{chosen}", chosen=chosen)
    assert at("sync", GROUP, str(saved), "--dry-run", "--exit-code") == 0
    capsys.readouterr()


def test_roster_of_several_groups_is_a_list_for_sync_of_groups(
    at: At, capsys: Captured, tmp_path: Path
) -> None:
    saved = save(at, capsys, tmp_path / "people.csv", GROUP, "night-shift")
    assert at("sync", "--groups", str(saved), "--dry-run", "--exit-code") == 0
    capsys.readouterr()


def test_roster_of_a_group_given_twice_is_written_once(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("roster", "night-shift", str(sandbox.groups["night-shift"])) == 0
    numbers = [row["user_id"] or row["email"] for row in json.loads(capsys.readouterr().out)]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("how", ["--", "id", "url", "second"])
def test_roster_reaches_a_group_that_is_named_as_the_subcommand(
    sandbox: Sandbox, capsys: Captured, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    group = sandbox.add_group("Diff", slug="diff")
    words = {
        "id": [str(group)],
        "url": ["https://www.are.na/group/diff"],
        "second": ["night-shift", "diff"],
        "--": ["--", "diff"],
    }
    monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
    options = ["--format", "json", "--base-url", sandbox.url]
    assert run(["roster", *options, *words[how]]) == 0
    assert "diff" in {row["group"] for row in json.loads(capsys.readouterr().out)}


def test_latest_of_several_rosters_in_a_file_counts(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path
) -> None:
    first = save(at, capsys, tmp_path / "log.ndjson", "night-shift", chosen="ndjson")
    sandbox.add_member("night-shift", sandbox.users.stranger.id)
    second = save(at, capsys, tmp_path / "second", "night-shift", chosen="ndjson")
    old = first.read_text("utf-8")
    first.write_text(second.read_text("utf-8") + old, "utf-8")
    assert changes(at, capsys, first, "night-shift") == []


def test_standard_input_is_the_old_roster(
    at: At, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save(at, capsys, tmp_path / "saved")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(saved.read_bytes())))
    assert at("roster", "diff", "-", GROUP) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert at("roster", "diff", "-", "-") == 1
    assert "both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it holds no roster"),
        ("email\na@example.org\n", "row 1 is not of a roster: there is no group_id or taken_at"),
        (
            "group_id,user_id,taken_at\n7,x@example.org,2026-03-09T00:00:00Z\n",
            "user_id is not an id",
        ),
        ("group_id,user_id,taken_at\n7,1,yesterday\n", "taken_at is not a time with a time zone"),
        ("group_id,user_id,taken_at\n7,1,2026-03-09T00:00:00\n", "not a time with a time zone"),
        ("group_id,user_id,taken_at\n,1,\n", "group_id or taken_at is empty"),
        ('[1, "a@example.org"]', "row 1 is not a JSON object"),
        ('{"a": 1}\n{a@example.org}', "neither JSON nor one JSON object per line"),
    ],
)
def test_file_that_is_not_a_roster_is_refused_without_its_text(
    at: At, capsys: Captured, tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "old.csv"
    file.write_text(text, "utf-8")
    assert at("roster", "diff", str(file), GROUP) == 4
    error = json.loads(capsys.readouterr().err)["error"]
    assert problem in error["message"]
    assert "old.csv" in error["message"]
    assert error["hint"] == "OLD and NEW are files that `arena-groups roster` writes"
    assert "example.org" not in str(error)


def test_file_that_does_not_exist_is_not_taken_for_a_group(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path
) -> None:
    saved = save(at, capsys, tmp_path / "saved")
    sandbox.clear_requests()
    assert at("roster", "diff", str(saved), str(tmp_path / "friday.csv")) == 1
    assert "cannot open" in capsys.readouterr().err
    assert not sandbox.requests


def test_folder_with_the_name_of_a_group_is_not_taken_for_a_file(
    at: At, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save(at, capsys, tmp_path / "saved")
    (tmp_path / GROUP).mkdir()
    monkeypatch.chdir(tmp_path)
    assert changes(at, capsys, saved, GROUP) == []


@pytest.mark.parametrize("new", ["x" * 300, "a\0b"])
def test_group_that_cannot_be_a_path_is_refused_as_a_group(
    at: At, capsys: Captured, tmp_path: Path, new: str
) -> None:
    saved = save(at, capsys, tmp_path / "saved")
    assert at("roster", "diff", str(saved), new) in {1, 3}
    assert "error" in json.loads(capsys.readouterr().err)


def test_rosters_of_different_groups_are_not_compared(
    at: At, capsys: Captured, tmp_path: Path
) -> None:
    saved = save(at, capsys, tmp_path / "saved", "night-shift")
    assert at("roster", "diff", str(saved), GROUP) == 4
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["message"] == f"the old roster is not of {GROUP}"


def test_groups_in_one_file_only_are_reported(at: At, capsys: Captured, tmp_path: Path) -> None:
    old = save(at, capsys, tmp_path / "old", GROUP, "night-shift")
    new = save(at, capsys, tmp_path / "new", GROUP, "blank-page")
    assert at("roster", "diff", str(old), str(new)) == 0
    err = capsys.readouterr().err
    assert "blank-page: not in the old file" in err
    assert "night-shift: not in the new file" in err


def test_diff_of_a_file_in_another_encoding_names_no_option_that_it_lacks(
    at: At, capsys: Captured, tmp_path: Path
) -> None:
    file = tmp_path / "old.csv"
    file.write_bytes("group_id,name\n3,Zo\u00eb\n".encode("cp1252"))
    assert at("roster", "diff", str(file), "blank-page") == 4
    hint = json.loads(capsys.readouterr().err)["error"]["hint"]
    assert hint.startswith("save it as UTF-8; ")
