"""Plans as plain data, for files, and back."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec
from attrs import frozen

from arena_groups._api import address_problem
from arena_groups._types import JSONValue
from arena_groups.models import EmbeddedGroup
from arena_groups.models._common import Timestamp
from arena_groups.reconcile.actions import ActionKind, SyncAction
from arena_groups.reconcile.desired import Person
from arena_groups.reconcile.planner import PlanSettings

__all__ = ["PlanData", "parse_plan", "plain_plan"]

VERSION: Final = 1
# The end of a message of msgspec; what comes before may quote a value.
_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`\Z")
_QUOTED: Final = re.compile(r"Invalid (enum value|value) .*", re.DOTALL)


@frozen(kw_only=True)
class PlanData:
    """Fields of a plan, without its client and store."""

    version: int
    id: str
    server: str
    group: EmbeddedGroup
    created_at: Timestamp
    member_count: int
    pending_count: int
    settings: PlanSettings
    people: tuple[Person, ...]
    actions: tuple[SyncAction, ...]


def plain_plan(data: PlanData) -> dict[str, JSONValue]:
    """Return a plan as plain JSON data."""
    return cast("dict[str, JSONValue]", _as_json(msgspec.to_builtins(data)))


def parse_plan(data: object) -> PlanData | ValueError | TypeError:
    """Return the plan in plain data, or an error that shows no value of it."""
    if not isinstance(data, Mapping):
        return TypeError(f"a plan must be a dict, as to_dict() returns it, not {_kind(data)}")
    fields = dict(cast("Mapping[str, object]", data))
    version = fields.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        return ValueError("this is not a plan: it has no version")
    if version != VERSION:
        return ValueError(
            f"the plan has version {version}, and this version of arena-groups reads version"
            f" {VERSION}: make a new plan"
        )
    try:
        plan = msgspec.convert(fields, PlanData)
    except msgspec.ValidationError as error:
        return ValueError(f"the plan is damaged: {_shown(str(error))}")
    problem = next(_problems(plan), "")
    return ValueError(f"the plan is damaged: {problem}") if problem else plan


def _as_json(value: object) -> object:
    """Return data with lists for its tuples."""
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in cast("list[object]", value)]
    return value


def _shown(message: str) -> str:
    place = _PLACE.search(message)
    text = _PLACE.sub("", message)
    text = _QUOTED.sub(r"unknown \1", text)
    return f"{place[1]}: {text}" if place and place[1] else text


def _problems(plan: PlanData) -> Iterator[str]:
    if not plan.id:
        yield "id: is empty"
    if plan.member_count < 0 or plan.pending_count < 0:
        yield "member_count, pending_count: must be 0 or more"
    if not plan.people:
        yield "people: is empty"
    yield from _settings_problems(plan.settings)
    yield from _people_problems("people", plan.people)
    emails: dict[int, tuple[str, ...]] = {}
    for number, person in enumerate(plan.people):
        if not emails.keys().isdisjoint(person.positions):
            yield f"people[{number}].positions: has one of another person"
        emails |= dict.fromkeys(person.positions, person.emails)
    for number, action in enumerate(plan.actions):
        if problem := _action_problem(action, emails):
            yield f"actions[{number}]: {problem}"


def _settings_problems(settings: PlanSettings) -> Iterator[str]:
    limit = settings.max_removals
    if not 0 <= limit < math.inf or (isinstance(limit, float) and limit > 1):
        yield "settings.max_removals: must be an int, or a fraction from 0.0 to 1.0"
    if settings.add_only and settings.remove_only:
        yield "settings: add_only and remove_only exclude each other"
    yield from _people_problems("settings.keep", settings.keep)
    if settings.reinvite != "all":
        yield from _people_problems("settings.reinvite", settings.reinvite)


def _people_problems(what: str, people: Iterable[Person]) -> Iterator[str]:
    for number, person in enumerate(people):
        if problem := _person_problem(person):
            yield f"{what}[{number}]{problem}"


def _person_problem(person: Person) -> str:
    """Return what a person lacks to be planned, after the place of the person."""
    if not (person.emails or person.user_ids):
        return ": has no address and no user"
    if any(map(address_problem, person.emails)):
        return ".emails: has a text that is not an email address"
    return "" if person.positions else ".positions: is empty"


def _action_problem(action: SyncAction, emails: Mapping[int, Iterable[str]]) -> str:
    """Return what an action lacks to be carried out."""
    needed = action.held if action.kind is ActionKind.HELD else action.kind.value
    match needed:
        case None:
            return "a held action needs held"
        case "invite" if action.user_id is None:
            if address_problem(action.email):
                return "an invitation needs an email address or a user id"
            known = {email for each in action.positions for email in emails.get(each, ())}
            return "" if action.email in known else "the email address is not that of the person"
        case "revoke" if action.invitation_id is None:
            return "a revocation needs an invitation id"
        case "remove" if action.user_id is None:
            return "a removal needs a user id"
        case _:
            return ""


def _kind(value: object) -> str:
    return type(value).__name__
