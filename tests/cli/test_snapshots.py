"""Snapshots of help and tables. ``UPDATE_SNAPSHOTS=1`` replaces them."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from rich.cells import cell_len

from arena_groups._version import PROJECT_PAGE
from arena_groups.cli import invitation_list
from arena_groups.cli.commands import invitations
from arena_groups.cli.main import CommandWithSubcommands, app, run
from arena_groups.reconcile import roster
from arena_groups.sandbox import SEEDED_AT, Sandbox
from docs import man_page
from tests.support.command_line import At, Captured, Snapshot


def command_paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from command_paths(inner, (*path, name))
    if isinstance(command, CommandWithSubcommands):
        for name, inner in command.subcommands.items():
            yield from command_paths(inner, (*path, name))


PATHS = list(command_paths(app))
LEAVES = [path for path in PATHS if not any(path == each[:-1] for each in PATHS)]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_of_each_command_matches_snapshot(
    path: tuple[str, ...], capsys: Captured, snapshot: Snapshot
) -> None:
    assert run([*path, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.index("Examples:") < out.index("ptions:")
    assert all(len(line) <= 80 for line in out.splitlines() if "arena-groups" not in line)
    if path != ("sandbox",):  # its faults have a test of their own
        snapshot("-".join(["help", *path]), out)


@pytest.mark.parametrize("path", sorted({each[:-1] for each in PATHS}), ids=" ".join)
def test_help_of_each_group_shortens_no_command(path: tuple[str, ...], capsys: Captured) -> None:
    assert run([*path, "--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2].partition("ptions:")[0]
    assert listed
    assert "..." not in listed


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_examples_start_with_the_command(path: tuple[str, ...], capsys: Captured) -> None:
    assert run([*path, "--help"]) == 0
    lines = capsys.readouterr().out.partition("Examples:")[2].splitlines()
    shown = [line.strip() for line in lines if line.startswith("  arena-groups ")]
    assert shown
    assert all(line.startswith(" ".join(["arena-groups", *path])) for line in shown)


TABLES = {
    "groups-list": "groups list",
    "groups-show": "groups show research-studio",
    "groups-show-without-description": "groups show blank-page",
    "groups-contents": "groups contents research-studio --limit 30",
    "groups-contents-oldest-channels": "groups contents research-studio --type Channel",
    "groups-followers": "groups followers research-studio --limit 12",
    "members-list": "members list research-studio --limit 12",
    "roster": "roster night-shift",
    "roster-several": "roster night-shift blank-page",
    "invitations-list": "invitations list research-studio --limit 12",
    "invitations-list-all-groups": "invitations list --all-groups --sort oldest --limit 8",
    "invitations-expire-dry-run": "invitations expire night-shift --older-than 88d --dry-run",
    "report": "report research-studio",
    "invitations-send": "invitations send blank-page --email ann@example.net --user-id 3",
    "invitations-revoke": "invitations revoke night-shift 50487 1 --yes",
    "members-remove": "members remove night-shift 38 --yes",
    "groups-delete": "groups delete blank-page --yes",
    "invite-code-delete": "invite-code delete night-shift --yes",
}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the time to an hour after that of the sandbox's data."""
    for module in (invitations, invitation_list, roster):
        monkeypatch.setattr(module, "utc_now", lambda: SEEDED_AT + timedelta(hours=1))


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("name", TABLES)
def test_table_of_each_command_matches_snapshot(
    name: str, at: At, capsys: Captured, snapshot: Snapshot
) -> None:
    at(*TABLES[name].split(), chosen="table")
    out, _ = capsys.readouterr()
    snapshot(f"table-{name}", out)
    if not out.startswith(("Name ", "Outcome ")):
        assert all(cell_len(line) < 80 for line in out.splitlines())


def test_table_of_auth_status_matches_snapshot(
    at: At, sandbox: Sandbox, capsys: Captured, snapshot: Snapshot
) -> None:
    assert at("auth", "status", chosen="table") == 0
    lines = capsys.readouterr().out.replace(sandbox.url, "URL").splitlines()
    assert lines[-1].startswith("Quota   at most 999999 of 1000000 requests left")
    snapshot("table-auth-status", "\n".join([*lines[:-1], ""]))


def test_qr_code_matches_snapshot(at: At, capsys: Captured, snapshot: Snapshot) -> None:
    assert at("invite-code", "show", "research-studio", "--qr", chosen="table") == 0
    snapshot("qr-code", capsys.readouterr().out)


def test_snapshots_without_a_test_do_not_exist() -> None:
    kept = {file.stem for file in (Path(__file__).parent / "snapshots").iterdir()}
    helps = {"-".join(["help", *path]) for path in PATHS if path != ("sandbox",)}
    assert kept == helps | {f"table-{name}" for name in TABLES} | {"table-auth-status", "qr-code"}


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_of_each_command_ends_with_the_documentation(
    path: tuple[str, ...], capsys: Captured
) -> None:
    assert run([*path, "--help"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Documentation: {PROJECT_PAGE}"


def test_manual_page_is_current() -> None:
    if os.environ.get("UPDATE_SNAPSHOTS"):
        man_page.main()
    assert man_page.PAGE.read_text("utf-8") == man_page.render()
