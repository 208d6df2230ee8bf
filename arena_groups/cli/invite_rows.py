"""Rows of an import: the outcome of each line, and the number of each outcome."""

from collections.abc import Sequence

from attrs import field, frozen

from arena_groups import BulkResult, InviteTarget
from arena_groups.cli.output.columns import Column, Overflow, View
from arena_groups.cli.output.rows import Row
from arena_groups.cli.people_file import CsvRow


@frozen(kw_only=True)
class ImportRow(Row):
    """Outcome of one line of a file. Its columns are those of a result file."""

    line: int
    outcome: str
    email: str | None = field(default=None, repr=False)
    user_id: int | None = None
    user: str | None = None
    name: str | None = None
    invitation_id: int | None = None
    from_journal: bool = False
    error: str | None = None


@frozen(kw_only=True)
class InviteSummaryRow(Row):
    """Number of recipients in a file, in total and by outcome.

    Attributes:
        would_add: How many would be added at once; ``None`` if the run does not predict that.
        skipped: How many lines name nobody; ``None`` if the run does not skip them.
        from_journal: How many of them an earlier run with the same journal has recorded.
        people: What would happen to each, in a dry run.
    """

    total: int
    invited: int = 0
    added: int = 0
    already_invited: int = 0
    already_member: int = 0
    duplicate: int = 0
    failed: int = 0
    would_invite: int = 0
    would_add: int | None = None
    skipped: int | None = None
    from_journal: int = 0
    people: Sequence[ImportRow] | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, object]:
        """Return the fields, ready for JSON, without what the run does not count."""
        return {name: count for name, count in super().as_dict().items() if count is not None}


def import_row(row: CsvRow, result: BulkResult[InviteTarget]) -> ImportRow:
    """Return the row of a result."""
    invite, target = result.invite, row.target
    user = None if invite is None else invite.user
    invitation = None if invite is None else invite.invitation
    return ImportRow(
        line=row.line,
        outcome=result.outcome.value,
        email=target.email,
        user_id=result.target.user_id if user is None else user.id,
        user=target.user if user is None else user.slug,
        name=None if user is None else user.name,
        invitation_id=None if invitation is None else invitation.id,
        from_journal=result.from_journal,
        error=None if result.error is None else str(result.error),
    )


IMPORT: View[ImportRow] = View(
    table=(
        Column("LINE", lambda s: s.line, width=5),
        Column("OUTCOME", lambda s: s.outcome, width=15),
        Column(
            "INVITEE",
            lambda s: s.name or s.email or s.user or s.user_id,
            width=20,
            share=2,
            overflow=Overflow.WRAP,
        ),
        Column("ERROR", lambda s: s.error, width=10, share=1, overflow=Overflow.WRAP),
    ),
    csv=(
        Column("line", lambda s: s.line),
        Column("outcome", lambda s: s.outcome),
        Column("email", lambda s: s.email),
        Column("user_id", lambda s: s.user_id),
        Column("user", lambda s: s.user),
        Column("name", lambda s: s.name),
        Column("invitation_id", lambda s: s.invitation_id),
        Column("from_journal", lambda s: s.from_journal),
        Column("error", lambda s: s.error),
    ),
)


def invite_summary(*, predict: bool, skip_invalid: bool) -> View[InviteSummaryRow]:
    """Return the view of an import. A table has the outcomes that occurred."""
    csv: tuple[Column[InviteSummaryRow], ...] = (
        Column("total", lambda s: s.total),
        Column("invited", lambda s: s.invited),
        Column("added", lambda s: s.added),
        Column("already_invited", lambda s: s.already_invited),
        Column("already_member", lambda s: s.already_member),
        Column("duplicate", lambda s: s.duplicate),
        Column("failed", lambda s: s.failed),
        Column("would_invite", lambda s: s.would_invite),
        *([Column[InviteSummaryRow]("would_add", lambda s: s.would_add)] if predict else []),
        *([Column[InviteSummaryRow]("skipped", lambda s: s.skipped)] if skip_invalid else []),
        Column("from_journal", lambda s: s.from_journal),
    )
    return View(table=tuple(map(_if_any, csv)), csv=csv)


def _if_any(column: Column[InviteSummaryRow]) -> Column[InviteSummaryRow]:
    title = column.title.replace("_", " ").capitalize()
    if column.title == "from_journal":
        title = "Already done in an earlier run"
    return Column(title, lambda row: column.cell(row) or None)
