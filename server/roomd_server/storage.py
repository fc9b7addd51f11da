"""Where rooms are kept: the URL that an operator gives, and what it opens.

With ``wiring`` the only module that names stores. Secrets in URLs are never shown.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from roomd_server.api.fronts import StartupError
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import Clock, Store
from roomd_server.core.tallies import StoreTallies
from roomd_server.failpoints import Failpoints
from roomd_server.stores import postgres_schema, sqlite_schema
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.postgres_link import SCHEMES, StoreInUse, StoreRefused, redacted
from roomd_server.stores.schema import Migration, SchemaTooNew, SchemaTooOld, check_not_old
from roomd_server.stores.sqlite import SqliteStore

log = logging.getLogger(__name__)

MEMORY = "sqlite://:memory:"
FILE_PREFIX = "sqlite:///"
WAIT_SECONDS = 60.0
"""How long a start waits for a database that does not answer: it may be starting too."""
WAIT_POLL_SECONDS = 1.0


class Place(NamedTuple):
    """Where a store is."""

    kind: str
    """``sqlite-memory``, ``sqlite`` or ``postgres``."""
    where: str
    """The path, ``:memory:``, or the URL with its secrets."""
    shown: str
    """What logs and messages may say."""


def place_of(url: str) -> Place:
    """What a store URL names.

    Raises:
        StartupError: no URL of a store that this server knows.
    """
    if url == MEMORY:
        return Place("sqlite-memory", ":memory:", url)
    if url.startswith(FILE_PREFIX) and len(url) > len(FILE_PREFIX):
        return Place("sqlite", url[len(FILE_PREFIX) :], url)
    if url.startswith(SCHEMES):
        return Place("postgres", url, redacted(url))
    raise StartupError(
        f"--store {redacted(url)}: give {FILE_PREFIX}FILE, {MEMORY} or "
        "postgresql://USER@HOST/DATABASE"
    )


class FileLock:
    """Keeps a second server off the same file: each holds its rooms in memory, and two would
    not see each other's messages. The system lets go of it when the process dies.

    Raises:
        StartupError: another process has it.
    """

    def __init__(self, path: str) -> None:
        self._file: int | None = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise _in_use(path) from None

    def release(self) -> None:
        """Let go of it. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class DurableStore(Store, Protocol):
    """A store as the server runs it."""

    @property
    def pending(self) -> int:
        """Sets handed in that are not yet durable."""

    @property
    def tallies(self) -> StoreTallies:
        """Its transactions, counted."""


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store that is open."""

    kind: str
    store: DurableStore
    watch: Callable[[Callable[[bool], None]], None]
    """Takes what is to be told when the store goes away (False) and is back (True)."""
    release: Callable[[], None]
    gauges: Callable[[], Mapping[str, float]] = dict
    """What there is to say of it besides what all stores say."""

    async def close(self) -> None:
        """Finish what was handed in, then let go of it."""
        try:
            await self.store.close()
        finally:
            self.release()


async def open_store(
    url: str, clock: Clock, failpoints: Failpoints | None = None, *, migrates: bool = True
) -> OpenStore:
    """Open the store of a URL, as its only owner, with its schema up to date: brought there when
    it is new, else only when the open ``migrates``.

    Raises:
        StartupError: it cannot be; the message says what to change.
    """
    place = place_of(url)
    try:
        if place.kind == "postgres":
            postgres = await _open_postgres(place, clock, failpoints, migrates)
            return OpenStore(place.kind, postgres, postgres.watch, _nothing, postgres.gauges)
        return await _open_sqlite(place, clock, failpoints, migrates)
    except (SchemaTooNew, SchemaTooOld) as error:
        raise StartupError(f"{place.shown}: {error}") from None


async def _open_sqlite(
    place: Place, clock: Clock, failpoints: Failpoints | None, migrates: bool
) -> OpenStore:
    lock = None if place.kind == "sqlite-memory" else FileLock(place.where)
    release = _nothing if lock is None else lock.release
    try:
        if lock is not None and not migrates:
            await _check_not_old(place)
        if failpoints is None:
            store = await SqliteStore.open(place.where, clock=clock)
        else:
            store = await failpoints.open_sqlite(place.where, clock)
    except BaseException:
        release()
        raise
    return OpenStore(place.kind, store, lambda _: None, release)


async def _open_postgres(
    place: Place, clock: Clock, failpoints: Failpoints | None, migrates: bool
) -> PostgresStore:
    end = clock.monotonic() + WAIT_SECONDS
    while True:
        try:
            if not migrates:
                await _check_not_old(place)
            if failpoints is None:
                return await PostgresStore.open(place.where, clock=clock)
            return await failpoints.open_postgres(place.where, clock)
        except StoreInUse:
            raise _in_use(place.shown) from None
        except StoreRefused as error:
            raise StartupError(f"{place.shown}: {error}") from None
        except Unavailable as error:
            if clock.monotonic() >= end:
                raise StartupError(
                    f"{place.shown} does not answer; start it, or give another --store"
                ) from error
            log.warning("waiting for %s", place.shown)
            await asyncio.sleep(WAIT_POLL_SECONDS)


async def _check_not_old(place: Place) -> None:
    if place.kind == "postgres":
        check_not_old(await postgres_schema.migrate(place.where, dry_run=True))
        return
    try:
        check_not_old(await asyncio.to_thread(sqlite_schema.migrate, place.where, True))
    except sqlite3.Error as error:
        raise _unusable(place, error) from None


def _unusable(place: Place, error: Exception) -> StartupError:
    return StartupError(f"{place.shown} cannot be opened: {error}")


def _in_use(shown: str) -> StartupError:
    return StartupError(
        f"{shown} is in use by another roomd server; stop it, or give another --store"
    )


def _nothing() -> None:
    """A store in memory is nobody else's; a database is let go of with its connection."""


async def migrate(url: str, *, dry_run: bool) -> list[Migration]:
    """Bring the store of a URL up to date; what was, or would be, applied.

    Raises:
        StartupError: it cannot be; the message says why.
    """
    place = place_of(url)
    if place.kind == "sqlite-memory":
        return []
    try:
        if place.kind == "postgres":
            return await postgres_schema.migrate(place.where, dry_run=dry_run)
        lock = None if dry_run else FileLock(place.where)
        try:
            return await asyncio.to_thread(sqlite_schema.migrate, place.where, dry_run)
        finally:
            if lock is not None:
                lock.release()
    except StoreInUse:
        raise _in_use(place.shown) from None
    except (SchemaTooNew, StoreRefused) as error:
        raise StartupError(f"{place.shown}: {error}") from None
    except (Unavailable, sqlite3.Error) as error:
        raise _unusable(place, error) from None


async def examine(url: str) -> str:
    """Look whether the store of a URL can be used, changing nothing; what there is to say.

    Raises:
        StartupError: it cannot be; the message says why.
    """
    place = place_of(url)
    if place.kind == "sqlite" and not Path(place.where).exists():
        return f"{place.shown} does not exist yet; the first start makes it"
    needed = await migrate(url, dry_run=True)
    if needed:
        numbers = ", ".join(str(migration.number) for migration in needed)
        return f"{place.shown} needs migration {numbers}: run `roomd migrate`"
    return f"{place.shown} is up to date"
