"""Functions of the package that one page of a list passes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import arena_groups
from arena_groups import ArenaClient
from tests.support import documents
from tests.support.servers import http, serving

PACKAGE = Path(arena_groups.__file__).parent
PER = 100
MAX_FUNCTIONS = 35
MAX_FILES = 12


def page(number: int) -> bytes:
    first = 2 * PER - (number - 1) * PER
    items = [documents.invitation(id=first - place) for place in range(PER)]
    more = {"next_page": 2, "has_more_pages": True} if number == 1 else {}
    body = documents.page(*items, current_page=number, total_pages=2, total_count=2 * PER, **more)
    return http(
        body,
        ETag=f'"{number}"',
        Date="Fri, 27 Nov 2026 12:00:00 GMT",
        X_RateLimit_Limit="600",
        X_RateLimit_Window="60",
        X_RateLimit_Reset="1795780860",
    )


@contextmanager
def counted() -> Iterator[dict[tuple[str, str], int]]:
    """Count the calls of each function of the package, by file and name."""
    calls: dict[tuple[str, str], int] = {}

    def count(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            key = str(path.relative_to(PACKAGE)), frame.f_code.co_qualname
            calls[key] = calls.get(key, 0) + 1

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_page_of_a_list_passes_few_functions() -> None:
    """From the ``anext()`` that fetches the second page of a list to its last item."""
    async with serving(page(1)) as server, ArenaClient("a-token", base_url=server.url) as arena:
        items = aiter(arena.groups.invitations("research-studio", per=PER))
        for _ in range(PER):
            await anext(items)
        server.response = page(2)
        with counted() as calls:
            for _ in range(PER):
                await anext(items)
        assert [request.target.partition("?")[2] for request in server.requests] == [
            f"page=1&per={PER}",
            f"page=2&per={PER}",
        ]
    files = {file for file, _ in calls}
    # pytest shows the list with -s, and if the test fails.
    print(f"{len(calls)} functions in {len(files)} files:")  # noqa: T201
    for (file, name), count in calls.items():
        print(f"{count:5} {file:28} {name}")  # noqa: T201
    assert len(calls) <= MAX_FUNCTIONS
    assert len(files) <= MAX_FILES
