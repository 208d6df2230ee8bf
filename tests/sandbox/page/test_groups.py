"""The groups on the sandbox's page, with members and pending invitations."""

import pytest

from arena_groups.sandbox import Sandbox
from tests.sandbox.api import Api
from tests.sandbox.page.reader import PAGE, open_page, submit


async def test_groups_are_listed_with_their_numbers(http: Api, sandbox: Sandbox) -> None:
    groups = (await open_page(http)).one("section", id="groups")
    assert len(groups.rows()) == len(sandbox.groups)
    assert groups.rows()[0] == ["Research Studioresearch-studio", "34", "480", "public"]
    assert groups.all("a")[0].attributes["href"] == f"{PAGE}?group=1001"


async def test_groups_beyond_the_first_are_on_further_parts(http: Api, sandbox: Sandbox) -> None:
    for number in range(30):
        sandbox.add_group(f"Group {number}")
    total = len(sandbox.groups)
    first = (await open_page(http)).one("section", id="groups")
    assert f"1 to 10 of {total}" in first.text
    last = (await open_page(http, f"{PAGE}?groups=99")).one("section", id="groups")
    assert last.rows()[-1][0].startswith("Group 29")


@pytest.mark.parametrize("group", ["1001", "research-studio"])
async def test_group_shows_members_and_pending_invitations(
    http: Api, sandbox: Sandbox, group: str
) -> None:
    page = await open_page(http, f"{PAGE}?group={group}")
    members = page.one("section", id="members")
    owner = sandbox.users.owner
    assert members.rows()[0] == [owner.name, owner.slug, str(owner.id), "owner"]
    assert members.rows()[1][3] == "member"
    pending = page.one("section", id="pending")
    assert "1 to 25 of 480" in pending.text
    links = [node.attributes["href"] for node in pending.all("a")][:25]
    ids = sandbox.pending_invitations(group)
    assert links == [f"{PAGE}emails/{each}" for each in ids[:25]]


async def test_last_part_of_pending_invitations_is_the_oldest(http: Api, sandbox: Sandbox) -> None:
    page = await open_page(http, f"{PAGE}?group=1001&pending=20")
    links = [node.attributes["href"] for node in page.one("section", id="pending").all("a")]
    assert f"{PAGE}emails/{sandbox.pending_invitations('research-studio')[-1]}" in links


async def test_answer_leads_back_to_the_same_part(http: Api, sandbox: Sandbox) -> None:
    first = sandbox.pending_invitations("research-studio")[30]
    path = f"{PAGE}?group=1001&pending=2"
    page = await open_page(http, path)
    button = page.one("button", id=f"accept-{first}")
    assert button.parent is not None
    fields = {
        node.attributes["name"]: node.attributes["value"] for node in button.parent.all("input")
    }
    reply = await submit(http, path, **fields, action="accept")
    assert (reply.status, reply.headers["Location"]) == (303, f"{path}#pending")
    assert sandbox.invitation_state(first) == "accepted"


async def test_group_without_invitations_says_so(http: Api) -> None:
    page = await open_page(http, f"{PAGE}?group=blank-page")
    assert "No invitation is pending." in page.text


@pytest.mark.parametrize("group", ["0", "no-such-group", "", "%3Cscript%3E", "x" * 5000])
async def test_group_that_does_not_exist_is_404(http: Api, group: str) -> None:
    page = await open_page(http, f"{PAGE}?group={group}", status=404)
    assert page.one("h1").text == "Not found"


async def test_page_of_huge_group_stays_small(http: Api, sandbox: Sandbox) -> None:
    sandbox.add_invitations("blank-page", 30_000)
    sandbox.add_members("blank-page", 30_000)
    for path in (PAGE, f"{PAGE}?group=blank-page", f"{PAGE}?group=blank-page&pending=1200"):
        assert len((await http.get(path)).content) < 60_000
    page = await open_page(http, f"{PAGE}?group=blank-page&members=1201")
    assert "30001 to 30001 of 30001" in page.text
