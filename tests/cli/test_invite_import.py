"""Import of recipients from a file."""

import asyncio
import csv
import errno
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from arena_groups import InviteTarget, SQLiteStore
from arena_groups._pacing.pacer import SystemClock
from arena_groups.bulk.journal import InviteJournal
from arena_groups.cli import errors
from arena_groups.cli.invite_import import ImportOptions, repeated_command
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.people_file import read_invitees
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Blocked, RateLimited
from tests.support.command_line import (
    At,
    BrokenStream,
    Captured,
)
from tests.support.faults import ReplaceText

ADA = InviteTarget(email="ada@example.org")
GROUP = "blank-page"


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the waits of the commands, such as those between two writes."""
    monkeypatch.setattr("arena_groups._pacing.pacer.SystemClock", AutoAdvanceClock)


# Each may begin a formula, look as if it were escaped already, or look like either.
ODD_ADDRESSES = (
    "-ada@example.org",
    "=bo@example.org",
    "+cy@example.org",
    "'dee@example.org",
    "'-eve@example.org",
    "''=fay@example.org",
    "gil@example.org",
)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_import_reads_the_csv_of_the_invitation_list(
    at: At, sandbox: Sandbox, tmp_path: Path, capsys: Captured, delimiter: str, encoding: str
) -> None:
    options = [f"--email={address}" for address in ODD_ADDRESSES]
    followed = str(sandbox.users.stranger.id)
    assert at("invitations", "send", GROUP, *options, "--user-id", followed) == 0
    capsys.readouterr()
    assert at("invitations", "list", GROUP, "--sort", "oldest", chosen="csv") == 0
    rows = csv.reader(io.StringIO(capsys.readouterr().out))
    copy = io.StringIO()
    csv.writer(copy, delimiter=delimiter).writerows(rows)  # as a spreadsheet saves it
    file = tmp_path / "list.csv"
    file.write_bytes(copy.getvalue().encode(encoding))
    sent = len(sandbox.emails)
    assert at("invitations", "send", "research-studio", "--from", str(file)) == 0
    addresses = [each.address for each in sandbox.emails]
    assert sorted(addresses[:sent]) == sorted(addresses[sent:])
    assert {*ODD_ADDRESSES} < {*addresses}


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("kind", ["csv of send", "result file"])
def test_import_reads_the_csv_that_send_writes(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, capsys: Captured,
    kind: str,
) -> None:  # fmt: skip
    result = tmp_path / "result.csv"
    if kind == "result file":
        listed = "".join(f"{address}\n" for address in ODD_ADDRESSES)
        # Two of them look as if they were escaped, so they have to be.
        file = people(listed.replace("'-", "''-").replace("''=", "'''="))
        assert at("invitations", "send", GROUP, "--from", file, "--result", str(result)) == 0
    else:
        options = [f"--email={address}" for address in ODD_ADDRESSES]
        assert at("invitations", "send", GROUP, *options, chosen="csv") == 0
        result.write_text(capsys.readouterr().out, "utf-8")
    assert [each.address for each in sandbox.emails] == list(ODD_ADDRESSES)
    assert at("invitations", "send", "research-studio", "--from", str(result)) == 0
    assert [each.address for each in sandbox.emails] == [*ODD_ADDRESSES, *ODD_ADDRESSES]


def test_import_reads_the_csv_of_the_member_list_by_id(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured
) -> None:
    assert at("members", "list", "research-studio", chosen="csv") == 0
    listed = capsys.readouterr().out
    line = ["--from", people(listed), "--column", "id", "--dry-run"]
    assert at("invitations", "send", "research-studio", *line) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["already_member"] == counts["total"] == listed.count("\n") - 1


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("invitations list research-studio", "id"),
        ("invitations list research-studio", "group_id"),
        ("invitations send blank-page --email ada@example.org", "invitation_id"),
        ("groups list", "ID"),
        ("groups contents research-studio --limit 3", "id"),
    ],
)
def test_import_refuses_a_column_with_ids_of_anything_but_users(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured, line: str, column: str
) -> None:
    assert at(*line.split(), chosen="csv") == 0
    file, sent = people(capsys.readouterr().out), len(sandbox.emails)
    assert at("invitations", "send", GROUP, "--from", file, "--column", column) == 4
    assert "are not of users" in capsys.readouterr().err
    assert len(sandbox.emails) == sent


@pytest.mark.parametrize("path", ["{file}", "{folder}/./read", "{hard}", "{soft}"])
@pytest.mark.parametrize("option", ["--from", "--journal"])
def test_import_refuses_to_write_the_result_into_a_file_that_it_reads(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, path: str, option: str
) -> None:
    text = "email\nada@example.org\n"
    file = Path(people(text)).rename(tmp_path / "read")
    hard, soft = file.with_name("hard"), file.with_name("soft")
    hard.hardlink_to(file)
    soft.symlink_to(file)
    path = path.format(file=file, folder=tmp_path, hard=hard, soft=soft)
    read = ["--from", people(text), "--journal", str(file)]
    if option == "--from":
        read = ["--from", str(file)]
    assert at("invitations", "send", GROUP, *read, "--result", path) == 1
    assert file.read_text() == text
    assert sandbox.requests == ()


def test_import_refuses_one_new_file_for_the_journal_and_the_result(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, capsys: Captured
) -> None:
    new = tmp_path / "new"
    read = ["--from", people("ada@example.org"), "--journal", str(new)]
    assert at("invitations", "send", GROUP, *read, "--result", f"{tmp_path}/x/../new") == 1
    assert "--journal are the same file" in capsys.readouterr().err
    assert not new.exists()


def test_import_refuses_to_write_the_result_into_its_standard_input(
    at: At, sandbox: Sandbox, people: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(people("ada@example.org\n"))
    with file.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert at("invitations", "send", GROUP, "--from", "-", "--result", str(file)) == 1
    assert file.read_text() == "ada@example.org\n"
    assert sandbox.requests == ()


def test_result_file_holds_names_that_utf8_cannot_encode(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path
) -> None:
    user = sandbox.add_user("Nemo Nobody")
    sandbox.faults.add(ReplaceText(b"Nemo Nobody", rb"Ne\rmo \ud800"))
    result = tmp_path / "result.csv"
    file = people(f"user_id\n{user}\n{sandbox.users.stranger.id}\n")
    assert at("invitations", "send", GROUP, "--from", file, "--result", str(result)) == 0
    first, second = csv.DictReader(io.StringIO(result.read_bytes().decode(), newline=""))
    assert first["name"] == "Ne\rmo \\ud800"
    assert second["user_id"] == str(sandbox.users.stranger.id)


def test_full_disk_keeps_addresses_out_of_the_frames_of_the_result_file(
    people: Callable[[str], str], at: At, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def describe(error: Exception, _source: str = "") -> None:
        captured = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown.append("".join(captured.format()))

    monkeypatch.setattr(errors, "describe", describe)
    open_file = Path.open

    def open_full(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if mode == "w":
            return BrokenStream(errno.ENOSPC, good=1)
        return open_file(path, mode, *args, **options)

    line = ["--from", people("ada@secret.example\n"), "--result", "full.csv"]
    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OSError, match="error of the system"):
        at("invitations", "send", GROUP, *line)
    assert "full.csv" in shown[0]
    assert "ada@" not in shown[0]


@pytest.mark.parametrize("chosen", ["json", "ndjson", "csv", "table"])
def test_import_writes_summary_in_every_format(
    at: At,
    sandbox: Sandbox,
    people: Callable[[str], str],
    capsys: Captured,
    chosen: str,
) -> None:
    file = people("ada@example.org\nADA@example.org\nbo@example.org\n3\n")
    assert at("invitations", "send", GROUP, "--from", file, chosen=chosen) == 0
    out = capsys.readouterr().out
    assert len(sandbox.emails) == 2
    if chosen == "table":
        assert "Invited" in out
        return
    rows = list(csv.DictReader(io.StringIO(out))) if chosen == "csv" else [json.loads(out)]
    counts = {name: int(count) for name, count in rows[0].items()}
    assert counts == {
        "total": 4, "invited": 2, "added": 1, "already_invited": 0, "already_member": 0,
        "duplicate": 1, "failed": 0, "would_invite": 0,
        "from_journal": 0,
    }  # fmt: skip


def test_import_with_result_file_writes_each_line(
    at: At, people: Callable[[str], str], tmp_path: Path, capsys: Captured
) -> None:
    result = tmp_path / "result.csv"
    file = people("email\n=ada@example.org\n999999\nbo@example.org\n")
    line = ["--from", file, "--result", str(result)]
    assert at("invitations", "send", GROUP, *line) == 3
    rows = list(csv.DictReader(io.StringIO(result.read_text("utf-8"))))
    assert [(row["line"], row["outcome"]) for row in rows] == [
        ("2", "invited"), ("3", "failed"), ("4", "invited"),
    ]  # fmt: skip
    assert rows[0]["email"] == "'=ada@example.org"
    assert rows[1]["error"].startswith("404")
    assert int(rows[2]["invitation_id"]) > 0
    err = capsys.readouterr().err
    assert "line 3: 404" in err
    assert "1 of 3 invitations could not be sent" in err


def test_import_with_invalid_line_sends_nothing(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured
) -> None:
    file = people("email\nada@example.org\nsecret-typo\n")
    assert at("invitations", "send", GROUP, "--from", file) == 4
    error = json.loads(capsys.readouterr().err)["error"]
    assert "line 3" in error["message"]
    assert "secret" not in json.dumps(error)
    assert sandbox.requests == ()


def test_import_dry_run_only_reads(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured
) -> None:
    line = ["--from", people("ada@example.org\n"), "--dry-run"]
    assert at("invitations", "send", GROUP, *line) == 0
    assert json.loads(capsys.readouterr().out)["would_invite"] == 1
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_import_with_journal_resumes_after_failure(
    at: At,
    sandbox: Sandbox,
    people: Callable[[str], str],
    tmp_path: Path,
    capsys: Captured,
) -> None:
    file = people("".join(f"p{number}@example.org\n" for number in range(5)))
    line = ["--from", file, "--journal", str(tmp_path / "spring.sqlite")]
    fault = RateLimited(retry_after=600)
    with sandbox.faults.add(fault, operation="createGroupInvitation", skip=2):
        assert at("invitations", "send", GROUP, *line) == 5
    assert "stopped: 2 recipients not processed" in capsys.readouterr().err
    assert at("invitations", "send", GROUP, *line) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["invited"], counts["from_journal"]) == (5, 2)
    assert [each.address for each in sandbox.emails] == [f"p{n}@example.org" for n in range(5)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_import_from_a_pipe_does_not_suggest_to_read_it_again(
    at: At, sandbox: Sandbox, tmp_path: Path, capsys: Captured
) -> None:
    pipe = tmp_path / "people.csv"
    os.mkfifo(pipe)
    fault = RateLimited(retry_after=600)
    with (
        ThreadPoolExecutor(1) as writer,
        sandbox.faults.add(fault, operation="createGroupInvitation", skip=1),
    ):
        written = writer.submit(pipe.write_text, "a@example.org\nb@example.org\nc@example.org\n")
        assert at("invitations", "send", GROUP, "--from", str(pipe)) == 5
        written.result()
    err = capsys.readouterr().err
    assert "run the same command with the same people to go on" in err
    assert str(pipe) not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_import_whose_result_file_is_full_sends_nothing(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured
) -> None:
    file = people("a@example.org\nb@example.org\nc@example.org\n")
    assert at("invitations", "send", GROUP, "--from", file, "--result", "/dev/full") == 1
    assert json.loads(capsys.readouterr().err)["error"]["message"] == "No space left on device"
    assert sandbox.emails == ()


@pytest.mark.parametrize("form", ["text", "challenge"])
def test_import_blocked_by_the_edge_stops_with_its_own_error(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured, form: str
) -> None:
    file = people("".join(f"p{number}@example.org\n" for number in range(300)))
    with sandbox.faults.add(Blocked(form), operation="createGroupInvitation", skip=2):
        assert at("invitations", "send", GROUP, "--from", file, "--yes") == 6
    written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (error,) = [line["error"] for line in written if "error" in line]
    assert (error["type"], error["status"], error["exit_code"]) == ("blocked", 403, 6)
    assert "not your token" in error["hint"]
    assert len(sandbox.emails) == 2


def test_import_reports_that_it_waits_for_a_claim_of_a_killed_run(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, capsys: Captured
) -> None:
    file, path = people("email\nada@example.org\nbo@example.org\n"), tmp_path / "spring.sqlite"

    async def claim() -> None:
        async with SQLiteStore(path) as store:
            namespace = f"invite_many/{sandbox.groups[GROUP]}/invitations"
            journal = InviteJournal(store, namespace, claim_timeout=1, clock=SystemClock())
            assert await journal.claim(ADA.key, replacing=None)

    asyncio.run(claim())
    assert at("invitations", "send", GROUP, "--from", file, "--journal", str(path)) == 0
    out, err = capsys.readouterr()
    assert err.count("waiting up to 1 s for the outcome of an invitation") == 1
    counts = json.loads(out)
    assert (counts["invited"], counts["from_journal"], len(sandbox.emails)) == (2, 0, 2)


@pytest.mark.parametrize(
    "line",
    [
        ["--journal", "x"],
        ["--predict", "--email", "ada@example.org"],
        ["--dry-run", "--predict"],
        ["--from", "-", "--email", "ada@example.org"],
        ["ada@example.org", "--skip-invalid"],
        ["ada@example.org", "--encoding", "utf-8"],
        ["--from", "-", "--encoding", "no-such"],
        ["--from", "no-such-file.csv"],
    ],
)
def test_import_options_combined_wrongly_send_nothing(
    at: At, sandbox: Sandbox, line: list[str]
) -> None:
    assert at("invitations", "send", GROUP, *line) == 1
    assert sandbox.requests == ()


def test_import_from_standard_input_invites_each(
    at: At, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    text = io.BytesIO(b"email\nada@example.org\nbo@example.org\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(text))
    assert at("invitations", "send", GROUP, "--from", "-") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["invited"] == 2
    assert [each.address for each in sandbox.emails] == ["ada@example.org", "bo@example.org"]


USERS = "user,note\nnoor-halvorsen,a\nhttps://www.are.na/tomasz-whetu,b\n4,c\nminh-castellanos,d\n"


def test_import_of_a_column_with_users_invites_each_once(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, capsys: Captured
) -> None:
    result = tmp_path / "result.csv"
    line = ["--from", people(USERS), "--result", str(result)]
    assert at("invitations", "send", GROUP, *line) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["added"], counts["invited"], counts["duplicate"]) == (2, 1, 1)
    rows = list(csv.DictReader(io.StringIO(result.read_text("utf-8"))))
    assert [row["user"] for row in rows[:2]] == ["noor-halvorsen", "tomasz-whetu"]
    assert [row["user_id"] for row in rows] == ["3", "4", "4", "2"]
    assert at("invitations", "send", GROUP, *line) == 0
    again = csv.DictReader(io.StringIO(result.read_text("utf-8")))
    assert [row["user_id"] for row in again] == ["3", "4", "4", "2"]


def test_import_reads_failed_users_from_its_result_file(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path
) -> None:
    result = tmp_path / "result.csv"
    line = ["--from", people("user\nzoe-new\n"), "--result", str(result)]
    assert at("invitations", "send", GROUP, *line) == 3
    assert [each.target for each in read_invitees(str(result), None)] == [
        InviteTarget(user="zoe-new")
    ]
    sandbox.add_user("Zoe New")
    assert at("invitations", "send", GROUP, "--from", str(result)) == 0
    assert len(sandbox.emails) == 1


def test_import_dry_run_with_prediction_tells_users_who_would_be_added(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured
) -> None:
    line = ["--from", people(USERS), "--dry-run", "--predict"]
    assert at("invitations", "send", GROUP, *line) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["would_add"], counts["would_invite"], counts["duplicate"]) == (2, 1, 1)
    assert at("invitations", "send", GROUP, *line, chosen="csv") == 0
    assert "would_add" in capsys.readouterr().out
    assert sandbox.emails == ()
    assert at("invitations", "send", GROUP, *line[:2], "--predict") == 1
    assert "--predict needs --dry-run" in capsys.readouterr().err


def test_import_with_journal_finds_users_under_other_names(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, capsys: Captured
) -> None:
    journal = ["--journal", str(tmp_path / "spring.sqlite")]
    assert at("invitations", "send", GROUP, "--from", people(USERS), *journal) == 0
    capsys.readouterr()
    file = people("user_id\n4\n3\n2\n")
    assert at("invitations", "send", GROUP, "--from", file, *journal) == 0
    assert json.loads(capsys.readouterr().out)["from_journal"] == 3
    assert len(sandbox.emails) == 1


SPREADSHEET = "Name;E-Mail\r\nAda;Ada <ada@example.org>\r\nBo;wilma@voss\r\nCy;cy@example.org\r\n"


def test_import_shows_each_bad_line_masked_and_sends_nothing(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured
) -> None:
    line = ["invitations", "send", GROUP, "--from", people(SPREADSHEET)]
    assert at(*line) == 4
    error = json.loads(capsys.readouterr().err)["error"]
    wrong = "line 3: w\u2026@voss is not an email address: its domain is not valid"
    assert error["details"] == [wrong]
    assert at(*line, chosen="csv") == 4
    assert capsys.readouterr().err.splitlines()[0] == f"  {wrong}"
    assert sandbox.requests == ()


def test_import_that_skips_invalid_lines_invites_the_others_and_says_which(
    at: At, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path, capsys: Captured
) -> None:
    result = tmp_path / "result.csv"
    file = people(f"{SPREADSHEET}Dee;dee\r\n")
    line = ["--from", file, "--skip-invalid", "--result", str(result), "--bom"]
    assert at("invitations", "send", GROUP, *line) == 0
    out, err = capsys.readouterr()
    counts = json.loads(out)
    assert (counts["total"], counts["invited"], counts["skipped"]) == (2, 2, 2)
    first, second = [json.loads(line)["note"]["message"] for line in err.splitlines()]
    assert first.startswith("skipped line 3: w\u2026@voss is not")
    assert second.startswith("skipped line 5: d\u2026 is not")
    assert result.read_bytes().startswith(b"\xef\xbb\xbfline,outcome")
    rows = list(csv.DictReader(io.StringIO(result.read_text("utf-8-sig"))))
    assert [(row["line"], row["outcome"], row["email"]) for row in rows] == [
        ("2", "invited", "ada@example.org"),
        ("3", "skipped", ""),
        ("4", "invited", "cy@example.org"),
        ("5", "skipped", ""),
    ]
    assert rows[1]["error"].startswith("w\u2026@voss is not an email address")
    assert "wilma" not in result.read_text("utf-8-sig") + out + err
    assert at("invitations", "send", GROUP, "--from", str(result), "--skip-invalid") == 0
    assert json.loads(capsys.readouterr().out)["already_invited"] == 2


def test_import_of_invalid_lines_alone_is_an_error_even_if_they_are_skipped(
    at: At, sandbox: Sandbox, people: Callable[[str], str]
) -> None:
    assert at("invitations", "send", GROUP, "--from", people("a@\n"), "--skip-invalid") == 4
    assert sandbox.requests == ()


@pytest.mark.parametrize("text", ["", "\n", "email\n", "sep=;\r\nName;E-Mail\r\n", "\ufeff"])
def test_import_of_nobody_is_an_error(
    at: At, sandbox: Sandbox, people: Callable[[str], str], text: str
) -> None:
    assert at("invitations", "send", GROUP, "--from", people(text)) == 4
    assert sandbox.requests == ()


@pytest.mark.parametrize("chosen", ["json", "ndjson", "csv", "table"])
def test_import_dry_run_shows_what_would_happen_to_each(
    at: At, sandbox: Sandbox, people: Callable[[str], str], capsys: Captured, chosen: str
) -> None:
    owner = sandbox.users.owner.id
    text = f"user,email\n,ada@example.org\nnoor-halvorsen,\n,ADA@example.org\n{owner},\n"
    line = ["--from", people(text), "--dry-run", "--predict"]
    assert at("invitations", "send", GROUP, *line, chosen=chosen) == 0
    out, err = capsys.readouterr()
    assert (err, sandbox.emails) == ("", ())
    expected = [
        (2, "would_invite", "ada@example.org"), (3, "would_add", "noor-halvorsen"),
        (4, "duplicate", "ADA@example.org"), (5, "already_member", ""),
    ]  # fmt: skip
    if chosen == "table":
        assert [(int(row.split()[0]), row.split()[1]) for row in out.splitlines()[1:]] == [
            row[:2] for row in expected
        ]
        return
    rows = (
        json.loads(out)["people"] if chosen == "json"
        else list(csv.DictReader(io.StringIO(out))) if chosen == "csv"
        else list(map(json.loads, out.splitlines()))
    )  # fmt: skip
    assert [
        (int(row["line"]), row["outcome"], row["email"] or row["user"] or "") for row in rows
    ] == expected


@pytest.mark.parametrize("source", ["file", "standard input", "words"])
def test_more_than_50_emails_without_a_terminal_need_yes(
    at: At, sandbox: Sandbox, people: Callable[[str], str], monkeypatch: pytest.MonkeyPatch,
    capsys: Captured, source: str,
) -> None:  # fmt: skip
    many = [f"p{number}@example.org" for number in range(51)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(many).encode())))
    file = people("\n".join(many))
    who = {"file": ["--from", file], "standard input": ["--from", "-"], "words": many}[source]
    assert at("invitations", "send", GROUP, *who) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["type"] == "confirmation"
    assert "up to 51 emails" in error["message"]
    assert "--yes" in error["hint"]
    assert {each.method for each in sandbox.requests} <= {"GET"}
    assert at("invitations", "send", GROUP, "--from", file, "--dry-run") == 0


@pytest.mark.usefixtures("no_waits")
def test_more_than_50_emails_are_sent_with_yes(
    at: At, sandbox: Sandbox, people: Callable[[str], str]
) -> None:
    many = people("\n".join(f"p{number}@example.org" for number in range(51)))
    assert at("invitations", "send", GROUP, "--from", many, "--yes") == 0
    assert len(sandbox.emails) == 51
    assert at("invitations", "send", GROUP, "--from", many) == 0  # nobody is left to ask about


def test_import_reads_the_encoding_that_is_named(
    at: At, sandbox: Sandbox, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("Empf\u00e4nger;Ort\r\nada@example.org;K\u00f6ln\r\n".encode("cp1252"))
    line = ["invitations", "send", GROUP, "--from", str(file), "--column", "empf\u00e4nger"]
    assert at(*line) == 4
    assert "--encoding windows-1252" in json.loads(capsys.readouterr().err)["error"]["hint"]
    assert at(*line, "--encoding", "windows-1252") == 0
    assert [each.address for each in sandbox.emails] == ["ada@example.org"]


def test_import_takes_the_default_group_and_words_do_not(
    at: At, sandbox: Sandbox, people: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_GROUP", GROUP)
    assert at("invitations", "send", "--email", "bo@example.org") == 1
    assert at("invitations", "send", "bo@example.org") == 1
    assert sandbox.requests == ()
    assert at("invitations", "send", "--from", people("ada@example.org\n")) == 0
    assert len(sandbox.pending_invitations(GROUP)) == 1
    monkeypatch.delenv("ARENA_GROUP")
    assert at("invitations", "send", "--from", people("ada@example.org\n")) == 1


def test_import_with_an_unknown_column_of_the_results_sends_nothing(
    at: At, sandbox: Sandbox, people: Callable[[str], str]
) -> None:
    file = people("ada@example.org\n")
    assert at("invitations", "send", GROUP, "--from", file, "--columns", "no-such") == 1
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (ImportOptions(file="a b.csv"), Settings(), ["--from", "a b.csv"]),
        (
            ImportOptions(file="f", column="Who", encoding="cp1252", skip_invalid=True,
                          result=Path("r.csv"), journal="j"),
            Settings(yes=True, bom=True, format=Format.JSON, base_url="http://localhost:1"),
            ["--from", "f", "--column", "Who", "--encoding", "cp1252", "--journal", "j",
             "--result", "r.csv", "--format", "json", "--base-url", "http://localhost:1",
             "--skip-invalid", "--bom", "--yes"],
        ),
        (ImportOptions(file="f"), Settings(base_url="http://me:secret@x"), ["--from", "f"]),
    ],
)  # fmt: skip
def test_repeated_command_has_every_option_and_no_secret(
    options: ImportOptions, settings: Settings, words: list[str]
) -> None:
    found = repeated_command(settings, GROUP, options)
    assert found == ["arena-groups", "invitations", "send", GROUP, *words]
