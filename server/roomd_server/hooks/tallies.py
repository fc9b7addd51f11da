"""What hooks did, counted: always, so that watching costs nothing more.

A hook's own tally goes with the hook; what it counted stays, summed by its name. Names are
a label of metrics and are the workers' to choose, so only the first ones get a sum of their
own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from roomd_server.core.tallies import Counts, Histogram

MAX_NAMES = 100
OTHERS = "other"
"""Stands for all names beyond the first ``MAX_NAMES``. A hook may bear that name itself."""

BATCH = 32
"""Measurements that a hook may keep unsorted: hooks may be thousands."""

DONE, DROPPED = "done", "dropped"
"""What became of an observation; other verdicts are the decisions of ``rulings.py``."""


class HookTally:
    """Invocations of one hook that have ended."""

    __slots__ = ("label", "times", "verdicts")

    def __init__(self, label: str) -> None:
        self.label = label
        """Under which name it is summed."""
        self.verdicts: Counts[str] = defaultdict(int)
        self.times: Histogram | None = None
        """None until the first one: a room may have a hook that never runs."""

    def count(self, verdict: str, seconds: float) -> None:
        """An invocation has ended."""
        self.verdicts[verdict] += 1
        if self.times is None:
            self.times = Histogram(batch=BATCH)
        self.times.observe(seconds)

    def skip(self, verdict: str) -> None:
        """Nobody was asked: it took no time."""
        self.verdicts[verdict] += 1

    def add(self, other: HookTally) -> None:
        """Count what another one counted, too."""
        for verdict, count in other.verdicts.items():
            self.verdicts[verdict] += count
        if other.times is not None:
            if self.times is None:
                self.times = Histogram(batch=BATCH)
            self.times.add(other.times)


class HookTallies:
    """The tallies of all hooks of this node."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        self._gone: dict[str, HookTally] = {}  # bounded: by max_names, and one for the others
        """What removed hooks have counted, by label."""
        self._live: set[HookTally] = set()

    def open(self, name: str) -> HookTally:
        """A tally for a hook."""
        label = name if name in self._gone or len(self._gone) < self._max_names else OTHERS
        self._gone.setdefault(label, HookTally(label))
        tally = HookTally(label)
        self._live.add(tally)
        return tally

    def close(self, tally: HookTally) -> None:
        """Its hook was removed."""
        if tally in self._live:
            self._live.discard(tally)
            self._gone[tally.label].add(tally)

    def by_label(self) -> Mapping[str, HookTally]:
        """Everything that was counted since the start, by label."""
        sums: dict[str, HookTally] = {}
        for tally in (*self._gone.values(), *self._live):
            total = sums.get(tally.label)
            if total is None:
                total = sums[tally.label] = HookTally(tally.label)
            total.add(tally)
        return sums
