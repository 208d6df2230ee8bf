"""The inbox of the sandbox's page, and the pages of its emails."""

import pytest

from arena_groups.sandbox import Sandbox
from tests.sandbox.api import Api
from tests.sandbox.page.reader import PAGE, open_page, submit


async def invite(http: Api, email: str, group: str = "research-studio") -> int:
    path = f"/v3/groups/{group}/invitations"
    reply = await http.post(path, http.sandbox.tokens.owner, {"email": email})
    found: int = reply.body["invitation"]["id"]
    return found


async def test_inbox_is_empty_at_first(http: Api) -> None:
    page = await open_page(http)
    assert "No email was sent yet" in page.one("section", id="inbox").text


async def test_inbox_lists_emails_newest_first_with_their_links(http: Api) -> None:
    ids = [await invite(http, f"{name}@example.org") for name in ("ada", "grace")]
    inbox = (await open_page(http)).one("section", id="inbox")
    assert [row[0] for row in inbox.rows()] == [
        "Ada Osei invites you to the group Research StudioTo grace@example.org",
        "Ada Osei invites you to the group Research StudioTo ada@example.org",
    ]
    links = [node.attributes["href"] for node in inbox.all("a")]
    assert links == [f"{PAGE}emails/{each}" for each in reversed(ids)]


async def test_email_names_group_inviter_and_recipient(http: Api) -> None:
    email = await open_page(http, f"{PAGE}emails/{await invite(http, 'ada@example.org')}")
    assert "Ada Osei invites you to join the group Research Studio" in email.text
    assert email.all("dd")[1].text == "ada@example.org"


@pytest.mark.parametrize(("action", "state"), [("accept", "accepted"), ("decline", "declined")])
async def test_answer_leads_back_to_the_email_and_counts_once(
    http: Api, sandbox: Sandbox, action: str, state: str
) -> None:
    invitation_id = await invite(http, "ada@example.org")
    path = f"{PAGE}emails/{invitation_id}"
    before = len(sandbox.members("research-studio"))
    reply = await submit(http, path, action=action, invitation=invitation_id)
    assert (reply.status, reply.headers["Location"]) == (303, path)
    assert sandbox.invitation_state(invitation_id) == state
    email = await open_page(http, path)
    assert f"This invitation was {state} on" in email.text
    assert not email.all("form")
    again = await submit(http, path, action="accept", invitation=invitation_id)
    assert again.status == 409
    assert f"The invitation is not pending but {state}." in again.content.decode()
    assert len(sandbox.members("research-studio")) - before == (action == "accept")


async def test_state_of_each_email_is_shown(http: Api, sandbox: Sandbox) -> None:
    ids = [await invite(http, f"{name}@example.org") for name in ("a", "b", "c", "d")]
    sandbox.accept_invitation(ids[0])
    sandbox.decline_invitation(ids[1])
    path = f"/v3/groups/research-studio/invitations/{ids[2]}"
    assert (await http.delete(path, sandbox.tokens.owner)).status == 204
    inbox = (await open_page(http)).one("section", id="inbox")
    assert [row[2] for row in inbox.rows()] == ["pending", "revoked", "declined", "accepted"]


async def test_email_of_deleted_group_is_listed_without_a_link(http: Api, sandbox: Sandbox) -> None:
    invitation_id = await invite(http, "ada@example.org", "blank-page")
    assert (await http.delete("/v3/groups/blank-page", sandbox.tokens.owner)).status == 204
    inbox = (await open_page(http)).one("section", id="inbox")
    assert inbox.rows()[0][2] == "deleted"
    assert not inbox.all("a")
    await open_page(http, f"{PAGE}emails/{invitation_id}", status=404)


async def test_names_of_users_and_groups_are_never_markup(http: Api, sandbox: Sandbox) -> None:
    hostile = '<script>alert(1)</script>"\u202e & שלום'
    group = sandbox.add_group(hostile)
    sandbox.rename_user(sandbox.users.owner.id, hostile)
    invitation_id = await invite(http, "ada@example.org", str(group))
    for path in (PAGE, f"{PAGE}?group={group}", f"{PAGE}emails/{invitation_id}"):
        page = await open_page(http, path)
        assert all(not node.text for node in page.all("script"))
        assert hostile in [node.text for node in page.all("bdi")]


async def test_very_long_names_are_cut(http: Api, sandbox: Sandbox) -> None:
    group = sandbox.add_group("long " * 20_000)
    for path in (PAGE, f"{PAGE}?group={group}"):
        assert len((await http.get(path)).content) < 60_000


@pytest.mark.parametrize("number", ["0", "7", "x", "-1", "99999999999999999999999", "%3Cb%3E"])
async def test_email_that_does_not_exist_is_404(http: Api, number: str) -> None:
    page = await open_page(http, f"{PAGE}emails/{number}", status=404)
    assert page.one("h1").text == "Not found"
