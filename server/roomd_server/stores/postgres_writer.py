"""The one writer of a PostgreSQL store: its connection, and group commit.

Whatever waits when the connection is free becomes one transaction, nearly always in one
statement. The same connection holds the lock that keeps a second server off the database:
who has lost one has lost both. Which rows a set writes is decided in ``postgres_rows``.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import asyncpg

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import Clock, Settled, StoreConflict, WriteSet
from roomd_server.core.tallies import StoreTallies
from roomd_server.core.waiting import conclude
from roomd_server.stores.erasing import Erasing, Key
from roomd_server.stores.postgres_erasing import erase_step, finish_erasures
from roomd_server.stores.postgres_link import (
    COMMAND_SECONDS,
    LOCK_SECONDS,
    StoreInUse,
    is_store_fault,
    opening_error,
    own,
    store_closed,
    store_down,
    store_error,
    store_in_doubt,
)
from roomd_server.stores.postgres_rows import Heads, Place, Rows
from roomd_server.stores.postgres_schema import CONFLICT, apply_migrations, outstanding
from roomd_server.stores.postgres_tables import CONFLICT_OF_TABLE, Note, Statement, escaped

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_TRANSACTION_SETS = 1024
"""Sets of one transaction: bounds how long the first one waits for the last."""
MAX_PENDING_SETS = 100_000
"""Sets that may wait; beyond it commits fail at once."""
CROWD_SETS = 4
"""Sets of a transaction that tell of a crowd."""
LINGER_SECONDS = 0.002
"""How long writes wait for company in a crowd: a transaction costs the same for 4 or 40."""
DIAL_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses before the attempts to come back; the last one again and again."""
DOUBT_SECONDS = 3.0
"""How long the asker of a set whose fate is unknown is kept waiting."""
CLOSE_TIMEOUT_SECONDS = 60.0

_HEADS = """SELECT n,
    greatest((SELECT max(idx) + 1 FROM events e
        WHERE e.org = r.org AND e.room_id = r.room_id), h.oldest_index, 0),
    greatest((SELECT max(sequence) + 1 FROM changes c
        WHERE c.org = r.org AND c.room_id = r.room_id), h.oldest_change, 0)
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r (org, room_id, n)
        LEFT JOIN horizons h ON h.org = r.org AND h.room_id = r.room_id"""


class _Pending(NamedTuple):
    writes: WriteSet
    then: Settled


class _Job(NamedTuple):
    work: Callable[[Any], Awaitable[object]]
    done: asyncio.Future[Any]


Outcomes = list[Exception | None]


