"""Inviting, revoking and removing many: a result for each input, in order, as it comes.

The three functions take any iterable or async iterable and send nothing by themselves: they
return a :class:`BulkRun`, to be iterated over or awaited.
"""

from arena_groups.bulk.inviting import invite_many
from arena_groups.bulk.removing import remove_many
from arena_groups.bulk.results import BulkOutcome, BulkResult, BulkSummary
from arena_groups.bulk.revoking import revoke_many
from arena_groups.bulk.run import BulkRun
from arena_groups.bulk.targets import (
    InviteTarget,
    RemoveTarget,
    RevokeTarget,
    normalize_invite_target,
)

__all__ = [
    "BulkOutcome",
    "BulkResult",
    "BulkRun",
    "BulkSummary",
    "InviteTarget",
    "RemoveTarget",
    "RevokeTarget",
    "invite_many",
    "normalize_invite_target",
    "remove_many",
    "revoke_many",
]
