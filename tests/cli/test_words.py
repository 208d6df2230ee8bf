"""Words of a command line: aliases, suggestions, and errors that repeat no secret."""

import json
from collections.abc import Iterator

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.cli.main import CommandWithSubcommands, app, run
from arena_groups.cli.words import (
    ALIASES,
    FIRST_SUBCOMMANDS,
    PLACES,
    SUBCOMMAND_PLACES,
    may_be_secret,
    without_secrets,
)
from tests.support.command_line import Captured

SUGGESTED_PLACES = {place for places in SUBCOMMAND_PLACES.values() for place in places.values()}
SECRETS = ("token-4711", "S3cr3tT0k3nOfAre", "c0de-4711", "ann@example.org", "q" * 40)


def error(capsys: Captured, words: list[str]) -> str:
    capsys.readouterr()
    assert run(words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


class TestSuggestions:
    @pytest.mark.parametrize(
        ("line", "meant"),
        [
            ("grups", "groups"), ("watc", "watch"), ("Groups", "groups"), ("sandbx", "sandbox"),
            ("invite", "invitations send"), ("users", "members"), ("whoam", "auth status"),
            ("logn", "auth login"), ("kompletion", "completion"), ("version", "--version"),
            ("groups lst", "list"), ("auth stauts", "status"), ("invitations snd", "send"),
            ("config ste", "set"), ("groups list --formt json", "--format"),
            ("invitations list a --olderthan 3d", "--older-than"), ("--quite", "--quiet"),
            ("help grups", "groups"), ("help groups lst", "list"), ("help sync lnk", "link"),
            ("list invitations a", "invitations list"), ("remove member a", "members remove"),
            ("ls group", "groups list"), ("add members a", "invitations send"),
            ("invitations cancel a", "invitations revoke"), ("config get group", "config"),
            ("groups list -n 5", "--limit"), ("members list a --json", "--format json"),
            ("invitations list a --all", "--all-groups"), ("groups list --force", "--yes"),
            ("invitations send a --file b.csv", "--from"), ("groups list --host a", "--base-url"),
        ],
    )  # fmt: skip
    def test_misspelled_word_has_a_suggestion(
        self, line: str, meant: str, capsys: Captured
    ) -> None:
        shown = error(capsys, line.split())
        suggested = shown.partition("Did you mean ")[2].partition("?")[0]
        assert meant == " ".join(ALIASES.get(suggested, (suggested,)))

    @pytest.mark.parametrize(
        "line", ["xyzzy", "auth xyzzy", "help xyzzy", "groups xyzzy", "xyzzy groups"]
    )
    def test_word_like_no_other_has_none_and_is_not_repeated(
        self, line: str, capsys: Captured
    ) -> None:
        shown = error(capsys, line.split())
        assert shown.startswith("arena-groups: no such command (hint: ")
        assert "xyzzy" not in shown

    @pytest.mark.parametrize(
        "place", sorted({*PLACES.values(), *SUGGESTED_PLACES, *FIRST_SUBCOMMANDS.values()})
    )
    def test_suggested_places_exist(self, place: str, capsys: Captured) -> None:
        assert run([*place.split(), "--help"]) == 0

    @pytest.mark.parametrize("name", sorted(FIRST_SUBCOMMANDS))
    def test_group_in_place_of_a_subcommand_has_a_hint(self, name: str, capsys: Captured) -> None:
        shown = error(capsys, [name, "research-studio"])
        assert f"(hint: `arena-groups {FIRST_SUBCOMMANDS[name]}`, or see " in shown

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("sync a --from b.csv", "--from: FILE is an argument"),
            ("members list --group a", "--group: GROUP is an argument"),
            ("members remove a --user b", "--user: USER is an argument"),
            ("--limit 2 groups list", "--limit here: options of a command come after its name"),
            ("groups --sort name list", "--sort here: options of a command come after its name"),
            ("groups list --older-than 3d", "no such option --older-than (hint: "),
            ("groups list --frmo a", "no such option --frmo (hint: "),
        ],
    )
    def test_option_in_a_wrong_place_is_explained(
        self, line: str, problem: str, capsys: Captured
    ) -> None:
        assert problem in error(capsys, line.split())

    @pytest.mark.parametrize("line", ["groups list --limit", "watch a --store", "sync link a"])
    def test_missing_value_leads_to_the_help_of_its_command(
        self, line: str, capsys: Captured
    ) -> None:
        command = " ".join(word for word in line.split()[:2] if word.isalpha() and word != "a")
        assert f"(hint: arena-groups {command} --help)" in error(capsys, line.split())


