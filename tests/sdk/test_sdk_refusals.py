"""Arguments that cannot be meant are refused when the kit is made, with words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomd import (
    HookExecution,
    HookTrigger,
    InMemoryLockManager,
    InMemoryRealtime,
    InMemoryStore,
    NotSupportedError,
    RateLimit,
    RoomKit,
    SQLiteStore,
    TextContent,
    WebSocketChannel,
)
from roomd.exceptions import (
    ChannelAlreadyRegisteredError,
    ChannelNotRegisteredError,
    RoomClosedError,
)

ADDRESS = "127.0.0.1:1"


class Own:
    """Something of the application's that the service does itself."""


async def test_the_documents_defaults_are_taken_and_others_refused() -> None:
    kit = RoomKit(
        store=InMemoryStore(),
        lock_manager=InMemoryLockManager(max_locks=16),
        realtime=InMemoryRealtime(),
        identity_timeout=10.0,
        process_timeout=30.0,
        max_chain_depth=5,
    )
    async with kit:
        await kit.create_room(room_id="r")
    for name in ("store", "lock_manager", "realtime"):
        with pytest.raises(NotSupportedError, match=name):
            RoomKit(**{name: Own()})


@pytest.mark.parametrize(
    "name",
    ["identity_resolver", "stt", "tts", "voice", "orchestration", "telemetry", "task_runner"],
)
def test_what_comes_later_is_refused_by_name(name: str) -> None:
    with pytest.raises(NotSupportedError, match=name):
        RoomKit(**{name: Own()})


def test_an_argument_that_is_none_of_anybodys_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="stroe"):
        RoomKit(stroe=InMemoryStore())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", InMemoryStore()),
        ("store", SQLiteStore("x.db")),
        ("max_chain_depth", 3),
        ("process_timeout", 1.0),
        ("inbound_rate_limit", RateLimit(max_per_second=1)),
    ],
)
def test_settings_of_the_server_are_refused_beside_an_address(name: str, value: object) -> None:
    with pytest.raises(NotSupportedError, match="set it on the server"):
        RoomKit(ADDRESS, **{name: value})


def test_a_rate_limit_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="inbound_rate_limit"):
        RoomKit(inbound_rate_limit=RateLimit())


async def test_a_sqlite_store_outlives_the_kit(tmp_path: Path) -> None:
    path = str(tmp_path / "rooms.db")
    async with RoomKit(store=SQLiteStore(path)) as kit:
        kit.register_channel(WebSocketChannel("ws"))
        await kit.create_room(room_id="r", metadata={"kept": True})
        await kit.attach_channel("r", "ws")
        await kit.send_event("r", "ws", TextContent(body="remember me"))
    async with RoomKit(store=SQLiteStore(path)) as kit:
        assert (await kit.get_room("r")).metadata == {"kept": True}
        assert (await kit.get_timeline("r"))[-1].content.body == "remember me"


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    kit = RoomKit(store=SQLiteStore(str(tmp_path / "no" / "folder" / "rooms.db")))
    with pytest.raises(Exception, match=r"rooms\.db|open"):
        await kit.connect()
    await kit.close()


def test_a_deciding_hook_cannot_be_async() -> None:
    kit = RoomKit()
    with pytest.raises(ValueError, match="SYNC"):
        kit.hook(HookTrigger.BEFORE_BROADCAST, execution=HookExecution.ASYNC)(lambda event: None)


def test_a_channel_id_is_taken_once() -> None:
    kit = RoomKit()
    kit.register_channel(WebSocketChannel("ws"))
    with pytest.raises(ChannelAlreadyRegisteredError, match="ws"):
        kit.register_channel(WebSocketChannel("ws"))


async def test_only_registered_websocket_channels_take_connections(kit: RoomKit) -> None:
    with pytest.raises(ChannelNotRegisteredError, match="nowhere"):
        await kit.connect_websocket("nowhere", "conn", lambda _conn, _event: None)


async def test_nothing_can_be_said_in_a_closed_room(kit: RoomKit) -> None:
    kit.register_channel(WebSocketChannel("ws"))
    await kit.create_room(room_id="r")
    await kit.attach_channel("r", "ws")
    await kit.close_room("r")
    with pytest.raises(RoomClosedError):
        await kit.send_event("r", "ws", TextContent(body="hi"))
    with pytest.raises(RoomClosedError):
        await kit.deliver("r", "hi")


async def test_an_unknown_strategy_and_presence_are_refused(kit: RoomKit) -> None:
    await kit.create_room(room_id="r")
    with pytest.raises(ValueError, match="wait_for_idle"):
        await kit.deliver("r", "hi", strategy="soon")
    with pytest.raises(ValueError, match="offline"):
        await kit.publish_presence("r", "alice", "asleep")
