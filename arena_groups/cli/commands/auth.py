"""``arena-groups auth``."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING

import click

from arena_groups.cli.app import help_without_command
from arena_groups.cli.base import Group, example
from arena_groups.cli.options import PORT
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Settings, common_options

if TYPE_CHECKING:
    from arena_groups._api import Secret

# ruff: noqa: PLC0415

CALLBACK_PORT = 8765


@example("Who am I here?", "auth status")
@example("Log in with a token from your settings at Are.na", "auth login")
@click.group("auth", cls=Group, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Log in, log out, and see who you are.

    The token of ARENA_TOKEN comes first, then the one stored by logging in.
    """
    help_without_command(context)


@example("Am I logged in? The exit code tells", "auth status --quiet")
@example("Who am I, and how much may I ask?", "auth status")
@command.command("status", short_help="Show who you are here, and what is left of your quota.")
@common_options
@click.pass_obj
def status(settings: Settings) -> None:
    """Show who the token stands for, where it came from, its quota and its scopes.

    Nothing is written to find out, so whether the token may write is often unknown.
    """
    from arena_groups.cli.actions.auth import show_status

    wait_for(settings, show_status(settings))


@example("With the browser, for an app of yours", "auth login --web --client-id ID")
@example("From a password manager", "auth login < token.txt")
@example("With a token, typed or pasted when asked for", "auth login")
@command.command("login", short_help="Store a token: typed, piped in, or granted in a browser.")
@click.option("--web", is_flag=True, help="Authorize with the browser, by OAuth.")
@click.option("--client-id", metavar="ID", help="Of your OAuth app. Needs --web.")
@click.option(
    "--client-secret-stdin", is_flag=True, help="Ask for the app's secret, or read it from a pipe."
)
@click.option(
    "--port",
    type=PORT,
    default=CALLBACK_PORT,
    show_default=True,
    metavar="N",
    help="Where the browser's answer arrives: register http://127.0.0.1:N/callback.",
)
@click.option("--no-browser", is_flag=True, help="Only tell which address to open.")
@common_options
@click.pass_obj
def login(
    settings: Settings,
    *,
    web: bool,
    client_id: str | None,
    client_secret_stdin: bool,
    port: int,
    no_browser: bool,
) -> None:
    """Store a token, in the system's keyring or else in a file that only you can read.

    The token is asked for at a terminal and read from standard input elsewhere. It is stored
    once the API has accepted it.
    """
    _refuse_sandbox(settings)
    if web is (client_id is None):
        raise click.UsageError("--web and --client-id go together")
    if client_secret_stdin and not web:
        raise click.UsageError("--client-secret-stdin needs --web")
    from arena_groups._api import Secret
    from arena_groups.cli.prompts import ask_secret

    if client_id is None:
        from arena_groups.cli.actions.auth import log_in

        wait_for(settings, log_in(settings, Secret(ask_secret("Token"))))
        return
    secret = Secret(ask_secret("Client secret")) if client_secret_stdin else None
    wait_for(
        settings, _log_in_with_browser(settings, client_id, secret, port, no_browser=no_browser)
    )


@example("Forget the stored token", "auth logout")
@command.command("logout")
@common_options
@click.pass_obj
def logout(settings: Settings) -> None:
    """Remove the stored token. It stays valid; revoke it at Are.na to end that."""
    _refuse_sandbox(settings)
    from arena_groups.cli.actions.auth import log_out

    wait_for(settings, log_out(settings))


def _refuse_sandbox(settings: Settings) -> None:
    """Refuse to store or remove the real token for a sandbox, which has tokens of its own."""
    if settings.sandbox:
        raise click.UsageError("the sandbox of --sandbox has no login")


def _log_in_with_browser(
    settings: Settings, client_id: str, secret: "Secret | None", port: int, *, no_browser: bool
) -> Coroutine[object, object, None]:
    from arena_groups.cli.actions.weblogin import log_in_with_browser

    return log_in_with_browser(settings, client_id, secret, port, browser=not no_browser)
