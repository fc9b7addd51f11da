"""Participants, tasks, read markers, threads, edits, search, proactive messages, status."""

from __future__ import annotations

from typing import Any

import pytest
from mission_rooms import furnish, say, sms, until, websocket

from roomd import (
    DeliveryStatus,
    EphemeralEvent,
    EphemeralEventType,
    FrameworkEvent,
    InboundMessage,
    MockSMSProvider,
    ParticipantRole,
    ParticipantStatus,
    RoomKit,
    RoomKitError,
    RoomTimers,
    SMSChannel,
    Task,
    TaskStatus,
    TextContent,
)


async def test_members_come_change_and_go(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    alice = await kit.add_member(
        "room", "ws", "alice", display_name="Alice", role=ParticipantRole.OWNER
    )
    assert (alice.id, alice.channel_id, alice.display_name) == ("alice", "ws", "Alice")
    assert alice.role == ParticipantRole.OWNER
    again = await kit.ensure_participant("room", "ws", "alice")
    assert again.display_name == "Alice"
    changed = await kit.update_participant("room", "alice", role=ParticipantRole.AGENT)
    assert (changed.role, changed.display_name) == (ParticipantRole.AGENT, "Alice")
    gone = await kit.remove_member("room", "alice", status=ParticipantStatus.BANNED)
    assert gone.status == ParticipantStatus.BANNED
    assert await kit.list_members("room") == []
    assert [who.id for who in await kit.list_members("room", include_left=True)] == ["alice"]
    message = InboundMessage(channel_id="ws", sender_id="alice", content=TextContent(body="hey"))
    assert (await kit.process_inbound(message)).blocked


async def test_tasks_are_worked_off(kit: RoomKit) -> None:
    await kit.create_room(room_id="room")
    task = await kit.create_task("room", Task(title="Call", metadata={"at": "noon"}))
    assert task.metadata == {"at": "noon"}
    await kit.update_task("room", task.model_copy(update={"status": TaskStatus.COMPLETED}))
    assert await kit.list_tasks("room", status="pending") == []
    (done,) = await kit.list_tasks("room", status="completed")
    assert (done.id, done.title, done.metadata) == (task.id, "Call", {"at": "noon"})


async def test_events_are_edited_and_withdrawn(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    event = (await say(kit, "ws", "tpyo")).event
    edited = await kit.update_event("room", event.id, TextContent(body="typo"), {"by": "me"})
    assert (edited.content.body, edited.metadata["by"]) == ("typo", "me")
    await kit.delete_event("room", event.id)
    with pytest.raises(RoomKitError):
        await kit.update_event("room", event.id, TextContent(body="too late"))


async def test_threads_are_counted(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    root = (await say(kit, "ws", "question")).event
    for body in ("answer", "another"):
        await kit.send_event("room", "ws", TextContent(body=body), parent_event_id=root.id)
    (thread,) = await kit.store.get_thread_summaries("room")
    assert (thread.root_event_id, thread.reply_count) == (root.id, 2)


async def test_events_are_found_by_their_words(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    for body in ("the blue whale", "a red car"):
        await say(kit, "ws", body)
    found = await kit.store.search_events("whale", room_id="room")
    assert [event.content.body for event in found] == ["the blue whale"]


async def test_a_timeline_is_read_in_pieces(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    for number in range(6):
        await say(kit, "ws", str(number))
    events = await kit.get_timeline("room", limit=100)
    tail = events[-1].index
    newest = await kit.get_timeline("room", limit=2, newest_first=True)
    assert [event.index for event in newest] == [tail, tail - 1]
    assert await kit.get_timeline("room", offset=2, limit=3) == events[2:5]
    assert await kit.get_timeline("room", after_index=tail - 2) == events[-2:]
    assert await kit.get_timeline("room", before_index=2) == events[:2]
    assert await kit.store.get_event_count("room") == len(events)


async def test_a_timeline_may_be_what_one_channel_sees(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"), websocket("other"), websocket("third"))
    await kit.send_event("room", "ws", TextContent(body="for other"), visibility="other")
    await kit.send_event("room", "ws", TextContent(body="for all"))
    seen = {
        who: [
            event.content.body
            for event in await kit.get_timeline("room", visibility_filter=who)
            if event.type == "message"
        ]
        for who in ("other", "third")
    }
    assert seen == {"other": ["for other", "for all"], "third": ["for all"]}


async def test_something_is_said_of_our_own_accord(kit: RoomKit) -> None:
    provider = MockSMSProvider()
    await furnish(kit, "room", SMSChannel("sms", provider=provider))
    event = await kit.deliver("room", "Your parcel is here", metadata={"parcel": 7})
    assert event is not None
    assert event.metadata["parcel"] == 7
    await until(lambda: provider.sent)
    assert provider.sent[0].event.content.body == "Your parcel is here"


async def test_rooms_are_paused_and_resumed(kit: RoomKit) -> None:
    await furnish(kit, "room", websocket("ws"))
    assert (await kit.pause_room("room")).status == "paused"
    assert (await kit.resume_room("room")).status == "active"
    await kit.pause_room("room")
    assert not (await say(kit, "ws", "wake up", "room")).blocked
    assert (await kit.get_room("room")).status == "active"
    timed = await kit.set_room_timers("room", RoomTimers(inactive_after_seconds=0.05))
    assert timed.timers.inactive_after_seconds == 0.05
    await kit.close_room("room")
    assert (await kit.archive_room("room")).status == "archived"
    await kit.delete_room("room")
    assert await kit.store.get_room("room") is None


async def test_delivery_states_are_told_to_hooks(kit: RoomKit) -> None:
    told: list[DeliveryStatus] = []

    @kit.on_delivery_status
    def note(status: DeliveryStatus) -> None:
        told.append(status)

    await furnish(kit, "room", websocket("ws"), sms("sms"))
    outcome = (await say(kit, "ws", "hello")).delivery_results["sms"]
    report = DeliveryStatus(
        provider="mock",
        channel_id="sms",
        message_id=outcome.provider_message_id or "",
        status="delivered",
    )
    await kit.process_delivery_status(report)
    await until(lambda: any(one.status == "delivered" for one in told))
    last = next(one for one in told if one.status == "delivered")
    assert (last.room_id, last.channel_id) == ("room", "sms")
    assert last.message_id == outcome.provider_message_id


@pytest.mark.parametrize(
    ("status", "match"),
    [({"status": "lost"}, "status is"), ({"status": "sent", "channel_id": None}, "channel_id")],
)
async def test_a_report_that_cannot_be_meant_is_refused(
    kit: RoomKit, status: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        await kit.process_delivery_status(
            DeliveryStatus(**{"message_id": "m", "channel_id": "sms", **status})
        )


async def test_framework_events_tell_what_happens(kit: RoomKit) -> None:
    told: list[FrameworkEvent] = []
    kinds = ("room_created", "room_closed", "room_channel_attached", "event_processed")
    for kind in kinds:
        kit.on(kind)(told.append)

    @kit.on("room_created")
    async def broken(event: FrameworkEvent) -> None:
        raise RuntimeError("one handler's fault is not another's")

    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "hello")
    await kit.close_room("room")
    await until(lambda: {event.type for event in told} == set(kinds))
    assert {event.room_id for event in told} == {"room"}
    attached = next(event for event in told if event.type == "room_channel_attached")
    assert attached.channel_id == "ws"


async def test_framework_events_carry_the_room_in_their_data(kit: RoomKit) -> None:
    """The documents read ``event.data['room_id']``."""
    told: list[FrameworkEvent] = []
    kit.on("room_created")(told.append)
    await kit.create_room(room_id="room")
    await until(lambda: told)
    assert told[0].data["room_id"] == "room"


async def test_fleeting_events_of_any_kind(kit: RoomKit) -> None:
    heard: list[EphemeralEvent] = []
    await kit.create_room(room_id="room")
    subscription = await kit.subscribe_room("room", heard.append)
    custom = EphemeralEventType.CUSTOM
    await kit.publish_ephemeral("room", custom, "alice", {"dice": [1, 6], "sure": True})
    await kit.publish_typing("room", "alice", data={"name": "Alice"})
    await kit.publish_reaction("room", "alice", "evt", "🎉", action="remove")
    await until(lambda: len(heard) == 3)
    assert heard[0].data == {"dice": [1, 6], "sure": True}
    assert heard[1].data["name"] == "Alice"
    assert heard[2].data["action"] == "remove"
    assert [event.sequence for event in heard] == sorted(event.sequence for event in heard)
    assert heard[0].to_dict()["type"] == "custom"
    assert await kit.unsubscribe_room(subscription)
    await kit.publish_typing("room", "alice")
    assert len(heard) == 3


async def test_a_callback_that_raises_hears_the_next_event(kit: RoomKit) -> None:
    heard: list[str] = []

    async def fragile(event: EphemeralEvent) -> None:
        heard.append(event.user_id)
        raise RuntimeError("boom")

    await kit.create_room(room_id="room")
    await kit.subscribe_room("room", fragile)
    await kit.publish_typing("room", "alice")
    await kit.publish_typing("room", "bob")
    await until(lambda: heard == ["alice", "bob"])
