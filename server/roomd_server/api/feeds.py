"""What a subscription needs from a room's owner, and the bytes that it makes of it.

``Feed`` and ``FeedSource`` are the doors; the engine implements them. ``SharedFeed`` is one
watched room: it batches what becomes due and makes the bytes once for all who watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from roomd import v1 as pb
from roomd_server.api.cursor import RoomCursors
from roomd_server.core.feed import LogStretch
from roomd_server.core.frames import field_tag, framed
from roomd_server.core.log import LogEntry, Position

PAGE_ENTRIES = 256
"""Most entries of one write."""
PAGE_BYTES = 256 * 1024
"""A write is closed once it has this many: a slow reader costs one page."""
LINGER_SECONDS = 0.001
"""How long what is due waits for more, while events are flowing."""
WRITE_SECONDS = 0.0001
"""About what one write costs."""
MAX_LINGER_SECONDS = 0.02
_QUIET_SECONDS = 0.05
"""After this long without anything, the next event goes out at once."""

_ROOM_ID_TAG = field_tag(pb.StreamItem, "room_id")
_CURSOR_TAG = field_tag(pb.StreamItem, "cursor")
_ITEMS_TAG = field_tag(pb.SubscribeRoomResponse, "items")  # SubscribeRoomsResponse has the same

EventTypes = frozenset[int]


class Feed(Protocol):
    """A live room as its owner offers it to readers.

    Everything here shows only what is durable. All but ``load`` and ``oldest`` are plain
    functions of what is in memory.
    """

    @property
    def head(self) -> Position:
        """Position after the newest entry."""

    @property
    def deleted(self) -> bool:
        """Whether the room was deleted: nothing comes any more."""

    @property
    def stale(self) -> bool:
        """Whether the owner let go of this object: open the room again."""

    def watch(self, bell: Callable[[], None]) -> None:
        """Call ``bell`` whenever the log or the fleeting events grew, or ``deleted`` or
        ``stale`` became true. It is called synchronously and must not wait or raise. While
        anybody watches, the room stays in memory.
        """

    def unwatch(self, bell: Callable[[], None]) -> None:
        """Call it no more."""

    def release(self, unread: int) -> None:
        """The slowest of those who watch is this many entries behind: what comes before them
        need not stay in memory for its sake.
        """

    def since(self, position: Position, limit: int) -> list[LogEntry] | None:
        """Entries from ``position`` on, at most ``limit``; None: they are not in memory.

        ``LogEntry.event_type`` is the type of the event (also of the event that changed),
        0 for entries about no event; those pass every filter.
        """

    async def load(self, position: Position, limit: int) -> LogStretch:
        """The same from the store, for any position up to ``head``.

        Raises:
            Unavailable: the store does not answer.
        """

    async def oldest(self) -> Position:
        """The first position from which nothing is missing; ``Position(0, 0)`` while
        everything is kept.

        Raises:
            Unavailable: the store does not answer.
        """

    @property
    def ephemeral_epoch(self) -> str:
        """Epoch of the fleeting events' numbers."""

    @property
    def next_ephemeral(self) -> int:
        """Number of the next fleeting event."""

    def ephemerals_since(self, sequence: int) -> tuple[list[bytes], int, int]:
        """Fleeting events from a number on: (serialised ``StreamItem``s without room and
        cursor, next number, how many are lost).
        """

    def late_starts(self) -> list[bytes]:
        """For one who comes late: a ``STREAM_START`` item with the text so far for every
        answer being written.
        """


class FeedSource(Protocol):
    """Where feeds come from: the directory of rooms."""

    async def open(self, org: str, room_id: str) -> Feed:
        """The feed of a room.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            Unavailable: the store does not answer.
        """


class Chunk(NamedTuple):
    """Serialised ``items`` entries of a response, and where a reader is after them."""

    data: bytes
    after: Position


class Watcher(Protocol):
    """One who reads a shared feed."""

    def notify(self, feed: SharedFeed) -> None:
        """Something is due; called on the event loop, must not wait."""

    def unread(self, feed: SharedFeed) -> int:
        """How many of the entries that are ready it has not read."""


class Pacer:
    """Publishes small feeds a moment after they rang, all of them with one timer."""

    def __init__(self) -> None:
        self._due: list[SharedFeed] = []  # bounded: a feed is in it once

    def publish_soon(self, feed: SharedFeed) -> None:
        """Publish a feed within ``LINGER_SECONDS``."""
        self._due.append(feed)
        if len(self._due) == 1:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._publish)

    def _publish(self) -> None:
        due, self._due = self._due, []
        for feed in due:
            feed.publish()


