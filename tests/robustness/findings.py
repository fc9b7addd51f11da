"""What a run of a fault measured, each figure beside the bar that it is held to. Pure."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from site_of_test import Site

Series = list[tuple[float, float]]
"""(seconds, value) as they were measured."""


class Finding(NamedTuple):
    """One figure and whether it is within its bar."""

    what: str
    measured: str
    bar: str
    held: bool


class Slack(NamedTuple):
    """How much longer something may take than before."""

    ratio: float
    share: float
    """Of the values that are compared: 0.5 is the median, 0.99 the p99."""
    seconds: float = 0.0
    """Besides: a busy machine takes its time for anything."""


BUSY = Slack(2.5, 0.5, 0.05)
"""In CI, beside other tests: the median."""
EXACT = Slack(1.1, 0.99)
"""Within 10 %, for the p99."""


@dataclass
class Report:
    """Everything that one run found."""

    findings: list[Finding] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    """Title with unit → what to draw."""

    def at_most(self, what: str, value: float, bar: float, unit: str = "") -> None:
        """Hold a figure to a bar."""
        shown = f"{value:.4g} {unit}".strip()
        self.findings.append(Finding(what, shown, f"≤ {bar:.4g} {unit}".strip(), value <= bar))

    def compared(self, what: str, now: float, before: float, slack: Slack) -> None:
        """Hold seconds to those of before, within a run: what else the machine does, it does
        to both.
        """
        bar = before * slack.ratio + slack.seconds
        shown = f"{now * 1000:.3g} ms, before {before * 1000:.3g} ms: × {now / before:.3g}"
        allowed = f"≤ × {slack.ratio:g}"
        if slack.seconds:
            allowed += f" + {slack.seconds * 1000:g} ms"
        self.findings.append(Finding(what, shown, allowed, now <= bar))

    def equal(self, what: str, value: object, expected: object) -> None:
        """Ask for exactly this."""
        shown = str(value)
        short = shown if len(shown) < 300 else f"{shown[:300]} …"
        self.findings.append(Finding(what, short, f"= {expected}", value == expected))

    def note(self, what: str, value: object) -> None:
        """Tell a figure that has no bar."""
        self.findings.append(Finding(what, str(value), "", held=True))

    @property
    def broken(self) -> list[Finding]:
        """What is not within its bar."""
        return [one for one in self.findings if not one.held]


@dataclass(frozen=True)
class Fault:
    """A row of promises.md: what is done to the server, and how it is shown to be seen."""

    fault_id: str
    title: str
    run: Callable[[Site, Any], Awaitable[Report]]
    short: Any
    """The size in CI: bars that hold on a busy machine."""
    long: Any
    """The size of ``run.py``: the numbers and bars of the page."""
    without: Mapping[str, str]
    """Alteration that takes a precaution away → the finding that is then not held."""


def compare(
    report: Report, what: str, now: Iterable[float], before: Iterable[float], slack: Slack
) -> None:
    """Hold a percentile to the one of before."""
    share = slack.share
    name = "median" if share == 0.5 else f"p{share * 100:g}"
    report.compared(f"{what}, {name}", percentile(now, share), percentile(before, share), slack)


def percentile(values: Iterable[float], share: float) -> float:
    """The value that so many of the values do not exceed; infinite when there are none."""
    ordered = sorted(values)
    if not ordered:
        return math.inf
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def slope(series: Sequence[tuple[float, float]]) -> float:
    """The slope of the line through the points, by least squares; 0 for less than two."""
    count = len(series)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in series) / count
    mean_y = sum(y for _, y in series) / count
    spread = sum((x - mean_x) ** 2 for x, _ in series)
    if not spread:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in series) / spread
