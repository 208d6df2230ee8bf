"""Exit codes: the same mistake has the same code and kind at every command that can make it."""

import errno
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from arena_groups import RetryPolicy
from arena_groups.cli import connect, sync_run
from arena_groups.cli.errors import ExitCode
from arena_groups.cli.main import CommandWithSubcommands, app, run
from arena_groups.cli.options import CommonOption
from tests.support.command_line import (
    AsPerson,
    BrokenStream,
    Captured,
    FakeTerminal,
    InterruptingStream,
    Screen,
    Typing,
)

ROOT = Path(__file__).parents[2]
PEOPLE = shlex.quote(str(ROOT / "examples/keep_in_step/people.csv"))
GROUP = "research-studio"

# Each command that takes a group, with the place of the group.
READS = (
    "groups show {}",
    "groups contents {}",
    "groups followers {}",
    "members list {}",
    "invitations list {}",
    "roster {}",
    "report {}",
    "watch {} --once",
    f"sync {{}} {PEOPLE} --dry-run",
)
WRITES = (
    "groups update {} --name x",
    "groups delete {} --yes",
    "members join {}",
    "members leave {} --yes",
    "members remove {} 2 --yes",
    "invitations send {} ann@example.net",
    "invitations revoke {} 50001 --yes",
    "invitations expire {} --older-than 1d --yes",
    "invite-code create {}",
    "invite-code delete {} --yes",
)
OF_MANAGERS = ("invite-code show {}",)
WITHOUT_GROUP = (
    "groups list",
    "groups create x",
    "invitations list --all-groups",
    "auth status",
    "watch --all-groups --once",
    "api GET /v3/me",
    "api /v3/me/x --paginate",
    "sync link ann@example.org 3",
)
OF_GROUP = (*READS, *WRITES, *OF_MANAGERS)
ONLINE = (*OF_GROUP, *WITHOUT_GROUP)
NEED_TOKEN = tuple(
    line
    for line in ONLINE
    if not line.startswith(("groups show", "groups con", "groups fol", "members list", "ro", "rep"))
    and "me/x" not in line
    and " link " not in line
)
STREAMED = (
    "groups list",
    f"groups contents {GROUP}",
    f"groups followers {GROUP}",
    f"members list {GROUP}",
    f"invitations list {GROUP}",
    f"roster {GROUP}",
    f"sync {GROUP} {PEOPLE} --dry-run --add-only",
    "api /v3/groups/research-studio/members --paginate",
    "auth status",
    f"invite-code show {GROUP}",
    f"report {GROUP}",
)
CONFIRMED = (
    "groups delete night-shift",
    f"members remove {GROUP} minh-castellanos",
    "invitations revoke night-shift 50487",
    "invitations expire night-shift --older-than 1d",
    "invite-code delete research-studio",
)
SECRETS = (f"members join {GROUP}", "auth login", "sync link - 3")


