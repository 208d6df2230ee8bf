"""The wire format of the API, without I/O: operations, requests, and responses."""

from arena_groups._api.addresses import address_matches, address_problem, mailbox, trimmed
from arena_groups._api.decode import parse_response
from arena_groups._api.operations import OPERATIONS, Operation
from arena_groups._api.references import GroupRef, GroupReference, UserRef, UserReference
from arena_groups._api.request import (
    BeforeSend,
    Request,
    build_request,
    check_id,
    check_invite_token,
    check_one_invitee,
    choice,
    group_fields,
    invitee,
    join_code,
    path_id,
    path_name,
)
from arena_groups._api.response import RawResponse, parse_rate_limit
from arena_groups._api.secrets import Credentials, Secret, TokenOrigin, checked_token

__all__ = [
    "OPERATIONS",
    "BeforeSend",
    "Credentials",
    "GroupRef",
    "GroupReference",
    "Operation",
    "RawResponse",
    "Request",
    "Secret",
    "TokenOrigin",
    "UserRef",
    "UserReference",
    "address_matches",
    "address_problem",
    "build_request",
    "check_id",
    "check_invite_token",
    "check_one_invitee",
    "checked_token",
    "choice",
    "group_fields",
    "invitee",
    "join_code",
    "mailbox",
    "parse_rate_limit",
    "parse_response",
    "path_id",
    "path_name",
    "trimmed",
]
