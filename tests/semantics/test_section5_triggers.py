"""Semantics 5: every trigger fires when what it is named for happens, with its payload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hook_kit import DECIDE, OBSERVE, Worker, allow, block, hook, spec
from hooks_kit import author, echo, gate, phone, said_to, send, serve, watcher
from rooms_kit import House, house, text_content, timers
from trigger_stories import ADA, STORIES, Step, say

from roomd import v1 as pb
from roomd_server.core.triggers import TRIGGERS

TRIGGER_IDS = [number for number in pb.HookTrigger.values() if number]
GATES = (pb.HOOK_TRIGGER_BEFORE_BROADCAST, pb.HOOK_TRIGGER_BEFORE_DELIVER)


def name_of(trigger: int) -> str:
    return pb.HookTrigger.Name(trigger).removeprefix("HOOK_TRIGGER_").lower()


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


async def attached(h: House, trigger: int) -> Worker:
    """A worker with a hook on the trigger, of the mode that it takes."""
    if trigger in GATES:
        return await serve(h, hook("one", spec(DECIDE, trigger)), behave=lambda _: allow())
    return await watcher(h, trigger, name="one")


def test_s5_every_trigger_has_a_story() -> None:
    """Semantics 5: "All triggers": none of the protocol is without a row and a test."""
    assert set(STORIES) == set(TRIGGERS) == set(TRIGGER_IDS)


@pytest.mark.parametrize("trigger", TRIGGER_IDS, ids=name_of)
async def test_s5_every_trigger_fires_once_with_its_payload(h: House, trigger: int) -> None:
    """Semantics 5: "All triggers of the seeds, and those … that belong to built features"."""
    story = STORIES[trigger]
    if story.prepare is not None:
        await story.prepare(h)
    worker = await attached(h, trigger)
    await story.fire(h)
    invocation = await worker.asked()
    await echo(worker)
    assert len(worker.invocations) == 1
    assert invocation.trigger == trigger
    assert invocation.hook.WhichOneof("kind") == TRIGGERS[trigger].payload
    assert story.shows(invocation.hook) == story.carries
    assert invocation.room_id == story.facts.room_id
    payload = getattr(invocation.hook, TRIGGERS[trigger].payload)
    assert payload.room_id == story.facts.room_id
    assert payload.HasField("create_time")


# ------------------------------------------------------------------ other ways to the same


async def by_timer(h: House, what: str) -> None:
    """Let a timer of the room run out."""
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1", timers=timers(**{what: 60})))
    request.update_mask.paths.append("timers")
    await h.do(request)
    h.clock.pass_unseen(61)
    await h.do(pb.CheckRoomTimersRequest(room_id="r1"))


async def wake(h: House) -> None:
    await h.do(pb.PauseRoomRequest(room_id="r1"))
    await h.say("hello")


async def into_a_new_room(h: House) -> None:
    await h.register("fresh")
    message = pb.InboundMessage(channel_id="fresh", sender_id="bob", content=text_content("hi"))
    await h.do(pb.ProcessInboundRequest(message=message))


async def by_a_channel_not_attached(h: House) -> None:
    await h.register("fresh")
    await h.say("hello", channel_id="fresh")


async def ban(h: House) -> None:
    await h.do(pb.AddParticipantRequest(room_id="r1", participant=ADA))
    await h.do(pb.RemoveParticipantRequest(room_id="r1", participant_id="ada", ban=True))


async def task_of_a_hook(h: House) -> None:
    decision = pb.HookDecision(allow=pb.Allow(), tasks=[pb.Task(title="look at it")])
    await gate(h, lambda _: decision)
    await h.say("hello")


async def task_of_a_watcher(h: House) -> None:
    done = pb.Done(tasks=[pb.Task(title="look at it")])
    await serve(h, hook("finder", spec(OBSERVE)), behave=lambda _: done)
    await h.say("hello")


async def edit_by_message(h: House) -> None:
    first = (await h.say("hello")).event.event_id
    edit = pb.EditContent(target_event_id=first, new_content=text_content("changed"))
    await h.say(pb.Content(edit=edit))


async def delete_by_message(h: House) -> None:
    first = (await h.say("hello")).event.event_id
    await h.say(pb.Content(delete=pb.DeleteContent(target_event_id=first)))


async def no_number(h: House) -> None:
    """A telephone without a number."""
    await h.add("sms", pb.CHANNEL_TYPE_SMS, by="nobody", binding={"metadata": {}})
    await h.say("hello")


OTHER_WAYS: list[tuple[int, Step]] = [
    (pb.HOOK_TRIGGER_ON_ROOM_CREATED, into_a_new_room),
    (pb.HOOK_TRIGGER_ON_ROOM_PAUSED, lambda h: by_timer(h, "inactive")),
    (pb.HOOK_TRIGGER_ON_ROOM_CLOSED, lambda h: by_timer(h, "closed")),
    (pb.HOOK_TRIGGER_ON_ROOM_RESUMED, wake),
    (pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED, by_a_channel_not_attached),
    (pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED, say("hello")),
    (pb.HOOK_TRIGGER_ON_PARTICIPANT_LEFT, ban),
    (pb.HOOK_TRIGGER_ON_TASK_CREATED, task_of_a_hook),
    (pb.HOOK_TRIGGER_ON_TASK_CREATED, task_of_a_watcher),
    (pb.HOOK_TRIGGER_ON_EVENT_UPDATED, edit_by_message),
    (pb.HOOK_TRIGGER_ON_EVENT_DELETED, delete_by_message),
    (pb.HOOK_TRIGGER_ON_DELIVERY_STATUS, no_number),
]


@pytest.mark.parametrize(
    ("trigger", "fire"),
    OTHER_WAYS,
    ids=[f"{name_of(trigger)}-{getattr(fire, '__name__', '')}" for trigger, fire in OTHER_WAYS],
)
async def test_s5_triggers_fire_whatever_made_it_happen(h: House, trigger: int, fire: Step) -> None:
    """Semantics 5: a trigger fires for what happened, by whichever way: call, message, timer,
    hook, watcher.
    """
    worker = await watcher(h, trigger)
    await fire(h)
    await worker.asked()
    await echo(worker)
    assert len(worker.invocations) == 1


async def test_s5_before_and_after_broadcast_see_answers_too(h: House) -> None:
    """Semantics 5: BEFORE_BROADCAST and AFTER_BROADCAST are told of every event, the answers
    of an AI among them.
    """
    asked = await gate(h, lambda _: allow())
    told = await watcher(h)
    ai = await author(h)
    await send(h, "Q")
    await ai.say(events=[pb.RoomEvent(content=text_content("A"))])
    await told.asked(2)
    assert said_to(asked) == said_to(told) == ["Q", "A"]


async def test_s5_on_delivery_status_is_told_of_every_state(h: House) -> None:
    """Semantics 5: ON_DELIVERY_STATUS: SENT, then what the provider reports."""
    worker = await watcher(h, pb.HOOK_TRIGGER_ON_DELIVERY_STATUS)
    await phone(h)
    await h.say("hello")
    for state in (pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_READ):
        request = pb.ReportDeliveryStatusRequest(
            channel_id="sms", provider_message_id="m1", state=state
        )
        await h.do(request)
    await worker.asked(3)
    states = [one.hook.delivery.result.state for one in worker.invocations]
    wanted = [pb.DELIVERY_STATE_SENT, pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_READ]
    assert states == wanted


async def delivered_after(h: House, behave: Any = None) -> tuple[Worker, pb.DeliverResponse]:
    """Who watches AFTER_DELIVER, and what a delivery came to."""
    worker = await watcher(h, pb.HOOK_TRIGGER_AFTER_DELIVER)
    if behave is not None:
        await gate(h, behave)
    request = pb.DeliverRequest(room_id="r1", channel_id="sms", content=text_content("hello"))
    return worker, await h.do(request)


async def test_s5_after_deliver_says_when_it_was_not_delivered(h: House) -> None:
    """AFTER_DELIVER: the error is in the event's metadata."""
    provider = await phone(h)
    provider.outcome = pb.DeliveryResult(
        state=pb.DELIVERY_STATE_FAILED, error_code="no_such_number", error_message="unknown"
    )
    worker, _ = await delivered_after(h)
    told = (await worker.asked()).hook.event.metadata
    assert (told["error_type"], told["error"]) == ("no_such_number", "unknown")


