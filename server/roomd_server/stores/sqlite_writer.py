"""The one writer of a SQLite store: a thread, its connection, and group commit.

Whatever waits when the thread is free becomes one transaction, synced once. The event
loop only appends to a list and is called back once per transaction. Which rows a set
writes is decided in ``sqlite_rows``.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import Clock, Settled, StoreConflict, WriteSet
from roomd_server.core.tallies import StoreTallies
from roomd_server.stores.erasing import Erasing, Key
from roomd_server.stores.schema import SchemaTooNew
from roomd_server.stores.sqlite_erasing import erase_step, finish_erasures
from roomd_server.stores.sqlite_rows import Heads, Rows
from roomd_server.stores.sqlite_schema import apply_migrations, file_uri

log = logging.getLogger(__name__)

T = TypeVar("T")

Connection = type[sqlite3.Connection]

MAX_TRANSACTION_SETS = 1024
"""Sets of one transaction: bounds how long the first one waits for the last."""
LINGER_SECONDS = 0.001
"""How long writes wait for company while several callers write."""
CROWD_SETS = 4
"""Sets of a transaction that tell of a crowd."""
CROWD_LINGER_SECONDS = 0.010
"""The longest that writes wait in a crowd: transactions of 20 sets cost half as much per set
as those of 5, and what a crowd waits for is the processor."""
CROWD_PAUSE_SECONDS = 0.004
"""Nothing new for so long: everybody waits for this transaction, so it must not wait."""
MAX_PENDING_SETS = 100_000
"""Sets that may wait; beyond it commits fail at once."""
BUSY_TIMEOUT_MS = 5000
WAL_CHECKPOINT_PAGES = 4000
"""The log is copied into the file about every 16 MiB."""
WRITER_CACHE_KIB = 65_536
CLOSE_TIMEOUT_SECONDS = 60.0

_READ_ONLY_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


class _Pending(NamedTuple):
    writes: WriteSet
    then: Settled


class _Job(NamedTuple):
    work: Callable[[sqlite3.Connection], object]
    done: asyncio.Future[Any]


_Done = tuple["asyncio.Future[Any]", object, BaseException | None]


_FAULTS_OF_ONE_SET = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


def _is_store_fault(error: Exception) -> bool:
    """Whether the store failed, not the set: then all sets of the transaction fail."""
    return isinstance(error, sqlite3.Error) and not isinstance(error, _FAULTS_OF_ONE_SET)


def store_error(error: sqlite3.Error) -> Unavailable:
    """What callers see of a failure of SQLite: its own words stay in the log."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _READ_ONLY_CODES:
        return Unavailable(
            pb.ERROR_REASON_STORE_READ_ONLY,
            "the store cannot write (disk full or broken); free space, then try again",
        )
    return Unavailable(pb.ERROR_REASON_STORE_DOWN, "the store does not answer; try again")


