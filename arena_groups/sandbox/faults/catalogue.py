"""Every fault there is."""

from arena_groups.sandbox.faults.base import Fault
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
from arena_groups.sandbox.faults.timing import Hang, Latency, Trickle

FAULTS: tuple[type[Fault], ...] = (
    Latency,
    Trickle,
    Hang,
    RequestTimeout,
    RateLimited,
    ServerError,
    Redirect,
    Reset,
    Disconnect,
    CutBody,
    CutChunks,
    WrongLength,
    TruncatedJSON,
    PlainText,
    HTMLPage,
    GzipBomb,
    DeepJSON,
    EndlessPages,
    BackwardPages,
    EmptyPages,
    MissingTotal,
    WrongTotal,
    Churn,
)
