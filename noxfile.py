"""Checks of the project: ``nox`` runs the default ones, ``nox -s NAME`` runs one.

With ``--no-venv`` they run in the environment of nox, which must have the extra ``test`` and the
dependency group ``dev``.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox
import nox.project

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "typecheck", "docs", "coverage"]
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
CORE = [
    "tests/_api",
    "tests/_http",
    "tests/_pacing",
    "tests/_pagination",
    "tests/oauth",
    "tests/stores",
    "tests/test_client.py",
    "tests/test_errors.py",
    "tests/models",
    "tests/reconcile",
    "tests/test_packaging.py",
    "tests/test_retry.py",
    "tests/watching",
    "tests/webhooks",
]
DOCUMENT = "https://api.are.na/v3/openapi.json"

PROGRAM = """
import asyncio
from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox

async def main():
    async with (
        Sandbox() as sandbox,
        ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena,
    ):
        print(len(await arena.groups.invitations("research-studio").collect()), "invitations")

asyncio.run(main())
"""


def activate_all_pyenv_versions() -> None:
    """Let nox find every Python version of pyenv, not only the active ones."""
    if (pyenv := shutil.which("pyenv")) is None:
        return
    active, installed = (
        subprocess.check_output([pyenv, *command], text=True).replace(":", " ").split()  # noqa: S603
        for command in (["version-name"], ["versions", "--bare"])
    )
    usable = [version for version in installed if re.fullmatch(r"3\.\d+\.\d+", version)]
    os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys([*active, *reversed(usable)]))


activate_all_pyenv_versions()


def install(session: nox.Session, *groups: str, extras: str = "test") -> None:
    """Install the project with extras and dependency groups, except into a shared environment."""
    if session.venv_backend != "none":
        needed = nox.project.dependency_groups(PROJECT, *groups)
        session.install("--editable", f".[{extras}]", *needed)


def python(session: nox.Session, *arguments: str) -> None:
    """Run the session's Python with the given arguments."""
    session.run("python" if session.venv_backend != "none" else sys.executable, *arguments)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on every Python that the machine has."""
    install(session)
    python(session, "-m", "pytest", *session.posargs)


@nox.session
def thorough(session: nox.Session) -> None:
    """Run the tests with many more repetitions of the randomized ones."""
    install(session)
    session.env["ARENA_GROUPS_THOROUGH"] = "1"
    python(session, "-m", "pytest", *session.posargs)


@nox.session(python=PYTHONS[1:])
def core(session: nox.Session) -> None:
    """Run the tests of the client on every further Python that the machine has."""
    install(session)
    python(session, "-m", "pytest", *CORE, *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest supported version of each library."""
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [extras[name] for name in ("cli", "mcp", "oauth", "redis", "report")]
    declared = [*PROJECT["project"]["dependencies"], *(each for extra in wanted for each in extra)]
    pins = [each.replace(">=", "==") for each in declared]
    session.install("--editable", ".[test]", *pins)
    python(session, "-m", "pytest", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Try the sandbox's page in a headless Chromium or Chrome that the machine has."""
    install(session, "browser")
    python(session, "-m", "pytest", "tests/browser", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, imports between folders, workflows, and the project's own rules."""
    install(session, "dev")
    python(session, "-m", "ruff", "check", ".")
    python(session, "-m", "ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("zizmor", "--offline", "--persona", "pedantic", "--quiet", ".github")
    python(session, "-m", "tests.lint")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types, with two checkers."""
    install(session, "dev")
    python(session, "-m", "mypy")
    python(session, "-m", "pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation. A warning is an error."""
    install(session, "docs", extras="cli,mcp,oauth,redis")
    shutil.rmtree("docs/_build", ignore_errors=True)
    python(session, "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests and measure their branch coverage of the package."""
    install(session, "dev")
    python(session, "-m", "coverage", "run", "-m", "pytest", "-q", *session.posargs)
    python(session, "-m", "coverage", "report")


@nox.session
def contract(session: nox.Session) -> None:
    """Compare the code with the provider's OpenAPI document, given as a path or a URL."""
    install(session)
    python(session, "-m", "tests.contract", *(session.posargs or [DOCUMENT]))


@nox.session
def soak(session: nox.Session) -> None:
    """Run many tasks under random faults, for 60 seconds or the given number."""
    install(session)
    python(session, "-m", "tests.soak", *session.posargs)


@nox.session
def priorities(session: nox.Session) -> None:
    """Measure a bot's commands during a bulk run, in real time."""
    install(session)
    python(session, "-m", "tests.priorities", *session.posargs)


@nox.session
def replicas(session: nox.Session) -> None:
    """Measure how processes share a rate limit through Redis, and through its outages."""
    install(session)
    python(session, "-m", "tests.replicas", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the CPU time and memory of the client and of other clients."""
    install(session, "bench", extras="cli")
    python(session, "-m", "benchmarks", *(session.posargs or ["run"]))


@nox.session
def build(session: nox.Session) -> None:
    """Build the distributions, check their metadata, and try each in an empty environment."""
    install(session, "dev")
    shutil.rmtree("dist", ignore_errors=True)
    python(session, "-m", "build")
    check_distributions(session)


@nox.session
def distributions(session: nox.Session) -> None:
    """Check the distributions in ``dist/``, and try each in an empty environment."""
    session.install("twine>=6.1")
    check_distributions(session)


def check_distributions(session: nox.Session) -> None:
    """Check the metadata of the distributions, and try each in an empty environment."""
    found = sorted(map(str, Path("dist").iterdir()))
    session.run("twine", "check", "--strict", *found)
    for distribution in found:
        try_out(session, Path(distribution).resolve())


def try_out(session: nox.Session, distribution: Path) -> None:
    """Install a distribution without extras in an empty environment, and run a program there."""
    folder = Path(session.create_tmp()).resolve()
    environment = folder / "installed"
    python(session, "-m", "venv", "--clear", str(environment))
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    with session.chdir(folder):  # away from the sources
        session.run(f"{programs}/pip", "install", "-q", str(distribution), external=True)
        session.run(f"{programs}/python", "-I", "-c", PROGRAM, external=True)
        # Without its extra, the command only names the extra.
        session.run(f"{programs}/arena-groups", external=True, success_codes=[1])
