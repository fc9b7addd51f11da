"""Semantics 5: "Framework events … are a stream (`TailFrameworkEvents`)": what is told besides
the documents' list, how the stream is bounded, and what the SDK makes of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
from api_fakes import until
from google.protobuf.field_mask_pb2 import FieldMask
from hooks_kit import TAIL, gate, phone, send, tailing
from rooms_kit import House, house
from trigger_stories import (
    JOIN,
    PAUSE,
    RENAMED,
    Step,
    broken_ai,
    change_the_message,
    do,
    in_turn,
    withdraw_the_message,
)

from roomd import FrameworkEvent, RoomKit
from roomd import v1 as pb
from roomd_server.core.bus import TAIL_EVENTS


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


def names_of(got: object) -> list[str]:
    """Types of all events that a tail was told."""
    return [event.type for response in got for event in response.events]


# ------------------------------------------------------------------ what is told besides


async def failing_hook(h: House) -> None:
    await gate(h, lambda _: pb.Failure())
    for _ in range(5):
        await send(h)


async def partly_reached(h: House) -> None:
    """A telephone without a number, beside one that has one."""
    await phone(h)
    await h.add("no-number", pb.CHANNEL_TYPE_SMS, by="gateway")
    await h.say("hello")


MUTE_WS = do(pb.MuteChannelRequest(room_id="r1", channel_id="ws"))
LABELLED = pb.UpdateRoomRequest(
    room=pb.Room(room_id="r1", labels={"a": "b"}), update_mask=FieldMask(paths=["labels"])
)
READ_ONLY = pb.SetAccessRequest(room_id="r1", channel_id="ws", access=pb.ACCESS_READ_ONLY)
GONE = pb.RemoveParticipantRequest(room_id="r1", participant_id="ada")
KNOWN = pb.ResolveParticipantRequest(room_id="r1", participant_id="ada", identity_id="id-1")

BESIDES: Mapping[str, Step] = {
    "room_updated": do(LABELLED),
    "room_resumed": in_turn(PAUSE, do(pb.ResumeRoomRequest(room_id="r1"))),
    "room_deleted": do(pb.DeleteRoomRequest(room_id="r1")),
    "room_channel_muted": MUTE_WS,
    "room_channel_unmuted": in_turn(
        MUTE_WS, do(pb.UnmuteChannelRequest(room_id="r1", channel_id="ws"))
    ),
    "room_channel_updated": do(READ_ONLY),
    "participant_joined": JOIN,
    "participant_updated": in_turn(JOIN, do(RENAMED)),
    "participant_left": in_turn(JOIN, do(GONE)),
    "participant_identified": in_turn(JOIN, do(KNOWN)),
    "task_created": do(pb.CreateTaskRequest(room_id="r1", task=pb.Task(title="call back"))),
    "event_updated": in_turn(send, change_the_message),
    "event_deleted": in_turn(send, withdraw_the_message),
    "generation_failed": in_turn(broken_ai, send),
    "hook_circuit_opened": failing_hook,
    "broadcast_partial_failure": partly_reached,
}
"""Those that ``test_section5_framework_events.py`` does not have."""


@pytest.mark.parametrize("name", list(BESIDES))
async def test_s5_framework_events_are_told_by_name(h: House, name: str) -> None:
    """Semantics 5: "Framework events … are a stream": what else the service tells."""
    async with tailing(h, name) as got:
        await BESIDES[name](h)
        await until(lambda: names_of(got))
    (event, *_) = [event for response in got for event in response.events]
    assert (event.type, event.room_id) == (name, "r1")
    assert event.HasField("create_time")


async def test_s5_framework_events_say_which_target_was_not_reached(h: House) -> None:
    """Semantics 5: "Framework events": which channel, which event, and details."""
    await partly_reached(h)
    (told,) = h.told("broadcast_partial_failure")
    (message,) = await h.messages()
    assert (told.channel_id, told.event_id) == ("no-number", message.event_id)
    assert (told.data["failed"], told.data["reached"]) == (1, 1)


async def test_s5_framework_events_of_a_broadcast_that_reached_all_or_none_are_not_partial(
    h: House,
) -> None:
    """Semantics 5: "Framework events": broadcast_partial_failure means: some, not all."""
    await phone(h)
    await h.say("to all")
    await h.do(pb.DetachChannelRequest(room_id="r1", channel_id="sms"))
    await h.add("no-number", pb.CHANNEL_TYPE_SMS, by="gateway")
    await h.add("no-number-either", pb.CHANNEL_TYPE_SMS, by="gateway")
    await h.say("to nobody")
    assert (len(h.told("delivery_succeeded")), len(h.told("delivery_failed"))) == (1, 2)
    assert not h.told("broadcast_partial_failure")


async def test_s5_framework_events_can_be_chosen_by_type_and_room(h: House) -> None:
    """Semantics 5: "are a stream": of these types, of this room."""
    await h.room("r2")
    async with (
        tailing(h, "room_paused", "room_resumed", room_id="r1") as some,
        tailing(h) as everything,
    ):
        await h.do(pb.PauseRoomRequest(room_id="r2"))
        await h.do(pb.PauseRoomRequest(room_id="r1"))
        await h.do(pb.CloseRoomRequest(room_id="r1"))
        await until(lambda: "room_closed" in names_of(everything))
        await until(lambda: names_of(some))
        assert names_of(some) == ["room_paused"]
        assert some[-1].events[0].room_id == "r1"


async def test_s5_framework_events_drop_the_oldest_and_say_so(h: House) -> None:
    """Semantics 5: "are a stream", bounded: one who is slow loses the oldest, and is told."""
    async with tailing(h, "test") as got:
        for number in range(TAIL_EVENTS + 7):
            h.engine.bus.emit("default", "test", number=number)
        await until(lambda: names_of(got))
        assert got[1].dropped == 7
        numbers = [event.data["number"] for event in got[1].events]
        assert numbers == list(range(7, TAIL_EVENTS + 7))
        h.engine.bus.emit("default", "test", number=0)
        await until(lambda: len(got) == 3)
        assert got[2].dropped == 0


# ------------------------------------------------------------------ like hooks


async def test_s5_framework_events_can_be_observed_like_hooks(h: House) -> None:
    """Semantics 5: "and can be observed like hooks": a function for a name, in the SDK."""
    seen: list[FrameworkEvent] = []
    async with RoomKit(f"127.0.0.1:{h.client.server.ports[0]}") as kit:

        @kit.on("room_paused")
        async def paused(event: FrameworkEvent) -> None:
            seen.append(event)

        await kit.connect()
        await h.do(pb.CreateRoomRequest(room_id="r3"))
        await h.do(pb.PauseRoomRequest(room_id="r1"))
        await until(lambda: seen)
    assert [(one.type, one.room_id) for one in seen] == [("room_paused", "r1")]


async def test_s5_framework_events_hold_nobody_up(h: House) -> None:
    """Semantics 5: "observed like hooks": who reads nothing costs nobody anything."""
    call = h.client.stream(TAIL, pb.TailFrameworkEventsRequest())
    await call.read()
    for number in range(50):
        assert (await send(h, f"message {number}")).outcome == pb.OUTCOME_ACCEPTED
    call.cancel()
