"""Consent to a write: who has to give it, and whether an answer of a host's user gives it.

Only the owner of the server, with its options, and the user of a host can consent. The code of a
plan, an assistant and texts written by people cannot.
"""

from enum import StrEnum
from typing import Final

from mcp.server.mcpserver.resolve import AcceptedElicitation, DeclinedElicitation, ElicitationResult
from mcp_types import ClientCapabilities
from pydantic import BaseModel, Field, field_validator

__all__ = [
    "NO_REMOVALS",
    "Confirmation",
    "Consent",
    "PlanKind",
    "answer_problem",
    "can_ask",
    "required_consent",
]

NO_REMOVALS: Final = (
    "this host cannot ask its user, and the owner of the server has not allowed removals. Report"
    " this to the user. The owner allows them by starting the server with --allow-removals, or the"
    " user uses a host that can ask (one with elicitation)."
)
DECLINED: Final = (
    "Nothing was done: the user declined. Do not apply the plan again unless the user asks for it."
)
CANCELLED: Final = "Nothing was done: the user closed the question. Ask the user what to do."
UNCONFIRMED: Final = (
    "Nothing was done: the user did not check the box that confirms. Ask the user what to do."
)


class PlanKind(StrEnum):
    """Kind of a plan."""

    INVITE = "invite"
    REVOKE = "revoke"
    REMOVE = "remove"
    SYNC = "sync"


class Consent(StrEnum):
    """Consent that a plan needs before it is applied."""

    GIVEN = "given"
    """The owner of the server gave it when they started it."""
    ASK = "ask"
    """The host asks its user."""
    REFUSED = "refused"


class Confirmation(BaseModel):
    """Answer of a host's user."""

    confirm: bool = Field(
        default=False, title="Do it", description="Check this box to do what is described."
    )

    @field_validator("confirm", mode="before")
    @classmethod
    def _is_true(cls, value: object) -> bool:
        """Return whether the box was checked. Other values are no error, but unchecked."""
        return value is True


def required_consent(kind: PlanKind, *, asks: bool, allow_removals: bool) -> Consent:
    """Return the consent that a plan needs at a server that may write.

    Args:
        kind: The kind of the plan.
        asks: Whether the host can ask its user.
        allow_removals: Whether the owner of the server allows removals without a question.

    Returns:
        The consent. A host that can ask always has to.
    """
    if asks:
        return Consent.ASK
    return Consent.GIVEN if kind is PlanKind.INVITE or allow_removals else Consent.REFUSED


def can_ask(capabilities: ClientCapabilities | None) -> bool:
    """Return whether a host can show a form to its user.

    An empty capability means forms, as it did before there were other modes.
    """
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def answer_problem(answer: ElicitationResult[Confirmation]) -> str | None:
    """Return why an answer does not count as consent; ``None`` if it does."""
    if isinstance(answer, AcceptedElicitation):
        return None if answer.data.confirm is True else UNCONFIRMED
    return DECLINED if isinstance(answer, DeclinedElicitation) else CANCELLED
