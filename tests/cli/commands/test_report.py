"""Reports at the terminal, as data and as files."""

import csv
import io
import json
import stat
from importlib import util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured

GROUP = "research-studio"


def test_json_has_the_numbers(at: At, capsys: Captured, sandbox: Sandbox) -> None:
    assert at("report", GROUP) == 0
    report = json.loads(capsys.readouterr().out)
    pending = sandbox.pending_invitations(GROUP)
    assert report["group"] == GROUP
    assert report["members"] == len(sandbox.members(GROUP))
    assert report["pending"] == sum(report["ages"].values()) == len(pending)
    assert len(report["oldest"]) == 10
    assert report["has_invite_code"] is True
    assert report["changes"] is None
    assert [day["pending"] for day in report["history"]] == [len(pending)]


def test_default_store_is_that_of_sync(
    at: At, capsys: Captured, home: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email\nann@example.net\n")
    for _ in range(2):
        assert at("sync", "night-shift", str(people), "--add-only", "--yes") == 0
    capsys.readouterr()
    assert at("report", "night-shift") == 0
    out, err = capsys.readouterr()
    assert sum(day["sent"] for day in json.loads(out)["history"]) == 1
    assert err == ""
    (file,) = home.rglob("*.sqlite")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_default_store_that_cannot_be_used_is_a_note(at: At, capsys: Captured, home: Path) -> None:
    (home / ".local").write_text("not a folder")
    assert at("report", GROUP) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["history"] == []
    message = json.loads(err)["note"]["message"]
    assert message.startswith("the report has no history: cannot open ")


def test_guest_and_private_sandbox_have_no_store(
    sandbox: Sandbox, capsys: Captured, home: Path
) -> None:
    line = ["report", "research-studio", "--format", "json"]
    assert run([*line, "--sandbox"]) == 0
    assert json.loads(capsys.readouterr().out)["history"] == []
    assert run([*line, "--base-url", sandbox.url]) == 0
    assert json.loads(capsys.readouterr().out)["pending"] is None
    assert not list(home.rglob("*.sqlite"))


@pytest.mark.parametrize("chosen", ["json", "ndjson", "csv"])
def test_several_groups_are_several_reports(at: At, capsys: Captured, chosen: str) -> None:
    assert at("report", GROUP, "night-shift", GROUP, chosen=chosen) == 0
    out = capsys.readouterr().out
    if chosen == "csv":
        found = [row["group"] for row in csv.DictReader(io.StringIO(out))]
    elif chosen == "json":
        found = [row["group"] for row in json.loads(out)]
    else:
        found = [json.loads(line)["group"] for line in out.splitlines()]
    assert found == [GROUP, "night-shift"]


def test_csv_has_a_number_for_each_age(at: At, capsys: Captured) -> None:
    assert at("report", GROUP, chosen="csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    ages = [int(cell) for title, cell in row.items() if title.startswith("pending_")]
    assert len(ages) == 7
    assert sum(ages) == int(row["pending"])


def test_table_has_bars_and_no_control_characters(
    at: At, capsys: Captured, sandbox: Sandbox
) -> None:
    sandbox.rename_user(sandbox.users.owner.id, "\x1b]0;evil\x07\u202eAda")
    assert at("report", GROUP, chosen="table") == 0
    out = capsys.readouterr().out
    for words in ("Members", "Not answered", "Invite code", "How long people have not answered"):
        assert words in out
    assert "█" in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines())


def test_store_shows_history_of_the_watch(at: At, capsys: Captured, tmp_path: Path) -> None:
    place = str(tmp_path / "watch.db")
    assert at("watch", "night-shift", "--once", "--store", place) == 0
    assert at("invitations", "send", "night-shift", "--email", "ann@example.net") == 0
    assert at("watch", "night-shift", "--once", "--store", place) == 0
    capsys.readouterr()
    assert at("report", "night-shift", "--store", place) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["history"][-1]["pending"] == report["pending"]
    assert sum(day["sent"] for day in report["history"]) == 1
    assert sum(week["sent"] for week in report["weeks"]) == 1


def test_files_are_private_and_replaced(at: At, capsys: Captured, tmp_path: Path) -> None:
    page, text = tmp_path / "report.html", tmp_path / "report.md"
    assert at("report", GROUP, "--html", str(page), "--md", str(text), chosen="table") == 0
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first == f"arena-groups: {page} is written, and holds addresses"
    assert second == f"arena-groups: {text} is written"
    assert "wanjiru.tesfaye@example.com" in page.read_text("utf-8")
    assert "@example" not in text.read_text("utf-8")
    for file, start in ((page, "<!DOCTYPE html>"), (text, "# Research Studio")):
        assert file.read_text("utf-8").startswith(start)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    page.write_text("old")
    page.chmod(0o644)  # to publish it
    assert at("report", GROUP, "--html", str(page), "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    assert {file.name for file in tmp_path.iterdir()} >= {"report.html", "report.md"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("chosen", ["json", "ndjson", "table"])
def test_masked_output_has_no_address(
    at: At, capsys: Captured, tmp_path: Path, chosen: str
) -> None:
    page = tmp_path / "report.html"
    assert at("report", GROUP, "--mask", chosen=chosen) == 0
    assert at("report", GROUP, "--mask", "--html", str(page), chosen=chosen) == 0
    out, err = capsys.readouterr()
    assert "w***@e***.com" in out
    assert "w***@e***.com" in page.read_text("utf-8")
    assert "@example" not in out + err + page.read_text("utf-8")
    assert "holds addresses" not in err


def test_file_of_a_link_is_replaced_where_it_leads(at: At, tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.touch()
    link.symlink_to(page)
    assert at("report", GROUP, "--html", str(link)) == 0
    assert link.is_symlink()
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_file_that_cannot_be_written_is_an_error(at: At, capsys: Captured, tmp_path: Path) -> None:
    page = tmp_path / "no-such-folder" / "report.html"
    assert at("report", GROUP, "--html", str(page)) == 1
    assert "cannot open" in json.loads(capsys.readouterr().err)["error"]["message"]


def test_html_without_its_extra_says_what_to_install_before_anything_is_sent(
    at: At, capsys: Captured, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "svg" else found(name, package)

    monkeypatch.setattr("arena_groups.reconcile.report_page.find_spec", find)
    page = tmp_path / "report.html"
    assert at("report", GROUP, "--html", str(page)) == 1
    assert "arena-groups[report]" in json.loads(capsys.readouterr().err)["error"]["message"]
    assert not page.exists()
    assert not sandbox.requests
    assert at("report", GROUP, "--md", str(tmp_path / "report.md")) == 0  # needs none


def test_stranger_sees_what_is_public(at: At, capsys: Captured) -> None:
    assert at("report", GROUP, person="stranger", chosen="table") == 0
    out = capsys.readouterr().out
    assert "not visible" in out
    assert "may not see pending invitations" in out
