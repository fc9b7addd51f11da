"""Waiting for what may not be left half done."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


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
