"""Faults of the sandbox for tests: other texts, and lists of a stale replica."""

import attrs

from arena_groups.sandbox import faults
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.server_protocol import SerializedResponse


@attrs.frozen
class ReplaceText(faults.BodyFault):
    """A part of the JSON is replaced by another one."""

    old: bytes
    new: bytes

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        return attrs.evolve(serialized, body=body.replace(self.old, self.new))


class EmptyList(faults.ListFault):
    """The list of a replica that has not seen its items yet."""

    def transform_page(self, page: faults.ListPage) -> SandboxResponse | None:
        return page.with_meta({**page.meta, "total_count": 0, "total_pages": 0}, [])
