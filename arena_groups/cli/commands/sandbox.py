"""The command ``arena-groups sandbox``: a local server that imitates the Are.na API."""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import click

from arena_groups.cli import output
from arena_groups.cli.errors import CliError, cannot_listen
from arena_groups.cli.main import Command, example, run_async
from arena_groups.cli.options import PORT, Format, Settings, WholeNumber, refuse_common_options

if TYPE_CHECKING:
    from arena_groups.sandbox import Sandbox, Tier
    from arena_groups.sandbox.faults import FaultHelp

# ruff: noqa: PLC0415 - keeps --help fast

TIERS = ("guest", "free", "premium", "supporter")


class _SandboxCommand(Command):
    """A command whose help ends with a list of the faults."""

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


def _checked_hosts(
    _context: click.Context, _option: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    for name in names:
        try:
            check_allowed_host(name)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return names


def _checked_origins(
    _context: click.Context, _option: click.Parameter, origins: tuple[str, ...]
) -> tuple[str, ...]:
    if not origins:
        return origins
    from arena_groups.sandbox.origins import check_origin

    for origin in origins:
        try:
            check_origin(origin)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return origins


@example(
    "Serve other containers, which call it arena",
    "sandbox --host 0.0.0.0 --port 8080 --allowed-host arena",
)
@example(
    "Let a third of the requests fail",
    "sandbox --fault server-failure:probability=0.33",
)
@example("Apply the rate limit of a free account", "sandbox --port 8080 --tier free")
@example("Invite people and answer as they would, in a browser", "sandbox --open")
@example("Fill a group with many people", "sandbox --people 20000 --invitations 5000")
@example("Print the URL and tokens as one line of JSON", "sandbox --json")
@click.command("sandbox", cls=_SandboxCommand)
@click.option(
    "--port",
    type=PORT,
    default=0,
    metavar="N",
    help="Port to listen on. [default: any free port]",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on: 0.0.0.0 for all, as in a container.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    callback=_checked_hosts,
    metavar="NAME",
    help="Answer to this name too, such as that of a container. May be repeated. "
    "[default: loopback names, and ADDRESS]",
)
@click.option(
    "--tier",
    type=click.Choice(TIERS),
    help="Apply the rate limit of this tier. [default: practically none]",
)
@click.option("--seed", type=int, metavar="N", help="Generate other users and groups.")
@click.option(
    "--people",
    type=WholeNumber(2, 1_000_000),
    metavar="N",
    help="Number of people in research-studio. [default: 34]",
)
@click.option(
    "--invitations",
    type=WholeNumber(0, 1_000_000),
    metavar="N",
    help="Number of its pending invitations. [default: 480]",
)
@click.option(
    "--cors",
    "origins",
    multiple=True,
    callback=_checked_origins,
    metavar="ORIGIN",
    help="Let pages of this origin use the sandbox in a browser. May be repeated; * stands for "
    "all, for the API alone.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_checked_faults,
    metavar="SPEC",
    help="Inject a fault (see below). May be repeated.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page of the sandbox in a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the details as one line of JSON.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    port: int,
    host: str,
    allowed_hosts: tuple[str, ...],
    tier: Tier | None,
    seed: int | None,
    people: int | None,
    invitations: int | None,
    origins: tuple[str, ...],
    faults: tuple[str, ...],
    opens: bool,
    as_json: bool,
) -> None:
    """Run a local server that imitates the Are.na API, until Ctrl-C.

    It prints its URL, and its groups, users and tokens. At URL/__sandbox__/ is a page for people.
    """
    settings = context.ensure_object(Settings)
    refuse_common_options(context, except_for=("format",))
    if settings.format is Format.CSV:
        raise click.UsageError("the details have no CSV: use --format json or table")
    from arena_groups.sandbox import DEFAULT_SEED, Sandbox
    from arena_groups.sandbox.seed import PENDING_INVITATIONS, PEOPLE

    sandbox = Sandbox(
        port,
        seed=DEFAULT_SEED if seed is None else seed,
        tier=tier,
        people=PEOPLE if people is None else people,
        invitations=PENDING_INVITATIONS if invitations is None else invitations,
        host=host,
        allowed_hosts=allowed_hosts,
        cors=origins,
    )
    for spec in faults:
        sandbox.faults.add_spec(spec)
    as_json = as_json or settings.json_errors
    run_async(settings, serve_sandbox(sandbox, host, port, as_json=as_json, opens=opens))


async def serve_sandbox(
    sandbox: Sandbox, host: str, port: int, *, as_json: bool, opens: bool = False
) -> None:
    """Run a sandbox until SIGTERM or Ctrl-C, after printing its details."""
    stream = output.stdout_stream()
    async with _listening(sandbox, host, port):
        # Before the details are printed, as the reader may stop it at once.
        stopped = stop_on_sigterm()
        described = sandbox.describe()
        stream.write(json.dumps(described) + "\n" if as_json else _as_text(described))
        stream.flush()
        if opens:
            # In a thread that nothing waits for: some browsers run until they are closed.
            page = f"{sandbox.url}/__sandbox__/"
            threading.Thread(target=_open_page, args=(page,), daemon=True).start()
        await stopped.wait()


def _open_page(url: str) -> None:
    from arena_groups.cli.browser_login import open_in_browser

    if not open_in_browser(url):
        output.write_stderr(f"cannot open a browser: open {url} yourself")


@asynccontextmanager
async def _listening(sandbox: Sandbox, host: str, port: int) -> AsyncGenerator[None, None]:
    try:
        await sandbox.start()
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error.__cause__, socket.gaierror):
            hint = "choose an address of this machine"
            raise CliError("system", f"cannot listen on {host}", hint=hint) from None
        raise cannot_listen(port, error) from None
    async with aclosing(sandbox):
        yield


