"""Rooms that are erased step by step, whatever the store: who waits for that, and what is next.

Which rows a step takes is the store's own business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from roomd_server.core.ports import Settled, WriteSet

ERASE_STEP_ROWS = 500
"""Rows of each table that one step takes: some 15 ms."""
ERASE_RETRY_SECONDS = 1.0

Key = tuple[str, str]
"""Organization, room."""
Held = tuple[WriteSet, Settled]


class Erasing:
    """Follows the deletion of rooms with steps, and holds what comes for them meanwhile.

    Args:
        step: Erases some of what is left of a room; whether that was all.
        submit: Takes sets that need wait no longer.
        is_closing: Whether no more steps are to be begun: the next start finishes.
    """

    def __init__(
        self,
        step: Callable[[Key], Awaitable[bool]],
        submit: Callable[[WriteSet, Settled], None],
        is_closing: Callable[[], bool],
    ) -> None:
        self._step = step
        self._submit = submit
        self._is_closing = is_closing
        self._held: dict[Key, list[Held]] = {}
        self._steps: dict[Key, asyncio.Future[bool]] = {}

    def holds(self, writes: WriteSet, then: Settled) -> bool:
        """Keep a set of a room that is being erased until nothing of it is left; False: the
        set is of another room.
        """
        if not self._held or (writes.org, writes.room_id) not in self._held:
            return False
        self._held[writes.org, writes.room_id].append((writes, then))
        return True

    def follow(self, writes: WriteSet, then: Settled) -> Settled:
        """From the deletion of a room on hold what comes for it; what to tell of its commit."""
        key = (writes.org, writes.room_id)
        self._held[key] = []  # bounded: by the calls in flight

        def gone(error: Exception | None) -> None:
            if error is None:
                self.go_on(key)
            else:
                self._end(key)
            then(error)

        return gone

    def release(self) -> list[Held]:
        """Give back what is held; the steps go on."""
        given = [held for waiting in self._held.values() for held in waiting]
        for waiting in self._held.values():
            waiting.clear()
        return given

    def go_on(self, key: Key) -> None:
        """Begin the next step."""
        self._steps[key] = asyncio.ensure_future(self._step(key))
        self._steps[key].add_done_callback(lambda step: self._stepped(key, step))

    def _stepped(self, key: Key, step: asyncio.Future[bool]) -> None:
        if step.cancelled():
            return
        if step.exception() is None:
            (self._end if step.result() else self.go_on)(key)
        elif self._is_closing():
            self._end(key)
        else:
            asyncio.get_running_loop().call_later(ERASE_RETRY_SECONDS, self.go_on, key)

    def _end(self, key: Key) -> None:
        self._steps.pop(key, None)
        for writes, then in self._held.pop(key):
            self._submit(writes, then)
