"""The command ``arena-groups sync``: groups brought in step with a list of people."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click
from click.core import ParameterSource

from arena_groups.cli import output
from arena_groups.cli.errors import CliError
from arena_groups.cli.invitation_list import parse_recipients
from arena_groups.cli.main import Command, CommandWithSubcommands, example, run_async
from arena_groups.cli.options import (
    InputFile,
    Settings,
    as_group,
    as_secret,
    as_secrets,
    as_user,
    common_options,
    complete_group,
    encoding_option,
)
from arena_groups.cli.output_file import OutputFile
from arena_groups.cli.store_option import store_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena_groups import InviteTarget
    from arena_groups._api import Secret
    from arena_groups.cli.sync_file import ListedPerson
    from arena_groups.cli.sync_run import SyncOptions

# ruff: noqa: PLC0415 - keeps --help fast

DEFAULT_LIMIT = "25%"
PLANNING = {
    "dry_run", "add_only", "remove_only", "max_removals", "keep", "reinvite", "plan", "markdown",
    "encoding",
}  # fmt: skip
ALL: Final = "all"
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")


def parse_limit(text: str) -> float:
    """Return a largest number of removals: an int, or the fraction that a percentage means.

    Raises:
        ValueError: If ``text`` is neither.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return int(text)
    match = _PERCENT.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise ValueError(f"{text!r} is neither a percentage nor a number: use 10% or 20")
    return float(Fraction(match[1]) / 100)


