"""Places where a test build ends the process, to see what a crash there leaves behind.

``ROOMD_FAILPOINTS=commit.after=kill@17`` kills it with SIGKILL the 17th time that it comes to
``commit.after``; several are separated by commas. Nothing in the server knows of these places:
``wiring`` puts what is here around the store, the drivers and the handlers when the variable
is set, and leaves everything as it is when not, so that they cost nothing.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import asyncpg

from roomd import v1 as pb
from roomd_server.api.fronts import StartupError
from roomd_server.api.routes import Outgoing, Routes, UnaryHandler
from roomd_server.core.ports import Ask, Caller, Clock, Driver, Settled, WriteSet
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore

log = logging.getLogger(__name__)

VARIABLE = "ROOMD_FAILPOINTS"
TEST_BUILD = "ROOMD_TEST_BUILD"

POINTS = {
    "commit.before": "a transaction is written, and not committed",
    "commit.after": "it is committed, and nobody has been told",
    "ack.before": "a message is durable, and its sender not yet answered",
    "lane.taken": "a lane has taken a delivery, and nothing has left",
    "provider.sent": "a provider has taken a delivery, and its lane does not know",
    "result.before": "the outcome of a delivery is known, and not handed to the store",
    "observer.acked": "a durable observer has acknowledged, and its row is not yet removed",
}
"""Name → what is so at that moment."""

ANSWERS_TO_SENDERS = (
    "/roomd.v1.EventService/SendEvent",
    "/roomd.v1.EventService/ProcessInbound",
)

_ENTRY = re.compile(r"(?P<point>[a-z.]+)=kill@(?P<hit>[1-9][0-9]*)")
_SENT = (pb.DELIVERY_STATE_SENT, pb.DELIVERY_STATE_DELIVERED)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Counts hits, and ends the process at the chosen one.

    Args:
        kill_at: Point → the hit that ends the process.
        end: Ends it.
    """

    def __init__(self, kill_at: Mapping[str, int], end: Callable[[], None] = _kill) -> None:
        self._left = dict(kill_at)
        self._end = end

    def hit(self, point: str) -> None:
        """Say that the process is at a point. Each one is hit by one thread only."""
        left = self._left.get(point)
        if left is None:
            return
        self._left[point] = left - 1
        if left == 1:
            self._end()

    async def open_sqlite(self, path: str, clock: Clock) -> SqliteStore:
        """A store with the points of a commit and of an outcome."""
        store = await _SqliteStore.open(path, clock=clock, connection=_sqlite(self.hit))
        store.hit = self.hit
        return store

    async def open_postgres(self, url: str, clock: Clock) -> PostgresStore:
        """The same on PostgreSQL."""
        store = await _PostgresStore.open(url, clock=clock, connection=_postgres(self.hit))
        store.hit = self.hit
        return store

    def driver(self, driver: Driver) -> Driver:
        """The driver with the points of a delivery."""
        return _Driver(driver, self.hit)

    def routes(self, routes: Routes) -> Routes:
        """The routes with the point before the answer to a sender."""
        watched = {path: self._answering(routes.unary[path]) for path in ANSWERS_TO_SENDERS}
        return replace(routes, unary={**routes.unary, **watched})

    def _answering(self, handler: UnaryHandler) -> UnaryHandler:
        async def serve(caller: Caller, request: Any) -> Outgoing:
            answer = await handler(caller, request)
            self.hit("ack.before")
            return answer

        return serve


def from_environment(environment: Mapping[str, str] = os.environ) -> Failpoints | None:
    """The failpoints that are set; None: none, as everywhere but in tests.

    Raises:
        StartupError: no test build, an unknown point or action.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return None
    if environment.get(TEST_BUILD) != "1":
        raise StartupError(
            f"{VARIABLE} is set, which ends the process on purpose: unset it, or set "
            f"{TEST_BUILD}=1 in a test"
        )
    kill_at = dict(_entry(entry.strip()) for entry in text.split(","))
    log.warning("FAILPOINTS ARE ON: this server will kill itself at %s", text)
    return Failpoints(kill_at)


def _entry(text: str) -> tuple[str, int]:
    found = _ENTRY.fullmatch(text)
    if found is None or found["point"] not in POINTS:
        raise StartupError(
            f"{VARIABLE}: {text!r} is none; write POINT=kill@HIT, POINT one of {', '.join(POINTS)}"
        )
    return found["point"], int(found["hit"])


def _sqlite(hit: Callable[[str], None]) -> type[sqlite3.Connection]:
    """The class of the writer's connection."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, parameters)
            hit("commit.before")
            done = super().execute(sql, parameters)
            hit("commit.after")
            return done

    return Watched


def _postgres(hit: Callable[[str], None]) -> type[Any]:
    """The same: a statement that is a transaction by itself becomes one with an end."""

    class Watched(asyncpg.Connection):  # type: ignore[misc]
        async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
            if query.startswith("WITH") and not self.is_in_transaction():
                await super().execute("BEGIN")
                try:
                    await super().execute(query, *args, timeout=timeout)
                except asyncpg.PostgresError:
                    await super().execute("ROLLBACK")
                    raise
                return await self.execute("COMMIT")
            if query != "COMMIT":
                return str(await super().execute(query, *args, timeout=timeout))
            hit("commit.before")
            done = await super().execute(query, *args, timeout=timeout)
            hit("commit.after")
            return str(done)

    return Watched


class _SqliteStore(SqliteStore):
    """The store; ``hit`` is set when it is open."""

    hit: Callable[[str], None]

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """See ``ports.Store.submit``."""
        if any(_is_outcome(row) for row in writes.deliveries):
            self.hit("result.before")
        if writes.removed_observer_rows:
            self.hit("observer.acked")
        super().submit(writes, then)


class _PostgresStore(PostgresStore):
    """The same on PostgreSQL."""

    hit: Callable[[str], None]

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """See ``ports.Store.submit``."""
        if any(_is_outcome(row) for row in writes.deliveries):
            self.hit("result.before")
        if writes.removed_observer_rows:
            self.hit("observer.acked")
        super().submit(writes, then)


def _is_outcome(row: pb.Delivery) -> bool:
    return row.result.state in _SENT


class _Driver:
    """A driver (a ``ports.Driver``)."""

    def __init__(self, driver: Driver, hit: Callable[[str], None]) -> None:
        self._driver = driver
        self._hit = hit

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        """See ``ports.Driver.deliver``."""
        self._hit("lane.taken")
        outcome = await self._driver.deliver(ask)
        if outcome.result.state in _SENT:
            self._hit("provider.sent")
        return outcome

    def respond(self, ask: Ask) -> AsyncIterator[str | pb.Response]:
        """See ``ports.Driver.respond``."""
        return self._driver.respond(ask)

    def attached(self, org: str, channel: pb.Channel) -> int:
        """See ``ports.Driver.attached``."""
        return self._driver.attached(org, channel)