class PostgresWriter:
    """Owns the connection that writes. Call it on the event loop that it was opened on.

    When the connection is lost, what waits is refused (STORE_DOWN), and so is what comes
    until it is back. Only the sets of the transaction that was under way wait for that: then
    the database says whether they are in it. Who asked for them need not wait so long.

    Args:
        url: Of the database.
        clock: Says when keys expire.
        connection: Class of the connection.
    """

    def __init__(self, url: str, clock: Clock, connection: type[Any] = asyncpg.Connection) -> None:
        self._url = url
        self._clock = clock
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._name = secrets.token_hex(8)
        self._number = 0
        self._conn: Any = None
        self._commits: deque[_Pending] = deque()  # bounded: MAX_PENDING_SETS
        self._jobs: deque[_Job] = deque()  # bounded: by the readers' calls in flight
        self._in_flight = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._heads = Heads()
        self.erasing = Erasing(self._erase, self.submit, lambda: self._closing)
        self._task: asyncio.Task[None] | None = None
        self._outcomes: Outcomes | None = None
        """What becomes of the sets of the open transaction if it is committed."""
        self.is_up = False
        """Whether it has its connection, and the lock."""
        self.on_change: Callable[[bool], None] = lambda _: None
        """Is told when ``is_up`` has changed."""
        self.tallies = StoreTallies()
        self.statements = 0
        """Sent so far, transaction control included."""
        self.sets = 0
        """Committed so far."""

    async def open(self) -> None:
        """Connect, take the lock and bring the schema up to date.

        Raises:
            StoreInUse: another server has the lock.
            StoreRefused: the database does not let us in.
            SchemaTooNew: the database is ahead of this release.
            Unavailable: the database does not answer.
        """
        try:
            await self._take_over(LOCK_SECONDS)
            await apply_migrations(self._conn)
            await finish_erasures(self._conn)
            await self._conn.execute("UPDATE last_commit SET writer = $1, number = 0", self._name)
        except BaseException as error:
            self._drop()
            raise opening_error(self._url, error) from error
        self.is_up = True
        self._task = asyncio.create_task(self._main())

    @property
    def pending(self) -> int:
        """Sets handed in and not yet settled."""
        return len(self._commits) + self._in_flight

    def commit(self, writes: WriteSet) -> asyncio.Future[None]:
        """Take a set for the next transaction; see ``ports.Store.commit``."""
        done: asyncio.Future[None] = self._loop.create_future()
        self.submit(writes, lambda error: conclude(done, error))
        return done

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """The same for a callback; see ``ports.Store.submit``."""
        if self._closing:
            self._loop.call_soon(then, store_closed())
        elif not self.is_up:
            self._loop.call_soon(then, store_down())
        elif len(self._commits) >= MAX_PENDING_SETS:
            self._loop.call_soon(then, store_down("too many writes wait for the store; try again"))
        elif not self.erasing.holds(writes, then):
            if writes.delete_room:
                then = self.erasing.follow(writes, then)
            self._commits.append(_Pending(writes, then))
            self._wake.set()

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do something on the writer's connection between two commits, in a transaction.

        Raises:
            Unavailable: PostgreSQL failed; nothing was written.
            Exception: whatever ``work`` raises; nothing was written.
        """
        if self._closing:
            raise store_closed()
        if not self.is_up:
            raise store_down()
        job = _Job(work, self._loop.create_future())
        self._jobs.append(job)
        self._wake.set()
        result: T = await job.done
        return result

    async def _erase(self, key: Key) -> bool:
        return await self.run(lambda conn: erase_step(conn, key))

    async def close(self) -> None:
        """Finish what was handed in, then let go of the database. Idempotent.

        Raises:
            TimeoutError: it is not finished after 60 s.
        """
        self._closing = True
        self._wake.set()
        if self._task is not None:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await asyncio.shield(self._task)

    # ------------------------------------------------------------ the loop

    async def _main(self) -> None:
        batch = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            if batch >= CROWD_SETS and not self._closing:
                await asyncio.sleep(LINGER_SECONDS)
            else:
                await asyncio.sleep(0)  # what is handed in just now shares the transaction
            if self._conn.is_closed() and not self._closing:
                await self._come_back(())
            if self._commits:
                batch = await self._next_batch()
            while self._jobs:
                await self._run(self._jobs.popleft())
            if self._commits or self._jobs:
                self._wake.set()
            elif self._closing:
                break
        self.is_up = False
        await self._hang_up()

    async def _next_batch(self) -> int:
        """Write what waits; how many sets that were."""
        count = min(len(self._commits), MAX_TRANSACTION_SETS)
        batch = [self._commits.popleft() for _ in range(count)]
        self._in_flight = count
        self._outcomes = None
        began = self._clock.monotonic()
        try:
            outcomes = await self._write([pending.writes for pending in batch])
            self.tallies.sets.observe(count)
            self.tallies.seconds.observe(self._clock.monotonic() - began)
        except Exception as error:  # boundary: whatever went wrong, everybody is told
            self.tallies.failed += 1
            if self._conn.is_closed() or not isinstance(error, asyncpg.PostgresError):
                self._drop()
                log.warning("the connection to the store was lost: %s", error)
                await self._come_back(batch)
                self._in_flight = 0
                return count
            self._heads.forget()
            log.error("the store failed: %s", error)  # noqa: TRY400 its words are enough
            outcomes = [store_error(error) for _ in batch]
        self._in_flight = 0
        self.sets += count
        _settle(batch, outcomes)
        return count

    # ------------------------------------------------------------ one transaction

    async def _write(self, sets: Sequence[WriteSet]) -> Outcomes:
        self._number += 1
        note = Note(self._name, self._number, self._clock.now())
        await self._learn_heads(sets, apart=False)
        try:
            rows = Rows(self._heads, note)
            for writes in sets:
                rows.add(writes)
            await self._send(rows.statements(), [None] * len(sets))
        # What is not a conflict is logged by _refusal.
        except Exception as error:  # boundary: a set must end neither the others nor the writer
            self._heads.staged.clear()
            if is_store_fault(error) or self._conn.is_closed():
                raise
            if len(sets) == 1:
                return [_refusal(error)]
            return await self._write_apart(sets, note)
        self._heads.keep()
        return [None] * len(sets)

    async def _send(self, statements: Sequence[Statement], outcomes: Outcomes) -> None:
        if len(statements) == 1:
            # A transaction by itself.
            self._outcomes = outcomes
            await self._execute(*statements[0])
            return
        await self._execute("BEGIN")
        try:
            for statement in statements:
                await self._execute(*statement)
        except BaseException:
            await self._roll_back()
            raise
        self._outcomes = outcomes
        await self._execute("COMMIT")

    async def _write_apart(self, sets: Sequence[WriteSet], note: Note) -> Outcomes:
        """The same transaction in parts, so that only sets that cannot be written fail."""
        await self._learn_heads(sets, apart=True)
        outcomes: Outcomes = [None] * len(sets)
        await self._execute("BEGIN")
        try:
            await self._write_halves(list(enumerate(sets)), note, outcomes)
        except BaseException:
            await self._roll_back()
            raise
        self._outcomes = outcomes
        await self._execute("COMMIT")
        self._heads.keep()
        return outcomes

    async def _write_halves(
        self, sets: Sequence[tuple[int, WriteSet]], note: Note, outcomes: Outcomes
    ) -> None:
        middle = (len(sets) + 1) // 2
        for half in (sets[:middle], sets[middle:]):
            staged = dict(self._heads.staged)
            await self._execute("SAVEPOINT half")
            try:
                rows = Rows(self._heads, note)
                for _, writes in half:
                    rows.add(writes)
                for statement in rows.statements() if half else ():
                    await self._execute(*statement)
            except Exception as error:  # boundary: the same, now for a part of the sets
                if is_store_fault(error) or self._conn.is_closed():
                    raise
                await self._execute("ROLLBACK TO half")
                self._heads.staged = staged
                if len(half) == 1:
                    outcomes[half[0][0]] = _refusal(error)
                else:
                    await self._write_halves(half, note, outcomes)
            await self._execute("RELEASE half")

    async def _learn_heads(self, sets: Sequence[WriteSet], *, apart: bool) -> None:
        places: list[Place] = self._heads.unknown(sets, apart=apart)
        if not places:
            return
        self.statements += 1
        orgs, rooms = zip(*((escaped(org), escaped(room)) for org, room in places), strict=True)
        for number, index, change in await self._conn.fetch(_HEADS, orgs, rooms):
            self._heads.learn(places[number - 1], (index, change))

    async def _execute(self, sql: str, arguments: Sequence[object] = ()) -> None:
        self.statements += 1
        await self._conn.execute(sql, *arguments, timeout=COMMAND_SECONDS)

    async def _roll_back(self) -> None:
        self._heads.staged.clear()
        if not self._conn.is_closed():
            await self._execute("ROLLBACK")

    async def _run(self, job: _Job) -> None:
        if self._conn.is_closed():
            conclude(job.done, store_down())
            return
        try:
            async with self._conn.transaction():
                result = await job.work(self._conn)
        except Exception as error:  # boundary: it belongs to whoever asked for the job
            if not isinstance(error, asyncpg.PostgresError) and is_store_fault(error):
                self._drop()  # a timeout leaves a connection that nobody can use
            conclude(job.done, store_error(error) if is_store_fault(error) else error)
            return
        if not job.done.done():
            job.done.set_result(result)

    # ------------------------------------------------------------ loss and return

    async def _take_over(self, patience_seconds: float) -> None:
        self._conn = await own(
            self._url,
            self._connection,
            patience_seconds=patience_seconds,
            # Statements take arrays: no plan is better for what is in them.
            plan_cache_mode="force_generic_plan",
        )
        self._conn.add_termination_listener(lambda _: self._wake.set())

    async def _come_back(self, doubtful: Sequence[_Pending]) -> None:
        """Refuse what waits, connect again, and learn what became of the last transaction.

        When it returns the store is up, or closing.
        """
        self.is_up = False
        self._heads.forget()
        waiting = [*self._commits, *(_Pending(*held) for held in self.erasing.release())]
        self._commits.clear()
        _settle(waiting, [store_down() for _ in waiting])
        while self._jobs:
            conclude(self._jobs.popleft().done, store_down())
        self.on_change(False)
        telling = self._loop.call_later(DOUBT_SECONDS, _tell_doubt, doubtful)
        try:
            await self._dial_until_back(doubtful)
        finally:
            telling.cancel()

    async def _dial_until_back(self, doubtful: Sequence[_Pending]) -> None:
        attempt = 0
        while not self._closing:
            await asyncio.sleep(DIAL_SECONDS[min(attempt, len(DIAL_SECONDS) - 1)])
            attempt += 1
            try:
                await self._take_over(0.0)
                committed = await self._was_committed()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                self._drop()
                log.warning("the store is still away: %s", error)
            except StoreInUse:
                log.warning("the store is back, and its lock is held by somebody else")
            else:
                if doubtful:
                    outcomes = self._outcomes if committed else None
                    _settle(doubtful, outcomes or [store_down() for _ in doubtful])
                self.is_up = True
                log.warning("the store is back")
                self.on_change(True)
                return
        _settle(doubtful, [store_closed() for _ in doubtful])

    async def _was_committed(self) -> bool:
        """Whether the last transaction is in the database.

        Raises:
            asyncpg.InterfaceError: the database is not as we left it.
        """
        if await outstanding(self._conn):
            raise asyncpg.InterfaceError("the database was replaced by an older one")
        row = await self._conn.fetchrow("SELECT writer, number FROM last_commit")
        if row["writer"] != self._name:
            raise asyncpg.InterfaceError(
                "another server has written to the database meanwhile: restart this one"
            )
        return bool(row["number"] == self._number)

    def _drop(self) -> None:
        if self._conn is not None:
            self._conn.terminate()

    async def _hang_up(self) -> None:
        if not self._conn.is_closed():
            await self._conn.close(timeout=COMMAND_SECONDS)


def _settle(batch: Sequence[_Pending], outcomes: Sequence[Exception | None]) -> None:
    for pending, outcome in zip(batch, outcomes, strict=True):
        try:
            pending.then(outcome)
        except Exception:  # boundary: the others of the transaction must hear of it too
            log.exception("what follows a commit failed")


def _tell_doubt(batch: Sequence[_Pending]) -> None:
    for pending in batch:
        if pending.writes.asker is not None:
            conclude(pending.writes.asker, store_in_doubt())


def _refusal(error: Exception) -> Exception:
    if isinstance(error, StoreConflict):
        return error
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate == CONFLICT:
        return StoreConflict("key")
    if isinstance(error, asyncpg.UniqueViolationError) and error.table_name in CONFLICT_OF_TABLE:
        return StoreConflict(CONFLICT_OF_TABLE[error.table_name])
    log.error("a write set was refused", exc_info=error)
    return Unavailable(pb.ERROR_REASON_SERVER_FAULT, "the store cannot take this; the log says why")
