"""JSON body of a webhook: the type of the event, its time, and the event itself."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final, cast

from arena_groups._api.plain_data import to_dict
from arena_groups._exports import set_public_module
from arena_groups.watching.events import WatchEvent

__all__ = ["json_body", "payload_schema"]

VERSION: Final = 1
SCHEMA_FILE: Final = "payload.schema.json"


def json_body(events: Sequence[WatchEvent], *, include_emails: bool = False) -> bytes:
    """Return the body of a request for one event.

    It is the same each time that it is made.

    Args:
        events: The event, alone: a body holds one.
        include_emails: Whether the body contains the addresses of invitees.

    Returns:
        The JSON, as :func:`payload_schema` describes it.

    Raises:
        ValueError: There is not one event.
    """
    if len(events) != 1:
        raise ValueError("events must be one event")
    event = events[0]
    data = to_dict(event)
    subject, _, verb = event.kind.rpartition("-")
    body = {
        "type": f"{subject.replace('-', '_')}.{verb}",
        "timestamp": data["observed_at"],
        "version": VERSION,
        "data": data if include_emails else _without_address(data),
    }
    # ASCII, as JSON can hold half of a surrogate pair, which UTF-8 cannot.
    return json.dumps(body, separators=(",", ":")).encode()


def _without_address(data: Mapping[str, object]) -> dict[str, object]:
    """Return an event without the address of its invitation, if it has one."""
    if "invitation" not in data:
        return dict(data)
    invitation = cast("Mapping[str, object]", data["invitation"])
    return {**data, "invitation": {**invitation, "invitee_email": None}}


def payload_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of the bodies with the format ``"json"``.

    Within a ``version``, fields can be added, and none is removed or changes its meaning.

    Returns:
        The schema.
    """
    text = files("arena_groups.webhooks").joinpath(SCHEMA_FILE).read_text("utf-8")
    return cast("dict[str, object]", json.loads(text))


set_public_module(globals(), ["payload_schema"], "arena_groups.webhooks")
