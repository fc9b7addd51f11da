"""Hooks of the application: what they may answer, see and do, and what becomes of mistakes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from mission_rooms import ai, furnish, say, sms, until, websocket

from roomd import (
    ChannelDirection,
    ChannelType,
    EventSource,
    HookExecution,
    HookResult,
    HookTrigger,
    InboundMessage,
    InjectedEvent,
    Observation,
    RoomContext,
    RoomEvent,
    RoomKit,
    Task,
    TextContent,
    WouldDeadlockError,
)
from roomd import v1 as pb
from roomd._convert import HOOK_TRIGGERS
from roomd._hooks import MUTABLE
from roomd_server.core.triggers import TRIGGERS

BEFORE, AFTER = HookTrigger.BEFORE_BROADCAST, HookTrigger.AFTER_BROADCAST


async def timeline(kit: RoomKit, room_id: str = "room") -> list[RoomEvent]:
    return await kit.store.list_events(room_id, conversation_only=True)


async def test_allow_block_and_modify(kit: RoomKit) -> None:
    @kit.hook(BEFORE)
    async def judge(event: RoomEvent, ctx: RoomContext) -> HookResult:
        match event.content.body:
            case "bad":
                return HookResult.block("no such words")
            case "secret":
                content = TextContent(body="[REDACTED]")
                return HookResult.modify(event.model_copy(update={"content": content}))
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    results = [await say(kit, "ws", body) for body in ("good", "bad", "secret")]
    assert [(one.blocked, one.reason) for one in results] == [
        (False, None),
        (True, "no such words"),
        (False, None),
    ]
    assert [(one.content.body, one.status == "blocked") for one in await timeline(kit)] == [
        ("good", False),
        ("bad", True),
        ("[REDACTED]", False),
    ]
    assert results[1].event.blocked_by == "judge"


async def test_modify_changes_only_what_differs(kit: RoomKit) -> None:
    """Two hooks change different fields; the second does not undo the first."""

    @kit.hook(BEFORE, priority=1)
    async def mark(event: RoomEvent, ctx: RoomContext) -> HookResult:
        metadata = {**event.metadata, "checked": True}
        return HookResult.modify(event.model_copy(update={"metadata": metadata}))

    @kit.hook(BEFORE, priority=2)
    async def shout(event: RoomEvent, ctx: RoomContext) -> HookResult:
        assert event.metadata["checked"] is True
        content = TextContent(body=event.content.body.upper())
        return HookResult.modify(event.model_copy(update={"content": content}))

    await furnish(kit, "room", websocket("ws"))
    event = (await say(kit, "ws", "hello")).event
    assert (event.content.body, event.metadata["checked"]) == ("HELLO", True)


def forged(event: RoomEvent, field: str) -> RoomEvent:
    """The event with other words and one thing more that is not the hook's to change."""
    values = {
        "source": event.source.model_copy(update={"participant_id": "somebody-else"}),
        "status": "read",
        "chain_depth": 4,
        "metadata": {"_hooks": {"other": "said so"}},
    }
    update = {"content": TextContent(body="changed"), field: values[field]}
    return event.model_copy(update=update)


@pytest.mark.parametrize("field", ["source", "status", "chain_depth", "metadata"])
async def test_what_a_hook_may_not_change_is_its_failure(
    kit: RoomKit, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    """It is said where its author looks, and in the trace; and nothing of it is applied."""

    @kit.hook(BEFORE)
    async def forge(event: RoomEvent, ctx: RoomContext) -> HookResult:
        return HookResult.modify(forged(event, field))

    await furnish(kit, "room", websocket("ws"))
    event = (await say(kit, "ws", "hello")).event
    assert (event.content.body, event.source.participant_id) == ("hello", "user-1")
    name = "metadata._hooks" if field == "metadata" else field
    wanted = f"HookResult.modify changed {name}; before_broadcast lets change content, metadata"
    assert wanted in caplog.text
    stored = await kit._session.call(
        "EventService/GetEvent",
        pb.GetEventRequest(room_id="room", event_id=event.id),
        pb.GetEventResponse,
    )
    (trace,) = stored.event.hook_trace
    assert trace.decision == "error"
    assert wanted in trace.reason


async def test_a_proactive_text_lets_a_hook_change_less(
    kit: RoomKit, caplog: pytest.LogCaptureFixture
) -> None:
    @kit.hook(HookTrigger.BEFORE_DELIVER)
    async def hide(event: RoomEvent, ctx: RoomContext) -> HookResult:
        return HookResult.modify(event.model_copy(update={"visibility": "none"}))

    await furnish(kit, "room", websocket("ws"))
    event = await kit.deliver("room", "reminder", "ws")
    assert event is not None
    assert event.visibility == "all"
    wanted = "HookResult.modify changed visibility; before_deliver lets change content, metadata"
    assert wanted in caplog.text


async def test_an_event_that_a_hook_made_itself_changes_what_it_says(kit: RoomKit) -> None:
    """Its id and time are new, but nobody asked for others."""

    @kit.hook(BEFORE)
    async def retell(event: RoomEvent, ctx: RoomContext) -> HookResult:
        content = TextContent(body="retold")
        return HookResult.modify(
            RoomEvent(room_id=event.room_id, source=event.source, content=content)
        )

    await furnish(kit, "room", websocket("ws"))
    event = (await say(kit, "ws", "hello")).event
    assert (event.content.body, event.source.participant_id) == ("retold", "user-1")


async def test_a_hook_that_watches_is_told_that_it_cannot_block(
    kit: RoomKit, caplog: pytest.LogCaptureFixture
) -> None:
    @kit.hook(AFTER)
    async def too_late(event: RoomEvent, ctx: RoomContext) -> HookResult:
        return HookResult.block("no")

    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "hello")
    assert "too_late watches what has happened: its block has no effect" in caplog.text


