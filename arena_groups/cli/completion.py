"""Candidates of shell completion: groups of the logged-in user, and subcommands.

Completion never fails, asks or prints anything: without a login, a network or an answer in time
there are no candidates.
"""

import asyncio
import io
import re
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Thread

import click
from click.shell_completion import CompletionItem

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, require_token
from arena_groups.cli.defaults import read_defaults
from arena_groups.cli.options import Settings

TIMEOUT = 1.0  # seconds; longer, and the user would type the rest
# A shell inserts a candidate as it is, so none may be an option or what a shell could run.
PLAIN = re.compile(r"\w[\w.~-]*")


@dataclass(frozen=True)
class KnownGroup:
    """A group of the user, as it is offered: its slug, and its name as a description."""

    slug: str
    name: str


def find_groups(settings: Settings, timeout: float = TIMEOUT) -> list[KnownGroup]:
    """Return the groups of the user that are known within ``timeout`` seconds; none after an error.

    It does not wait for a keyring or a connection that blocks: the thread ends with the process.
    """
    found: list[KnownGroup] = []
    for module in ("_client", *(["sandbox"] if settings.sandbox else [])):
        import_module(f"arena_groups.{module}")  # not in the time of the answer
    with redirect_stderr(io.StringIO()):  # notes and logs would stand in the command line
        reader = Thread(target=_read, args=(settings, found), daemon=True)
        reader.start()
        reader.join(timeout)
    return list(found)


def _read(settings: Settings, found: list[KnownGroup]) -> None:
    with suppress(Exception):
        asyncio.run(_read_groups(settings, found))


async def _read_groups(settings: Settings, found: list[KnownGroup]) -> None:
    settings.defaults = read_defaults()  # no command runs, which would read them
    once = arena_groups.RetryPolicy(attempts=1)
    async with connected(settings, retry=once) as arena:
        require_token(settings)
        async for group in arena.groups.mine():
            name = output.one_line(group.name)
            # Not extend(): those that came in time are used.
            found.append(KnownGroup(group.slug, name))


def group_items(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the groups of the user whose slugs begin with ``incomplete``, without those given."""
    given: set[str] = set(context.params.get("groups") or ())
    return [
        CompletionItem(group.slug, help=group.name)
        for group in find_groups(context.ensure_object(Settings))
        if group.slug.startswith(incomplete)
        and group.slug not in given
        and PLAIN.fullmatch(group.slug)
    ]


def subcommand_items(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the subcommands that the first word of a command can be, beside its arguments."""
    words = (
        context.params.get(each.name or "")
        for each in context.command.params
        if isinstance(each, click.Argument)
    )
    subcommands: dict[str, click.Command] = getattr(context.command, "subcommands", {})
    if any(words):
        return []
    return [
        CompletionItem(name, help=command.get_short_help_str())
        for name, command in subcommands.items()
        if name.startswith(incomplete)
    ]
