"""The documents' examples about hooks and framework events."""

from __future__ import annotations

import pytest
from mission_rooms import Recorder, ai, furnish, furnished, say, sms, until, websocket
from mission_runner import Names, run

from roomd import EventStatus, HookResult, RoomKit, TextContent


async def bodies(kit: RoomKit, room_id: str) -> list[tuple[str, EventStatus]]:
    events = await kit.store.list_events(room_id, conversation_only=True)
    return [(event.content.body, event.status) for event in events]


async def test_hook_basics(names: Names) -> None:
    analytics = names["analytics"] = Recorder()
    await run(names, "004", "Hook Basics")
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"))
    bad = await say(kit, "ws", "Buy SPAM now")
    good = await say(kit, "ws", "Hello")
    assert (bad.blocked, bad.reason, bad.event.status) == (True, "Spam detected", "blocked")
    assert not good.blocked
    await until(lambda: analytics.calls)
    assert analytics.calls == [("track", ("message", {"room": "room"}))]


async def test_hook_result(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"))
    names["event"] = (await say(kit, "ws", "secret")).event
    await run(names, "004", "HookResult")
    result = HookResult.modify(names["modified"])
    assert (result.action, result.event.content.body) == ("modify", "[REDACTED]")
    assert HookResult.block("no").reason == "no"


async def test_hook_priority(names: Names) -> None:
    kit = names["kit"]
    await run(names, "004", "Hook Priority")
    await furnish(kit, "room", websocket("ws"))
    blocked = await say(kit, "ws", "a scam call 555-123-4567")
    redacted = await say(kit, "ws", "call 555-123-4567")
    assert blocked.reason == "Blocked: {'scam'}"
    assert redacted.event.content.body == "call [REDACTED]"
    assert await bodies(kit, "room") == [
        ("a scam call 555-123-4567", "blocked"),
        ("call [REDACTED]", redacted.event.status),
    ]


async def test_hook_filters(names: Names) -> None:
    audit_log = names["audit_log"] = Recorder()
    kit = names["kit"]
    await run(names, "004", "Hook Filters")
    await furnish(kit, "room", websocket("ws"), sms("sms"))
    await say(kit, "ws", "not audited")
    await say(kit, "sms", "audited")
    await until(lambda: audit_log.calls)
    assert [event.content.body for _, (event,) in audit_log.calls] == ["audited"]


async def test_room_scoped_hooks(names: Names) -> None:
    kit = names["kit"]
    seen = []

    async def refuse(event: object, ctx: object) -> HookResult:
        return HookResult.block("vip only")

    async def talk(_: Names) -> None:
        for room in ("vip-room", "plain-room"):
            seen.append((await say(kit, f"ws-{room}", "hello")).blocked)

    names["my_hook_function"] = refuse
    for room in ("vip-room", "plain-room"):
        await furnish(kit, room, websocket(f"ws-{room}"))
    await run(names, "004", "Room-Scoped Hooks", before={"await kit.remove_room_hook": talk})
    await talk(names)
    assert seen == [True, False, False, False]


@pytest.mark.parametrize(
    ("document", "heading"), [("004", "Framework Events"), ("000", "Framework Events")]
)
async def test_framework_events(
    names: Names, document: str, heading: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(names, document, heading)
    await names["kit"].create_room(room_id="room-7")
    printed = ""

    def told() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return "Room created: " in printed and "room-7" in printed

    await until(told)


async def test_framework_events_for_monitoring(names: Names) -> None:
    """Nothing emits these two in this version: sources and voice come later."""
    names["logger"] = Recorder()
    await run(names, "004", "Framework Events for Monitoring")
    await names["kit"].create_room(room_id="room")
    assert names["logger"].calls == []


async def test_compliance_check(names: Names) -> None:
    kit = names["kit"]
    await run(names, "001", "Hooks")
    await furnish(kit, "room", websocket("ws"))
    assert not (await say(kit, "ws", "fine")).blocked


async def test_sms_only_hook(names: Names) -> None:
    kit = names["kit"]
    await run(names, "001", "Hooks", 2)
    await furnish(kit, "room", sms("sms"))
    assert not (await say(kit, "sms", "fine")).blocked


async def test_sync_hooks_filter_content(names: Names) -> None:
    kit = names["kit"]
    names["contains_profanity"] = lambda text: "damn" in text
    await run(names, "000", "Hook System: sync")
    await furnish(kit, "room", websocket("ws"))
    result = await say(kit, "ws", "damn")
    assert (result.blocked, result.reason) == (True, "Message contains inappropriate language")


async def test_async_hooks_watch(names: Names) -> None:
    kit = names["kit"]
    analytics = names["analytics"] = Recorder()
    await run(names, "000", "Hook System: async")
    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "Hi")
    await until(lambda: analytics.calls)
    assert analytics.calls == [("track", ("message_sent", {"room": "room"}))]


async def test_hooks_are_filtered_by_type_id_and_direction(names: Names) -> None:
    """``voicemeup_hook`` answers None, which is no decision: its failure policy lets it pass."""
    kit = names["kit"]
    await run(names, "000", "Hook System: filtering")
    await furnish(kit, "room", sms("sms-voicemeup"))
    assert not (await say(kit, "sms-voicemeup", "fine")).blocked


async def test_response_visibility(names: Names) -> None:
    kit = names["kit"]
    heard: dict[str, list[str]] = {"voice": [], "ws-ui": [], "text-input": []}
    for channel_id, inbox in heard.items():
        channel = websocket(channel_id)
        channel.register_connection(
            "conn", lambda _conn, event, inbox=inbox: inbox.append(event.content.body)
        )
        names[channel_id] = channel
    bot = ai("ai", "For your eyes.")
    await furnish(kit, "room", names["voice"], names["ws-ui"], names["text-input"], bot)
    names |= {"room_id": "room", "user_text": "spoken"}
    await run(names, "000", "Response Visibility")
    await until(lambda: heard["ws-ui"])
    await say(kit, "text-input", "typed")
    await until(lambda: len(heard["ws-ui"]) == 2)
    assert heard["ws-ui"] == ["For your eyes.", "For your eyes."]
    assert heard["voice"] == []


async def test_hook_based_monitoring(names: Names) -> None:
    kit = names["kit"]
    metrics = names["metrics"] = Recorder()
    await run(names, "000", "Hook-Based Monitoring")
    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "Hi")
    await until(lambda: len(metrics.calls) == 2)
    assert [name for name, _ in metrics.calls] == ["increment", "gauge"]
    assert metrics.calls[1][1][1] >= 1


async def test_testing_hooks(names: Names) -> None:
    await run(names, "004", "Testing Hooks")
    await names["test_hook_blocks_message"]()


async def test_basic_test_pattern(names: Names) -> None:
    await run(names, "004", "Basic Test Pattern")
    await names["TestMyFeature"]().test_message_delivery()


async def test_mock_ai_provider(names: Names, capsys: pytest.CaptureFixture[str]) -> None:
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"))

    async def process(_: Names) -> None:
        await say(kit, "ws", "Anyone?")

    await run(names, "004", "Mock AI Provider", before={"assert len": process})
    assert capsys.readouterr().out.splitlines() == ["None", "0.7", "[]"]
    events = await kit.store.list_events("room", conversation_only=True)
    assert events[-1].content == TextContent(body="Response 1")


async def test_furnished_waits_for_the_examples_kit(names: Names) -> None:
    await furnished("room", websocket("ws"))(names)
    assert (await names["kit"].get_room("room")).id == "room"