def test_what_may_change_is_what_the_server_lets_change() -> None:
    for trigger, mutable in MUTABLE.items():
        row = TRIGGERS[HOOK_TRIGGERS.number(trigger)]
        assert tuple(f"event.{name}" for name in mutable) == row.mutable
    deciding = {number for number, row in TRIGGERS.items() if row.mutable}
    assert {HOOK_TRIGGERS.number(trigger) for trigger in MUTABLE} == deciding


async def test_everything_that_a_result_may_carry(kit: RoomKit) -> None:
    heard: list[RoomEvent] = []
    viewer = websocket("ws-viewer")
    viewer.register_connection("conn", lambda _conn, event: heard.append(event))

    @kit.hook(BEFORE)
    async def add(event: RoomEvent, ctx: RoomContext) -> HookResult:
        if event.content.body != "please":
            return HookResult.allow()
        source = EventSource(channel_id="ws", channel_type=ChannelType.WEBSOCKET)
        notice = RoomEvent(
            room_id=event.room_id, source=source, content=TextContent(body="noted by the hook")
        )
        return HookResult.block(
            "waits for approval",
            injected_events=[InjectedEvent(event=notice, target_channel_ids=["ws-viewer"])],
            tasks=[Task(title="Approve", assigned_to="boss", metadata={"of": event.id})],
            observations=[Observation(content="polite", category="tone", confidence=0.75)],
        )

    await furnish(kit, "room", websocket("ws"), viewer)
    assert (await say(kit, "ws", "please")).blocked
    await until(lambda: heard)
    assert heard[0].content.body == "noted by the hook"
    (task,) = await kit.list_tasks("room")
    (found,) = await kit.list_observations("room")
    assert (task.title, task.assigned_to, task.room_id) == ("Approve", "boss", "room")
    assert (found.content, found.category, found.confidence) == ("polite", "tone", 0.75)


@pytest.mark.parametrize("answer", [None, True, "allow", {"action": "allow"}])
async def test_an_answer_that_is_no_result_is_the_hooks_failure(kit: RoomKit, answer: Any) -> None:
    """Its policy, ALLOW, applies; the trace of the event says so."""
    errors: list[Any] = []

    @kit.on("hook_error")
    async def note(event: Any) -> None:
        errors.append(event)

    @kit.hook(BEFORE, name="confused")
    async def confused(event: RoomEvent, ctx: RoomContext) -> Any:
        return answer

    await furnish(kit, "room", websocket("ws"))
    assert not (await say(kit, "ws", "hello")).blocked
    await until(lambda: errors)
    assert "HookResult" in str(errors[0].data)


async def test_a_hook_that_raises_does_not_stop_the_message(kit: RoomKit) -> None:
    @kit.hook(BEFORE)
    async def broken(event: RoomEvent, ctx: RoomContext) -> HookResult:
        raise RuntimeError("boom")

    await furnish(kit, "room", websocket("ws"))
    assert not (await say(kit, "ws", "hello")).blocked


async def test_a_hook_that_hangs_costs_its_timeout(kit: RoomKit) -> None:
    cancelled = asyncio.Event()

    @kit.hook(BEFORE, timeout=0.3)
    async def slow(event: RoomEvent, ctx: RoomContext) -> HookResult:
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.set()
        return HookResult.block("too late")

    await furnish(kit, "room", websocket("ws"))
    began = time.perf_counter()
    assert not (await say(kit, "ws", "hello")).blocked
    assert 0.25 < time.perf_counter() - began < 2


