"""What hooks do, for those who watch: the difference between two looks at their tallies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.errors import ResourceExhausted
from roomd_server.core.ports import Caller, Clock
from roomd_server.core.tallies import quantile
from roomd_server.core.times import duration, seconds_of
from roomd_server.hooks.entries import HookEntry
from roomd_server.hooks.registry import HookRegistry
from roomd_server.hooks.tallies import HookTally

DEFAULT_SECONDS = 1.0
MAX_WATCHERS = 16
"""Of one organization."""
MAX_HOOKS = 1000
"""Of one answer."""


class HookWatch:
    """Serves ``HookService.WatchHooks``.

    Args:
        registry: Whose hooks are watched.
        clock: Time.
    """

    def __init__(self, registry: HookRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._watchers: Counter[str] = Counter()
        """By organization."""
        self._closed = asyncio.Event()

    async def watch_hooks(
        self, caller: Caller, request: pb.WatchHooksRequest
    ) -> AsyncIterator[pb.WatchHooksResponse]:
        """Serve ``HookService.WatchHooks``.

        Raises:
            ResourceExhausted: QUOTA.
        """
        org = caller.org
        if self._watchers[org] >= MAX_WATCHERS:
            raise ResourceExhausted(
                pb.ERROR_REASON_QUOTA, f"an organization has at most {MAX_WATCHERS} watchers"
            )
        pause = seconds_of(request.interval) or DEFAULT_SECONDS
        look = Look(frozenset(request.hooks))
        self._watchers[org] += 1
        try:
            now = self._clock.monotonic()
            look.changes(self._registry.of_organization(org))
            yield look.now(self._registry.of_organization(org))
            while not await self._ends_within(pause):
                before, now = now, self._clock.monotonic()
                answer = look.changes(self._registry.of_organization(org))
                answer.interval.CopyFrom(duration(now - before))
                yield answer
        finally:
            self._watchers[org] -= 1

    def close(self) -> None:
        """End all streams."""
        self._closed.set()

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return False
        return True


class _Seen(NamedTuple):
    """A tally as it was."""

    tally: HookTally
    verdicts: Mapping[str, int]
    counts: list[int] | None


class Look:
    """One watcher's last look; it remembers only hooks that have done something.

    Args:
        names: Of the hooks that are looked at; empty: all.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._seen: dict[str, _Seen] = {}  # bounded: by the organization's hooks

    def now(self, entries: Collection[HookEntry]) -> pb.WatchHooksResponse:
        """What they are at, without what they did."""
        return _answer([_present(entry) for entry in self._watched(entries)])

    def changes(self, entries: Collection[HookEntry]) -> pb.WatchHooksResponse:
        """What they did since the last look, and are at."""
        before, self._seen = self._seen, {}
        found = []
        for entry in self._watched(entries):
            activity = _present(entry)
            tally = entry.tally
            if tally.verdicts:
                seen = before.get(entry.name)
                # A hook that was made anew begins at nothing.
                known = seen if seen is not None and seen.tally is tally else None
                self._seen[entry.name] = _add(activity, tally, known)
            found.append(activity)
        return _answer(found)

    def _watched(self, entries: Collection[HookEntry]) -> list[HookEntry]:
        return [entry for entry in entries if not self._names or entry.name in self._names]


def _present(entry: HookEntry) -> pb.WatchHooksResponse.Activity:
    group = entry.group
    return pb.WatchHooksResponse.Activity(
        hook=entry.name,
        in_flight=sum(one.in_flight for one in group.members),
        waiting=len(group.waiting),
        workers=group.serving,
        circuit_open=entry.circuit.is_open,
    )


def _add(activity: pb.WatchHooksResponse.Activity, tally: HookTally, seen: _Seen | None) -> _Seen:
    """Add what a tally has counted since it was seen."""
    if seen is not None and seen.verdicts == tally.verdicts:
        return seen
    before = seen.verdicts if seen is not None else {}
    for verdict, count in tally.verdicts.items():
        if more := count - before.get(verdict, 0):
            activity.verdicts[verdict] = more
            activity.invocations += more
    counts = list(tally.times.counts) if tally.times is not None else None
    if counts is not None:
        old = seen.counts if seen is not None and seen.counts is not None else [0] * len(counts)
        new = [now - then for now, then in zip(counts, old, strict=True)]
        if any(new):
            activity.p50.CopyFrom(duration(quantile(new, 0.5)))
            activity.p99.CopyFrom(duration(quantile(new, 0.99)))
    return _Seen(tally, dict(tally.verdicts), counts)


def _answer(found: list[pb.WatchHooksResponse.Activity]) -> pb.WatchHooksResponse:
    omitted = len(found) - MAX_HOOKS
    if omitted > 0:
        found.sort(key=lambda one: -one.invocations)
        del found[MAX_HOOKS:]
    found.sort(key=lambda one: one.hook)
    return pb.WatchHooksResponse(hooks=found, omitted=max(0, omitted))
