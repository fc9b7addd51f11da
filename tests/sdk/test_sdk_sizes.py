"""What no message holds is the caller's error, at once; everything else goes on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from api_fakes import routes_with, serving
from mission_rooms import furnish, say, until, websocket
from server_process import KEY, ServerProcess

from roomd import (
    AIChannel,
    MessageTooLargeError,
    MockAIProvider,
    Reconnect,
    RoomKit,
    TextContent,
    ValidationFailedError,
)
from roomd import v1 as pb
from roomd._live import MAX_ID_CHARACTERS, ROOM_FRAME_BYTES, LiveConnection
from roomd._sizes import ENVELOPE_BYTES, MAX_MESSAGE_BYTES
from roomd_server.api.interceptors.decode import HARD_MAX_MESSAGE_BYTES, too_large
from roomd_server.core.errors import Unavailable

CONNECT = "/roomd.v1.ChannelService/Connect"
TOO_LARGE = {
    "the service refuses it": "y" * (MAX_MESSAGE_BYTES + 1),
    "gRPC refuses it": "z" * (HARD_MAX_MESSAGE_BYTES + 1),
}
LONGEST_ID = "é" * MAX_ID_CHARACTERS
NO_ROOMS_ID = (LONGEST_ID + "x", *TOO_LARGE.values(), "a\0b", "half a \ud83d")
SOME_ROOMS = 2500
"""More than two messages name."""


async def process(kit: RoomKit, body: str) -> None:
    await say(kit, "ws", body)


async def send(kit: RoomKit, body: str) -> None:
    await kit.send_event("room", "ws", TextContent(body=body))


async def deliver(kit: RoomKit, body: str) -> None:
    await kit.deliver("room", body, "ws")


Say = Callable[[RoomKit, str], Awaitable[None]]


def live_of(kit: RoomKit) -> LiveConnection:
    return kit._channels._live["viewer", "conn"]


@pytest.mark.parametrize("call", [process, send, deliver])
@pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_a_message_that_is_too_large_is_sent_once(
    kit: RoomKit, call: Say, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    viewer = websocket("viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event.content.body))
    await furnish(kit, "room", websocket("ws"), viewer)
    client = kit._session.client
    metadata, begun = client.metadata, 0

    def counted() -> tuple[tuple[str, str], ...]:
        nonlocal begun
        begun += 1
        return metadata()

    await send(kit, "before")
    monkeypatch.setattr(client, "metadata", counted)
    with pytest.raises(MessageTooLargeError) as caught:
        await call(kit, body)
    assert (caught.value.reason, begun) == ("MESSAGE_TOO_LARGE", 1)
    await send(kit, "after")
    await until(lambda: seen == ["before", "after"])


async def test_a_part_of_an_answer_that_no_message_holds_is_its_handlers_failure(
    kit: RoomKit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="roomd")
    answers = [f"All {TOO_LARGE['the service refuses it']}", "All is well"]
    bot = AIChannel("ai", provider=MockAIProvider(responses=answers, streaming=True))
    await furnish(kit, "room", websocket("ws"), bot)
    worker = kit._session._worker
    assert worker is not None
    stream = worker._stream
    await say(kit, "ws", "how is it?")
    await say(kit, "ws", "and now?")
    said = [event.content.body for event in await kit.get_timeline("room")]
    assert said[-1] == "All is well"
    assert worker._stream is stream
    assert [record.getMessage() for record in caplog.records] == ["handler channel-ai failed"]


def register(kit: RoomKit, name: str, size: int) -> None:
    schema = {"type": "object", "description": "x" * size}

    @kit.tool(name, description="Does it", parameters=schema)
    def serve(_arguments: dict[str, Any]) -> str:
        return "done"


async def test_a_tool_that_no_message_holds_leaves_the_others_alone(kit: RoomKit) -> None:
    register(kit, "small", 1)
    with pytest.raises(MessageTooLargeError) as caught:
        register(kit, "large", MAX_MESSAGE_BYTES)
    assert caught.value.reason == "MESSAGE_TOO_LARGE"
    assert (await kit.call_tool("small", {})).text == "done"


async def test_tools_that_no_message_holds_together_are_refused_once(
    kit: RoomKit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="roomd")
    register(kit, "one", MAX_MESSAGE_BYTES * 2 // 3)
    register(kit, "two", MAX_MESSAGE_BYTES * 2 // 3)
    with pytest.raises(MessageTooLargeError):
        await kit.connect()
    (record,) = caplog.records
    assert "not dialled again" in record.getMessage()


@pytest.mark.parametrize("change", ["subscribe_websocket", "unsubscribe_websocket"])
async def test_an_id_that_no_room_has_leaves_the_connection_alone(
    kit: RoomKit, change: str
) -> None:
    seen: list[str] = []
    viewer = websocket("viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event.content.body))
    await furnish(kit, "room", websocket("ws"), viewer)
    await say(kit, "ws", "before")
    opened = live_of(kit)._served_since
    for room_id in NO_ROOMS_ID:
        with pytest.raises(ValidationFailedError) as caught:
            await getattr(kit, change)("viewer", "conn", room_id)
        assert (caught.value.reason, list(caught.value.violations)) == ("VALIDATION", ["room_id"])
    await getattr(kit, change)("viewer", "conn", LONGEST_ID)
    await say(kit, "ws", "after")
    await until(lambda: seen == ["before", "after"])
    assert live_of(kit)._served_since == opened


async def test_an_id_that_no_room_has_is_refused_where_a_connection_is_registered(
    kit: RoomKit,
) -> None:
    seen: list[str] = []
    viewer = websocket("viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event.content.body))
    await furnish(kit, "room", websocket("ws"), viewer)
    for room_id in NO_ROOMS_ID:
        with pytest.raises(ValidationFailedError):
            viewer.register_connection("other", lambda _conn, _event: None, room_id)
        with pytest.raises(ValidationFailedError):
            await kit.connect_websocket("viewer", "other", lambda _conn, _event: None, room_id)
    await say(kit, "ws", "hello")
    await until(lambda: seen == ["hello"])


class Lossy:
    """A server that says how much it takes, and loses a connection's first stream.

    Args:
        keeps: How many messages it reads before.
        room_bytes: How large the ids in one message may be; None: it does not say.
    """

    def __init__(self, keeps: int, room_bytes: int | None = None) -> None:
        self.calls: list[list[pb.ChannelServiceConnectRequest]] = []
        self._keeps = keeps
        self._limit = 0 if room_bytes is None else ENVELOPE_BYTES + room_bytes

    async def serve(self, _caller: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        said: list[pb.ChannelServiceConnectRequest] = []
        self.calls.append(said)
        yield pb.ChannelServiceConnectResponse(opened=pb.Opened(max_message_bytes=self._limit))
        async for request in requests:
            said.append(request)
            if len(self.calls) == 1 and len(said) == self._keeps:
                raise Unavailable(pb.ERROR_REASON_NODE_DRAINING, "gone")

    @contextlib.asynccontextmanager
    async def seen_by(self, room_id: str) -> AsyncIterator[RoomKit]:
        """A kit with a connection that sees one room."""
        async with (
            serving(routes_with({CONNECT: self.serve})) as server,
            RoomKit(
                f"127.0.0.1:{server.server.ports[0]}", reconnect=Reconnect(max_seconds=0.1)
            ) as kit,
        ):
            kit.register_channel(websocket("viewer"))
            await kit.connect_websocket("viewer", "conn", lambda _conn, _event: None, room_id)
            yield kit

    async def again(self, messages: int) -> list[pb.ChannelServiceConnectRequest]:
        """What the connection says first on its second stream."""
        await until(lambda: len(self.calls) == 2 and len(self.calls[1]) == messages)
        return self.calls[1]


async def test_the_server_says_how_many_rooms_one_message_names() -> None:
    lossy = Lossy(keeps=3, room_bytes=2 * (len("room-1") + ROOM_FRAME_BYTES))
    async with lossy.seen_by("room-1") as kit:
        await kit.subscribe_websocket("viewer", "conn", "room-2")
        await kit.subscribe_websocket("viewer", "conn", "room-3")
        first, second = await lossy.again(2)
    assert list(first.open.room_ids) == ["room-1", "room-2"]
    assert list(second.subscribe.room_ids) == ["room-3"]


async def test_a_connection_that_has_left_its_last_room_says_so_when_it_dials_again() -> None:
    lossy = Lossy(keeps=2)
    async with lossy.seen_by("room-1") as kit:
        await kit.unsubscribe_websocket("viewer", "conn", "room-1")
        await lossy.again(1)
        await kit.subscribe_websocket("viewer", "conn", "room-2")
        opening, then = await lossy.again(2)
    assert not lossy.calls[0][0].open.no_rooms
    assert (opening.open.no_rooms, list(opening.open.room_ids)) == (True, [])
    assert list(then.subscribe.room_ids) == ["room-2"]


async def test_a_connection_that_was_too_large_is_not_dialled_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = 0

    async def serve(_caller: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        nonlocal calls
        calls += 1
        await anext(requests)
        yield pb.ChannelServiceConnectResponse(opened=pb.Opened())
        raise too_large(5_000_000)

    caplog.set_level(logging.WARNING, logger="roomd")
    async with (
        serving(routes_with({CONNECT: serve})) as server,
        RoomKit(f"127.0.0.1:{server.server.ports[0]}") as kit,
    ):
        kit.register_channel(websocket("viewer"))
        await kit.connect_websocket("viewer", "conn", lambda _conn, _event: None)
        task = live_of(kit)._task
        assert task is not None
        await until(task.done)
    assert calls == 1
    (record,) = caplog.records
    assert record.getMessage().startswith("connection conn ends: the message has 5000000 bytes")


@pytest.fixture
async def remote(server: ServerProcess) -> AsyncIterator[RoomKit]:
    soon = Reconnect(max_seconds=0.2)
    async with RoomKit(server.address, api_key=KEY, reconnect=soon) as kit:
        yield kit


async def dialled_again(server: ServerProcess, kit: RoomKit) -> None:
    """The server dies and comes back, and the connection with it."""
    server.kill()
    await until(lambda: live_of(kit)._served_since is None)
    server.start()
    await until(lambda: live_of(kit)._served_since is not None)


async def test_a_connection_with_very_many_rooms_sees_them_after_it_was_dialled_again(
    server: ServerProcess, remote: RoomKit
) -> None:
    seen: list[str] = []
    viewer = websocket("viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event.content.body), "a")
    await furnish(remote, "z-last", websocket("ws"), viewer)
    await remote.connect()
    for number in range(SOME_ROOMS):
        await live_of(remote).subscribe(f"room-{number}")
    await remote.subscribe_websocket("viewer", "conn", "z-last")
    await dialled_again(server, remote)
    await say(remote, "ws", "hello", "z-last")
    await until(lambda: seen == ["hello"])


@pytest.mark.parametrize("first", ["room", None], ids=["one room", "all rooms"])
async def test_a_room_that_was_left_stays_left_when_the_connection_is_dialled_again(
    server: ServerProcess, remote: RoomKit, first: str | None
) -> None:
    seen: list[str] = []
    viewer = websocket("viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event.content.body), first)
    await furnish(remote, "room", websocket("ws"), viewer)
    await remote.unsubscribe_websocket("viewer", "conn", "room")
    await dialled_again(server, remote)
    await say(remote, "ws", "not for it", "room")
    await remote.subscribe_websocket("viewer", "conn", "room")
    await say(remote, "ws", "for it", "room")
    await until(lambda: seen)
    assert seen == ["for it"]


async def test_a_connection_that_sees_all_rooms_sees_them_when_it_is_dialled_again(
    server: ServerProcess, remote: RoomKit
) -> None:
    seen: list[str] = []
    viewer = websocket("viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event.content.body))
    await furnish(remote, "room", websocket("ws"), viewer)
    await remote.subscribe_websocket("viewer", "conn", "another")
    await dialled_again(server, remote)
    await say(remote, "ws", "hello", "room")
    await until(lambda: seen == ["hello"])
