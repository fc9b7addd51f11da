"""Semantics 4, steps 5 to 8: the room's lock, who may write, keys, who may edit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from hook_kit import DECIDE, ME, OBSERVE, Worker, allow, block
from pipeline_kit import House, Room, after, answers, content, echo, room_in, served

from roomd import v1 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


async def watching(room: Room) -> Worker:
    """A hook that allows everything and sees what comes to step 9."""
    return await room.hook("watch", lambda _: allow(), DECIDE)


# ------------------------------------------------------------------ 5: lock


async def test_s4_step5_messages_enter_in_the_order_they_came(house: House, room: Room) -> None:
    """Room lock; FIFO: however long the first one's hooks take."""
    opened = asyncio.Event()
    gate = await room.hook("gate", lambda _: after(opened, allow()), DECIDE)
    requests = [
        pb.SendEventRequest(room_id=room.room_id, channel_id=room.id("ws"), content=content(text))
        for text in "abcdefgh"
    ]
    calls = [asyncio.ensure_future(house.engine.inbound.send_event(ME, one)) for one in requests]
    await gate.asked(1)
    opened.set()
    await asyncio.gather(*calls)
    assert await room.texts() == list("abcdefgh")


async def test_s4_step5_one_message_of_a_room_is_decided_at_a_time(room: Room) -> None:
    """Room lock: the second message's hooks run when the first one is decided."""
    opened = asyncio.Event()
    gate = await room.hook("gate", lambda _: after(opened, allow()), DECIDE)
    first = asyncio.ensure_future(room.say("first"))
    await gate.asked(1)
    second = asyncio.ensure_future(room.say("second"))
    await room.call("GetRoom")  # the second call is at the lock by now,
    await echo(gate)  # and what it would have asked is here
    assert len(gate.invocations) == 1
    opened.set()
    assert (await first).event.index < (await second).event.index
    assert len(gate.invocations) == 2


async def test_s4_step5_other_rooms_do_not_wait(house: House, room: Room) -> None:
    """The lock is the room's."""
    opened = asyncio.Event()
    gate = await room.hook("gate", lambda _: after(opened, allow()), DECIDE)
    held = asyncio.ensure_future(room.say("held"))
    await gate.asked(1)
    async with room_in(house) as other:
        assert (await other.say("free")).outcome == pb.OUTCOME_ACCEPTED
    assert not held.done()
    opened.set()
    await held


# ------------------------------------------------------------------ 6: status and permission


async def refused(room: Room, answer: Any, reason: str) -> None:
    """The answer says REFUSED for this reason, and nothing was stored."""
    assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, reason)
    assert not answer.HasField("event")


@pytest.mark.parametrize("calls", [["CloseRoom"], ["CloseRoom", "ArchiveRoom"]])
async def test_s4_step6_an_ended_room_refuses(room: Room, calls: list[str]) -> None:
    """Status: REFUSED `room_closed`; nothing enters the timeline, the refusal is told."""
    for call in calls:
        await room.call(call)
    await refused(room, await room.say(), "room_closed")
    await refused(room, await room.arrive(), "room_closed")
    assert await room.events() == []
    assert [event.data["reason"] for event in room.told("room_refused_event")] == [
        "room_closed",
        "room_closed",
    ]


async def test_s4_step6_a_paused_room_takes_messages(room: Room) -> None:
    """Status: PAUSED is no reason to refuse."""
    await room.call("PauseRoom")
    assert (await room.say()).outcome == pb.OUTCOME_ACCEPTED
    assert (await room.call("GetRoom")).room.status == pb.ROOM_STATUS_ACTIVE


FORBIDDEN = {
    "participant_banned": {"status": pb.PARTICIPANT_STATUS_BANNED},
    "participant_left": {"status": pb.PARTICIPANT_STATUS_LEFT},
    "participant_observer": {"role": pb.PARTICIPANT_ROLE_OBSERVER},
}


async def put(room: Room, **fields: Any) -> None:
    """Make ann a participant who is like this."""
    await room.call("AddParticipant", participant=pb.Participant(participant_id="ann"), ensure=True)
    who = pb.Participant(participant_id="ann", **fields)
    await room.call("UpdateParticipant", participant=who, update_mask={"paths": [*fields]})


@pytest.mark.parametrize("reason", FORBIDDEN)
async def test_s4_step6_some_participants_may_not_write(room: Room, reason: str) -> None:
    """Permission of the participant."""
    await put(room, **FORBIDDEN[reason])
    await refused(room, await room.say(), reason)
    await refused(room, await room.arrive(), reason)
    assert await room.events() == []


@pytest.mark.parametrize("role", ["OWNER", "AGENT", "MEMBER", "BOT"])
async def test_s4_step6_all_others_may(room: Room, role: str) -> None:
    """Permission of the participant: neither banned, nor gone, nor an observer."""
    await put(room, role=pb.ParticipantRole.Value(f"PARTICIPANT_ROLE_{role}"))
    assert (await room.say()).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step6_is_before_the_hooks(room: Room) -> None:
    """What is refused comes to no hook."""
    hook = await watching(room)
    await put(room, **FORBIDDEN["participant_banned"])
    await room.say()
    await room.say(participant_id="bob")
    assert [one.hook.event.source.participant_id for one in hook.invocations] == ["bob"]


async def test_s4_step6_is_before_a_key_is_used_up(room: Room) -> None:
    """Permission before idempotency: the key of a refused message stays new."""
    await put(room, **FORBIDDEN["participant_banned"])
    await refused(room, await room.say(idempotency_key="k"), "participant_banned")
    await put(room, status=pb.PARTICIPANT_STATUS_ACTIVE)
    assert (await room.say(idempotency_key="k")).outcome == pb.OUTCOME_ACCEPTED


