"""Client that openapi-python-client generates from the provider's document: attrs over httpx."""

import importlib
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.contenders.common import PER, TOKEN, Reader, Tally, needs, parser, run


def main() -> None:
    """Measure the client in the folder ``--generated``, a package named ``generated_arena``."""
    given = parser()
    given.add_argument("--generated", required=True)
    arguments = given.parse_args()
    needs("httpx")
    sys.path.insert(0, arguments.generated)
    package: Any = importlib.import_module("generated_arena")
    operation: Any = importlib.import_module("generated_arena.api.groups.get_group_invitations")

    @asynccontextmanager
    async def opener(url: str) -> AsyncGenerator[Reader, None]:
        async with package.AuthenticatedClient(base_url=url, token=TOKEN) as client:

            async def read(group: str, tally: Tally) -> None:
                number: int | None = 1
                while number is not None:
                    page = await operation.asyncio(group, client=client, page=number, per=PER)
                    tally.objects(page.data)
                    number = page.meta.next_page if page.meta.has_more_pages else None

            yield read

    run(opener, arguments)


if __name__ == "__main__":
    main()
