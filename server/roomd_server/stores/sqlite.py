"""The store on SQLite: one file (or memory), one writer, readers beside it.

Says who does what: commits go to ``sqlite_writer``, reads of a file to a few threads with
connections of their own, so that they do not wait for the writer. No SQL here.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, Self, TypeVar

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.log import Position
from roomd_server.core.ports import (
    AgingRoom,
    Clock,
    DeliveryQuery,
    EventQuery,
    KeyRecord,
    LogPage,
    ObserverCount,
    ObserverQuery,
    PlacedRow,
    RoomSnapshot,
    Settled,
    WriteSet,
)
from roomd_server.core.tallies import StoreTallies
from roomd_server.stores import sqlite_directory as directory
from roomd_server.stores import sqlite_observers as observers
from roomd_server.stores import sqlite_reads as reads
from roomd_server.stores import sqlite_retention as retention
from roomd_server.stores import sqlite_search as search
from roomd_server.stores.sqlite_writer import Connection, SqliteWriter, connect, store_error

P = ParamSpec("P")
T = TypeVar("T")

READERS = 3
"""Threads that read a file."""

Read = Callable[Concatenate[sqlite3.Connection, P], T]


class SqliteStore:
    """Durable memory in one SQLite file (a ``ports.Store``).

    Open it with ``open`` and use it on that event loop. What a commit acknowledged is
    synced to the disk (``synchronous=FULL``) and seen by every read that starts later.
    With ``:memory:`` nothing outlives ``close``.
    """

    def __init__(self, path: str, clock: Clock, writer: SqliteWriter) -> None:
        self.path = path
        self.writer = writer
        self._clock = clock
        self._readers = None if path == ":memory:" else Readers(path)
        self._indexing = asyncio.Lock()

    @classmethod
    async def open(
        cls, path: str, *, clock: Clock, connection: Connection = sqlite3.Connection
    ) -> Self:
        """Open the file, creating it and bringing its schema up to date as needed.

        Raises:
            SchemaTooNew: a newer release wrote the file.
            Unavailable: the file cannot be opened, or is no database.
        """
        writer = SqliteWriter(path, clock, asyncio.get_running_loop(), connection)
        await writer.open()
        return cls(path, clock, writer)

    @property
    def pending(self) -> int:
        """Sets handed in that are not yet durable."""
        return self.writer.pending

    @property
    def tallies(self) -> StoreTallies:
        """Its transactions, counted."""
        return self.writer.tallies

    def commit(self, writes: WriteSet) -> asyncio.Future[None]:
        """See ``ports.Store.commit``."""
        return self.writer.commit(writes)

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """See ``ports.Store.submit``."""
        self.writer.submit(writes, then)

    async def close(self) -> None:
        """Finish what was handed in, then let go of the file. Idempotent."""
        await self.writer.close()
        if self._readers is not None:
            await asyncio.to_thread(self._readers.close)

    async def _read(self, read: Read[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def work(conn: sqlite3.Connection) -> T:
            return read(conn, *args, **kwargs)

        runs = self.writer if self._readers is None else self._readers
        return await runs.run(work)

    # ------------------------------------------------------------ rooms

    async def load_room(self, org: str, room_id: str) -> RoomSnapshot | None:
        """See ``ports.Store.load_room``."""
        return await self._read(reads.load_room, org, room_id, self._clock.now())

    async def key_hashes(self, org: str, scope: str, now: float) -> list[bytes]:
        """See ``ports.Store.key_hashes``."""
        return await self._read(reads.key_hashes, org, scope, now)

    async def get_key(self, org: str, scope: str, key: str, now: float) -> KeyRecord | None:
        """See ``ports.Store.get_key``."""
        return await self._read(reads.get_key, org, scope, key, now)

    async def purge_keys(self, now: float) -> int:
        """See ``ports.Store.purge_keys``."""
        purged = 0
        while step := await self.writer.run(lambda conn: directory.purge_step(conn, now)):
            purged += step
        return purged

    async def get_rooms(self, org: str, room_ids: Sequence[str]) -> list[pb.Room]:
        """See ``ports.Store.get_rooms``."""
        return await self._read(directory.get_rooms, org, room_ids)

    async def list_rooms(
        self, org: str, request: pb.ListRoomsRequest, after: str, limit: int
    ) -> list[pb.Room]:
        """See ``ports.Store.list_rooms``."""
        return await self._read(directory.list_rooms, org, request, after, limit)

    async def open_rooms_of_participant(
        self, org: str, channel_id: str, participant_id: str, limit: int
    ) -> list[str]:
        """See ``ports.Store.open_rooms_of_participant``."""
        return await self._read(
            directory.open_rooms_of_participant, org, channel_id, participant_id, limit
        )

    async def open_rooms_of_channel(self, org: str, channel_id: str, limit: int) -> list[str]:
        """See ``ports.Store.open_rooms_of_channel``."""
        return await self._read(directory.open_rooms_of_channel, org, channel_id, limit)

    async def rooms_of_channel(
        self, org: str, channel_id: str, after: str, limit: int
    ) -> list[str]:
        """See ``ports.Store.rooms_of_channel``."""
        return await self._read(directory.rooms_of_channel, org, channel_id, after, limit)

    async def due_timers(self, now: float, limit: int) -> list[tuple[str, str]]:
        """See ``ports.Store.due_timers``."""
        return await self._read(directory.due_timers, now, limit)

    async def next_timer(self) -> float | None:
        """See ``ports.Store.next_timer``."""
        return await self._read(directory.next_timer)

    # ------------------------------------------------------------ what is not kept for ever

    async def aging_rooms(self, after: tuple[str, str], limit: int) -> list[AgingRoom]:
        """See ``ports.Store.aging_rooms``."""
        return await self._read(retention.aging_rooms, after, limit)

    async def expired_until(self, org: str, room_id: str, before: float, limit: int) -> int:
        """See ``ports.Store.expired_until``."""
        return await self._read(retention.expired_until, org, room_id, before, limit)

    async def trim_room(self, org: str, room_id: str, index: int) -> Position:
        """See ``ports.Store.trim_room``."""
        return await self.writer.run(lambda conn: retention.trim(conn, org, room_id, index))

    # ------------------------------------------------------------ events

    async def get_event(
        self, org: str, room_id: str, event_id: str = "", index: int | None = None
    ) -> pb.RoomEvent | None:
        """See ``ports.Store.get_event``."""
        return await self._read(reads.get_event, org, room_id, event_id, index)

    async def list_events(self, org: str, query: EventQuery) -> list[pb.RoomEvent]:
        """See ``ports.Store.list_events``."""
        return await self._read(reads.list_events, org, query)

    async def read_log(
        self, org: str, room_id: str, next_index: int, next_change: int, limit: int
    ) -> LogPage:
        """See ``ports.Store.read_log``."""
        position = (next_index, next_change)
        return await self._read(reads.read_log, org, room_id, position, limit)

    async def search_events(
        self, org: str, query: str, room_id: str, offset: int, limit: int
    ) -> list[tuple[pb.RoomEvent, str]]:
        """See ``ports.Store.search_events``.

        The index is brought up to date first. While the store cannot write, what was
        indexed before is found.
        """
        try:
            await self._index()
        except Unavailable as error:
            if error.reason != pb.ERROR_REASON_STORE_READ_ONLY:
                raise
        return await self._read(search.find, org, query, room_id, offset, limit)

    async def _index(self) -> None:
        async with self._indexing:
            newest = await self._read(search.newest_event)
            if newest is None:
                return
            while not await self.writer.run(lambda conn: search.index_step(conn, newest)):
                pass

    async def purge_words(self) -> None:
        """See ``ports.Store.purge_words``."""
        pages = -search.MERGE_STEP_PAGES  # negative: begin to merge all there is
        while not await self.writer.run(partial(search.merge_step, pages=pages)):
            pages = search.MERGE_STEP_PAGES

    async def thread_summaries(
        self, org: str, room_id: str, after: str, limit: int
    ) -> list[pb.ThreadSummary]:
        """See ``ports.Store.thread_summaries``."""
        return await self._read(reads.thread_summaries, org, room_id, after, limit)

    async def replies(
        self, org: str, room_id: str, event_id: str, limit: int
    ) -> list[pb.RoomEvent]:
        """See ``ports.Store.replies``."""
        return await self._read(reads.replies, org, room_id, event_id, limit)

    async def count_unread(self, org: str, room_id: str, after_index: int) -> int:
        """See ``ports.Store.count_unread``."""
        return await self._read(reads.count_unread, org, room_id, after_index)

    # ------------------------------------------------------------ what a room holds besides

    async def list_tasks(
        self, org: str, room_id: str, statuses: Sequence[int], after: str, limit: int
    ) -> list[pb.Task]:
        """See ``ports.Store.list_tasks``."""
        return await self._read(reads.list_tasks, org, room_id, statuses, (after, limit))

    async def get_task(self, org: str, room_id: str, task_id: str) -> pb.Task | None:
        """See ``ports.Store.get_task``."""
        return await self._read(reads.get_task, org, room_id, task_id)

    async def list_observations(
        self, org: str, room_id: str, category: str, after: str, limit: int
    ) -> list[pb.Observation]:
        """See ``ports.Store.list_observations``."""
        return await self._read(reads.list_observations, org, room_id, category, (after, limit))

    async def list_markers(self, org: str, room_id: str) -> list[pb.ReadMarker]:
        """See ``ports.Store.list_markers``."""
        return await self._read(reads.list_markers, org, room_id)

    # ------------------------------------------------------------ deliveries

    async def get_delivery(self, org: str, room_id: str, delivery_id: str) -> pb.Delivery | None:
        """See ``ports.Store.get_delivery``."""
        return await self._read(reads.get_delivery, org, room_id, delivery_id)

    async def find_delivery(
        self, org: str, channel_id: str, provider_message_id: str
    ) -> pb.Delivery | None:
        """See ``ports.Store.find_delivery``."""
        return await self._read(reads.find_delivery, org, channel_id, provider_message_id)

    async def list_deliveries(self, org: str, query: DeliveryQuery) -> list[pb.Delivery]:
        """See ``ports.Store.list_deliveries``."""
        return await self._read(reads.list_deliveries, org, query)

    async def unfinished_deliveries(
        self, after: tuple[str, str, str, int] | None, limit: int
    ) -> list[tuple[str, pb.Delivery]]:
        """See ``ports.Store.unfinished_deliveries``."""
        return await self._read(reads.unfinished_deliveries, after, limit)

    async def unfinished_of_lane(
        self, org: str, room_id: str, channel_id: str, after_index: int, limit: int
    ) -> list[pb.Delivery]:
        """See ``ports.Store.unfinished_of_lane``."""
        lane = (org, room_id, channel_id)
        return await self._read(reads.unfinished_of_lane, lane, after_index, limit)

    async def rooms_with_queued(self, limit: int) -> list[tuple[str, str]]:
        """See ``ports.Store.rooms_with_queued``."""
        return await self._read(directory.rooms_with_queued, limit)

    # ------------------------------------------------------------ the organization

    async def list_channels(self, org: str | None) -> list[tuple[str, pb.Channel]]:
        """See ``ports.Store.list_channels``."""
        return await self._read(directory.list_channels, org)

    async def list_hooks(self) -> list[pb.Hook]:
        """See ``ports.Store.list_hooks``."""
        return await self._read(directory.list_hooks)

    async def observer_rows(self, org: str, query: ObserverQuery) -> list[PlacedRow]:
        """See ``ports.Store.observer_rows``."""
        return await self._read(observers.rows, org, query)

    async def oldest_observer_rows(self, org: str, hook: str, limit: int) -> list[PlacedRow]:
        """See ``ports.Store.oldest_observer_rows``."""
        return await self._read(observers.oldest, org, hook, limit)

    async def observer_counts(self, org: str | None, room_id: str = "") -> list[ObserverCount]:
        """See ``ports.Store.observer_counts``."""
        return await self._read(observers.counts, org, room_id)

    async def purge_parked(self, before: float) -> list[ObserverCount]:
        """See ``ports.Store.purge_parked``."""
        purged: dict[tuple[str, str], int] = {}
        while step := await self.writer.run(lambda conn: observers.purge_step(conn, before)):
            for one in step:
                purged[one.org, one.hook] = purged.get((one.org, one.hook), 0) + one.parked
        return [ObserverCount(*key, 0, count) for key, count in sorted(purged.items())]

    async def events_by_id(self, org: str, event_ids: Sequence[str]) -> list[pb.RoomEvent]:
        """See ``ports.Store.events_by_id``."""
        return await self._read(observers.events_by_id, org, event_ids)

    async def list_handlers(self) -> list[tuple[str, pb.Handler]]:
        """See ``ports.Store.list_handlers``."""
        return await self._read(directory.list_handlers)


class Readers:
    """A few threads, each with a read-only connection of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._mine = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._closed = False

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Read in one transaction.

        Raises:
            Unavailable: SQLite failed, or the store is closed.
        """
        if self._closed:
            raise Unavailable(pb.ERROR_REASON_STORE_DOWN, "the store is closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._run, read)
        except sqlite3.Error as error:
            raise store_error(error) from error

    def close(self) -> None:
        """Finish what was asked, then let go of the file; blocks until then."""
        self._closed = True
        self._threads.shutdown()
        for conn in self._all:
            conn.close()
        self._all.clear()

    def _run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        conn: sqlite3.Connection | None = getattr(self._mine, "conn", None)
        if conn is None:
            conn = self._mine.conn = connect(self._path, read_only=True)
            self._all.append(conn)
        conn.execute("BEGIN")
        try:
            return read(conn)
        finally:
            conn.execute("COMMIT")
