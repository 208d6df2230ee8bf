"""Virtual environment with the wheel and its requirements, built without a package index."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest
from attrs import frozen
from packaging.requirements import Requirement

from tests.support.waiting import HANG_TIMEOUT


@frozen
class Run:
    """Exit code and output of a program."""

    code: int
    out: str
    err: str


@frozen
class Environment:
    """Virtual environment."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, program: str, *arguments: str, cwd: Path) -> Run:
        """Run one of its programs as if it is active, without settings for Python, pytest and pip.

        Of this machine's programs it finds none.
        """
        return run(self.programs / program, *arguments, cwd=cwd, path=str(self.programs))

    def modules(self, *names: str) -> None:
        """Link distributions of this environment into it, with their requirements."""
        found = self.run(
            "python",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
            cwd=self.folder,
        )
        site = Path(found.out.strip())
        for name in closure(names):
            for source in top_level(name):
                if not (site / source.name).exists():
                    (site / source.name).symlink_to(source)


def create(folder: Path, wheel: Path) -> Environment:
    """Create an environment in ``folder`` and install the wheel there. The test needs pip."""
    if find_spec("pip") is None:
        pytest.skip("this environment has no pip")
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


def run(program: str | Path, *arguments: str, cwd: Path, path: str | None = None) -> Run:
    """Run a program without settings for Python, pytest or pip in its environment."""
    unwanted = ("PYTHON", "PYTEST", "COVERAGE", "PIP_", "ARENA_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env=kept if path is None else kept | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def closure(names: Iterable[str]) -> set[str]:
    """Return the distributions and all their requirements, without extras."""
    found: set[str] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += needed(importlib.metadata.requires(name) or [])
    return found


def needed(requirements: Iterable[str]) -> list[str]:
    """Return the names of the requirements that apply to this Python, without extras."""
    every = map(Requirement, requirements)
    return [each.name for each in every if not each.marker or each.marker.evaluate({"extra": ""})]


def top_level(name: str) -> set[Path]:
    """Return the files and folders of a distribution in site-packages."""
    distribution = importlib.metadata.distribution(name)
    names = {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
    return {Path(str(distribution.locate_file(each))) for each in names}
