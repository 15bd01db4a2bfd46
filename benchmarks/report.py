"""Figures of interleaved rounds, and the table made of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Comparison:
    """One kind of work on Longbow and another server, measured in turn.

    `values` and `others` are calls or bytes a second, or seconds where `lower_is_better`.
    """

    work: str
    other: str
    unit: str
    target: str
    lower_is_better: bool = False
    values: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """Round by round, Longbow by the other."""
        return [a / b for a, b in zip(self.values, self.others, strict=True) if b > 0]

    def row(self) -> str:
        """A row of the table in Markdown."""
        ratios = sorted(self.ratios())
        spread = f"{ratios[0]:.2f}–{ratios[-1]:.2f}"
        return (
            f"| {self.work} | {median(self.values)} | {self.other}: {median(self.others)} "
            f"| {self.unit} | **{statistics.median(ratios):.2f}** ({spread}) | {self.target} |"
        )


HEAD = (
    "| work | Longbow | compared with | unit | ratio, median (spread) | target |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


def median(values: Sequence[float]) -> str:
    """The median with three digits that count."""
    value = statistics.median(values)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def interleave(
    comparison: Comparison,
    rounds: int,
    ours: Callable[[], float],
    theirs: Callable[[], float],
) -> Comparison:
    """Measures both in turn, each round in the other order, so that drift hits both alike."""
    for number in range(rounds):
        if number % 2 == 0:
            comparison.values.append(ours())
            comparison.others.append(theirs())
        else:
            comparison.others.append(theirs())
            comparison.values.append(ours())
    return comparison
