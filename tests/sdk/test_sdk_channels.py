"""Channels of the application: delivered to, asked, converting; transcoder and router."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mission_rooms import ai, furnish, say, until, websocket

from roomd import (
    Access,
    AIChannel,
    Channel,
    ChannelBinding,
    ChannelCapabilities,
    ChannelCategory,
    ChannelMediaType,
    ChannelNotRegisteredError,
    ChannelOutput,
    ChannelType,
    ContentTranscoder,
    EventContent,
    EventSource,
    InboundMessage,
    InboundRoomRouter,
    MediaContent,
    MockAIProvider,
    MockSMSProvider,
    Observation,
    ProviderResult,
    RetryPolicy,
    RichContent,
    RoomContext,
    RoomEvent,
    RoomKit,
    SMSChannel,
    Task,
    TextContent,
    WebSocketChannel,
)

NUMBER = {"phone_number": "+15550001111"}


class Pager(Channel):
    """A channel as an application writes one."""

    channel_type = ChannelType.WEBHOOK

    def __init__(self, channel_id: str) -> None:
        super().__init__(channel_id)
        self.delivered: list[tuple[RoomEvent, ChannelBinding, RoomContext]] = []
        self.failures: list[BaseException] = []
        self.closed = False

    def capabilities(self) -> ChannelCapabilities:
        return ChannelCapabilities(media_types=[ChannelMediaType.TEXT], max_length=400)

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        body = message.content.body if isinstance(message.content, TextContent) else ""
        return RoomEvent(
            room_id=context.room.id,
            source=EventSource(channel_id=self.channel_id, channel_type=self.channel_type),
            content=TextContent(body=body.removeprefix("PAGE ")),
            metadata={"urgent": body.isupper()},
        )

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        if self.failures:
            raise self.failures.pop(0)
        self.delivered.append((event, binding, context))
        result = ProviderResult(success=True, provider_message_id=f"page-{len(self.delivered)}")
        return ChannelOutput(provider_result=result)

    async def close(self) -> None:
        self.closed = True


RECIPIENT = {"recipient_id": "doctor"}


async def with_pager(kit: RoomKit, retry: RetryPolicy | None = None) -> Pager:
    pager = Pager("pager")
    await furnish(kit, "room", websocket("ws"))
    kit.register_channel(pager)
    await kit.attach_channel("room", "pager", metadata=RECIPIENT, retry_policy=retry)
    return pager


async def test_a_channel_of_the_application_is_delivered_to(kit: RoomKit) -> None:
    pager = await with_pager(kit)
    result = await say(kit, "ws", "come quickly")
    ((event, binding, context),) = pager.delivered
    assert event.content.body == "come quickly"
    assert (binding.channel_id, binding.metadata) == ("pager", RECIPIENT)
    assert context.room.id == "room"
    outcome = result.delivery_results["pager"]
    assert (outcome.status, outcome.provider_message_id) == ("sent", "page-1")


async def test_a_channel_of_the_application_turns_its_messages(kit: RoomKit) -> None:
    await with_pager(kit)
    event = (await say(kit, "pager", "PAGE DOCTOR")).event
    assert (event.content.body, event.metadata["urgent"]) == ("DOCTOR", True)
    assert event.source.participant_id == "user-1"


async def test_its_capabilities_are_enforced(kit: RoomKit) -> None:
    pager = await with_pager(kit)
    rich = RichContent(body="**now**", plain_text="now")
    await kit.send_event("room", "ws", rich)
    assert [event.content for event, *_ in pager.delivered] == [TextContent(body="now")]


async def test_raising_is_a_failed_delivery(kit: RoomKit) -> None:
    pager = await with_pager(kit, RetryPolicy(max_retries=0))
    pager.failures = [ConnectionError("no signal")]
    outcome = (await say(kit, "ws", "hello")).delivery_results["pager"]
    assert outcome.status == "failed"
    assert (outcome.error.code, outcome.error.message) == ("ConnectionError", "no signal")


async def test_a_failed_delivery_is_tried_again(kit: RoomKit) -> None:
    pager = await with_pager(
        kit, RetryPolicy(max_retries=2, base_delay_seconds=0.01, max_delay_seconds=0.02)
    )
    pager.failures = [ConnectionError("no signal"), ConnectionError("still none")]
    await say(kit, "ws", "hello")
    await until(lambda: pager.delivered)
    assert len(pager.delivered) == 1


async def test_a_channel_is_closed_with_its_kit() -> None:
    pager = Pager("pager")
    async with RoomKit() as kit:
        kit.register_channel(pager)
        assert kit.get_channel("pager") is pager
        assert kit.list_channels() == [pager]
    assert pager.closed


async def test_an_unregistered_channel_is_gone(kit: RoomKit) -> None:
    pager = await with_pager(kit)
    await kit.unregister_channel("pager")
    assert pager.closed
    assert kit.get_channel("pager") is None
    assert [one.channel_id for one in await kit.list_bindings("room")] == ["ws"]
    with pytest.raises(ChannelNotRegisteredError):
        await kit.attach_channel("room", "pager")


class Oracle(Channel):
    """An intelligence of the application that is no AIChannel."""

    channel_type = ChannelType.AI
    category = ChannelCategory.INTELLIGENCE

    def __init__(self, channel_id: str, output: ChannelOutput) -> None:
        super().__init__(channel_id)
        self.output = output
        self.asked: list[RoomEvent] = []

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        raise AssertionError("nobody writes to an oracle")

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        raise AssertionError("an intelligence is asked, not delivered to")

    async def on_event(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        self.asked.append(event)
        return self.output if len(self.asked) == 1 else ChannelOutput.empty()


def answer(body: str, **settings: Any) -> RoomEvent:
    source = EventSource(channel_id="oracle", channel_type=ChannelType.AI)
    return RoomEvent(room_id="room", source=source, content=TextContent(body=body), **settings)


async def test_a_channel_answers_with_events(kit: RoomKit) -> None:
    output = ChannelOutput(
        responded=True,
        response_events=[answer("one", metadata={"sure": True}), answer("two")],
        tasks=[Task(title="Follow up")],
        observations=[Observation(content="curious", confidence=0.5)],
    )
    await furnish(kit, "room", websocket("ws"), Oracle("oracle", output))
    await say(kit, "ws", "what next?")
    events = await kit.store.list_events("room", conversation_only=True)
    assert [one.content.body for one in events] == ["what next?", "one", "two"]
    assert events[1].metadata["sure"] is True
    assert {one.source.channel_id for one in events[1:]} == {"oracle"}
    assert {one.chain_depth for one in events[1:]} == {1}
    assert [task.title for task in await kit.list_tasks("room")] == ["Follow up"]
    assert [one.confidence for one in await kit.list_observations("room")] == [0.5]


async def test_a_channel_answers_with_a_stream(kit: RoomKit) -> None:
    async def words() -> AsyncIterator[str]:
        for word in ("All ", "will ", "", "be ", "well."):
            yield word

    streamed: list[dict[str, Any]] = []
    viewer = websocket("ws-viewer")
    viewer.register_connection(
        "conn",
        lambda _conn, _event: None,
        stream_send_fn=lambda _conn, message: streamed.append(message),
    )
    oracle = Oracle("oracle", ChannelOutput(responded=True, response_stream=words()))
    await furnish(kit, "room", websocket("ws"), viewer, oracle)
    await say(kit, "ws", "what next?")
    events = await kit.store.list_events("room", conversation_only=True)
    assert events[-1].content.body == "All will be well."
    await until(lambda: streamed and streamed[-1]["type"] == "stream_end")
    assert streamed[0]["type"] == "stream_start"
    assert "".join(message["delta"] for message in streamed) == "All will be well."
    assert [one["sequence"] for one in streamed] == sorted(one["sequence"] for one in streamed)


async def test_an_ai_sees_who_said_what(kit: RoomKit) -> None:
    provider = MockAIProvider(responses=["Noted."])
    bot = AIChannel("ai", provider=provider, system_prompt="Be brief.", max_context_events=5)
    await furnish(kit, "room", websocket("ws"), bot)
    await kit.add_member("room", "ws", "alice", display_name="Alice")
    for who, body in (("alice", "I pay"), ("bob", "No, I do")):
        message = InboundMessage(channel_id="ws", sender_id=who, content=TextContent(body=body))
        await kit.process_inbound(message)
    asked = provider.calls[-1]
    assert asked.system_prompt == "Be brief."
    assert [(one.role, one.content) for one in asked.messages] == [
        ("user", "Alice: I pay"),
        ("assistant", "Noted."),
        ("user", "bob: No, I do"),
    ]


class Captions(ContentTranscoder):
    async def transcode(
        self, content: EventContent, source_binding: ChannelBinding, target_binding: ChannelBinding
    ) -> EventContent | None:
        if isinstance(content, MediaContent):
            return TextContent(body=f"{source_binding.channel_id}→{target_binding.channel_id}")
        if content == TextContent(body="unspeakable"):
            return None
        return content


async def test_a_transcoder_replaces_the_rules_for_channels_of_this_kit(kit: RoomKit) -> None:
    pager = await with_pager(kit, RetryPolicy(max_retries=0))
    kit.set_transcoder(Captions())
    image = MediaContent(url="https://example.com/a.png", mime_type="image/png")
    await kit.send_event("room", "ws", image)
    assert [event.content.body for event, *_ in pager.delivered] == ["ws→pager"]
    outcome = (await say(kit, "ws", "unspeakable")).delivery_results["pager"]
    assert (outcome.status, outcome.error.code) == ("failed", "transcoding_failed")
    kit.set_transcoder(None)
    await kit.send_event("room", "ws", image)
    assert pager.delivered[-1][0].content.body.startswith("[Media: ")


async def test_a_router_chooses_the_room() -> None:
    asked: list[tuple[Any, ...]] = []

    class ByPerson(InboundRoomRouter):
        async def route(
            self, channel_id: str, channel_type: ChannelType | None, participant_id: str | None
        ) -> str | None:
            asked.append((channel_id, channel_type, participant_id))
            return "room-of-user-1" if participant_id == "user-1" else None

    async with RoomKit(inbound_router=ByPerson()) as kit:
        kit.register_channel(websocket("ws"))
        await kit.create_room(room_id="only-room")
        await kit.attach_channel("only-room", "ws")
        message = InboundMessage(
            channel_id="ws", sender_id="user-2", content=TextContent(body="hello")
        )
        declined = await kit.process_inbound(message)
        routed = await say(kit, "ws", "hello")
        explicit = await say(kit, "ws", "hello", "only-room")
    assert (routed.room_id, declined.room_id) == ("room-of-user-1", "only-room")
    assert explicit.room_id == "only-room"
    assert asked[1] == ("ws", ChannelType.WEBSOCKET, "user-1")
    assert len(asked) == 2


async def test_a_plain_function_may_route() -> None:
    class Sync(InboundRoomRouter):
        def route(self, *_asked: object) -> str:  # type: ignore[override]
            return "chosen"

    async with RoomKit(inbound_router=Sync()) as kit:
        kit.register_channel(websocket("ws"))
        assert (await say(kit, "ws", "hello")).room_id == "chosen"


# ------------------------------------------------------------------ live connections


async def test_a_connection_hears_its_rooms(kit: RoomKit) -> None:
    inbox: list[tuple[str, str]] = []

    async def receive(connection_id: str, event: RoomEvent) -> None:
        inbox.append((connection_id, event.content.body))

    ws = WebSocketChannel("ws")
    ws.register_connection("conn-a", receive, "room-a")
    ws.register_connection("conn-all", receive)
    await furnish(kit, "room-a", ws, websocket("other"))
    await kit.create_room(room_id="room-b")
    await kit.attach_channel("room-b", "ws")
    await kit.attach_channel("room-b", "other")
    await say(kit, "other", "to a", "room-a")
    await say(kit, "other", "to b", "room-b")
    await until(lambda: len(inbox) == 3)
    assert sorted(inbox) == [("conn-a", "to a"), ("conn-all", "to a"), ("conn-all", "to b")]
    await kit.subscribe_websocket("ws", "conn-a", "room-b")
    await asyncio.sleep(0.05)
    await say(kit, "other", "to b again", "room-b")
    await until(lambda: ("conn-a", "to b again") in inbox)


async def test_an_unregistered_connection_hears_nothing_more(kit: RoomKit) -> None:
    inbox: list[str] = []
    ws = WebSocketChannel("ws")
    ws.register_connection("conn", lambda _conn, event: inbox.append(event.content.body))
    await furnish(kit, "room", ws, websocket("other"))
    await say(kit, "other", "first")
    await until(lambda: inbox)
    ws.unregister_connection("conn")
    await say(kit, "other", "second")
    assert inbox == ["first"]


async def test_nobody_connected_is_a_failed_delivery(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"), websocket("other"))
    outcome = (await say(kit, "other", "anybody?")).delivery_results["ws"]
    assert (outcome.status, outcome.error.code) == ("failed", "no_connection")


async def test_a_delivery_is_acknowledged_after_the_callback(kit: RoomKit) -> None:
    let_go = asyncio.Event()
    entered = asyncio.Event()

    async def slow(_conn: str, _event: RoomEvent) -> None:
        entered.set()
        await let_go.wait()

    ws = WebSocketChannel("ws")
    ws.register_connection("conn", slow)
    await furnish(kit, "room", ws, websocket("other"))
    message = InboundMessage(
        channel_id="other", sender_id="user-1", content=TextContent(body="hello")
    )
    result = await kit.process_inbound(message, wait="committed")
    await entered.wait()
    assert (await status_of(kit, result.event.id)) != "sent"
    let_go.set()
    async with asyncio.timeout(5):
        while await status_of(kit, result.event.id) != "sent":  # noqa: ASYNC110 - polls the service
            await asyncio.sleep(0.01)


async def status_of(kit: RoomKit, event_id: str) -> str | None:
    for event in await kit.store.list_events("room"):
        if event.id == event_id and "ws" in event.delivery_results:
            return str(event.delivery_results["ws"]["status"])
    return None


async def test_access_decides_who_hears_and_speaks(kit: RoomKit) -> None:
    provider = MockSMSProvider()
    await furnish(kit, "room", websocket("ws"))
    kit.register_channel(SMSChannel("sms", provider=provider))
    await kit.attach_channel("room", "sms", metadata=NUMBER, access=Access.WRITE_ONLY)
    await say(kit, "ws", "unheard")
    assert provider.sent == []
    await kit.set_access("room", "sms", Access.READ_ONLY)
    await say(kit, "ws", "heard")
    assert [one.event.content.body for one in provider.sent] == ["heard"]
    assert (await say(kit, "sms", "reply")).reason == "source_read_only"


async def test_a_provider_gets_recipient_and_sender(kit: RoomKit) -> None:
    provider = MockSMSProvider()
    await furnish(kit, "room", websocket("ws"))
    kit.register_channel(SMSChannel("sms", provider=provider, from_number="+15559990000"))
    await kit.attach_channel("room", "sms", metadata=NUMBER)
    await say(kit, "ws", "hello")
    assert provider.sent[0]["to"] == "+15550001111"
    assert provider.sent[0]["from"] == "+15559990000"


async def test_a_provider_that_refuses_fails_the_delivery(kit: RoomKit) -> None:
    provider = MockSMSProvider(fail_with="invalid_number")
    await furnish(kit, "room", websocket("ws"), ai("ai"))
    kit.register_channel(SMSChannel("sms", provider=provider))
    await kit.attach_channel("room", "sms", metadata=NUMBER)
    outcome = (await say(kit, "ws", "hello")).delivery_results["sms"]
    assert (outcome.status, outcome.error.code) == ("failed", "invalid_number")
    assert outcome.error.retryable is False
