"""The converter, loaded when it is first needed: cattrs takes a while, and most bodies are good."""

from typing import TypeVar

from arena_groups._api.codec.faults import Faults

__all__ = ["structure", "unstructure"]

T = TypeVar("T")


def structure(returns: type[T], document: object) -> T | Faults:
    """Plain data as ``returns``, or all that is wrong with it."""
    from arena_groups._api.codec import converter  # noqa: PLC0415

    return converter.structure(returns, document)


def unstructure(model: object) -> dict[str, object]:
    """A model as plain data."""
    from arena_groups._api.codec import converter  # noqa: PLC0415

    return converter.unstructure(model)