async def test_plain_functions_are_hooks_too(kit: RoomKit) -> None:
    @kit.hook(BEFORE)
    def refuse(event: RoomEvent, ctx: RoomContext) -> HookResult:
        return HookResult.block("plainly")

    await furnish(kit, "room", websocket("ws"))
    assert (await say(kit, "ws", "hello")).reason == "plainly"


async def test_a_hook_may_take_the_event_alone(kit: RoomKit) -> None:
    @kit.hook(BEFORE)
    def refuse(event: RoomEvent) -> HookResult:
        return HookResult.block(f"not {event.content.body}")

    await furnish(kit, "room", websocket("ws"))
    assert (await say(kit, "ws", "hello")).reason == "not hello"


async def test_async_hooks_watch_and_find(kit: RoomKit) -> None:
    seen: list[str] = []

    @kit.hook(AFTER, execution=HookExecution.ASYNC)
    async def watch(event: RoomEvent, ctx: RoomContext) -> HookResult | None:
        seen.append(event.content.body)
        if event.content.body == "hello":
            return HookResult.allow(observations=[Observation(content="a greeting")])
        return None

    await furnish(kit, "room", websocket("ws"), ai("ai", "Hi!"))
    await say(kit, "ws", "hello")
    await until(lambda: len(seen) == 2)
    assert sorted(seen) == ["Hi!", "hello"]
    found: list[Observation] = []
    while not found:
        found = await kit.list_observations("room")
    assert [one.content for one in found] == ["a greeting"]


async def test_an_async_hook_that_raises_is_called_again_for_the_next(kit: RoomKit) -> None:
    seen: list[str] = []

    @kit.hook(AFTER, execution=HookExecution.ASYNC)
    async def fragile(event: RoomEvent, ctx: RoomContext) -> None:
        seen.append(event.content.body)
        raise RuntimeError("boom")

    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "one")
    await say(kit, "ws", "two")
    await until(lambda: {"one", "two"} <= set(seen))


async def test_hooks_run_in_order_of_priority(kit: RoomKit) -> None:
    order: list[str] = []

    def hook(name: str, priority: int) -> None:
        @kit.hook(BEFORE, name=name, priority=priority)
        def note(event: RoomEvent) -> HookResult:
            order.append(name)
            return HookResult.allow()

    for name, priority in (("last", 10), ("first", -5), ("b-same", 3), ("a-same", 3)):
        hook(name, priority)
    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "hello")
    assert order == ["first", "a-same", "b-same", "last"]


async def test_two_hooks_may_have_one_name(kit: RoomKit) -> None:
    called: list[int] = []

    def hook(number: int) -> None:
        @kit.hook(BEFORE, name="check")
        def check(event: RoomEvent) -> HookResult:
            called.append(number)
            return HookResult.allow()

    hook(1)
    hook(2)
    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "hello")
    assert sorted(called) == [1, 2]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"channel_types": {ChannelType.SMS}}, ["from sms"]),
        ({"channel_ids": {"ws"}}, ["from ws"]),
        ({"directions": {ChannelDirection.INBOUND}}, ["from sms", "from ws"]),
        ({"directions": {ChannelDirection.OUTBOUND}}, []),
        ({}, ["from sms", "from ws"]),
    ],
)
async def test_filters(kit: RoomKit, filters: dict[str, Any], expected: list[str]) -> None:
    seen: list[str] = []

    @kit.hook(BEFORE, **filters)
    def note(event: RoomEvent) -> HookResult:
        seen.append(event.content.body)
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"), sms("sms"))
    await say(kit, "ws", "from ws")
    await say(kit, "sms", "from sms")
    assert sorted(seen) == expected


async def test_a_hook_is_told_the_room(kit: RoomKit) -> None:
    contexts: list[RoomContext] = []

    @kit.hook(BEFORE, recent_events=2)
    async def look(event: RoomEvent, ctx: RoomContext) -> HookResult:
        contexts.append(ctx)
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"), websocket("ws-2"))
    await kit.update_room_metadata("room", {"topic": "billing"})
    for body in ("one", "two", "three", "four"):
        await say(kit, "ws", body)
    ctx = contexts[-1]
    assert ctx.room.metadata == {"topic": "billing"}
    assert {binding.channel_id for binding in ctx.bindings} == {"ws", "ws-2"}
    assert ctx.get_binding("ws-2").channel_type == ChannelType.WEBSOCKET
    assert ctx.get_binding("nobody") is None
    assert [who.id for who in ctx.participants] == ["user-1"]
    assert [one.content.body for one in ctx.recent_events] == ["two", "three"]


