"""Faults of lists."""

import itertools
from typing import Any

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.faults import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    Fault,
    MissingTotal,
    PagesPastEnd,
    StaleTotal,
    WrongTotal,
)
from tests.sandbox.api import Api, Reply, reads_only

GROUP = "/v3/groups/research-studio"
MEMBERS = f"{GROUP}/members?per=10"
LISTS = [MEMBERS, f"{GROUP}/invitations?per=50", f"{GROUP}/contents?per=10"]


async def page(http: Api, path: str, number: int) -> Reply:
    return await http.get(f"{path}&page={number}", http.sandbox.tokens.owner)


async def last_page(http: Api, path: str) -> int:
    pages: int = (await page(http, path, 1)).meta["total_pages"]
    assert pages > 2
    return pages


@reads_only
@pytest.mark.parametrize("path", LISTS)
async def test_endless_pages_repeat_last_page(http: Api, sandbox: Sandbox, path: str) -> None:
    last = await last_page(http, path)
    true = [await page(http, path, number) for number in range(1, last + 1)]
    fault = sandbox.faults.add(EndlessPages())
    for number in range(1, last):
        assert (await page(http, path, number)).content == true[number - 1].content
    assert fault.call_count == 0
    for number in range(last, last + 4):
        reply = await page(http, path, number)
        assert reply.ids == true[-1].ids
        assert reply.meta == {
            **true[-1].meta,
            "current_page": number,
            "next_page": number + 1,
            "prev_page": number - 1,
            "has_more_pages": True,
        }
    assert fault.call_count == 4


@reads_only
@pytest.mark.parametrize("path", LISTS)
async def test_endless_pages_invent_new_items(http: Api, sandbox: Sandbox, path: str) -> None:
    last = await last_page(http, path)
    true = [await page(http, path, number) for number in range(1, last + 1)]
    sandbox.faults.add(EndlessPages(invent=True))
    replies = [await page(http, path, number) for number in range(1, last + 4)]
    assert [reply.ids for reply in replies[:last]] == [reply.ids for reply in true]
    for reply in replies[last:]:
        assert len(reply.ids) == reply.meta["per_page"]
        assert reply.body["data"][0].keys() == true[0].body["data"][0].keys()
    assert all(
        reply.meta["next_page"] == number
        for number, reply in enumerate(replies[last - 1 :], last + 1)
    )
    items = itertools.chain.from_iterable(reply.body["data"] for reply in replies)
    names = [(item["type"], item["id"]) for item in items]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("invent", [False, True])
async def test_endless_pages_of_empty_list_stay_empty(
    http: Api, sandbox: Sandbox, invent: bool
) -> None:
    path = f"/v3/groups/{sandbox.add_group('Empty')}/contents?per=2"
    sandbox.faults.add(EndlessPages(invent=invent))
    for number in (1, 2, 3):
        reply = await page(http, path, number)
        assert (reply.ids, reply.meta["next_page"]) == ([], number + 1)
        assert reply.meta["has_more_pages"]


@reads_only
@pytest.mark.parametrize(
    ("fault", "leads"),
    [
        (BackwardPages(), [2, 1, 1, 1]),
        (BackwardPages(to=1, start=1), [1, 1, 1, 1]),
        (BackwardPages(to=2, start=3), [2, 3, 2, 2]),
    ],
)
async def test_backward_pages_lead_back(
    http: Api, sandbox: Sandbox, fault: Fault, leads: list[int]
) -> None:
    true = [await page(http, MEMBERS, number) for number in range(1, 5)]
    sandbox.faults.add(fault)
    replies = [await page(http, MEMBERS, number) for number in range(1, 5)]
    assert [reply.meta["next_page"] for reply in replies] == leads
    assert all(reply.meta["has_more_pages"] for reply in replies)
    assert [reply.ids for reply in replies] == [reply.ids for reply in true]


