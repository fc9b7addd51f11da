"""Streams other than the worker's: their waits grow, and start anew only after steady serving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from api_fakes import routes_with, serving, until

from roomd import Reconnect, RoomKit, WebSocketChannel
from roomd import v1 as pb
from roomd_server.core.errors import Unauthenticated

HELD_SECONDS = 0.15
COUNT = 5


class Counted(Reconnect):
    """Does not wait, and remembers the number of each wait."""

    def wait_seconds(self, attempt: int) -> float:
        attempts.append(attempt)
        return 0.0


attempts: list[int] = []

Served = Callable[[Any, Any], AsyncIterator[Any]]


async def opened(_caller: Any, _requests: Any) -> AsyncIterator[Any]:
    yield pb.ChannelServiceConnectResponse(opened=pb.Opened())
    await asyncio.sleep(HELD_SECONDS)


async def subscribed(_caller: Any, _request: Any) -> AsyncIterator[Any]:
    yield pb.SubscribeRoomResponse()
    await asyncio.sleep(HELD_SECONDS)


async def tailed(_caller: Any, _request: Any) -> AsyncIterator[Any]:
    yield pb.TailFrameworkEventsResponse()
    await asyncio.sleep(HELD_SECONDS)


async def connect(kit: RoomKit) -> None:
    kit.register_channel(WebSocketChannel("ws"))
    await kit.connect_websocket("ws", "c", lambda _connection, _event: None)


async def subscribe(kit: RoomKit) -> None:
    await kit.subscribe_room("r", lambda _event: None)


async def listen(kit: RoomKit) -> None:
    kit.on("room_created")(lambda _event: None)
    await kit.connect()


STREAMS = {
    "a live connection": ("/roomd.v1.ChannelService/Connect", opened, connect),
    "a subscription": ("/roomd.v1.RoomService/SubscribeRoom", subscribed, subscribe),
    "framework events": ("/roomd.v1.AdminService/TailFrameworkEvents", tailed, listen),
}


async def waits(name: str, steady_seconds: float) -> list[int]:
    """The numbers of the waits of a stream that is served for a moment, again and again."""
    path, serve, use = STREAMS[name]
    attempts.clear()
    reconnect = Counted(steady_seconds=steady_seconds)
    async with serving(routes_with({path: serve})) as server:
        address = f"127.0.0.1:{server.server.ports[0]}"
        async with RoomKit(address, reconnect=reconnect) as kit:
            await use(kit)
            await until(lambda: len(attempts) >= COUNT)
    return attempts[:COUNT]


@pytest.mark.parametrize("name", STREAMS)
async def test_the_waits_grow_while_a_stream_never_serves_long(name: str) -> None:
    """Not by being dialled, nor by an end that is no error, nor by a first answer."""
    assert await waits(name, steady_seconds=30.0) == list(range(COUNT))


@pytest.mark.parametrize("name", STREAMS)
async def test_the_waits_start_anew_after_steady_serving(name: str) -> None:
    assert await waits(name, steady_seconds=HELD_SECONDS / 15) == [0] * COUNT


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_whose_key_was_taken_back_is_not_dialled_again(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, serve, use = STREAMS[name]
    calls = 0

    async def taken_back(caller: Any, request: Any) -> AsyncIterator[Any]:
        nonlocal calls
        calls += 1
        async for response in serve(caller, request):
            yield response
        raise Unauthenticated(pb.ERROR_REASON_CREDENTIAL_INVALID, "this key is not valid here")

    attempts.clear()
    async with serving(routes_with({path: taken_back})) as server:
        address = f"127.0.0.1:{server.server.ports[0]}"
        async with RoomKit(address, reconnect=Counted()) as kit:
            await use(kit)
            await until(lambda: "this key is not valid here" in caplog.text)
            await asyncio.sleep(HELD_SECONDS)
    assert (calls, attempts) == (1, [])
