"""Modules and classes that a program makes before its first result."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence

import pytest
from attrs import frozen

from tests.support import documents
from tests.support.servers import http, serving

MAX_MODULES = 48
MAX_ATTRS_CLASSES = 12
GROUPS = """
async with ArenaClient() as arena:
    async for invitation in arena.groups.invitations("research-studio"):
        assert invitation.target.slug
"""
# All that the program loads, and what aiohttp alone would have loaded.
PROGRAM = """
import sys
import aiohttp

of_aiohttp = set(sys.modules)

import asyncio
import json
import attrs
from attr import _make

made = []
build = _make._ClassBuilder.build_class

def build_class(builder):
    made.append(builder._cls.__name__)
    return build(builder)

_make._ClassBuilder.build_class = build_class

from arena_groups import ArenaClient

async def main():
{body}

asyncio.run(main())
print(json.dumps([sorted(set(sys.modules) - of_aiohttp), made]))
"""


@frozen
class Loaded:
    """The modules that a program has loaded besides those of aiohttp, and its attrs classes."""

    modules: Sequence[str]
    classes: Sequence[str]

    @property
    def own(self) -> list[str]:
        """Return the modules of this package."""
        return [name for name in self.modules if name.partition(".")[0] == "arena_groups"]


async def loaded_by(body: str, *items: Mapping[str, object]) -> Loaded:
    """Run the body of a program, with a server that answers with a page."""
    page = documents.page(*items, total_count=len(items))
    async with serving(http(page)) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM.format(body="    " + body.replace("\n", "\n    "))),
            env={**os.environ, "ARENA_BASE_URL": server.url, "ARENA_TOKEN": "a-token"},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    return Loaded(*json.loads(output))


async def test_list_of_invitations_loads_little() -> None:
    loaded = await loaded_by(GROUPS, documents.invitation())
    assert len(loaded.own) <= MAX_MODULES
    assert len(loaded.classes) <= MAX_ATTRS_CLASSES
    for name in ("MembershipInvitation", "EmbeddedUser", "EmbeddedGroup", "Page", "PageMeta"):
        assert name in loaded.classes
    others = ("bulk", "cli", "oauth", "redis", "sandbox", "stores", "watching", "webhooks")
    unwanted = {f"arena_groups.{name}" for name in others}
    unwanted |= {
        f"arena_groups.models.{name}" for name in ("blocks", "contents", "groups", "users")
    }
    unwanted |= {f"arena_groups._api.{name}" for name in ("decoders", "issues", "status_errors")}
    unwanted |= {"cattrs", "click", "rich", "sqlite3", "uuid", "html", "importlib.metadata"}
    assert not unwanted & set(loaded.modules)


async def test_nothing_of_the_standard_library_is_loaded_besides_that_of_aiohttp_and_msgspec() -> (
    None
):
    loaded = await loaded_by(GROUPS, documents.invitation())
    packages = {name.partition(".")[0] for name in loaded.modules}
    of_msgspec = {"decimal", "_decimal", "_pydecimal", "numbers"}
    assert packages - of_msgspec <= {"arena_groups", "attr", "attrs", "msgspec"}


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_contents_are_made_when_they_are_listed(concurrency: int) -> None:
    body = f"""
async with ArenaClient() as arena:
    contents = arena.groups.contents("research-studio", concurrency={concurrency})
    assert [type(each).__name__ for each in await contents.collect()] == ["TextBlock"]
"""
    loaded = await loaded_by(body, documents.block("Text", content=documents.markdown()))
    assert {"TextBlock", "Channel", "UnknownContent"} <= set(loaded.classes)
    assert ("arena_groups._pagination.concurrent" in loaded.modules) is (concurrency > 1)
    assert "cattrs" not in loaded.modules
