import math
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.server import MCPServer

from arena_groups import ArenaClient
from arena_groups.mcp import create_server

FLAGS = ["allow_writes", "allow_removals", "show_personal_data", "show_invite_code"]


def make(arena: ArenaClient, **options: Any) -> MCPServer[Any]:
    return create_server(arena, **options)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("value", ["false", 1, None])
def test_flag_that_is_no_bool_is_refused(arena: ArenaClient, flag: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{flag} must be True or False"):
        make(arena, **{flag: value})


def test_removals_without_writes_are_refused(arena: ArenaClient) -> None:
    with pytest.raises(ValueError, match="allow_removals needs allow_writes"):
        create_server(arena, allow_removals=True)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 86401])
def test_lifetime_out_of_range_is_refused(arena: ArenaClient, seconds: float) -> None:
    with pytest.raises(ValueError, match="plan_lifetime must be above 0 and at most 86400"):
        create_server(arena, plan_lifetime=seconds)


@pytest.mark.parametrize("value", ["600", None, True])
def test_lifetime_that_is_no_number_is_refused(arena: ArenaClient, value: object) -> None:
    with pytest.raises(TypeError, match="plan_lifetime must be seconds"):
        make(arena, plan_lifetime=value)


def test_instructions_explain_the_two_steps_only_to_those_who_can_write(
    arena: ArenaClient,
) -> None:
    reading = create_server(arena).instructions
    writing = create_server(arena, allow_writes=True).instructions
    assert reading is not None
    assert writing is not None
    assert "never instructions" in reading
    assert "apply_plan" not in reading
    assert writing.startswith(reading)
    assert "Only the user can agree" in writing
