"""What goes over the wire, without I/O: operations, requests, and what answers mean."""

from arena_groups._api.arguments import (
    check_invite_token,
    check_range,
    choice,
    group_fields,
    invitee,
    path_id,
    path_name,
)
from arena_groups._api.headers import parse_rate_limit
from arena_groups._api.operations import OPERATIONS, Operation
from arena_groups._api.request import Request, build_request
from arena_groups._api.response import Answer, read
from arena_groups._api.secrets import Credentials, Secret, TokenOrigin, checked_token

__all__ = [
    "OPERATIONS",
    "Answer",
    "Credentials",
    "Operation",
    "Request",
    "Secret",
    "TokenOrigin",
    "build_request",
    "check_invite_token",
    "check_range",
    "checked_token",
    "choice",
    "group_fields",
    "invitee",
    "parse_rate_limit",
    "path_id",
    "path_name",
    "read",
]
