"""Words that are not part of this project's language, in code and texts alike."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.lint.problem import ROOT, Problem

BANNED: Final = {
    "told": "private word: report, raise or update",
    "lent": "private word: an external session, an acquired permit",
    "patience": "private word: max_wait, timeout",
    "vigil": "private word: LeaseWaiter",
    "lore": "private word: seed data",
    "crowd": "private word: users",
    "spoil": "private word: transform, invalidate",
    "pulse": "private word: heartbeat",
    "what became of": "say: the result of each",
    "as ever": "says nothing",
    "gives out": "say: returns, grants",
    "goes to see": "say: polls",
}
"""Words and phrases, each with the reason and what to write instead."""

PLACES: Final = (
    "*.md",
    "*.py",
    ".ci/run",
    ".github/**/*.md",
    ".github/**/*.yml",
    "arena_groups/**/*.css",
    "arena_groups/**/*.js",
    "arena_groups/**/*.lua",
    "arena_groups/**/*.py",
    "benchmarks/**/*.py",
    "changes/*.md",
    "docs/**/*.md",
    "docs/*.py",
    "examples/**/*.md",
    "examples/**/*.py",
    "tests/**/*.py",
    "tests/**/*.txt",
)
HERE: Final = {"tests/lint/words.py", "tests/lint/test_words.py"}
"""The files that have to hold the words."""

SKIPPED: Final = {"__pycache__", "_build", "node_modules"}

# Where a word begins and ends: in an identifier also at "_" and at capitals.
_BEGIN: Final = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]))"
_END: Final = r"(?![a-z])"


def _pattern(phrase: str) -> re.Pattern[str]:
    first, *others = phrase.split()
    if others:
        words = r"[\W_]+".join([first, *others])
        return re.compile(rf"\b{words}\b", re.IGNORECASE)
    in_capitals = rf"{first.upper()}(?![A-Z])"
    return re.compile(rf"{_BEGIN}(?:{first}|{first.capitalize()}|{in_capitals}){_END}")


PATTERNS: Final = {phrase: _pattern(phrase) for phrase in BANNED}


def check_text(text: str, file: str) -> Iterator[Problem]:
    """Find banned words in ``text``; phrases also where a line breaks within them."""
    for phrase, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Problem(file, line, f"{phrase!r}: {BANNED[phrase]}")


def files(root: Path = ROOT) -> list[Path]:
    """List the files whose language is checked."""
    found = {file for place in PLACES for file in root.glob(place) if file.is_file()}
    return sorted(file for file in found if not SKIPPED & {*file.parts})


def check(root: Path = ROOT) -> Iterator[Problem]:
    """Find banned words in the package, the tests, the documentation and the tools."""
    for file in files(root):
        name = file.relative_to(root).as_posix()
        if name not in HERE:
            yield from check_text(file.read_text("utf-8"), name)
            yield from check_text(name, name)