async def test_a_deciding_hook_is_told_the_events_room_and_time(kit: RoomKit) -> None:
    seen: list[RoomEvent] = []

    @kit.hook(BEFORE)
    def look(event: RoomEvent) -> HookResult:
        seen.append(event)
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    stored = (await say(kit, "ws", "hello")).event
    assert (seen[0].id, seen[0].room_id) == (stored.id, "room")
    assert abs((seen[0].created_at - stored.created_at).total_seconds()) < 5


async def test_room_hooks_come_and_go(kit: RoomKit) -> None:
    await furnish(kit, "a", websocket("ws-a"))
    await furnish(kit, "b", websocket("ws-b"))

    def refuse(event: RoomEvent) -> HookResult:
        return HookResult.block("not here")

    kit.add_room_hook("a", BEFORE, HookExecution.SYNC, refuse, name="guard")
    assert (await say(kit, "ws-a", "hello")).blocked
    assert not (await say(kit, "ws-b", "hello")).blocked
    assert kit.remove_room_hook("a", "guard")
    assert not kit.remove_room_hook("a", "guard")
    assert not await kit.remove_room_hook("a", "never was")
    assert not (await say(kit, "ws-a", "hello")).blocked


async def test_a_deciding_hook_that_calls_its_room_is_told_of_the_deadlock(kit: RoomKit) -> None:
    refused: list[BaseException] = []

    @kit.hook(BEFORE)
    async def call_back(event: RoomEvent, ctx: RoomContext) -> HookResult:
        if event.content.body == "hello":
            try:
                await kit.send_event(ctx.room.id, "ws", TextContent(body="me too"))
            except WouldDeadlockError as error:
                refused.append(error)
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    began = time.perf_counter()
    assert not (await say(kit, "ws", "hello")).blocked
    assert time.perf_counter() - began < 2
    assert [error.reason for error in refused] == ["WOULD_DEADLOCK"]


async def test_a_watching_hook_may_call_its_room(kit: RoomKit) -> None:
    @kit.hook(AFTER, execution=HookExecution.ASYNC)
    async def answer(event: RoomEvent, ctx: RoomContext) -> None:
        if event.content.body == "hello":
            await kit.send_event(event.room_id, "ws", TextContent(body="me too"))

    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "hello")
    said: list[str] = []
    while len(said) < 2:
        said = [one.content.body for one in await timeline(kit)]
    assert said == ["hello", "me too"]


LIFECYCLE = [
    HookTrigger.ON_ROOM_CREATED,
    HookTrigger.ON_CHANNEL_ATTACHED,
    HookTrigger.ON_CHANNEL_MUTED,
    HookTrigger.ON_CHANNEL_UNMUTED,
    HookTrigger.ON_PARTICIPANT_JOINED,
    HookTrigger.ON_TASK_CREATED,
    HookTrigger.ON_FEEDBACK,
    HookTrigger.ON_CHANNEL_DETACHED,
    HookTrigger.ON_ROOM_PAUSED,
    HookTrigger.ON_ROOM_RESUMED,
    HookTrigger.ON_ROOM_CLOSED,
    HookTrigger.ON_ROOM_ARCHIVED,
]


async def test_the_life_of_a_room_is_watched(kit: RoomKit) -> None:
    fired: list[HookTrigger] = []

    def watch(trigger: HookTrigger) -> None:
        @kit.hook(trigger, execution=HookExecution.ASYNC, name=f"on-{trigger}")
        async def note(payload: Any, ctx: RoomContext) -> None:
            assert payload is not None
            assert ctx.room.id == "room"
            fired.append(trigger)

    for trigger in LIFECYCLE:
        watch(trigger)
    await furnish(kit, "room", websocket("ws"))
    await kit.mute("room", "ws")
    await kit.unmute("room", "ws")
    await kit.add_member("room", "ws", "alice")
    await kit.create_task("room", Task(title="Call"))
    await kit.submit_feedback("room", rating=1.0)
    await kit.detach_channel("room", "ws")
    await kit.pause_room("room")
    await kit.resume_room("room")
    await kit.close_room("room")
    await kit.archive_room("room")
    await until(lambda: set(LIFECYCLE) <= set(fired))
    assert len(fired) == len(LIFECYCLE)


async def test_large_contents_reach_a_hook(kit: RoomKit) -> None:
    """Over 1 MiB the worker stream carries a reference, which is fetched unseen."""
    lengths: list[int] = []

    @kit.hook(BEFORE)
    def measure(event: RoomEvent) -> HookResult:
        lengths.append(len(str(event.metadata.get("blob", ""))))
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    message = InboundMessage(
        channel_id="ws",
        sender_id="user-1",
        content=TextContent(body="see metadata"),
        metadata={"blob": "x" * 60_000},
    )
    await kit.process_inbound(message)
    assert lengths == [60_000]
