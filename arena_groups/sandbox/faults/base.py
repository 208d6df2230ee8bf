"""The kinds of faults, by where they strike. A fault of your own is a subclass of one of them."""

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import NoReturn, cast

import attrs

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.delivery import Message
from arena_groups.sandbox.entities import Group, JSONObject
from arena_groups.sandbox.quota import Standing
from arena_groups.sandbox.state import World
from arena_groups.sandbox.wire import Line

_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@attrs.frozen
class Fault:
    """Something that goes wrong with a request."""

    @classmethod
    def name(cls) -> str:
        """As the shell and the recorded requests spell it: `ServerError` is `server-error`."""
        return _WORD_ENDS.sub("-", cls.__name__).lower()


@attrs.frozen
class Exchange:
    """A request that a detour has in its hands, read whole and not yet answered.

    `standing` is where the caller stands with the quota, `now` the sandbox's own time.
    """

    standing: Standing
    now: datetime
    proceed: Callable[[], Awaitable[Message]]
    compose: Callable[[Answer], Message]
    _line: Line

    async def pause(self, seconds: float) -> None:
        """Wait. When nobody waits for the answer any more, the exchange ends here."""
        await self._line.pause(seconds)

    async def hang(self) -> NoReturn:
        """Wait until nobody waits for the answer any more; the exchange ends here."""
        await self._line.hang()


class Detour(Fault, ABC):
    """A fault between the client and the operation, which it may delay or keep from happening."""

    @abstractmethod
    async def handle(self, exchange: Exchange) -> Message:
        """The answer. Awaiting `exchange.proceed()` carries the operation out."""


@attrs.frozen
class Instead(Detour):
    """A detour with an answer of its own. The operation takes effect only with `after=True`."""

    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, exchange: Exchange) -> Message:
        """The operation's effect, if it is to have one, and another answer."""
        if self.after:
            await exchange.proceed()
        return self.reply(exchange)

    @abstractmethod
    def reply(self, exchange: Exchange) -> Message:
        """The answer in the operation's place."""


class BodyFault(Fault, ABC):
    """A fault that spoils an answer on its way back. Answers without a body pass untouched."""

    @abstractmethod
    def spoil(self, message: Message, body: bytes) -> Message:
        """What becomes of the message, whose body is not empty."""


@attrs.frozen
class ListPage:
    """A page of a list as it should be answered. `ask` answers other pages of the same list."""

    answer: Answer
    ask: Callable[[int], Answer]

    @property
    def meta(self) -> JSONObject:
        """The page's place in the list."""
        return _meta(self.answer)

    @property
    def number(self) -> int:
        """The page's number."""
        return _count(self.meta, "current_page")

    @property
    def last(self) -> int:
        """The number of the list's last page; an empty list has one."""
        return max(1, _count(self.meta, "total_pages"))

    @property
    def per(self) -> int:
        """How many items a full page has."""
        return _count(self.meta, "per_page")

    @property
    def total(self) -> int | None:
        """How many items the list has, unless another fault took that away."""
        return _count(self.meta, "total_count") if "total_count" in self.meta else None

    def items(self, number: int | None = None) -> list[JSONObject]:
        """The items of this page, or of another one."""
        answer = self.answer if number is None else self.ask(number)
        return cast("list[JSONObject]", (answer.body or {})["data"])

    def promising(self, next_page: int, items: list[JSONObject] | None = None) -> Answer:
        """This page, but with `next_page` to follow, and with other items if so given."""
        meta = {**self.meta, "next_page": next_page, "has_more_pages": True}
        return self.with_meta(meta, items)

    def with_meta(self, meta: JSONObject, items: list[JSONObject] | None = None) -> Answer:
        """This page with another `meta`, and with other items if so given."""
        data = self.items() if items is None else items
        return attrs.evolve(self.answer, body={"data": data, "meta": meta})


class ListFault(Fault, ABC):
    """A fault in the pages of a list. Everything that is no page of a list passes untouched."""

    @abstractmethod
    def rewrite(self, page: ListPage) -> Answer | None:
        """The answer in this page's place, None to leave it as it is."""


class WorldFault(Fault, ABC):
    """A fault that changes what is there, just before the operation is carried out."""

    @abstractmethod
    def disturb(self, world: World, group: Group | None, rng: Random) -> bool:
        """Change something. `group` is the one the request is about. Returns if it concerned it."""


def list_page(answer: Answer, ask: Callable[[int], Answer]) -> ListPage | None:
    """The answer as a page of a list, if it is one."""
    is_page = answer.status == 200 and answer.body is not None and "meta" in answer.body
    return ListPage(answer, ask) if is_page else None


def _meta(answer: Answer) -> JSONObject:
    return cast("JSONObject", (answer.body or {})["meta"])


def _count(meta: JSONObject, name: str) -> int:
    return cast("int", meta[name])
