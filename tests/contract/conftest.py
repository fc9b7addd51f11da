"""Which stores the contract runs on. A new store adds one entry to ``OPENERS``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from postgres_cluster import Cluster
from roomd_server.core.ports import Cancellable, Store
from roomd_server.stores.postgres import PostgresStore
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


async def _sqlite_file(place: str, clock: HandClock) -> Store:
    return await SqliteStore.open(place, clock=clock)


async def _sqlite_memory(_: str, clock: HandClock) -> Store:
    return await SqliteStore.open(":memory:", clock=clock)


async def _postgres(place: str, clock: HandClock) -> Store:
    return await PostgresStore.open(place, clock=clock)


Opener = Callable[[str, HandClock], Awaitable[Store]]

OPENERS: dict[str, Opener] = {
    "sqlite-file": _sqlite_file,
    "sqlite-memory": _sqlite_memory,
    "postgres": _postgres,
}
"""Each opens the store at its ``place``, empty the first time."""

DURABLE = [name for name in OPENERS if name != "sqlite-memory"]
"""Those that keep what they have after they are closed."""


def place_of(request: pytest.FixtureRequest, *, keep: bool) -> str:
    """Where the store of a test is: a file, or a database, to ``keep`` when it is closed."""
    if request.param == "postgres":
        postgres: Cluster = request.getfixturevalue("postgres")
        return postgres.create() if keep else postgres.lend()
    folder: Path = request.getfixturevalue("tmp_path")
    return str(folder / "store.db")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=OPENERS)
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which store, and where."""
    return request.param, place_of(request, keep=False)


@pytest.fixture
async def store(place: tuple[str, str], clock: HandClock) -> AsyncIterator[Store]:
    kind, where = place
    opened = await OPENERS[kind](where, clock)
    yield opened
    await opened.close()


@pytest.fixture(params=DURABLE)
def reopen(request: pytest.FixtureRequest, clock: HandClock) -> Callable[[], Awaitable[Store]]:
    """Open the same store again and again."""
    where = place_of(request, keep=True)
    return lambda: OPENERS[request.param](where, clock)
