"""The documents' examples about rooms, channels and what is asked about them."""

from __future__ import annotations

import pytest
from mission_rooms import ai, furnish, furnished, say, websocket
from mission_runner import Names, run

from roomd import (
    Access,
    ChannelCategory,
    ChannelMediaType,
    EditContent,
    MockAIProvider,
    MockRCSProvider,
    MockSMSProvider,
    MockWhatsAppProvider,
    RoomEvent,
    RoomKit,
    RoomStatus,
    TextContent,
)
from roomd.models import event as contents


async def test_creating_rooms(names: Names) -> None:
    await run(names, "004", "Creating Rooms")
    kit: RoomKit = names["kit"]
    room = await kit.get_room("support-123")
    assert room.metadata == {"topic": "billing", "priority": "high"}
    assert room.status == RoomStatus.ACTIVE
    assert len(await kit.store.list_rooms()) == 2


async def test_room_lifecycle(names: Names) -> None:
    await run(names, "004", "Room Lifecycle")
    room = await names["kit"].get_room("session-1")
    assert room.status == RoomStatus.CLOSED
    assert room.metadata == {"status": "escalated"}
    assert names["transitioned"] == []


async def test_timers_in_the_metadata_are_the_rooms_timers(names: Names) -> None:
    await run(names, "000", "Room Lifecycle Management")
    room = await names["kit"].get_room("support-123")
    assert room.timers.inactive_after_seconds == 300
    assert room.timers.closed_after_seconds == 3600
    assert room.metadata == {}


async def test_room_lifecycle_timers(names: Names) -> None:
    await run(names, "004", "Room Lifecycle Timers")
    assert names["room"].status == RoomStatus.ACTIVE
    assert names["transitioned"] == []


async def test_core_pattern(names: Names) -> None:
    names["channel"] = websocket("channel-id")
    said = names["InboundMessage"](
        channel_id="channel-id", sender_id="user", content=TextContent(body="Hello")
    )
    names["InboundMessage"] = lambda _ellipsis: said
    await run(names, "004", "Core Pattern")
    events = await names["kit"].store.list_events("my-room", conversation_only=True)
    assert [event.content.body for event in events] == ["Hello"]


async def test_multi_channel_conversation_rooms(names: Names) -> None:
    names |= {
        "sms_provider": MockSMSProvider(),
        "rcs_provider": MockRCSProvider(),
        "ai_provider": MockAIProvider(responses=["Sure."]),
    }
    await run(names, "000", "Multi-Channel Conversation Rooms")
    result = await say(names["kit"], "ws-user", "Hi all")
    assert set(result.delivery_results) == {"sms-user", "rcs-user", "ai-bot"}
    for provider in ("sms_provider", "rcs_provider"):
        sent = names[provider].sent
        assert [(one.event.content.body, one.to) for one in sent] == [
            ("Hi all", "+15551234567"),
            ("Sure.", "+15551234567"),
        ]


async def test_channel_access_levels(names: Names) -> None:
    await furnish(names["kit"], "room", websocket("channel"), attach=False)
    levels = []

    async def note(names: Names) -> None:
        levels.append((await names["kit"].get_binding("room", "channel")).access)

    await run(
        names,
        "004",
        "Channel Access Levels",
        before={
            'await kit.attach_channel("room", "channel", access=Access.READ_ONLY)': note,
            'await kit.attach_channel("room", "channel", access=Access.WRITE_ONLY)': note,
            "await kit.set_access": note,
        },
    )
    await note(names)
    assert levels == [Access.READ_WRITE, Access.READ_ONLY, Access.WRITE_ONLY, Access.NONE]


