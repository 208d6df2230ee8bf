"""``arena-groups invite-code``."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from arena_groups.cli.app import help_without_command
from arena_groups.cli.base import Group, example
from arena_groups.cli.options import group_argument
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Settings, common_options

# ruff: noqa: PLC0415

F = TypeVar("F", bound=Callable[..., object])

FILE = click.Path(dir_okay=False, path_type=Path)


def _drawing_options(function: F) -> F:
    qr = click.option("--qr", is_flag=True, help="Show the URL as a QR code in the terminal.")
    svg = click.option("--qr-svg", "svg", type=FILE, metavar="FILE", help="Draw it as an SVG.")
    png = click.option("--qr-png", "png", type=FILE, metavar="FILE", help="Draw it as a PNG.")
    return qr(svg(png(function)))


@example("A poster to scan", "invite-code show GROUP --qr-svg poster.svg")
@example("The link to hand out", "invite-code show GROUP")
@click.group("invite-code", cls=Group, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """The shareable invite code of a group."""
    help_without_command(context)


@example("For a poster", "invite-code show GROUP --qr-svg poster.svg --qr-png poster.png")
@example("To be scanned from the screen", "invite-code show GROUP --qr")
@example("The link to hand out", "invite-code show GROUP")
@command.command("show", short_help="Show the invite code, and the URL to hand out.")
@group_argument
@_drawing_options
@common_options
@click.pass_obj
def show(settings: Settings, *, group: str, qr: bool, svg: Path | None, png: Path | None) -> None:
    """Show the invite code of GROUP, a slug or an id, and the URL to hand out."""
    from arena_groups.cli.actions.invite_code import show_invite_code

    _check(settings, qr=qr)
    wait_for(settings, show_invite_code(settings, group, qr=qr, svg=svg, png=png))


@example("Make a code, or show the one there is", "invite-code create GROUP")
@command.command("create", short_help="Make the invite code, if there is none, and show it.")
@group_argument
@_drawing_options
@common_options
@click.pass_obj
def create(settings: Settings, *, group: str, qr: bool, svg: Path | None, png: Path | None) -> None:
    """Make the invite code of GROUP, a slug or an id, if it has none, and show it."""
    from arena_groups.cli.actions.invite_code import create_invite_code

    _check(settings, qr=qr)
    wait_for(settings, create_invite_code(settings, group, qr=qr, svg=svg, png=png))


@example("Let links that were handed out lapse", "invite-code delete GROUP")
@command.command("delete")
@group_argument
@common_options
@click.pass_obj
def delete(settings: Settings, group: str) -> None:
    """Delete the invite code of GROUP, a slug or an id."""
    from arena_groups.cli.actions.invite_code import delete_invite_code

    wait_for(settings, delete_invite_code(settings, group))


def _check(settings: Settings, *, qr: bool) -> None:
    if qr and settings.format not in {None, "table"}:
        raise click.UsageError(f"--qr is for people, --format {settings.format} for programs")
