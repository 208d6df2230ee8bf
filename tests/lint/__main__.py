"""The command: ``python -m tests.lint [CHECK]...``."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.lint import docstrings, private, structure, words
from tests.lint.problem import Problem

CHECKS: Final[dict[str, Callable[[], Iterator[Problem]]]] = {
    "words": words.check,
    "structure": structure.check,
    "docstrings": docstrings.check,
    "private": private.check,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each problem on a line of its own, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lint", description="Check this project's own rules."
    )
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"of {', '.join(CHECKS)}")
    names = parser.parse_args(arguments).checks or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        parser.error(f"no check named {', '.join(unknown)}")
    problems = sorted({problem for name in names for problem in CHECKS[name]()})
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stderr.write(f"{', '.join(names)}: {len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