class SharedFeed:
    """One room, and all streams that watch it.

    What is due is published in steps: all readers read up to ``ready``, so those in
    lockstep ask for the same stretch and get the same bytes object.
    """

    def __init__(self, org: str, room_id: str, feed: Feed, pacer: Pacer) -> None:
        self.org = org
        self.room_id = room_id
        self.cursors = RoomCursors(org, room_id)
        self.watchers: set[Watcher] = set()
        self.feed = feed
        self.ready = feed.head
        self._suffix = framed(_ROOM_ID_TAG, room_id.encode())
        self._chunks: dict[tuple[Position, EventTypes | None], Chunk] = {}
        self._ephemeral_chunks: dict[int, tuple[bytes, int]] = {}
        self._loop = asyncio.get_running_loop()
        self._pacer = pacer
        self._ringing = False
        """It is published in a moment."""
        self._published = -_QUIET_SECONDS
        self._lost = False
        self._unread = 0
        """How far the slowest reader was behind when it was last looked at."""
        feed.watch(self.ring)

    @property
    def gone(self) -> bool:
        """Whether the room was deleted."""
        return self._lost or self.feed.deleted

    def lose(self) -> None:
        """The room is not there any more."""
        self._lost = True
        self.publish()

    def replace(self, feed: Feed) -> None:
        """Go on with another object of the same room."""
        self.feed.unwatch(self.ring)
        self.feed = feed
        feed.watch(self.ring)
        self.publish()

    def close(self) -> None:
        """Watch it no more."""
        self.feed.unwatch(self.ring)

    def ring(self) -> None:
        """Something is new: publish it now, or in a moment with what follows."""
        if self._ringing:
            return
        if self._loop.time() - self._published > _QUIET_SECONDS:
            self.publish()
            return
        self._ringing = True
        # A round of writes to all readers takes this long by itself; waiting as long for
        # what follows halves the work, and nobody is served later than the round would allow.
        round_seconds = len(self.watchers) * WRITE_SECONDS
        if round_seconds <= LINGER_SECONDS:
            self._pacer.publish_soon(self)
        else:
            self._loop.call_later(min(MAX_LINGER_SECONDS, round_seconds), self.publish)

    def look(self) -> None:
        """Notice what no bell told, and what was read since the last one."""
        if self.feed.head != self.ready or self.feed.stale or self.feed.deleted:
            self.ring()
        elif self._unread > PAGE_ENTRIES:
            self._release()

    def publish(self) -> None:
        """Let everybody read up to the head."""
        self._ringing = False
        self._published = self._loop.time()
        self.ready = self.feed.head
        # Readers that are not done with the step before make their own chunk: to here.
        self._chunks.clear()
        self._ephemeral_chunks.clear()
        for watcher in self.watchers:
            watcher.notify(self)
        self._release()

    def _release(self) -> None:
        self._unread = max((watcher.unread(self) for watcher in self.watchers), default=0)
        self.feed.release(self._unread)

    def behind(self, position: Position) -> int:
        """How many entries are ready after a position."""
        ready = self.ready
        return ready.index + ready.change - position.index - position.change

    def chunk(self, position: Position, types: EventTypes | None) -> Chunk | None:
        """What is ready from a position on, at most a page; None: not in memory."""
        key = (position, types)
        chunk = self._chunks.get(key)
        if chunk is None:
            limit = min(self.behind(position), PAGE_ENTRIES)
            entries = self.feed.since(position, limit)
            if not entries:
                return None
            chunk = self._chunks[key] = self.join(entries, position, types)
        return chunk

    def join(
        self, entries: Sequence[LogEntry], position: Position, types: EventTypes | None
    ) -> Chunk:
        """Make the bytes of a page; it may end before the entries do."""
        parts: list[bytes] = []
        size_bytes = 0
        for entry in entries:
            if types and entry.event_type and entry.event_type not in types:
                position = entry.after
                continue
            if size_bytes and size_bytes + len(entry.item) > PAGE_BYTES:
                break
            position = entry.after
            part = self.frame(entry.item, position)
            parts.append(part)
            size_bytes += len(part)
        return Chunk(b"".join(parts), position)

    def frame(self, item: bytes, cursor: Position | None = None) -> bytes:
        """Make an ``items`` entry of a serialised ``StreamItem``: fields of a message may be
        appended to its bytes.
        """
        body = item + self._suffix
        if cursor is not None:
            body += framed(_CURSOR_TAG, self.cursors.encode(cursor))
        return framed(_ITEMS_TAG, body)

    def ephemeral_chunk(self, sequence: int) -> tuple[bytes, int]:
        """Fleeting events from a number on, and the next number."""
        chunk = self._ephemeral_chunks.get(sequence)
        if chunk is None:
            items, after, lost = self.feed.ephemerals_since(sequence)
            parts = [self.frame(item) for item in items]
            if lost:
                dropped = pb.StreamItem(dropped=pb.StreamItem.Dropped(count=lost))
                parts.insert(0, self.frame(dropped.SerializeToString()))
            chunk = self._ephemeral_chunks[sequence] = (b"".join(parts), after)
        return chunk


def item_frame(item: pb.StreamItem) -> bytes:
    """Make an ``items`` entry of a message that belongs to no room."""
    return framed(_ITEMS_TAG, item.SerializeToString())
