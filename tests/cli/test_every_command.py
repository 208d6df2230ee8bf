"""All commands against a sandbox: every format, and every kind of failure."""

import csv
import io
import json
import shlex
from pathlib import Path

import pytest

from arena_groups import RetryPolicy
from arena_groups.cli import connect
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import AsPerson, At, Captured

GROUP = "research-studio"
PEOPLE = shlex.quote(str(Path(__file__).parents[2] / "examples/keep_in_step/people.csv"))
FORMATS = ("table", "json", "ndjson", "csv")

LISTS = (
    "groups list",
    "groups list --user ada-osei --sort newest",
    f"groups contents {GROUP}",
    f"groups followers {GROUP}",
    f"members list {GROUP}",
    f"roster {GROUP}",
    f"roster {GROUP} night-shift",
    f"invitations list {GROUP}",
    "invitations list --all-groups",
    f"invitations expire {GROUP} --older-than 10d --dry-run",
    f"sync {GROUP} {PEOPLE} --dry-run --add-only",
)
ITEMS = (f"report {GROUP}", f"groups show {GROUP}", f"invite-code show {GROUP}", "auth status")
ACTIONS = (
    "groups create Reading-Room",
    f"groups update {GROUP} --description Quiet",
    "groups delete blank-page --yes",
    "members leave no-member --yes",
    "invite-code create blank-page",
    f"invite-code delete {GROUP} --yes",
)
CHANGES_OF_SEVERAL = (
    f"members remove {GROUP} minh-castellanos --yes",
    "invitations send blank-page --email ann@example.net --user-id 3",
    "invitations revoke night-shift 50487 --yes",
    "invitations expire night-shift --older-than 1d --yes",
)


def rows(text: str, chosen: str) -> list[dict[str, object]]:
    """What a program would read."""
    if chosen == "csv":
        return [dict(row) for row in csv.DictReader(io.StringIO(text))]
    if chosen == "ndjson":
        return [json.loads(line) for line in text.splitlines()]
    document = json.loads(text)
    return document if isinstance(document, list) else [document]


