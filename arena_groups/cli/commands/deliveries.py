"""The commands under ``arena-groups deliveries``: events that wait or were given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from arena_groups.cli import output
from arena_groups.cli.connect import opened_store
from arena_groups.cli.errors import CliError
from arena_groups.cli.main import (
    CommandGroup,
    example,
    run_async,
    show_help_without_command,
    shows,
)
from arena_groups.cli.options import Settings, common_options, sort_option
from arena_groups.cli.store_option import store_option
from arena_groups.cli.watch_config import WatchConfig
from arena_groups.cli.webhook_options import config_option, make_senders, webhook_options

if TYPE_CHECKING:
    from arena_groups import Store
    from arena_groups._api import Secret
    from arena_groups.cli.delivery_rows import BacklogRow, RetryRow
    from arena_groups.cli.output.columns import View
    from arena_groups.webhooks import Backlog, WebhookSender

# ruff: noqa: PLC0415 - keeps --help fast

ENDPOINT_NOUN = ("endpoint", "endpoints")


def _backlogs() -> View[BacklogRow]:
    from arena_groups.cli.delivery_rows import BACKLOGS

    return BACKLOGS


def _retries() -> View[RetryRow]:
    from arena_groups.cli.delivery_rows import RETRIES

    return RETRIES


@example("Send again what an endpoint did not accept", "deliveries retry --store FILE")
@example("Show what waits for each endpoint", "deliveries list --store FILE")
@click.group("deliveries", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Show and repeat deliveries to webhooks."""
    show_help_without_command(context)


@example("Show one endpoint", "deliveries list --store FILE --endpoint example.org")
@shows(_backlogs)
@command.command("list", short_help="Show what waits for each endpoint, and what was given up.")
@store_option("The store of the watch: a file, or Redis.")
@click.option("--name", default="default", metavar="NAME", help="Name of the watch in STORE.")
@click.option("--endpoint", metavar="HOST", help="Show the endpoints at this host only.")
@sort_option("endpoint", "waiting", "dead", "oldest")
@config_option(exposed=False)
@common_options
@click.pass_obj
def list_(
    settings: Settings,
    *,
    store: str | Path | None,
    name: str,
    endpoint: str | None,
    sort: str | None,
) -> None:
    """Show how many events wait for each endpoint of a watch, and how many are dead letters.

    A dead letter is an event that was given up. Of a URL, only scheme and host are shown.
    """
    run_async(settings, list_deliveries(settings, _required(store), name, endpoint, sort))


@example(
    "Send to one endpoint of a configuration file",
    "deliveries retry --config watch.toml --endpoint example.org",
)
@shows(_retries)
@command.command("retry", short_help="Send again what was given up.")
@store_option("The store of the watch: a file, or Redis.")
@click.option("--name", default="default", metavar="NAME", help="Name of the watch in STORE.")
@click.option("--endpoint", metavar="HOST", help="Send to the endpoints at this host only.")
@webhook_options
@common_options
@click.pass_obj
def retry(
    settings: Settings,
    *,
    store: str | Path | None,
    name: str,
    endpoint: str | None,
    webhooks: tuple[Secret, ...],
    webhook_format: str | None,
    secret_file: Path | None,
    include_emails: bool,
    allow_private_targets: bool,
    config: WatchConfig | None,
) -> None:
    """Send dead letters, the events that were given up, once more.

    The URLs come from ARENA_WEBHOOK_URL, --config or --webhook. Events that are not accepted stay
    where they are, and the exit code is 1. A watch may run at the same time.
    """
    place = _required(store)
    senders = make_senders(
        webhooks,
        config,
        chosen_format=webhook_format,
        secret_file=secret_file,
        include_emails=include_emails,
        allow_private=allow_private_targets,
    )
    chosen = [each for each in senders if _is_at(each.target, endpoint)]
    if not chosen:
        raise click.UsageError("no endpoint: set ARENA_WEBHOOK_URL, or use --config or --webhook")
    known = {each.endpoint for each in senders}
    run_async(settings, retry_deliveries(settings, place, name, chosen, known=known))


async def list_deliveries(
    settings: Settings, place: str | Path, name: str, host: str | None, sort: str | None
) -> None:
    """Write a line for each endpoint."""
    from arena_groups.cli.delivery_rows import BACKLOG_ORDERS, BACKLOGS, BacklogRow
    from arena_groups.webhooks import list_backlog

    async with opened_store(place) as store:
        found = await list_backlog(store, name=name)
        chosen = [each for each in found if _is_at(each.target, host)]
        rows = [BacklogRow.of(each, await _given_up_for(store, name, each)) for each in chosen]
    if sort is not None:
        rows = BACKLOG_ORDERS[sort](rows)
    extent = output.Extent(total=len(found), is_filtered=host is not None)
    output.write_each(settings, BACKLOGS, rows, ENDPOINT_NOUN, extent=extent)


async def _given_up_for(store: Store, name: str, backlog: Backlog) -> str:
    """Return why the latest dead letter of an endpoint has failed; empty if there is none."""
    from arena_groups.webhooks import list_dead_letters

    if not backlog.dead or backlog.last_failure:
        return ""
    letters = [
        (letter.failed_at, letter.failure)
        async for letter in list_dead_letters(store, name=name, endpoint=backlog.endpoint)
    ]
    return max(letters, default=(0.0, ""))[1]


async def retry_deliveries(
    settings: Settings,
    place: str | Path,
    name: str,
    senders: Sequence[WebhookSender],
    *,
    known: Collection[str],
) -> None:
    """Send dead letters, and write the result of each endpoint.

    Dead letters of endpoints that are not ``known`` are reported: a URL may be missing.
    """
    from arena_groups.cli.delivery_rows import RETRIES, RetryRow
    from arena_groups.webhooks import list_backlog, retry_dead_letters

    left = 0
    results = output.Results(settings, RETRIES, ENDPOINT_NOUN)
    async with opened_store(place) as store:
        for sender in senders:
            summary = await retry_dead_letters(sender, store=store, name=name)
            results.write(RetryRow.of(sender.target, summary))
            left += summary.failed + summary.skipped
        others = [each for each in await list_backlog(store, name=name) if each.dead]
    results.close()
    for each in others:
        if each.endpoint not in known:
            count = output.counted(each.dead, ("dead letter", "dead letters"))
            output.info(settings, f"{count} of {each.target} not sent: its URL was not given")
    if left:
        shown = output.counted(left, ("event", "events"))
        raise CliError(
            "delivery", f"{shown} not accepted", hint="they stay dead letters: try later"
        )


def _required(store: str | Path | None) -> str | Path:
    if store is None:
        raise click.UsageError("give the --store of the watch")
    if isinstance(store, Path) and not store.exists():
        raise CliError("system", f"there is no store {store}", hint="name the store of the watch")
    return store


def _is_at(target: str, host: str | None) -> bool:
    """Return whether a scheme and host are of ``host``, which may have a scheme, too."""
    return host is None or host in {target, urlsplit(target).hostname, target.partition("://")[2]}
