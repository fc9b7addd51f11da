"""A person of the demo: a live connection that comes back after a crash."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc

from roomd import v1 as pb
from roomd.v1.channel_service_pb2_grpc import ChannelServiceStub

RECONNECT_SECONDS = 0.1
OPEN_SECONDS = 10.0
OUTGOING_FRAMES = 1000


Outgoing = asyncio.Queue[pb.ChannelServiceConnectRequest | None]


def _queue() -> Outgoing:
    return asyncio.Queue(maxsize=OUTGOING_FRAMES)


@dataclass
class Seen:
    """What a person saw."""

    events: list[pb.RoomEvent] = field(default_factory=list)
    typing: list[str] = field(default_factory=list)
    streams: dict[str, list[str]] = field(default_factory=dict)
    """Stream id → deltas."""


class Person:
    """Somebody on a WebSocket-type channel."""

    def __init__(self, address: str, key: str, room_id: str, name: str) -> None:
        self.name = name
        self.seen = Seen()
        self._room_id = room_id
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._channel = grpc.aio.insecure_channel(address)
        self._numbers = itertools.count(1)
        self._outgoing = _queue()
        self._waiting: dict[int, asyncio.Future[pb.SendResult]] = {}
        self._open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect, and stay connected."""
        self._task = asyncio.create_task(self._stay_connected())
        await asyncio.wait_for(self._open.wait(), OPEN_SECONDS)

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._channel.close(None)

    async def type(self) -> None:
        """Show that they type."""
        signal = pb.Signal(room_id=self._room_id, type=pb.EPHEMERAL_TYPE_TYPING_START)
        await self._outgoing.put(pb.ChannelServiceConnectRequest(signal=signal))

    async def send(self, content: pb.Content, key: str = "") -> pb.SendResult:
        """Send once.

        Raises:
            ConnectionError: the connection was lost before the answer came.
        """
        send_id = next(self._numbers)
        item = pb.SendItem(
            send_id=send_id, room_id=self._room_id, content=content, idempotency_key=key
        )
        if key:
            item.metadata.update({"burst": True})
            item.addressed_to.SetInParent()  # nobody is asked: people talk among themselves
        future = asyncio.get_running_loop().create_future()
        self._waiting[send_id] = future
        await self._outgoing.put(pb.ChannelServiceConnectRequest(send=pb.SendBatch(items=[item])))
        result: pb.SendResult = await future
        return result

    async def send_until_answered(self, content: pb.Content, key: str) -> pb.SendResult:
        """Send with a key, again and again until it is answered: it counts once."""
        while True:
            try:
                result = await self.send(content, key)
            except ConnectionError:
                await self._open.wait()
                continue
            if not result.status.code:
                return result
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._serve()
            except grpc.aio.AioRpcError:
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self._open.clear()
                self._fail_waiting()

    async def _serve(self) -> None:
        # A queue per call: the requests of a lost call may still wait at the old one.
        self._outgoing = _queue()
        call = ChannelServiceStub(self._channel).Connect(
            self._requests(self._outgoing), metadata=self._metadata, wait_for_ready=True
        )
        try:
            async for response in call:
                kind = response.WhichOneof("message")
                if kind == "opened":
                    self._open.set()
                elif kind == "batch":
                    self._take(response.batch)
        finally:
            call.cancel()
            self._outgoing.put_nowait(None)

    async def _requests(self, outgoing: Outgoing) -> AsyncIterator[pb.ChannelServiceConnectRequest]:
        yield pb.ChannelServiceConnectRequest(
            open=pb.Open(
                channel_id=f"ws-{self.name}",
                participant_id=self.name,
                acknowledges=True,
                ephemeral=True,
            )
        )
        while (request := await outgoing.get()) is not None:
            yield request

    def _take(self, batch: pb.Batch) -> None:
        for result in batch.results:
            future = self._waiting.pop(result.send_id, None)
            if future is not None and not future.done():
                future.set_result(result)
        for delivery in batch.deliveries:
            self.seen.events.append(delivery.event)
        if batch.deliveries:
            handled = [delivery.delivery_id for delivery in batch.deliveries]
            acknowledge = pb.Acknowledge(delivery_ids=handled)
            self._outgoing.put_nowait(pb.ChannelServiceConnectRequest(acknowledge=acknowledge))
        for event in batch.ephemerals:
            if event.type == pb.EPHEMERAL_TYPE_TYPING_START:
                self.seen.typing.append(event.user_id)
            elif event.type == pb.EPHEMERAL_TYPE_STREAM_DELTA:
                self.seen.streams.setdefault(event.stream.stream_id, []).append(event.stream.text)

    def _fail_waiting(self) -> None:
        """Whatever was on its way may or may not have arrived: that is what keys are for."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection was lost"))
        self._waiting.clear()