@pytest.mark.parametrize("line", [*LISTS, *ITEMS])
def test_results_in_every_format_have_the_same_number(
    line: str, as_person: AsPerson, capsys: Captured
) -> None:
    counts = set()
    for chosen in FORMATS:
        assert run([*shlex.split(line), "--format", chosen, *as_person("owner")]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        if chosen == "table":
            assert out
        else:
            counts.add(len(rows(out, chosen)))
    assert len(counts) == 1
    assert min(counts) > (1 if line in LISTS else 0)


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("line", [*ACTIONS, *CHANGES_OF_SEVERAL])
def test_changes_in_every_format_write_a_result(
    line: str, chosen: str, at: At, capsys: Captured
) -> None:
    person = "member" if "leave" in line else "owner"
    words = shlex.split(line.replace("no-member", GROUP))
    assert at(*words, chosen=chosen, person=person) == 0
    out, err = capsys.readouterr()
    assert err == ""
    if chosen != "table":
        assert rows(out, chosen)
    assert out.count("\n") >= 1


# Each command with a group that can be put in, and whether it needs the scope write.
COMMANDS = (
    ("groups show {}", False),
    ("groups update {} --name x", True),
    ("groups delete {} --yes", True),
    ("groups contents {}", False),
    ("groups followers {}", False),
    ("report {}", False),
    ("members list {}", False),
    ("roster {}", False),
    ("members remove {} 2 --yes", True),
    ("members leave {} --yes", True),
    ("invitations list {}", False),
    ("invitations send {} --email ann@example.net", True),
    ("invitations revoke {} 50001 --yes", True),
    ("invitations expire {} --older-than 1d --yes", True),
    ("invite-code show {}", False),
    ("invite-code create {}", True),
    ("invite-code delete {} --yes", True),
)
WITHOUT_GROUP = (
    ("groups list", False),
    ("groups create x", True),
    ("invitations list --all-groups", False),
    ("auth status", False),
)
EVERY = [*COMMANDS, *WITHOUT_GROUP]
WRITES = [line for line, writes in EVERY if writes]


def failing(capsys: Captured, line: str, where: list[str]) -> tuple[int, dict[str, object]]:
    """Run a line that fails; check that its error is one line of text, and one object in JSON."""
    words = [*shlex.split(line.format(GROUP)), *where]
    code = run(words)
    text = capsys.readouterr().err
    assert text.startswith("arena-groups: ")
    assert text.count("\n") == 1
    assert run([*words, "--format", "json"]) == code
    out, err = capsys.readouterr()
    if " send " not in line and " revoke " not in line and " remove " not in line:
        assert out == ""
    error: dict[str, object] = json.loads(err)["error"]
    assert error["exit_code"] == code
    return code, error


@pytest.mark.parametrize("line", [line for line, _ in EVERY])
def test_wrong_token_is_unauthorized(
    line: str, as_person: AsPerson, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = as_person("owner")
    monkeypatch.setenv("ARENA_TOKEN", "wrong-4711")
    code, error = failing(capsys, line, where)
    assert (code, error["type"]) == (2, "unauthorized")
    assert "the environment variable ARENA_TOKEN" in str(error["hint"])
    assert "4711" not in str(error)


@pytest.mark.parametrize("line", [line for line, _ in COMMANDS])
def test_unknown_group_is_not_found(line: str, as_person: AsPerson, capsys: Captured) -> None:
    line = line.format("no-such-group")
    code, error = failing(capsys, line, as_person("owner"))
    assert (code, error["type"], error["status"]) == (3, "not_found", 404)


@pytest.mark.parametrize("line", WRITES)
def test_write_with_read_only_token_is_forbidden(
    line: str, as_person: AsPerson, capsys: Captured
) -> None:
    code, error = failing(capsys, line, as_person("read_only"))
    assert (code, error["type"]) == (6, "forbidden")
    assert "write" in str(error)


@pytest.mark.parametrize(
    "line",
    [
        "groups update {} --name x",
        "groups delete {} --yes",
        "groups show night-shift",
        "members remove {} 2 --yes",
        "invitations list {}",
        "invitations send {} --email ann@example.net",
        "invitations revoke {} 50001 --yes",
        "invitations expire {} --older-than 1d --yes",
        "invite-code show {}",
        "invite-code create {}",
        "invite-code delete {} --yes",
    ],
)
def test_user_without_permission_is_forbidden(
    line: str, as_person: AsPerson, capsys: Captured
) -> None:
    code, error = failing(capsys, line, as_person("stranger"))
    assert (code, error["type"]) == (6, "forbidden")


@pytest.mark.parametrize("line", [line for line, _ in EVERY])
def test_exceeded_rate_limit_is_rate_limited(
    line: str, as_person: AsPerson, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "retry_policy", lambda: RetryPolicy(attempts=1))
    code, error = failing(capsys, line, as_person("limited"))
    assert (code, error["type"]) == (5, "rate_limited")
    assert "retry_after" in error


@pytest.mark.parametrize("line", [line for line, _ in EVERY])
def test_unreachable_server_is_connection_error(
    line: str,
    as_person: AsPerson,
    capsys: Captured,
    unused_tcp_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_person("owner")
    monkeypatch.setattr(connect, "retry_policy", lambda: RetryPolicy(attempts=1))
    monkeypatch.setenv("ARENA_BASE_URL", f"http://127.0.0.1:{unused_tcp_port}")
    code, error = failing(capsys, line, [])
    assert (code, error["type"]) == (1, "connection")


@pytest.mark.parametrize(
    "line",
    [
        "groups delete {}",
        "members leave {}",
        "members remove {} 2",
        "invitations revoke {} 50001",
        "invitations expire {} --older-than 1d",
        "invite-code delete {}",
    ],
)
def test_destructive_command_without_terminal_needs_yes(
    line: str, as_person: AsPerson, capsys: Captured
) -> None:
    code, error = failing(capsys, line, as_person("owner"))
    assert (code, error["type"]) == (1, "confirmation")
    assert "--yes" in str(error["hint"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("groups update {}", "nothing to change"),
        ("groups update {} --description x --no-description", "cannot be combined"),
        ("groups list --sort age", "age"),
        ("groups contents {} --limit -1", "--limit"),
        ("members remove {}", "USER"),
        ("members remove {} mara --user", "--user"),
        ("invitations list", "--all-groups"),
        ("invitations list {} --all-groups", "--all-groups"),
        ("invitations list {} --older-than soon", "30d"),
        ("invitations send {}", "--email"),
        ("invitations send {} --email not-an-address", "number 1"),
        ("invitations send {} --user-id 0", "--user-id"),
        ("invitations revoke {} a/b", "user must be"),
        ("invitations revoke {} 0", "0 is too low"),
        ("invitations expire {}", "--older-than"),
        ("invite-code show {} --qr --format csv", "--qr"),
        ("auth login --sandbox", "--sandbox"),
        ("auth login --web", "--client-id"),
        ("auth login --client-id x", "--web"),
        ("auth login --client-secret-stdin", "--web"),
        ("auth status --base-url http://example.org", "https"),
    ],
)
def test_invalid_options_are_usage_errors(line: str, words: str, capsys: Captured) -> None:
    code, error = failing(capsys, line, [])
    assert (code, error["type"]) == (1, "usage")
    assert words in str(error)
    assert "insecure_http" not in str(error)


def column_names(line: str, capsys: Captured, chosen: str = "table") -> list[str]:
    """The names that the error for an unknown column lists."""
    assert run([*shlex.split(line), "--columns", "no-such-column", "--format", chosen]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err.partition("Columns: ")[2].partition(" (hint")[0].split(", ")


WITH_COLUMNS = [line for line in (*LISTS, *ITEMS) if "sync" not in line and "--dry-run" not in line]


@pytest.mark.parametrize("line", [*WITH_COLUMNS, *ACTIONS])
def test_unknown_column_is_refused_before_anything_is_sent(
    line: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("ARENA_BASE_URL", sandbox.url)
    assert len(column_names(line, capsys)) > 2
    assert not sandbox.requests


@pytest.mark.parametrize(
    "line",
    ["sync x y.csv", "invitations send x a@example.org", "api /v3/me"],
)
def test_command_without_a_list_of_columns_refuses_the_option(line: str, capsys: Captured) -> None:
    assert run([*shlex.split(line), "--columns", "id"]) == 1
    assert "no --columns" in capsys.readouterr().err


@pytest.mark.parametrize("line", WITH_COLUMNS)
def test_every_column_can_be_selected_in_every_format(
    line: str, as_person: AsPerson, capsys: Captured
) -> None:
    where = as_person("owner")
    names = column_names(line, capsys)
    found = {}
    for chosen in FORMATS:
        words = [*shlex.split(line), "--columns", ",".join(names), "--format", chosen]
        assert run([*words, *where]) == 0
        out, _ = capsys.readouterr()
        if chosen != "table":
            found[chosen] = [list(row) for row in rows(out, chosen)]
    assert all(fields == names for each in found.values() for fields in each)
    assert len({len(each) for each in found.values()}) == 1
