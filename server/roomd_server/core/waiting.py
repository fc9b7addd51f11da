"""Waiting for what may not be left half done."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeVar

T = TypeVar("T")


def conclude(future: asyncio.Future[None], error: Exception | None) -> None:
    """End a future that somebody may have given up."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class FifoLock:
    """A lock that is handed to those who wait in the order in which they came.

    Unlike ``asyncio.Lock`` it is never free while somebody is in line, so it may be taken
    without waiting when it is ``free``, and nobody is overtaken.
    """

    __slots__ = ("_held", "_line")

    def __init__(self) -> None:
        self._held = False
        self._line: deque[asyncio.Future[None]] = deque()  # bounded: by the calls in flight

    @property
    def free(self) -> bool:
        """Whether nobody holds it: then nobody waits for it either."""
        return not self._held

    @property
    def waiting(self) -> int:
        """How many are in line, who gave up meanwhile included."""
        return len(self._line)

    def take(self) -> None:
        """Take it while it is ``free``; ``release`` must follow."""
        assert not self._held
        self._held = True

    async def acquire(self) -> None:
        """Take it, after all who came before; ``release`` must follow."""
        if not self._held:
            self._held = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # it was ours already
            raise

    def release(self) -> None:
        """Hand it to the next in line."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._held = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


async def outlast(future: asyncio.Future[T]) -> T:
    """Wait for a future to its end even when the waiting task is cancelled meanwhile.

    For commits under a room's lock: once handed in they will happen, so the lock may not be
    let go before the memory has followed. The cancellation is raised again afterwards.

    Raises:
        CancelledError: the waiting task was cancelled; the future has ended.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait((future,))
            except asyncio.CancelledError:
                continue
        if not future.cancelled():
            future.exception()  # taken note of: the caller who would handle it is gone
        raise
