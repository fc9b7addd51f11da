"""The documents' examples about fleeting events, live connections and read tracking."""

from __future__ import annotations

from typing import Any

import pytest
from mission_rooms import ai, furnish, furnished, say, until, websocket
from mission_runner import Names, run

from roomd import AIChannel, EphemeralEvent, EphemeralEventType, MockAIProvider, RoomEvent


async def test_publishing_events(names: Names) -> None:
    events: list[EphemeralEvent] = []

    async def prepare(names: Names) -> None:
        await furnish(names["kit"], "room-1", ai("ai-agent"))
        await names["kit"].subscribe_room("room-1", events.append)

    await run(names, "004", "Publishing Events", before={"await kit.publish_typing": prepare})
    await until(lambda: len(events) == 6)
    told = [(one.type, one.user_id) for one in events]
    assert told == [
        (EphemeralEventType.TYPING_START, "alice"),
        (EphemeralEventType.TYPING_STOP, "alice"),
        (EphemeralEventType.PRESENCE_ONLINE, "alice"),
        (EphemeralEventType.REACTION, "alice"),
        (EphemeralEventType.READ_RECEIPT, "alice"),
        (EphemeralEventType.TOOL_CALL_START, "ai-agent"),
    ]
    reaction = {"event_id": "evt-123", "emoji": "thumbsup", "action": "add"}
    assert events[3].data.items() >= reaction.items()
    assert events[4].data["event_id"] == "evt-123"
    assert events[5].data["tool_calls"][0]["arguments"] == {"q": "test"}


async def test_subscribing_to_events(names: Names, capsys: pytest.CaptureFixture[str]) -> None:
    kit = names["kit"]
    await furnish(kit, "room-1")
    printed = ""

    def told() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return "Ephemeral: typing_start from alice" in printed

    async def type_something(_: Names) -> None:
        await kit.publish_typing("room-1", "alice")
        await until(told)

    before = {"await kit.unsubscribe_room": type_something}
    await run(names, "004", "Subscribing to Events", before=before)
    assert not await kit.unsubscribe_room(names["sub_id"])


@pytest.mark.parametrize(
    ("document", "room_id", "user", "event_id"),
    [("000", "room-123", "user-456", "event-789"), ("001", "room-1", "user-1", "event-123")],
)
async def test_realtime_events(
    names: Names,
    capsys: pytest.CaptureFixture[str],
    document: str,
    room_id: str,
    user: str,
    event_id: str,
) -> None:
    printed = ""

    def told() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        read = f"{user} read event {event_id}" in printed or document == "001"
        return f"{user} is typing..." in printed and read

    async def wait(_: Names) -> None:
        await until(told)

    before = {"sub_id = await": furnished(room_id)}
    if document == "000":
        before["await kit.unsubscribe_room"] = wait
    await run(names, document, "Realtime Events", before=before)
    await until(told)


async def test_tool_call_events(names: Names) -> None:
    kit = names["kit"]
    heard: list[EphemeralEvent] = []
    names["my_callback"] = heard.append
    await furnish(kit, "room-1", ai("ai"))
    await run(names, "004", "Tool Call Events")
    call = {"id": "tc1", "name": "search", "result": "found"}
    end = EphemeralEventType.TOOL_CALL_END
    await kit.publish_tool_call("room-1", "ai", [call], end, duration_ms=12)
    await until(lambda: heard)
    assert heard[0].data == {"tool_calls": [call], "channel_id": "ai", "duration_ms": 12}


async def test_read_tracking(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room-1", websocket("ws-user"), websocket("ws-other"))
    first = await say(kit, "ws-other", "one")
    await say(kit, "ws-other", "two")
    unread = []

    async def note(_: Names) -> None:
        unread.append(await kit.store.get_unread_count("room-1", "ws-user"))

    real_mark = kit.mark_read

    async def mark_read(room_id: str, channel_id: str, event_id: str) -> None:
        assert event_id == "evt-123"
        await real_mark(room_id, channel_id, first.event.id)

    kit.mark_read = mark_read
    await run(names, "004", "Read Tracking", before={"await kit.mark_all_read": note})
    await note(names)
    assert unread == [1, 0]


async def test_websocket(names: Names) -> None:
    kit = names["kit"]
    received: list[RoomEvent] = []
    sent: list[RoomEvent] = []
    names["on_receive_callback"] = lambda _conn, event: received.append(event)
    names["send_fn"] = lambda _conn, event: sent.append(event)

    async def use(names: Names) -> None:
        await furnish(kit, "room", names["ws"], websocket("ws-other"))
        await say(kit, "ws-other", "first")
        await until(lambda: received)

    async def use_again(_: Names) -> None:
        await say(kit, "ws-other", "second")
        await until(lambda: sent)

    before = {"await kit.connect_websocket": use, "await kit.disconnect_websocket": use_again}
    await run(names, "004", "WebSocket", before=before)
    await say(kit, "ws-other", "third")
    assert [event.content.body for event in received] == ["first"]
    assert [event.content.body for event in sent] == ["second"]


async def test_websocket_channel(names: Names) -> None:
    kit = names["kit"]
    sent: list[RoomEvent] = []
    names["send_fn"] = lambda _conn, event: sent.append(event)

    async def use(_: Names) -> None:
        await furnish(kit, "room", websocket("ws-other"))
        await kit.attach_channel("room", "ws-user")
        await say(kit, "ws-other", "Hi")

    before = {"await kit.disconnect_websocket": use}
    await run(names, "000", "WebSocket Channel", before=before)
    assert [event.content.body for event in sent] == ["Hi"]


async def test_streaming(names: Names, capsys: pytest.CaptureFixture[str]) -> None:
    """The example registers ``on_stream`` before it defines it, so it is there before."""
    kit = names["kit"]
    finished: list[RoomEvent] = []
    streamed: list[dict[str, Any]] = []
    names["on_recv"] = lambda _conn, event: finished.append(event)
    names["on_stream"] = lambda _conn, message: streamed.append(message)
    await run(names, "004", "Streaming")
    provider = MockAIProvider(responses=["Hello there. How are you?"], streaming=True)
    await furnish(
        kit, "room", names["ws"], websocket("ws-asks"), AIChannel("ai", provider=provider)
    )
    await say(kit, "ws-asks", "Hi")
    await until(lambda: len(finished) >= 2 and streamed and streamed[-1]["type"] == "stream_end")
    kinds = [message["type"] for message in streamed]
    assert kinds[0] == "stream_start"
    assert set(kinds[1:-1]) == {"stream_chunk"}
    text = "".join(message["delta"] for message in streamed)
    assert text == "Hello there. How are you?"
    assert finished[0].content.body == "Hi"
    await names["on_stream"]("conn-1", "StreamStart")
    assert capsys.readouterr().out == "Stream: StreamStart\n"
