"""httpx, ``response.json()`` and then pydantic, as in many generated SDKs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.contenders.common import PER, TOKEN, Reader, Tally, needs, parser, run


def main() -> None:
    """Measure."""
    arguments = parser().parse_args()
    needs("httpx", "pydantic")
    import httpx  # noqa: PLC0415 - not everywhere

    from benchmarks.contenders.pydantic_models import InvitationPage  # noqa: PLC0415

    @asynccontextmanager
    async def opener(url: str) -> AsyncGenerator[Reader, None]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:

            async def read(group: str, tally: Tally) -> None:
                number: int | None = 1
                while number is not None:
                    response = await client.get(
                        f"/v3/groups/{group}/invitations", params={"page": number, "per": PER}
                    )
                    response.raise_for_status()
                    page = InvitationPage.model_validate(response.json())
                    tally.objects(page.data)
                    number = page.meta.next_page if page.meta.has_more_pages else None

            yield read

    run(opener, arguments)


if __name__ == "__main__":
    main()
