"""Views: the words for events, and the permissions and scopes in details."""

from pathlib import Path

import pytest
from attrs import evolve

from arena_groups import MemberJoined
from arena_groups.cli.output.account_views import AUTH_STATUS
from arena_groups.cli.output.rows import AuthStatusRow
from arena_groups.cli.output.views import EVENTS
from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured
from tests.support.group_states import invitation
from tests.support.watch_events import every_event

GROUP = "night-shift"


def test_events_table_describes_each_kind_of_event(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path
) -> None:
    def watch() -> dict[str, str]:
        store = ["--once", "--store", str(tmp_path / "state.db")]
        assert at("watch", GROUP, *store, chosen="table") == 0
        lines = capsys.readouterr().out.splitlines()[1:]
        rows = [line.split("  ") for line in lines if line[0].isdigit()]
        cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
        return {row[2]: row[3] if len(row) > 3 else "" for row in cells}

    assert watch() == {}
    accepted, declined = sandbox.pending_invitations(GROUP)
    sandbox.accept_invitation(accepted)
    sandbox.decline_invitation(declined)
    sandbox.add_invitations(GROUP, 1)
    leaving = sandbox.members(GROUP)[-1]
    sandbox.leave_group(GROUP, leaving)
    assert at("invite-code", "delete", GROUP, "--yes") == 0
    capsys.readouterr()
    events = watch()
    assert set(events) == {
        "invitation sent",
        "invitation accepted",
        "invitation closed",
        "member joined",
        "member left",
        "invite code deleted",
    }
    assert events.pop("invite code deleted") == ""
    assert all(events.values())
    assert at("invite-code", "create", GROUP) == 0
    capsys.readouterr()
    assert watch() == {"invite code changed": ""}


def test_events_table_names_both_roles_of_a_changed_member(
    at: At, sandbox: Sandbox, capsys: Captured, tmp_path: Path
) -> None:
    line = ["watch", "research-studio", "--once", "--store", str(tmp_path / "state.db")]
    assert at(*line, chosen="table") == 0
    sandbox.transfer_ownership("research-studio", sandbox.users.member.id)
    assert at(*line, chosen="table", person="member") == 0
    out = capsys.readouterr().out
    assert "now owner, was member" in out
    assert "Minh Castellanos" in out


@pytest.mark.parametrize(
    ("reset", "text"),
    [(12.4, "for the next 12 s"), (None, "in this window of 60 s")],
)
def test_auth_status_with_known_quota_shows_window(reset: float | None, text: str) -> None:
    status = status_with(limit=120, left=7, reset=reset)
    assert cells(status)["Quota"] == f"at most 7 of 120 requests left {text}"


def test_auth_status_with_unknown_quota_says_so() -> None:
    assert cells(status_with(limit=None, left=None, reset=None))["Quota"] == "unknown"


def status_with(*, limit: int | None, left: int | None, reset: float | None) -> AuthStatusRow:
    return AuthStatusRow(
        base_url="https://api.are.na",
        token_source="the system's keyring",
        user_id=1,
        slug="ada-osei",
        name="Ada Osei",
        tier="free",
        scopes=["read"],
        write="no",
        quota_limit=limit,
        quota_window=60.0,
        quota_left=left,
        quota_resets_in=reset,
    )


def cells(status: AuthStatusRow) -> dict[str, object]:
    return {column.title: column.cell(status) for column in AUTH_STATUS.table}


def test_table_of_events_says_who_added_a_member_if_that_is_known() -> None:
    joined = next(event for event in every_event() if isinstance(event, MemberJoined))
    invitee = invitation(1, 6).invitee
    assert invitee is not None
    adder = evolve(invitee, name="Grace")
    who = EVENTS.table[-1]
    assert who.cell(joined) == f"Ada ({joined.member.slug})"
    added = evolve(joined, added_by=adder)
    assert who.cell(added) == f"Ada ({joined.member.slug}), added by Grace"