def connect(
    path: str, *, read_only: bool = False, connection: Connection = sqlite3.Connection
) -> sqlite3.Connection:
    """Open a connection in autocommit mode that may be used by one thread at a time.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    memory = path == ":memory:"
    conn = sqlite3.connect(
        path if memory else file_uri(path, "ro" if read_only else "rwc"),
        uri=not memory,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
        factory=connection,
    )
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    conn.execute("PRAGMA temp_store = MEMORY")
    if not memory and not read_only:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}")
        conn.execute(f"PRAGMA journal_size_limit = {WAL_CHECKPOINT_PAGES * 4096 * 4}")
        conn.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    return conn


class SqliteWriter:
    """Owns the connection that writes. Call it on the event loop that it was opened on."""

    def __init__(
        self,
        path: str,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        connection: Connection = sqlite3.Connection,
    ) -> None:
        self._path = path
        self._connection = connection
        self._clock = clock
        self._loop = loop
        self._wake = threading.Condition()
        self._commits: deque[_Pending] = deque()  # bounded: MAX_PENDING_SETS
        self.erasing = Erasing(self._erase, self.submit, lambda: self._closing)
        self._jobs: deque[_Job] = deque()  # bounded: by the readers' calls in flight
        self._in_flight = 0
        self._ringing = False
        """The bell will ring in a moment."""
        self._rung = False
        self._batch = 0
        """Sets of the last transaction."""
        self._closing = False
        self._failing = False
        self._heads = Heads()
        self.tallies = StoreTallies()
        self._data_version = -1
        self._opened: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._main, name="store-writer", daemon=True)

    async def open(self) -> None:
        """Start the thread, open the file and bring its schema up to date.

        Raises:
            SchemaTooNew: the file is ahead of this release.
            Unavailable: the file cannot be opened, or is no database.
        """
        self._thread.start()
        await asyncio.shield(self._opened)

    @property
    def pending(self) -> int:
        """Sets handed in and not yet settled."""
        return len(self._commits) + self._in_flight

    def commit(self, writes: WriteSet) -> asyncio.Future[None]:
        """Take a set for the next transaction; see ``ports.Store.commit``."""
        done: asyncio.Future[None] = self._loop.create_future()

        def then(error: Exception | None) -> None:
            if not done.done():
                _conclude(done, None, error)

        self.submit(writes, then)
        return done

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """The same for a callback; see ``ports.Store.submit``."""
        if self._closing:
            self._loop.call_soon(then, _closed())
        elif len(self._commits) >= MAX_PENDING_SETS:
            self._loop.call_soon(then, _too_many())
        elif not self.erasing.holds(writes, then):
            if writes.delete_room:
                then = self.erasing.follow(writes, then)
            self._commits.append(_Pending(writes, then))
            if not self._ringing:
                self._ringing = True
                self._ring_soon()

    async def _erase(self, key: Key) -> bool:
        return await self.run(lambda conn: erase_step(conn, *key))

    def _ring_soon(self) -> None:
        # Not at once: everything that is handed in before the loop comes round shares the
        # transaction, and the threads do not fight over the interpreter.
        if self._batch > 1:
            # Several callers are writing: a moment's wait fills the transaction, and each
            # one costs a sync and a fight over the interpreter, however small it is. Who
            # writes alone would only wait.
            if self._batch < CROWD_SETS:
                self._loop.call_later(LINGER_SECONDS, self._ring)
            else:
                self._await_pause(0, self._loop.time() + CROWD_LINGER_SECONDS)
        else:
            self._loop.call_soon(self._ring)

    def _await_pause(self, seen: int, until: float) -> None:
        """Ring once the flow has paused, or at ``until``."""
        waiting = len(self._commits)
        if waiting > seen and self._loop.time() < until:
            self._loop.call_later(CROWD_PAUSE_SECONDS, self._await_pause, waiting, until)
        else:
            self._ring()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Do something on the writer's connection between two commits, in a transaction.

        Raises (through the future):
            Unavailable: SQLite failed; nothing was written.
            Exception: whatever ``work`` raises; nothing was written.
        """
        done: asyncio.Future[T] = self._loop.create_future()
        if self._closing:
            done.set_exception(_closed())
        else:
            self._jobs.append(_Job(work, done))
            self._ring()
        return done

    async def close(self) -> None:
        """Finish what was handed in, then let go of the file. Idempotent.

        Raises:
            TimeoutError: it is not finished after 60 s.
        """
        self._closing = True
        self._ring()
        if self._thread.ident is not None:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await asyncio.shield(self._ended)

    def _ring(self) -> None:
        self._ringing = False
        with self._wake:
            self._rung = True
            self._wake.notify()

    # ------------------------------------------------------------ on the writer's thread

    def _main(self) -> None:
        try:
            conn = connect(self._path, connection=self._connection)
            apply_migrations(conn)
            finish_erasures(conn)
        except (sqlite3.Error, SchemaTooNew) as error:
            log.error("cannot open the store: %s", error)  # noqa: TRY400 the words are enough
            known = store_error(error) if isinstance(error, sqlite3.Error) else error
            self._tell(_resolve, [(self._opened, None, known), (self._ended, None, None)])
            return
        self._tell(_resolve, [(self._opened, None, None)])
        while self._serve(conn):
            pass
        conn.close()
        self._tell(_resolve, [(self._ended, None, None)])

    def _serve(self, conn: sqlite3.Connection) -> bool:
        """Wait, then do everything that is due; False when closed and nothing is left."""
        with self._wake:
            # Not merely while there is nothing: what came since the last transaction may
            # wait for company.
            while not self._rung:
                self._wake.wait()
            # Deques, because the loop appends without taking the lock.
            commits = [
                self._commits.popleft()
                for _ in range(min(len(self._commits), MAX_TRANSACTION_SETS))
            ]
            jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
            self._rung = bool(self._commits) or self._closing
            self._in_flight = len(commits)
            if commits:
                self._batch = len(commits)
        if not commits and not jobs:
            return not self._closing
        if commits:
            outcomes = self._commit(conn, commits)
            self._in_flight = 0
            self._tell(_settle, commits, outcomes)
        if jobs:
            self._tell(_resolve, [self._run(conn, job) for job in jobs])
        return True

    def _commit(
        self, conn: sqlite3.Connection, batch: Sequence[_Pending]
    ) -> Sequence[Exception | None]:
        began = self._clock.monotonic()
        try:
            outcomes = self._write(conn, batch)
            self._failing = False
            self.tallies.sets.observe(len(batch))
            self.tallies.seconds.observe(self._clock.monotonic() - began)
        except sqlite3.Error as error:
            self.tallies.failed += 1
            self._failed(error)
            outcomes = [store_error(error) for _ in batch]
        return outcomes

    def _write(
        self, conn: sqlite3.Connection, batch: Sequence[_Pending]
    ) -> Sequence[Exception | None]:
        try:
            self._write_together(conn, batch)
        # The boundary: a set that cannot be written must end neither the others nor the
        # writer. What is not StoreConflict is logged by _refusal.
        except Exception as error:
            if _is_store_fault(error):
                raise
            return [_refusal(error)] if len(batch) == 1 else self._write_apart(conn, batch)
        return [None] * len(batch)

    def _write_together(self, conn: sqlite3.Connection, batch: Sequence[_Pending]) -> None:
        self._begin(conn)
        try:
            rows = Rows(conn, self._heads, self._clock.now())
            for pending in batch:
                rows.add(pending.writes)
            rows.run()
            conn.execute("COMMIT")
        except BaseException:
            self._roll_back(conn)
            raise
        self._heads.keep()

    def _write_apart(
        self, conn: sqlite3.Connection, batch: Sequence[_Pending]
    ) -> Sequence[Exception | None]:
        """The same transaction set by set, so that only those that cannot be written fail."""
        self._begin(conn)
        try:
            outcomes = [self._write_one(conn, pending.writes) for pending in batch]
            conn.execute("COMMIT")
        except BaseException:
            self._roll_back(conn)
            raise
        self._heads.keep()
        return outcomes

    def _write_one(self, conn: sqlite3.Connection, writes: WriteSet) -> Exception | None:
        staged = self._heads.staged
        key = (writes.org, writes.room_id)
        head = staged.get(key)
        conn.execute("SAVEPOINT one")
        try:
            rows = Rows(conn, self._heads, self._clock.now())
            rows.add(writes)
            rows.run()
        # The same boundary, now for one set alone.
        except Exception as error:
            if _is_store_fault(error):
                raise
            conn.execute("ROLLBACK TO one")
            conn.execute("RELEASE one")
            staged.pop(key, None)
            if head is not None:
                staged[key] = head
            return _refusal(error)
        conn.execute("RELEASE one")
        return None

    def _begin(self, conn: sqlite3.Connection) -> None:
        if conn.in_transaction:
            # Rolling back the last one failed too.
            conn.execute("ROLLBACK")
        conn.execute("BEGIN IMMEDIATE")
        (version,) = conn.execute("PRAGMA data_version").fetchone()
        if version != self._data_version:
            self._data_version = version
            self._heads.forget()

    def _roll_back(self, conn: sqlite3.Connection) -> None:
        self._heads.staged.clear()
        # Some failures (a full disk) have rolled back already.
        if conn.in_transaction:
            conn.execute("ROLLBACK")

    def _run(self, conn: sqlite3.Connection, job: _Job) -> _Done:
        try:
            conn.execute("BEGIN")
            try:
                result = job.work(conn)
                conn.execute("COMMIT")
            except BaseException:
                self._roll_back(conn)
                raise
        except sqlite3.Error as error:
            self._failed(error)
            return (job.done, None, store_error(error))
        except Exception as error:  # boundary: it belongs to whoever asked for the job
            return (job.done, None, error)
        return (job.done, result, None)

    def _failed(self, error: sqlite3.Error) -> None:
        if not self._failing:
            log.error("the store failed: %s", error)
        self._failing = True

    def _tell(self, callback: Callable[..., None], *results: Sequence[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *results)
        except RuntimeError:
            # The loop was closed without closing the store: nobody waits any more.
            log.warning("the event loop is gone; %d results were dropped", len(results[0]))


def _settle(batch: Sequence[_Pending], outcomes: Sequence[Exception | None]) -> None:
    for pending, outcome in zip(batch, outcomes, strict=True):
        try:
            pending.then(outcome)
        except Exception:  # boundary: the others of the transaction must hear of it too
            log.exception("what follows a commit failed")


def _resolve(results: Sequence[_Done]) -> None:
    for done, result, error in results:
        if not done.done():
            _conclude(done, result, error)


def _conclude(done: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _refusal(error: Exception) -> Exception:
    if isinstance(error, StoreConflict):
        return error
    log.error("a write set was refused", exc_info=error)
    return Unavailable(pb.ERROR_REASON_SERVER_FAULT, "the store cannot take this; the log says why")


def _too_many() -> Unavailable:
    return Unavailable(
        pb.ERROR_REASON_STORE_DOWN,
        "too many writes wait for the store; try again",
        retry_after=1.0,
    )


def _closed() -> Unavailable:
    return Unavailable(pb.ERROR_REASON_STORE_DOWN, "the store is closed")
