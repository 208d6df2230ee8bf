"""An environment with the wheel in it and what it needs, made without a package index."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen
from packaging.requirements import Requirement

from tests.support.waiting import HANG_TIMEOUT


@frozen
class Run:
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str


@frozen
class Environment:
    """An environment of its own."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, program: str, *arguments: str, cwd: Path) -> Run:
        """Run one of its programs, out of reach of settings for Python, pytest and pip."""
        return run(self.programs / program, *arguments, cwd=cwd)

    def modules(self, *names: str) -> None:
        """Let it have these distributions of this environment, with all that they need."""
        told = self.run(
            "python",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
            cwd=self.folder,
        )
        site = Path(told.out.strip())
        for name in closure(names):
            for source in top_level(name):
                if not (site / source.name).exists():
                    (site / source.name).symlink_to(source)


def create(folder: Path, wheel: Path) -> Environment:
    """Make an environment in ``folder`` and install the wheel, and what it needs, there."""
    done = run(sys.executable, "-m", "venv", "--without-pip", str(folder), cwd=folder.parent)
    assert done.code == 0, done.err
    environment = Environment(folder)
    pip = ("-m", "pip", "--disable-pip-version-check", "--python")
    install = ("install", "-q", "--no-deps", "--no-index", str(wheel))
    python = environment.programs / "python"
    done = run(sys.executable, *pip, str(python), *install, cwd=folder)
    assert done.code == 0, done.err
    return environment


def build(source: Path, folder: Path, kind: str) -> None:
    """Build a distribution of ``kind`` from ``source`` into ``folder``."""
    done = run(
        sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder), cwd=source
    )
    assert done.code == 0, done.err


def run(program: str | Path, *arguments: str, cwd: Path) -> Run:
    """Run a program that finds no settings for Python, pytest or pip in its environment."""
    unwanted = ("PYTHON", "PYTEST", "COVERAGE", "PIP_", "ARENA_")
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if not key.startswith(unwanted)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def closure(names: Iterable[str]) -> set[str]:
    """The distributions, and all that they need without extras."""
    found: set[str] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += needed(importlib.metadata.requires(name) or [])
    return found


def needed(requirements: Iterable[str]) -> list[str]:
    """The names among some requirements that this Python needs, without extras."""
    every = map(Requirement, requirements)
    return [each.name for each in every if not each.marker or each.marker.evaluate({"extra": ""})]


def top_level(name: str) -> set[Path]:
    """The files and folders of a distribution in site-packages."""
    distribution = importlib.metadata.distribution(name)
    names = {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
    return {Path(str(distribution.locate_file(each))) for each in names}
