"""Client, compared with the document without a server."""

import asyncio
from collections.abc import Iterator, Sequence

from arena_groups import ArenaClient
from arena_groups._api import Operation
from tests.contract.arguments import compare_parameters, compare_requests, record
from tests.contract.differences import Difference
from tests.contract.document import Document
from tests.contract.errors import compare_errors, compare_statuses
from tests.contract.models import ModelComparison, unreached
from tests.contract.operations import compare_operations, match
from tests.contract.samples import compare_codec

__all__ = ["compare_client"]


def compare_client(
    document: Document, operations: Sequence[Operation[object]]
) -> Iterator[Difference]:
    """Yield all differences between the document and the operations, models and errors."""
    models = ModelComparison(document)
    yield from compare_operations(document, operations, models)
    yield from models.unmet_kinds()
    yield from unreached(models.models)
    yield from compare_errors(document)
    for known, documented in match(document, operations):
        requests = asyncio.run(record(known.name))
        if not requests and not hasattr(ArenaClient, known.name):
            yield Difference(known.name, "is sent by no method of the client")
        yield from compare_codec(document, known, documented)
        yield from compare_statuses(known, documented)
        yield from compare_parameters(document, known, documented)
        yield from compare_requests(document, documented, requests)
