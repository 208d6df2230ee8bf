"""JSON bodies of webhooks: what they hold, and their schema."""

import copy
import json
from typing import Any

import jsonschema
import pytest

from arena_groups import ArenaClient, MemoryStore, WatchEvent, to_dict, watch
from arena_groups.sandbox import Sandbox
from arena_groups.webhooks import payload_schema
from arena_groups.webhooks.payload import json_body
from tests.support.clients import single
from tests.support.watch_events import every_event

KINDS = {
    "invitation.sent",
    "invitation.accepted",
    "invitation.closed",
    "member.joined",
    "member.left",
    "role.changed",
    "invite_code.changed",
}


def body(event: WatchEvent, *, include_emails: bool = False) -> Any:
    return json.loads(json_body([event], include_emails=include_emails))


def closed_schema() -> dict[str, Any]:
    """Return the schema, with fields that it does not name forbidden."""
    schema: Any = copy.deepcopy(payload_schema())

    def close(part: Any) -> None:
        if isinstance(part, dict):
            for inner in list(part.values()):
                close(inner)
            if "required" in part and part is not schema:
                part["additionalProperties"] = False
        elif isinstance(part, list):
            for inner in part:
                close(inner)

    close(schema)
    return dict(schema)


def validator(schema: dict[str, Any]) -> Any:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


async def real_events(sandbox: Sandbox) -> list[WatchEvent]:
    """Return events of a watch, of every kind."""
    group = sandbox.add_group("Team")
    store = MemoryStore()
    events: list[WatchEvent] = []

    async def poll(arena: ArenaClient, *, replay: bool = False) -> None:
        async with watch(arena, group, store=store, once=True, replay=replay) as watcher:
            events.extend([event async for event in watcher])

    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        await poll(arena, replay=True)
        heir, invitee = sandbox.add_user("Hal"), sandbox.add_user("Ida")
        sandbox.add_member(group, heir)
        await arena.groups.invite(group, user_id=invitee)
        await arena.groups.invite(group, email="x@example.org")
        await arena.groups.create_invite_code(group)
        await poll(arena)
        by_address, by_user = sorted(sandbox.pending_invitations(group), reverse=True)
        sandbox.accept_invitation(by_user)
        sandbox.decline_invitation(by_address)
        sandbox.leave_group(group, heir)
        await arena.groups.delete_invite_code(group)
        await poll(arena)
        sandbox.transfer_ownership(group, invitee)
        await poll(arena)
    return events


@pytest.mark.parametrize("include_emails", [True, False])
async def test_real_events_of_every_kind_are_valid_and_have_no_other_fields(
    sandbox: Sandbox, include_emails: bool
) -> None:
    check = validator(closed_schema())
    found = set()
    for event in await real_events(sandbox):
        payload = body(event, include_emails=include_emails)
        check.validate(payload)
        found.add(payload["type"])
        assert payload["version"] == 1
        assert payload["timestamp"] == payload["data"]["observed_at"]
        if include_emails:
            assert payload["data"] == to_dict(event)
        assert ("x@example.org" in str(payload)) is (
            include_emails and "x@example.org" in str(to_dict(event))
        )
    assert found == KINDS


@pytest.mark.parametrize("event", every_event("Ada \ud800 阿达"), ids=lambda event: event.key)
def test_body_is_valid_for_any_name_and_without_address(event: WatchEvent) -> None:
    validator(closed_schema()).validate(body(event))
    raw = json_body([event])
    assert raw.isascii()
    assert b"ada@example.org" not in raw
    assert raw == json_body([event])


@pytest.mark.parametrize("part", ["type", "timestamp", "version", "data"])
def test_schema_refuses_a_body_without_a_part(part: str) -> None:
    payload = body(every_event()[0])
    del payload[part]
    with pytest.raises(jsonschema.ValidationError):
        validator(payload_schema()).validate(payload)


def test_schema_refuses_data_of_another_type_and_allows_new_fields() -> None:
    payload = body(every_event()[0])
    payload["data"]["new"] = payload["new"] = 1
    check = validator(payload_schema())
    check.validate(payload)
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**payload, "type": "member.joined"})
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**payload, "version": 2})


@pytest.mark.parametrize("events", [[], every_event()[:2]])
def test_body_takes_one_event(events: list[WatchEvent]) -> None:
    with pytest.raises(ValueError, match="events must be one"):
        json_body(events)
