"""Faults of responses and connections, on demand.

with sandbox.faults.add(ServerFailure(503), operation="getGroup", times=2) as fault:
    ...
    assert fault.call_count == 2
"""

from arena_groups.sandbox.faults.base import (
    BodyFault,
    Fault,
    FaultContext,
    ListFault,
    ListPage,
    MiddlewareFault,
    ReplaceResponseFault,
    StateFault,
)
from arena_groups.sandbox.faults.edge import Blocked, EdgeError
from arena_groups.sandbox.faults.http import (
    CutBody,
    CutChunks,
    DeepJSON,
    Disconnect,
    GzipBomb,
    Hang,
    HTMLPage,
    Latency,
    PlainText,
    RateLimited,
    Redirect,
    RequestTimeout,
    Reset,
    ServerFailure,
    Trickle,
    TruncatedJSON,
    WrongLength,
)
from arena_groups.sandbox.faults.kinds import (
    FAULTS,
    FaultHelp,
    describe_faults,
    parse_spec,
    target_options,
)
from arena_groups.sandbox.faults.lists import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    PagesPastEnd,
    StaleTotal,
    WrongTotal,
)
from arena_groups.sandbox.faults.registry import FaultRegistry, InjectedFault
from arena_groups.sandbox.server_protocol import SerializedResponse

__all__ = [
    "FAULTS",
    "BackwardPages",
    "Blocked",
    "BodyFault",
    "Churn",
    "CutBody",
    "CutChunks",
    "DeepJSON",
    "Disconnect",
    "EdgeError",
    "EmptyPages",
    "EndlessPages",
    "Fault",
    "FaultContext",
    "FaultHelp",
    "FaultRegistry",
    "GzipBomb",
    "HTMLPage",
    "Hang",
    "InjectedFault",
    "Latency",
    "ListFault",
    "ListPage",
    "MiddlewareFault",
    "MissingTotal",
    "PagesPastEnd",
    "PlainText",
    "RateLimited",
    "Redirect",
    "ReplaceResponseFault",
    "RequestTimeout",
    "Reset",
    "SerializedResponse",
    "ServerFailure",
    "StaleTotal",
    "StateFault",
    "Trickle",
    "TruncatedJSON",
    "WrongLength",
    "WrongTotal",
    "describe_faults",
    "parse_spec",
    "target_options",
]
