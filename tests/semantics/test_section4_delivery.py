"""Semantics 4, steps 13 and 15: lanes, what becomes of deliveries, observers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_fakes import until
from google.protobuf.duration_pb2 import Duration
from hook_kit import DECIDE, OBSERVE, allow, block
from pipeline_kit import House, Room, after, answers, content, echo, room_in, sent, served
from pipeline_watch import subscribed

from roomd import v1 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_RETRY = {"retry_policy": pb.RetryPolicy(max_retries=0)}
HOURLY = {"rate_limit": pb.RateLimit(max_per_hour=1)}
FAILS = pb.Failure(status=pb.Status(code=14, message="out of order"), retryable=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


async def result_of(room: Room, event_id: str, state: int, name: str = "phone") -> Any:
    """The delivery of an event, once it is in this state."""
    async with asyncio.timeout(5):
        while True:
            result = (await room.rows(event_id))[name]
            if result.state == state:
                return result
            await asyncio.sleep(0.005)


# ------------------------------------------------------------------ 13: lanes


async def test_s4_step13_a_lane_delivers_in_index_order(room: Room) -> None:
    """Per (room, target) lane in index order, whoever sent and however long each one took."""

    async def slow(invocation: pb.Invocation) -> pb.HandlerResult:
        await asyncio.sleep(0.002 * (invocation.call.deliver.event.index % 3))
        return sent()

    phone = await room.phone(answer=slow)
    await asyncio.gather(*(room.say(f"m{number}") for number in range(20)))
    await phone.until(20)
    indexes = [delivery.event.index for delivery in phone.got]
    assert indexes == [event.index for event in await room.events()]


async def test_s4_step13_a_lane_makes_one_delivery_at_a_time(room: Room) -> None:
    """In order: the next one goes when this one has ended."""
    opened = asyncio.Event()
    phone = await room.phone(answer=lambda _: after(opened, sent()))
    for text in "abc":
        await room.say(text)
    await phone.until(1)
    await echo(phone.worker)
    assert phone.texts == ["a"]
    opened.set()
    await phone.until(3)
    assert phone.texts == ["a", "b", "c"]


async def test_s4_step13_no_lane_waits_for_another_target(room: Room) -> None:
    """No lane waits for another: a phone that hangs delays no other phone."""
    hanging = await room.phone("hanging", lambda _: after(asyncio.Event(), sent()))
    phone = await room.phone()
    for text in "abc":
        await room.say(text)
    await phone.until(3)
    assert phone.texts == ["a", "b", "c"]
    assert hanging.texts == ["a"]


async def test_s4_step13_no_lane_waits_for_another_room(house: House, room: Room) -> None:
    """Per (room, target): the same target in another room has a lane of its own."""
    hold = asyncio.Event()

    def behave(invocation: pb.Invocation) -> Any:
        return after(hold, sent()) if invocation.room_id == room.room_id else sent()

    phone = await room.phone(answer=behave)
    await room.say("held")
    await phone.until(1)
    async with room_in(house) as other:
        await other.call("AttachChannel", channel_id=room.id("phone"))
        await other.say("free", wait=pb.WAIT_DELIVERED)
    assert phone.texts == ["held", "free"]


async def test_s4_step13_a_failing_target_fails_alone(room: Room) -> None:
    """Each target has its own result."""
    await room.phone("broken", lambda _: pb.Failure(status=pb.Status(message="no")))
    await room.phone()
    answer = await room.say(wait=pb.WAIT_DELIVERED)
    rows = await room.rows(answer.event.event_id)
    assert {name: row.state for name, row in rows.items()} == {
        "broken": pb.DELIVERY_STATE_FAILED,
        "phone": pb.DELIVERY_STATE_SENT,
    }


# ------------------------------------------------------------------ 13: one delivery


async def test_s4_step13_the_limit_is_before_the_send(room: Room) -> None:
    """Limit → send: what finds no place before its deadline is not sent."""
    phone = await room.phone(**HOURLY)
    await room.say("a", wait=pb.WAIT_DELIVERED)
    answer = await room.say("b", wait=pb.WAIT_DELIVERED)
    result = (await room.rows(answer.event.event_id))["phone"]
    assert (result.state, result.error_code) == (pb.DELIVERY_STATE_FAILED, "rate_limited")
    assert phone.texts == ["a"]


async def test_s4_step13_transcoding_is_before_the_limit(room: Room) -> None:
    """Transcode → limit: what cannot be shown takes nobody's place."""
    phone = await room.phone(**HOURLY)
    await room.say("", wait=pb.WAIT_DELIVERED)
    await room.say("shown", wait=pb.WAIT_DELIVERED)
    assert phone.texts == ["shown"]


