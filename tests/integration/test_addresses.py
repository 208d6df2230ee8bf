"""Addresses, treated alike by every way to invite somebody."""

import asyncio
import io
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from arena_groups import ArenaClient, BulkOutcome, NoPacer, SQLiteStore, invite_many
from arena_groups.cli.main import run
from tests.support import documents
from tests.support.servers import ReceivedRequest, Server, http, serving

GROUP = "research-studio"
Invite = Callable[[Server, list[str], Path], Awaitable[str]]


def respond(request: ReceivedRequest, pending: str | None = None) -> bytes:
    """Respond as the API: an empty group with at most one pending invitation."""
    if request.method == "POST":
        return http(documents.invite_result(user=None), "201 Created")
    if "/invitations" in request.target:
        invited = documents.invitation(invitee=None, invitee_email=pending)
        return http(documents.page(*([invited] if pending else [])))
    return http(documents.page() if "/members" in request.target else documents.group())


def sent(server: Server) -> list[str]:
    """Return the addresses that the server was asked to invite."""
    return [json.loads(each.body)["email"] for each in server.requests if each.method == "POST"]


async def by_call(server: Server, emails: list[str], _folder: Path) -> str:
    async with ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena:
        try:
            for email in emails:
                await arena.groups.invite(GROUP, email=email)
        except ValueError as error:
            return str(error)
    return ""


async def by_bulk_call(server: Server, emails: list[str], _folder: Path) -> str:
    async with ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena:
        try:
            await invite_many(arena, GROUP, emails)
        except ValueError as error:
            return str(error)
    return ""


async def by_option(server: Server, emails: list[str], _folder: Path) -> str:
    return await _command(server, *(f"--email={email}" for email in emails))


async def by_file(server: Server, emails: list[str], folder: Path) -> str:
    file = folder / "people.csv"
    file.write_text("email\n" + "\n".join(f'"{email}"' for email in emails), encoding="utf-8")
    return await _command(server, "--from", str(file))


async def _command(server: Server, *options: str) -> str:
    with (
        mock.patch.dict(os.environ, ARENA_TOKEN="t", ARENA_BASE_URL=server.url),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()) as error,
    ):
        code = await asyncio.to_thread(run, ["invitations", "send", GROUP, *options])
    assert (code == 0) is not bool(error.getvalue())
    return error.getvalue()


WAYS: Mapping[str, Invite] = {
    "groups.invite": by_call,
    "invite_many": by_bulk_call,
    "send --email": by_option,
    "send --from": by_file,
}
every_way = pytest.mark.parametrize("way", WAYS)


@every_way
async def test_address_is_sent_as_given_and_trimmed(way: str, tmp_path: Path) -> None:
    given = ["ada@stra\u00dfe.de ", "\tWei\u00df@Example.DE", "zoe\u0308@B\u00fccher.example"]
    async with serving(respond) as server:
        assert await WAYS[way](server, given, tmp_path) == ""
        assert sent(server) == [each.strip() for each in given]


@every_way
@pytest.mark.parametrize(
    "bad", ["bo@i\u2764.ws", "bo@localhost", "bo@[1.2.3.4]", "b\u200bo@example.org", '"bo"@a.org']
)
async def test_refused_address_sends_nothing_and_is_not_shown(
    way: str, bad: str, tmp_path: Path
) -> None:
    emails = [bad] if way == "groups.invite" else ["ada@example.org", bad]
    async with serving(respond) as server:
        error = await WAYS[way](server, emails, tmp_path)
        assert server.requests == []
    place = {"invite_many": "position 1", "send --email": "number 2", "send --from": "line"}
    assert place.get(way, "email is not") in error
    assert "bo" not in error.replace("about", "")


@pytest.mark.parametrize("way", [name for name in WAYS if name != "groups.invite"])
async def test_one_mailbox_gets_one_email_and_two_people_get_two(way: str, tmp_path: Path) -> None:
    given = [
        "u@b\u00fccher.example", "U@xn--bcher-kva.example", "u@B\u00dcCHER\uff0eexample",
        "wei\u00df@example.de", "weiss@example.de", "WEISS@EXAMPLE.DE", "weiss@stra\u00dfe.de",
    ]  # fmt: skip
    async with serving(respond) as server:
        assert await WAYS[way](server, given, tmp_path) == ""
        assert sent(server) == [given[0], given[3], given[4], given[6]]


@pytest.mark.parametrize("way", ["invite_many", "send --from"])
@pytest.mark.parametrize(
    ("pending", "given", "is_sent"),
    [
        ("u@xn--bcher-kva.example", "U@b\u00fccher.example", False),
        ("u@b\u00fccher.example", "u@XN--BCHER-KVA.example", False),
        ("u@strasse.de", "u@stra\u00dfe.de", True),
        ("weiss@example.de", "wei\u00df@example.de", True),
        ("not an address", "u@example.de", True),
    ],
)
async def test_pending_invitation_is_compared_by_mailbox(
    way: str, pending: str, given: str, *, is_sent: bool, tmp_path: Path
) -> None:
    async with serving(lambda request: respond(request, pending)) as server:
        assert await WAYS[way](server, [given], tmp_path) == ""
        assert sent(server) == ([given] if is_sent else [])


async def test_journal_recognizes_the_mailbox(tmp_path: Path) -> None:
    async with (
        serving(respond) as server,
        ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena,
        SQLiteStore(tmp_path / "journal.sqlite") as store,
    ):
        await invite_many(arena, GROUP, ["u@b\u00fccher.example"], store=store)
        again = ["U@xn--bcher-kva.example", "u@buecher.example"]
        summary = await invite_many(arena, GROUP, again, store=store)
        assert (summary.counts[BulkOutcome.INVITED], summary.from_journal) == (2, 1)
        assert sent(server) == ["u@b\u00fccher.example", "u@buecher.example"]
