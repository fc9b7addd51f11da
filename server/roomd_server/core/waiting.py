"""Waiting for what may not be left half done."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeVar

T = TypeVar("T")


def conclude(future: asyncio.Future[None], error: Exception | None) -> None:
    """End a future that somebody may have given up."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class FifoLock(asyncio.Lock):
    """A lock that also knows whether anybody is in line for it."""

    def __init__(self) -> None:
        super().__init__()
        self._in_line = 0

    @property
    def free(self) -> bool:
        """Whether nobody holds it or waits: what does not await needs no lock then, and
        overtakes nobody.
        """
        return not self._in_line and not self.locked()

    async def acquire(self) -> Literal[True]:
        """Take it, after all who came before."""
        self._in_line += 1
        try:
            return await super().acquire()
        finally:
            self._in_line -= 1


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
