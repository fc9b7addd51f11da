"""Fleeting events and presence (semantics 7)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from core_services import ME, STRANGER, Services, eventually, running, services

from roomd import v1 as pb
from roomd_server.core import errors, realtime_desk
from roomd_server.core.room import RoomActor


@pytest.fixture
async def s() -> AsyncIterator[Services]:
    async with services() as made:
        await made.room()
        yield made


@pytest.fixture
async def room(s: Services) -> RoomActor:
    return await s.directory.get("acme", "r1")


def published(room: RoomActor) -> list[pb.EphemeralEvent]:
    items, _, dropped = room.ephemerals.since(1)
    assert not dropped
    return [pb.StreamItem.FromString(item).ephemeral for item in items]


async def presence(s: Services, who: str, state: int, **data: str) -> pb.EphemeralEvent:
    request = pb.PublishPresenceRequest(room_id="r1", user_id=who, presence=state)
    if data:
        request.data.update(data)
    return (await s.desk.publish_presence(ME, request)).event


async def listed(s: Services) -> dict[str, int]:
    answer = await s.desk.list_presence(ME, pb.ListPresenceRequest(room_id="r1"))
    return {entry.user_id: entry.presence for entry in answer.entries}


async def test_fleeting_events_are_numbered_and_never_stored(s: Services, room: RoomActor) -> None:
    for typing in (True, False):
        request = pb.PublishTypingRequest(room_id="r1", user_id="ada", typing=typing)
        await s.desk.publish_typing(ME, request)
    read = pb.PublishReadReceiptRequest(room_id="r1", user_id="ada", event_id="e1")
    await s.desk.publish_read_receipt(ME, read)
    for remove in (False, True):
        react = pb.PublishReactionRequest(
            room_id="r1", user_id="ada", event_id="e1", emoji="+1", remove=remove
        )
        await s.desk.publish_reaction(ME, react)
    custom = pb.PublishEphemeralRequest(
        room_id="r1", type=pb.EPHEMERAL_TYPE_CUSTOM, channel_id="ai"
    )
    await s.desk.publish_ephemeral(ME, custom)
    events = published(room)
    assert [event.type for event in events] == [
        pb.EPHEMERAL_TYPE_TYPING_START,
        pb.EPHEMERAL_TYPE_TYPING_STOP,
        pb.EPHEMERAL_TYPE_READ_RECEIPT,
        pb.EPHEMERAL_TYPE_REACTION,
        pb.EPHEMERAL_TYPE_REACTION,
        pb.EPHEMERAL_TYPE_CUSTOM,
    ]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]
    assert len({event.epoch for event in events}) == 1
    assert events[2].data["event_id"] == "e1"
    assert [event.data["action"] for event in events[3:5]] == ["add", "remove"]
    assert room.room.event_count == 0
    assert (await s.reloaded()).ephemerals.next_sequence == 1


async def test_a_room_that_is_loaded_anew_has_another_epoch(s: Services, room: RoomActor) -> None:
    assert (await s.reloaded()).ephemerals.epoch != room.ephemerals.epoch


async def test_publishing_wakes_subscribers(s: Services, room: RoomActor) -> None:
    rung: list[int] = []
    room.log.watch(lambda: rung.append(room.ephemerals.next_sequence))
    await s.desk.publish_typing(ME, pb.PublishTypingRequest(room_id="r1", user_id="a"))
    assert rung == [2]


async def test_sinks_are_told_who_may_see(s: Services, room: RoomActor) -> None:
    taken: list[tuple[str, int, bool, bool, bool]] = []

    class Sink:
        def publish(
            self, org: str, event: pb.EphemeralEvent, visible_to: Callable[[str], bool]
        ) -> None:
            sees = [visible_to(channel) for channel in ("ws", "ai", "stranger")]
            taken.append((org, event.sequence, *sees))

    await s.bind(room, "ws")
    await s.bind(room, "ai", category=pb.CHANNEL_CATEGORY_INTELLIGENCE)
    s.desk.add_sink(Sink())
    delta = pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_STREAM_DELTA)
    s.desk.publish(room, delta, pb.Visibility(scope=pb.Visibility.SCOPE_TRANSPORT))
    s.desk.publish(room, pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_CUSTOM))
    assert taken == [("acme", 1, True, False, False), ("acme", 2, True, True, True)]


async def test_only_the_server_publishes_streams(s: Services) -> None:
    for kind in (
        pb.EPHEMERAL_TYPE_STREAM_START,
        pb.EPHEMERAL_TYPE_STREAM_DELTA,
        pb.EPHEMERAL_TYPE_STREAM_END,
        pb.EPHEMERAL_TYPE_STREAM_RETRACT,
    ):
        with pytest.raises(errors.InvalidArgument):
            await s.desk.publish_ephemeral(ME, pb.PublishEphemeralRequest(room_id="r1", type=kind))


async def test_a_foreign_room_is_not_found(s: Services, room: RoomActor) -> None:
    with pytest.raises(errors.NotFound):
        await s.desk.publish_typing(
            STRANGER, pb.PublishTypingRequest(room_id="r1", user_id="eve", typing=True)
        )
    assert published(room) == []


# ------------------------------------------------------------------ presence


async def test_presence_is_listed_until_it_ends(s: Services, room: RoomActor) -> None:
    await presence(s, "zoe", pb.PRESENCE_ONLINE)
    await presence(s, "ada", pb.PRESENCE_AWAY)
    assert list((await listed(s)).items()) == [
        ("ada", pb.PRESENCE_AWAY),
        ("zoe", pb.PRESENCE_ONLINE),
    ]
    answer = await s.desk.list_presence(ME, pb.ListPresenceRequest(room_id="r1"))
    assert answer.entries[0].expire_time.seconds == int(s.clock.now() + 30)
    await presence(s, "zoe", pb.PRESENCE_OFFLINE)
    assert await listed(s) == {"ada": pb.PRESENCE_AWAY}


async def test_a_renewal_tells_nobody_unless_something_changed(
    s: Services, room: RoomActor
) -> None:
    assert (await presence(s, "ada", pb.PRESENCE_ONLINE)).sequence == 1
    s.clock.advance(20)
    assert (await presence(s, "ada", pb.PRESENCE_ONLINE)).sequence == 0
    assert len(published(room)) == 1
    assert (await presence(s, "ada", pb.PRESENCE_ONLINE, mood="glad")).sequence == 2
    assert (await presence(s, "ada", pb.PRESENCE_ONLINE, mood="glad")).sequence == 0
    assert (await presence(s, "ada", pb.PRESENCE_AWAY, mood="glad")).sequence == 3
    assert (await presence(s, "ada", pb.PRESENCE_OFFLINE)).sequence == 4
    assert (await presence(s, "ada", pb.PRESENCE_OFFLINE)).sequence == 0


async def test_a_lease_lapses_and_a_renewed_one_does_not(s: Services, room: RoomActor) -> None:
    await presence(s, "ada", pb.PRESENCE_ONLINE)
    await presence(s, "bob", pb.PRESENCE_ONLINE)
    async with running(s.desk.run_leases()):
        for second in range(40):
            await eventually(lambda: s.clock.sleepers > 0)
            if second in (15, 35):
                assert s.desk.renew(room, "bob")
            s.clock.advance(1)
        await eventually(lambda: len(published(room)) == 3)
        assert await listed(s) == {"bob": pb.PRESENCE_ONLINE}
        last = published(room)[-1]
        assert (last.type, last.user_id) == (pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE, "ada")
        assert not s.desk.renew(room, "ada")


async def test_a_wall_clock_that_jumps_ends_no_lease(s: Services, room: RoomActor) -> None:
    await presence(s, "ada", pb.PRESENCE_ONLINE)
    async with running(s.desk.run_leases()):
        await eventually(lambda: s.clock.sleepers > 0)
        s.clock.jump(86400)
        s.clock.advance(1)
        await eventually(lambda: s.clock.sleepers > 0)
        assert await listed(s) == {"ada": pb.PRESENCE_ONLINE}


async def test_presence_by_the_general_call_is_a_lease_too(s: Services) -> None:
    request = pb.PublishEphemeralRequest(
        room_id="r1", type=pb.EPHEMERAL_TYPE_PRESENCE_AWAY, user_id="ada"
    )
    await s.desk.publish_ephemeral(ME, request)
    assert await listed(s) == {"ada": pb.PRESENCE_AWAY}
    request.user_id = ""
    with pytest.raises(errors.InvalidArgument):
        await s.desk.publish_ephemeral(ME, request)


async def test_a_room_with_people_present_stays_in_memory(s: Services, room: RoomActor) -> None:
    assert room.idle
    await presence(s, "ada", pb.PRESENCE_ONLINE)
    assert not room.idle
    await presence(s, "ada", pb.PRESENCE_OFFLINE)
    assert room.idle


async def test_presence_outlives_a_room_that_is_loaded_anew(s: Services, room: RoomActor) -> None:
    await presence(s, "ada", pb.PRESENCE_ONLINE)
    room.broken = True
    assert await listed(s) == {"ada": pb.PRESENCE_ONLINE}
    fresh = await s.directory.get("acme", "r1")
    assert fresh is not room
    assert (room.pins, fresh.pins) == (0, 1)
    await presence(s, "ada", pb.PRESENCE_OFFLINE)
    assert fresh.pins == 0


async def test_the_number_of_present_users_is_bounded(
    s: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime_desk, "MAX_PRESENT_USERS", 2)
    await presence(s, "a", pb.PRESENCE_ONLINE)
    await presence(s, "b", pb.PRESENCE_ONLINE)
    with pytest.raises(errors.ResourceExhausted) as caught:
        await presence(s, "c", pb.PRESENCE_ONLINE)
    assert caught.value.reason == pb.ERROR_REASON_QUOTA
    await presence(s, "a", pb.PRESENCE_AWAY)


async def test_leases_of_a_deleted_room_end_in_silence(s: Services, room: RoomActor) -> None:
    await presence(s, "ada", pb.PRESENCE_ONLINE)
    await s.lifecycle.delete_room(ME, pb.DeleteRoomRequest(room_id="r1"))
    async with running(s.desk.run_leases()):
        for _ in range(35):
            await eventually(lambda: s.clock.sleepers > 0)
            s.clock.advance(1)
        await eventually(lambda: s.clock.sleepers > 0)
    assert len(published(room)) == 1
