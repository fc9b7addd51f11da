"""Rooms: statuses, idempotency, etags, paging, timers (semantics 1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from core_services import ME, STRANGER, Services, eventually, running, services
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.lifecycle import resume_on_activity
from roomd_server.core.ports import Caller
from roomd_server.core.room import Draft
from roomd_server.core.times import seconds_of


@pytest.fixture
async def s() -> AsyncIterator[Services]:
    async with services() as made:
        yield made


def timers(inactive: float = 0, closed: float = 0) -> pb.RoomTimers:
    made = pb.RoomTimers()
    if inactive:
        made.inactive_after.CopyFrom(Duration(seconds=int(inactive)))
    if closed:
        made.closed_after.CopyFrom(Duration(seconds=int(closed)))
    return made


def lifecycle_codes(s: Services) -> list[str]:
    return [
        call.payload.event.content.system.code
        for call in s.hooks.calls
        if call.payload.WhichOneof("kind") == "event"
    ]


# ------------------------------------------------------------------ making


async def test_a_room_is_made_active_and_empty_and_durable(s: Services) -> None:
    request = pb.CreateRoomRequest(room_id="r1", labels={"team": "a"}, timers=timers(60))
    request.metadata.update({"lang": "fr"})
    made = (await s.lifecycle.create_room(ME, request)).room
    assert (made.room_id, made.organization_id) == ("r1", "acme")
    assert made.status == pb.ROOM_STATUS_ACTIVE
    assert not made.HasField("latest_index")
    assert made.event_count == 0
    assert made.etag
    assert (await s.reloaded()).room == made
    assert (await s.lifecycle.get_room(ME, pb.GetRoomRequest(room_id="r1"))).room == made


async def test_a_room_without_id_gets_one(s: Services) -> None:
    one = await s.lifecycle.create_room(ME, pb.CreateRoomRequest())
    two = await s.lifecycle.create_room(ME, pb.CreateRoomRequest())
    assert one.room.room_id
    assert one.room.room_id != two.room.room_id


async def test_creating_fires_the_hook_and_the_framework_event(s: Services) -> None:
    s.hooks.listen_to_all()
    await s.room()
    assert lifecycle_codes(s) == ["room_created"]
    assert s.framework() == ["room_created"]
    (call,) = s.hooks.told(pb.HOOK_TRIGGER_ON_ROOM_CREATED)
    assert call.subject.room_id == call.payload.event.room_id == "r1"
    assert call.payload.event.event_id


async def test_an_existing_id_is_refused(s: Services) -> None:
    await s.room()
    with pytest.raises(errors.AlreadyExists) as caught:
        await s.lifecycle.create_room(ME, pb.CreateRoomRequest(room_id="r1"))
    assert caught.value.reason == pb.ERROR_REASON_ROOM_EXISTS


async def test_the_same_request_id_gives_the_first_answer(s: Services) -> None:
    request = pb.CreateRoomRequest(request_id="q", labels={"a": "1", "b": "2"})
    first = await s.lifecycle.create_room(ME, request)
    again = await s.lifecycle.create_room(ME, request)
    assert first == again
    assert s.framework().count("room_created") == 1


async def test_the_same_request_id_at_once_makes_one_room(s: Services) -> None:
    request = pb.CreateRoomRequest(request_id="q")
    answers = await asyncio.gather(*(s.lifecycle.create_room(ME, request) for _ in range(20)))
    assert len({answer.room.room_id for answer in answers}) == 1
    assert s.framework().count("room_created") == 1
    listed = await s.lifecycle.list_rooms(ME, pb.ListRoomsRequest())
    assert len(listed.rooms) == 1


async def test_the_same_request_id_with_another_body_is_refused(s: Services) -> None:
    await s.lifecycle.create_room(ME, pb.CreateRoomRequest(request_id="q", room_id="r1"))
    with pytest.raises(errors.AlreadyExists) as caught:
        await s.lifecycle.create_room(ME, pb.CreateRoomRequest(request_id="q", room_id="r2"))
    assert caught.value.reason == pb.ERROR_REASON_KEY_REUSED


async def test_a_request_id_is_forgotten_after_a_day(s: Services) -> None:
    await s.lifecycle.create_room(ME, pb.CreateRoomRequest(request_id="q", room_id="r1"))
    s.clock.advance(24 * 3600 + 1)
    made = await s.lifecycle.create_room(ME, pb.CreateRoomRequest(request_id="q", room_id="r2"))
    assert made.room.room_id == "r2"


async def test_a_foreign_room_is_not_found(s: Services) -> None:
    await s.room()
    with pytest.raises(errors.NotFound):
        await s.lifecycle.get_room(STRANGER, pb.GetRoomRequest(room_id="r1"))
    with pytest.raises(errors.NotFound):
        await s.lifecycle.close_room(STRANGER, pb.CloseRoomRequest(room_id="r1"))
    assert not (await s.lifecycle.list_rooms(STRANGER, pb.ListRoomsRequest())).rooms


# ------------------------------------------------------------------ listing


async def test_rooms_are_listed_page_by_page(s: Services) -> None:
    for number in range(7):
        await s.room(f"r{number}", labels={"even": str(number % 2 == 0)})
    request = pb.ListRoomsRequest(page_size=2, labels={"even": "True"})
    found, pages = [], 0
    while True:
        page = await s.lifecycle.list_rooms(ME, request)
        found += [room.room_id for room in page.rooms]
        pages += 1
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == ["r0", "r2", "r4", "r6"]
    assert pages == 2


async def test_a_page_token_is_good_for_its_own_list_only(s: Services) -> None:
    for number in range(3):
        await s.room(f"r{number}")
    token = (await s.lifecycle.list_rooms(ME, pb.ListRoomsRequest(page_size=1))).next_page_token
    other = [
        (ME, pb.ListRoomsRequest(page_token=token, labels={"a": "b"})),
        (STRANGER, pb.ListRoomsRequest(page_token=token)),
        (ME, pb.ListRoomsRequest(page_token="nonsense")),
        (ME, pb.ListRoomsRequest(page_token="é" * 100)),
        (ME, pb.ListRoomsRequest(page_token=token[:-3])),
    ]
    for caller, request in other:
        with pytest.raises(errors.InvalidArgument) as caught:
            await s.lifecycle.list_rooms(caller, request)
        assert caught.value.reason == pb.ERROR_REASON_BAD_CURSOR
    larger = pb.ListRoomsRequest(page_token=token, page_size=100)
    assert len((await s.lifecycle.list_rooms(ME, larger)).rooms) == 2


# ------------------------------------------------------------------ updating


async def test_metadata_merges_key_by_key_and_null_removes(s: Services) -> None:
    await s.room()
    for values in ({"a": 1, "b": {"x": 1}}, {"b": {"y": 2}, "c": True}, {"a": None}):
        request = pb.UpdateRoomRequest(
            room=pb.Room(room_id="r1"), update_mask=FieldMask(paths=["metadata"])
        )
        request.room.metadata.update(values)
        await s.lifecycle.update_room(ME, request)
    room = (await s.reloaded()).room
    assert dict(room.metadata) == {"b": {"y": 2}, "c": True}


async def test_only_masked_fields_change(s: Services) -> None:
    await s.room(labels={"old": "1"}, timers=timers(60))
    request = pb.UpdateRoomRequest(
        room=pb.Room(room_id="r1", labels={"new": "1"}),
        update_mask=FieldMask(paths=["labels"]),
    )
    room = (await s.lifecycle.update_room(ME, request)).room
    assert dict(room.labels) == {"new": "1"}
    assert room.timers == timers(60)


@pytest.mark.parametrize("path", ["status", "room_id", "etag", "nonsense", "metadata.a"])
async def test_other_fields_cannot_be_masked(s: Services, path: str) -> None:
    await s.room()
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1"), update_mask=FieldMask(paths=[path]))
    with pytest.raises(errors.InvalidArgument) as caught:
        await s.lifecycle.update_room(ME, request)
    assert caught.value.reason == pb.ERROR_REASON_MASK_NOT_MUTABLE


async def test_a_stale_etag_is_refused_and_messages_do_not_make_it_stale(s: Services) -> None:
    actor = await s.room()
    etag = actor.room.etag
    await s.say(actor, "hello")
    request = pb.UpdateRoomRequest(
        room=pb.Room(room_id="r1", labels={"a": "1"}, etag=etag),
        update_mask=FieldMask(paths=["labels"]),
    )
    updated = await s.lifecycle.update_room(ME, request)
    assert updated.room.etag != etag
    with pytest.raises(errors.Aborted):
        await s.lifecycle.update_room(ME, request)
    with pytest.raises(errors.Aborted):
        await s.lifecycle.delete_room(ME, pb.DeleteRoomRequest(room_id="r1", etag=etag))


# ------------------------------------------------------------------ statuses

CALLS = {
    "pause": (lambda s: s.lifecycle.pause_room, pb.PauseRoomRequest),
    "resume": (lambda s: s.lifecycle.resume_room, pb.ResumeRoomRequest),
    "close": (lambda s: s.lifecycle.close_room, pb.CloseRoomRequest),
    "archive": (lambda s: s.lifecycle.archive_room, pb.ArchiveRoomRequest),
}
WAYS = {
    pb.ROOM_STATUS_ACTIVE: [],
    pb.ROOM_STATUS_PAUSED: ["pause"],
    pb.ROOM_STATUS_CLOSED: ["close"],
    pb.ROOM_STATUS_ARCHIVED: ["close", "archive"],
}
A, P, C, X = WAYS
TABLE = {
    ("pause", A): P,
    ("pause", P): P,
    ("pause", C): None,
    ("pause", X): None,
    ("resume", A): A,
    ("resume", P): A,
    ("resume", C): None,
    ("resume", X): None,
    ("close", A): C,
    ("close", P): C,
    ("close", C): C,
    ("close", X): X,
    ("archive", A): None,
    ("archive", P): None,
    ("archive", C): X,
    ("archive", X): X,
}


async def call(s: Services, name: str, room_id: str = "r1") -> pb.Room:
    method, request = CALLS[name]
    return (await method(s)(ME, request(room_id=room_id))).room


@pytest.mark.parametrize(("name", "start"), TABLE)
async def test_every_transition_from_every_status(s: Services, name: str, start: int) -> None:
    await s.room()
    for step in WAYS[start]:
        await call(s, step)
    s.hooks.listen_to_all()
    s.tail.events.clear()
    wanted = TABLE[(name, start)]
    if wanted is None:
        with pytest.raises(errors.FailedPrecondition) as caught:
            await call(s, name)
        assert caught.value.reason == pb.ERROR_REASON_WRONG_STATE
        wanted = start
    else:
        assert (await call(s, name)).status == wanted
    assert (await s.reloaded()).room.status == wanted
    fired = 1 if wanted != start else 0
    assert len(s.hooks.calls) == len(s.framework()) == fired


async def test_repeating_a_transition_changes_and_fires_nothing(s: Services) -> None:
    await s.room()
    s.hooks.listen_to_all()
    first = await call(s, "close")
    s.clock.advance(5)
    again = await call(s, "close")
    assert first == again
    assert seconds_of(first.close_time) > 0
    assert lifecycle_codes(s) == ["room_closed"]


async def test_hooks_run_outside_the_lock_and_after_the_commit(s: Services) -> None:
    actor = await s.room()
    seen = []

    def look(call: object) -> object:
        seen.append((not actor.lock.free, actor.room.status))
        return s.hooks.observers[0](call)

    s.hooks.listen(0)
    s.hooks.observers[pb.HOOK_TRIGGER_ON_ROOM_PAUSED] = look
    await call(s, "pause")
    assert seen == [(False, pb.ROOM_STATUS_PAUSED)]


async def test_a_hook_cannot_change_the_room_that_waits_for_it(s: Services) -> None:
    await s.room()
    s.hooks.waiting_room = "r1"
    with pytest.raises(errors.FailedPrecondition) as caught:
        await s.lifecycle.close_room(
            Caller("acme", invocation_id="i1"), pb.CloseRoomRequest(room_id="r1")
        )
    assert caught.value.reason == pb.ERROR_REASON_WOULD_DEADLOCK


async def test_deleting_removes_everything_and_the_id_is_free(s: Services) -> None:
    actor = await s.room()
    await s.say(actor, "hello")
    await s.lifecycle.delete_room(ME, pb.DeleteRoomRequest(room_id="r1"))
    assert actor.deleted
    with pytest.raises(errors.NotFound):
        await s.lifecycle.get_room(ME, pb.GetRoomRequest(room_id="r1"))
    with pytest.raises(errors.NotFound):
        await s.lifecycle.delete_room(ME, pb.DeleteRoomRequest(room_id="r1"))
    again = await s.room()
    assert again.room.event_count == 0
    assert (await s.say(again, "anew")).index == 0


async def test_a_message_resumes_a_paused_room_in_its_own_commit(s: Services) -> None:
    actor = await s.room()
    await call(s, "pause")
    async with actor.lock:
        draft = Draft(actor, s.clock)
        draft.add_event(pb.RoomEvent(event_id="e", type=pb.EVENT_TYPE_MESSAGE))
        assert resume_on_activity(draft)
        await draft.commit()
    assert (await s.reloaded()).room.status == pb.ROOM_STATUS_ACTIVE
    async with actor.lock:
        assert not resume_on_activity(Draft(actor, s.clock))


async def test_cancelled_calls_leave_memory_and_store_alike(s: Services) -> None:
    actor = await s.room()
    tasks = [asyncio.ensure_future(s.say(actor, f"m{number}")) for number in range(60)]
    for before, task in zip(tasks[::2], tasks[1::2], strict=True):
        await asyncio.wait([before])
        task.cancel()  # it has the lock now, in the middle of its commit
    await asyncio.gather(*tasks, return_exceptions=True)
    assert any(task.cancelled() for task in tasks)
    await s.say(actor, "last")
    stored = (await s.reloaded()).room
    assert actor.room == stored
    assert stored.event_count == stored.latest_index + 1


# ------------------------------------------------------------------ timers


async def check_all(s: Services) -> list[str]:
    changed = await s.timers.check_all_timers(ME, pb.CheckAllTimersRequest())
    return [room.room_id for room in changed.rooms]


async def test_a_quiet_room_pauses_and_then_closes(s: Services) -> None:
    s.hooks.listen_to_all()
    actor = await s.room(timers=timers(60, 300))
    s.clock.advance(59)
    assert await check_all(s) == []
    s.clock.advance(1)
    assert await check_all(s) == ["r1"]
    assert actor.room.status == pb.ROOM_STATUS_PAUSED
    assert await check_all(s) == []
    s.clock.advance(240)
    assert await check_all(s) == ["r1"]
    assert (await s.reloaded()).room.status == pb.ROOM_STATUS_CLOSED
    assert lifecycle_codes(s) == ["room_created", "room_paused", "room_closed"]
    assert await s.store.next_timer() is None


async def test_activity_starts_the_timers_anew(s: Services) -> None:
    actor = await s.room(timers=timers(60))
    s.clock.advance(50)
    await s.say(actor, "still here")
    s.clock.advance(50)
    assert await check_all(s) == []
    s.clock.advance(10)
    assert await check_all(s) == ["r1"]


async def test_closing_goes_before_pausing_when_both_are_due(s: Services) -> None:
    actor = await s.room(timers=timers(60, 300))
    s.clock.advance(1000)
    await check_all(s)
    assert actor.room.status == pb.ROOM_STATUS_CLOSED


async def test_resuming_by_hand_starts_the_timers_anew(s: Services) -> None:
    await s.room(timers=timers(60))
    s.clock.advance(100)
    assert await check_all(s) == ["r1"]
    await call(s, "resume")
    assert await check_all(s) == []
    s.clock.advance(60)
    assert await check_all(s) == ["r1"]


async def test_timers_of_one_room_can_be_checked(s: Services) -> None:
    await s.room("r1", timers=timers(60))
    await s.room("r2", timers=timers(60))
    s.clock.advance(60)
    request = pb.CheckRoomTimersRequest(room_id="r1")
    checked = await s.timers.check_room_timers(ME, request)
    assert checked.room.status == pb.ROOM_STATUS_PAUSED
    assert (await s.directory.get("acme", "r2")).room.status == pb.ROOM_STATUS_ACTIVE


async def test_one_sweep_closes_any_number_of_rooms(s: Services) -> None:
    await asyncio.gather(*(s.room(f"r{n:03d}", timers=timers(closed=60)) for n in range(250)))
    s.clock.advance(60)
    assert len(await check_all(s)) == 250


async def test_others_rooms_are_fired_but_not_told(s: Services) -> None:
    request = pb.CreateRoomRequest(room_id="theirs", timers=timers(60))
    await s.lifecycle.create_room(STRANGER, request)
    s.clock.advance(60)
    assert await check_all(s) == []
    assert (await s.directory.get("other", "theirs")).room.status == pb.ROOM_STATUS_PAUSED


async def test_a_busy_room_hides_no_other(s: Services) -> None:
    busy = await s.room("r1", timers=timers(60))
    await s.room("r2", timers=timers(60))
    s.clock.advance(60)
    async with busy.lock:
        assert await check_all(s) == ["r2"]
    assert await check_all(s) == ["r1"]


async def test_the_server_fires_timers_by_itself(s: Services) -> None:
    actor = await s.room(timers=timers(60, 120))
    async with running(s.timers.run_timers()):
        for _ in range(70):
            await eventually(lambda: s.clock.sleepers > 0)
            s.clock.advance(1)
        await eventually(lambda: actor.room.status == pb.ROOM_STATUS_PAUSED)
        for _ in range(60):
            await eventually(lambda: s.clock.sleepers > 0)
            s.clock.advance(1)
        await eventually(lambda: actor.room.status == pb.ROOM_STATUS_CLOSED)


async def run_seconds(s: Services, seconds: int) -> None:
    for _ in range(seconds):
        await eventually(lambda: s.clock.sleepers > 0)
        s.clock.advance(1)
    await eventually(lambda: s.clock.sleepers > 0)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86400.0, -86400.0])
async def test_a_clock_that_jumps_fires_no_timer_early_or_late(s: Services, jump: float) -> None:
    old = await s.room("old", timers=timers(60))
    async with running(s.timers.run_timers()):
        await run_seconds(s, 10)
        s.clock.jump(jump)
        await run_seconds(s, 3)
        young = await s.room("young", timers=timers(60))
        await run_seconds(s, 40)
        assert old.room.status == young.room.status == pb.ROOM_STATUS_ACTIVE
        await run_seconds(s, 12)
        assert old.room.status == pb.ROOM_STATUS_PAUSED
        assert young.room.status == pb.ROOM_STATUS_ACTIVE
        await run_seconds(s, 12)
        assert young.room.status == pb.ROOM_STATUS_PAUSED
