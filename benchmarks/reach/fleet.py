"""Watches of many groups, and the requests of their polls. No I/O."""

from math import ceil

from attrs import frozen

__all__ = ["PER", "Fleet", "Poll", "requests_of"]

PER = 100  # items of a page


@frozen(kw_only=True)
class Fleet:
    """Watched groups, all alike, divided evenly among tokens.

    Attributes:
        members: Members of each group, the owner included.
        pending: Pending invitations of each group.
        interval: Seconds, as ``watch`` takes it.
        joins: How many people accept an invitation, in a group and a day.
        replicas: Processes that share the watches, and the rate limit of each token.
        concurrency: Polls of a token at a time, in each process.
        limit: Requests of a token in a minute.
        latency: Seconds from a request to its response.
    """

    groups: int
    tokens: int = 1
    members: int = 100
    pending: int = 20
    interval: float = 60.0
    joins: float = 2.0
    replicas: int = 1
    concurrency: int = 8
    limit: int = 600
    latency: float = 0.2


@frozen
class Poll:
    """Requests of one poll, and how many of them are answered with a 304.

    The cache is assumed to hold all pages.
    """

    requests: int
    unchanged: int


def requests_of(
    fleet: Fleet,
    *,
    first: bool = False,
    full: bool = False,
    changed: bool = False,
    changed_before: bool = False,
) -> Poll:
    """Return the requests of a poll of one group.

    Args:
        fleet: The sizes of the lists.
        first: The first poll, which also looks the group up.
        full: A poll of all pages; the first is one.
        changed: Somebody has accepted an invitation since the last poll.
        changed_before: Somebody has done so since the last poll of all pages.
    """
    full = full or first
    whole = changed or first  # a list that differs from the one before is read to its end
    invitations = _pages(fleet.pending) if full or whole else 1
    members = _pages(fleet.members) if full or whole else 1
    # The first page of members is read once more, to see whether the owner is still the same.
    again = int(members > 1)
    requests = first + full + invitations + members + again + 1  # the last: the invite code
    if first or changed:
        return Poll(requests, again)
    # An invite code is never cached, and a group has its counts.
    return Poll(requests, requests - 1 - (full and changed_before))


def _pages(items: int) -> int:
    return max(1, ceil(items / PER))
