"""One subscription stream: where it is in each of its rooms, and the loop that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from roomd import v1 as pb
from roomd_server.api.feeds import (
    PAGE_BYTES,
    PAGE_ENTRIES,
    EventTypes,
    SharedFeed,
    item_frame,
)
from roomd_server.api.routes import StreamWriter
from roomd_server.core.errors import OutOfRange, history_truncated
from roomd_server.core.log import Position

NODE_DRAINING = "NODE_DRAINING"
ROOM_DELETED = "ROOM_DELETED"

LINGER_SECONDS = 0.005
"""How soon after a write the next one may follow."""

_HEARTBEAT = item_frame(pb.StreamItem(heartbeat=pb.StreamItem.Heartbeat()))


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """What a reader wants."""

    types: EventTypes | None
    """Only events of these types; None: all."""
    ephemeral: bool
    heartbeat_seconds: float
    reconnect_jitter_seconds: float


class RoomStream:
    """Writes what happens in its rooms until the reader leaves, the rooms or the node end.

    Args:
        writer: Where to.
        choice: What the reader wants.
        reopen: Finds the new owner of a feed that is stale.
    """

    def __init__(
        self,
        writer: StreamWriter,
        choice: StreamChoice,
        reopen: Callable[[SharedFeed], Awaitable[None]],
    ) -> None:
        self._writer = writer
        self._choice = choice
        self._reopen = reopen
        self._loop = asyncio.get_running_loop()
        self._readers: dict[SharedFeed, _Reader] = {}
        self._due: dict[SharedFeed, None] = {}
        """Feeds that may have something, in the order in which they said so."""
        self._opening: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_write = self._loop.time()
        self._beat = False
        self._ending = False

    # -------------------------------------------------------------- what happens to it

    def notify(self, feed: SharedFeed) -> None:
        """A feed has something. While events are flowing they are written a few at a time,
        whatever rooms they are of: a write costs more than making an event.
        """
        self._due[feed] = None
        if self._waiter is None or self._timer is not None:
            return
        due = self._last_write + LINGER_SECONDS
        if self._loop.time() >= due:
            self._wake()
        else:
            self._timer = self._loop.call_at(due, self._wake)

    def unread(self, feed: SharedFeed) -> int:
        """How many entries of a room it has not read; none before it has a place there."""
        reader = self._readers.get(feed)
        return feed.behind(reader.position) if reader is not None else 0

    def beat_if_due(self, now: float) -> float:
        """Say that the stream lives when it was silent for long; when to look again. Both are
        loop times.
        """
        due = self._last_write + self._choice.heartbeat_seconds
        if due > now:
            return due
        self._beat = True
        self._wake()
        return now + self._choice.heartbeat_seconds

    def end(self) -> None:
        """End it politely, at the next chance."""
        self._ending = True
        self._wake()

    def single_cursor(self) -> dict[str, str]:
        """Where the stream of one room is, for the error that ends it. Right also when its
        last write hangs: whoever gets the error got everything written before it.
        """
        for reader in self._readers.values():
            return {"cursor": reader.feed.cursors.encode(reader.position).decode()}
        return {}

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -------------------------------------------------------------- the stream

    async def open(self, feed: SharedFeed, start: pb.RoomStart) -> None:
        """Take a room to watch.

        Raises:
            InvalidArgument: BAD_CURSOR.
            OutOfRange: HISTORY_TRUNCATED.
            Unavailable: the store does not answer.
        """
        oldest = await feed.feed.oldest()
        # No await from here on: the place, the head and the late starts are of one moment.
        position = _start_position(feed, start, oldest)
        head = feed.feed.head
        subscribed = pb.StreamItem.Subscribed(
            continuous=True, ephemeral_epoch=feed.feed.ephemeral_epoch
        )
        if head.index > oldest.index:
            subscribed.oldest_index = oldest.index
            subscribed.head_index = head.index - 1
        item = pb.StreamItem(subscribed=subscribed).SerializeToString()
        self._opening.append(feed.frame(item, position))
        reader = _Reader(feed, position, self._choice)
        if self._choice.ephemeral:
            self._opening += [feed.frame(item) for item in feed.feed.late_starts()]
        self._readers[feed] = reader
        self._due[feed] = None

    async def serve(self) -> None:
        """Write until the end.

        Raises:
            OutOfRange: HISTORY_TRUNCATED, what comes next is not kept any more.
            Unavailable: the store does not answer.
        """
        await self._write(b"".join(self._opening))
        self._opening.clear()
        while self._readers:
            if self._ending:
                await self._write(_ending(NODE_DRAINING, self._choice.reconnect_jitter_seconds))
                return
            await self._write_due()
            await self._sleep()

    async def _write_due(self) -> None:
        """Write about a page of what is due."""
        parts: list[bytes] = []
        size_bytes = 0
        for feed in tuple(self._due):
            reader = self._readers.get(feed)
            if reader is None:
                del self._due[feed]
                continue
            if feed.feed.stale and not feed.gone:
                await self._reopen(feed)
            if feed.gone:
                del self._readers[feed], self._due[feed]
                parts.append(_room_ending(feed))
                continue
            data = reader.take()
            if data is None:
                data = await reader.load()
            if not reader.has_more():
                del self._due[feed]
            if data:
                parts.append(data)
                size_bytes += len(data)
                if size_bytes >= PAGE_BYTES:
                    break
        if not parts and self._beat:
            parts.append(_HEARTBEAT)
        if parts:
            # One part is passed on as it is: all readers in lockstep write the same object.
            await self._write(parts[0] if len(parts) == 1 else b"".join(parts))

    async def _write(self, data: bytes) -> None:
        await self._writer.write(data)
        self._last_write = self._loop.time()
        self._beat = False

    async def _sleep(self) -> None:
        if self._due or self._beat or self._ending or not self._readers:
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None


class _Reader:
    """Where a stream is in one room."""

    __slots__ = ("_epoch", "_next_ephemeral", "_types", "feed", "position")

    def __init__(self, feed: SharedFeed, position: Position, choice: StreamChoice) -> None:
        self.feed = feed
        self.position = position
        """The next entry to read."""
        self._types = choice.types
        self._epoch = feed.feed.ephemeral_epoch
        self._next_ephemeral = feed.feed.next_ephemeral if choice.ephemeral else None

    def has_more(self) -> bool:
        """Whether something is ready."""
        if self.feed.behind(self.position) > 0:
            return True
        if self._next_ephemeral is None:
            return False
        return (
            self._next_ephemeral != self.feed.feed.next_ephemeral
            or self._epoch != self.feed.feed.ephemeral_epoch
        )

    def take(self) -> bytes | None:
        """The next page: fleeting things first, so that what was said while it was written
        comes before what was written. None: it must be loaded.
        """
        fleeting = self._take_ephemerals() if self._next_ephemeral is not None else b""
        if self.feed.behind(self.position) <= 0:
            return fleeting
        chunk = self.feed.chunk(self.position, self._types)
        if chunk is None:
            return fleeting or None
        self.position = chunk.after
        return fleeting + chunk.data if fleeting else chunk.data

    def _take_ephemerals(self) -> bytes:
        assert self._next_ephemeral is not None
        feed = self.feed.feed
        # Numbers begin anew with another owner of the room.
        if self._epoch != feed.ephemeral_epoch or self._next_ephemeral > feed.next_ephemeral:
            self._epoch = feed.ephemeral_epoch
            self._next_ephemeral = 1
        data, self._next_ephemeral = self.feed.ephemeral_chunk(self._next_ephemeral)
        return data

    async def load(self) -> bytes:
        """The next page, from the store.

        Raises:
            OutOfRange: HISTORY_TRUNCATED.
            Unavailable: the store does not answer.
        """
        stretch = await self.feed.feed.load(self.position, PAGE_ENTRIES)
        _check_kept(self.feed, self.position, stretch.oldest)
        if not stretch.entries:
            raise _truncated(self.feed, "what comes next is not kept any more", stretch.oldest)
        chunk = self.feed.join(stretch.entries, self.position, self._types)
        self.position = chunk.after
        return chunk.data


def _start_position(feed: SharedFeed, start: pb.RoomStart, oldest: Position) -> Position:
    head = feed.feed.head
    match start.WhichOneof("start"):
        case "cursor":
            position = feed.cursors.decode(start.cursor)
        case "after_index":
            position = Position(start.after_index + 1, head.change)
        case _:
            return head
    if position.index > head.index or position.change > head.change:
        raise _truncated(feed, "the start lies behind the room's newest event", oldest)
    _check_kept(feed, position, oldest)
    return position


def _check_kept(feed: SharedFeed, position: Position, oldest: Position) -> None:
    if position.index < oldest.index or position.change < oldest.change:
        raise _truncated(feed, "the start lies before what is kept", oldest)


def _truncated(feed: SharedFeed, message: str, oldest: Position) -> OutOfRange:
    advice = f"{message}; read the timeline again and subscribe without a start"
    return history_truncated(feed.room_id, advice, oldest.index)


def _room_ending(feed: SharedFeed) -> bytes:
    ending = pb.StreamItem(ending=pb.StreamItem.StreamEnding(reason=ROOM_DELETED))
    return feed.frame(ending.SerializeToString())


def _ending(reason: str, jitter_seconds: float) -> bytes:
    jitter = Duration(seconds=int(jitter_seconds), nanos=int(jitter_seconds % 1 * 1e9))
    ending = pb.StreamItem.StreamEnding(reason=reason, reconnect_jitter=jitter)
    return item_frame(pb.StreamItem(ending=ending))
