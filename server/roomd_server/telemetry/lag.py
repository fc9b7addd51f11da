"""How late the event loop is: what every call, hook and timer waits for besides its own work."""

from __future__ import annotations

import asyncio

from roomd_server.core.tallies import Histogram

EVERY_SECONDS = 0.1


class LoopLag:
    """Sets a timer again and again and measures how late it comes."""

    def __init__(self) -> None:
        self.seconds = Histogram()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Measure from now on, on the running loop."""
        self._arm(asyncio.get_running_loop())

    def close(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + EVERY_SECONDS
        self._timer = loop.call_at(self._due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self.seconds.observe(max(0.0, loop.time() - self._due))
        self._arm(loop)
