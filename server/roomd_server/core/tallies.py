"""Counting, as cheap as it can be: plain numbers on the event loop, read when somebody asks.

What is counted here has no name yet: names, help and labels of metrics are in
``telemetry/metrics.py``, and ``measures.py`` says which number belongs to which.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

K = TypeVar("K")

Counts = defaultdict[K, int]
"""How often each of a few things happened."""

TIME_BOUNDS: tuple[float, ...] = tuple(0.0001 * 2 ** (step / 4) for step in range(88))
"""Upper bounds in seconds, 0.1 ms to 350 s, each 19 % above the one before: a quantile that is
read off them is right within 10 %."""
SIZE_BOUNDS: tuple[float, ...] = tuple(float(2**step) for step in range(12))
"""1, 2, 4 … 2048."""


class Histogram:
    """Measurements in buckets. One costs a tenth of a microsecond: they are put into their
    buckets many at a time.

    Args:
        bounds: Upper bounds of the buckets, ascending; above the last one is one bucket more.
        batch: How many are put into their buckets together. With 1 another thread may read.
    """

    __slots__ = ("_batch", "_counts", "_fresh", "_total", "bounds")

    def __init__(self, bounds: Sequence[float] = TIME_BOUNDS, batch: int = 512) -> None:
        self.bounds = bounds
        self._batch = batch
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        self._fresh: list[float] = []  # bounded: by batch

    def observe(self, value: float) -> None:
        """Count one measurement."""
        fresh = self._fresh
        fresh.append(value)
        if len(fresh) >= self._batch:
            self._sort()

    def _sort(self) -> None:
        fresh = sorted(self._fresh)
        self._fresh.clear()
        self._total += sum(fresh)
        bounds, counts, start = self.bounds, self._counts, 0
        while start < len(fresh):
            place = bisect_left(bounds, fresh[start])
            end = bisect_right(fresh, bounds[place], start) if place < len(bounds) else len(fresh)
            counts[place] += end - start
            start = end

    @property
    def counts(self) -> list[int]:
        """Measurements in each bucket."""
        if self._fresh and self._batch > 1:
            self._sort()
        return self._counts

    @property
    def total(self) -> float:
        """Sum of all measurements."""
        if self._fresh and self._batch > 1:
            self._sort()
        return self._total

    def add(self, other: Histogram) -> None:
        """Count all measurements of another one with the same bounds, too."""
        pairs = zip(self.counts, other.counts, strict=True)
        self._counts = [mine + theirs for mine, theirs in pairs]
        self._total += other.total


def quantile(counts: Sequence[int], share: float, bounds: Sequence[float] = TIME_BOUNDS) -> float:
    """The value below which a share of the measurements lies, between 0 and 1; 0.0 when there
    are none. Within a bucket they are taken to lie evenly.
    """
    wanted = sum(counts) * share
    below = 0
    for place, count in enumerate(counts):
        if count and below + count >= wanted:
            low = bounds[place - 1] if place else 0.0
            high = bounds[place] if place < len(bounds) else low
            return low + (high - low) * (wanted - below) / count
        below += count
    return 0.0


class PipelineTallies:
    """Messages that asked to enter a room."""

    __slots__ = ("commit", "hooks", "lock", "outcomes", "route", "undecided")

    def __init__(self) -> None:
        self.outcomes: Counts[int] = defaultdict(int)
        """By ``pb.Outcome``."""
        self.undecided = 0
        """Ended by an error or a cancellation: nothing was stored."""
        self.route = Histogram()
        """Finding the room of an inbound message, and converting it."""
        self.lock = Histogram()
        """Waiting for the room's lock; those that need none are not measured."""
        self.hooks = Histogram()
        """BEFORE_BROADCAST, all hooks together."""
        self.commit = Histogram()
        """From handed to the store until durable."""


class DeliveryTallies:
    """Deliveries to channels, by ``pb.ChannelType``."""

    __slots__ = ("attempts", "ended", "retried", "sending")

    def __init__(self) -> None:
        self.ended: Counts[tuple[int, int]] = defaultdict(int)
        """By type and ``pb.DeliveryState``: how they ended, and what was reported later."""
        self.retried: Counts[int] = defaultdict(int)
        """Attempts that failed and are made again."""
        self.attempts: defaultdict[int, Histogram] = defaultdict(Histogram)
        """How long attempts took; bounded: by the types."""
        self.sending = 0
        """Attempts being made now."""


class ToolTallies:
    """Calls of tools."""

    __slots__ = ("outcomes", "times")

    def __init__(self) -> None:
        self.outcomes: Counts[str] = defaultdict(int)
        """answered, failed, timeout, lost, not_run, cancelled."""
        self.times = Histogram()
        """From the call until its end."""


class StoreTallies:
    """Transactions of a store. Counted by its one writer, also when that is a thread."""

    __slots__ = ("failed", "seconds", "sets")

    def __init__(self) -> None:
        self.sets = Histogram(SIZE_BOUNDS, batch=1)
        """Write sets of each transaction."""
        self.seconds = Histogram(batch=1)
        """From its begin until it is durable."""
        self.failed = 0
        """Transactions that were not written."""
