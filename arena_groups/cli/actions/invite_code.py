"""What ``arena-groups invite-code`` does."""

from pathlib import Path

from arena_groups import GroupInvite
from arena_groups.cli import streams
from arena_groups.cli.connect import connected
from arena_groups.cli.prompts import confirm, require_answer
from arena_groups.cli.records import Change
from arena_groups.cli.results import write_one
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import CHANGES, INVITE_CODE


async def show_invite_code(
    settings: Settings, group: str, *, qr: bool, svg: Path | None, png: Path | None
) -> None:
    """Write a group's invite code and the URL to hand out, and draw the URL where asked to."""
    async with connected(settings) as arena:
        invite = await arena.groups.invite_code(group)
    _write(settings, invite, qr=qr, svg=svg, png=png)


async def create_invite_code(
    settings: Settings, group: str, *, qr: bool, svg: Path | None, png: Path | None
) -> None:
    """Make an invite code where there is none, and write it as ``show`` does."""
    async with connected(settings) as arena:
        invite = await arena.groups.create_invite_code(group)
    _write(settings, invite, qr=qr, svg=svg, png=png)


async def delete_invite_code(settings: Settings, group: str) -> None:
    """Delete a group's invite code, after asking, and write that it is gone."""
    require_answer(settings)
    async with connected(settings) as arena:
        number = None
        if not settings.yes:
            invite = await arena.groups.invite_code(group)
            number = invite.id
            loss = f"the code of {invite.created_at.date()}: links handed out stop working"
            confirm(settings, f"Delete the invite code of {group}?", [loss])
        await arena.groups.delete_invite_code(group)
    change = Change(
        outcome="deleted", type="GroupInvite", id=number, what=f"the invite code of {group}"
    )
    write_one(settings, CHANGES, change)


def _write(
    settings: Settings, invite: GroupInvite, *, qr: bool, svg: Path | None, png: Path | None
) -> None:
    if qr or svg or png:
        from arena_groups.cli.qr import save, show  # noqa: PLC0415 - seldom needed

        for path, kind in ((svg, "svg"), (png, "png")):
            if path is not None:
                save(invite.url, path, kind)
        if qr:
            show(invite.url, streams.results())
    if not qr or streams.results().isatty():
        write_one(settings, INVITE_CODE, invite)
