"""Number of repetitions of randomized tests: few by default, many in ``nox -s thorough``."""

import os
from typing import Final

THOROUGH: Final = os.environ.get("ARENA_GROUPS_TESTS") == "thorough"


def repetitions(default: int, *, thorough: int) -> int:
    """Return how often a test repeats with random input.

    Args:
        default: The number for every run of the tests.
        thorough: The number for ``nox -s thorough``.
    """
    return thorough if THOROUGH else default
