"""Tools that write, each in two steps: a plan with a code, and the application of that plan."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from inspect import getdoc
from typing import Annotated, Any, Final

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from arena_groups import ArenaClient, Group, Store
from arena_groups.mcp.consent import (
    NO_REMOVALS,
    Confirmation,
    Consent,
    PlanKind,
    answer_problem,
    can_ask,
    required_consent,
)
from arena_groups.mcp.failures import checked_arguments, describe_failure
from arena_groups.mcp.filters import InvitedBy, Kind, OlderThanDays, PendingFilter, Query
from arena_groups.mcp.plan_answers import (
    ApplyAnswer,
    PlanAnswer,
    apply_answer,
    describe_progress,
    plan_answer,
    question,
)
from arena_groups.mcp.plan_kinds import (
    prepare_invite,
    prepare_removal,
    prepare_revocation,
    prepare_sync,
)
from arena_groups.mcp.plan_registry import PlanCodeError, PlanRegistry
from arena_groups.mcp.prepared_plan import PlanChangedError, PreparedPlan, check_rights
from arena_groups.mcp.reading import READS, GroupName
from arena_groups.mcp.texts import Disclosure, is_masked
from arena_groups.reconcile import plan_sync

__all__ = ["WriteTools", "add_write_tools"]

MAX_PEOPLE: Final = 1000
MAX_CODE: Final = 200  # characters
MAX_LISTED: Final = 10
MASKED: Final = (
    "Positions count from 0. Answers show addresses masked by default: ask the user for the whole"
    " ones, or pass ids of users."
)
SESSION_HEADER: Final = "mcp-session-id"

WRITES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
)


class PersonArgument(BaseModel):
    """A person of a list by address, by user, or by both if the address is known to be theirs."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: StrictStr | None = Field(default=None, max_length=320)
    user: StrictStr | StrictInt | None = Field(
        default=None, description="Id, slug or URL of the profile."
    )


Person = Annotated[StrictStr, Field(max_length=500)] | StrictInt
Invitees = Annotated[
    list[Person],
    Field(
        min_length=1,
        max_length=MAX_PEOPLE,
        description="Email addresses, ids of users, or URLs of profiles; a slug alone is refused.",
    ),
]
Members = Annotated[
    list[Person],
    Field(
        min_length=1,
        max_length=MAX_PEOPLE,
        description="Members, by id, slug or URL of the profile.",
    ),
]
People = Annotated[
    list[Person | PersonArgument],
    Field(
        min_length=1,
        max_length=MAX_PEOPLE,
        description="Everybody who should be in the group: email addresses, ids of users, URLs of"
        " profiles (a slug alone is refused), or objects with `email` and `user`.",
    ),
]
MaxRemovals = Annotated[
    Annotated[StrictInt, Field(ge=0)]  # not "1" or true: as 1.0 they would be everybody
    | Annotated[StrictFloat, Field(ge=0)],
    Field(
        description="Largest number of removals and revocations; with a decimal point the largest"
        " fraction of members and invitations."
    ),
]
Code = Annotated[str, Field(max_length=MAX_CODE, description="Code that a plan tool returned.")]


