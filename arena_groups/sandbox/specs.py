"""Specifications of groups, faults and a rate limit, and the sandbox that is built from them."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, cast, get_args

import attrs

from arena_groups.sandbox.entities import Tier
from arena_groups.sandbox.fake_clock import system_time
from arena_groups.sandbox.faults.base import Fault, FaultTarget, as_fault
from arena_groups.sandbox.faults.kinds import fault_target, named_fault, parse_spec
from arena_groups.sandbox.faults.registry import InjectedFault
from arena_groups.sandbox.server import Sandbox
from arena_groups.sandbox.threaded import ThreadedSandbox

DAY = 86_400

_TOO_MANY = 100_000


def _check_text(_spec: object, field: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{field.name} must be a string, not {value!r}")


_optional_text = attrs.validators.optional(_check_text)


def _check_bool(_spec: object, field: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{field.name} must be True or False, not {value!r}")


def _check_number(_spec: object, field: "attrs.Attribute[Any]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{field.name} must be a number of 0 or more, not {value!r}")
    if value >= _TOO_MANY:
        raise ValueError(f"{field.name} must be less than {_TOO_MANY:,}")


def _check_count(spec: object, field: "attrs.Attribute[Any]", value: object) -> None:
    _check_number(spec, field, value)
    if not isinstance(value, int):
        raise ValueError(f"{field.name} must be a whole number, not {value!r}")


def _check_at_least_one(spec: object, field: "attrs.Attribute[Any]", value: object) -> None:
    _check_count(spec, field, value)
    if value == 0:
        raise ValueError(f"{field.name} must be at least 1")


def _check_tier(_spec: object, _field: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and value not in get_args(Tier):
        raise ValueError(f"tier must be one of {', '.join(get_args(Tier))}, not {value!r}")


def _check_window(spec: "QuotaSpec", field: "attrs.Attribute[Any]", value: object) -> None:
    _check_at_least_one(spec, field, value)
    if spec.tier is None and spec.limit is None:
        raise ValueError("give a tier or limit=")


def _check_limit(spec: "QuotaSpec", field: "attrs.Attribute[Any]", value: object) -> None:
    _check_count(spec, field, value)
    if spec.tier is not None:
        raise ValueError(f"use the tier {spec.tier!r} or limit=, not both: a tier has its limit")
    if value == 0:
        raise ValueError(
            "limit must be at least 1: sandbox.tokens.limited belongs to a caller who is always "
            "over the limit"
        )


def _check_members(spec: object, field: "attrs.Attribute[Any]", value: object) -> None:
    if isinstance(value, int):
        _check_count(spec, field, value)
    elif not isinstance(value, list | tuple) or not all(
        isinstance(each, str) for each in cast("Sequence[object]", value)
    ):
        raise ValueError(f"{field.name} must be a list of names, or a number, not {value!r}")


@attrs.frozen
class GroupSpec:
    """A group to add, or additions to an existing group.

    Attributes:
        slug: The slug of a new or existing group.
        name: The name of a new group; by default derived from the slug.
        owner: An attribute of `Sandbox.users`, such as `"owner"`, or the name of a new user.
        members: Such names, or the number of new members.
        invitations: The number of pending invitations.
        followers: The number of followers.
        private: Whether only members may read the group.
        description: The description, in Markdown.
        days_old: The age of the additions in days.
    """

    slug: str = attrs.field(validator=_check_text)
    name: str | None = attrs.field(default=None, kw_only=True, validator=_optional_text)
    owner: str = attrs.field(default="owner", kw_only=True, validator=_check_text)
    members: Sequence[str] | int = attrs.field(default=0, kw_only=True, validator=_check_members)
    invitations: int = attrs.field(default=0, kw_only=True, validator=_check_count)
    followers: int = attrs.field(default=0, kw_only=True, validator=_check_count)
    private: bool = attrs.field(default=False, kw_only=True, validator=_check_bool)
    description: str | None = attrs.field(default=None, kw_only=True, validator=_optional_text)
    days_old: float = attrs.field(default=0, kw_only=True, validator=_check_number)


@attrs.frozen
class QuotaSpec:
    """The rate limit of a sandbox: that of a tier, or a number of requests.

    Attributes:
        tier: Enforces the limit of this tier.
        limit: Requests per window for every caller.
        window: The length of a window in whole seconds.
    """

    tier: Tier | None = attrs.field(default=None, validator=_check_tier)
    limit: int | None = attrs.field(
        default=None, kw_only=True, validator=attrs.validators.optional(_check_limit)
    )
    window: int = attrs.field(default=60, kw_only=True, validator=_check_window)


@attrs.frozen
class FaultSpec:
    """A fault to add.

    Attributes:
        fault: The fault.
        target: The requests that it applies to.
        must_apply: Whether a test fails if the fault is not applied to any request.
    """

    fault: Fault
    target: FaultTarget
    must_apply: bool = False


def make_fault_spec(
    fault: str | Fault, *, must_apply: object = False, **options: object
) -> FaultSpec:
    """Return the specification of a fault.

    Args:
        fault: The name of a fault, a spec such as `"latency:seconds=0.2"`, or a fault.
        must_apply: Whether a test fails if the fault is not applied to any request.
        **options: Options of the named fault, and options of `FaultTarget`.

    Returns:
        The specification.

    Raises:
        TypeError: The fault is neither a name nor a fault.
        ValueError: The fault or an option does not exist, a required option is missing, or a
            value is invalid.
    """
    if not isinstance(must_apply, bool):
        raise ValueError(f"must_apply must be True or False, not {must_apply!r}")
    return FaultSpec(*_fault_and_target(fault, options), must_apply)


def _fault_and_target(fault: object, options: Mapping[str, object]) -> tuple[Fault, FaultTarget]:
    if not isinstance(fault, str):
        found = as_fault(fault)
        return found, fault_target(found.name(), options, others=["must_apply"])
    if ":" in fault:
        if options:
            raise ValueError(f"give all options in {fault!r}, or none")
        return parse_spec(fault)
    return named_fault(fault, options, ["must_apply"])


def build_sandbox(
    groups: Iterable[GroupSpec], faults: Iterable[FaultSpec], quota: QuotaSpec | None = None
) -> ThreadedSandbox:
    """Return a sandbox that matches the specifications, not started yet.

    Args:
        groups: The groups to add.
        faults: The faults to add.
        quota: The rate limit; None enforces none.

    Returns:
        The sandbox.

    Raises:
        ValueError: A specification cannot be met.
    """
    oldest_first = sorted(groups, key=lambda each: -each.days_old)
    oldest = oldest_first[0].days_old * DAY if oldest_first else 0.0

    def clock() -> float:
        return system_time() - oldest

    if quota is None:
        sandbox = ThreadedSandbox(clock=clock)
    else:
        sandbox = ThreadedSandbox(
            tier=quota.tier, limit=quota.limit, window=quota.window, clock=clock
        )
    named = [spec.members for spec in oldest_first if not isinstance(spec.members, int)]
    builder, age = _GroupBuilder(sandbox, {name for names in named for name in names}), oldest
    for spec in oldest_first:
        sandbox.advance(age - spec.days_old * DAY)
        age = spec.days_old * DAY
        try:
            builder.build(spec)
        except (ValueError, LookupError) as error:
            raise ValueError(f"group {spec.slug!r}: {error}") from error
    sandbox.advance(age)
    for each in faults:
        add_fault(sandbox, each)
    return sandbox


def add_fault(sandbox: Sandbox, spec: FaultSpec) -> InjectedFault:
    """Add a fault to a sandbox.

    Args:
        sandbox: The sandbox.
        spec: The fault.

    Returns:
        The fault in place.
    """
    return sandbox.faults.add(spec.fault, **attrs.asdict(spec.target, recurse=False))


def _check_only_adds(spec: GroupSpec) -> None:
    """Raise `ValueError` if a spec would change what an existing group has only one of."""
    new = GroupSpec(spec.slug)
    for name in ("name", "owner", "private", "description"):
        if getattr(spec, name) != getattr(new, name):
            raise ValueError(f"it exists already, so {name} cannot be set")


class _GroupBuilder:
    """Adds groups and their users to a sandbox, each named user once.

    An owner must have a known name: a user of the sandbox, or a member that a marker names.
    """

    def __init__(self, sandbox: ThreadedSandbox, members: Set[str]) -> None:
        self._sandbox = sandbox
        self._members = members
        users = attrs.asdict(sandbox.users, recurse=False)
        self._user_ids: dict[str, int] = {name: user.id for name, user in users.items()}

    def build(self, spec: GroupSpec) -> None:
        sandbox = self._sandbox
        group = sandbox.groups.get(spec.slug)
        if group is None:
            if spec.owner not in {*self._user_ids, *self._members}:
                users = ", ".join(attrs.asdict(sandbox.users, recurse=False))
                raise ValueError(
                    f"there is no user {spec.owner!r} to own it: use one of {users}, or a name in "
                    "the members of a group"
                )
            group = sandbox.add_group(
                spec.name or spec.slug.replace("-", " ").capitalize(),
                owner=self._user_id(spec.owner),
                private=spec.private,
                slug=spec.slug,
                description=spec.description,
            )
        else:
            _check_only_adds(spec)
        if isinstance(spec.members, int):
            sandbox.add_members(group, spec.members)
        else:
            for name in spec.members:
                sandbox.add_member(group, self._user_id(name))
        sandbox.add_followers(group, spec.followers)
        sandbox.add_invitations(group, spec.invitations)

    def _user_id(self, name: str) -> int:
        if name not in self._user_ids:
            self._user_ids[name] = self._sandbox.add_user(name)
        return self._user_ids[name]
