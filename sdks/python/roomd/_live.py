"""A live connection of a WebSocket channel: deliveries in, acknowledged once handled."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from roomd import v1 as pb
from roomd._client import REFUSALS, Client, error_from, is_too_large, opening
from roomd._convert import event_from_pb
from roomd._ending import Ending
from roomd._reconnect import Waits
from roomd._sizes import room_for_parts
from roomd.exceptions import ValidationFailedError
from roomd.models.event import RoomEvent

log = logging.getLogger(__name__)

OPEN_SECONDS = 15.0
OUTGOING_FRAMES = 1024
REMEMBERED = 1024
"""Deliveries that were handled: one whose acknowledgement came late is offered again."""
MAX_ROOM_IDS = 1000
"""So many rooms are named in one message."""
MAX_ID_CHARACTERS = 256
NO_ID_HAS = re.compile(r"[\0\ud800-\udfff]")
"""NUL, and what is no Unicode text."""
ROOM_FRAME_BYTES = 8
"""A room's id in a message: its tag and its length."""
ACKNOWLEDGE_SECONDS = 1.0
"""How long an acknowledgement may wait for the rest of its batch; the server waits 5 s."""

SendFn = Callable[[str, RoomEvent], Awaitable[None] | None]
"""Called with (connection id, event) for every event of the connection's rooms."""
StreamSendFn = Callable[[str, dict[str, Any]], Awaitable[None] | None]
"""Called with (connection id, message) for parts of an answer while it is written. The
message has ``type`` (stream_start, stream_chunk, stream_end, stream_retract), ``stream_id``,
``sequence``, ``room_id``, ``channel_id`` and ``delta``."""


Outgoing = asyncio.Queue[pb.ChannelServiceConnectRequest | None]


def _queue() -> Outgoing:
    return asyncio.Queue(maxsize=OUTGOING_FRAMES + 1)


class LiveConnection:
    """One connection; reconnects for ever.

    Args:
        client: The service.
        channel_id: The channel.
        connection_id: Its id.
        send: Gets events.
        stream_send: Gets parts of answers; None: only finished ones are shown.
        rooms: Rooms to see; empty: all that the channel is attached to.
    """

    def __init__(
        self,
        client: Client,
        channel_id: str,
        connection_id: str,
        send: SendFn,
        *,
        stream_send: StreamSendFn | None = None,
        rooms: tuple[str, ...] = (),
    ) -> None:
        self._client = client
        self._channel_id = channel_id
        self._connection_id = connection_id
        self._send = send
        self._stream_send = stream_send
        self._everywhere = not rooms
        self._rooms = set(rooms)
        """What it sees; of a connection that sees all rooms, those that it does not see."""
        self._outgoing = _queue()
        self._handled: dict[str, None] = {}  # a set in order, at most REMEMBERED
        self._opened: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._served_since: float | None = None
        """When the server opened the connection; by the loop's clock."""
        self._max_bytes = room_for_parts()
        """Of the room ids in one message."""

    async def open(self) -> None:
        """Connect.

        Raises:
            RoomKitError: the server refused it.
        """
        self._opened = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay_connected())
        await opening(self._opened, f"connection {self._connection_id}", OPEN_SECONDS)

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def subscribe(self, room_id: str) -> None:
        """See one more room.

        Raises:
            ValidationFailedError: no room can have the id.
        """
        check_room_id(room_id)
        if self._everywhere:
            self._rooms.discard(room_id)
        else:
            self._rooms.add(room_id)
        await self._outgoing.put(_subscribe([room_id]))

    async def unsubscribe(self, room_id: str) -> None:
        """See a room no more.

        Raises:
            ValidationFailedError: no room can have the id.
        """
        check_room_id(room_id)
        if self._everywhere:
            self._rooms.add(room_id)
        else:
            self._rooms.discard(room_id)
        await self._outgoing.put(_unsubscribe([room_id]))

    async def _stay_connected(self) -> None:
        waits = Waits(self._client.reconnect)
        loop = asyncio.get_running_loop()
        while True:
            self._served_since = None
            try:
                await self._serve()
            except grpc.aio.AioRpcError as error:
                if self._opened is not None and not self._opened.done():
                    if error.code() != grpc.StatusCode.UNAVAILABLE:
                        self._opened.set_exception(error_from(error))
                        return
                elif _is_final(error):
                    log.warning("connection %s ends: %s", self._connection_id, error.details())
                    return
            since = self._served_since
            await asyncio.sleep(waits.lost(loop.time() - since if since is not None else 0.0))

    async def _serve(self) -> None:
        # A queue per call: the requests of a lost call may still wait at the old one.
        self._outgoing = _queue()
        call = self._client.channel.stream_stream(
            "/roomd.v1.ChannelService/Connect",
            request_serializer=pb.ChannelServiceConnectRequest.SerializeToString,
            response_deserializer=pb.ChannelServiceConnectResponse.FromString,
        )(self._requests(self._outgoing), metadata=self._client.metadata())
        ending = Ending(call)
        try:
            async for response in call:
                match response.WhichOneof("message"):
                    case "opened":
                        self._served_since = asyncio.get_running_loop().time()
                        self._max_bytes = room_for_parts(response.opened.max_message_bytes)
                        if self._opened is not None and not self._opened.done():
                            self._opened.set_result(None)
                    case "batch":
                        await self._take(response.batch)
        except grpc.aio.AioRpcError as error:
            await ending.explain(error)
        finally:
            call.cancel()
            _end(self._outgoing)

    async def _requests(self, outgoing: Outgoing) -> AsyncIterator[pb.ChannelServiceConnectRequest]:
        for first in self._beginning():
            yield first
        while (request := await outgoing.get()) is not None:
            yield request

    def _beginning(self) -> list[pb.ChannelServiceConnectRequest]:
        """What makes a new stream see what the one before it saw."""
        batches = _cut(sorted(self._rooms), self._max_bytes)
        if self._everywhere:
            return [self._open_request([]), *map(_unsubscribe, batches)]
        first = batches[0] if batches else []
        return [self._open_request(first), *map(_subscribe, batches[1:])]

    def _open_request(self, room_ids: list[str]) -> pb.ChannelServiceConnectRequest:
        return pb.ChannelServiceConnectRequest(
            open=pb.Open(
                channel_id=self._channel_id,
                connection_id=self._connection_id,
                room_ids=room_ids,
                acknowledges=True,
                ephemeral=self._stream_send is not None,
                no_rooms=not self._everywhere and not room_ids,
            )
        )

    async def _take(self, batch: pb.Batch) -> None:
        for ephemeral in batch.ephemerals:
            if ephemeral.HasField("stream") and self._stream_send is not None:
                await self._call(self._stream_send, _stream_message(ephemeral))
        loop = asyncio.get_running_loop()
        handled: list[str] = []
        due = loop.time() + ACKNOWLEDGE_SECONDS
        for delivery in batch.deliveries:
            if await self._handle(delivery):
                handled.append(delivery.delivery_id)
            if loop.time() >= due:
                await self._acknowledge(handled)
                handled, due = [], loop.time() + ACKNOWLEDGE_SECONDS
        await self._acknowledge(handled)

    async def _handle(self, delivery: pb.ConnectionDelivery) -> bool:
        """Hand an event over, once; whether the application has taken it."""
        if delivery.delivery_id in self._handled:
            return True
        if not await self._call(self._send, event_from_pb(delivery.event)):
            return False
        self._handled[delivery.delivery_id] = None
        if len(self._handled) > REMEMBERED:
            del self._handled[next(iter(self._handled))]
        return True

    async def _acknowledge(self, delivery_ids: list[str]) -> None:
        if delivery_ids:
            acknowledge = pb.Acknowledge(delivery_ids=delivery_ids)
            await self._outgoing.put(pb.ChannelServiceConnectRequest(acknowledge=acknowledge))

    async def _call(self, function: Callable[..., Any], message: object) -> bool:
        """Hand something over; False when the application failed on it: it comes again."""
        try:
            outcome = function(self._connection_id, message)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:  # boundary: the application's callback
            log.exception("connection %s could not be served", self._connection_id)
            return False
        return True


