"""Command line: ``python -m tests.contract PATH_OR_URL``."""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from arena_groups._api import OPERATIONS
from tests.contract.client import compare_client
from tests.contract.differences import Difference
from tests.contract.document import Document, DocumentedOperation, DocumentError, read_source
from tests.contract.operations import served
from tests.contract.responses import Exchange
from tests.contract.sandbox import compare_exchanges, explore
from tests.contract.tokens import ask_for_tokens, compare_tokens
from tests.contract.validation import check_schemas, unchecked_formats

PUBLIC_DOCUMENT: Final = "https://api.are.na/v3/openapi.json"
AGREED, DIFFERENT, NO_DOCUMENT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print each difference on one line, and return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        document = Document.parse(read_source(given.document))
        check_schemas(document)
        operations = served(document)
        exchanges, unexpected = asyncio.run(explore(document, operations))
        found = [
            *_formats(document),
            *compare_client(document, OPERATIONS),
            *unexpected,
            *compare_exchanges(document, operations, exchanges),
            *compare_tokens(document, asyncio.run(ask_for_tokens())),
        ]
    except DocumentError as error:
        sys.stderr.write(f"contract: {error}\n")
        return NO_DOCUMENT
    except RecursionError:
        sys.stderr.write("contract: the document's schemas contain themselves without end\n")
        return NO_DOCUMENT
    for line in dict.fromkeys(map(str, found)):
        sys.stdout.write(f"{line}\n")
    if given.outcomes:
        sys.stderr.writelines(_outcomes(operations, exchanges))
    counts = f"{len(operations)} operations, {len(exchanges)} responses of the sandbox"
    sys.stderr.write(f"contract: {counts}, differences: {len(set(found))}\n")
    return DIFFERENT if found else AGREED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.contract",
        description="Compare the code and the sandbox with the provider's OpenAPI document.",
        epilog="Exit codes: 0 they agree, 1 they differ, 2 the document cannot be read.",
    )
    parser.add_argument(
        "document",
        nargs="?",
        default=PUBLIC_DOCUMENT,
        metavar="PATH_OR_URL",
        help="the document (default: %(default)s)",
    )
    parser.add_argument(
        "--outcomes", action="store_true", help="list the statuses that each operation had"
    )
    return parser


def _formats(document: Document) -> Iterator[Difference]:
    for name in sorted(unchecked_formats(document)):
        yield Difference(f"format {name}", "is in the document, but nothing checks it")


def _outcomes(
    operations: Sequence[DocumentedOperation], exchanges: Sequence[Exchange]
) -> Iterator[str]:
    for operation in operations:
        met = {
            each.status
            for each in exchanges
            if (each.method, each.path) == (operation.method, operation.path)
        }
        yield f"{operation}: {' '.join(map(str, sorted(met)))}\n"


if __name__ == "__main__":
    sys.exit(main())
