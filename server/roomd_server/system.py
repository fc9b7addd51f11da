"""The real clock and real ids. Everything else gets them injected."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from roomd_server.core.ports import Cancellable


class SystemClock:
    """The machine's clock (a ``ports.Clock``)."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    monotonic = staticmethod(time.monotonic)
    """Seconds that never jump. The function itself: it is asked several times per message."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancellable:
        """Call back once on the running event loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)


_POOL_BYTES = 2048


class SortableIds:
    """Ids of 32 hex digits: 48 bits of milliseconds, then 80 random bits that count up
    within a millisecond, so that ids of one process sort by creation (as ULIDs do).
    """

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._tail = 0
        self._pool = b""
        self._taken = 0

    def new(self) -> str:
        """An id no other call returns."""
        ms = int(self._clock.now() * 1000)
        if ms > self._last_ms:
            self._last_ms = ms
            self._tail = self._random(10) >> 1
        else:
            # Same millisecond, or the clock went back: count on from the last id.
            self._tail += 1 + self._random(2)
        return f"{self._last_ms:012x}{self._tail:020x}"

    def _random(self, size_bytes: int) -> int:
        """A random number; the system is asked for many bytes at a time."""
        first = self._taken
        self._taken = first + size_bytes
        if self._taken > len(self._pool):
            self._pool = secrets.token_bytes(_POOL_BYTES)
            first, self._taken = 0, size_bytes
        return int.from_bytes(self._pool[first : self._taken], "little")
