"""Plans and results of ``sync``, as they are shown."""

import io
from collections.abc import Sequence

import pytest
from attrs import evolve

from arena_groups import PacerSnapshot, from_dict
from arena_groups.cli.sync_view import (
    TEXTS,
    RowFactory,
    describe_cost,
    markdown,
    masked,
    slugs_in,
    who,
    write_tables,
)
from arena_groups.models import EmbeddedUser
from arena_groups.reconcile import ActionKind, SyncAction, SyncOutcome, SyncReason, SyncResult

ADA = from_dict(
    EmbeddedUser,
    {
        "id": 7,
        "type": "User",
        "name": "Ada | Osei",
        "slug": "ada-osei",
        "avatar": None,
        "initials": "AO",
    },
)
ACTIONS = (
    SyncAction(
        kind=ActionKind.INVITE,
        reason=SyncReason.NOT_IN_GROUP,
        email="new@example.org",
        positions=(0, 3),
        note="spring",
    ),
    SyncAction(kind=ActionKind.KEEP, reason=SyncReason.OWNER, user=ADA, user_id=7),
    SyncAction(
        kind=ActionKind.HELD,
        reason=SyncReason.WAITS_FOR_LINK,
        user=ADA,
        user_id=7,
        held="remove",
        waits_for=(1,),
    ),
    SyncAction(
        kind=ActionKind.UNRESOLVED,
        reason=SyncReason.POSSIBLY_ACCEPTED,
        email="bo@example.org",
        positions=(1,),
        candidates=(7, 8),
    ),
)
ROWS = RowFactory(group="studio", lines=[2, 3, 4, 9], slugs=slugs_in(ACTIONS))


def tables(actions: Sequence[SyncAction], factory: RowFactory = ROWS) -> str:
    stream = io.StringIO()
    write_tables(stream, map(factory.plan_row, actions))
    return stream.getvalue()


def test_tables_group_the_actions_and_say_how_to_resolve_them() -> None:
    assert tables(ACTIONS) == (
        "INVITE 1                        LINE   REASON\n"
        "new@example.org                 2 9    not in the group (spring)\n"
        "\n"
        "HELD 1                          LINE   REASON\n"
        "Ada | Osei (ada-osei)                  remove: may be the person of line 3\n"
        "\n"
        "UNRESOLVED 1                    LINE   REASON\n"
        "bo@example.org                  3      may be one of 2 new members: ada-osei, 8\n"
        "(fill the column user, or run: arena-groups sync link EMAIL USER)\n"
        "\n"
    )


def test_rows_of_a_saved_plan_have_no_lines() -> None:
    row = RowFactory(group="studio").plan_row(ACTIONS[2])
    assert (row.lines, row.waits_for, row.text) == ((), (), "may be a person of the list")


def test_member_who_may_be_a_kept_person_is_held_for_them() -> None:
    action = evolve(ACTIONS[2], waits_for=())
    assert ROWS.plan_row(action).text == "may be a person whom --keep names"


def test_masked_rows_have_no_address_and_no_note() -> None:
    factory = RowFactory(group="studio", lines=ROWS.lines, mask=True)
    row = factory.plan_row(ACTIONS[0])
    assert (row.email, row.note, row.lines) == ("n***@e***.org", None, (2, 9))
    failed = SyncResult(action=ACTIONS[0], outcome=SyncOutcome.FAILED, error=ValueError("x"))
    assert factory.result_row(failed).email == "n***@e***.org"
    assert "new@" not in tables(ACTIONS, factory)


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ada@example.org", "a***@e***.org"),
        ("a@b.co.uk", "a***@b***.uk"),
        ("a@localhost", "a***@l***"),
        ('"a@b"@example.org', '"***@e***.org'),
    ],
)
def test_masked_address_has_first_letters_and_domain(email: str, expected: str) -> None:
    assert masked(email) == expected


def test_result_row_names_the_user_that_the_outcome_shows() -> None:
    result = SyncResult(action=ACTIONS[0], outcome=SyncOutcome.ALREADY_MEMBER, user=ADA)
    row = ROWS.result_row(result)
    assert (row.user_id, row.user, row.lines) == (7, "ada-osei", (2, 9))
    assert who(row) == "new@example.org, Ada | Osei (ada-osei)"


def test_person_who_is_only_an_invitation_is_named_by_its_id() -> None:
    action = SyncAction(kind=ActionKind.REVOKE, reason=SyncReason.NOT_DESIRED, invitation_id=41)
    assert who(ROWS.plan_row(action)) == "invitation 41"


@pytest.mark.parametrize("reason", SyncReason)
def test_every_reason_has_a_text(reason: SyncReason) -> None:
    text = ROWS.plan_row(SyncAction(kind=ActionKind.KEEP, reason=reason)).text
    assert text
    assert "_" not in text
    assert reason in TEXTS or reason in {SyncReason.POSSIBLY_ACCEPTED, SyncReason.WAITS_FOR_LINK}


@pytest.mark.parametrize(
    ("requests", "limit", "expected"),
    [
        (1, 120, "about 1 request, 1 minute of the quota"),
        (121, 120, "about 121 requests, 2 minutes of the quota"),
        (5, None, "about 5 requests"),
    ],
)
def test_cost_is_in_requests_and_minutes(requests: int, limit: int | None, expected: str) -> None:
    quota = PacerSnapshot(
        limit=limit, window=60.0, used=0, in_flight=0, waiting=0, resets_in=None, blocked_for=0.0
    )
    assert describe_cost(requests, quota) == expected


def test_markdown_shows_names_as_code() -> None:
    factory = evolve(ROWS, mask=True)
    text = markdown("studio: invite 1", map(factory.plan_row, ACTIONS), warning="too many")
    assert text == (
        "### `studio: invite 1`\n\n"
        "**too many**\n\n"
        "| action | who | line | reason |\n"
        "| --- | --- | --- | --- |\n"
        "| invite | `n***@e***.org` | 2 9 | not in the group |\n"
        "| held | `Ada \\| Osei (ada-osei)` |  | remove: may be the person of line 3 |\n"
        "| unresolved | `b***@e***.org` | 3 | may be one of 2 new members: ada-osei, 8 |\n\n"
        "`fill the column user, or run: arena-groups sync link EMAIL USER`\n"
    )


def test_markdown_of_many_people_is_cut() -> None:
    rows = [ROWS.plan_row(ACTIONS[0]) for _ in range(250)]
    text = markdown("studio", rows)
    assert text.count("| invite |") == 200
    assert text.endswith("… and 50 more\n")


@pytest.mark.parametrize(
    ("candidates", "count", "text"),
    [
        ((7,), 1, "may be the new member ada-osei"),
        ((8,), 1, "may be the new member 8"),
        ((9,), 1, "may be the new member 9"),
        ((7, 1, 2, 3, 4), 5, "may be one of 5 new members: ada-osei, 1, 2, 3, 4"),
        ((7, 1, 2, 3, 4, 5), 150, "may be one of 150 new members: ada-osei, 1, 2, 3, 4, …"),
    ],
)
def test_candidates_are_named_as_sync_link_takes_them(
    candidates: tuple[int, ...], count: int, text: str
) -> None:
    factory = evolve(ROWS, slugs={7: "ada-osei", 9: "[x](https://example.org)"})
    action = evolve(ACTIONS[3], candidates=candidates, candidate_count=count)
    assert factory.plan_row(action).text == text