class TestAliases:
    @pytest.mark.parametrize(
        ("line", "path"),
        [
            *((alias, " ".join(words)) for alias, words in ALIASES.items()),
            ("groups ls", "groups list"), ("members ls", "members list"),
            ("invitations ls", "invitations list"), ("groups rm", "groups delete"),
            ("members rm", "members remove"), ("group get", "groups show"),
            ("groups view", "groups show"), ("auth whoami", "auth status"),
            ("auth list", "auth status"), ("auth ls", "auth status"),
        ],
    )  # fmt: skip
    def test_alias_runs_the_command(self, line: str, path: str, capsys: Captured) -> None:
        assert run([*line.split(), "--help"]) == 0
        by_alias = capsys.readouterr().out
        assert run([*path.split(), "--help"]) == 0
        assert capsys.readouterr().out == by_alias

    def test_aliases_are_not_listed(self, capsys: Captured) -> None:
        assert run(["--help"]) == 0
        listed = capsys.readouterr().out.partition("Commands:")[2]
        names = {line.split()[0] for line in listed.splitlines() if line.startswith("  ")}
        assert not names & {*ALIASES, "help"}

    def test_whoami_shows_the_user(self, capsys: Captured) -> None:
        assert run(["whoami", "--sandbox", "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["slug"] == "ada-osei"

    @pytest.mark.parametrize(
        "line", ["", "groups", "groups list", "sync link", "auth", "member remove", "whoami"]
    )
    def test_help_shows_the_help_of_a_command(self, line: str, capsys: Captured) -> None:
        assert run(["help", *line.split()]) == 0
        shown = capsys.readouterr().out
        assert run([*line.split(), "--help"]) == 0
        assert capsys.readouterr().out == shown

    def test_short_version_option(self, capsys: Captured) -> None:
        assert run(["--version"]) == 0
        shown = capsys.readouterr().out
        assert run(["-V"]) == 0
        assert capsys.readouterr().out == shown


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each command that is not a group."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
        return
    yield path
    if isinstance(command, CommandWithSubcommands):
        for name in command.subcommands:
            yield (*path, name)


class TestSecrets:
    @pytest.mark.parametrize("secret", SECRETS)
    @pytest.mark.parametrize("path", list(leaves(app)), ids=" ".join)
    def test_no_command_repeats_a_secret_after_its_words(
        self, path: tuple[str, ...], secret: str, capsys: Captured
    ) -> None:
        lines = [
            [*path, f"--{secret}"],
            [*path, "--no-such-option", secret],
            *([*path, option, secret] for option in ("--format", "--limit", "--port", "--sort")),
        ]
        for words in lines:
            capsys.readouterr()
            if run(words) == 1:
                assert secret not in capsys.readouterr().err, words

    @pytest.mark.parametrize("secret", ["abc", "secret-token", *SECRETS])
    @pytest.mark.parametrize(
        "line",
        [
            "auth login {}", "login {}", "auth login a {}", "auth {}", "{}",
            "auth login --token {}",
            "auth login --token={}", "auth login --with-token {}", "auth login --with-token={}",
            "auth status {}", "auth logout {}", "--token {} groups list", "--token={} groups list",
            "members join a {}", "groups list {}", "groups show a {}", "groups {}", "help {}",
            "completion {}", "config set pager {}", "config unset {}", "config {}", "help auth {}",
        ],
    )  # fmt: skip
    def test_places_of_a_secret_are_not_repeated_whatever_it_is(
        self, line: str, secret: str, capsys: Captured
    ) -> None:
        shown = error(capsys, line.format(secret).split())
        if line != "completion {}" or secret in SECRETS:
            assert secret not in shown

    @pytest.mark.parametrize(
        "line", ["auth login abc", "auth login --token abc", "login --with-token", "--tokn abc"]
    )
    def test_token_in_the_wrong_place_has_a_hint_at_the_pipe(
        self, line: str, capsys: Captured
    ) -> None:
        assert "auth login < token.txt" in error(capsys, line.split())

    def test_hint_is_in_the_error_as_json(self, capsys: Captured) -> None:
        found = json.loads(error(capsys, ["auth", "login", "token-4711", "--format", "json"]))
        assert "prompt" in found["error"]["hint"]
        assert found["error"]["type"] == "usage"

    @pytest.mark.parametrize("word", SECRETS)
    def test_secret_is_hidden_in_a_message(self, word: str) -> None:
        assert without_secrets(f"'{word}' is wrong", ["--limit", word]) == "'…' is wrong"
        assert without_secrets(f"'{word}' is wrong", [f"--limit={word}"]) == "'…' is wrong"

    @pytest.mark.parametrize(
        "secret",
        ["token-4711\n", "to\\ken\t4711", "to'ken\"4711", "to\u200bken-4711", " token-4711 ",
         "id,token-4711", "S3cr3tT0k3nOfAreYWJj/abc+def==", "ann\\o'hara@example.org"],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "line",
        [["--format"], ["groups", "list", "--sort"], ["completion"], ["config", "set"],
         ["groups", "list", "--columns"], ["invitations", "list", "a", "--older-than"],
         ["invitations", "send", "a", "--from", "b", "--encoding"]],
        ids=" ".join,
    )  # fmt: skip
    def test_secret_is_hidden_however_it_is_spelled(
        self, line: list[str], secret: str, capsys: Captured
    ) -> None:
        shown = error(capsys, [*line, secret, *(["x"] if line == ["config", "set"] else [])])
        for part in ("4711", "S3cr3t", "hara"):
            assert part not in shown

    @pytest.mark.parametrize(
        "word",
        ["two", "xml", "30y", "-1", "65536", "people2024.csv", "./2024/people-list-of-spring",
         "https://api.are.na", "research-studio", "2026-11-27"],
    )  # fmt: skip
    def test_plain_word_stays_in_a_message(self, word: str) -> None:
        assert not may_be_secret(word)
        assert word in without_secrets(f"'{word}' is wrong", [word, f"--limit={word}"])

    @given(st.text(st.sampled_from("abcXYZ019_-~"), min_size=20, max_size=60))
    def test_long_words_may_be_secrets(self, word: str) -> None:
        assert may_be_secret(word)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("groups list --web --sort name", "--sort has no effect with --web"),
        ("groups show g --columns id --web", "--columns has no effect with --web"),
        ("members list g --web --limit 3", "--limit has no effect with --web"),
        ("invitations list g --web --older-than 3d", "--older-than has no effect with --web"),
        ("groups contents g --web --type Channel", "--type has no effect with --web"),
        ("groups followers g --utc --web", "--utc has no effect with --web"),
        ("report g --md a.md --columns group", "--columns has no effect with --html and --md"),
        ("watch g --ndjson --format csv", "--ndjson and another --format cannot be combined"),
        ("watch g --deliver-for 3s", "--deliver-for needs --once"),
        ("sandbox --format csv", "--format has no effect here: use --json"),
        ("sandbox --utc", "--utc has no effect here"),
        ("completion bash --sandbox", "--sandbox has no effect here"),
        ("members list a/b", "Invalid value for 'GROUP': "),
        ("roster a/b", "Invalid value for 'GROUP': "),
        ("members remove g a@b", "Invalid value for 'USER': "),
    ],
)
def test_option_without_effect_and_wrong_argument_are_named(
    line: str, message: str, capsys: Captured
) -> None:
    assert message in error(capsys, line.split())