@reads_only
@pytest.mark.parametrize(
    ("fault", "empty"),
    [
        (EmptyPages(), [1]),
        (EmptyPages(first=2, last=3), [2, 3]),
        (EmptyPages(first=3, last=None), [3, 4, 5, 99]),
    ],
)
async def test_empty_pages_promise_more(
    http: Api, sandbox: Sandbox, fault: Fault, empty: list[int]
) -> None:
    pages = [1, 2, 3, 4, 5, 99]
    true = {number: await page(http, MEMBERS, number) for number in pages}
    sandbox.faults.add(fault)
    for number in pages:
        reply = await page(http, MEMBERS, number)
        if number in empty:
            assert (reply.ids, reply.meta["next_page"]) == ([], number + 1)
            assert reply.meta["has_more_pages"]
            assert reply.meta["total_count"] == true[1].meta["total_count"]
        else:
            assert reply.content == true[number].content


@reads_only
async def test_missing_total_is_applied_once(http: Api, sandbox: Sandbox) -> None:
    true = await page(http, MEMBERS, 1)
    fault = sandbox.faults.add(MissingTotal())
    second = sandbox.faults.add(MissingTotal())
    reply = await page(http, MEMBERS, 1)
    assert reply.meta.keys() == true.meta.keys() - {"total_count"}
    assert (fault.call_count, second.call_count) == (1, 0)


@reads_only
@pytest.mark.parametrize(("by", "total"), [(1, 1), (-1, -1), (1_000, 1_000), (-1_000_000, None)])
async def test_wrong_total_is_off_but_not_negative(
    http: Api, sandbox: Sandbox, by: int, total: int | None
) -> None:
    true = await page(http, MEMBERS, 1)
    sandbox.faults.add(WrongTotal(by))
    reply = await page(http, MEMBERS, 1)
    expected = 0 if total is None else true.meta["total_count"] + total
    assert reply.meta == {**true.meta, "total_count": expected}


@pytest.mark.parametrize(
    "fault", [EndlessPages(), BackwardPages(), EmptyPages(), MissingTotal(), WrongTotal()]
)
async def test_list_fault_leaves_other_responses_alone(
    http: Api, sandbox: Sandbox, tokens: Tokens, fault: Fault
) -> None:
    injected = sandbox.faults.add(fault, times=1)
    for reply in (
        await http.get(GROUP),
        await http.post(f"{GROUP}/invitations", tokens.owner, {"email": "ada@example.org"}),
        await http.get("/v3/groups/nobody/members"),
        await http.get("/v3/ping"),
    ):
        assert "meta" not in reply.body
    assert injected.call_count == 0
    assert all(each.faults == () for each in sandbox.requests)


