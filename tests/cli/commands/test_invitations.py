"""Invitations: list, send, revoke, expire."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from arena_groups import (
    ForbiddenError,
    Group,
    GroupsResource,
    UsersResource,
)
from arena_groups.cli import invitation_list
from arena_groups.cli.commands import invitations as command
from arena_groups.cli.invitation_list import ORDERS, InvitationFilter
from arena_groups.cli.main import run
from arena_groups.sandbox import SEEDED_AT, Sandbox
from arena_groups.sandbox.faults import Blocked, ServerFailure
from tests.support.command_line import AsPerson, At, Captured, Make

SENT = datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)
GROUP = "research-studio"


def listed(capsys: Captured) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the time to an hour after that of the sandbox's data."""
    for module in (command, invitation_list):
        monkeypatch.setattr(module, "utc_now", lambda: SEEDED_AT + timedelta(hours=1))


def refuse(monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    """Forbid the invitations of one group."""
    allowed = GroupsResource.invitations

    def invitations(self: GroupsResource, group: int, **options: Any) -> object:
        if group == refused:
            raise ForbiddenError(403)
        return allowed(self, group, **options)

    monkeypatch.setattr(GroupsResource, "invitations", invitations)


def deny(monkeypatch: pytest.MonkeyPatch, slug: str) -> None:
    """Deny the permission to manage the invitations of one group."""
    groups = UsersResource.groups

    async def denied(self: UsersResource, user: int, **options: Any) -> AsyncIterator[Group]:
        async for group in groups(self, user, **options):
            can = evolve(group.can, manage_invitations=group.slug != slug)
            yield evolve(group, can=can)

    monkeypatch.setattr(UsersResource, "groups", denied)


@pytest.mark.parametrize(
    ("selection", "accepted"),
    [
        (InvitationFilter(), True),
        (InvitationFilter(older_than=timedelta(days=1)), True),
        (InvitationFilter(older_than=timedelta(days=1, seconds=1)), False),
        (InvitationFilter(email="*@EXAMPLE.org"), True),
        (InvitationFilter(email="ada*"), True),
        (InvitationFilter(email="example"), False),
        (InvitationFilter(invited_by="ono"), True),
        (InvitationFilter(invited_by="8"), True),
        (InvitationFilter(invited_by="on"), False),
        (InvitationFilter(email="ada*", invited_by="mara"), False),
    ],
)
def test_filter_accepts_invitation_that_meets_all_conditions(
    selection: InvitationFilter, accepted: bool, invitation: Make
) -> None:
    one = invitation(email="Ada@example.org")
    assert selection.accepts(one, SENT + timedelta(days=1)) is accepted


@pytest.mark.parametrize("pattern", ["*@B\u00dcCHER.example", "*@*xn--bcher-kva.example "])
def test_filter_by_domain_accepts_it_in_both_spellings(pattern: str, invitation: Make) -> None:
    accepts = InvitationFilter(email=pattern).accepts
    assert accepts(invitation(email="Ada@b\u00fccher.example"), SENT)
    assert accepts(invitation(email="ada@XN--bcher-kva.example"), SENT)
    assert not accepts(invitation(email="ada@buecher.example"), SENT)


def test_filter_by_domain_rejects_another_one(invitation: Make) -> None:
    selected = InvitationFilter(email="*@stra\u00dfe.de")
    assert not selected.accepts(invitation(email="ada@strasse.de"), SENT)


def test_filter_by_address_rejects_invitation_without_one(invitation: Make) -> None:
    assert not InvitationFilter(email="*").accepts(invitation(), SENT)


def test_filter_repr_hides_address() -> None:
    assert "ada" not in repr(InvitationFilter(email="ada@example.org"))


def ids_in(text: str, chosen: str) -> list[int]:
    if chosen == "json":
        return [item["id"] for item in json.loads(text)]
    if chosen == "ndjson":
        return [json.loads(line)["id"] for line in text.splitlines()]
    if chosen == "csv":
        return [int(row["id"]) for row in csv.DictReader(io.StringIO(text))]
    return [int(line.split()[0]) for line in text.splitlines() if line[0].isdigit()]


def test_list_has_the_same_items_in_every_format(capsys: Captured, as_person: AsPerson) -> None:
    where = as_person("owner")
    ids = {}
    for chosen in ("table", "json", "ndjson", "csv"):
        assert run(["invitations", "list", GROUP, "--format", chosen, *where]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        ids[chosen] = ids_in(out, chosen)
    assert ids["table"] == ids["json"] == ids["ndjson"] == ids["csv"]
    assert len(set(ids["json"])) == len(ids["json"]) > 100


def test_list_with_filters_shows_only_matches(at: At, capsys: Captured) -> None:
    line = ["--older-than", "60d", "--email", "*@example.org", "--invited-by", "ada-osei"]
    assert at("invitations", "list", "research-studio", *line) == 0
    found = listed(capsys)
    assert 0 < len(found) < 100
    for each in found:
        assert str(each["invitee_email"]).endswith("@example.org")
        assert str(each["created_at"]) < "2026-03-02T10:30:00Z"


@pytest.mark.parametrize("sort", ORDERS)
def test_list_sorted_has_the_same_items(at: At, capsys: Captured, sort: str) -> None:
    assert at("invitations", "list", "--all-groups") == 0
    unsorted = listed(capsys)
    assert at("invitations", "list", "--all-groups", "--sort", sort) == 0
    found = listed(capsys)
    assert sorted(str(each["id"]) for each in found) == sorted(str(each["id"]) for each in unsorted)
    if sort in {"newest", "oldest"}:
        times = [str(each["created_at"]) for each in found]
        assert times == sorted(times, reverse=sort == "newest")


def test_list_all_groups_shows_each_invitation_once(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("invitations", "list", "--all-groups") == 0
    expected = {number for group in sandbox.groups for number in sandbox.pending_invitations(group)}
    found = [each["id"] for each in listed(capsys)]
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.parametrize("known_before", [False, True])
def test_list_all_groups_skips_forbidden_groups_with_note(
    at: At, capsys: Captured, monkeypatch: pytest.MonkeyPatch, known_before: bool
) -> None:
    if known_before:
        deny(monkeypatch, "night-shift")
    else:
        refuse(monkeypatch, 1002)
    assert at("invitations", "list", "--all-groups") == 0
    out, err = capsys.readouterr()
    assert {each["target"]["slug"] for each in json.loads(out)} == {"research-studio"}
    assert "night-shift" in json.loads(err)["note"]["message"]
    assert at("invitations", "list", "--all-groups", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_list_all_groups_blocked_by_the_edge_skips_no_group(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    sandbox.faults.add(Blocked("page"), operation="getGroupInvitations")
    assert at("invitations", "list", "--all-groups") == 6
    written = capsys.readouterr().err
    assert '"type": "blocked"' in written
    assert "skipped" not in written


@pytest.mark.parametrize("more", [(), ("--sort", "oldest"), ("--all-groups",)])
def test_list_with_limit_stops_there(
    at: At, sandbox: Sandbox, capsys: Captured, more: tuple[str, ...]
) -> None:
    group = () if "--all-groups" in more else ("research-studio",)
    sandbox.clear_requests()
    assert at("invitations", "list", *group, *more, "--limit", "3") == 0
    assert len(listed(capsys)) == 3
    if not more:
        assert len(sandbox.requests) == 1


def test_list_with_limit_0_sends_nothing(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    assert at("invitations", "list", "research-studio", "--limit", "0") == 0
    assert listed(capsys) == []
    assert sandbox.requests == ()


def test_send_reports_outcome_of_each_recipient(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    line = ["--email", "ann@example.net", "--email", "ANN@example.net", "--user-id"]
    members = ["--user-id", str(sandbox.users.member.id)]
    assert at("invitations", "send", "research-studio", *line, "3", *members) == 0
    outcomes = [each["outcome"] for each in listed(capsys)]
    assert outcomes == ["invited", "added", "already_member"]
    assert [each.address for each in sandbox.emails] == ["ann@example.net"]


def test_send_unknown_user_continues_with_others(at: At, capsys: Captured) -> None:
    line = ["--user-id", "999999", "--user-id", "3"]
    assert at("invitations", "send", "blank-page", *line) == 3
    out, err = capsys.readouterr()
    assert [each["outcome"] for each in json.loads(out)] == ["failed", "added"]
    assert "1 of 2 invitations could not be sent" in json.loads(err)["error"]["message"]


def test_send_invalid_address_sends_nothing(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    line = ["--email", "ann@example.net", "--email", "nobody-at-all"]
    assert at("invitations", "send", "blank-page", *line) == 1
    assert sandbox.requests == ()
    err = capsys.readouterr().err
    assert "number 2" in err
    assert "nobody" not in err


def test_revoke_accepted_invitation_continues_with_others(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    first, second = sandbox.pending_invitations("night-shift")
    sandbox.accept_invitation(first)
    ids = [str(first), str(second), str(second)]
    assert at("invitations", "revoke", "night-shift", *ids, "--yes") == 4
    out, err = capsys.readouterr()
    assert [each["outcome"] for each in json.loads(out)] == ["already_gone", "revoked"]
    error = json.loads(err)["error"]
    assert (error["type"], error["status"]) == ("validation", 422)
    assert error["message"].startswith("1 of 2 invitations could not be revoked: 422")


def test_revoke_single_declined_invitation_is_validation_error(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    first, _ = sandbox.pending_invitations("night-shift")
    sandbox.decline_invitation(first)
    assert at("invitations", "revoke", "night-shift", str(first), "--yes") == 4
    assert json.loads(capsys.readouterr().err)["error"]["message"].startswith("422 ")


def test_revoke_server_error_ends_batch(at: At, sandbox: Sandbox) -> None:
    first, second = sandbox.pending_invitations("night-shift")
    sandbox.faults.add(ServerFailure(501), operation="revokeGroupInvitation", times=1)
    assert at("invitations", "revoke", "night-shift", str(first), str(second), "--yes") == 1
    assert len(sandbox.pending_invitations("night-shift")) == 2


def test_expire_revokes_only_old_invitations(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    first, second = sandbox.pending_invitations("night-shift")
    age = f"{(SEEDED_AT + timedelta(hours=1) - datetime(2026, 2, 1, 9, 30, tzinfo=UTC)).days}d"
    assert at("invitations", "expire", "night-shift", "--older-than", age, "--yes") == 0
    assert [each["id"] for each in listed(capsys)] == [second]
    assert sandbox.pending_invitations("night-shift") == [first]
    assert sandbox.invitation_state(second) == "revoked"


def test_expire_without_old_invitations_does_nothing(at: At, capsys: Captured) -> None:
    line = ["--older-than", "99w", "--yes"]
    assert at("invitations", "expire", "night-shift", *line) == 0
    assert listed(capsys) == []


def test_expire_dry_run_lists_and_sends_nothing(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    line = ["--older-than", "1d", "--dry-run"]
    assert at("invitations", "expire", "night-shift", *line) == 0
    assert len(listed(capsys)) == 2
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_send_takes_addresses_slugs_urls_and_ids(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    who = ["ann@example.net", "noor-halvorsen", "https://www.are.na/tomasz-whetu/", "2"]
    assert at("invitations", "send", "https://are.na/group/blank-page?a", *who) == 0
    rows = listed(capsys)
    assert [row["outcome"] for row in rows] == ["invited", "added", "invited", "added"]
    assert [row["user_id"] for row in rows] == [
        None, sandbox.users.follower.id, sandbox.users.stranger.id, sandbox.users.member.id,
    ]  # fmt: skip
    assert sandbox.emails[0].address == "ann@example.net"
    assert len([each for each in sandbox.requests if each.operation == "getUser"]) == 2


def test_send_unknown_slug_continues_with_others(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("invitations", "send", "blank-page", "nobody", "noor-halvorsen") == 3
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert [(row["outcome"], row["slug"]) for row in rows] == [
        ("failed", "nobody"), ("added", "noor-halvorsen"),
    ]  # fmt: skip
    assert "1 of 2 invitations could not be sent" in json.loads(err)["error"]["message"]


def test_send_dry_run_reports_each_recipient_and_only_reads(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("invitations", "send", "blank-page", "minh-castellanos", "old@example.net") == 0
    capsys.readouterr()
    sandbox.clear_requests()
    emails = sandbox.emails
    who = ["ann@example.net", "noor-halvorsen", "https://www.are.na/tomasz-whetu/", "2"]
    known = ["--email", "OLD@example.net", "--user-id", "3"]
    line = ["invitations", "send", "https://are.na/group/blank-page", *who, *known, "--dry-run"]
    for predict, added in (((), "would_invite"), (("--predict",), "would_add")):
        assert at(*line, *predict) == 0
        rows = listed(capsys)
        assert [row["outcome"] for row in rows] == [
            "would_invite", added, "would_invite", "already_member", "already_invited",
            "duplicate",
        ]  # fmt: skip
        assert [row["user_id"] for row in rows] == [
            None, sandbox.users.follower.id, sandbox.users.stranger.id, 2, None, 3,
        ]  # fmt: skip
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert sandbox.emails == emails


@pytest.mark.parametrize("chosen", ["table", "csv"])
def test_send_dry_run_unknown_slug_continues_with_others(
    at: At, sandbox: Sandbox, capsys: Captured, chosen: str
) -> None:
    line = ["blank-page", "nobody", "noor-halvorsen", "--dry-run"]
    assert at("invitations", "send", *line, chosen=chosen) == 3
    out, err = capsys.readouterr()
    assert [word in out for word in ("failed", "nobody", "would_invite", "noor")] == [True] * 4
    assert "1 of 2 invitations could not be checked" in err
    assert sandbox.emails == ()


def test_send_dry_run_blocked_by_the_edge_ends(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    sandbox.faults.add(Blocked("page"), operation="getUser")
    assert at("invitations", "send", "blank-page", "noor-halvorsen", "--dry-run") == 6
    assert '"type": "blocked"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("ann@localhost", "not an email address"),
        ("https://evil.example/ann", "user must be"),
        ("https://www.are.na/group/ann/invite/c0de", "user must be"),
        ("ann.example.net", "; an email address has an @"),
        ("lists/people.csv", "is the name of a file: read it with --from"),
        ("0", "must be 1 or more"),
    ],
)
def test_send_invalid_argument_sends_nothing_and_is_not_shown(
    at: At, sandbox: Sandbox, capsys: Captured, bad: str, problem: str
) -> None:
    assert at("invitations", "send", "blank-page", "bo@example.net", bad) == 1
    message = json.loads(capsys.readouterr().err)["error"]["message"]
    assert message.startswith("WHO number 2")
    assert problem in message
    assert bad == "0" or bad not in message
    assert sandbox.requests == ()


def test_revoke_takes_ids_addresses_slugs_and_urls(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    who = ["ann@example.net", "tomasz-whetu", "cy@example.net", "bo@example.net"]
    assert at("invitations", "send", "blank-page", *who) == 0
    first, second, third, kept = (int(str(row["invitation_id"])) for row in listed(capsys))
    line = ["ANN@example.net", "https://www.are.na/tomasz-whetu", str(third), str(first)]
    assert at("invitations", "revoke", "blank-page", *line, "--yes") == 0
    assert [row["id"] for row in listed(capsys)] == [first, second, third]
    assert sandbox.pending_invitations("blank-page") == [kept]


def test_revoke_of_people_who_are_not_invited_revokes_nothing_and_shows_no_address(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    before = sandbox.pending_invitations("night-shift")
    line = [str(before[0]), "ann@example.net", "noor-halvorsen"]
    assert at("invitations", "revoke", "night-shift", *line, "--yes") == 3
    message = json.loads(capsys.readouterr().err)["error"]["message"]
    assert "the address at number 2, noor-halvorsen" in message
    assert "ann@" not in message
    assert sandbox.pending_invitations("night-shift") == before


def test_revoke_counts_arguments_as_given_in_its_message(at: At, capsys: Captured) -> None:
    line = ["7", "7", "noor-halvorsen", "ann@example.net", "ANN@example.net"]
    assert at("invitations", "revoke", "night-shift", *line, "--yes") == 3
    message = json.loads(capsys.readouterr().err)["error"]["message"]
    assert message.endswith(": 7, noor-halvorsen, the address at number 4")


def test_revoke_in_a_missing_group_is_a_failure(at: At, capsys: Captured) -> None:
    assert at("invitations", "revoke", "no-such-group", "7", "8", "--yes") == 3
    out, err = capsys.readouterr()
    assert '"failed"' in out
    assert "already_gone" not in out
    assert json.loads(err)["error"]["type"] == "not_found"


def test_revoke_id_out_of_range_names_the_invitation(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    first = str(sandbox.pending_invitations("night-shift")[0])
    assert at("invitations", "revoke", "night-shift", first, str(2**63), "--yes") == 1
    message = json.loads(capsys.readouterr().err)["error"]["message"]
    assert message == "WHO number 2: invitation id is larger than any id"
    assert sandbox.requests == ()


@pytest.mark.parametrize("by", ["https://www.are.na/ada-osei", "ada-osei"])
def test_list_filters_by_the_url_of_the_inviter(at: At, capsys: Captured, by: str) -> None:
    url = "https://www.are.na/group/research-studio"
    assert at("invitations", "list", url, "--invited-by", by) == 0
    found = listed(capsys)
    assert {each["invited_by"]["slug"] for each in found} == {"ada-osei"}  # type: ignore[index]


def test_send_and_revoke_take_an_address_with_a_name(at: At, sandbox: Sandbox) -> None:
    who = "Ada Osei <ada@example.org>"
    line = ["invitations", "send", "blank-page", who, "--email", "mailto:bo@example.org"]
    assert at(*line) == 0
    assert [each.address for each in sandbox.emails] == ["ada@example.org", "bo@example.org"]
    assert at("invitations", "revoke", "blank-page", who, "--yes") == 0
    assert len(sandbox.pending_invitations("blank-page")) == 1
    assert at("invitations", "send", "blank-page", "cy@example.org <ada@example.org>") == 1
    assert len(sandbox.emails) == 2
