"""Which stores the contract runs on. A new store adds one entry to ``OPENERS``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from roomd_server.core.ports import Cancellable, Store
from roomd_server.stores.sqlite import SqliteStore

START = 1_700_000_000.0


class HandClock:
    """A clock whose wall time is set by hand."""

    def __init__(self) -> None:
        self.wall = START

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.wall

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancellable:
        return asyncio.get_running_loop().call_later(seconds, callback)


async def _sqlite_file(folder: Path, clock: HandClock) -> Store:
    return await SqliteStore.open(str(folder / "store.db"), clock=clock)


async def _sqlite_memory(folder: Path, clock: HandClock) -> Store:
    return await SqliteStore.open(":memory:", clock=clock)


Opener = Callable[[Path, HandClock], Awaitable[Store]]

OPENERS: dict[str, Opener] = {"sqlite-file": _sqlite_file, "sqlite-memory": _sqlite_memory}
"""Each opens the store that belongs to the folder, empty the first time."""

DURABLE = [name for name in OPENERS if name != "sqlite-memory"]
"""Those that keep what they have after they are closed."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=OPENERS)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    opened = await OPENERS[request.param](tmp_path, clock)
    yield opened
    await opened.close()


@pytest.fixture(params=DURABLE)
def reopen(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> Callable[[], Awaitable[Store]]:
    """Open the same store again and again."""
    return lambda: OPENERS[request.param](tmp_path, clock)