@reads_only
async def test_changed_page_has_own_etag(http: Api, sandbox: Sandbox) -> None:
    true = await page(http, MEMBERS, 1)
    sandbox.faults.add(WrongTotal())
    token, path = sandbox.tokens.owner, f"{MEMBERS}&page=1"
    wrong = await http.get(path, token, headers={"If-None-Match": true.headers["ETag"]})
    assert wrong.status == 200
    again = await http.get(path, token, headers={"If-None-Match": wrong.headers["ETag"]})
    assert again.status == 304


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (BackwardPages, {"to": 3, "start": 2}),
        (BackwardPages, {"to": 0}),
        (EmptyPages, {"first": 3, "last": 2}),
        (EmptyPages, {"first": 0}),
        (PagesPastEnd, {"answer": "none"}),
        (StaleTotal, {"pages": 1}),
        (Churn, {"insertions": -1}),
        (Churn, {"removals": -1}),
    ],
)
def test_list_fault_with_invalid_option_raises(kind: Any, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        kind(**options)


async def test_churn_adds_and_deletes_invitations(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    stable = set(sandbox.pending_invitations(1001)[::3])
    at_first = sandbox.pending_invitations(1001)
    fault = sandbox.faults.add(
        Churn(insertions=3, removals=4, keep=stable), operation="getGroupInvitations"
    )
    added: set[int] = set()
    removed: set[int] = set()
    for _ in range(200):
        before = sandbox.pending_invitations(1001)
        reply = await http.get(f"{GROUP}/invitations?per=100", tokens.owner)
        after = sandbox.pending_invitations(1001)
        new = [each for each in after if each not in before]
        assert after[: len(new)] == new
        assert len(new) <= 3
        assert len(set(before) - set(after)) <= 4
        assert reply.ids == after[:100]
        added |= set(new)
        removed |= set(before) - set(after)
    assert fault.call_count == 200
    assert len(added) > 200
    assert len(removed) > 200
    assert stable <= set(sandbox.pending_invitations(1001))
    assert removed & set(at_first)
    assert removed & added
    assert not sandbox.emails


async def test_churn_follows_seed(session: aiohttp.ClientSession) -> None:
    async def churned(seed: int) -> list[int]:
        async with Sandbox(seed=seed) as sandbox:
            sandbox.faults.add(Churn("research-studio", 2, 2))
            for _ in range(20):
                await Api(sandbox, session).get("/v3/ping")
            return sandbox.pending_invitations(1001)

    assert await churned(5) == await churned(5) != await churned(6)


async def test_churn_deletes_invitations_entirely(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    group = sandbox.add_group("Small")
    ids = sandbox.add_invitations(group, 1)
    sandbox.faults.add(Churn(group, insertions=0, removals=1))
    while sandbox.pending_invitations(group):
        await http.get("/v3/ping")
    await http.get("/v3/ping")
    with pytest.raises(LookupError):
        sandbox.invitation_state(ids[0])
    reply = await http.delete(f"/v3/groups/{group}/invitations/{ids[0]}", tokens.owner)
    assert reply.status == 404


async def test_churn_frees_deleted_addresses(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    invitation = {"email": "ada@example.org"}
    group = sandbox.add_group("Small")
    for _ in range(2):
        reply = await http.post(f"/v3/groups/{group}/invitations", tokens.owner, invitation)
        assert reply.body["outcome"] == "invited"
        with sandbox.faults.add(Churn(group, insertions=0)):
            while sandbox.pending_invitations(group):
                await http.get("/v3/ping")


async def test_churn_without_group_changes_group_of_request(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    fault = sandbox.faults.add(Churn(insertions=5, removals=0))
    others = {slug: sandbox.pending_invitations(slug) for slug in sandbox.groups}
    for path in ("/v3/ping", "/v3/users/1/groups", "/v3/groups/nobody", "/v3/nothing"):
        await http.get(path, tokens.owner)
    assert fault.call_count == 0
    while sandbox.pending_invitations("night-shift") == others["night-shift"]:
        await http.get("/v3/groups/night-shift", tokens.owner)
    assert fault.call_count >= 1
    del others["night-shift"]
    assert {slug: sandbox.pending_invitations(slug) for slug in others} == others


async def test_churn_applies_to_executed_operations_only(http: Api, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add(Churn("research-studio"))
    await http.get("/v3/me")
    await http.get("/v3/ping", sandbox.tokens.limited)
    sandbox.faults.add(Churn("no-such-group"))
    assert (await http.get("/v3/ping")).status == 200
    assert fault.call_count == 1


@reads_only
@pytest.mark.parametrize(
    ("answer", "status", "number"), [("last", 200, 4), ("first", 200, 1), ("missing", 404, None)]
)
async def test_page_past_the_end_is_another_response(
    http: Api, sandbox: Sandbox, answer: str, status: int, number: int | None
) -> None:
    last = await last_page(http, MEMBERS)
    assert last == 4
    true = {number: await page(http, MEMBERS, number) for number in range(1, last + 1)}
    fault = sandbox.faults.add(PagesPastEnd(answer))
    for each, expected in true.items():
        assert (await page(http, MEMBERS, each)).content == expected.content
    for each in (5, 99):
        reply = await page(http, MEMBERS, each)
        assert reply.status == status
        assert number is None or reply.body == true[number].body
    assert fault.call_count == 2


@reads_only
async def test_empty_page_past_the_end_promises_more(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(PagesPastEnd("empty"))
    reply = await page(http, MEMBERS, 7)
    assert (reply.ids, reply.meta["has_more_pages"], reply.meta["next_page"]) == ([], True, 8)


async def test_stale_total_is_counted_anew_for_each_list_after_some_pages(
    http: Api, sandbox: Sandbox
) -> None:
    group = sandbox.add_group("Small")
    path = f"/v3/groups/{group}/members?per=1"
    sandbox.faults.add(StaleTotal(pages=3))
    totals: list[int] = []
    for _ in range(7):
        reply = await page(http, path, 1)
        totals.append(reply.meta["total_count"])
        sandbox.add_members(group, 1)
        assert (await page(http, MEMBERS, 1)).meta["total_count"] > 10
    assert totals == [1, 1, 1, 4, 4, 4, 7]
    assert reply.meta["has_more_pages"]
