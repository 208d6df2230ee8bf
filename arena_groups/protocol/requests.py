"""One request, described before it is sent."""

from collections.abc import Mapping
from functools import cached_property
from typing import Generic, TypeVar
from urllib.parse import quote_plus

from attrs import field, frozen

from arena_groups.protocol.operations import Operation
from arena_groups.protocol.secrets import Secret

__all__ = ["Request", "build_request"]

T = TypeVar("T")


@frozen(kw_only=True)
class Request(Generic[T]):
    """One request, ready to be sent. Nothing secret shows in its ``repr``."""

    operation: Operation[T]
    path: str
    query: Mapping[str, str | int] = field(factory=dict[str, str | int])
    body: Mapping[str, object] | None = field(default=None, repr=False)

    @cached_property
    def target(self) -> str:
        """Path and query, escaped."""
        pairs = [f"{name}={_escaped(value)}" for name, value in self.query.items()]
        return f"{self.path}?{'&'.join(pairs)}" if pairs else self.path

    def for_page(self, page: int) -> "Request[T]":
        """The same for one page of a list."""
        return Request(operation=self.operation, path=self.path, query={"page": page, **self.query})

    @property
    def page(self) -> int:
        """Which page of a list it asks for; 1 for anything else."""
        page = self.query.get("page", 1)
        return page if isinstance(page, int) else 1

    @property
    def has_no_body(self) -> bool:
        """Whether the request could have a body, and has none."""
        return self.operation.writes and self.body is None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of the body that must never show."""
        return tuple(v.reveal() for v in (self.body or {}).values() if isinstance(v, Secret))

    def payload(self) -> dict[str, object] | None:
        """The body as it is sent, secrets included; ``None`` for no body."""
        if self.body is None:
            return None
        return {k: v.reveal() if isinstance(v, Secret) else v for k, v in self.body.items()}


def build_request(
    operation: Operation[T],
    places: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, str | int] | None = None,
    body: Mapping[str, object] | None = None,
) -> Request[T]:
    """A request for ``operation``, with ``places`` (already escaped) filled into its route."""
    path = operation.route.format_map(places or {})
    return Request(operation=operation, path=path, query=query or {}, body=body)


def _escaped(value: str | int) -> str:
    return quote_plus(value) if isinstance(value, str) else str(value)
