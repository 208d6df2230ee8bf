"""``arena-groups sandbox``: the embedded Are.na, for programs in any language."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import click

from arena_groups.cli import output
from arena_groups.cli.errors import cannot_listen
from arena_groups.cli.main import Command, example, wait_for
from arena_groups.cli.options import PORT, Settings

if TYPE_CHECKING:
    from arena_groups.sandbox import Sandbox, Tier
    from arena_groups.sandbox.faults import FaultHelp

# ruff: noqa: PLC0415 - help loads nothing that takes time

TIERS = ("guest", "free", "premium", "supporter")


class _SandboxCommand(Command):
    """A command whose help ends with the faults that the sandbox has."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each fault."""
        del ctx
        introduction, faults = fault_help()
        with formatter.section("Faults"):
            formatter.write_text(introduction)
            formatter.write_paragraph()
            formatter.write_dl(faults, col_max=24)


def _checked_faults(
    _context: click.Context, _option: click.Parameter, specs: tuple[str, ...]
) -> tuple[str, ...]:
    for spec in specs:
        try:
            check_fault(spec)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return specs


@example(
    "What does my bot do when a third of the answers fail?",
    "sandbox --fault server-failure:probability=0.33",
)
@example("With the quota of a free account", "sandbox --port 8080 --tier free")
@example("For a program: one line of JSON, then it serves", "sandbox --json")
@click.command("sandbox", cls=_SandboxCommand)
@click.option(
    "--port",
    type=PORT,
    default=0,
    metavar="N",
    help="Where to listen. [default: any free port]",
)
@click.option(
    "--tier",
    type=click.Choice(TIERS),
    help="Hold clients to the quota of this tier. [default: a quota nobody meets]",
)
@click.option("--seed", type=int, metavar="N", help="Make up other people and groups.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_checked_faults,
    metavar="SPEC",
    help="Let something go wrong (see below). May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="First print one line of JSON for programs.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    port: int,
    tier: Tier | None,
    seed: int | None,
    faults: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve a made-up Are.na on this machine until Ctrl-C.

    Prints its URL, its groups, its people and their tokens.
    """
    as_json = as_json or settings.json_errors
    wait_for(settings, serve(port, tier, seed, faults, as_json=as_json))


async def serve(
    port: int, tier: Tier | None, seed: int | None, faults: Iterable[str], *, as_json: bool
) -> None:
    """Run a sandbox with these faults until SIGTERM or Ctrl-C; first tell how to reach it."""
    from arena_groups.sandbox import DEFAULT_SEED, Sandbox

    stream = output.results_stream()
    sandbox = Sandbox(port, tier=tier, seed=DEFAULT_SEED if seed is None else seed)
    for spec in faults:
        sandbox.faults.add_spec(spec)
    async with _listening(sandbox, port):
        # Before anybody is told that it runs: they may stop it right then.
        stopped = stop_on_sigterm()
        described = sandbox.describe()
        stream.write(json.dumps(described) + "\n" if as_json else _for_people(described))
        stream.flush()
        await stopped.wait()


@asynccontextmanager
async def _listening(sandbox: Sandbox, port: int) -> AsyncGenerator[None, None]:
    try:
        await sandbox.start()
    except OSError as error:
        raise cannot_listen(port, error) from None
    async with aclosing(sandbox):
        yield


def check_fault(spec: str) -> None:
    """Raise `ValueError` when this is no fault of the sandbox's."""
    from arena_groups.sandbox.faults import parse_spec

    parse_spec(spec)


def fault_help() -> tuple[str, list[tuple[str, str]]]:
    """Return how a fault is written, and each fault with what it does and its options."""
    from arena_groups.sandbox.faults import describe_faults, target_options

    introduction = (
        "SPEC is NAME or NAME:OPTION=VALUE,OPTION=VALUE. Every fault has the options "
        f"{', '.join(target_options())}; without them it strikes every request. "
        "With the option after, the operation takes effect all the same."
    )
    return introduction, [(each.name, _what_it_does(each)) for each in describe_faults()]


def _what_it_does(fault: FaultHelp) -> str:
    return (
        f"{fault.summary} Options: {', '.join(fault.options)}." if fault.options else fault.summary
    )


def _for_people(described: Mapping[str, object]) -> str:
    lines = [f"Serving a made-up Are.na at {described['url']} (Ctrl-C stops it)"]
    for title in ("groups", "users", "tokens"):
        lines += ["", title, *_aligned(cast("Mapping[str, object]", described[title]))]
    apps = cast("Mapping[str, Mapping[str, object]]", described["applications"])
    for name, app in apps.items():
        lines += ["", f"{name} application", *_aligned(app)]
    told = f"arena-groups auth login --web --base-url {described['url']} --client-id"
    lines += ["", "To log in with a browser", f"  {told} {apps['public']['client_id']}"]
    return "\n".join([*lines, ""])


def _aligned(facts: Mapping[str, object]) -> list[str]:
    known = {name: fact for name, fact in facts.items() if fact is not None}
    width = max(map(len, known), default=0)
    return [f"  {name:<{width}}  {fact}" for name, fact in known.items()]


def stop_on_sigterm() -> asyncio.Event:
    """Return an event of the running loop that SIGTERM sets from now on."""
    stopped = asyncio.Event()
    # Without signal handlers (Windows) Ctrl-C still ends the loop.
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    return stopped
