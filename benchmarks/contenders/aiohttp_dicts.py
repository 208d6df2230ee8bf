"""A loop over aiohttp that keeps dicts, as one writes it by hand; orjson's is the yardstick."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks.contenders.common import PER, TOKEN, Reader, Tally, needs, parser, run


def main() -> None:
    """Measure, with ``--decoder``."""
    given = parser()
    given.add_argument("--decoder", choices=("json", "orjson"), default="orjson")
    arguments = given.parse_args()
    loads = _loads(arguments.decoder)

    @asynccontextmanager
    async def opener(url: str) -> AsyncGenerator[Reader, None]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def read(group: str, tally: Tally) -> None:
                number: int | None = 1
                while number is not None:
                    async with session.get(
                        f"{url}/v3/groups/{group}/invitations",
                        params={"page": number, "per": PER},
                    ) as response:
                        response.raise_for_status()
                        page = loads(await response.read())
                    tally.dicts(page["data"])
                    meta = page["meta"]
                    number = meta["next_page"] if meta["has_more_pages"] else None

            yield read

    run(opener, arguments)


def _loads(decoder: str) -> Callable[[bytes], Any]:
    if decoder == "json":
        return json.loads
    needs("orjson")
    import orjson  # noqa: PLC0415 - not everywhere

    return orjson.loads


if __name__ == "__main__":
    main()