async def test_s4_step13_who_waits_for_attempts_does_not_wait_for_retries_of_others(
    room: Room,
) -> None:
    """In index order: behind one that waits for its worker all wait; their callers need not."""
    phone = await room.phone()
    await phone.worker.kill()
    async with asyncio.timeout(4):
        answers = [await room.say(text, wait=pb.WAIT_DELIVERED) for text in "abc"]
    results = [answer.deliveries[0].result for answer in answers]
    assert {one.state for one in results} == {pb.DELIVERY_STATE_PENDING}
    assert [one.error_code for one in results] == ["no_worker"] * 3
    assert results[2].error_message.startswith("waits behind another")


async def test_s4_step13_who_waits_for_attempts_is_told_of_them_once_they_can_be_made(
    room: Room,
) -> None:
    """In index order: when the first has gone, those behind it are waited for again."""
    failing = [FAILS]
    phone = await room.phone(
        answer=lambda _: failing.pop() if failing else sent(),
        retry_policy=pb.RetryPolicy(max_retries=3, base_delay=Duration(nanos=50_000_000)),
    )
    first = await room.say("a", wait=pb.WAIT_DELIVERED)
    assert first.deliveries[0].result.state == pb.DELIVERY_STATE_PENDING
    await phone.until(2)
    later = await room.say("b", wait=pb.WAIT_DELIVERED)
    assert later.deliveries[0].result.state == pb.DELIVERY_STATE_SENT
    assert phone.texts == ["a", "a", "b"]


async def test_s4_step13_the_breaker_is_before_the_send(room: Room) -> None:
    """Breaker → send: after five failures in a row the channel is left alone."""
    phone = await room.phone(answer=lambda _: FAILS, **NO_RETRY)
    for number in range(5):
        await room.say(f"m{number}", wait=pb.WAIT_DELIVERED)
    last = await room.say("m5", wait=pb.WAIT_DELIVERED)
    (told,) = last.deliveries
    assert told.result.error_code == "circuit_open"
    await echo(phone.worker)
    assert len(phone.got) == 5


async def test_s4_step13_the_send_has_a_deadline(room: Room) -> None:
    """Send (deadline): a channel that hangs holds its lane no longer than that."""
    phone = await room.phone(
        answer=lambda _: after(asyncio.Event(), sent()),
        channel={"delivery_deadline": Duration(nanos=150_000_000)},
    )
    answer = await room.say()
    result = await result_of(room, answer.event.event_id, pb.DELIVERY_STATE_EXPIRED)
    assert result.error_code == "timeout"
    await room.say("next")
    await phone.until(2)


async def test_s4_step13_an_answer_has_a_deadline_too(room: Room) -> None:
    """Send (deadline): a model that hangs holds its lane no longer than that."""
    ai = await room.model(
        answer=lambda _: after(asyncio.Event(), answers()),
        channel={"delivery_deadline": Duration(nanos=150_000_000)},
    )
    answer = await room.say()
    result = await result_of(room, answer.event.event_id, pb.DELIVERY_STATE_EXPIRED, "ai")
    assert result.error_code == "timeout"
    await room.say("next")
    await ai.until(2)


@pytest.mark.sqlite_only
async def test_s4_step13_what_is_too_late_after_a_restart_is_not_sent(tmp_path: Path) -> None:
    """Send (deadline): one that passed while the server was down has passed."""
    soon = {"delivery_deadline": Duration(nanos=50_000_000)}
    nobody = pb.ChannelImplementation(worker=pb.ChannelImplementation.Worker(handler="nobody"))
    async with served(f"{tmp_path}/a.db") as house:
        room = await house.room("r")
        await room.add("phone", pb.CHANNEL_TYPE_PUSH, implementation=nobody, channel=soon)
        answer = await room.say()
        for end in ("", "-wal"):
            shutil.copy(f"{tmp_path}/a.db{end}", f"{tmp_path}/b.db{end}")
        event_id = answer.event.event_id
        await result_of(room, event_id, pb.DELIVERY_STATE_EXPIRED)
    async with served(f"{tmp_path}/b.db") as house:
        again = Room(house, "r")
        await result_of(again, event_id, pb.DELIVERY_STATE_EXPIRED)
        handler = pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec())
        worker = await house.worker(pb.Handler(name="nobody", spec=handler))
        await echo(worker)
        assert worker.invocations == []
        await worker.kill()


