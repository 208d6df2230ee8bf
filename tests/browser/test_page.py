"""The sandbox's page in a real browser."""

from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from arena_groups import ArenaClient, ArenaError, MemoryStore, ServerError, watch
from arena_groups.sandbox import Sandbox
from tests.browser.conftest import Tab

playwright = pytest.importorskip(
    "playwright.async_api", reason="playwright is in the dependency group browser"
)

pytestmark = pytest.mark.asyncio(loop_scope="package")
expect = playwright.expect

GROUP = "research-studio"
DARK = "rgb(22, 22, 22)"
LIGHT = "rgb(255, 255, 255)"


async def new_events(arena: ArenaClient, store: MemoryStore) -> list[Any]:
    """Poll the group once, and return what is new."""
    async with aclosing(watch(arena, GROUP, store=store, once=True)) as events:
        return [event async for event in events]


async def invite(arena: ArenaClient, email: str) -> int:
    invitation = (await arena.groups.invite(GROUP, email=email)).invitation
    assert invitation is not None
    return invitation.id


async def background(tab: Tab) -> str:
    colour: str = await tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


class TestWithScript:
    async def test_invitation_accepted_in_the_inbox_is_reported_by_watch(
        self, tab: Tab, arena: ArenaClient
    ) -> None:
        store = MemoryStore()
        assert await new_events(arena, store) == []
        await tab.open()
        await expect(tab.page.get_by_text("No email was sent yet")).to_be_visible()
        await invite(arena, "ada@example.org")
        # Without a reload.
        await tab.page.get_by_role("link", name="invites you to the group Research Studio").click()
        await expect(tab.page.get_by_text("ada@example.org")).to_be_visible()
        await tab.page.get_by_role("button", name="Accept").click()
        await expect(tab.page.get_by_text("This invitation was accepted")).to_be_visible()
        events = await new_events(arena, store)
        joined = [event for event in events if event.kind == "member-joined"]
        assert [event.member.name for event in joined] == ["Ada"]
        await tab.page.get_by_role("link", name="Back to the sandbox").click()
        await expect(tab.page.locator("#inbox .state")).to_have_text("accepted")

    async def test_invitation_declined_in_the_inbox_is_closed(
        self, tab: Tab, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        store = MemoryStore()
        await new_events(arena, store)
        invitation_id = await invite(arena, "ada@example.org")
        await new_events(arena, store)
        await tab.open(f"/__sandbox__/emails/{invitation_id}")
        await tab.page.get_by_role("button", name="Decline").click()
        await expect(tab.page.get_by_text("This invitation was declined")).to_be_visible()
        assert [event.kind for event in await new_events(arena, store)] == ["invitation-closed"]
        assert sandbox.invitation_state(invitation_id) == "declined"

    async def test_fault_switched_on_fails_a_request_which_is_shown(
        self, tab: Tab, arena: ArenaClient
    ) -> None:
        await tab.open()
        await tab.page.get_by_text("All faults", exact=True).click()
        switch = tab.page.get_by_role("switch", name="server-failure")
        await switch.press("Space")
        await expect(switch).to_have_attribute("aria-checked", "true")
        await expect(switch).to_be_focused()
        with pytest.raises(ServerError):
            await arena.groups.get(GROUP)
        newest = tab.page.locator("#requests tbody tr").first
        await expect(newest).to_contain_text(f"GET /v3/groups/{GROUP}")
        await expect(newest).to_contain_text("500")
        await expect(newest).to_contain_text("server-failure")
        await expect(tab.page.locator("#faults")).to_contain_text("applied to 1 request")
        await switch.press("Space")
        await expect(switch).to_have_attribute("aria-checked", "false")
        assert (await arena.groups.get(GROUP)).slug == GROUP

    async def test_change_by_another_program_is_shown(self, tab: Tab, sandbox: Sandbox) -> None:
        await tab.open("/__sandbox__/?group=blank-page")
        await expect(tab.page.get_by_text("No invitation is pending.")).to_be_visible()
        sandbox.add_invitations("blank-page", 1)
        await expect(tab.page.locator("#pending tbody tr")).to_have_count(1)

    async def test_page_of_a_group_that_is_deleted_says_so(
        self, tab: Tab, arena: ArenaClient
    ) -> None:
        await tab.open("/__sandbox__/?group=blank-page")
        await expect(tab.page.get_by_role("status")).to_contain_text("Live")
        await arena.groups.delete("blank-page")
        await expect(tab.page.get_by_role("heading", name="Not found")).to_be_visible()
        await expect(tab.page.get_by_role("status")).to_have_text("")
        tab.problems[:] = [each for each in tab.problems if "status of 404" not in each]

    async def test_typed_text_survives_news(self, tab: Tab, arena: ArenaClient) -> None:
        await tab.open()
        field = tab.page.get_by_label("Fault with options")
        await field.fill("latency:sec")
        await arena.groups.get(GROUP)
        await expect(tab.page.locator("#requests tbody tr")).to_have_count(1)
        await expect(field).to_have_value("latency:sec")
        await expect(field).to_be_focused()

    async def test_rejected_form_shows_why_until_it_is_accepted(self, tab: Tab) -> None:
        await tab.open()
        alert = tab.page.locator("#faults").get_by_role("alert")
        field = tab.page.get_by_label("Fault with options")
        for spec, message in (("no-such-fault", "Unknown fault"), ("redirect", "location")):
            await field.fill(spec)
            await field.press("Enter")
            await expect(alert).to_contain_text(message)
            await expect(alert).to_be_in_viewport()
        await field.fill("latency:seconds=0")
        await field.press("Enter")
        await expect(tab.page.locator("#faults ul")).to_contain_text("latency:seconds=0")
        await expect(tab.page.get_by_role("alert")).to_have_count(0)
        tab.problems[:] = [each for each in tab.problems if "status of 400" not in each]

    async def test_double_click_answers_once(self, tab: Tab, arena: ArenaClient) -> None:
        posts: list[str] = []
        tab.page.on("request", lambda each: posts.append(each.method))
        await tab.open(f"/__sandbox__/emails/{await invite(arena, 'ada@example.org')}")
        await tab.page.get_by_role("button", name="Accept").dblclick()
        await expect(tab.page.get_by_text("This invitation was accepted")).to_be_visible()
        await expect(tab.page.get_by_role("status").first).to_contain_text("Done")
        await expect(tab.page.get_by_role("alert")).to_have_count(0)
        assert posts.count("POST") == 1

    async def test_form_that_the_server_refuses_is_not_reported_as_done(self, tab: Tab) -> None:
        async def refuse(route: Any) -> None:
            if route.request.method == "POST":
                await route.fulfill(status=403, json={"error": "This page is of another origin."})
            else:
                await route.continue_()

        await tab.page.route("**/__sandbox__/", refuse)
        await tab.open()
        news = tab.page.get_by_role("status")
        await expect(news).to_contain_text("Live")
        await tab.page.get_by_role("button", name="Advance the clock").click()
        await expect(news).to_have_text("Not done: This page is of another origin.")
        tab.problems[:] = [each for each in tab.problems if "status of 403" not in each]

    async def test_answer_that_is_too_late_says_so(
        self, tab: Tab, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        invitation_id = await invite(arena, "ada@example.org")
        path = f"/__sandbox__/emails/{invitation_id}"
        await tab.page.route("**/events", lambda route: route.abort())
        await tab.open(path)
        sandbox.decline_invitation(invitation_id)
        await tab.page.get_by_role("button", name="Accept").click()
        await expect(tab.page.get_by_role("alert")).to_contain_text("not pending but declined")
        await expect(tab.page.get_by_text("This invitation was declined")).to_be_visible()
        ours = ("status of 409", "net::ERR_FAILED")
        tab.problems[:] = [each for each in tab.problems if not any(e in each for e in ours)]

    async def test_clock_is_advanced(self, tab: Tab, sandbox: Sandbox) -> None:
        before, days = sandbox.now, timedelta(days=400)
        await tab.open()
        await tab.page.get_by_label("Move the clock forward by").fill("400")
        await tab.page.get_by_label("Unit").select_option("days")
        await tab.page.get_by_role("button", name="Advance the clock").click()
        await expect(tab.page.locator("#clock time")).to_contain_text(f"{(before + days).year}-")
        assert (sandbox.now - before).days == days.days

    async def test_lines_are_copied(self, tab: Tab, sandbox: Sandbox) -> None:
        await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await tab.open()
        await tab.page.get_by_role("button", name="Copy the lines for Linux and macOS").click()
        await expect(tab.page.get_by_text("Copied.")).to_be_visible()
        copied = await tab.page.evaluate("navigator.clipboard.readText()")
        token = sandbox.tokens.owner
        assert copied == f"export ARENA_BASE_URL={sandbox.url}\nexport ARENA_TOKEN={token}"

    async def test_news_are_announced_politely(self, tab: Tab, arena: ArenaClient) -> None:
        await tab.open()
        news = tab.page.get_by_role("status")
        await expect(news).to_contain_text("Live")
        await invite(arena, "ada@example.org")
        await expect(news).to_have_text("1 new email in the inbox.")
        await expect(news).to_have_attribute("aria-live", "polite")

    async def test_page_connects_again_after_a_restart(
        self, tab: Tab, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        await tab.open()
        news = tab.page.get_by_role("status")
        await expect(news).to_contain_text("Live")
        await sandbox.aclose()
        await expect(news).to_contain_text("Not connected")
        await sandbox.start()
        await expect(news).to_contain_text("Live")
        await arena.groups.get(GROUP)
        await expect(tab.page.locator("#requests tbody tr")).to_have_count(1)
        tab.problems[:] = [each for each in tab.problems if "net::ERR" not in each]

    async def test_keyboard_reaches_the_content_first(self, tab: Tab) -> None:
        await tab.open()
        await tab.page.keyboard.press("Tab")
        skip = tab.page.get_by_role("link", name="Skip to the content")
        await expect(skip).to_be_focused()
        await expect(skip).to_have_css("outline-style", "solid")
        await expect(skip).to_be_in_viewport()
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.get_by_role("main")).to_be_focused()


class TestWithoutScript:
    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {"java_script_enabled": False}

    async def test_everything_is_readable(self, tab: Tab, arena: ArenaClient) -> None:
        await invite(arena, "ada@example.org")
        await tab.open()
        for text in ("ada@example.org", "createGroupInvitation", "Night Shift", "ARENA_BASE_URL"):
            await expect(tab.page.get_by_text(text).first).to_be_visible()
        await tab.page.get_by_text("All faults", exact=True).click()
        await expect(tab.page.get_by_text("The response is delayed.")).to_be_visible()

    async def test_invitation_is_accepted(self, tab: Tab, arena: ArenaClient) -> None:
        await invite(arena, "ada@example.org")
        await tab.open()
        await tab.page.get_by_role("link", name="invites you to the group Research Studio").click()
        await tab.page.get_by_role("button", name="Accept").click()
        await expect(tab.page.get_by_text("This invitation was accepted")).to_be_visible()
        newest = await arena.groups.members(GROUP).collect(limit=2)
        assert "Ada" in [member.name for member in newest]

    async def test_fault_is_switched(self, tab: Tab, arena: ArenaClient) -> None:
        await tab.open()
        await tab.page.get_by_text("All faults", exact=True).click()
        await tab.page.get_by_role("switch", name="disconnect").click()
        await expect(tab.page.locator("#faults ul")).to_contain_text("applied to 0 requests")
        with pytest.raises(ArenaError):
            await arena.groups.get(GROUP)
        await tab.page.get_by_role("button", name="Turn off all faults").click()
        await expect(tab.page.get_by_text("No fault is on.")).to_be_visible()

    async def test_clock_is_advanced(self, tab: Tab, sandbox: Sandbox) -> None:
        before = sandbox.now
        await tab.open()
        await tab.page.get_by_label("Move the clock forward by").fill("3")
        await tab.page.get_by_role("button", name="Advance the clock").click()
        await tab.page.wait_for_url("**/__sandbox__/#clock")
        assert (sandbox.now - before).total_seconds() >= 3 * 3600


class TestAppearance:
    @pytest_asyncio.fixture(loop_scope="package")
    async def hostile(self, sandbox: Sandbox, arena: ArenaClient) -> None:
        """Long names, and names that look like markup or run from right to left."""
        for name in ("long" * 500, "<script>alert(1)</script>", "\u202e שלום", "W" * 120):
            group = sandbox.add_group(name)
            await arena.groups.invite(group, email=f"{'a' * 60}@{'b' * 60}.example.org")
        sandbox.rename_user(sandbox.users.owner.id, "M" * 300)
        sandbox.faults.add_spec("latency:seconds=0,operation=getGroupInvitations")
        await arena.groups.invitations(GROUP).collect()

    @pytest.mark.usefixtures("hostile")
    @pytest.mark.parametrize("width", [320, 390, 1280])
    async def test_nothing_is_wider_than_the_window(
        self, tab: Tab, sandbox: Sandbox, width: int
    ) -> None:
        await tab.page.set_viewport_size({"width": width, "height": 900})
        pending = sandbox.pending_invitations(GROUP)[0]
        email = sandbox.emails[-1].invitation_id
        for path in ("", "?group=1001", f"emails/{pending}", f"emails/{email}"):
            await tab.open(f"/__sandbox__/{path}")
            for summary in await tab.page.locator("summary").all():
                await summary.click()
            wide = await tab.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path

    @pytest.mark.parametrize(("scheme", "colour"), [("light", LIGHT), ("dark", DARK)])
    async def test_colours_follow_the_system(self, tab: Tab, scheme: str, colour: str) -> None:
        await tab.page.emulate_media(color_scheme=scheme)
        await tab.open()
        assert await background(tab) == colour
