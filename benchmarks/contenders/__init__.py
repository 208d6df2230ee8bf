"""Contenders: programs that read a long list, each in its own process.

A contender reads a short list to warm up, then a long one, and prints one line of JSON: how
many items it saw, a checksum over their ids and addresses, CPU and wall seconds, memory in MiB;
or ``cannot_run`` with the reason.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

__all__ = [
    "CONTENDERS",
    "FIRST",
    "YARDSTICK",
    "CannotRunError",
    "Contender",
    "Workshop",
    "arena",
    "generate",
    "install_sdk",
    "named",
]

HERE = Path(__file__).parent
YARDSTICK = "orjson"
FIRST = "arena-1"
PREPARATION = 300.0


class CannotRunError(Exception):
    """The contender cannot run; the message is the reason."""


@frozen
class Workshop:
    """Folder in which contenders are prepared, and the provider's document."""

    folder: Path
    document: str | None = None


Command = Callable[[Workshop], list[str]]


@frozen
class Contender:
    """Contender; ``sequential`` means that it requests a page after it has the one before."""

    name: str
    label: str
    command: Command
    sequential: bool = True


def named(names: list[str] | None) -> list[Contender]:
    """Return the contenders of these names, or all. Raise ``ValueError`` for an unknown one."""
    unknown = set(names or ()) - {each.name for each in CONTENDERS}
    if unknown:
        raise ValueError(f"no contender is named {', '.join(sorted(unknown))}")
    return [each for each in CONTENDERS if not names or each.name in names]


def _python(module: str, *options: str) -> Command:
    command = [sys.executable, "-m", f"benchmarks.contenders.{module}", *options]
    return lambda _: list(command)


def arena(pages: int) -> Contender:
    """Return this SDK with a number of pages in flight."""
    return Contender(
        f"arena-{pages}",
        "arena-groups" if pages == 1 else f"arena-groups, concurrency={pages}",
        _python("arena", "--concurrency", str(pages)),
        sequential=pages == 1,
    )


def generate(workshop: Workshop) -> Path:
    """Generate the client ``generated_arena`` once, and return the folder it is in.

    Raise :class:`CannotRunError` if that fails.
    """
    if workshop.document is None:
        raise CannotRunError("it needs the provider's document: --document PATH")
    target = workshop.folder / "generated"
    package = target / "generated_arena"
    if package.exists():
        return target
    settings = workshop.folder / "generator.yml"
    settings.write_text("post_hooks: []\n", encoding="utf-8")
    target.mkdir(exist_ok=True)
    source = "--url" if workshop.document.startswith(("http://", "https://")) else "--path"
    options = ["--meta", "none", "--overwrite", "--config", str(settings)]
    generator = [sys.executable, "-m", "openapi_python_client", "generate", *options]
    _prepare([*generator, source, workshop.document, "--output-path", str(package)], target)
    return target


def install_sdk(workshop: Workshop) -> Path:
    """Install the TypeScript SDK once, and return the folder of the programs that use it.

    Raise :class:`CannotRunError` if that fails.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotRunError("Node and npm are not installed")
    target = workshop.folder / "typescript"
    if not (target / "node_modules").exists():
        shutil.copytree(HERE / "typescript", target, dirs_exist_ok=True)
        _prepare([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], target)
    return target


def _generated(workshop: Workshop) -> list[str]:
    return [*_python("openapi_client")(workshop), "--generated", str(generate(workshop))]


def _typescript(workshop: Workshop) -> list[str]:
    return ["node", str(install_sdk(workshop) / "main.mjs")]


def _prepare(command: list[str], folder: Path) -> None:
    try:
        run = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=PREPARATION,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"making it ready took more than {PREPARATION:g} s") from None
    if run.returncode:
        lines = (run.stderr or run.stdout).strip().splitlines() or ["without a message"]
        raise CannotRunError(f"it could not be prepared: {lines[-1].strip()}")


CONTENDERS: list[Contender] = [
    arena(1),
    arena(4),
    arena(8),
    Contender(
        YARDSTICK, "aiohttp + orjson, dicts", _python("aiohttp_dicts", "--decoder", "orjson")
    ),
    Contender("msgspec", "aiohttp + msgspec into attrs classes", _python("aiohttp_msgspec")),
    Contender("json", "aiohttp + json, dicts", _python("aiohttp_dicts", "--decoder", "json")),
    Contender("pydantic", "aiohttp + pydantic", _python("aiohttp_pydantic")),
    Contender("httpx", "httpx + pydantic", _python("httpx_pydantic")),
    Contender("openapi", "openapi-python-client", _generated),
    Contender("typescript", "official TypeScript SDK", _typescript),
]
