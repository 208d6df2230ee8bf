"""What the process exits with."""

from enum import IntEnum


class ExitCode(IntEnum):
    """A failure, by its kind."""

    OK = 0
    FAILURE = 1
    UNAUTHORIZED = 2
    NOT_FOUND = 3
    VALIDATION = 4
    RATE_LIMITED = 5
    FORBIDDEN = 6
    INTERRUPTED = 130
