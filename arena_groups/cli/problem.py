"""A failure as it is told: one line for people, one object for programs, an exit code."""

import json
import os

from attrs import frozen

from arena_groups.cli.exits import ExitCode
from arena_groups.cli.text import one_line


@frozen
class Problem:
    """A failure as it is told: ``kind`` for programs, ``message`` and ``hint`` for people."""

    kind: str
    message: str
    code: ExitCode = ExitCode.FAILURE
    hint: str = ""
    status: int | None = None
    retry_after: float | None = None

    def as_line(self) -> str:
        """Return the problem as one line of text."""
        line = f"arena-groups: {self.message}" + (f" (hint: {self.hint})" if self.hint else "")
        return one_line(line)

    def as_json(self) -> str:
        """Return the problem as one line of JSON, without what is not known."""
        told = {
            "type": self.kind,
            "message": self.message,
            "hint": self.hint or None,
            "status": self.status,
            "retry_after": self.retry_after,
            "exit_code": int(self.code),
        }
        error = {name: value for name, value in told.items() if value is not None}
        return json.dumps({"error": error}, ensure_ascii=False)


class ProblemError(Exception):
    """A problem that a command found itself."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def cannot_listen(port: int, error: OSError) -> ProblemError:
    """Return the problem of a port that is not to be had."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    message = f"cannot listen on port {port}: {reason[:1].lower()}{reason[1:]}"
    return ProblemError(Problem("system", message, hint="choose another one with --port"))