class WriteTools:
    """Tools that write with one client. Their docstrings are for assistants.

    Plans are made in the foreground, and applied in the background.

    Args:
        arena: The client of all sessions.
        shown: What answers may show.
        allow_removals: Whether a host that cannot ask its user may remove and revoke.
        store: The store of journals and of what syncs remember.
        sync_key: The key of the digests in it; ``None`` takes that of the owner's settings.
        plan_lifetime: Seconds after which a plan expires.
    """

    def __init__(
        self,
        arena: ArenaClient,
        *,
        shown: Disclosure,
        allow_removals: bool,
        store: Store,
        sync_key: bytes | None,
        plan_lifetime: float,
    ) -> None:
        self._arena = arena.with_options(priority="foreground")
        self._background = arena.with_options(priority="background")
        self._shown = shown
        self._allow_removals = allow_removals
        self._store = store
        self._sync_key = sync_key
        self._lifetime = plan_lifetime
        self._plans = PlanRegistry[PreparedPlan](arena.clock.now, lifetime=plan_lifetime)
        # A plan is compared with what the one before has done.
        self._group_locks = defaultdict[int, asyncio.Lock](asyncio.Lock)

    async def plan_invite(
        self, group: GroupName, people: Invitees, ctx: Context[Any, Any]
    ) -> PlanAnswer:
        """Plan to invite people to a group. Nothing is sent before apply_plan.

        People who are members or have a pending invitation are left out.
        """
        _refuse_masked(people)
        found = await self._group(group, PlanKind.INVITE)
        with checked_arguments():
            plan = await prepare_invite(
                self._arena, found, [_as_id(each) for each in people], store=self._store
            )
        return self._keep(plan, ctx)

    async def plan_revoke(
        self,
        group: GroupName,
        ctx: Context[Any, Any],
        *,
        invitations: Annotated[
            list[StrictInt] | None,
            Field(max_length=MAX_PEOPLE, description="Ids of pending invitations."),
        ] = None,
        invited_by: InvitedBy = None,
        older_than_days: OlderThanDays = None,
        kind: Kind = None,
        query: Query = None,
    ) -> PlanAnswer:
        """Plan to revoke pending invitations: those with the ids, or those that match all filters.

        Nothing is revoked before apply_plan.
        """
        conditions = PendingFilter(
            invited_by=invited_by, older_than_days=older_than_days, kind=kind, query=query
        )
        if (invitations is not None) is not conditions.is_empty:
            raise ToolError("Pass either invitations, or at least one of the filters.")
        found = await self._group(group, PlanKind.REVOKE)
        now = datetime.now(UTC)
        plan = await prepare_revocation(
            self._arena, found, invitations, lambda each: conditions.matches(each, self._shown, now)
        )
        return self._keep(plan, ctx)

    async def plan_remove(
        self, group: GroupName, members: Members, ctx: Context[Any, Any]
    ) -> PlanAnswer:
        """Plan to remove members from a group. Nobody is removed before apply_plan.

        The owner is never removed.
        """
        found = await self._group(group, PlanKind.REMOVE)
        plan = await prepare_removal(self._arena, found, [_as_id(each) for each in members])
        return self._keep(plan, ctx)

    async def plan_sync(
        self,
        group: GroupName,
        people: People,
        ctx: Context[Any, Any],
        *,
        add_only: Annotated[bool, Field(description="Remove and revoke nothing.")] = False,
        remove_only: Annotated[bool, Field(description="Invite nobody.")] = False,
        max_removals: MaxRemovals = 0.25,
    ) -> PlanAnswer:
        """Plan to bring a group in step with a list: who is missing is invited, others are removed.

        Nothing is changed before apply_plan. Members of whom it is not known whether they are on
        the list are held, and stay.
        """
        _refuse_masked(
            [each.email if isinstance(each, PersonArgument) else each for each in people]
        )
        found = await self._group(group, PlanKind.SYNC)
        with checked_arguments():
            plan = await plan_sync(
                self._arena,
                found.id,
                [_as_desired(each) for each in people],
                store=self._store,
                key=self._sync_key,
                add_only=add_only,
                remove_only=remove_only,
                max_removals=max_removals,
            )
        return self._keep(prepare_sync(found, plan), ctx)

    def ask(self, code: str, ctx: Context[Any, Any]) -> Elicit[Confirmation] | Confirmation:
        """Return the question to the host's user, or the consent of the server's owner."""
        plan = self._by_code(self._plans.find, code, ctx)
        match self._consent(plan, ctx):
            case Consent.ASK:
                return Elicit(question(plan, self._shown), Confirmation)
            case Consent.GIVEN:
                return Confirmation(confirm=True)
            case Consent.REFUSED:
                raise ToolError(f"Nothing was done: {NO_REMOVALS}")

    async def apply(self, code: str, ctx: Context[Any, Any]) -> ApplyAnswer:
        """Carry out the plan of a code, to which somebody has consented."""
        plan = self._by_code(self._plans.start, code, ctx)
        was_begun = plan.begun
        plan.forget_failures()
        try:
            async with self._group_locks[plan.group.id]:
                await plan.check(self._background)
                await self._carry_out(plan, ctx)
        except PlanChangedError as error:
            nothing = "Nothing more" if was_begun or plan.results else "Nothing"
            raise ToolError(
                f"{nothing} was done: the group has changed since the plan was made ({error})."
                f" Call {plan.tool} again."
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever failed, a part may be done
            done = sum(each.error is None for each in plan.results.values())
            raise ToolError(
                f"Stopped after {done} of {len(plan.effects)}: {describe_failure(error)}."
                " When that is mended, call apply_plan again with the same code to go on: nobody"
                " is invited twice."
            ) from None
        finally:
            if plan.is_done:
                self._plans.finish(code)
            else:
                self._plans.stop(code)
        return apply_answer(plan, self._shown)

    async def _carry_out(self, plan: PreparedPlan, ctx: Context[Any, Any]) -> None:
        run = plan.run(self._background)
        plan.begun = True
        try:
            async for result in run:
                plan.results[result.row] = result
                await ctx.report_progress(
                    len(plan.results), len(plan.effects), describe_progress(plan.results.values())
                )
        finally:
            await run.aclose()

    async def _group(self, group: str | int, kind: PlanKind) -> Group:
        with checked_arguments():
            found = await self._arena.groups.get(group)
        try:
            check_rights(found, kind)
        except PlanChangedError as error:
            raise ToolError(f"No plan was made: {error}.") from None
        return found

    def _keep(self, plan: PreparedPlan, ctx: Context[Any, Any]) -> PlanAnswer:
        """Return the answer of a plan tool, with a code if the plan can be applied."""
        code = None
        if plan.problem is None:
            try:
                code = self._plans.add(plan, tool=plan.tool, owner=_session_of(ctx))
            except PlanCodeError as error:
                raise ToolError(str(error)) from None
        return plan_answer(
            plan,
            self._shown,
            code=code,
            lifetime=self._lifetime,
            consent=self._consent(plan, ctx),
        )

    def _consent(self, plan: PreparedPlan, ctx: Context[Any, Any]) -> Consent:
        asks = can_ask(ctx.client_capabilities)
        return required_consent(plan.kind, asks=asks, allow_removals=self._allow_removals)

    def _by_code(
        self, find: Callable[..., PreparedPlan], code: str, ctx: Context[Any, Any]
    ) -> PreparedPlan:
        try:
            return find(code, owner=_session_of(ctx))
        except PlanCodeError as error:
            raise ToolError(str(error)) from None


def add_write_tools(server: MCPServer[Any], tools: WriteTools) -> None:
    """Add the tools that write to a server."""
    for plan in (tools.plan_invite, tools.plan_revoke, tools.plan_remove, tools.plan_sync):
        server.add_tool(plan, description=getdoc(plan), annotations=READS)

    # Functions, as the library finds out from their annotations what to ask before a call.
    async def ask(code: str, ctx: Context[Any, Any]) -> Elicit[Confirmation] | Confirmation:
        return tools.ask(code, ctx)

    async def apply_plan(
        code: Code,
        ctx: Context[Any, Any],
        answer: Annotated[ElicitationResult[Confirmation], Resolve(ask)],
    ) -> ApplyAnswer:
        """Carry out a plan that a plan tool made, by its code. This changes the group.

        The host asks its user if it can. The group is compared with the plan first. If a call is
        cut, call again with the same code: nobody is invited twice. A code works once.
        """
        if (problem := answer_problem(answer)) is not None:
            raise ToolError(problem)
        return await tools.apply(code, ctx)

    server.add_tool(apply_plan, description=getdoc(apply_plan), annotations=WRITES)


def _session_of(ctx: Context[Any, Any]) -> str | None:
    """Return the id of the client's session; ``None`` where there are no sessions."""
    headers = ctx.headers
    return None if headers is None else headers.get(SESSION_HEADER)


def _refuse_masked(people: Sequence[str | int | None]) -> None:
    """Raise ``ToolError`` if there are addresses as answers show them: they are of nobody."""
    found = [
        position
        for position, person in enumerate(people)
        if isinstance(person, str) and is_masked(person)
    ]
    if found:
        positions = ", ".join(map(str, found[:MAX_LISTED]))
        raise ToolError(f"people: masked addresses at position {positions}. {MASKED}")


def _as_id(person: str | int) -> str | int:
    """Return a user id that was passed as a text as a number."""
    return int(person) if isinstance(person, str) and person.isdecimal() else person


def _as_desired(person: str | int | PersonArgument) -> str | int | dict[str, object]:
    if not isinstance(person, PersonArgument):
        return _as_id(person)
    row: dict[str, object] = {}
    if person.email is not None:
        row["email"] = person.email
    if person.user is not None:
        row["user"] = _as_id(person.user)
    return row
