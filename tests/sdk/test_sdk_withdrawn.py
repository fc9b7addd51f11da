"""What was withdrawn or edited reaches neither models, nor hooks, nor channels, nor callers."""

from __future__ import annotations

import asyncio

import pytest
from mission_rooms import furnish, say, sms, until, websocket

from roomd import (
    AIChannel,
    Channel,
    ChannelBinding,
    ChannelOutput,
    ChannelType,
    DeleteContent,
    DeliveryStatus,
    EditContent,
    EventSource,
    HookResult,
    HookTrigger,
    InboundMessage,
    MockAIProvider,
    RetryPolicy,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
)
from roomd import v1 as pb

SECRET = "secret"


def asked(provider: MockAIProvider) -> list[str]:
    """The words of the newest question, message by message."""
    return [str(one.content) for one in provider.calls[-1].messages]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_model_is_not_told_what_was_withdrawn_or_edited(
    kit: RoomKit, streaming: bool
) -> None:
    provider = MockAIProvider(responses=["Yes."], streaming=streaming)
    await furnish(kit, "room", websocket("ws"), AIChannel("ai", provider=provider))
    gone = await say(kit, "ws", f"my {SECRET} is 1234")
    better = await say(kit, "ws", f"the {SECRET} word")
    assert SECRET in asked(provider)[-1]
    await kit.delete_event("room", gone.event.id)
    await kit.update_event("room", better.event.id, TextContent(body="the word"))
    await say(kit, "ws", "hello")
    assert asked(provider) == ["Yes.", "the word", "Yes.", "hello"]
    assert SECRET not in provider.calls[-1].model_dump_json()


async def test_a_model_is_not_told_what_was_withdrawn_by_message(kit: RoomKit) -> None:
    """Not even in the edits that came before."""
    provider = MockAIProvider(responses=["Yes."])
    contexts: list[RoomContext] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def look(event: RoomEvent, ctx: RoomContext) -> HookResult:
        contexts.append(ctx)
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"), AIChannel("ai", provider=provider))
    said = await say(kit, "ws", f"{SECRET} one")
    for content in (
        EditContent(target_event_id=said.event.id, new_content=TextContent(body=f"{SECRET} two")),
        EditContent(target_event_id=said.event.id, new_content=TextContent(body=f"{SECRET} 3")),
        DeleteContent(target_event_id=said.event.id),
    ):
        message = InboundMessage(channel_id="ws", sender_id="user-1", content=content)
        assert (await kit.process_inbound(message)).event is not None
    await say(kit, "ws", "hello")
    assert SECRET not in provider.calls[-1].model_dump_json()
    assert SECRET not in contexts[-1].model_dump_json()
    timeline = await kit.get_timeline("room")
    assert SECRET not in "".join(event.model_dump_json() for event in timeline)
    assert not await kit.store.search_events(SECRET, "room")


async def test_a_hook_is_not_told_what_was_withdrawn_or_edited(kit: RoomKit) -> None:
    contexts: list[RoomContext] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def look(event: RoomEvent, ctx: RoomContext) -> HookResult:
        contexts.append(ctx)
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    gone = await say(kit, "ws", f"my {SECRET}")
    better = await say(kit, "ws", f"a {SECRET}")
    await kit.delete_event("room", gone.event.id)
    await kit.update_event("room", better.event.id, TextContent(body="nothing"))
    await say(kit, "ws", "hello")
    first, second = contexts[-1].recent_events[-2:]
    assert (first.content.body, first.metadata["deleted"]) == ("", True)
    assert second.content.body == "nothing"
    assert SECRET not in contexts[-1].model_dump_json()


async def test_a_model_sees_only_what_its_channel_may_see(kit: RoomKit) -> None:
    provider = MockAIProvider(responses=["Yes."])
    await furnish(kit, "room", websocket("ws"), sms("sms"), AIChannel("ai", provider=provider))
    await kit.send_event("room", "ws", TextContent(body=f"{SECRET} of staff"), visibility="sms")
    await kit.send_event("room", "ws", TextContent(body=f"{SECRET} note"), visibility="transport")
    await say(kit, "ws", "hello")
    assert asked(provider) == ["hello"]
    assert SECRET not in provider.calls[-1].model_dump_json()


