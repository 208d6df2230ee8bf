from itertools import product
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
    Confirmation,
    Consent,
    PlanKind,
    WritePolicy,
    answer_problem,
    can_ask,
    refusal,
    required_consent,
)

INVITE, REVOKE, REMOVE, SYNC = PlanKind
READ_ONLY, INVITATIONS, EVERYTHING = WritePolicy
GIVEN, ASK, REFUSED = Consent

# For hosts that cannot ask, and for those that can.
TABLE = {
    (INVITE, READ_ONLY): (REFUSED, REFUSED),
    (REVOKE, READ_ONLY): (REFUSED, REFUSED),
    (REMOVE, READ_ONLY): (REFUSED, REFUSED),
    (SYNC, READ_ONLY): (REFUSED, REFUSED),
    (INVITE, INVITATIONS): (GIVEN, ASK),
    (REVOKE, INVITATIONS): (REFUSED, ASK),
    (REMOVE, INVITATIONS): (REFUSED, ASK),
    (SYNC, INVITATIONS): (REFUSED, ASK),
    (INVITE, EVERYTHING): (GIVEN, ASK),
    (REVOKE, EVERYTHING): (GIVEN, ASK),
    (REMOVE, EVERYTHING): (GIVEN, ASK),
    (SYNC, EVERYTHING): (GIVEN, ASK),
}


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize(("kind", "policy"), list(product(PlanKind, WritePolicy)))
def test_consent_of_each_combination_is_that_of_the_table(
    kind: PlanKind, policy: WritePolicy, asks: bool
) -> None:
    assert required_consent(kind, policy, asks=asks) is TABLE[kind, policy][asks]


@pytest.mark.parametrize(
    ("allow_writes", "allow_removals", "policy"),
    [
        (False, False, READ_ONLY),
        (False, True, READ_ONLY),
        (True, False, INVITATIONS),
        (True, True, EVERYTHING),
    ],
)
def test_policy_of_the_options_of_a_server(
    allow_writes: bool, allow_removals: bool, policy: WritePolicy
) -> None:
    assert WritePolicy.of(allow_writes=allow_writes, allow_removals=allow_removals) is policy


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


@pytest.mark.parametrize(
    ("policy", "option"), [(READ_ONLY, "--allow-writes"), (INVITATIONS, "--allow-removals")]
)
def test_refusal_names_the_option_of_the_owner(policy: WritePolicy, option: str) -> None:
    assert option in refusal(policy)
