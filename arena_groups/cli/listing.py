"""What the commands do: fetch results and hand them to a writer."""

import sys
from collections.abc import AsyncIterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

from rich.console import Console

from arena_groups.cli import streams
from arena_groups.cli.connect import connected
from arena_groups.cli.output import Writer, item_writer, list_writer
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import INVITATIONS, INVITE_CODE

T = TypeVar("T")


class Progress(Protocol):
    """Something that shows how far a walk has come."""

    def update(self, status: str) -> None:
        """Show another text."""


async def list_invitations(settings: Settings, group: str) -> None:
    """Write a group's pending invitations, each as soon as it has arrived."""
    stream = streams.results()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer = list_writer(chosen, stream, INVITATIONS)
    async with connected(settings) as arena:
        count = await _copy(arena.groups.invitations(group), writer)
    if streams.is_terminal(sys.stderr):
        streams.tell(f"{count} pending invitation{'' if count == 1 else 's'}")


async def show_invite_code(settings: Settings, group: str) -> None:
    """Write a group's invite code and the URL to hand out."""
    stream = streams.results()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer = item_writer(chosen, stream, INVITE_CODE)
    async with connected(settings) as arena:
        writer.write(await arena.groups.invite_code(group))
    writer.close()


async def _copy(items: AsyncIterable[T], writer: Writer[T]) -> int:
    count = 0
    with _progress() as progress:
        async for item in items:
            writer.write(item)
            count += 1
            if progress is not None:
                progress.update(f"{count} so far")
    writer.close()
    return count


def _progress() -> AbstractContextManager[Progress | None]:
    # Where the results themselves scroll by, they are the progress.
    if streams.is_terminal(sys.stderr) and not streams.is_terminal(sys.stdout):
        return Console(stderr=True).status("asking")
    return nullcontext()
