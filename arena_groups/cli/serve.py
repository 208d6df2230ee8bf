"""``arena-groups sandbox``: the embedded Are.na, for programs in any language."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import cast

from arena_groups.cli import streams
from arena_groups.cli.problem import cannot_listen
from arena_groups.sandbox import DEFAULT_SEED, Sandbox, Tier
from arena_groups.sandbox.faults import FaultHelp, describe_faults, parse_spec, target_options


async def serve(
    port: int, tier: Tier | None, seed: int | None, faults: Iterable[str], *, as_json: bool
) -> None:
    """Run a sandbox with these faults until SIGTERM or Ctrl-C; first tell how to reach it."""
    stream = streams.results()
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
    parse_spec(spec)


def fault_help() -> tuple[str, list[tuple[str, str]]]:
    """Return how a fault is written, and each fault with what it does and its options."""
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
