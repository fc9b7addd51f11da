"""Participants: who takes part, and how it is told (semantics 1)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from core_services import ME, Services, services
from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.cascade import Cascade
from roomd_server.core.ports import ObserverResult
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.roster import ensure_sender


@pytest.fixture
async def s() -> AsyncIterator[Services]:
    async with services() as made:
        yield made


async def add(s: Services, who: str = "ada", **fields: object) -> pb.Participant:
    ensure = bool(fields.pop("ensure", False))
    request = pb.AddParticipantRequest(
        room_id="r1", participant=pb.Participant(participant_id=who, **fields), ensure=ensure
    )
    return (await s.roster.add_participant(ME, request)).participant


async def remove(s: Services, who: str = "ada", *, ban: bool = False) -> pb.Participant:
    request = pb.RemoveParticipantRequest(room_id="r1", participant_id=who, ban=ban)
    return (await s.roster.remove_participant(ME, request)).participant


async def update(s: Services, paths: list[str], **fields: object) -> pb.Participant:
    request = pb.UpdateParticipantRequest(
        room_id="r1",
        participant=pb.Participant(participant_id="ada", **fields),
        update_mask=FieldMask(paths=paths),
    )
    return (await s.roster.update_participant(ME, request)).participant


async def entries(s: Services) -> list[pb.RoomEvent]:
    page = await s.timeline.list_events(ME, pb.ListEventsRequest(room_id="r1"))
    return list(page.events)


async def test_joining_stores_the_record_and_an_entry_of_the_timeline(s: Services) -> None:
    actor = await s.room()
    active = actor.room.last_activity_time
    s.clock.advance(5)
    s.hooks.listen_to_all()
    who = await add(s, display_name="Ada", channel_ids=["ws"])
    assert who.room_id == "r1"
    assert who.role == pb.PARTICIPANT_ROLE_MEMBER
    assert who.status == pb.PARTICIPANT_STATUS_ACTIVE
    assert who.identification == pb.IDENTIFICATION_STATUS_PENDING
    assert who.HasField("join_time")
    assert (await s.reloaded()).participants["ada"] == who
    (event,) = await entries(s)
    assert event.type == pb.EVENT_TYPE_PARTICIPANT_JOINED
    assert event.content.system.code == "participant_joined"
    assert event.content.system.data["participant_id"] == "ada"
    assert event.visibility.scope == pb.Visibility.SCOPE_INTERNAL
    assert event.index == 0
    assert actor.room.last_activity_time == active, "bookkeeping is no activity"
    (told,) = s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED)
    assert told.payload.event.event_id == event.event_id
    assert told.subject.event_type == pb.EVENT_TYPE_PARTICIPANT_JOINED
    assert s.framework()[-1] == "participant_joined"


async def test_one_who_is_there_is_refused_or_returned(s: Services) -> None:
    await s.room()
    first = await add(s, display_name="Ada")
    with pytest.raises(errors.AlreadyExists) as caught:
        await add(s)
    assert caught.value.reason == pb.ERROR_REASON_PARTICIPANT_EXISTS
    assert await add(s, display_name="Other", ensure=True) == first
    assert len(await entries(s)) == 1


async def test_one_who_left_comes_back(s: Services) -> None:
    await s.room()
    await add(s, display_name="Ada", role=pb.PARTICIPANT_ROLE_OWNER)
    assert (await remove(s)).status == pb.PARTICIPANT_STATUS_LEFT
    back = await add(s, channel_ids=["ws"])
    assert back.status == pb.PARTICIPANT_STATUS_ACTIVE
    assert (back.display_name, back.role) == ("Ada", pb.PARTICIPANT_ROLE_OWNER)
    assert list(back.channel_ids) == ["ws"]
    types = [event.type for event in await entries(s)]
    assert types == [
        pb.EVENT_TYPE_PARTICIPANT_JOINED,
        pb.EVENT_TYPE_PARTICIPANT_LEFT,
        pb.EVENT_TYPE_PARTICIPANT_JOINED,
    ]


async def test_one_who_is_banned_does_not_come_back(s: Services) -> None:
    await s.room()
    await add(s)
    assert (await remove(s, ban=True)).status == pb.PARTICIPANT_STATUS_BANNED
    with pytest.raises(errors.AlreadyExists):
        await add(s)
    assert (await add(s, ensure=True)).status == pb.PARTICIPANT_STATUS_BANNED


async def test_removing_twice_changes_and_fires_nothing(s: Services) -> None:
    await s.room()
    await add(s)
    s.hooks.listen_to_all()
    assert await remove(s) == await remove(s)
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_LEFT)) == 1
    assert (await remove(s, ban=True)).status == pb.PARTICIPANT_STATUS_BANNED
    assert (await remove(s)).status == pb.PARTICIPANT_STATUS_BANNED
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_LEFT)) == 1


async def test_nobody_joins_an_ended_room(s: Services) -> None:
    await s.room()
    await s.lifecycle.close_room(ME, pb.CloseRoomRequest(room_id="r1"))
    with pytest.raises(errors.FailedPrecondition) as caught:
        await add(s)
    assert caught.value.reason == pb.ERROR_REASON_ROOM_CLOSED


async def test_unknown_participants_and_rooms_are_not_found(s: Services) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await add(s)
    assert caught.value.reason == pb.ERROR_REASON_ROOM_NOT_FOUND
    await s.room()
    for work in (
        remove(s, "nobody"),
        update(s, ["role"]),
        s.roster.get_participant(
            ME, pb.GetParticipantRequest(room_id="r1", participant_id="nobody")
        ),
    ):
        with pytest.raises(errors.NotFound) as caught:
            await work
        assert caught.value.reason == pb.ERROR_REASON_PARTICIPANT_NOT_FOUND


async def test_only_masked_fields_of_a_record_change(s: Services) -> None:
    await s.room()
    await add(s, display_name="Ada", role=pb.PARTICIPANT_ROLE_AGENT)
    s.hooks.listen_to_all()
    metadata = pb.Participant()
    metadata.metadata.update({"tier": "gold"})
    who = await update(
        s, ["display_name", "metadata"], display_name="Countess", metadata=metadata.metadata
    )
    assert (who.display_name, who.role) == ("Countess", pb.PARTICIPANT_ROLE_AGENT)
    assert who.metadata["tier"] == "gold"
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_UPDATED)) == 1
    await update(s, ["display_name"], display_name="Countess")
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_UPDATED)) == 1, "nothing changed"
    with pytest.raises(errors.InvalidArgument) as caught:
        await update(s, ["identity_id"])
    assert caught.value.reason == pb.ERROR_REASON_MASK_NOT_MUTABLE


async def test_saying_who_somebody_is(s: Services) -> None:
    await s.room()
    await add(s)
    s.hooks.listen_to_all()
    request = pb.ResolveParticipantRequest(room_id="r1", participant_id="ada", identity_id="user-7")
    first = (await s.roster.resolve_participant(ME, request)).participant
    assert first.identity_id == "user-7"
    assert first.resolved_by == "manual"
    assert first.identification == pb.IDENTIFICATION_STATUS_IDENTIFIED
    assert first.HasField("resolve_time")
    assert (await s.roster.resolve_participant(ME, request)).participant == first
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_IDENTIFIED)) == 1


async def test_participants_are_listed_in_the_order_they_joined(s: Services) -> None:
    await s.room()
    for who in ("zoe", "ada", "eve", "bob", "max"):
        await add(s, who)
    await remove(s, "eve")
    request = pb.ListParticipantsRequest(room_id="r1", page_size=2)
    found = []
    while True:
        page = await s.roster.list_participants(ME, request)
        found += [who.participant_id for who in page.participants]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == ["zoe", "ada", "bob", "max"]
    everybody = await s.roster.list_participants(
        ME, pb.ListParticipantsRequest(room_id="r1", include_left=True)
    )
    assert len(everybody.participants) == 5
    with pytest.raises(errors.InvalidArgument):
        await s.roster.list_participants(
            ME,
            pb.ListParticipantsRequest(
                room_id="r1", page_token=request.page_token, include_left=True
            ),
        )


# ------------------------------------------------------------------ by their first message


async def first_message(s: Services, actor: RoomActor, channel: str, who: str) -> object:
    async with actor.lock:
        draft = Draft(actor, s.clock)
        arrival = ensure_sender(draft, channel, who)
        event = pb.RoomEvent(
            event_id=s.ids.new(),
            source=pb.EventSource(channel_id=channel, direction=pb.DIRECTION_INBOUND),
        )
        draft.add_event(event)
        await draft.commit()
    if arrival is not None:
        s.notifier.sender_joined(actor, arrival, event, Cascade())
    return arrival


async def test_a_first_message_makes_a_member(s: Services) -> None:
    actor = await s.room()
    s.hooks.listen_to_all()
    await first_message(s, actor, "sms", "ada")
    who = (await s.reloaded()).participants["ada"]
    assert who.role == pb.PARTICIPANT_ROLE_MEMBER
    assert list(who.channel_ids) == ["sms"]
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED)) == 1
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_SESSION_STARTED)) == 1
    assert len(await entries(s)) == 1, "the message itself says that they came"
    assert await first_message(s, actor, "sms", "ada") is None


async def test_a_known_sender_on_a_new_channel_gets_the_channel(s: Services) -> None:
    actor = await s.room()
    await add(s, display_name="Ada")
    s.hooks.listen_to_all()
    await first_message(s, actor, "sms", "ada")
    await first_message(s, actor, "email", "ada")
    assert list(actor.participants["ada"].channel_ids) == ["sms", "email"]
    assert actor.participants["ada"].display_name == "Ada"
    assert not s.hooks.told(pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED)
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_SESSION_STARTED)) == 2


async def test_a_cascade_waits_for_what_observers_of_an_arrival_found(s: Services) -> None:
    actor = await s.room()
    found = ObserverResult([pb.Task(title="greet")], [])
    s.hooks.listen_to_all()
    s.hooks.observers[pb.HOOK_TRIGGER_ON_SESSION_STARTED] = lambda call: found
    async with actor.lock:
        draft = Draft(actor, s.clock)
        arrival = ensure_sender(draft, "sms", "ada")
        await draft.commit()
    cascade = Cascade()
    event = pb.RoomEvent(event_id="e", source=pb.EventSource(channel_id="sms"))
    s.notifier.sender_joined(actor, arrival, event, cascade)
    assert await cascade.wait(s.clock, 5)
    tasks = await s.notes.list_tasks(ME, pb.ListTasksRequest(room_id="r1"))
    assert [task.title for task in tasks.tasks] == ["greet"]
