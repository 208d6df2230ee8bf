from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.server.mcpserver.resolve import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
    ElicitationResult,
)
from mcp_types import ClientCapabilities

from arena_groups.mcp.consent import (
    NO_REMOVALS,
    Confirmation,
    Consent,
    PlanKind,
    answer_problem,
    can_ask,
    required_consent,
)

INVITE, REVOKE, REMOVE, SYNC = PlanKind
GIVEN, ASK, REFUSED = Consent

# For hosts that cannot ask, without and with `allow_removals`.
TABLE = {
    INVITE: (GIVEN, GIVEN),
    REVOKE: (REFUSED, GIVEN),
    REMOVE: (REFUSED, GIVEN),
    SYNC: (REFUSED, GIVEN),
}


@pytest.mark.parametrize("allow_removals", [False, True])
@pytest.mark.parametrize("kind", PlanKind)
def test_consent_of_each_combination_is_that_of_the_table(
    kind: PlanKind, allow_removals: bool
) -> None:
    given = required_consent(kind, asks=False, allow_removals=allow_removals)
    assert given is TABLE[kind][allow_removals]
    assert required_consent(kind, asks=True, allow_removals=allow_removals) is ASK


@pytest.mark.parametrize(
    ("declared", "asks"),
    [
        (None, False),
        ({}, False),
        ({"sampling": {}}, False),
        ({"elicitation": {}}, True),
        ({"elicitation": {"form": {}}}, True),
        ({"elicitation": {"form": {}, "url": {}}}, True),
        ({"elicitation": {"url": {}}}, False),
    ],
)
def test_host_that_declares_forms_can_ask(declared: dict[str, Any] | None, asks: bool) -> None:
    capabilities = None if declared is None else ClientCapabilities.model_validate(declared)
    assert can_ask(capabilities) is asks


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (AcceptedElicitation(data=Confirmation(confirm=True)), None),
        (AcceptedElicitation(data=Confirmation(confirm=False)), "did not check the box"),
        (AcceptedElicitation(data=Confirmation()), "did not check the box"),
        (DeclinedElicitation(), "the user declined"),
        (CancelledElicitation(), "closed the question"),
    ],
)
def test_only_a_confirmed_answer_is_consent(
    answer: ElicitationResult[Confirmation], problem: str | None
) -> None:
    found = answer_problem(answer)
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith("Nothing was done")
        assert problem in found


@pytest.mark.parametrize("value", ["true", "yes", 1, None, [True], {"confirm": True}])
def test_only_true_is_a_checked_box(value: object) -> None:
    assert Confirmation.model_validate({"confirm": value}).confirm is False
    assert Confirmation.model_validate({"confirm": True, "other": value}).confirm is True


def test_refusal_names_the_option_of_the_owner() -> None:
    assert "--allow-removals" in NO_REMOVALS
