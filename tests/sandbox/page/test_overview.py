"""Requests, the clock, the variables and the reset on the sandbox's page."""

import asyncio
import re
from datetime import timedelta

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Disconnect, Hang, Latency
from arena_groups.sandbox.page.overview import SHOWN_REQUESTS
from tests.sandbox.api import Api
from tests.sandbox.page.reader import PAGE, Node, open_page, open_section, read, submit
from tests.support.waiting import until


def rows_of(requests: Node) -> list[list[str]]:
    """The rows of the requests, with the operation in a cell of its own, without the time."""
    return [
        [row.one("code").text, row.one("small").text.partition(",")[0]]
        + [cell.text for cell in row.all("td")]
        for row in requests.one("tbody").all("tr")
    ]


async def test_requests_are_listed_newest_first(http: Api, sandbox: Sandbox) -> None:
    assert "has not received a request yet" in (await open_section(http, "requests")).text
    sandbox.faults.add_spec("latency:seconds=0,times=1")
    await http.get("/v3/groups/research-studio?x=<b>")
    await http.get("/v3/nothing")
    assert rows_of(await open_section(http, "requests")) == [
        ["GET /v3/nothing", "unknown operation", "404", ""],
        ["GET /v3/groups/research-studio?x=<b>", "getGroup", "200", "latency"],
    ]


async def test_request_without_response_says_so(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(Disconnect())
    with pytest.raises(Exception, match=r"disconnected|reset"):
        await http.post("/v3/groups")
    sandbox.faults.clear()
    assert rows_of(await open_section(http, "requests")) == [
        ["POST /v3/groups", "createGroup", "no response", "disconnect"]
    ]


async def test_request_that_waits_says_so(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(Hang())
    hanging = asyncio.create_task(http.get("/v3/me"))
    await until(lambda: bool(sandbox.requests) and bool(sandbox.requests[0].faults))
    assert rows_of(await open_section(http, "requests")) == [
        ["GET /v3/me", "getCurrentUser", "waiting", "hang"]
    ]
    hanging.cancel()


async def test_only_the_newest_requests_are_shown_until_cleared(
    http: Api, sandbox: Sandbox
) -> None:
    total = SHOWN_REQUESTS + 3
    for number in range(total):
        await http.get(f"/v3/x{number}")
    shown = await open_section(http, "requests")
    assert len(shown.rows()) == SHOWN_REQUESTS
    assert shown.rows()[0][0].startswith(f"GET /v3/x{total - 1}")
    assert f"The newest {SHOWN_REQUESTS} of {total}" in shown.text
    reply = await submit(http, section="requests", action="clear-requests")
    assert (reply.status, reply.headers["Location"]) == (303, "/__sandbox__/#requests")
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("amount", "unit", "step"),
    [
        ("90", "seconds", timedelta(seconds=90)),
        ("1.5", "hours", timedelta(minutes=90)),
        ("2", "days", timedelta(days=2)),
    ],
)
async def test_clock_is_moved_forward(
    http: Api, sandbox: Sandbox, amount: str, unit: str, step: timedelta
) -> None:
    before = sandbox.now
    reply = await submit(http, action="advance", amount=amount, unit=unit, section="clock")
    assert (reply.status, reply.headers["Location"]) == (303, "/__sandbox__/#clock")
    assert sandbox.now - before >= step
    text = (await open_section(http, "clock")).text
    assert re.search(r"It is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC in the sandbox\.", text)
    assert f"{sandbox.now:%Y-%m-%d}" in text


@pytest.mark.parametrize(
    ("amount", "unit"),
    [("-1", "days"), ("", "days"), ("x", "days"), ("nan", "days"), ("inf", "days"), ("1", "years"),
     ("1e300", "days"), ("9000000", "days")],
)  # fmt: skip
async def test_unusable_step_is_rejected_and_the_page_still_works(
    http: Api, sandbox: Sandbox, amount: str, unit: str
) -> None:
    before = sandbox.now
    assert (await submit(http, action="advance", amount=amount, unit=unit)).status == 400
    assert sandbox.now - before < timedelta(hours=1)
    await open_page(http)


async def test_lines_and_tokens_can_be_copied(http: Api, sandbox: Sandbox) -> None:
    connect = await open_section(http, "connect")
    shell, powershell = (each.text for each in connect.all("pre"))
    tokens = sandbox.tokens
    assert shell == f"export ARENA_BASE_URL={sandbox.url}\nexport ARENA_TOKEN={tokens.owner}"
    assert f'$env:ARENA_TOKEN = "{tokens.owner}"' in powershell
    assert [row[1] for row in connect.rows()] == [
        tokens.owner, tokens.read_only, tokens.member, tokens.follower, tokens.stranger,
        tokens.limited,
    ]  # fmt: skip


async def test_lines_have_the_port_that_the_browser_uses(http: Api) -> None:
    reply = await http.get(PAGE, headers={"Host": "localhost:9000"})
    shell = read(reply).one("section", id="connect").all("pre")[0].text
    assert shell.startswith("export ARENA_BASE_URL=http://localhost:9000\n")


async def test_reset_is_a_new_start_with_the_same_tokens(http: Api, sandbox: Sandbox) -> None:
    token = sandbox.tokens.owner
    sandbox.add_group("New", slug="new")
    sandbox.faults.add(Latency(0))
    await submit(http, action="reset")
    assert "new" not in sandbox.groups
    assert len(sandbox.faults) == 0
    assert (await http.get("/v3/me", token)).status == 200
