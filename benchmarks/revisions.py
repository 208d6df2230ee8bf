"""Copies of today's tree and of another revision, with the same benchmarks in both."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from attrs import frozen

from benchmarks.children import ROOT, one_line

__all__ = ["Tree", "copy_revision", "copy_today"]

PACKAGE = "arena_groups"
BENCHMARKS = Path(__file__).parent
IGNORED = shutil.ignore_patterns("__pycache__", "node_modules")
IMPORTED = f"import json, {PACKAGE} as p; print(json.dumps({{'file': p.__file__}}))"


@frozen
class Tree:
    """Folder with the package of one revision, and today's benchmarks."""

    name: str
    folder: Path


def copy_today(folder: Path, root: Path = ROOT) -> Tree:
    """Copy the package as it is in the working tree, with changes that are not committed."""
    shutil.copytree(root / PACKAGE, folder / PACKAGE, ignore=IGNORED)
    return _complete(Tree("today's tree", folder))


def copy_revision(reference: str, folder: Path, root: Path = ROOT) -> Tree:
    """Copy the package of a commit, branch or tag.

    Raise ``ValueError`` if there is no such revision, or no package in it, and ``RuntimeError``
    without git or a repository.
    """
    commit = _commit(reference, root)
    if not _git(root, "ls-tree", "--name-only", commit, f"{PACKAGE}/__init__.py"):
        raise ValueError(f"{reference} has no package {PACKAGE} here")
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "package.zip"
    _git(root, "archive", "--format=zip", f"--output={archive}", commit, PACKAGE)
    with ZipFile(archive) as packed:
        packed.extractall(folder)
    archive.unlink()
    short = commit[:7]
    return _complete(
        Tree(short if commit.startswith(reference) else f"{reference} ({short})", folder)
    )


def _commit(reference: str, root: Path) -> str:
    _git(root, "rev-parse", "--git-dir")
    try:
        return _git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"
        )
    except RuntimeError:
        raise ValueError(f"git knows no revision {reference!r}") from None


def _git(root: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise RuntimeError("git is not installed: it reads the other revision")
    run = subprocess.run(
        [git, *arguments], cwd=root, capture_output=True, encoding="utf-8", check=False
    )
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        raise RuntimeError(f"git {arguments[0]}: {lines[0]}")
    return run.stdout.strip()


def _complete(tree: Tree) -> Tree:
    """Add the benchmarks, and make sure that Python finds the package there."""
    shutil.copytree(BENCHMARKS, tree.folder / BENCHMARKS.name, ignore=IGNORED)
    found = Path(one_line([sys.executable, "-c", IMPORTED], tree.folder)["file"])
    if not found.is_relative_to(tree.folder):
        raise RuntimeError(f"Python imports {PACKAGE} from {found.parent}, not from {tree.name}")
    return tree