async def test_channel_access_control(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room-1", websocket("observer-channel"), websocket("ai-channel"))
    await run(names, "000", "Channel Access Control")
    assert (await kit.get_binding("room-1", "observer-channel")).access == Access.READ_ONLY
    assert (await kit.get_binding("room-1", "ai-channel")).visibility == "intelligence"
    result = await say(kit, "observer-channel", "may I?")
    assert (result.blocked, result.reason) == (True, "source_read_only")


async def test_muting_channels(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"), ai("ai-agent"))
    states = []

    async def note(_: Names) -> None:
        binding = await kit.get_binding("room", "ai-agent")
        states.append((binding.muted, binding.output_muted))

    await run(
        names,
        "004",
        "Muting Channels",
        before={
            "await kit.unmute(": note,
            "await kit.mute_output": note,
            "await kit.unmute_output": note,
        },
    )
    await note(names)
    assert states == [(True, False), (False, False), (False, True), (False, False)]


async def test_a_muted_ai_does_not_answer(names: Names) -> None:
    kit = names["kit"]
    bot = ai("ai-bot", "I answer.")
    await furnish(kit, "room-1", websocket("ws"), bot)

    async def say_it(_: Names) -> None:
        await say(kit, "ws", "while muted")

    await run(names, "000", "Muting", before={"await kit.unmute": say_it})
    await say(kit, "ws", "after")
    events = await kit.store.list_events("room-1", conversation_only=True)
    assert [one.content.body for one in events] == ["while muted", "after", "I answer."]


@pytest.mark.parametrize(
    ("document", "heading", "room_id", "channel_id"),
    [
        ("004", "Per-Room Channel Configuration", "weather-room", "ai-agent"),
        ("004", "Per-Room Configuration", "billing-room", "ai-agent"),
        ("000", "Function Calling / Tools", "support-room", "ai-bot"),
        ("002", "Per-Room AI Configuration", "room-1", "ai-bot"),
    ],
)
async def test_a_binding_configures_the_ai_of_its_room(
    names: Names, document: str, heading: str, room_id: str, channel_id: str
) -> None:
    kit = names["kit"]
    bot = ai(channel_id)
    await furnish(kit, room_id, websocket("ws"))
    kit.register_channel(bot)
    await run(names, document, heading)
    binding = await kit.get_binding(room_id, channel_id)
    assert binding.category == ChannelCategory.INTELLIGENCE
    assert binding.metadata["system_prompt"].startswith("You are a")
    assert binding.metadata["tools"]


async def test_each_room_has_its_own_ai_configuration(names: Names) -> None:
    kit = names["kit"]
    provider = names["provider"] = MockAIProvider(responses=["Noted."])
    await furnish(kit, "legal-room", websocket("ws-legal"))
    await furnish(kit, "creative-room", websocket("ws-creative"))

    async def register(names: Names) -> None:
        kit.register_channel(names["ai"])

    first = 'await kit.attach_channel("legal-room"'
    await run(names, "000", "Per-Room AI Configuration", before={first: register})
    await say(kit, "ws-legal", "May I?")
    await say(kit, "ws-creative", "Once upon a time")
    asked = [(one.system_prompt, one.temperature, one.max_tokens) for one in provider.calls]
    assert asked == [
        ("You are a legal assistant. Be precise and cite sources.", 0.3, 2048),
        ("You are a creative writing assistant. Be imaginative!", 0.9, 4096),
    ]


@pytest.mark.parametrize("number", [1, 2])
async def test_content_types(names: Names, number: int) -> None:
    await run(names, "004", "Content Types", number)
    kinds = {
        "TextContent",
        "RichContent",
        "MediaContent",
        "AudioContent",
        "VideoContent",
        "LocationContent",
        "CompositeContent",
        "TemplateContent",
        "SystemContent",
        "EditContent",
        "DeleteContent",
    }
    assert all(names[kind] is getattr(contents, kind) for kind in kinds)


async def test_channel_capabilities(names: Names) -> None:
    await run(names, "004", "Channel Capabilities")
    assert names["sms_caps"].max_length == 160
    assert ChannelMediaType.LOCATION in names["ws_caps"].media_types


async def test_custom_content_transcoder(names: Names) -> None:
    """An SMS channel takes media, and 1600 characters; one that takes text only is told."""
    plain, full = MockSMSProvider(), MockSMSProvider()
    await run(names, "004", "Custom Content Transcoder")
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"), names["SMSChannel"]("mms", provider=full))
    kit.register_channel(names["SMSChannel"]("sms", provider=plain))
    number = {"phone_number": "+15550001111"}
    only_text = names["ChannelCapabilities"](max_length=40)
    await kit.attach_channel("room", "sms", metadata=number, capabilities=only_text)
    content = names["MediaContent"](
        url="https://example.com/x.png", mime_type="image/png", caption="a cat"
    )
    await kit.send_event("room", "ws", content)
    await kit.send_event("room", "ws", names["TextContent"](body="long " * 400))
    assert [one.event.content.body for one in plain.sent] == [
        "[Image received: a cat]",
        "long long long long long long long lo...",
    ]
    assert [one.event.content.type for one in full.sent] == ["media", "text"]
    assert len(full.sent[1].event.content.body) == 1600


async def test_multichannel_transcoding(names: Names) -> None:
    """The example's SMS channel is the text-only one of "Channel Capabilities"."""
    kit = names["kit"]
    provider = MockSMSProvider()
    inbox: list[RoomEvent] = []
    viewer = websocket("ws-viewer")
    viewer.register_connection("conn", lambda _conn, event: inbox.append(event))
    await furnish(kit, "room", websocket("ws"), viewer)
    kit.register_channel(names["SMSChannel"]("sms", provider=provider))
    await run(names, "004", "Channel Capabilities")
    number = {"phone_number": "+15550001111"}
    await kit.attach_channel("room", "sms", metadata=number, capabilities=names["sms_caps"])
    await run(names, "004", "Multichannel Transcoding Example")
    await kit.send_event("room", "ws", names["content"])
    assert [one.content for one in inbox] == [names["content"]]
    bodies = [one.event.content.body for one in provider.sent]
    assert bodies == ["Check this out!\n[Media: Sunset]"]


async def test_detaching_channels(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room", websocket("channel-id"))
    await run(names, "004", "Detaching Channels")
    assert await kit.list_bindings("room") == []


async def test_binding_metadata_updates(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room", ai("ai-agent"))
    await kit.update_binding_metadata("room", "ai-agent", {"system_prompt": "kept"})
    await run(names, "004", "Binding Metadata Updates")
    metadata = (await kit.get_binding("room", "ai-agent")).metadata
    assert (metadata["temperature"], metadata["system_prompt"]) == (0.9, "kept")


async def test_querying_rooms(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room-id", websocket("ws"))
    await say(kit, "ws", "Hello")
    await run(names, "004", "Querying Rooms")
    assert names["room"].id == "room-id"
    assert [one.channel_id for one in names["bindings"]] == ["ws"]
    assert [one.id for one in names["participants"]] == ["user-1"]
    assert names["events"][-1].content.body == "Hello"


async def test_operations_of_the_store(names: Names) -> None:
    await run(names, "004", "Operations")
    assert names["room"].metadata == {"topic": "billing"}
    assert names["events"] == names["timeline"]
    assert names["participants"] == names["bindings"] == []


async def test_in_memory_store_is_the_default(names: Names) -> None:
    await run(names, "004", "InMemoryStore (Default)")
    assert (await names["kit"].create_room()).event_count == 0


async def test_the_constructor_as_printed(names: Names) -> None:
    await run(names, "004", "RoomKit Constructor")
    assert (await names["kit"].create_room(room_id="r")).id == "r"


async def test_whatsapp_channel(names: Names) -> None:
    provider = names["whatsapp_provider"] = MockWhatsAppProvider()
    await run(names, "000", "WhatsApp Channel")
    await furnish(names["kit"], "room", websocket("ws"), names["wa"])
    await say(names["kit"], "ws", "Bonjour")
    assert [(one.event.content.body, one.to) for one in provider.sent] == [
        ("Bonjour", "+15550001111")
    ]


async def test_direct_event_injection(names: Names) -> None:
    await furnish(names["kit"], "room-1", websocket("system-channel"))
    await run(names, "000", "Direct Event Injection")
    assert names["event"].content.body == "System maintenance in 5 minutes"
    assert await names["kit"].store.get_event("room-1", names["event"].id) is not None


async def test_custom_inbound_routers(names: Names) -> None:
    asked = []

    async def lookup(_self: object, participant_id: str) -> str:
        asked.append(participant_id)
        return "tenant-room"

    async def teach(names: Names) -> None:
        names["TenantRouter"].lookup_tenant_room = lookup

    await run(names, "000", "Custom Inbound Routers", before={"kit = RoomKit(": teach})
    kit = names["kit"]
    await furnish(kit, "tenant-room", websocket("ws"))
    await furnish(kit, "other-room")
    result = await say(kit, "ws", "Where am I?")
    assert (result.room_id, asked) == ("tenant-room", ["user-1"])


async def test_manual_resolution(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room-1", websocket("ws"))
    await kit.ensure_participant("room-1", "ws", "pending-123")
    await run(names, "004", "Manual Resolution")
    who = await kit.store.get_participant("room-1", "pending-123")
    assert (who.identity_id, who.identification) == ("user-456", "identified")


async def test_models_change_by_copy(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"))
    event = names["event"] = (await say(kit, "ws", "old")).event
    await run(names, "004", "Test Utilities")
    assert (event.content.body, names["modified"].content.body) == ("old", "new")


async def test_side_effects_are_listed(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room-1", websocket("ws"))
    await kit.create_task("room-1", names["Task"](title="Call back"))
    await kit.submit_feedback("room-1", rating=0.5)
    await run(names, "000", "Side Effects")
    assert [task.title for task in names["tasks"]] == ["Call back"]
    assert [one.category for one in names["observations"]] == ["feedback:overall"]


async def test_vision_support(names: Names, capsys: pytest.CaptureFixture[str]) -> None:
    """The provider of 000 sees the picture of 004's example."""
    kit = names["kit"]
    await run(names, "000", "Vision Support")
    bot = names["AIChannel"]("ai", provider=names["VisionAIProvider"]())
    await furnish(kit, "room", websocket("ws-user"), bot)
    await run(names, "004", "Vision Support")
    assert "Image: https://example.com/chart.png (image/png)" in capsys.readouterr().out
    events = await kit.store.list_events("room", conversation_only=True)
    assert events[-1].content.body == "I can see the image!"


async def test_custom_ai_providers(names: Names) -> None:
    await run(names, "000", "Custom AI Providers")
    assert names["CustomAIProvider"]().model_name == "custom-model"


async def test_backpressure(names: Names) -> None:
    await run(names, "001", "Backpressure", before={"semaphore": furnished("r", websocket("ws"))})
    message = names["InboundMessage"](
        channel_id="ws", sender_id="user", content=TextContent(body="one of many")
    )
    result = await names["handle_webhook"](message)
    assert not result.blocked


async def test_an_edit_shows_in_the_timeline(names: Names) -> None:
    """The EditContent and DeleteContent of "Content Types", sent."""
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"))
    event = (await say(kit, "ws", "tpyo")).event
    edit = EditContent(target_event_id=event.id, new_content=TextContent(body="typo"))
    await kit.send_event("room", "ws", edit, participant_id="user-1")
    assert (await kit.store.get_event("room", event.id)).content.body == "typo"
