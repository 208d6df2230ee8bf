"""Markers of the plugin, and the sandbox that the markers of a test describe.

PYTEST_DONT_REWRITE: it has no assertions.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from arena_groups.sandbox import Sandbox, ThreadedSandbox
    from arena_groups.sandbox.faults import InjectedFault

_T = TypeVar("_T")

GROUP = (
    "arena_group(slug, *, name=None, owner='owner', members=0, invitations=0, followers=0, "
    "private=False, description=None, days_old=0): adds a group to arena_sandbox, or people to an "
    "existing one; members are a number or a list of names."
)
FAULT = (
    "arena_fault(fault, *, must_apply=False, **options): injects a fault into arena_sandbox before "
    "the test, as in arena_fault('server-failure', times=1); with must_apply the test fails if the "
    "fault is not applied to any request."
)
QUOTA = (
    "arena_quota(tier=None, *, limit=None, window=60): sets the rate limit of arena_sandbox: that "
    "of a tier ('free'), or a number of requests in each window, in seconds."
)
DESCRIPTIONS = (GROUP, FAULT, QUOTA)
EXAMPLES = {
    "arena_group": "arena_group('night-walks', members=3)",
    "arena_fault": "arena_fault('server-failure', times=1)",
    "arena_quota": "arena_quota('free')",
}


def build(marks: Sequence[pytest.Mark]) -> tuple[ThreadedSandbox, list[InjectedFault]]:
    """Return the sandbox that marks describe, not started yet, and its faults that must apply.

    Fails the test if a mark is invalid or cannot be met. Of several quotas the last one applies.
    """
    from arena_groups.sandbox import specs  # noqa: PLC0415

    groups = _specs(marks, "arena_group", specs.GroupSpec)
    faults = _specs(marks, "arena_fault", specs.make_fault_spec)
    quotas = _specs(marks, "arena_quota", specs.QuotaSpec)
    try:
        sandbox = specs.build_sandbox(groups, faults, quotas[-1] if quotas else None)
    except ValueError as error:
        problem = str(error)
    else:
        placed = zip(sandbox.faults, faults, strict=True)
        return sandbox, [injected for injected, spec in placed if spec.must_apply]
    pytest.fail(f"arena_sandbox: {problem}", pytrace=False)


def add_faults(sandbox: Sandbox, marks: Iterable[pytest.Mark]) -> list[tuple[InjectedFault, bool]]:
    """Add the faults of marks to a running sandbox; return each, and whether it must apply."""
    from arena_groups.sandbox import specs  # noqa: PLC0415

    faults = _specs(marks, "arena_fault", specs.make_fault_spec)
    return [(specs.add_fault(sandbox, each), each.must_apply) for each in faults]


def marks_of(node: pytest.Item | pytest.Collector) -> list[pytest.Mark]:
    """Return the marks of the plugin that apply to a node, those nearest to it last.

    Fails the test if one of its classes, its module or itself has several quotas.
    """
    found: list[pytest.Mark] = []
    for each in node.listchain():
        quotas = _nearest(each, [mark for mark in each.own_markers if mark.name == "arena_quota"])
        check_quotas(quotas, each.name)
        others = [
            mark
            for mark in reversed(each.own_markers)
            if mark.name in EXAMPLES and mark.name != "arena_quota"
        ]
        found += [*others, *quotas]
    return found


def check_quotas(marks: Iterable[pytest.Mark], place: str) -> None:
    """Fail the test if the marks of one place have several quotas."""
    count = sum(mark.name == "arena_quota" for mark in marks)
    if count > 1:
        pytest.fail(
            f"@pytest.mark.arena_quota: {count} of them on {place}: keep one. The quota of a test "
            "replaces that of its class, and that of its module",
            pytrace=False,
        )


def _nearest(node: object, marks: list[pytest.Mark]) -> list[pytest.Mark]:
    """Return the marks of the node; of a class, those of the nearest base class that has some."""
    kinds: Sequence[type] = node.obj.__mro__ if isinstance(node, pytest.Class) else ()
    for kind in kinds:
        own: object = vars(kind).get("pytestmark")
        listed = cast("list[object]", own) if isinstance(own, list) else [own]
        # A decorator leaves marks there, and an assignment what `pytest.mark` returns.
        ids = {id(getattr(each, "mark", each)) for each in listed}
        nearest = [mark for mark in marks if id(mark) in ids]
        if nearest:
            return nearest
    return marks


def check_names(item: pytest.Item) -> None:
    """Fail a test with a marker whose name is nearly one of ours, and not registered."""
    suspects = {mark.name for mark in item.iter_markers() if mark.name.startswith("arena")}
    for name in suspects:
        if name in EXAMPLES or _is_registered(item.config, name):
            continue
        from difflib import get_close_matches  # noqa: PLC0415

        similar = get_close_matches(name, EXAMPLES, 1, 0.7)
        if similar:
            pytest.fail(
                f"@pytest.mark.{name} on {item.name}: there is no such marker. Did you mean "
                f"{similar[0]}?",
                pytrace=False,
            )


def _is_registered(config: pytest.Config, name: str) -> bool:
    lines: list[str] = config.getini("markers")
    return any(re.split(r"[:(]", line)[0].strip() == name for line in lines)


def _specs(marks: Iterable[pytest.Mark], name: str, make_spec: Callable[..., _T]) -> list[_T]:
    """Return the specs of all marks of one name, in their order."""
    return [_make_spec(mark, make_spec) for mark in marks if mark.name == name]


def _make_spec(mark: pytest.Mark, make_spec: Callable[..., _T]) -> _T:
    if not mark.args and not mark.kwargs:
        _fail(mark, f"arguments are missing, as in {EXAMPLES[mark.name]}")
    signature = inspect.signature(make_spec)
    _check_options(mark, signature)
    try:
        signature.bind(*mark.args, **mark.kwargs)
        return make_spec(*mark.args, **mark.kwargs)
    except (TypeError, ValueError) as error:
        problem = str(error)
    # Outside of the handler, so that the report does not show the error as well.
    return _fail(mark, problem)


def _check_options(mark: pytest.Mark, signature: inspect.Signature) -> None:
    """Fail the test if an option does not exist, unless a fault may have it."""
    options = signature.parameters
    if any(each.kind is each.VAR_KEYWORD for each in options.values()):
        return
    for name in mark.kwargs:
        if name not in options:
            _fail(mark, f"there is no option {name!r}: use one of {', '.join(options)}")


def _fail(mark: pytest.Mark, problem: str) -> NoReturn:
    pytest.fail(f"@pytest.mark.{mark.name}: {problem}", pytrace=False)
