"""Plans and results of ``arena-groups sync``: rows for every format, and Markdown."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TextIO

from attrs import field, frozen

from arena_groups import PacerSnapshot
from arena_groups._types import hidden
from arena_groups.cli.options import Format
from arena_groups.cli.output.columns import Column, View
from arena_groups.cli.output.results import counted
from arena_groups.cli.output.rows import Row
from arena_groups.cli.output.sanitize import one_line
from arena_groups.cli.output.writers import list_writer
from arena_groups.cli.people_file import numbered
from arena_groups.models import EmbeddedUser
from arena_groups.reconcile import ActionKind, SyncAction, SyncReason, SyncResult

# In the order of tables and Markdown, where people who are kept are only counted.
SHOWN_KINDS: Final = (
    ActionKind.INVITE,
    ActionKind.REVOKE,
    ActionKind.REMOVE,
    ActionKind.HELD,
    ActionKind.SKIP,
    ActionKind.UNRESOLVED,
)
MAX_MARKDOWN_ROWS: Final = 200  # a comment of GitHub has room for 65,536 characters
MAX_CANDIDATES: Final = 5
PLAIN_SLUG: Final = re.compile("[A-Za-z0-9_-]+")  # no effect in Markdown
TEXTS: Final = {
    SyncReason.NOT_IN_GROUP: "not in the group",
    SyncReason.INTERRUPTED: "an earlier run ended before it knew the outcome",
    SyncReason.REINVITE: "named by --reinvite",
    SyncReason.NOT_DESIRED: "not in the list",
    SyncReason.MEMBER: "is a member",
    SyncReason.PENDING: "has a pending invitation",
    SyncReason.OWNER: "owns the group",
    SyncReason.OWN_USER: "is your own user",
    SyncReason.PROTECTED: "named by --keep",
    SyncReason.LEFT: "left or was removed",
    SyncReason.NOT_ACCEPTED: "did not accept an earlier invitation",
    SyncReason.ADD_ONLY: "not in the list; nobody is removed, because of --add-only",
    SyncReason.REMOVE_ONLY: "not invited, because of --remove-only",
    SyncReason.WAITS_FOR_INVITATIONS: "may be somebody who is invited now",
}
LINK: Final = "fill the column user, or run: arena-groups sync link EMAIL USER"
REINVITE: Final = "to invite them again: --reinvite WHO"
# How to resolve what is not carried out.
HINTS: Final = {
    SyncReason.LEFT: REINVITE,
    SyncReason.NOT_ACCEPTED: REINVITE,
    SyncReason.WAITS_FOR_LINK: LINK,
    SyncReason.WAITS_FOR_INVITATIONS: "decided after the invitations, when it is known",
}


@frozen(kw_only=True)
class PlanRow(Row):
    """One action of a plan.

    Attributes:
        group: Slug of the group.
        lines: Lines of the list that name the person.
        waits_for: Lines that have to be resolved first.
        text: The reason in words.
        resolve: What would resolve it, if the action is not carried out.
    """

    group: str
    kind: str
    reason: str
    email: str | None = field(default=None, repr=hidden)
    user_id: int | None = None
    user: str | None = None
    name: str | None = None
    invitation_id: int | None = None
    lines: Sequence[int] = ()
    note: str | None = field(default=None, repr=hidden)
    held: str | None = None
    candidates: Sequence[int] = ()
    waits_for: Sequence[int] = ()
    text: str = ""
    resolve: str | None = None


@frozen(kw_only=True)
class SyncResultRow(Row):
    """Result of one action."""

    group: str
    outcome: str
    kind: str
    reason: str
    email: str | None = field(default=None, repr=hidden)
    user_id: int | None = None
    user: str | None = None
    name: str | None = None
    invitation_id: int | None = None
    lines: Sequence[int] = ()
    error: str | None = None


@frozen(kw_only=True)
class RowFactory:
    """Maker of the rows of one plan.

    Attributes:
        group: Slug of the group.
        lines: Number of the line of each input; empty if it is not known.
        slugs: Slug of each user that the plan shows, by id.
        mask: Show masked addresses, and no notes.
    """

    group: str
    lines: Sequence[int] = ()
    slugs: Mapping[int, str] = field(factory=dict[int, str])
    mask: bool = False

    def plan_row(self, action: SyncAction) -> PlanRow:
        """Return the row of an action."""
        return PlanRow(
            group=self.group,
            kind=action.kind.value,
            reason=action.reason.value,
            email=self._address(action),
            user_id=_user_id(action, action.user),
            user=None if action.user is None else action.user.slug,
            name=None if action.user is None else action.user.name,
            invitation_id=action.invitation_id,
            lines=self._lines(action.positions),
            note=None if self.mask else action.note,
            held=action.held,
            candidates=action.candidates,
            waits_for=self._lines(action.waits_for),
            text=self._text(action),
            resolve=LINK if action.kind is ActionKind.UNRESOLVED else HINTS.get(action.reason),
        )

    def result_row(self, result: SyncResult) -> SyncResultRow:
        """Return the row of a result."""
        action = result.action
        user = result.user or action.user
        return SyncResultRow(
            group=self.group,
            outcome=result.outcome.value,
            kind=action.kind.value,
            reason=action.reason.value,
            email=self._address(action),
            user_id=_user_id(action, user),
            user=None if user is None else user.slug,
            name=None if user is None else user.name,
            invitation_id=action.invitation_id,
            lines=self._lines(action.positions),
            error=None if result.error is None else str(result.error),
        )

    def _address(self, action: SyncAction) -> str | None:
        return masked(action.email) if self.mask and action.email else action.email

    def _lines(self, positions: Iterable[int]) -> tuple[int, ...]:
        return tuple(self.lines[each] for each in positions) if self.lines else ()

    def _candidates(self, ids: Sequence[int], count: int) -> str:
        """Return users as ``sync link`` takes them. A slug of other characters is not shown."""
        slugs = [self.slugs.get(each, "") for each in ids[:MAX_CANDIDATES]]
        shown = [
            slug if PLAIN_SLUG.fullmatch(slug) else str(number)
            for slug, number in zip(slugs, ids, strict=False)
        ]
        return ", ".join([*shown, "…"] if len(shown) < count else shown)

    def _text(self, action: SyncAction) -> str:
        if action.reason is SyncReason.POSSIBLY_ACCEPTED:
            count = max(action.candidate_count, len(action.candidates))
            people = "the new member" if count == 1 else f"one of {count} new members:"
            return f"may be {people} {self._candidates(action.candidates, count)}"
        if action.reason is SyncReason.WAITS_FOR_LINK:
            lines = self._lines(action.waits_for)
            if not action.waits_for:
                return "may be a person whom --keep names"
            people = f"the person of {numbered(lines)}" if lines else "a person of the list"
            return f"may be {people}"
        if action.kind is ActionKind.UNRESOLVED:
            return "may be a member"
        return TEXTS.get(action.reason, action.reason.value.replace("_", " "))


def slugs_in(actions: Iterable[SyncAction]) -> dict[int, str]:
    """Return the slug of each user that actions show, by id."""
    return {each.user.id: each.user.slug for each in actions if each.user is not None}


def masked(email: str) -> str:
    """Return an address of which only first letters and the top-level domain are left."""
    local, _, domain = email.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***{dot}{top}" if dot else f"{local[:1]}***@{domain[:1]}***"


def who(row: PlanRow | SyncResultRow) -> str:
    """Return the name of a person: user and address, as far as known."""
    user = f"{row.name} ({row.user})" if row.user else None
    if user is None and row.user_id is not None:
        user = f"user {row.user_id}"
    return ", ".join(filter(None, (row.email, user))) or f"invitation {row.invitation_id}"


def _user_id(action: SyncAction, user: EmbeddedUser | None) -> int | None:
    return action.user_id if user is None else user.id


def _numbers(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))


PLAN: View[PlanRow] = View(
    table=(),  # a table for each kind: see `write_tables`
    csv=(
        Column("group", lambda r: r.group),
        Column("kind", lambda r: r.kind),
        Column("reason", lambda r: r.reason),
        Column("email", lambda r: r.email),
        Column("user_id", lambda r: r.user_id),
        Column("user", lambda r: r.user),
        Column("name", lambda r: r.name),
        Column("invitation_id", lambda r: r.invitation_id),
        Column("lines", lambda r: _numbers(r.lines)),
        Column("note", lambda r: r.note),
        Column("held", lambda r: r.held),
        Column("candidates", lambda r: _numbers(r.candidates)),
        Column("waits_for", lambda r: _numbers(r.waits_for)),
        Column("text", lambda r: r.text),
        Column("resolve", lambda r: r.resolve),
    ),
)

RESULTS: View[SyncResultRow] = View(
    table=(
        Column("OUTCOME", lambda r: r.outcome, width=15),
        Column("WHO", who, width=20, share=2),
        Column("ERROR", lambda r: r.error, width=10, share=1),
    ),
    csv=(
        Column("group", lambda r: r.group),
        Column("outcome", lambda r: r.outcome),
        Column("kind", lambda r: r.kind),
        Column("reason", lambda r: r.reason),
        Column("email", lambda r: r.email),
        Column("user_id", lambda r: r.user_id),
        Column("user", lambda r: r.user),
        Column("name", lambda r: r.name),
        Column("invitation_id", lambda r: r.invitation_id),
        Column("lines", lambda r: _numbers(r.lines)),
        Column("error", lambda r: r.error),
    ),
)


def by_kind(rows: Iterable[PlanRow]) -> Iterator[tuple[ActionKind, list[PlanRow]]]:
    """Yield the rows of each kind that is shown, if there are any."""
    found = list(rows)
    for kind in SHOWN_KINDS:
        if same := [row for row in found if row.kind == kind]:
            yield kind, same


def write_tables(stream: TextIO, rows: Iterable[PlanRow]) -> None:
    """Write a table for each kind of action. A hint for several of them is below the last one."""
    found = list(by_kind(rows))
    places = {hint: kind for kind, same in found for hint in hints(same)}
    for kind, same in found:
        view: View[PlanRow] = View(
            table=(
                Column(f"{kind.upper()} {len(same)}", who, width=20, share=1),
                Column("LINE", lambda r: _numbers(r.lines), width=5),
                Column("REASON", _reason_and_note, width=20, share=2),
            ),
            csv=(),
        )
        writer = list_writer(Format.TABLE, stream, view)
        for row in same:
            writer.write(row)
        stream.writelines(f"({hint})\n" for hint, shown_at in places.items() if shown_at is kind)
        stream.write("\n")


def hints(rows: Iterable[PlanRow]) -> list[str]:
    """Return how to resolve what is not carried out, each hint once."""
    return list(dict.fromkeys(row.resolve for row in rows if row.resolve))


def _reason(row: PlanRow) -> str:
    return f"{row.held}: {row.text}" if row.held else row.text


def _reason_and_note(row: PlanRow) -> str:
    return f"{_reason(row)} ({row.note})" if row.note else _reason(row)


def describe_cost(requests: int, quota: PacerSnapshot) -> str:
    """Return the number of requests in words, and the minutes of the quota that they take."""
    text = f"about {counted(requests, ('request', 'requests'))}"
    if not quota.limit:
        return text
    minutes = math.ceil(requests * quota.window / quota.limit / 60)
    return f"{text}, {counted(minutes, ('minute', 'minutes'))} of the quota"


def markdown(title: str, rows: Iterable[PlanRow], *, warning: str = "") -> str:
    """Return a plan as Markdown, for a comment. Nothing in it can be a link or a mention."""
    shown = [row for _, same in by_kind(rows) for row in same]
    lines = [f"### {_code(title)}", *([f"**{warning}**"] if warning else [])]
    if shown:
        head = "| action | who | line | reason |\n| --- | --- | --- | --- |"
        lines.append("\n".join([head, *map(_markdown_row, shown[:MAX_MARKDOWN_ROWS])]))
    if len(shown) > MAX_MARKDOWN_ROWS:
        lines.append(f"… and {len(shown) - MAX_MARKDOWN_ROWS} more")
    lines += map(_code, hints(shown))
    return "\n\n".join(lines) + "\n"


def _markdown_row(row: PlanRow) -> str:
    return f"| {row.kind} | {_code(who(row))} | {_numbers(row.lines)} | {_reason(row)} |"


def _code(text: str) -> str:
    """Return a text as code, in which neither a name nor an address has an effect."""
    plain = one_line(text).replace("`", "'").replace("|", "\\|").strip()
    return f"`{plain}`" if plain else ""
