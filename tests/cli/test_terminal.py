"""Commands at a pseudo-terminal: confirmations, hidden input, progress, and Ctrl-C."""

import csv
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Latency
from tests.support.command_line import At, FakeTerminal, Screen
from tests.support.faults import EmptyList, ReplaceText
from tests.support.terminal import ESCAPES, WITH_PIPED_RESULTS, Open, unwrapped
from tests.support.waiting import HANG_TIMEOUT, until_blocking

AtTerminal = Callable[..., Screen]


def test_confirmation_answered_yes_deletes(terminal: Open, sandbox: Sandbox) -> None:
    shown = terminal("groups", "delete", "night-shift")
    asked = shown.until("[y/N]")
    assert "Night Shift (night-shift), since 2026-01-31: 4 people, 2 channels" in asked
    assert "night-shift" in sandbox.groups
    shown.type("y\n")
    code, screen = shown.end()
    assert code == 0
    assert "Outcome  deleted" in screen
    assert "night-shift" not in sandbox.groups


def test_confirmation_answered_with_end_of_file_is_cancelled(
    terminal: Open, sandbox: Sandbox
) -> None:
    shown = terminal("groups", "delete", "night-shift")
    shown.until("[y/N]")
    shown.type("\x04")
    code, screen = shown.end()
    assert code == 1
    assert screen.endswith("arena-groups: cancelled\n")
    assert "night-shift" in sandbox.groups


@pytest.mark.parametrize("arguments", [("members", "leave", "night-shift"), ("auth", "login")])
def test_prompt_interrupted_exits_with_130(terminal: Open, arguments: tuple[str, ...]) -> None:
    shown = terminal(*arguments)
    shown.until("N] " if "leave" in arguments else "is hidden")
    shown.interrupt()
    code, screen = shown.end()
    assert code == 130
    assert "Traceback" not in screen


def test_secret_typed_at_prompt_is_not_echoed(terminal: Open, sandbox: Sandbox) -> None:
    shown = terminal("auth", "login", person=None)
    assert f"Token for {sandbox.url} (input" in shown.until("is hidden): ")
    shown.type(f"{sandbox.tokens.member}\n")
    code, screen = shown.end()
    assert code == 0
    assert "Minh Castellanos (minh-castellanos)" in screen
    assert sandbox.tokens.member not in screen


def test_revocation_interrupted_names_the_command_for_the_rest(
    terminal: Open, sandbox: Sandbox
) -> None:
    sandbox.add_invitations("blank-page", 4)
    numbers = list(sandbox.pending_invitations("blank-page"))[::-1]
    words = ("invitations", "revoke", "blank-page", *map(str, numbers), "--yes")
    with sandbox.faults.add(Latency(HANG_TIMEOUT), operation="revokeGroupInvitation", skip=1):
        shown = terminal(*words)
        until_blocking(lambda: sum(each.method == "DELETE" for each in sandbox.requests) == 2)
        shown.interrupt()
        code, screen = shown.end()
    rest = " ".join(map(str, numbers[1:]))
    assert code == 130
    assert screen.endswith(
        "arena-groups: stopped: 3 invitations not processed (1 revoked)\n"
        "arena-groups: to go on:\n"
        f"  arena-groups invitations revoke blank-page {rest} --yes\n"
    )


def test_sync_interrupted_while_it_invites_says_that_the_same_command_resumes(
    terminal: Open, sandbox: Sandbox, people: Callable[[str], str]
) -> None:
    addresses = [f"p{number}@example.org" for number in range(5)]
    line = ("sync", "blank-page", people("".join(f"{each}\n" for each in addresses)))
    with sandbox.faults.add(Latency(HANG_TIMEOUT), operation="createGroupInvitation", skip=2):
        shown = terminal(*line)
        shown.until("[y/N]")
        shown.type("y\n")
        shown.until("p1@example.org\r\n")
        shown.interrupt()
        code, screen = shown.end()
    assert code == 130
    assert "stopped after 2 actions: the same command resumes" in screen
    assert "Traceback" not in screen
    again = terminal(*line, "--yes")
    code, screen = again.end()
    assert (code, screen.splitlines()[-1]) == (0, "arena-groups: 3 invited")
    assert [each.address for each in sandbox.emails] == addresses


def test_sync_after_a_killed_one_says_what_it_waits_for(
    terminal: Open, sandbox: Sandbox, people: Callable[[str], str]
) -> None:
    line = ("sync", "blank-page", people("p0@example.org\np1@example.org\n"), "--yes")
    with sandbox.faults.add(Latency(HANG_TIMEOUT), operation="createGroupInvitation", skip=1):
        killed = terminal(*line)
        killed.until("p0@example.org\r\n")
        until_blocking(lambda: sum(each.method == "POST" for each in sandbox.requests) == 2)
        killed.process.kill()
        killed.process.wait(HANG_TIMEOUT)
    again = terminal(*line)
    again.until("for the outcome of an invitation that an earlier run began")
    again.until("waiting for the outcome of an earlier run, 1")  # counted down, beside the results
    again.interrupt()
    code, screen = again.end()
    assert code == 130
    assert "Traceback" not in screen
    assert [each.address for each in sandbox.emails][:1] == ["p0@example.org"]


