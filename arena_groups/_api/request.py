"""One request, described before it is sent."""

from collections.abc import Mapping
from typing import Generic, TypeVar
from urllib.parse import urlencode

from attrs import define, field

from arena_groups._api.operations import Operation
from arena_groups._api.secrets import Secret

__all__ = ["Request", "build_request"]

T = TypeVar("T")


@define(kw_only=True)  # frozen, it would take five times as long to make
class Request(Generic[T]):
    """One request, ready to be sent. Nothing secret shows in its ``repr``.

    ``target`` is path and query, escaped; ``page`` which page of a list it asks for.
    """

    operation: Operation[T]
    path: str
    target: str
    query: Mapping[str, str | int] = field(factory=dict[str, str | int])
    body: Mapping[str, object] | None = field(default=None, repr=False)
    page: int = 1

    def for_page(self, page: int) -> "Request[T]":
        """Return the same request for one page of a list."""
        _, _, others = self.target.partition("?")
        return Request(
            operation=self.operation,
            path=self.path,
            query={"page": page, **self.query},
            target=f"{self.path}?page={page}&{others}",
            page=page,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of the body that must never be shown."""
        return tuple(v.reveal() for v in (self.body or {}).values() if isinstance(v, Secret))

    def payload(self) -> dict[str, object] | None:
        """Return the body as it is sent, secrets included; ``None`` for no body."""
        if self.body is None:
            return None
        return {k: v.reveal() if isinstance(v, Secret) else v for k, v in self.body.items()}


def build_request(
    operation: Operation[T],
    path_params: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, str | int] | None = None,
    body: Mapping[str, object] | None = None,
) -> Request[T]:
    """Return a request for ``operation``; ``path_params`` are escaped already."""
    path = operation.route.format_map(path_params or {})
    target = f"{path}?{urlencode(query)}" if query else path
    return Request(operation=operation, path=path, target=target, query=query or {}, body=body)
