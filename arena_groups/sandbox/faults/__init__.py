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
from arena_groups.sandbox.faults.bodies import (
    CutBody,
    CutChunks,
    DeepJSON,
    GzipBomb,
    HTMLPage,
    PlainText,
    TruncatedJSON,
    WrongLength,
)
from arena_groups.sandbox.faults.catalogue import FAULTS
from arena_groups.sandbox.faults.churn import Churn
from arena_groups.sandbox.faults.connections import Disconnect, Reset
from arena_groups.sandbox.faults.errors import RateLimited, Redirect, RequestTimeout, ServerError
from arena_groups.sandbox.faults.lists import (
    BackwardPages,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    WrongTotal,
)
from arena_groups.sandbox.faults.registry import Faults, InjectedFault
from arena_groups.sandbox.faults.specs import FaultHelp, describe_faults, parse_spec, target_options
from arena_groups.sandbox.faults.timing import Hang, Latency, Trickle

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
