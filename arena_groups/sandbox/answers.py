"""What goes back to a caller, before it becomes HTTP."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from arena_groups.sandbox.entities import JSONObject


@attrs.frozen
class Answer:
    """A status, a JSON body unless the status has none, and headers of this answer's own.

    `page` is HTML, in place of JSON, where a person looks at the answer.
    """

    status: int
    body: JSONObject | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(default=MappingProxyType({}), repr=False)
    page: str | None = attrs.field(default=None, repr=False)
