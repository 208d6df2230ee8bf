"""The command ``arena-groups invite-code``: a group's invite code, also as a QR code."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.main import (
    CommandGroup,
    example,
    run_async,
    show_help_without_command,
    shows,
)
from arena_groups.cli.options import (
    Settings,
    common_options,
    group_argument,
    optional_group_argument,
)
from arena_groups.cli.output_file import OutputFile

if TYPE_CHECKING:
    import segno

# ruff: noqa: PLC0415 - keeps --help fast

F = TypeVar("F", bound=Callable[..., object])
FILE = OutputFile()
QUIET_ZONE = 4  # modules, as the standard asks for
SCALE = 8  # pixels per module
# White on black in every terminal, as scanners expect dark modules on a light background.
_COLOURS = "\x1b[97;40m"
_RESET = "\x1b[0m"
_BLOCKS = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}


def _qr_options(function: F) -> F:
    qr = click.option("--qr", is_flag=True, help="Show the URL as a QR code in the terminal.")
    svg = click.option(
        "--qr-svg", "svg", type=FILE, metavar="FILE", help="Write the QR code as an SVG."
    )
    png = click.option(
        "--qr-png", "png", type=FILE, metavar="FILE", help="Write the QR code as a PNG."
    )
    return qr(svg(png(function)))


@example("Write a QR code for a poster", "invite-code show GROUP --qr-svg poster.svg")
@example("Show the invite URL", "invite-code show GROUP")
@click.group("invite-code", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Show, create and delete a group's invite code."""
    show_help_without_command(context)


@example(
    "Write QR codes for print and web",
    "invite-code show GROUP --qr-svg poster.svg --qr-png poster.png",
)
@example("Show a QR code in the terminal", "invite-code show GROUP --qr")
@example("Show the invite URL", "invite-code show GROUP")
@shows(lambda: output.INVITE_CODE)
@command.command("show", short_help="Show the invite code and its URL.")
@optional_group_argument
@_qr_options
@common_options
@click.pass_obj
def show(settings: Settings, *, group: str, qr: bool, svg: Path | None, png: Path | None) -> None:
    """Show the invite code of GROUP, a slug, an id or a URL, and its URL.

    Anyone with the code or the URL can join the group.
    """
    _check(settings, qr=qr)
    run_async(settings, show_invite_code(settings, group, qr=qr, svg=svg, png=png))


async def show_invite_code(
    settings: Settings, group: str, *, qr: bool, svg: Path | None, png: Path | None
) -> None:
    """Write a group's invite code and its URL, with the QR codes asked for."""
    async with connected(settings) as arena:
        invite = await arena.groups.invite_code(group)
    _write(settings, invite, qr=qr, svg=svg, png=png)


@example("Create a code, or show the existing one", "invite-code create GROUP")
@shows(lambda: output.INVITE_CODE)
@command.command("create", short_help="Create the invite code if there is none, and show it.")
@group_argument
@_qr_options
@common_options
@click.pass_obj
def create(settings: Settings, *, group: str, qr: bool, svg: Path | None, png: Path | None) -> None:
    """Create the invite code of GROUP, a slug, an id or a URL, if it has none, and show it."""
    _check(settings, qr=qr)
    run_async(settings, create_invite_code(settings, group, qr=qr, svg=svg, png=png))


async def create_invite_code(
    settings: Settings, group: str, *, qr: bool, svg: Path | None, png: Path | None
) -> None:
    """Create an invite code if there is none, and write it as ``show`` does."""
    async with connected(settings) as arena:
        invite = await arena.groups.create_invite_code(group)
    _write(settings, invite, qr=qr, svg=svg, png=png)


@example("Disable every URL that was shared", "invite-code delete GROUP")
@shows(lambda: output.ACTIONS)
@command.command("delete")
@group_argument
@common_options
@click.pass_obj
def delete(settings: Settings, group: str) -> None:
    """Delete the invite code of GROUP, a slug, an id or a URL. Shared URLs stop working."""
    run_async(settings, delete_invite_code(settings, group))


async def delete_invite_code(settings: Settings, group: str) -> None:
    """Delete a group's invite code, after a confirmation."""
    output.require_confirmation(settings)
    async with connected(settings) as arena:
        number = None
        if not settings.yes:
            invite = await arena.groups.invite_code(group)
            number = invite.id
            created = output.day_text(invite.created_at, utc=settings.utc)
            affected = f"created {created}; shared URLs stop working"
            output.confirm(settings, f"Delete the invite code of {group}?", [affected])
        await arena.groups.delete_invite_code(group)
    change = output.ActionRow(
        outcome="deleted", type="GroupInvite", id=number, target=f"invite code of {group}"
    )
    output.write_one(settings, output.ACTIONS, change)


def _check(settings: Settings, *, qr: bool) -> None:
    if qr and settings.format not in {None, "table"}:
        raise click.UsageError(f"--qr cannot be combined with --format {settings.format}")


def _write(
    settings: Settings,
    invite: arena_groups.GroupInvite,
    *,
    qr: bool,
    svg: Path | None,
    png: Path | None,
) -> None:
    if qr or svg or png:
        for path, kind in ((svg, "svg"), (png, "png")):
            if path is not None:
                save_qr(invite.url, path, kind)
        if qr:
            write_qr(invite.url, output.stdout_stream())
    if not qr or output.stdout_stream().isatty():
        output.write_one(settings, output.INVITE_CODE, invite)


def write_qr(text: str, stream: TextIO) -> None:
    """Write a QR code of ``text`` in half blocks; a block is a light module."""
    coloured = output.is_terminal(stream)
    before, after = (_COLOURS, _RESET) if coloured else ("", "")
    stream.writelines(f"{before}{line}{after}\n" for line in half_blocks(text))
    stream.flush()


def half_blocks(text: str) -> list[str]:
    """Return a QR code as lines of text, with two modules in each character."""
    rows = [[int(module) for module in row] for row in _code(text).matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_BLOCKS[pair] for pair in zip(*two, strict=True)) for two in pairs]


def save_qr(text: str, path: Path, kind: str) -> None:
    """Write a QR code of ``text`` to an image file (``svg`` or ``png``)."""
    image = io.BytesIO()
    _code(text).save(image, kind=kind, scale=SCALE, border=QUIET_ZONE)
    path.write_bytes(image.getvalue())


def _code(text: str) -> segno.QRCode:
    import segno

    return segno.make(text, micro=False)
