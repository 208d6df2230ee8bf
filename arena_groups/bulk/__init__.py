"""Bulk calls: invite, revoke and remove many, with one result for each input.

:func:`invite_many`, :func:`revoke_many` and :func:`remove_many` take any iterable or async
iterable. They return a :class:`BulkRun`: iterate over it for the results in the order of the
inputs, or await it for a :class:`BulkSummary`. Nothing is sent before that.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
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

_HOMES = {
    "BulkOutcome": "results",
    "BulkResult": "results",
    "BulkRun": "runner",
    "BulkSummary": "results",
    "InviteTarget": "targets",
    "InviteTargetLike": "targets",
    "RemoveTarget": "targets",
    "RemoveTargetLike": "targets",
    "RevokeTarget": "targets",
    "RevokeTargetLike": "targets",
    "invite_many": "invite",
    "normalize_invite_target": "targets",
    "remove_many": "delete",
    "revoke_many": "delete",
}

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

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
