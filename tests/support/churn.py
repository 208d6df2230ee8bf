"""List of the API that changes between requests, and readers that walk it."""

from collections.abc import Callable, Sequence
from random import Random

from attrs import define, field, frozen

from arena_groups._pagination.concurrent import ConcurrentWalk
from arena_groups._pagination.walk import Walk, next_page_number
from arena_groups.models import Page, PageMeta


@frozen
class Item:
    """Part of an invitation that a walk uses."""

    id: int
    type: str = "MembershipInvitation"


@frozen
class Change:
    """Change of the list before a request: removals (by position), then additions.

    The pinned item is removed only by ``unpin``; then no item is pinned. ``owner`` is the position
    of the item that is pinned instead; one that was pinned before never is again.
    """

    removed: Sequence[int] = ()
    added: int = 0
    unpin: bool = False
    owner: int | None = None


@define
class ChurningList:
    """Items, newest first; before each response the next change of ``script`` is made.

    ``total_count`` is that of ``lag`` responses before. If it is ``owned``, the oldest item is
    pinned at first, as the owner of a group is.
    """

    size: int
    script: Sequence[Change] = ()
    hidden: frozenset[int] = frozenset()
    pinned: int = 0
    owned: bool = False
    lag: int = 0
    on_request: Callable[[], object] = field(default=lambda: None)
    totals: list[int] = field(factory=list[int])
    former_owners: set[int] = field(factory=set[int])
    ids: list[int] = field(init=False)
    stable: set[int] = field(init=False)
    requests: list[int] = field(factory=list[int])

    def __attrs_post_init__(self) -> None:
        self.ids = list(range(self.size, 0, -1))
        if self.owned:
            self.pinned = 1
            self.ids.insert(0, self.ids.pop())
        self.stable = set(self.ids) - self.hidden

    def page(self, number: int, per: int) -> Page[Item]:
        """Respond to one request."""
        self.on_request()
        if len(self.requests) < len(self.script):
            self._change(self.script[len(self.requests)])
        self.requests.append(number)
        first = (number - 1) * per
        shown = [id for id in self.ids[first : first + per] if id not in self.hidden]
        more = first + per < len(self.ids)
        self.totals.append(len(self.ids))
        total = self.totals[max(0, len(self.totals) - 1 - self.lag)]
        return Page(
            data=[Item(id) for id in shown],
            meta=PageMeta(
                current_page=number,
                per_page=per,
                total_pages=-(-total // per),
                total_count=total,
                has_more_pages=more,
                next_page=number + 1 if more else None,
            ),
        )

    def remove(self, id: int) -> None:
        """Remove one item, as a caller does while reading."""
        self.ids.remove(id)
        self.stable.discard(id)

    def _change(self, change: Change) -> None:
        if change.unpin and self.pinned and self.ids:
            self.pinned = 0
            self.remove(self.ids[0])
        if change.owner is not None:
            self._change_owner(change.owner)
        for place in change.removed:
            removable = len(self.ids) - self.pinned
            if removable > 0:
                self.remove(self.ids[self.pinned + place % removable])
        newest = max([self.size, *self.ids]) if self.ids else self.size
        self.size = newest + change.added
        fresh = range(self.size, newest, -1)
        self.ids[self.pinned : self.pinned] = fresh

    def _change_owner(self, place: int) -> None:
        heirs = [id for id in self.ids[1:] if id not in self.former_owners]
        if self.pinned and heirs:
            owner = heirs[place % len(heirs)]
            self.former_owners.add(self.ids[0])
            others = sorted((id for id in self.ids if id != owner), reverse=True)
            self.ids = [owner, *others]

    def forget_before(self, page: int, per: int) -> None:
        """Expect no items that are ahead of a page now."""
        self.stable &= set(self.ids[(page - 1) * per :])


def new_page(
    number: int,
    ids: Sequence[int] = (),
    *,
    per: int = 2,
    total: int = 100,
    more: bool = True,
    next_page: int | None = None,
) -> Page[Item]:
    """Return a page of a list."""
    return Page(
        data=[Item(id) for id in ids],
        meta=PageMeta(
            current_page=number,
            per_page=per,
            total_pages=-(-total // max(per, 1)),
            total_count=total,
            has_more_pages=more,
            next_page=next_page,
        ),
    )


Reader = Callable[[ChurningList, int], list[int]]


def read_by_walk(source: ChurningList, per: int) -> list[int]:
    """Return every id that the walk yields."""
    walk: Walk[Item] = Walk()
    found: list[int] = []
    while not walk.done:
        found += [item.id for item in walk.accept(source.page(walk.next_page, per))]
    return found


def read_by_plain_loop(source: ChurningList, per: int) -> list[int]:
    """Return every id that a loop over ``next_page`` yields."""
    found: list[int] = []
    number: int | None = 1
    while number is not None:
        page = source.page(number, per)
        found += [item.id for item in page.data]
        number = next_page_number(page.meta)
    return found


def read_while_totals_are_equal(source: ChurningList, per: int, random: Random) -> list[int] | None:
    """Return every id that is yielded by a reader which trusts equal totals.

    It reads all pages after the first in a random order. ``None`` if the totals differ.
    """
    pages = [source.page(1, per)]
    numbers = list(range(2, pages[0].meta.total_pages + 1))
    random.shuffle(numbers)
    pages += [source.page(number, per) for number in numbers]
    if len({page.meta.total_count for page in pages}) > 1:
        return None
    return [item.id for page in pages for item in page.data]


@define
class ParallelReader:
    """Reader that works as a concurrent iterator does, in a random order.

    ``random`` decides in which order requests reach the server, which responses are lost, and
    when the reader takes the next page. The list changes before each response.
    """

    random: Random
    concurrency: int
    start_page: int = 1
    walk: Walk[Item] | None = None

    def __call__(self, source: ChurningList, per: int) -> list[int]:
        """Return every id that is yielded."""
        walk: ConcurrentWalk[Item] = ConcurrentWalk(
            self.walk or Walk(self.start_page), concurrency=self.concurrency
        )
        under_way, answers = set[int](), dict[int, Page[Item]]()
        found, held, started = list[int](), 0, False
        while not walk.done:
            wanted = walk.pages_to_fetch(buffered=held)
            answers = {number: page for number, page in answers.items() if number in wanted}
            under_way = set(wanted) - set(answers)
            assert len(wanted) + held <= self.concurrency
            ready = walk.next_expected in answers
            if held and self.random.random() < 0.5:
                held = 0
            elif ready and (not under_way or self.random.random() < 0.4):
                started = True
                fresh = walk.accept(answers.pop(walk.next_expected))
                found += [item.id for item in fresh]
                held = 1 if fresh else 0
            elif under_way:
                number = self.random.choice(sorted(under_way))
                page = source.page(number, per)
                if not started:
                    source.forget_before(number, per)
                if self.random.random() < 0.97:
                    answers[number] = page
        return found


def random_list(random: Random) -> tuple[ChurningList, int]:
    """Return a list of up to 400 items under random churn, and a page size."""
    size = random.choice([0, 1, random.randrange(2, 60), random.randrange(60, 400)])
    per = random.randint(1, 100)
    steps = random.choice([0, 5, 30, 100])
    script = [
        Change(
            removed=[random.randrange(1000) for _ in range(random.choice([0, 0, 1, 2, 10]))],
            added=random.choice([0, 0, 1, 2, 10]),
        )
        for _ in range(steps)
    ]
    hidden = frozenset(id for id in range(1, size + 1) if random.random() < 0.05)
    return ChurningList(size, script, hidden, pinned=random.choice([0, 0, 1])), per


def balanced_list(random: Random) -> tuple[ChurningList, int]:
    """Return a list whose changes mostly keep its total, and a page size."""
    size = random.randrange(400)
    per = random.choice([1, 2, 3, random.randint(3, 30), random.randint(1, 100)])
    script = [Change()] * random.choice([0, 0, 2, 10])
    for _ in range(random.choice([0, 1, 2, 3, 30])):
        count = random.choice([1, 1, 2, 10])
        script.append(
            Change(
                removed=[random.randrange(1000) for _ in range(count)],
                added=count if random.random() < 0.8 else random.choice([0, 1, 2]),
                unpin=random.random() < 0.02,
            )
        )
        script += [Change()] * random.choice([0, 0, 1, 4])
    density = random.choice([0, 0, 0.05, 0.5, 1])
    hidden = frozenset(id for id in range(1, size + 1) if random.random() < density)
    return ChurningList(size, script, hidden, pinned=random.choice([0, 1])), per
