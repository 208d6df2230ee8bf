"""Faults on the sandbox's page: those in place, their switches, and the form for options."""

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Latency, describe_faults, parse_spec
from arena_groups.sandbox.page.faults import fault_text
from tests.sandbox.api import Api
from tests.sandbox.page.reader import open_section, submit


async def test_every_fault_has_a_switch_unless_it_needs_options(http: Api) -> None:
    faults = await open_section(http, "faults")
    switches = {each.text: each for each in faults.all("button", role="switch")}
    names = {each.name for each in describe_faults()}
    assert names - switches.keys() == {"redirect"}
    assert {each.attributes["aria-checked"] for each in switches.values()} == {"false"}


async def test_switch_turns_a_fault_on_and_off(http: Api, sandbox: Sandbox) -> None:
    await submit(http, action="turn-on", fault="server-failure")
    assert (await http.get("/v3/groups/1001")).status == 500
    faults = await open_section(http, "faults")
    switch = faults.one("button", id="fault-server-failure")
    assert switch.attributes["aria-checked"] == "true"
    assert "applied to 1 request" in faults.text
    sandbox.faults.add(Latency())
    sandbox.faults.add_spec("server-failure:status=503")
    await submit(http, action=switch.attributes["value"], fault="server-failure")
    assert [each.fault for each in sandbox.faults] == [Latency()]


async def test_fault_in_place_can_be_turned_off_alone(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add_spec("latency:seconds=0")
    sandbox.faults.add_spec("server-failure:status=503")
    form = (await open_section(http, "faults")).one("ul").all("form")[1]
    fields = {node.attributes["name"]: node.attributes["value"] for node in form.all("input")}
    await submit(http, **fields, action="turn-off")
    assert [each.fault for each in sandbox.faults] == [Latency(0)]
    await submit(http, **fields, action="turn-off")
    assert len(sandbox.faults) == 1
    await submit(http, action="turn-off-all")
    assert len(sandbox.faults) == 0


@pytest.mark.parametrize(
    "spec",
    [
        "latency",
        "latency:seconds=0.2,operation=getGroup,times=3,probability=0.5",
        "server-failure:status=503,html,after",
        "rate-limited:retry_after=none",
        "redirect:location=/v3/me,skip=1",
        "churn:group=1001,keep=50001+50002",
    ],
)
def test_fault_text_is_a_spec_of_the_same_fault(spec: str) -> None:
    injected = Sandbox().faults.add_spec(spec)
    fault, target = parse_spec(fault_text(injected))
    assert (fault, target) == (injected.fault, injected.target)
    assert len(fault_text(injected)) <= len(spec)


def test_fault_text_names_a_function_without_its_code() -> None:
    injected = Sandbox().faults.add(Latency(), where=lambda _: True)
    assert fault_text(injected) == "latency:where=(a function)"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "Unknown fault"),
        ("no-such-fault", "Unknown fault"),
        ("redirect", "The option location is required"),
        ("latency:seconds=x", "Invalid seconds"),
        ("<script>", "Unknown fault"),
    ],
)
async def test_malformed_fault_is_rejected_on_the_page(
    http: Api, sandbox: Sandbox, spec: str, message: str
) -> None:
    reply = await submit(http, action="turn-on", fault=spec)
    assert reply.status == 400
    assert "<script>alert" not in reply.content.decode()
    assert f'role="alert">{message}' in reply.content.decode().replace(' class="problem"', "")
    assert len(sandbox.faults) == 0
