"""Options that name the endpoints of webhooks, and the senders that they make."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from arena_groups.cli.errors import in_options
from arena_groups.cli.options import as_secrets
from arena_groups.cli.watch_config import (
    FORMATS,
    WatchConfig,
    WebhookConfig,
    read_config,
    read_secret_file,
)

if TYPE_CHECKING:
    from arena_groups._api import Secret
    from arena_groups.webhooks import WebhookFormat, WebhookSender

F = TypeVar("F", bound=Callable[..., object])

# ruff: noqa: PLC0415 - keeps --help fast

URL_VARIABLE = "ARENA_WEBHOOK_URL"
SECRET_VARIABLE = "ARENA_WEBHOOK_SECRET"  # noqa: S105 - its name, not a secret
GIVE_UP_AFTER = 3 * 86_400.0
ENDPOINT_OPTIONS = frozenset(
    {"webhook_format", "secret_file", "give_up_after", "include_emails", "allow_private_targets"}
)
"""Parameters that say nothing without an endpoint."""
FORMATS_BY_HOST: Mapping[str, str] = {
    "hooks.slack.com": "slack",
    "discord.com": "discord",
    "discordapp.com": "discord",
}


def _load_config(
    context: click.Context, _option: click.Parameter, path: Path | None
) -> WatchConfig | None:
    """Read the file, whose values come after those of options and variables."""
    if path is None:
        return None
    config = read_config(path)
    context.default_map = {**(context.default_map or {}), **config.parameters}
    return config


def config_option(*, exposed: bool) -> Callable[[F], F]:
    """Return a decorator that adds ``--config``; ``exposed`` passes the file to the command."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        is_eager=True,
        callback=_load_config,
        expose_value=exposed,
        metavar="FILE",
        help="Read the options from this TOML file.",
    )


_OPTIONS = (
    click.option(
        "--webhook",
        "webhooks",
        multiple=True,
        envvar=URL_VARIABLE,
        callback=as_secrets,
        metavar="URL",
        help="Send events to this HTTPS URL. May be repeated.",
    ),
    click.option(
        "--webhook-format",
        type=click.Choice(FORMATS),
        metavar="FORMAT",
        help="json, slack or discord. [default: by the host of URL, else json]",
    ),
    click.option(
        "--webhook-secret-file",
        "secret_file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="File with the secret that signs webhooks. [default: ARENA_WEBHOOK_SECRET]",
    ),
    click.option(
        "--include-emails", is_flag=True, help="Also send the addresses of people who are invited."
    ),
    click.option(
        "--allow-private-targets",
        is_flag=True,
        help="Also send to private and loopback addresses, and by plain HTTP to loopback.",
    ),
)


def webhook_options(command: F) -> F:
    """Add the options that name endpoints, and ``--config``."""
    command = config_option(exposed=True)(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def make_senders(
    urls: Sequence[Secret],
    config: WatchConfig | None,
    *,
    chosen_format: str | None,
    secret_file: Path | None,
    give_up_after: float | None = None,
    include_emails: bool,
    allow_private: bool,
) -> list[WebhookSender]:
    """Return the senders of the options or the variable, or else of the file.

    Raises:
        UsageError: A URL or a secret is not valid. Neither is shown.
    """
    shared = read_secret_file(secret_file) if secret_file else os.environ.get(SECRET_VARIABLE)
    endpoints = [WebhookConfig(url=each.reveal()) for each in urls]
    if not endpoints and config is not None:
        endpoints = list(config.webhooks)
    senders: list[WebhookSender] = []
    for number, endpoint in enumerate(endpoints, start=1):
        try:
            senders.append(
                _sender(
                    endpoint,
                    shared or None,
                    chosen_format=chosen_format,
                    give_up_after=give_up_after or GIVE_UP_AFTER,
                    include_emails=include_emails,
                    allow_private=allow_private,
                )
            )
        except ValueError as error:
            raise click.UsageError(f"webhook {number}: {in_options(str(error))}") from None
    _check_effects(senders)
    return senders


def _check_effects(senders: Sequence[WebhookSender]) -> None:
    """Raise ``UsageError`` for options on the command line that have no effect."""
    context = click.get_current_context()
    given = {
        option.name: option.opts[0]
        for option in context.command.params
        if option.name in ENDPOINT_OPTIONS
        and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    }
    if given and not senders:
        name = next(iter(given.values()))
        raise click.UsageError(f"{name} needs a webhook: see --webhook")
    if "secret_file" in given and not any(each.signed for each in senders):
        raise click.UsageError(
            f"{given['secret_file']} has no effect: Slack and Discord check no signatures"
        )


def _sender(
    endpoint: WebhookConfig,
    secret: str | None,
    *,
    chosen_format: str | None,
    give_up_after: float,
    include_emails: bool,
    allow_private: bool,
) -> WebhookSender:
    from arena_groups.webhooks import WebhookSender

    chosen = endpoint.format or chosen_format or format_of(endpoint.url)
    return WebhookSender(
        endpoint.url,
        secret=endpoint.secret or (secret if chosen == "json" else None),
        format=cast("WebhookFormat", chosen),
        name=endpoint.name,
        include_emails=_chosen(endpoint.include_emails, include_emails),
        allow_private=_chosen(endpoint.allow_private_targets, allow_private),
        give_up_after=endpoint.give_up_after or give_up_after,
        trust_env=endpoint.trust_env,
    )


def _chosen(own: bool | None, shared: bool) -> bool:
    """Return the value of an endpoint, or else that of all."""
    return shared if own is None else own


def format_of(url: str) -> str:
    """Return the format that the host of a URL takes."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "json"
    return FORMATS_BY_HOST.get(host, "json")
