"""A stream that the server ends while the client writes: the client sees why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from api_fakes import routes_with, serving, until

from roomd import RoomKit, WebSocketChannel
from roomd import v1 as pb
from roomd._ending import Ending
from roomd._live import LiveConnection
from roomd_server.core.errors import FailedPrecondition, Unavailable

CONNECT = "/roomd.v1.ChannelService/Connect"
WRITES = 300


async def says_no(_caller: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Answers a second message with an error, an empty one with a plain end."""
    await anext(requests)
    yield pb.ChannelServiceConnectResponse(opened=pb.Opened())
    if (await anext(requests)).WhichOneof("message"):
        raise FailedPrecondition(pb.ERROR_REASON_PROTOCOL_VIOLATION, "enough")


async def dials_until_refused() -> int:
    """How often a connection dials that is refused while it writes."""
    calls = 0

    async def counted(caller: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise FailedPrecondition(pb.ERROR_REASON_PROTOCOL_VIOLATION, "enough")
        async for response in says_no(caller, requests):
            yield response

    async with (
        serving(routes_with({CONNECT: counted})) as server,
        RoomKit(f"127.0.0.1:{server.server.ports[0]}") as kit,
    ):
        kit.register_channel(WebSocketChannel("ws"))
        await kit.connect_websocket("ws", "c", lambda _connection, _event: None)
        live = kit._channels._live["ws", "c"]
        for number in range(WRITES):
            await live.subscribe(f"room-{number}")
        await until(lambda: live._task is not None and live._task.done())
    return calls


async def test_a_live_connection_that_was_refused_while_it_wrote_is_not_dialled_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nearly never: on a busy machine gRPC may lose the reason for good, and who does not know
    it asks again.
    """
    caplog.set_level(logging.WARNING, logger="roomd")
    dials = [await dials_until_refused() for _ in range(3)]
    assert dials.count(1) >= 2
    assert [record.getMessage() for record in caplog.records] == ["connection c ends: enough"] * 3


async def test_a_live_connection_with_more_to_say_than_fits_is_dialled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls, lost = 0, asyncio.Event()

    async def serve(_caller: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        nonlocal calls
        calls += 1
        await anext(requests)
        yield pb.ChannelServiceConnectResponse(opened=pb.Opened())
        if calls == 1:
            await lost.wait()
            raise Unavailable(pb.ERROR_REASON_NODE_DRAINING, "gone")
        await asyncio.Event().wait()

    async def unread(live: LiveConnection, _outgoing: Any) -> AsyncIterator[Any]:
        yield live._beginning()[0]
        await asyncio.Event().wait()

    monkeypatch.setattr(LiveConnection, "_requests", unread)
    async with (
        serving(routes_with({CONNECT: serve})) as server,
        RoomKit(f"127.0.0.1:{server.server.ports[0]}") as kit,
    ):
        kit.register_channel(WebSocketChannel("ws"))
        await kit.connect_websocket("ws", "c", lambda _connection, _event: None)
        live = kit._channels._live["ws", "c"]
        while not live._outgoing.full():
            await live.subscribe("room")
        one_more = asyncio.create_task(live.subscribe("another"))
        await asyncio.sleep(0)
        assert not one_more.done()
        lost.set()
        await asyncio.wait_for(one_more, 5)
        await until(lambda: calls == 2)


async def write_too_late(call: Any, second: pb.ChannelServiceConnectRequest) -> None:
    await call.write(pb.ChannelServiceConnectRequest(open=pb.Open(channel_id="ws")))
    await call.read()
    await call.write(second)
    for _ in range(WRITES):
        await call.write(pb.ChannelServiceConnectRequest(ping=1))
    await call.code()


async def test_a_writer_is_told_the_status_of_the_server() -> None:
    async with serving(routes_with({CONNECT: says_no})) as server:
        call = server.bidi(CONNECT)
        ending = Ending(call)
        with pytest.raises(grpc.aio.AioRpcError, match="Internal error from Core") as raised:
            await write_too_late(call, pb.ChannelServiceConnectRequest(ping=1))
        with pytest.raises(grpc.aio.AioRpcError, match="enough") as explained:
            await ending.explain(raised.value)
        assert explained.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_an_end_without_an_error_stays_one() -> None:
    async with serving(routes_with({CONNECT: says_no})) as server:
        call = server.bidi(CONNECT)
        ending = Ending(call)
        with pytest.raises(grpc.aio.AioRpcError, match="Internal error from Core") as raised:
            await write_too_late(call, pb.ChannelServiceConnectRequest())
        await ending.explain(raised.value)


async def test_what_no_server_said_stays_what_it_is() -> None:
    async with serving(routes_with({CONNECT: says_no})) as server:
        call = server.bidi(CONNECT)
        mine = grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, details="Internal error from Core")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Ending(call).explain(mine)
        assert caught.value is mine
        call.cancel()