def _limit_option(_context: click.Context, _option: click.Parameter, text: str) -> float:
    try:
        return parse_limit(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@example("Apply a saved plan", "sync --apply plan.json")
@example(
    "Save the plan, to read it and apply it later",
    "sync GROUP people.csv --plan plan.json",
)
@example(
    "From cron, end with exit code 9 if there is something to do",
    "sync GROUP people.csv --dry-run --exit-code",
)
@example("Several groups, from a file with the column group", "sync --groups people.csv")
@example("Show what would be done", "sync GROUP people.csv --dry-run")
@example("Bring a group in step with a list, after a confirmation", "sync GROUP people.csv")
@click.command("sync", cls=CommandWithSubcommands)
@click.argument("group", required=False, shell_complete=complete_group)
@click.argument("file", type=InputFile(), required=False)
@click.option(
    "--groups",
    "groups_file",
    type=InputFile(),
    metavar="FILE",
    help="Read this list for several groups, instead of GROUP and FILE.",
)
@click.option(
    "--apply",
    "saved",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Apply the plan that --plan has saved, instead of GROUP and FILE.",
)
@encoding_option
@click.option("--dry-run", is_flag=True, help="Change nothing; show the plan.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: 9 if there is something to do.")
@click.option("--add-only", is_flag=True, help="Only invite.")
@click.option("--remove-only", is_flag=True, help="Only remove and revoke.")
@click.option(
    "--max-removals",
    default=DEFAULT_LIMIT,
    callback=_limit_option,
    metavar="LIMIT",
    help="Do nothing if more would be removed or revoked: 10% or 20. [default: 25%]",
)
@click.option(
    "--keep",
    multiple=True,
    callback=as_secrets,
    metavar="WHO",
    help="Never remove this person. May be repeated.",
)
@click.option(
    "--reinvite",
    multiple=True,
    callback=as_secrets,
    metavar="WHO",
    help="Invite this person again, or all: those who left or did not accept. May be repeated.",
)
@click.option(
    "--on-drift",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    help="With --apply, if the group has changed: do nothing, or the rest. [default: refuse]",
)
@store_option("Remember people in this file or Redis. [default: a file in your data folder]")
@click.option("--result", type=OutputFile(), metavar="FILE", help="Write each result, as CSV.")
@click.option(
    "--plan",
    type=OutputFile(),
    metavar="FILE",
    help="Save the plan in this private file, for --apply. Change nothing.",
)
@click.option(
    "--md",
    "markdown",
    type=OutputFile(),
    metavar="FILE",
    help="Write the plan as Markdown, with masked addresses.",
)
@click.option("--mask", is_flag=True, help="Mask addresses in the output.")
@common_options
@click.pass_context
def command(
    context: click.Context,
    *,
    group: str | None,
    file: str | None,
    groups_file: str | None,
    saved: Path | None,
    encoding: str | None,
    dry_run: bool,
    exit_code: bool,
    add_only: bool,
    remove_only: bool,
    max_removals: float,
    keep: tuple[Secret, ...],
    reinvite: tuple[Secret, ...],
    on_drift: str,
    store: str | Path | None,
    result: Path | None,
    plan: Path | None,
    markdown: Path | None,
    mask: bool,
) -> None:
    """Bring groups in step with a list of people.

    GROUP is a slug, an id or a URL. FILE is CSV with the columns email, user (a slug, an id or a
    URL) and note, or some of them; the output of roster; or has one person per line. - is standard
    input.

    People of the list who are not in the group are invited. Pending invitations and members who
    are not in the list are revoked and removed. Nobody gets a second email: who left or did not
    accept is skipped. You and the owner are never removed. Nobody is removed who may be a person
    of the list: members show no address. Use sync link, or a column user.

    A group whose slug is link is named by its id or URL.
    """
    _check_names(group, file, groups_file, saved)
    group = as_group(context, context.command.params[0], group)
    _check_options(context, dry_run=dry_run or plan is not None)
    from arena_groups.cli.sync_run import SyncOptions, sync_lists, sync_saved

    settings = context.ensure_object(Settings)
    options = SyncOptions(
        store=_usable_store(context, settings, store),
        keep=tuple(parse_recipients(keep, "--keep")),
        reinvite=_reinvited(reinvite),
        max_removals=max_removals,
        add_only=add_only,
        remove_only=remove_only,
        on_drift="skip" if on_drift == "skip" else "refuse",
        dry_run=dry_run or plan is not None,
        exit_code=exit_code,
        result=result,
        plan=plan,
        markdown=markdown,
        mask=mask,
    )
    _check_paths(options, {"FILE": file, "--groups": groups_file})
    work = (
        sync_saved(settings, saved, options)
        if saved is not None
        else sync_lists(
            settings, _read_lists(group, file, groups_file, encoding, add_only=add_only), options
        )
    )
    run_async(settings, work)


@example("With the address typed at a prompt", "sync link - mara-lindqvist")
@example("Say whose an address is", "sync link ada@example.org ada-osei")
@click.command("link", cls=Command, short_help="Record which user an address belongs to.")
@click.argument("email", callback=as_secret)
@click.argument("user", callback=as_user)
@store_option("Store of sync. [default: a file in your data folder]")
@common_options
@click.pass_context
def link(context: click.Context, *, email: Secret, user: str, store: str | Path | None) -> None:
    """Record that EMAIL belongs to USER, a slug, an id or a URL, so that sync knows the member.

    With - for EMAIL, the address is typed at a prompt, or read from standard input. Only a digest
    of it is stored. A later link of the same address replaces it.
    """
    from arena_groups._api import Secret
    from arena_groups.cli.sync_run import link_address

    address = Secret(output.ask_secret("Email")) if email.reveal() == "-" else email
    if problem := address.address_problem():
        raise click.UsageError(f"EMAIL {problem}: write it as ada@example.org")
    settings = context.ensure_object(Settings)
    place = _usable_store(context, settings, store)
    run_async(settings, link_address(settings, address, user, place))


command.subcommands = {"link": link}


def _check_names(
    group: str | None, file: str | None, groups_file: str | None, saved: Path | None
) -> None:
    """Raise ``UsageError`` unless the lists are named in exactly one way."""
    given = [group is not None, groups_file is not None, saved is not None]
    if sum(given) != 1:
        raise click.UsageError("give either GROUP and FILE, or --groups FILE, or --apply FILE")
    if group is not None and file is None:
        raise click.UsageError(
            "name both, GROUP and FILE; FILE is the list, or - for standard input"
        )


def _check_options(context: click.Context, *, dry_run: bool) -> None:
    """Raise ``UsageError`` for options that have no effect together."""
    source = context.get_parameter_source
    given = {name for name in context.params if source(name) is ParameterSource.COMMANDLINE}

    def refuse(names: set[str], reason: str) -> None:
        if found := sorted(names & given):
            raise click.UsageError(f"--{found[0].replace('_', '-')} {reason}")

    if "saved" in given:
        refuse(PLANNING, "cannot be combined with --apply")
    else:
        refuse({"on_drift"}, "needs --apply")
    if {"add_only", "remove_only"} <= given:
        raise click.UsageError("--add-only and --remove-only cannot be combined")
    if dry_run:
        refuse({"result"}, "needs a run that changes something")
    else:
        refuse({"exit_code"}, "needs --dry-run")


def _check_paths(options: SyncOptions, read: Mapping[str, str | None]) -> None:
    """Raise an error if a file that is written would replace one that is read, or another one."""
    from arena_groups.cli.result_file import is_same_file

    written = {"--result": options.result, "--plan": options.plan, "--md": options.markdown}
    others = dict(read)
    for name, path in written.items():
        if path is None:
            continue
        for other, used in others.items():
            if used is not None and is_same_file(path, used):
                raise CliError(
                    "usage",
                    f"{name} and {other} are the same file, which would be overwritten",
                    hint=f"name another file for {name}",
                )
        others[name] = str(path)


def _read_lists(
    group: str | None,
    file: str | None,
    groups_file: str | None,
    encoding: str | None,
    *,
    add_only: bool,
) -> Mapping[str, Sequence[ListedPerson]]:
    """Return the list of each group."""
    from arena_groups.cli.csv_text import unreadable
    from arena_groups.cli.sync_file import NOTHING_CHANGED, read_list, split_by_group

    if groups_file is not None:
        found = split_by_group(read_list(groups_file, add_only=add_only, encoding=encoding))
        if isinstance(found, str):
            raise unreadable(groups_file, found, NOTHING_CHANGED)
        return found
    people = read_list(file or "-", add_only=add_only, encoding=encoding)
    if len({person.group for person in people} - {None}) > 1:
        problem = "it lists people of several groups: use --groups"
        raise unreadable(file or "-", problem, NOTHING_CHANGED)
    return {group or "": people}


def _reinvited(texts: Sequence[Secret]) -> tuple[InviteTarget, ...] | Literal["all"]:
    named = [text for text in texts if text.reveal() != ALL]
    if len(named) == len(texts):
        return tuple(parse_recipients(named, "--reinvite"))
    if named:
        raise click.UsageError("--reinvite all includes everybody: name nobody else")
    return ALL


def _usable_store(
    context: click.Context, settings: Settings, store: str | Path | None
) -> str | Path | None:
    """Return the store; none for a private sandbox, whose people are not those of a store."""
    if not settings.sandbox:
        return store
    if context.get_parameter_source("store") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--store and --sandbox cannot be combined")
    return None
