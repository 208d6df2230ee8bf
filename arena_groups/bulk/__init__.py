"""Bulk calls: invite, revoke and remove many, with one result for each input.

:func:`invite_many`, :func:`revoke_many` and :func:`remove_many` take any iterable or async
iterable. They return a :class:`BulkRun`: iterate over it for the results in the order of the
inputs, or await it for a :class:`BulkSummary`. Nothing is sent before that.
"""

from arena_groups.bulk.delete import remove_many, revoke_many
from arena_groups.bulk.invite import invite_many
from arena_groups.bulk.results import BulkOutcome, BulkResult, BulkSummary
from arena_groups.bulk.runner import BulkRun
from arena_groups.bulk.targets import (
    InviteTarget,
    InviteTargetLike,
    RemoveTarget,
    RemoveTargetLike,
    RevokeTarget,
    RevokeTargetLike,
    normalize_invite_target,
)

__all__ = [
    "BulkOutcome",
    "BulkResult",
    "BulkRun",
    "BulkSummary",
    "InviteTarget",
    "InviteTargetLike",
    "RemoveTarget",
    "RemoveTargetLike",
    "RevokeTarget",
    "RevokeTargetLike",
    "invite_many",
    "normalize_invite_target",
    "remove_many",
    "revoke_many",
]
