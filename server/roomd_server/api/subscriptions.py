"""SubscribeRoom and SubscribeRooms: one log or many, as a stream without holes.

A stream is a position per room. It reads what is ready, writes it, and sleeps until a feed
says that there is more; a slow reader holds one page. The doors to the engine are
``Feed`` and ``FeedSource`` in ``feeds.py``; one stream is in ``stream.py``; here is who
watches what, and what time brings: heartbeats, and the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roomd import v1 as pb
from roomd_server.api.feeds import FeedSource, Pacer, SharedFeed
from roomd_server.api.heartbeats import SLOT_SECONDS, Heartbeats
from roomd_server.api.routes import PushHandler, StreamWriter
from roomd_server.api.stream import RoomStream, StreamChoice
from roomd_server.core.errors import NotFound, Unavailable, invalid
from roomd_server.core.ports import Caller

_LOOK_EVERY_SWEEPS = 2
"""A doorbell may be lost: once a second every feed is looked at all the same."""


@dataclass(frozen=True, slots=True)
class SubscriptionOptions:
    """Limits of subscriptions."""

    heartbeat_seconds: float = 15.0
    """When the request does not say."""
    reconnect_jitter_seconds: float = 2.0
    """Told to readers when the node drains: they spread their return over it."""


class Subscriptions:
    """Serves the subscriptions of one server."""

    def __init__(self, source: FeedSource, options: SubscriptionOptions | None = None) -> None:
        self._source = source
        self._options = options or SubscriptionOptions()
        self._feeds: dict[tuple[str, str], SharedFeed] = {}
        self._pacer = Pacer()
        self._streams: set[RoomStream] = set()
        self._heartbeats = Heartbeats()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._sweeps = 0
        self._draining = False
        self._emptied: asyncio.Future[None] | None = None

    @property
    def count(self) -> int:
        """Open streams."""
        return len(self._streams)

    def routes(self) -> Mapping[str, PushHandler]:
        """The handlers, by method path."""
        return {
            "/roomd.v1.RoomService/SubscribeRoom": self.subscribe_room,
            "/roomd.v1.RoomService/SubscribeRooms": self.subscribe_rooms,
        }

    async def subscribe_room(
        self, caller: Caller, request: pb.SubscribeRoomRequest, writer: StreamWriter
    ) -> None:
        """Serve ``RoomService.SubscribeRoom``.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
            OutOfRange: HISTORY_TRUNCATED.
            Unavailable: NODE_DRAINING, STORE_DOWN.
        """
        stream = self._stream(request, writer)
        writer.resume = stream.single_cursor
        await self._run(stream, caller.org, [request.room])

    async def subscribe_rooms(
        self, caller: Caller, request: pb.SubscribeRoomsRequest, writer: StreamWriter
    ) -> None:
        """Serve ``RoomService.SubscribeRooms``; raises as ``subscribe_room``."""
        seen: set[str] = set()
        for i, start in enumerate(request.rooms):
            if start.room_id in seen:
                raise invalid(f"rooms[{i}].room_id", "is listed twice")
            seen.add(start.room_id)
        await self._run(self._stream(request, writer), caller.org, request.rooms)

    async def drain(self, grace_seconds: float) -> None:
        """End every stream with StreamEnding NODE_DRAINING; waits at most ``grace_seconds``
        until their readers have taken it.
        """
        self._draining = True
        for stream in self._streams:
            stream.end()
        if not self._streams:
            return
        self._emptied = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._emptied], timeout=grace_seconds)

    def _stream(
        self,
        request: pb.SubscribeRoomRequest | pb.SubscribeRoomsRequest,
        writer: StreamWriter,
    ) -> RoomStream:
        heartbeat_seconds = self._options.heartbeat_seconds
        if request.HasField("heartbeat"):
            heartbeat_seconds = request.heartbeat.seconds + request.heartbeat.nanos / 1e9
        choice = StreamChoice(
            types=frozenset(request.event_types) or None,
            ephemeral=request.ephemeral,
            heartbeat_seconds=heartbeat_seconds,
            reconnect_jitter_seconds=self._options.reconnect_jitter_seconds,
        )
        return RoomStream(writer, choice, self._reopen)

    async def _run(self, stream: RoomStream, org: str, starts: Sequence[pb.RoomStart]) -> None:
        if self._draining:
            raise Unavailable(pb.ERROR_REASON_NODE_DRAINING, "this server is going away")
        self._streams.add(stream)
        self._heartbeats.add(stream, asyncio.get_running_loop().time())
        if self._sweep_timer is None:
            self._arm()
        entered: list[SharedFeed] = []
        try:
            for start in starts:
                shared = await self._enter(stream, org, start.room_id)
                entered.append(shared)
                await stream.open(shared, start)
            await stream.serve()
        finally:
            self._streams.discard(stream)
            self._heartbeats.discard(stream)
            for shared in entered:
                self._leave(stream, shared)
            if not self._streams and self._emptied is not None and not self._emptied.done():
                self._emptied.set_result(None)

    # -------------------------------------------------------------- feeds

    async def _enter(self, stream: RoomStream, org: str, room_id: str) -> SharedFeed:
        key = (org, room_id)
        shared = self._feeds.get(key)
        if shared is None or shared.gone or shared.feed.stale:
            feed = await self._source.open(org, room_id)
            # Another stream may have opened it meanwhile.
            shared = self._feeds.get(key)
            if shared is None or shared.gone:
                shared = self._feeds[key] = SharedFeed(org, room_id, feed, self._pacer)
            elif shared.feed.stale:
                shared.replace(feed)
        shared.watchers.add(stream)
        return shared

    def _leave(self, stream: RoomStream, shared: SharedFeed) -> None:
        shared.watchers.discard(stream)
        if not shared.watchers:
            shared.close()
            key = (shared.org, shared.room_id)
            if self._feeds.get(key) is shared:
                del self._feeds[key]

    async def _reopen(self, shared: SharedFeed) -> None:
        """Find the room's new owner for all who watch it."""
        try:
            feed = await self._source.open(shared.org, shared.room_id)
        except NotFound:
            shared.lose()
            return
        if shared.feed.stale:
            shared.replace(feed)

    # -------------------------------------------------------------- time

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep_timer = loop.call_later(SLOT_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """One timer for all streams, however many there are."""
        self._sweep_timer = None
        if not self._streams:
            return
        self._sweeps += 1
        self._heartbeats.beat(asyncio.get_running_loop().time())
        if self._sweeps % _LOOK_EVERY_SWEEPS == 0:
            for shared in self._feeds.values():
                shared.look()
        self._arm()