def test_campaign_interrupted_says_how_to_go_on_and_the_same_command_does(
    terminal: Open, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path
) -> None:
    addresses = [f"p{number}@example.org" for number in range(5)]
    file = people("".join(f"{each}\n" for each in addresses))
    journal = str(tmp_path / "the spring.sqlite")
    line = ("invitations", "send", "blank-page", "--from", file, "--journal", journal)
    with sandbox.faults.add(Latency(HANG_TIMEOUT), operation="createGroupInvitation", skip=2):
        shown = terminal(*line)
        until_blocking(lambda: sum(each.method == "POST" for each in sandbox.requests) == 3)
        shown.interrupt()
        code, screen = shown.end()
    assert code == 130
    assert "stopped: 3 recipients not processed (2 invited)\n" in screen
    assert "Traceback" not in screen
    assert "to go on, run the same command again (nobody gets a second email):" in unwrapped(screen)
    words = shlex.split(screen.splitlines()[-1])
    assert words == ["arena-groups", *line, "--base-url", sandbox.url]
    again = terminal(*words[1:-2])
    while len(set(re.findall(r"earlier run, (\d+) s", again.screen))) < 2:  # it counts down
        again.until_more()
    assert "line 3)" in again.screen
    again.interrupt()
    code, screen = again.end()
    assert code == 130
    note = "stopped: 3 recipients not processed (2 already done in an earlier run)"
    assert note in unwrapped(screen)
    assert [each.address for each in sandbox.emails] == addresses[:2]


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the waits of the client, such as those between two writes."""
    monkeypatch.setattr("arena_groups._pacing.pacer.SystemClock", AutoAdvanceClock)


@pytest.mark.usefixtures("no_waits")
def test_finished_campaign_says_that_all_was_done_in_an_earlier_run(
    at_terminal: AtTerminal, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path
) -> None:
    file = people("ada@example.org\nnoor-halvorsen@example.org\nada@example.org\n")
    line = ("invitations", "send", "blank-page", "--from", file)
    with_journal = (*line, "--journal", str(tmp_path / "j.sqlite"))
    first = at_terminal(*with_journal)
    assert first.text.splitlines()[-1] == "2 invited, 1 duplicate"
    again = at_terminal(*with_journal)
    shown = ESCAPES.sub("", again.text)
    assert shown.splitlines()[-1] == "1 duplicate, 2 already done in an earlier run"
    assert re.search(r"^Already done in an earlier run +2$", shown, re.MULTILINE)
    assert "Invited" not in shown
    without = at_terminal(*line)
    assert without.text.splitlines()[-1] == "2 already invited, 1 duplicate"
    assert len(sandbox.emails) == 2


def test_inviting_somebody_again_says_already_invited(
    at_terminal: AtTerminal, sandbox: Sandbox
) -> None:
    line = ("invitations", "send", "blank-page", "ada@example.org")
    assert at_terminal(*line).text.splitlines()[-1] == "1 invited"
    again = at_terminal(*line, "bo@example.org")
    assert again.text.splitlines()[-1] == "1 invited, 1 already invited"
    assert len(sandbox.emails) == 2
    preview = at_terminal(*line, "cy@example.org", "--dry-run")
    assert preview.text.splitlines()[-1] == "1 already invited, 1 would invite"


MANY = [f"p{number}@example.org" for number in range(51)]


@pytest.mark.parametrize("way", ["file", "words"])
def test_more_than_50_emails_are_sent_after_a_question(
    at_terminal: AtTerminal, sandbox: Sandbox, people: Callable[[str], str], way: str
) -> None:
    who = ["--from", people("\n".join(MANY))] if way == "file" else MANY
    screen = at_terminal("invitations", "send", "blank-page", *who, answer="n\n")
    assert (screen.code, sandbox.emails) == (1, ())
    assert screen.text.endswith("arena-groups: cancelled\n")
    question = unwrapped(ESCAPES.sub("", screen.text).partition(" [y/N]")[0])
    expected = "Send up to 51 emails for blank-page, which takes about 11 seconds at the quota of "
    assert expected in question


@pytest.mark.usefixtures("no_waits")
def test_question_counts_only_who_gets_an_email(
    at_terminal: AtTerminal, sandbox: Sandbox, people: Callable[[str], str], tmp_path: Path
) -> None:
    line = ("invitations", "send", "blank-page", "--journal", str(tmp_path / "j.sqlite"))
    assert at_terminal(*line, "--from", people("\n".join(MANY[:2]))).code == 0
    (_, second) = sandbox.pending_invitations("blank-page")
    sandbox.decline_invitation(second)
    screen = at_terminal(*line, "--from", people("\n".join(MANY)), answer="\n")
    assert (screen.code, len(sandbox.emails)) == (0, 51)
    assert "[y/N]" not in screen.text
    assert screen.text.splitlines()[-1] == "49 invited, 2 already done in an earlier run"


def test_progress_of_sorted_list_is_shown_and_erased(terminal: Open) -> None:
    words = ("invitations", "list", "research-studio", "--sort", "oldest", "--limit", "1")
    shown = terminal(*words, script=WITH_PIPED_RESULTS)
    code, screen = shown.end()
    assert code == 0
    assert " so far" in screen
    assert shown.results.count("\n") == 1


@pytest.mark.parametrize("answer", ["YES\n", " yes \n"])
def test_confirmation_in_capitals_or_with_spaces_deletes(
    at_terminal: AtTerminal, sandbox: Sandbox, answer: str
) -> None:
    screen = at_terminal("groups", "delete", "night-shift", answer=answer)
    assert screen.code == 0
    assert "night-shift" not in sandbox.groups


@pytest.mark.parametrize("answer", ["n\n", "\n", "what?\n"])
def test_confirmation_answered_otherwise_is_cancelled(
    at_terminal: AtTerminal, sandbox: Sandbox, answer: str
) -> None:
    screen = at_terminal("groups", "delete", "night-shift", answer=answer)
    assert screen.code == 1
    assert screen.text.endswith("arena-groups: cancelled\n")
    assert "night-shift" in sandbox.groups


@pytest.mark.parametrize(
    ("line", "affected"),
    [
        ("members remove research-studio minh-castellanos", "Minh Castellanos"),
        ("invitations revoke night-shift 50487 50488", "sent 2026-02-01"),
        ("invite-code delete night-shift", "shared URLs stop working"),
    ],
)
def test_confirmation_shows_what_is_affected(
    at_terminal: AtTerminal, sandbox: Sandbox, line: str, affected: str
) -> None:
    members = sandbox.members("research-studio")
    screen = at_terminal(*line.split(), answer="y\n")
    assert screen.code == 0
    assert affected in screen.text.partition("[y/N]")[0]
    assert (sandbox.users.member.id in sandbox.members("research-studio")) is ("remove" not in line)
    assert (sandbox.pending_invitations("night-shift") == []) is ("revoke" in line)
    assert len(members) - len(sandbox.members("research-studio")) == ("remove" in line)


def test_revoke_finds_an_invitation_that_one_reading_of_the_list_misses(
    at_terminal: AtTerminal, sandbox: Sandbox
) -> None:
    sandbox.faults.add(EmptyList(), times=1)
    screen = at_terminal("invitations", "revoke", "night-shift", "50487", answer="y\n")
    assert screen.code == 0
    assert 50487 not in sandbox.pending_invitations("night-shift")


def test_expire_at_terminal_shows_affected_and_progress(
    at_terminal: AtTerminal, sandbox: Sandbox
) -> None:
    sandbox.add_invitations("blank-page", 12)
    for number in sandbox.pending_invitations("blank-page")[2:]:
        sandbox.decline_invitation(number)
    late, _ = sandbox.pending_invitations("blank-page")

    class LateAnswer(FakeTerminal):
        def readline(self, _size: int = -1) -> str:  # type: ignore[override]
            sandbox.accept_invitation(late)
            return "y\n"

    words = ("invitations", "expire", "blank-page", "--older-than", "0d", "--format", "ndjson")
    screen = at_terminal(*words, answer=LateAnswer(), piped=True)
    assert screen.code == 0
    assert "Revoke 2 invitations of blank-page?" in screen.text.partition("[y/N]")[0]
    assert '"revoked"' in screen.results
    assert '"already_gone"' in screen.results
    assert "2 of 2" in screen.text
    assert ESCAPES.sub("", screen.text).endswith("\r1 revoked, 1 already gone\n")


def test_confirmation_of_long_list_is_shortened(at_terminal: AtTerminal, sandbox: Sandbox) -> None:
    sandbox.add_invitations("blank-page", 12)
    words = ("invitations", "expire", "blank-page", "--older-than", "0m")
    screen = at_terminal(*words, answer="n\n")
    assert "… and 2 more" in screen.text.partition("[y/N]")[0]
    assert screen.code == 1
    assert len(sandbox.pending_invitations("blank-page")) == 12


def test_join_with_url_pasted_at_prompt_joins(
    at_terminal: AtTerminal, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = at_terminal("invite-code", "show", "night-shift", "--format", "csv")
    url = shown.results.splitlines()[1].split(",")[2]
    monkeypatch.setattr("arena_groups.cli.output.messages.getpass", lambda _prompt: url)
    screen = at_terminal("members", "join", "night-shift", person="stranger")
    assert screen.code == 0
    assert url not in screen.text
    assert sandbox.users.stranger.id in sandbox.members("night-shift")


def test_qr_code_at_terminal_sets_its_own_colours(at_terminal: AtTerminal) -> None:
    screen = at_terminal("invite-code", "show", "night-shift", "--qr")
    assert screen.code == 0
    assert "\x1b[97;40m██" in screen.text
    assert "URL      https://" in ESCAPES.sub("", screen.text)


def test_quiet_at_terminal_writes_results_only(at_terminal: AtTerminal) -> None:
    words = ("invitations", "list", "research-studio", "--quiet")
    screen = at_terminal(*words, piped=True)
    assert (screen.code, screen.text) == (0, "")
    assert screen.results.count("\n") > 100


def test_dumb_terminal_without_colour_gets_plain_text(
    at_terminal: AtTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = at_terminal("groups", "list", term="dumb")
    assert screen.code == 0
    assert "\x1b" not in screen.text
    assert screen.text.startswith("ID ")


# A name can clear the screen, hide text, turn it around, or split a line.
HOSTILE = (
    "A\x1b[2J\x07\x9b31m\x85\x7fB\u202eC\u2066\u200fD\u2028\u2029E\ufeff\u200bF\U000e0041G\t\r\nH"
)
CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f]"
)


@pytest.mark.parametrize("chosen", ["table", "json", "ndjson", "csv"])
@pytest.mark.parametrize(
    "line",
    [
        "groups list",
        "groups show hostile",
        "groups update hostile --description Quiet",
        "groups followers hostile",
        "members list hostile",
        "invitations list hostile",
        "invitations list --all-groups --sort invitee",
        "members remove hostile hostile-user --yes",
        "watch hostile --replay --once",
    ],
)
def test_names_send_no_control_characters_to_a_terminal(
    at_terminal: Callable[..., Screen], sandbox: Sandbox, line: str, chosen: str
) -> None:
    group = sandbox.add_group(f"Group {HOSTILE}", slug="hostile", description=HOSTILE)
    user = sandbox.add_user(f"User {HOSTILE}")
    sandbox.add_member(group, user)
    invitee = sandbox.add_user(f"Invitee {HOSTILE}")
    send = ("invitations", "send", "hostile", "--user-id", str(invitee))
    sent = at_terminal(*send, "--format", chosen, term="dumb")
    assert sent.code == 0
    words = [word.replace("hostile-user", str(user)) for word in line.split()]
    screen = at_terminal(*words, "--format", chosen, term="dumb")
    assert screen.code == 0, screen.text
    shown = ESCAPES.sub("", screen.text)
    assert not CONTROLS.findall(shown + ESCAPES.sub("", sent.text))
    if chosen == "json" and line == "groups show hostile":
        assert json.loads(shown)["name"] == f"Group {HOSTILE}"


@pytest.mark.parametrize("chosen", ["table", "json", "ndjson", "csv"])
@pytest.mark.parametrize(
    "line",
    [
        "groups show no-such-group",
        "groups contents research-studio --limit 20",
        "groups list --user hostile-user",
        "groups delete hostile",
        "members leave hostile",
        "invitations send research-studio --user-id 999999",
        "invite-code show night-shift",
        "auth status",
        "watch no-such-group --once",
    ],
)
def test_texts_of_the_server_send_no_control_characters_to_a_terminal(
    at_terminal: Callable[..., Screen], sandbox: Sandbox, line: str, chosen: str
) -> None:
    sandbox.add_group(f"Group {HOSTILE}", slug="hostile", description=HOSTILE)
    escaped = json.dumps(HOSTILE)[1:-1].encode()
    # Messages, titles, names and codes: every text that holds one of these words.
    for word in (b"not found", b"Not Found", b"Studio", b"Osei", b"/invite/", b"The "):
        sandbox.faults.add(ReplaceText(word, word + escaped))
    screen = at_terminal(*line.split(), "-v", "--format", chosen, term="dumb", answer="n\n")
    assert "31m" in screen.text
    assert "Traceback" not in screen.text
    assert not CONTROLS.findall(ESCAPES.sub("", screen.text))


def test_piped_table_has_no_control_characters_and_piped_csv_is_complete(
    at: At, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.add_group(HOSTILE, slug="hostile")
    assert at("groups", "show", "hostile", chosen="table") == 0
    assert not CONTROLS.findall(capsys.readouterr().out)
    assert at("groups", "show", "hostile", chosen="csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row["name"] == HOSTILE
