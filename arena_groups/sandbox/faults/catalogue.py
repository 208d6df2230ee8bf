"""Every fault there is."""

from collections.abc import Iterator
from types import ModuleType

from arena_groups.sandbox.faults import bodies, churn, connections, errors, lists, timing
from arena_groups.sandbox.faults.base import Fault


def _made_in(module: ModuleType) -> Iterator[type[Fault]]:
    """The faults that a module defines, in its order."""
    for kind in vars(module).values():
        if (
            isinstance(kind, type)
            and issubclass(kind, Fault)
            and kind.__module__ == module.__name__
            and not kind.__name__.startswith("_")
        ):
            yield kind


FAULTS: tuple[type[Fault], ...] = tuple(
    kind
    for module in (timing, errors, connections, bodies, lists, churn)
    for kind in _made_in(module)
)