async def test_s5_after_deliver_is_not_told_of_what_was_blocked(h: House) -> None:
    """AFTER_DELIVER: what a hook blocked was delivered to nobody."""
    await phone(h)
    worker, answer = await delivered_after(h, lambda _: block("no"))
    assert answer.outcome == pb.OUTCOME_BLOCKED
    await send(h)  # what was told before it has been told by then
    await echo(worker)
    assert worker.invocations == []


async def test_s5_on_session_started_fires_for_the_first_message_on_a_channel_only(
    h: House,
) -> None:
    """Semantics 5: ON_SESSION_STARTED: "The first message of a participant on a channel"."""
    worker = await watcher(h, pb.HOOK_TRIGGER_ON_SESSION_STARTED)
    await h.add("web")
    await h.say("one")
    await h.say("two")
    await h.say("three", channel_id="web")
    await worker.asked(2)
    await echo(worker)
    assert said_to(worker) == ["one", "three"]


async def test_s5_a_hook_has_one_or_more_triggers(h: House) -> None:
    """Semantics 5: "A hook has: triggers": one hook on several of them."""
    triggers = (pb.HOOK_TRIGGER_ON_ROOM_PAUSED, pb.HOOK_TRIGGER_ON_ROOM_CLOSED)
    worker = await watcher(h, *triggers)
    await h.do(pb.PauseRoomRequest(room_id="r1"))
    await h.do(pb.ResumeRoomRequest(room_id="r1"))
    await h.do(pb.CloseRoomRequest(room_id="r1"))
    await worker.asked(2)
    await echo(worker)
    assert [one.trigger for one in worker.invocations] == list(triggers)


async def test_s5_a_hook_without_a_trigger_is_refused(h: House) -> None:
    """Semantics 5: "A hook has: triggers": at least one."""
    described = pb.HookSpec(mode=pb.HOOK_MODE_DECIDE)
    failure = await h.failure(pb.CreateHookRequest(name="none", spec=described))
    assert failure.reason == "VALIDATION"
