"""Differences that the check reports."""

from attrs import frozen

__all__ = ["Difference"]


@frozen(order=True)
class Difference:
    """Point in which code and document disagree: where, and how."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"
