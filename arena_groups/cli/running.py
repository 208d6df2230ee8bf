"""Running a command's work in an event loop."""

import asyncio
import sys
from collections.abc import Coroutine

import click

from arena_groups.cli import streams
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.notes import logged
from arena_groups.cli.settings import Settings


def wait_for(settings: Settings, work: Coroutine[object, object, None]) -> None:
    """Run ``work`` to its end; Ctrl-C and readers who have seen enough end it quietly."""
    try:
        with logged(settings):
            asyncio.run(work)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        streams.silence(sys.stdout)