async def test_s4_step13_results_land_in_the_delivery_row(room: Room) -> None:
    """Results land in the delivery row."""
    await room.phone(answer=lambda _: sent("provider-1"))
    answer = await room.say(wait=pb.WAIT_DELIVERED)
    (row,) = (await room.call("ListDeliveries", event_id=answer.event.event_id)).deliveries
    assert row.result.state == pb.DELIVERY_STATE_SENT
    assert row.result.provider_message_id == "provider-1"
    assert row.attempts == 1
    assert row.event_index == answer.event.index


@pytest.mark.parametrize("state", [pb.DELIVERY_STATE_SENT, pb.DELIVERY_STATE_FAILED])
async def test_s4_step13_results_reach_subscribers(room: Room, state: int) -> None:
    """… and reach subscribers."""
    result = pb.DeliveryResult(state=state, provider_message_id="p", error_code="")
    outcome = pb.HandlerResult(delivery=pb.DeliveryOutcome(result=result))
    await room.phone(answer=lambda _: outcome)
    async with subscribed(room) as items:
        answer = await room.say()

        def told() -> list[pb.Delivery]:
            changed = [one.event_changed for one in items if one.HasField("event_changed")]
            return [one.delivery for one in changed if one.HasField("delivery")]

        await until(told)
        (delivery,) = told()
    assert delivery.event_id == answer.event.event_id
    assert delivery.channel_id == room.id("phone")
    assert delivery.result.state == state


# ------------------------------------------------------------------ 15: observers


async def test_s4_step15_observers_see_what_was_committed(room: Room) -> None:
    """AFTER_BROADCAST observers: after the commit, with its place in the timeline."""
    found: list[bool] = []

    async def look(invocation: pb.Invocation) -> pb.Done:
        event = invocation.hook.event
        stored = await room.call("GetEvent", event_id=event.event_id)
        found.append(stored.event.index == event.index)
        return pb.Done()

    await room.hook("see", look, OBSERVE)
    await room.say("a", wait=pb.WAIT_DELIVERED)
    assert found == [True]


async def test_s4_step15_observers_do_not_see_what_was_blocked(room: Room) -> None:
    """AFTER_BROADCAST: what was blocked was not broadcast."""
    seen = await room.hook("see", lambda _: pb.Done(), OBSERVE)

    def decide(invocation: pb.Invocation) -> pb.HookDecision:
        return block() if invocation.hook.event.content.text.body == "bad" else allow()

    await room.hook("no", decide, DECIDE)
    await room.say("bad", wait=pb.WAIT_DELIVERED)
    await room.say("good", wait=pb.WAIT_DELIVERED)
    assert [one.hook.event.content.text.body for one in seen.invocations] == ["good"]


async def test_s4_step15_observers_see_injected_events(room: Room) -> None:
    """AFTER_BROADCAST: every event that was committed with it."""
    seen = await room.hook("see", lambda _: pb.Done(), OBSERVE)
    adding = allow()
    adding.injected_events.append(pb.InjectedEvent(event=pb.RoomEvent(content=content("extra"))))
    await room.hook("add", lambda _: adding, DECIDE)
    await room.say("said", wait=pb.WAIT_DELIVERED)
    assert [one.hook.event.content.text.body for one in seen.invocations] == ["said", "extra"]


async def test_s4_step15_observers_hold_nobody_up(room: Room) -> None:
    """Observers are last: neither the caller nor a delivery nor the next message waits."""
    phone = await room.phone()
    seen = await room.hook("see", lambda _: after(asyncio.Event(), pb.Done()), OBSERVE)
    await room.say("a")
    await seen.asked(1)
    await room.say("b")
    await phone.until(2)
    assert phone.texts == ["a", "b"]


async def test_s4_step15_what_observers_find_is_stored(room: Room) -> None:
    """Their tasks and observations are kept."""
    found = pb.Done(tasks=[pb.Task(title="call")], observations=[pb.Observation(category="c")])
    await room.hook("see", lambda _: found, OBSERVE)
    await room.say(wait=pb.WAIT_DELIVERED)
    assert [one.title for one in (await room.call("ListTasks")).tasks] == ["call"]
    assert [one.category for one in (await room.call("ListObservations")).observations] == ["c"]


async def test_s4_step15_the_end_is_told_as_event_processed(room: Room) -> None:
    """`event_processed`: of what was accepted; of the rest, `event_blocked`."""
    accepted = await room.say("good")
    await room.hook("no", lambda _: block("because"), DECIDE)
    blocked = await room.say("bad")
    assert [one.event_id for one in room.told("event_processed")] == [accepted.event.event_id]
    (told,) = room.told("event_blocked")
    assert told.event_id == blocked.event.event_id
    assert told.data["reason"] == "because"