def commands(
    group: click.Group = app, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield the words and the command of each leaf of the command line."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
            continue
        yield (*words, name), command
        if isinstance(command, CommandWithSubcommands):
            for part, subcommand in command.subcommands.items():
                yield (*words, name, part), subcommand


LEAVES = [pytest.param(words, each, id=" ".join(words)) for words, each in commands()]


def failure(capsys: Captured, words: list[str]) -> tuple[int, str, str]:
    """Run a command line that fails; return its code, and the kind and the hint of its error."""
    capsys.readouterr()
    code = run([*words, "--format", "json"])
    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert error["exit_code"] == code
    return code, error["type"], error.get("hint", "")


@pytest.fixture
def fails(
    as_person: AsPerson, typed: Typing, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run a line against the served sandbox, in one attempt."""
    monkeypatch.setattr(connect, "retry_policy", lambda: RetryPolicy(attempts=1))
    # What is worth a longer wait has a longer policy.
    monkeypatch.setattr(sync_run, "RetryPolicy", lambda: RetryPolicy(attempts=1))
    typed("c0de-4711")

    def call(line: str, person: str = "owner", url: str = "") -> tuple[int, str, str]:
        where = as_person(person)
        if url:
            monkeypatch.setenv("ARENA_BASE_URL", url)  # the token is for this server
            where = ["--base-url", url]
        return failure(capsys, [*shlex.split(line), *where])

    return call


Fails = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("words", "command"), LEAVES)
class TestCommandLine:
    def test_unknown_option_is_usage_error(
        self, words: tuple[str, ...], command: click.Command, capsys: Captured
    ) -> None:
        code = run([*words, "--no-such-option"])
        err = capsys.readouterr().err
        assert (code, err.count("\n")) == (1, 1), command
        assert "--no-such-option" in err

    def test_invalid_value_is_usage_error(
        self, words: tuple[str, ...], command: click.Command, capsys: Captured
    ) -> None:
        checked = [
            option.opts[-1]
            for option in command.params
            if isinstance(option, click.Option)
            and option.name != "format"
            and (isinstance(option.type, click.Choice) or option.name in {"limit", "interval"})
        ]
        for option in checked:
            assert failure(capsys, [*words, option, "purple"])[:2] == (1, "usage"), option

    def test_missing_argument_is_usage_error(
        self, words: tuple[str, ...], command: click.Command, capsys: Captured
    ) -> None:
        if any(isinstance(each, click.Argument) and each.required for each in command.params):
            code = run([*words])
            assert (code, capsys.readouterr().err.count("\n")) == (1, 1)

    def test_missing_value_of_an_option_is_usage_error(
        self, words: tuple[str, ...], command: click.Command, capsys: Captured
    ) -> None:
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag and option.nargs == 1:
                code = run([*words, option.opts[-1]])
                assert (code, capsys.readouterr().err.count("\n")) == (1, 1), option.opts

    def test_base_url_and_format_of_the_wrong_kind_are_usage_errors(
        self, words: tuple[str, ...], command: click.Command, capsys: Captured
    ) -> None:
        common = {each.opts[0] for each in command.params if isinstance(each, CommonOption)}
        for option in common & {"--format"}:
            code = run([*words, option, "xml"])
            assert (code, capsys.readouterr().err.count("\n")) == (1, 1)


@pytest.mark.parametrize("line", OF_GROUP)
class TestGroup:
    @pytest.mark.parametrize(
        "group", ["a/b", "a.b", "https://www.are.na/mara/channel", "https://example.org/group/x"]
    )
    def test_malformed_group_is_usage_error(self, line: str, group: str, fails: Fails) -> None:
        assert fails(line.format(group))[:2] == (1, "usage")

    @pytest.mark.parametrize("group", ["no-such-group", "999999999"])
    def test_unknown_group_is_not_found(self, line: str, group: str, fails: Fails) -> None:
        assert fails(line.format(group))[:2] == (3, "not_found")


@pytest.mark.parametrize(
    "line",
    [
        "groups list --user {}",
        f"members remove {GROUP} {{}} --yes",
        f"invitations send {GROUP} {{}}",
        f"invitations revoke {GROUP} {{}} --yes",
        "sync link ann@example.org {}",
    ],
)
class TestUser:
    @pytest.mark.parametrize("user", ["a/b", "https://www.are.na/group/x", "a.b"])
    def test_malformed_user_is_usage_error(self, line: str, user: str, fails: Fails) -> None:
        assert fails(line.format(user))[:2] == (1, "usage")

    def test_unknown_user_is_not_found(self, line: str, fails: Fails) -> None:
        assert fails(line.format("nobody-of-that-name"))[:2] == (3, "not_found")


class TestToken:
    @pytest.mark.parametrize("line", NEED_TOKEN)
    def test_missing_token_is_unauthorized(
        self,
        line: str,
        as_person: AsPerson,
        typed: Typing,
        capsys: Captured,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        where = as_person("owner")
        monkeypatch.delenv("ARENA_TOKEN")
        typed("c0de")
        code, kind, hint = failure(capsys, [*shlex.split(line.format(GROUP)), *where])
        assert (code, kind) == (2, "unauthorized")
        assert "auth login" in hint

    @pytest.mark.parametrize("token", ["wrong-token-4711", "a b", "ümläut"])
    @pytest.mark.parametrize("line", [*NEED_TOKEN, "groups show {}"])
    def test_wrong_or_malformed_token_is_unauthorized(
        self,
        line: str,
        token: str,
        as_person: AsPerson,
        typed: Typing,
        capsys: Captured,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        where = as_person("owner")
        monkeypatch.setenv("ARENA_TOKEN", token)
        typed("c0de")
        code, kind, hint = failure(capsys, [*shlex.split(line.format(GROUP)), *where])
        assert (code, kind) == (2, "unauthorized")
        assert token not in hint

    @pytest.mark.parametrize("line", [*WRITES, "groups create x", "api POST /v3/groups -f name=x"])
    def test_read_only_token_is_forbidden_and_the_hint_names_the_scope(
        self, line: str, fails: Fails
    ) -> None:
        code, kind, hint = fails(line.format(GROUP), "read_only")
        assert (code, kind) == (6, "forbidden")
        assert "scope write" in hint
        assert "the environment variable ARENA_TOKEN" in hint
        assert "owner" not in hint

    @pytest.mark.parametrize(
        ("line", "person", "words"),
        [
            (f"members leave {GROUP} --yes", "owner", "hand it over to another member first"),
            (f"members join {GROUP}", "stranger", "the invite code is wrong"),
            (f"members remove {GROUP} 3 --yes", "member", "only the owner may remove members"),
            (f"groups update {GROUP} --name x", "member", "only the owner may change"),
            (f"groups delete {GROUP} --yes", "member", "only the owner may change or delete"),
            (f"invite-code show {GROUP}", "member", "as its owner does, have its invite code"),
            (f"invitations list {GROUP}", "stranger", "the members of a group see its invitations"),
            (f"invitations send {GROUP} 3", "stranger", "the owner and the members may invite"),
            ("groups show night-shift", "stranger", "see a private group"),
            ("roster night-shift", "stranger", "see a private group"),
            ("report night-shift", "stranger", "see a private group"),
        ],
    )
    def test_missing_right_is_forbidden_and_the_hint_names_the_rule(
        self, line: str, person: str, words: str, fails: Fails
    ) -> None:
        code, kind, hint = fails(line, person)
        assert (code, kind) == (6, "forbidden")
        assert words in hint
        assert "scope" not in hint


class TestServer:
    @pytest.mark.parametrize("line", [line for line in ONLINE if "me/x" not in line])
    def test_rate_limit_is_rate_limited(self, line: str, fails: Fails) -> None:
        assert fails(line.format(GROUP), "limited")[:2] == (5, "rate_limited")

    @pytest.mark.parametrize("line", ONLINE)
    def test_refused_connection_is_connection_error(
        self, line: str, fails: Fails, unused_tcp_port: int
    ) -> None:
        url = f"http://127.0.0.1:{unused_tcp_port}"
        assert fails(line.format(GROUP), url=url)[:2] == (1, "connection")

    @pytest.mark.parametrize("line", ONLINE)
    def test_https_at_a_port_without_tls_is_connection_error(
        self, line: str, fails: Fails, as_person: AsPerson
    ) -> None:
        url = as_person("owner")[1].replace("http://", "https://")
        code, kind, hint = fails(line.format(GROUP), url=url)
        assert (code, kind) == (1, "connection")
        assert "--base-url" in hint


class TestPrompts:
    @pytest.mark.parametrize("line", CONFIRMED)
    def test_question_without_terminal_is_not_asked(self, line: str, fails: Fails) -> None:
        assert fails(line)[:2] == (1, "confirmation")

    @pytest.mark.parametrize("line", CONFIRMED)
    @pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "enter", "end of file"])
    def test_question_answered_otherwise_than_yes_is_cancelled(
        self, line: str, answer: str, at_terminal: Callable[..., Screen]
    ) -> None:
        screen = at_terminal(*shlex.split(line), answer=answer)
        assert screen.code == 1
        assert screen.text.endswith("arena-groups: cancelled\n")

    @pytest.mark.parametrize("line", [*CONFIRMED, *SECRETS])
    def test_interrupted_prompt_exits_with_130(
        self, line: str, at_terminal: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Interrupted(FakeTerminal):
            def readline(self, *_: object) -> str:
                raise KeyboardInterrupt

        monkeypatch.setattr("arena_groups.cli.output.messages.getpass", raising(KeyboardInterrupt))
        assert at_terminal(*shlex.split(line), answer=Interrupted()).code == 130

    @pytest.mark.parametrize("line", SECRETS)
    def test_hidden_prompt_that_is_closed_is_cancelled(
        self, line: str, at_terminal: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("arena_groups.cli.output.messages.getpass", raising(EOFError))
        screen = at_terminal(*shlex.split(line))
        assert screen.code == 1
        assert screen.text.endswith("arena-groups: cancelled\n")


def raising(error: type[BaseException]) -> Callable[[str], str]:
    def prompt(_: str) -> str:
        raise error

    return prompt


class TestFiles:
    INPUTS = (
        f"invitations send {GROUP} --from {{}}",
        f"sync {GROUP} {{}}",
        "sync --groups {}",
        "sync --apply {} --yes",
        "roster diff {} night-shift",
        f"roster diff {PEOPLE} {{}}",
        "api POST /v3/groups --input {}",
        "watch --config {}",
        f"watch {GROUP} --webhook https://example.org --webhook-secret-file {{}} --store x.db",
    )
    DATA = INPUTS[:4] + INPUTS[4:5] + INPUTS[6:7]

    @pytest.mark.parametrize("line", [line for line in INPUTS if PEOPLE not in line])
    @pytest.mark.parametrize("name", ["missing.csv", "folder"])
    def test_file_that_cannot_be_opened_exits_with_1(
        self, line: str, name: str, fails: Fails, tmp_path: Path
    ) -> None:
        (tmp_path / "folder").mkdir()
        code, kind, _ = fails(line.format(shlex.quote(str(tmp_path / name))))
        assert (code, kind in {"system", "usage"}) == (1, True)

    @pytest.mark.parametrize("line", DATA)
    @pytest.mark.parametrize("content", [b"\xff\xff\x00\x81", b"{[", b"email\n", b""])
    def test_file_whose_content_is_wrong_is_validation_error(
        self, line: str, content: bytes, fails: Fails, tmp_path: Path
    ) -> None:
        file = tmp_path / "data"
        file.write_bytes(content)
        assert fails(line.format(shlex.quote(str(file))))[:2] == (4, "validation")

    @pytest.mark.parametrize("content", [b"\xff\xff\x00\x81", b"{[", b"purple = 1"])
    def test_configuration_that_is_wrong_is_like_a_wrong_option(
        self, content: bytes, fails: Fails, tmp_path: Path
    ) -> None:
        file = tmp_path / "watch.toml"
        file.write_bytes(content)
        assert fails(shlex.join(["watch", "--config", str(file)]))[0] == 1

    @pytest.mark.parametrize(
        "line",
        [
            f"invitations send {GROUP} --from {PEOPLE} --result {{}}",
            f"sync {GROUP} {PEOPLE} --dry-run --add-only --md {{}}",
            f"sync {GROUP} {PEOPLE} --add-only --plan {{}}",
            f"report {GROUP} --md {{}}",
            f"report {GROUP} --html {{}}",
            f"invite-code show {GROUP} --qr-svg {{}}",
            f"invite-code show {GROUP} --qr-png {{}}",
            f"report {GROUP} --store {{}}",
            f"watch {GROUP} --once --store {{}}",
            f"sync {GROUP} {PEOPLE} --dry-run --store {{}}",
        ],
    )
    def test_file_that_cannot_be_written_is_system_error(
        self, line: str, fails: Fails, tmp_path: Path
    ) -> None:
        assert fails(line.format(shlex.quote(str(tmp_path / "no-folder/file"))))[:2] == (
            1,
            "system",
        )


class TestStreams:
    @pytest.mark.parametrize("line", STREAMED)
    @pytest.mark.parametrize(
        ("code", "number"), [(errno.EPIPE, 0), (errno.ENOSPC, 1)], ids=["closed pipe", "full disk"]
    )
    def test_results_that_cannot_be_written(
        self,
        line: str,
        code: int,
        number: int,
        as_person: AsPerson,
        monkeypatch: pytest.MonkeyPatch,
        capsys: Captured,
    ) -> None:
        where = as_person("owner")
        monkeypatch.setattr(sys, "stdout", BrokenStream(code))
        assert run([*shlex.split(line), *where]) == number
        monkeypatch.undo()
        assert capsys.readouterr().err.count("\n") == number

    @pytest.mark.parametrize("line", STREAMED)
    def test_interrupted_run_exits_with_130(
        self, line: str, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where = as_person("owner")
        monkeypatch.setattr(sys, "stdout", InterruptingStream())
        assert run([*shlex.split(line), *where]) == 130


def test_exit_codes_are_documented() -> None:
    text = (ROOT / "docs/cli.md").read_text("utf-8").partition("\n## Exit codes\n")[2]
    documented = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert {int(number) for number in documented} == {*map(int, ExitCode), 143}
