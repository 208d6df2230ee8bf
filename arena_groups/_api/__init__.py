"""The wire format of the API, without I/O: operations, requests, and responses."""

from arena_groups._api.addresses import address_matches, address_problem, mailbox, trimmed
from arena_groups._api.decode import parse_response
from arena_groups._api.operations import OPERATIONS, Operation
from arena_groups._api.request import (
    BeforeSend,
    Request,
    build_request,
    check_invite_token,
    choice,
    group_fields,
    invitee,
    path_id,
    path_name,
)
from arena_groups._api.response import RawResponse, parse_rate_limit
from arena_groups._api.secrets import Credentials, Secret, TokenOrigin, checked_token

__all__ = [
    "OPERATIONS",
    "BeforeSend",
    "Credentials",
    "Operation",
    "RawResponse",
    "Request",
    "Secret",
    "TokenOrigin",
    "address_matches",
    "address_problem",
    "build_request",
    "check_invite_token",
    "checked_token",
    "choice",
    "group_fields",
    "invitee",
    "mailbox",
    "parse_rate_limit",
    "parse_response",
    "path_id",
    "path_name",
    "trimmed",
]