def check_room_id(room_id: str) -> None:
    """Refuse what would end a connection's stream, and be said again on the next one.

    Raises:
        ValidationFailedError: no room can have the id.
    """
    if len(room_id) > MAX_ID_CHARACTERS:
        problem = f"has {len(room_id)} characters, at most {MAX_ID_CHARACTERS}"
    elif NO_ID_HAS.search(room_id):
        problem = "must be Unicode text without NUL"
    else:
        return
    error = ValidationFailedError(f"room_id: {problem}", reason="VALIDATION")
    error.violations = {"room_id": problem}
    raise error


def _end(outgoing: Outgoing) -> None:
    """Let go of what was not sent, so that nobody waits for room: the next stream begins anew."""
    while not outgoing.empty():
        outgoing.get_nowait()
    outgoing.put_nowait(None)


def _subscribe(room_ids: list[str]) -> pb.ChannelServiceConnectRequest:
    return pb.ChannelServiceConnectRequest(subscribe=pb.SubscribeTo(room_ids=room_ids))


def _unsubscribe(room_ids: list[str]) -> pb.ChannelServiceConnectRequest:
    return pb.ChannelServiceConnectRequest(unsubscribe=pb.SubscribeTo(room_ids=room_ids))


def _cut(room_ids: list[str], max_bytes: int) -> list[list[str]]:
    """Room ids in lists that one message holds."""
    batches: list[list[str]] = []
    size = 0
    for room_id in room_ids:
        needed = len(room_id.encode()) + ROOM_FRAME_BYTES
        if not batches or len(batches[-1]) == MAX_ROOM_IDS or size + needed > max_bytes:
            batches.append([])
            size = 0
        batches[-1].append(room_id)
        size += needed
    return batches


def _is_final(error: grpc.aio.AioRpcError) -> bool:
    """Whether the connection would end so again: it opens with what it opened with."""
    code = error.code()
    return code in REFUSALS or code == grpc.StatusCode.NOT_FOUND or is_too_large(error)


def _stream_message(event: pb.EphemeralEvent) -> dict[str, Any]:
    stream = event.stream
    kind = pb.EphemeralType.Name(event.type).removeprefix("EPHEMERAL_TYPE_").lower()
    return {
        "type": "stream_chunk" if kind == "stream_delta" else kind,
        "stream_id": stream.stream_id,
        "sequence": stream.sequence,
        "room_id": event.room_id,
        "channel_id": event.channel_id,
        "delta": stream.text,
        "event_id": stream.event_id or None,
        "reason": stream.reason or None,
    }
