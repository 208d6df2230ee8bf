"""Figures of two revisions that ran in turn, and what they say."""

from collections.abc import Iterable, Iterator, Sequence
from math import comb
from statistics import median, quantiles

from attrs import frozen

from benchmarks.report import table

__all__ = ["Comparison", "order", "report"]

DOUBT = 0.05
"""Probability of a verdict on two revisions that cost the same."""


@frozen
class Comparison:
    """Costs of one task, by round, in the unit of its label."""

    label: str
    today: Sequence[float]
    other: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Return today's cost to the other's in each round."""
        return [ours / theirs for ours, theirs in zip(self.today, self.other, strict=True)]

    def row(self) -> list[str]:
        """Return the cells of the table."""
        low, high = _quartiles(self.ratios)
        return [
            self.label,
            f"{median(self.today):.2f}",
            f"{median(self.other):.2f}",
            f"{median(self.today) / median(self.other):.3f}",
            f"{min(self.today) / min(self.other):.3f}",
            f"{low:.3f} to {high:.3f}",
        ]

    def verdict(self, other: str) -> str:
        """Return which of the two is cheaper, in one line; ``other`` is the revision's name."""
        interval = confidence_interval(self.ratios)
        if interval is None:
            return f"{self.label}: too few rounds to say which is cheaper."
        low, high = interval
        between = f"the cost of today's tree is {low:.3f} to {high:.3f} times that of {other}"
        if low <= 1 <= high:
            return f"{self.label}: neither is clearly cheaper; {between}."
        cheaper = "today's tree" if high < 1 else other
        return f"{self.label}: {cheaper} is cheaper; {between}."


def order(rounds: int) -> Iterator[tuple[int, int]]:
    """Yield the positions of two sides for each round: 0 and 1, then 1 and 0, and so on.

    A machine that becomes slower or faster is thus unfair to neither.
    """
    for number in range(rounds):
        yield (0, 1) if number % 2 == 0 else (1, 0)


def confidence_interval(ratios: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval that has the median ratio in 95 % of all runs; 6 ratios are needed.

    It is the interval of the sign test, which assumes nothing about how costs vary.
    """
    count, outside, cut = len(ratios), 0, 0
    while cut < count and 2 * (outside + comb(count, cut)) <= DOUBT * 2**count:
        outside += comb(count, cut)
        cut += 1
    if cut == 0:
        return None
    ordered = sorted(ratios)
    return ordered[cut - 1], ordered[-cut]


def report(comparisons: Iterable[Comparison], other: str) -> str:
    """Return a table of the comparisons, and a line on each."""
    compared = list(comparisons)
    heads = ["what", "today", other, "ratio of medians", "of minima", "middle half of the rounds"]
    lines = [each.verdict(other) for each in compared]
    return "\n".join([table(heads, [each.row() for each in compared]), *lines])


def _quartiles(ratios: Sequence[float]) -> tuple[float, float]:
    if len(ratios) == 1:
        return ratios[0], ratios[0]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return low, high
