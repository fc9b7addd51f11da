"""How the store talks to PostgreSQL: URLs, connections, what its errors mean. No SQL of rooms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

SCHEMES = ("postgresql://", "postgres://")

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0
"""How long a statement may take; then the connection counts as lost."""
READERS = 8
"""Connections that read at once."""
RETRY_SECONDS = 1.0
"""What callers are told to wait while the store is down."""
STATEMENT_CACHE = 512
MAX_CACHED_STATEMENT_BYTES = 65_536

LOCK_SECONDS = 5.0
"""How long a start waits for the lock of a server that is just ending."""
LOCK_POLL_SECONDS = 0.1
OWNER_LOCK = 0x726F6F6D64
"""The advisory lock of the server that owns the database: ``roomd`` in ASCII."""
_SETTINGS = {
    "application_name": "roomd",
    # An acknowledgement is a promise, whatever the server's own default says.
    "synchronous_commit": "on",
    # Statements are short; what compiling them costs is never won back.
    "jit": "off",
    # A client that vanished lets go of its lock, and of what it had not committed.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

_READ_ONLY_STATES = {"53100", "25006", "58030"}
"""Disk full, a standby, an I/O error."""
_REFUSED_CLASSES = {"28", "3D", "42"}
"""Who we are, which database, what we may do there."""
_STORE_CLASSES = {"08", "25", "40", "53", "54", "55", "57", "58", "XX"}
"""Classes of SQLSTATE that are not about the rows."""


class StoreInUse(Exception):
    """Another server owns the database."""


class StoreRefused(Exception):
    """The database answers, and does not let us in; waiting does not help."""


def redacted(url: str) -> str:
    """The URL without what is secret in it: for logs and messages."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, where, parts.path, "", ""))


def is_store_fault(error: BaseException) -> bool:
    """Whether the store failed, not what it was given."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "XX")[:2] in _STORE_CLASSES
    if isinstance(error, asyncpg.DataError):
        return False
    return isinstance(error, asyncpg.InterfaceError | OSError | TimeoutError)


def store_error(error: BaseException) -> Unavailable:
    """What callers see of a failure: PostgreSQL's own words stay in the log."""
    if getattr(error, "sqlstate", "") in _READ_ONLY_STATES:
        return Unavailable(
            pb.ERROR_REASON_STORE_READ_ONLY,
            "the store cannot write (disk full or read-only); free space, then try again",
            retry_after=RETRY_SECONDS,
        )
    return store_down()


def store_down(why: str = "the store does not answer; try again") -> Unavailable:
    """What callers see while the database is away."""
    return Unavailable(pb.ERROR_REASON_STORE_DOWN, why, retry_after=RETRY_SECONDS)


def store_in_doubt() -> Unavailable:
    """What callers see whose writes were on their way when the database went away."""
    return Unavailable(
        pb.ERROR_REASON_STORE_DOWN,
        "the store went away before it said whether this is stored; try again with the same "
        "idempotency key, and it is stored once",
        retry_after=RETRY_SECONDS,
        metadata={"in_doubt": "true"},
    )


def store_closed() -> Unavailable:
    """What callers see of a store that was closed."""
    return Unavailable(pb.ERROR_REASON_STORE_DOWN, "the store is closed")


async def dial(url: str, connection: type[Any] = asyncpg.Connection, **settings: str) -> Any:
    """Open a connection.

    Raises:
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError: it cannot be.
    """
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        statement_cache_size=STATEMENT_CACHE,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=MAX_CACHED_STATEMENT_BYTES,
        connection_class=connection,
        server_settings={**_SETTINGS, **settings},
    )


async def own(
    url: str,
    connection: type[Any] = asyncpg.Connection,
    *,
    patience_seconds: float,
    **settings: str,
) -> Any:
    """Open a connection that owns the database: its lock goes when the connection does.

    Raises:
        StoreInUse: somebody else owns it, also after so many seconds.
    """
    conn = await dial(url, connection, **settings)
    try:
        await _lock(conn, patience_seconds)
    except BaseException:
        conn.terminate()
        raise
    return conn


async def _lock(conn: Any, patience_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_seconds
    while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", OWNER_LOCK):
        if loop.time() >= end:
            raise StoreInUse
        await asyncio.sleep(LOCK_POLL_SECONDS)


def opening_error(url: str, error: BaseException) -> BaseException:
    """What somebody who opens the database is told of a failure."""
    state = error.sqlstate or "" if isinstance(error, asyncpg.PostgresError) else ""
    if state[:2] in _REFUSED_CLASSES:
        return StoreRefused(str(error))
    if isinstance(error, asyncpg.ClientConfigurationError):
        return StoreRefused(f"the URL cannot be used: {error}")
    if isinstance(error, asyncpg.PostgresError) or is_store_fault(error):
        log.error("cannot open %s: %s", redacted(url), error)
        return store_error(error)
    return error


class Readers:
    """A few connections that read; each is taken for one read and given back.

    Args:
        url: Of the database.
        is_up: Whether the store can be read: while its writer has no connection nobody
            knows what of the last transaction is there.
    """

    def __init__(self, url: str, is_up: Callable[[], bool]) -> None:
        self._url = url
        self._is_up = is_up
        self._turn = asyncio.Semaphore(READERS)
        self._free: list[Any] = []
        self._busy: set[Any] = set()
        self._closed = False

    async def run(self, read: Callable[[Any], Awaitable[T]]) -> T:
        """Read.

        Raises:
            Unavailable: the database does not answer, or the store is closed.
        """
        try:
            async with self._connection() as conn:
                return await read(conn)
        except Exception as error:
            if not is_store_fault(error):
                raise
            log.warning("a read failed: %s", error)
            raise store_error(error) from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        async with self._turn:
            if self._closed:
                raise store_closed()
            if not self._is_up():
                raise store_down()
            while self._free and self._free[-1].is_closed():
                self._free.pop()
            conn = self._free.pop() if self._free else await dial(self._url)
            self._busy.add(conn)
            try:
                yield conn
            except BaseException:
                # Cancelled in the middle of an answer, or broken: nobody else may have it.
                conn.terminate()
                raise
            finally:
                self._busy.discard(conn)
            self._free.append(conn)

    def forget(self) -> None:
        """The database was away: what is left of the old connections is of no use."""
        for conn in self._free:
            conn.terminate()
        self._free.clear()

    async def close(self) -> None:
        """Finish what was asked, then let go. Idempotent."""
        self._closed = True
        for _ in range(READERS):
            await self._turn.acquire()
        for conn in self._free:
            await conn.close()
        self._free.clear()
        for _ in range(READERS):
            self._turn.release()
