"""Number of repetitions of random tests: few by default, many on request."""

import os
from typing import Final

THOROUGH: Final = os.environ.get("ARENA_GROUPS_THOROUGH") == "1"


def repetitions(default: int, *, thorough: int) -> int:
    """Return ``default``, or ``thorough`` if ARENA_GROUPS_THOROUGH is 1."""
    return thorough if THOROUGH else default