def check_fault(spec: str) -> None:
    """Raise ``ValueError`` if ``spec`` is not a valid fault."""
    from arena_groups.sandbox.faults import parse_spec

    parse_spec(spec)


def check_allowed_host(name: str) -> None:
    """Raise ``ValueError`` if ``name`` is not a host name or address without a port."""
    from arena_groups.sandbox.hosts import check_allowed_host as check

    check(name)


def fault_help() -> tuple[str, list[tuple[str, str]]]:
    """Return the syntax of a fault, and each fault with its summary and options."""
    from arena_groups.sandbox.faults import describe_faults, target_options

    introduction = (
        "SPEC is NAME or NAME:OPTION=VALUE,OPTION=VALUE. Every fault has the options "
        f"{', '.join(target_options())}; without them it applies to every request. "
        "With the option after, the operation is executed all the same."
    )
    return introduction, [(each.name, _fault_line(each)) for each in describe_faults()]


def _fault_line(fault: FaultHelp) -> str:
    return (
        f"{fault.summary} Options: {', '.join(fault.options)}." if fault.options else fault.summary
    )


def _as_text(described: Mapping[str, object]) -> str:
    lines = [f"Sandbox running at {described['url']} (stop it with Ctrl-C)"]
    users = cast("Mapping[str, Mapping[str, object]]", described["users"])
    shown = {**described, "users": {name: user["slug"] for name, user in users.items()}}
    for title in ("groups", "users", "tokens"):
        lines += ["", title, *_aligned(cast("Mapping[str, object]", shown[title]))]
    apps = cast("Mapping[str, Mapping[str, object]]", described["applications"])
    for name, app in apps.items():
        lines += ["", f"{name} application", *_aligned(app)]
    lines += ["", "In another terminal, for programs and commands"]
    tokens = cast("Mapping[str, object]", described["tokens"])
    lines += [f"  export ARENA_BASE_URL={described['url']}"]
    lines += [f"  export ARENA_TOKEN={tokens['owner']}"]
    line = f"arena-groups auth login --web --base-url {described['url']} --client-id"
    lines += ["", "In a browser", f"  {described['url']}/__sandbox__/"]
    lines += ["", "To log in with a browser", f"  {line} {apps['public']['client_id']}"]
    return "\n".join([*lines, ""])


def _aligned(facts: Mapping[str, object]) -> list[str]:
    known = {name: fact for name, fact in facts.items() if fact is not None}
    width = max(map(len, known), default=0)
    return [f"  {name:<{width}}  {fact}" for name, fact in known.items()]


def stop_on_sigterm() -> asyncio.Event:
    """Return an event that SIGTERM sets from now on."""
    stopped = asyncio.Event()
    # Windows has no signal handlers in the loop; Ctrl-C still ends it.
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    return stopped
