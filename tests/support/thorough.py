"""Number of random runs: few by default, more with ``ARENA_GROUPS_THOROUGH=1``."""

import os
from typing import Final

FACTOR: Final = 4


def runs(default: int) -> int:
    """Return the number of random runs of a test."""
    return default * FACTOR if os.environ.get("ARENA_GROUPS_THOROUGH") == "1" else default
