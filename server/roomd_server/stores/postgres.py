"""The store on PostgreSQL: one connection that writes, a few that read.

Says who does what: commits go to ``postgres_writer``, reads to connections of their own,
each taken for one read only. No SQL here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import asyncpg

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
from roomd_server.stores import postgres_directory as directory
from roomd_server.stores import postgres_observers as observers
from roomd_server.stores import postgres_reads as reads
from roomd_server.stores import postgres_retention as retention
from roomd_server.stores import postgres_search as search
from roomd_server.stores.postgres_link import Readers
from roomd_server.stores.postgres_writer import PostgresWriter

P = ParamSpec("P")
T = TypeVar("T")

Read = Callable[Concatenate[Any, P], Awaitable[T]]


class PostgresStore:
    """Durable memory in a PostgreSQL database (a ``ports.Store``).

    Open it with ``open`` and use it on that event loop. What a commit acknowledged is synced
    (``synchronous_commit=on``) and seen by every read that starts later. One server owns the
    database at a time. While the database is away everything raises ``Unavailable``
    (STORE_DOWN); when it is back the store goes on by itself.
    """

    def __init__(self, url: str, clock: Clock, writer: PostgresWriter) -> None:
        self.writer = writer
        self._clock = clock
        self._readers = Readers(url, lambda: writer.is_up)
        self._indexing = asyncio.Lock()
        self._heard: Callable[[bool], None] | None = None
        writer.on_change = self._changed

    @classmethod
    async def open(
        cls, url: str, *, clock: Clock, connection: type[Any] = asyncpg.Connection
    ) -> Self:
        """Connect, become the owner, and bring the schema up to date as needed.

        Raises:
            StoreInUse: another server owns the database.
            SchemaTooNew: a newer release wrote the database.
            Unavailable: the database does not answer, or does not let us in.
        """
        writer = PostgresWriter(url, clock, connection)
        await writer.open()
        return cls(url, clock, writer)

    @property
    def pending(self) -> int:
        """Sets handed in that are not yet durable."""
        return self.writer.pending

    def gauges(self) -> dict[str, float]:
        """Whether the database is there, and how many statements how many sets took."""
        return {
            "store_up": float(self.writer.is_up),
            "store_sets": float(self.writer.sets),
            "store_statements": float(self.writer.statements),
        }

    def watch(self, heard: Callable[[bool], None]) -> None:
        """Call ``heard`` when the database goes away (False) and when it is back (True)."""
        self._heard = heard

    def _changed(self, is_up: bool) -> None:
        if not is_up:
            self._readers.forget()
        if self._heard is not None:
            self._heard(is_up)

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
        """Finish what was handed in, then let go of the database. Idempotent."""
        await self.writer.close()
        await self._readers.close()

    async def _read(self, read: Read[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def work(conn: Any) -> Awaitable[T]:
            return read(conn, *args, **kwargs)

        return await self._readers.run(work)

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
        """See ``ports.Store.purge_words``: VACUUM does that by itself."""

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
