"""Subscriptions to the fleeting events of a room."""

from __future__ import annotations

import asyncio
import inspect
import logging

import grpc

from roomd import v1 as pb
from roomd._client import REFUSALS, Client, error_from, opening
from roomd._convert import mapping, moment
from roomd._reconnect import Waits
from roomd.models.enums import EphemeralEventType
from roomd.realtime.base import EphemeralCallback, EphemeralEvent

log = logging.getLogger(__name__)

OPEN_SECONDS = 15.0


class EphemeralSubscription:
    """Calls a function for every fleeting event of a room; reconnects for ever."""

    def __init__(self, client: Client, room_id: str, callback: EphemeralCallback) -> None:
        self._client = client
        self._room_id = room_id
        self._callback = callback
        self._opened: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._served_since: float | None = None
        """When the server took the subscription; by the loop's clock."""

    async def open(self) -> None:
        """Subscribe; from here on nothing is missed but what a slow callback loses.

        Raises:
            RoomKitError: the server refused it.
        """
        self._opened = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay())
        await opening(self._opened, f"subscription to room {self._room_id}", OPEN_SECONDS)

    async def close(self) -> None:
        """Unsubscribe."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _stay(self) -> None:
        assert self._opened is not None
        waits = Waits(self._client.reconnect)
        loop = asyncio.get_running_loop()
        while True:
            self._served_since = None
            try:
                await self._read()
            except grpc.aio.AioRpcError as error:
                if not self._opened.done() and error.code() != grpc.StatusCode.UNAVAILABLE:
                    self._opened.set_exception(error_from(error))
                    return
                if error.code() in REFUSALS or error.code() == grpc.StatusCode.NOT_FOUND:
                    log.warning("room %s is not watched: %s", self._room_id, error.details())
                    return
            since = self._served_since
            await asyncio.sleep(waits.lost(loop.time() - since if since is not None else 0.0))

    async def _read(self) -> None:
        assert self._opened is not None
        call = self._client.channel.unary_stream(
            "/roomd.v1.RoomService/SubscribeRoom",
            request_serializer=pb.SubscribeRoomRequest.SerializeToString,
            response_deserializer=pb.SubscribeRoomResponse.FromString,
        )(
            pb.SubscribeRoomRequest(room=pb.RoomStart(room_id=self._room_id), ephemeral=True),
            metadata=self._client.metadata(),
        )
        async for response in call:
            if self._served_since is None:
                self._served_since = asyncio.get_running_loop().time()
            if not self._opened.done():
                self._opened.set_result(None)
            for item in response.items:
                if item.HasField("ephemeral"):
                    await self._tell(item.ephemeral)

    async def _tell(self, event: pb.EphemeralEvent) -> None:
        try:
            outcome = self._callback(ephemeral_from_pb(event))
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:  # boundary: the application's callback
            log.exception("a callback for room %s failed", self._room_id)


def ephemeral_from_pb(event: pb.EphemeralEvent) -> EphemeralEvent:
    """A fleeting event from protobuf; parts of answers carry their fields in ``data``."""
    name = pb.EphemeralType.Name(event.type).removeprefix("EPHEMERAL_TYPE_").lower()
    data = mapping(event.data)
    if event.HasField("stream"):
        stream = event.stream
        data |= {
            "stream_id": stream.stream_id,
            "sequence": stream.sequence,
            "text": stream.text,
            "event_id": stream.event_id,
            "reason": stream.reason,
        }
    return EphemeralEvent(
        room_id=event.room_id,
        type=EphemeralEventType(name),
        user_id=event.user_id or event.channel_id,
        channel_id=event.channel_id or None,
        data=data,
        sequence=event.sequence,
        created_at=moment(event.create_time),
    )
