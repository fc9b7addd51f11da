"""Closed-loop loads: so many calls in flight, for so long; how many came back."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import grpc

from roomd import v1 as pb

from processes import Process, channels, metadata  # isort: skip

BODY = "The quick brown fox jumps over the lazy dog, and nobody knows why it always does."


@dataclass(frozen=True)
class Rate:
    """What a load came to."""

    per_second: float
    cpu_us: float
    """CPU of the server for one call."""


Call = Callable[[], Awaitable[object]]


async def measure(server: Process, calls: list[Call], seconds: float) -> Rate:
    """Run every call in a loop of its own, after a short warm-up."""
    counting = False
    done = 0
    running = True

    async def loop(call: Call) -> None:
        nonlocal done
        while running:
            await call()
            done += counting

    tasks = [asyncio.create_task(loop(call)) for call in calls]
    await asyncio.sleep(min(1.0, seconds / 4))
    counting, cpu, began = True, server.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(seconds)
    counting, running = False, False
    took, cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
    await asyncio.gather(*tasks)
    return Rate(done / took, cpu / max(done, 1) * 1e6)


async def latencies(call: Call, count: int) -> list[float]:
    """Milliseconds of calls made one after another, sorted."""
    for _ in range(count // 10):
        await call()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the sorted values lies."""
    return values[min(len(values) - 1, int(len(values) * share))]


def echo_calls(channel: grpc.aio.Channel, in_flight: int) -> list[Call]:
    """Bare unary calls with a request as large as a SendEvent."""
    unary = channel.unary_unary("/bare.Echo/Unary", _registered_method=True)
    request = send_request("room-0").SerializeToString()
    return [lambda: unary(request)] * in_flight


def send_request(room_id: str) -> pb.SendEventRequest:
    """A text of ordinary length."""
    return pb.SendEventRequest(
        room_id=room_id,
        channel_id="bench-in",
        participant_id="bench",
        content=pb.Content(text=pb.TextContent(body=BODY)),
    )


def send_calls(channel: grpc.aio.Channel, rooms: list[str], in_flight: int) -> list[Call]:
    """SendEvent over the rooms in turn; every answer is checked."""
    send = channel.unary_unary(
        "/roomd.v1.EventService/SendEvent",
        request_serializer=pb.SendEventRequest.SerializeToString,
        response_deserializer=pb.SendEventResponse.FromString,
        _registered_method=True,
    )
    turn = itertools.cycle([send_request(room) for room in rooms])
    credential = metadata()

    async def call() -> None:
        response = await send(next(turn), metadata=credential)
        if response.outcome != pb.OUTCOME_ACCEPTED:
            raise RuntimeError(f"not accepted: {response}")

    return [call] * in_flight


class BidiSender:
    """Sends over one live connection; each call waits for its own result."""

    def __init__(self, channel: grpc.aio.Channel, rooms: list[str]) -> None:
        self._rooms = itertools.cycle(rooms)
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._due: list[pb.SendItem] = []
        self._bell = asyncio.Event()
        connect = channel.stream_stream(
            "/roomd.v1.ChannelService/Connect",
            request_serializer=pb.ChannelServiceConnectRequest.SerializeToString,
            response_deserializer=pb.ChannelServiceConnectResponse.FromString,
        )
        self._call = connect(self._requests(), metadata=metadata())
        self._reader = asyncio.create_task(self._read())

    async def _requests(self) -> AsyncIterator[pb.ChannelServiceConnectRequest]:
        yield pb.ChannelServiceConnectRequest(
            open=pb.Open(channel_id="bench-in", room_ids=["nowhere"])
        )
        while True:
            await self._bell.wait()
            await asyncio.sleep(0)  # whoever is ready now goes along
            self._bell.clear()
            items, self._due = self._due, []
            yield pb.ChannelServiceConnectRequest(send=pb.SendBatch(items=items))

    async def _read(self) -> None:
        async for response in self._call:
            for result in response.batch.results:
                future = self._waiting.pop(result.send_id)
                if result.outcome == pb.OUTCOME_ACCEPTED:
                    future.set_result(None)
                else:
                    future.set_exception(RuntimeError(f"not accepted: {result}"))

    async def call(self) -> None:
        """Send one message and wait until it is committed."""
        send_id = next(self._ids)
        future = self._waiting[send_id] = asyncio.get_running_loop().create_future()
        self._due.append(
            pb.SendItem(
                send_id=send_id,
                room_id=next(self._rooms),
                sender_id="bench",
                content=pb.Content(text=pb.TextContent(body=BODY)),
            )
        )
        self._bell.set()
        await future

    async def close(self) -> None:
        """Hang up."""
        self._call.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


async def prepare(address: str, rooms: list[str]) -> None:
    """Register the sending channel and make the rooms."""
    (channel,) = channels(address, 1)
    credential = metadata()

    async def rpc(service: str, method: str, request: object, response: type) -> None:
        call = channel.unary_unary(
            f"/roomd.v1.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        await call(request, metadata=credential, timeout=60)

    await rpc(
        "ChannelService",
        "RegisterChannel",
        pb.RegisterChannelRequest(
            channel=pb.Channel(channel_id="bench-in", type=pb.CHANNEL_TYPE_WEBSOCKET),
            replace=True,
        ),
        pb.RegisterChannelResponse,
    )
    for first in range(0, len(rooms), 64):
        some = rooms[first : first + 64]
        await asyncio.gather(
            *(
                rpc(
                    "RoomService",
                    "CreateRoom",
                    pb.CreateRoomRequest(room_id=room),
                    pb.CreateRoomResponse,
                )
                for room in some
            )
        )
        await asyncio.gather(
            *(
                rpc(
                    "ChannelService",
                    "AttachChannel",
                    pb.AttachChannelRequest(room_id=room, channel_id="bench-in"),
                    pb.AttachChannelResponse,
                )
                for room in some
            )
        )
    await channel.close()


class Watchers:
    """Two subscribers that each watch all rooms, as a real application would."""

    def __init__(self, address: str, rooms: list[str], count: int = 2) -> None:
        request = pb.SubscribeRoomsRequest(
            rooms=[pb.RoomStart(room_id=room) for room in rooms]
        ).SerializeToString()
        self._channels = channels(address, count)
        self._tasks = [
            asyncio.create_task(self._read(channel, request)) for channel in self._channels
        ]
        self.messages = 0

    async def _read(self, channel: grpc.aio.Channel, request: bytes) -> None:
        call = channel.unary_stream("/roomd.v1.RoomService/SubscribeRooms")(
            request, metadata=metadata()
        )
        async for _ in call:
            self.messages += 1

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels:
            await channel.close()