# ------------------------------------------------------------------ 7: idempotency


async def test_s4_step7_a_duplicate_returns_the_first_event_and_redelivers_nothing(
    room: Room,
) -> None:
    """A duplicate returns the first event, outcome DUPLICATE, nothing is redelivered."""
    phone, ai = await room.phone(), await room.model(answer=lambda _: answers())
    sends = [await room.say("once", idempotency_key="k", wait=pb.WAIT_DELIVERED) for _ in range(3)]
    assert [one.outcome for one in sends] == [pb.OUTCOME_ACCEPTED, *[pb.OUTCOME_DUPLICATE] * 2]
    assert {one.event.event_id for one in sends} == {sends[0].event.event_id}
    assert await room.texts() == ["once"]
    await room.say("the end", wait=pb.WAIT_DELIVERED)
    assert (phone.texts, ai.texts) == (["once", "the end"], ["once", "the end"])


async def test_s4_step7_holds_for_messages_from_outside(room: Room) -> None:
    """Idempotency by key, whichever way it comes in; the provider's id is a key as well."""
    first = await room.arrive("a", idempotency_key="k")
    assert (await room.arrive("a", idempotency_key="k")).event.event_id == first.event.event_id
    first = await room.arrive("b", provider_message_id="p")
    again = await room.arrive("b", provider_message_id="p")
    assert (again.outcome, again.event.event_id) == (pb.OUTCOME_DUPLICATE, first.event.event_id)
    assert await room.texts() == ["a", "b"]


async def test_s4_step7_is_before_the_hooks(room: Room) -> None:
    """Idempotency before the hook chain: nobody decides, or observes, a duplicate."""
    decides = await watching(room)
    observes = await room.hook("see", lambda _: pb.Done(), OBSERVE)
    for key in ("k", "k", "other"):
        await room.say(idempotency_key=key, wait=pb.WAIT_DELIVERED)
    for worker in (decides, observes):
        seen = [one.hook.event.idempotency_key for one in worker.invocations]
        assert seen == ["k", "other"]


async def test_s4_step7_the_same_key_for_something_else_is_an_error(room: Room) -> None:
    """P2: other content under the key is an error, and nothing is stored."""
    await room.say("one", idempotency_key="k")
    failure = await room.house.fails(
        "SendEvent",
        room_id=room.room_id,
        channel_id=room.id("ws"),
        participant_id="ann",
        content=content("two"),
        idempotency_key="k",
    )
    assert failure.code is grpc.StatusCode.ALREADY_EXISTS
    assert failure.reason == "KEY_REUSED"
    assert await room.texts() == ["one"]


async def test_s4_step7_a_key_belongs_to_its_room(house: House, room: Room) -> None:
    """The key of one room is new in another."""
    await room.say(idempotency_key="k")
    async with room_in(house) as other:
        assert (await other.say(idempotency_key="k")).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step7_the_first_result_may_be_a_blocked_one(room: Room) -> None:
    """A duplicate returns the first event, with what became of it."""
    await room.hook("no", lambda _: block("because"), DECIDE)
    first = await room.say(idempotency_key="k")
    again = await room.say(idempotency_key="k")
    assert again.outcome == pb.OUTCOME_DUPLICATE
    assert again.event == first.event
    assert (again.blocked_by, again.reason) == (room.id("no"), "because")


async def test_s4_step7_a_repeat_waits_for_the_first_one(room: Room) -> None:
    """Two at once: one is the event, the other its duplicate."""
    opened = asyncio.Event()
    gate = await room.hook("gate", lambda _: after(opened, allow()), DECIDE)
    both = [asyncio.ensure_future(room.say(idempotency_key="k")) for _ in range(2)]
    await gate.asked(1)
    opened.set()
    outcomes = sorted([(await one).outcome for one in both])
    assert outcomes == [pb.OUTCOME_ACCEPTED, pb.OUTCOME_DUPLICATE]
    assert len(gate.invocations) == 1


async def test_s4_step7_a_key_is_known_however_many_came_after_it(room: Room) -> None:
    """P2: the same key within 24 h; also when it is no longer in memory."""
    first = await room.say("n0", idempotency_key="k0")
    for number in range(1, 40):
        await room.say(f"n{number}", idempotency_key=f"k{number}")
    again = await room.say("n0", idempotency_key="k0")
    assert (again.outcome, again.event.event_id) == (pb.OUTCOME_DUPLICATE, first.event.event_id)


async def test_s4_step7_a_key_survives_a_restart(tmp_path: Path) -> None:
    """P2: the key is in the store."""
    path = str(tmp_path / "store.db")
    async with served(path) as house:
        first = await (await house.room("r")).say(idempotency_key="k")
    async with served(path) as house:
        again = await Room(house, "r").say(idempotency_key="k")
    assert (again.outcome, again.event.event_id) == (pb.OUTCOME_DUPLICATE, first.event.event_id)


@pytest.mark.parametrize("call", ["CloseRoom", "ban"])
async def test_s4_step7_a_repeat_gets_its_first_result_though_its_sender_may_write_no_more(
    room: Room, call: str
) -> None:
    """P2 before step 6: whoever asks again did not hear the answer; REFUSED would say that the
    message is not in the room."""
    first = await room.say(idempotency_key="k")
    await (put(room, **FORBIDDEN["participant_banned"]) if call == "ban" else room.call(call))
    again = await room.say(idempotency_key="k")
    assert (again.outcome, again.event.event_id) == (pb.OUTCOME_DUPLICATE, first.event.event_id)
