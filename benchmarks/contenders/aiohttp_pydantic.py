"""A loop over aiohttp whose pages pydantic decodes and validates in one step."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.contenders.common import PER, TOKEN, Reader, Tally, needs, parser, run


def main() -> None:
    """Measure."""
    arguments = parser().parse_args()
    needs("pydantic")
    from benchmarks.contenders.pydantic_models import InvitationPage  # noqa: PLC0415

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
                        page = InvitationPage.model_validate_json(await response.read())
                    tally.objects(page.data)
                    number = page.meta.next_page if page.meta.has_more_pages else None

            yield read

    run(opener, arguments)


if __name__ == "__main__":
    main()
