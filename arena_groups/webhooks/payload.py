"""JSON body of a webhook: the type of the event, its time, and the event itself."""

import json
from collections.abc import Sequence

from arena_groups._api.issues import to_dict
from arena_groups.watching import WatchEvent

__all__ = ["json_body"]


def json_body(events: Sequence[WatchEvent], *, include_emails: bool = False) -> bytes:
    """Return the body of a request for one event.

    Args:
        events: The event, alone: a body holds one.
        include_emails: Whether the body contains the addresses of invitees.

    Returns:
        The JSON.

    Raises:
        ValueError: There is not one event.
    """
    (event,) = events
    data = to_dict(event)
    if not include_emails:
        _hide_address(data)
    body = {"type": event.kind.replace("-", ".", 1), "data": data}
    # ASCII, as JSON can hold half of a surrogate pair, which UTF-8 cannot.
    return json.dumps(body, separators=(",", ":")).encode()


def _hide_address(data: dict[str, object]) -> None:
    """Remove the address of an invitation, at any depth."""
    invitation = data.get("invitation")
    if isinstance(invitation, dict):
        data["invitation"] = {
            name: None if name == "invitee_email" else value
            for name, value in invitation.items()  # pyright: ignore[reportUnknownVariableType]
        }
