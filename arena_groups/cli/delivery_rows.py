"""Rows of ``arena-groups deliveries``: an endpoint in each, by scheme and host only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import frozen

from arena_groups.cli.errors import in_options
from arena_groups.cli.options import Arrange, by
from arena_groups.cli.output.columns import Column, Overflow, View
from arena_groups.cli.output.rows import Row

if TYPE_CHECKING:
    from arena_groups.webhooks import Backlog, RetrySummary

__all__ = ["BACKLOGS", "BACKLOG_ORDERS", "RETRIES", "BacklogRow", "RetryRow"]


@frozen(kw_only=True)
class BacklogRow(Row):
    """What waits for an endpoint, and what was given up."""

    endpoint: str
    name: str
    waiting: int
    dead: int
    oldest: str | None
    last_failure: str

    @classmethod
    def of(cls, backlog: Backlog, given_up_for: str = "") -> BacklogRow:
        """Return the row of an endpoint; ``given_up_for`` is the failure of its dead letters."""
        return cls(
            endpoint=backlog.target,
            name=backlog.endpoint,
            waiting=backlog.waiting,
            dead=backlog.dead,
            oldest=_iso(backlog.oldest),
            last_failure=in_options(backlog.last_failure or given_up_for),
        )


@frozen(kw_only=True)
class RetryRow(Row):
    """Result of sending what was given up for an endpoint."""

    endpoint: str
    sent: int
    failed: int
    skipped: int
    last_failure: str

    @classmethod
    def of(cls, target: str, summary: RetrySummary) -> RetryRow:
        """Return the row of an endpoint."""
        return cls(
            endpoint=target,
            sent=summary.sent,
            failed=summary.failed,
            skipped=summary.skipped,
            last_failure=in_options(summary.last_failure),
        )


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _oldest(row: BacklogRow) -> datetime | None:
    return None if row.oldest is None else datetime.fromisoformat(row.oldest)


BACKLOG_ORDERS: dict[str, Arrange[BacklogRow]] = {
    "endpoint": by(lambda row: row.endpoint),
    "waiting": by(lambda row: row.waiting, descending=True),
    "dead": by(lambda row: row.dead, descending=True),
    "oldest": by(lambda row: row.oldest or "~"),  # after every date
}
BACKLOGS: View[BacklogRow] = View(
    table=(
        Column("ENDPOINT", lambda row: row.endpoint, width=20, share=1, overflow=Overflow.KEEP),
        Column("WAITING", lambda row: row.waiting, width=7),
        Column("DEAD", lambda row: row.dead, width=5),
        Column("OLDEST", _oldest, width=16, is_time=True, minutes=True),
        Column(
            "LAST FAILURE",
            lambda row: row.last_failure,
            width=12,
            share=2,
            overflow=Overflow.WRAP,
        ),
    ),
    csv=(
        Column("endpoint", lambda row: row.endpoint),
        Column("name", lambda row: row.name),
        Column("waiting", lambda row: row.waiting),
        Column("dead", lambda row: row.dead),
        Column("oldest", lambda row: row.oldest),
        Column("last_failure", lambda row: row.last_failure),
    ),
)
RETRIES: View[RetryRow] = View(
    table=(
        Column("ENDPOINT", lambda row: row.endpoint, width=20, share=1, overflow=Overflow.KEEP),
        Column("SENT", lambda row: row.sent, width=7),
        Column("FAILED", lambda row: row.failed, width=7),
        Column("SKIPPED", lambda row: row.skipped, width=7),
        Column(
            "LAST FAILURE",
            lambda row: row.last_failure,
            width=12,
            share=2,
            overflow=Overflow.WRAP,
        ),
    ),
    csv=(
        Column("endpoint", lambda row: row.endpoint),
        Column("sent", lambda row: row.sent),
        Column("failed", lambda row: row.failed),
        Column("skipped", lambda row: row.skipped),
        Column("last_failure", lambda row: row.last_failure),
    ),
)
