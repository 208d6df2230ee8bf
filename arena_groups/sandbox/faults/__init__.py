"""What can go wrong between a client and a server, on demand.

with sandbox.faults.add(ServerError(503), operation="getGroup", times=2) as fault:
    ...
    assert fault.hits == 2
"""

from arena_groups.sandbox.faults.base import (
    BodyFault,
    Detour,
    Exchange,
    Fault,
    Instead,
    ListFault,
    ListPage,
    WorldFault,
)
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
    ServerError,
    Trickle,
    TruncatedJSON,
    WrongLength,
)
from arena_groups.sandbox.faults.lists import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    WrongTotal,
)
from arena_groups.sandbox.faults.registry import (
    FAULTS,
    FaultHelp,
    Faults,
    InjectedFault,
    describe_faults,
    parse_spec,
    target_options,
)

__all__ = [
    "FAULTS",
    "BackwardPages",
    "BodyFault",
    "Churn",
    "CutBody",
    "CutChunks",
    "DeepJSON",
    "Detour",
    "Disconnect",
    "EmptyPages",
    "EndlessPages",
    "Exchange",
    "Fault",
    "FaultHelp",
    "Faults",
    "GzipBomb",
    "HTMLPage",
    "Hang",
    "InjectedFault",
    "Instead",
    "Latency",
    "ListFault",
    "ListPage",
    "MissingTotal",
    "PlainText",
    "RateLimited",
    "Redirect",
    "RequestTimeout",
    "Reset",
    "ServerError",
    "Trickle",
    "TruncatedJSON",
    "WorldFault",
    "WrongLength",
    "WrongTotal",
    "describe_faults",
    "parse_spec",
    "target_options",
]
