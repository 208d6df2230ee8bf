"""Lazy loading of public names, and the module that they report as their own."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import FunctionType
from typing import Any, NewType

__all__ = ["defining_modules", "lazy_exports", "set_public_module"]

_homes_by_package: dict[str, Mapping[str, str]] = {}


def lazy_exports(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package that loads names on first use.

    ``homes`` maps each name to the module that defines it, relative to ``package``.
    """
    namespace = vars(import_module(package))
    _homes_by_package[package] = homes

    def load(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(f"{package}.{home}"), name)
        return value

    def names() -> list[str]:
        return sorted(namespace["__all__"])

    return load, names


def defining_modules(package: str) -> dict[str, str]:
    """Return the module that defines each lazily loaded name, for tools that read sources."""
    homes = _homes_by_package[package]
    return {name: f"{package}.{home}" for name, home in homes.items()}


def set_public_module(
    namespace: Mapping[str, Any], names: Iterable[str], module: str = "arena_groups"
) -> None:
    """Let classes and functions report ``module``, from where users import them.

    Their ``repr``, tracebacks and pickles then name no private module.
    """
    for name in names:
        if isinstance(namespace[name], type | FunctionType | NewType):
            namespace[name].__module__ = module
