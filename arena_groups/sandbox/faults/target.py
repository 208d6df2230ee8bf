"""Which requests a fault is for."""

from collections.abc import Callable

import attrs

from arena_groups.sandbox.faults import checks
from arena_groups.sandbox.journal import RecordedRequest
from arena_groups.sandbox.operations import Operation
from arena_groups.sandbox.routing import EVERY_OPERATION

_BY_NAME = {each.name: each for each in EVERY_OPERATION}
_ROUTES = {each.template for each in EVERY_OPERATION}
_METHODS = {each.method for each in EVERY_OPERATION} | {"HEAD"}


def _known(names: set[str]) -> Callable[[object, "attrs.Attribute[str | None]", str | None], None]:
    def check(_target: object, field: "attrs.Attribute[str | None]", value: str | None) -> None:
        if value is not None and value not in names:
            raise ValueError(f"{field.name} must be one of {', '.join(sorted(names))}")

    return check


@attrs.frozen(kw_only=True)
class Target:
    """Requests of one operation, method and route (None: of any), and how many of them."""

    operation: str | None = attrs.field(default=None, validator=_known(set(_BY_NAME)))
    method: str | None = attrs.field(default=None, validator=_known(_METHODS))
    route: str | None = attrs.field(default=None, validator=_known(_ROUTES))
    where: Callable[[RecordedRequest], bool] | None = None
    times: int | None = attrs.field(default=None, validator=checks.not_negative)
    skip: int = attrs.field(default=0, validator=checks.not_negative)
    probability: float = 1.0

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")

    def matches(self, request: RecordedRequest) -> bool:
        """Whether the request is one of them."""
        operation = _BY_NAME.get(request.operation or "")
        return (
            self.operation in {None, request.operation}
            and self.method in {None, request.method}
            and self.route in {None, _route(operation)}
            and (self.where is None or self.where(request))
        )


def _route(operation: Operation | None) -> str | None:
    return None if operation is None else operation.template