class Late(Channel):
    """A channel whose first attempt fails, when it is let go."""

    channel_type = ChannelType.PUSH

    def __init__(self, channel_id: str) -> None:
        super().__init__(channel_id)
        self.attempts: list[str] = []
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        source = EventSource(channel_id=self.channel_id, channel_type=self.channel_type)
        return RoomEvent(room_id=context.room.id, source=source, content=message.content)

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        self.attempts.append(event.model_dump_json())
        if len(self.attempts) == 1:
            self.asked.set()
            await self.go.wait()
            raise ConnectionError("not now")
        return ChannelOutput.empty()


async def with_late(kit: RoomKit) -> Late:
    late = Late("late")
    await furnish(kit, "room", websocket("ws"))
    kit.register_channel(late)
    policy = RetryPolicy(base_delay_seconds=0.1)
    await kit.attach_channel("room", "late", retry_policy=policy)
    return late


async def test_a_delivery_that_waits_does_not_bring_what_was_withdrawn(kit: RoomKit) -> None:
    told: list[DeliveryStatus] = []
    kit.on_delivery_status(told.append)
    late = await with_late(kit)
    said = await kit.send_event("room", "ws", TextContent(body=SECRET), wait="committed")
    await late.asked.wait()
    await kit.delete_event("room", said.id)
    late.go.set()
    await kit.send_event("room", "ws", TextContent(body="next"), wait="committed")
    await until(lambda: len(late.attempts) > 1)
    assert "next" in late.attempts[1]
    assert len(late.attempts) == 2
    await until(lambda: [one for one in told if one.error_code == "event_deleted"])


async def test_a_delivery_that_waits_brings_what_was_made_of_it(kit: RoomKit) -> None:
    late = await with_late(kit)
    said = await kit.send_event("room", "ws", TextContent(body=SECRET), wait="committed")
    await late.asked.wait()
    await kit.update_event("room", said.id, TextContent(body="better"))
    late.go.set()
    await until(lambda: len(late.attempts) > 1)
    assert "better" in late.attempts[1]
    assert SECRET not in late.attempts[1]


async def test_a_key_used_again_gives_the_event_as_it_is_now(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    content = TextContent(body=SECRET)
    first = await kit.send_event("room", "ws", content, idempotency_key="k")
    await kit.delete_event("room", first.id)
    again = await kit.send_event("room", "ws", content, idempotency_key="k")
    assert again.id == first.id
    assert SECRET not in again.model_dump_json()


async def test_an_observer_of_a_finished_delivery_sees_the_event_as_it_is_now(
    kit: RoomKit,
) -> None:
    seen: list[RoomEvent] = []

    @kit.hook(HookTrigger.AFTER_DELIVER)
    async def watch(event: RoomEvent, ctx: RoomContext) -> None:
        seen.append(event)

    late = await with_late(kit)
    said = await kit.deliver("room", SECRET, "late")
    assert said is not None
    await late.asked.wait()
    await kit.delete_event("room", said.id)
    late.go.set()
    await until(lambda: seen)
    assert (seen[0].id, seen[0].metadata["deleted"]) == (said.id, True)
    assert SECRET not in seen[0].model_dump_json()


async def test_the_first_answer_of_a_key_is_given_as_it_is_now(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    request = pb.DeliverRequest(
        room_id="room",
        content=pb.Content(text=pb.TextContent(body=SECRET)),
        idempotency_key="k",
    )
    first = await kit._session.call("EventService/Deliver", request, pb.DeliverResponse)
    await kit.delete_event("room", first.event.event_id)
    again = await kit._session.call("EventService/Deliver", request, pb.DeliverResponse)
    assert (again.outcome, again.event.event_id) == (pb.OUTCOME_DUPLICATE, first.event.event_id)
    assert SECRET.encode() not in again.SerializeToString()


async def test_an_edit_that_waits_is_not_delivered_once_it_is_outdated(kit: RoomKit) -> None:
    late = await with_late(kit)
    said = await say_late(kit, TextContent(body="first"))
    await late.asked.wait()
    for body in (SECRET, "better"):
        await say_late(kit, EditContent(target_event_id=said, new_content=TextContent(body=body)))
    late.go.set()
    await until(lambda: len(late.attempts) == 3)
    assert "better" in late.attempts[1]
    assert "Correction: better" in late.attempts[2]
    assert SECRET not in "".join(late.attempts)


async def say_late(kit: RoomKit, content: TextContent | EditContent) -> str:
    message = InboundMessage(channel_id="ws", sender_id="user-1", content=content)
    result = await kit.process_inbound(message, wait="committed")
    assert result.event is not None
    return result.event.id
