"""A client of the server under a fault: calls by name, and the time that they took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from site_of_test import Running
from traffic import dial
from workers import Behaviour, Worker

from roomd import v1 as pb
from roomd_server.api.methods import Method, Shape, methods

RPCS: Mapping[str, Method] = {one.name: one for one in methods() if one.shape is Shape.UNARY}
CALL_SECONDS = 20.0
PAGE = 1000
IN = "in"
"""The channel that people of the tests send by."""


class World:
    """One connection, and what is usually asked."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.metadata = (("authorization", f"Bearer {running.key}"),)
        self.connection = dial(running.address)
        self._calls: dict[str, Any] = {}

    async def call(self, rpc: str, timeout: float = CALL_SECONDS, **fields: Any) -> Any:
        """Call a unary method by its name."""
        method = RPCS[rpc]
        call = self._calls.get(rpc)
        if call is None:
            call = self._calls[rpc] = self.connection.unary_unary(
                method.path,
                request_serializer=method.request_type.SerializeToString,
                response_deserializer=method.response_type.FromString,
            )
        return await call(method.request_type(**fields), metadata=self.metadata, timeout=timeout)

    async def timed(self, rpc: str, **fields: Any) -> tuple[float, Any]:
        """The same, and the seconds that it took."""
        began = time.monotonic()
        answer = await self.call(rpc, **fields)
        return time.monotonic() - began, answer

    async def settle_in(self, *room_ids: str) -> None:
        """Make rooms that people can send to."""
        channel = pb.Channel(channel_id=IN, type=pb.CHANNEL_TYPE_WEBSOCKET)
        await self.call("RegisterChannel", channel=channel)
        for room_id in room_ids:
            await self.call("CreateRoom", room_id=room_id)
            await self.call("AttachChannel", room_id=room_id, channel_id=IN)

    async def add_worker_channel(
        self, channel_id: str, handler: str, *room_ids: str, **binding: Any
    ) -> None:
        """Attach a push channel that a worker serves."""
        worker = pb.ChannelImplementation(worker=pb.ChannelImplementation.Worker(handler=handler))
        channel = pb.Channel(
            channel_id=channel_id, type=pb.CHANNEL_TYPE_PUSH, implementation=worker
        )
        await self.call("RegisterChannel", channel=channel)
        for room_id in room_ids:
            bound = pb.Binding(**binding)
            bound.metadata.update({"recipient_id": "somebody"})
            await self.call("AttachChannel", room_id=room_id, channel_id=channel_id, binding=bound)

    async def say(self, room_id: str, text: str, key: str = "", **fields: Any) -> Any:
        """Send a message."""
        content = pb.Content(text=pb.TextContent(body=text))
        return await self.call(
            "SendEvent",
            room_id=room_id,
            channel_id=IN,
            participant_id="sender",
            content=content,
            idempotency_key=key,
            **fields,
        )

    async def timed_say(self, room_id: str, text: str, **fields: Any) -> tuple[float, Any]:
        """Send a message; the seconds that it took, and the answer."""
        began = time.monotonic()
        answer = await self.say(room_id, text, **fields)
        return time.monotonic() - began, answer

    async def events(self, room_id: str) -> list[pb.RoomEvent]:
        """The whole timeline."""
        found: list[pb.RoomEvent] = []
        token = ""
        while True:
            page = await self.call("ListEvents", room_id=room_id, page_size=PAGE, page_token=token)
            found += page.events
            token = page.next_page_token
            if not token:
                return found

    async def deliveries(self, room_id: str, *states: int) -> list[pb.Delivery]:
        """Deliveries of a room, by state."""
        found: list[pb.Delivery] = []
        token = ""
        while True:
            page = await self.call(
                "ListDeliveries",
                room_id=room_id,
                states=states,
                page_size=PAGE,
                page_token=token,
            )
            found += page.deliveries
            token = page.next_page_token
            if not token:
                return found

    async def gauges(self) -> dict[str, float]:
        """What the server says of itself."""
        return dict((await self.call("GetServerInfo")).gauges)

    def worker(self, behave: Behaviour, *handlers: pb.Handler) -> Worker:
        """A worker that is not started yet."""
        return Worker(self.running.address, self.running.key, list(handlers), behave)

    def subscribe(self, room_id: str, **start: Any) -> Any:
        """A subscription of a room; read it or not."""
        method = next(one for one in methods() if one.name == "SubscribeRoom")
        call = self.connection.unary_stream(
            method.path,
            request_serializer=method.request_type.SerializeToString,
            response_deserializer=method.response_type.FromString,
        )
        room = pb.RoomStart(room_id=room_id, **start)
        return call(pb.SubscribeRoomRequest(room=room), metadata=self.metadata)


@asynccontextmanager
async def world_of(running: Running) -> AsyncIterator[World]:
    """A client; it hangs up at the end."""
    world = World(running)
    try:
        yield world
    finally:
        await world.connection.close(None)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in an error's details; empty when it has none."""
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
    return info.reason


async def until(holds: Callable[[], Awaitable[bool] | bool], seconds: float) -> bool:
    """Wait until something holds; False when it does not within the time."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if await found if isinstance(found, Awaitable) else found:
            return True
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
