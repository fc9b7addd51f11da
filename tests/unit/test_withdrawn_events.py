"""What was edited or withdrawn is read by nobody any more, wherever events are handed out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from core_services import ME, Services, services
from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd_server.core.feed import RoomFeed
from roomd_server.core.log import TAIL_ENTRIES, Position
from roomd_server.core.room import Draft, RoomActor

SECRET = "secret"


@pytest.fixture
async def s() -> AsyncIterator[Services]:
    async with services() as made:
        yield made


@pytest.fixture
async def room(s: Services) -> RoomActor:
    return await s.room()


async def edit(s: Services, event: pb.RoomEvent, body: str) -> None:
    await s.editing.update_event(
        ME,
        pb.UpdateEventRequest(
            room_id="r1",
            event_id=event.event_id,
            content=pb.Content(text=pb.TextContent(body=body)),
            update_mask=FieldMask(paths=["content"]),
        ),
    )


async def withdraw(s: Services, event: pb.RoomEvent, **fields: object) -> None:
    request = pb.DeleteEventRequest(room_id="r1", event_id=event.event_id, **fields)
    await s.editing.delete_event(ME, request)


async def told_to_handlers(room: RoomActor, count: int = 200) -> list[str]:
    context = await room.context(pb.ContextSelection(recent_events=count))
    assert SECRET.encode() not in context.SerializeToString()
    return [event.content.text.body for event in context.recent_events]


async def test_a_handlers_context_has_events_as_they_are_now(s: Services, room: RoomActor) -> None:
    said = [await s.say(room, body) for body in (f"a {SECRET}", f"{SECRET} two", "three")]
    await edit(s, said[0], "one")
    await withdraw(s, said[1])
    assert await told_to_handlers(room) == ["one", "", "three"]
    loaded = await s.reloaded()
    assert await told_to_handlers(loaded) == ["one", "", "three"], "as loaded from the store"


async def test_events_changed_after_the_room_was_loaded_are_as_they_are_now(
    s: Services, room: RoomActor
) -> None:
    said = [await s.say(room, body) for body in (SECRET, "two", f"{SECRET} three")]
    s.directory._live.clear()
    room = await s.directory.get(ME.org, "r1")
    await withdraw(s, said[0])
    await edit(s, said[2], "three")
    assert await told_to_handlers(room) == ["", "two", "three"]


async def test_a_context_that_the_memory_does_not_hold_is_as_it_is_now(
    s: Services, room: RoomActor
) -> None:
    said = [await s.say(room, f"{SECRET} {number}") for number in range(2)]
    await edit(s, said[0], "zero")
    await withdraw(s, said[1])
    for number in range(2, TAIL_ENTRIES + 10):
        await s.say(room, str(number))
    wanted = ["zero", "", *map(str, range(2, TAIL_ENTRIES + 10))]
    assert await told_to_handlers(room) == wanted
    assert await told_to_handlers(room, 3) == wanted[-3:]


async def stored_items(room: RoomActor, start: Position) -> list[bytes]:
    return [entry.item for entry in (await RoomFeed(room).load(start, 100)).entries]


async def test_a_reader_who_comes_later_reads_no_former_words(s: Services, room: RoomActor) -> None:
    """Neither in the event nor in the change that a former edit was: from memory and store."""
    start = room.log.next
    said = await s.say(room, f"first {SECRET}")
    other = await s.say(room, f"other {SECRET}")
    await edit(s, said, f"second {SECRET}")
    await edit(s, other, "other")
    await withdraw(s, said)
    from_memory = [entry.item for entry in room.log.since(start, 100) or []]
    from_store = await stored_items(room, start)
    only_changes = await stored_items(room, room.log.next._replace(change=start.change))
    assert (len(from_memory), len(from_store), len(only_changes)) == (5, 5, 3)
    for item in from_memory + from_store + only_changes:
        assert SECRET.encode() not in item
    assert [pb.StreamItem.FromString(item) for item in from_store] == [
        pb.StreamItem.FromString(item) for item in from_memory
    ]


async def test_what_waits_for_a_worker_is_told_of_every_change(
    s: Services, room: RoomActor
) -> None:
    said = await s.say(room, SECRET)
    await edit(s, said, "better")
    await withdraw(s, said)
    assert [one.content.text.body for one in s.hooks.revised] == ["better", ""]
    assert s.hooks.revised[1].HasField("delete_time")


async def edited_by_message(
    s: Services, room: RoomActor, body: str, **fields: object
) -> tuple[pb.RoomEvent, pb.RoomEvent]:
    """An event, and the message that edited it."""
    said = await s.say(room, "first", source=pb.EventSource(participant_id="ada"), **fields)
    content = pb.EditContent(
        target_event_id=said.event_id, new_content=pb.Content(text=pb.TextContent(body=body))
    )
    message = pb.RoomEvent(
        event_id=s.ids.new(),
        type=pb.EVENT_TYPE_EDIT,
        source=said.source,
        content=pb.Content(edit=content),
    )
    async with room.lock:
        target, refusal = await s.editing.authorise(room, message)
        assert target is not None, refusal
        draft = Draft(room, s.clock)
        draft.add_event(message)
        s.editing.apply(draft, message, target)
        await draft.commit()
    return said, message


@pytest.mark.parametrize("change", ["edit", "withdraw", "withdraw with its root"])
async def test_a_message_that_edited_loses_its_words_with_its_target(
    s: Services, room: RoomActor, change: str
) -> None:
    root = await s.say(room, "root")
    said, message = await edited_by_message(s, room, SECRET, parent_event_id=root.event_id)
    assert (await stored_text(s, said)) == SECRET
    s.hooks.listen_to_all()
    if change == "edit":
        await edit(s, said, "better")
    elif change == "withdraw":
        await withdraw(s, said)
    else:
        await withdraw(s, root, cascade_replies=True)
        s.hooks.calls = [
            one for one in s.hooks.calls if one.payload.event.event_id != root.event_id
        ]
    for item in await stored_items(room, Position(0, 0)):
        assert SECRET.encode() not in item
    told = [call.payload.event.event_id for call in s.hooks.calls]
    assert told == [said.event_id], "hooks are told of the event, not of the message beside it"
    stored = await s.store.get_event("acme", "r1", message.event_id)
    assert stored is not None
    assert stored.content.edit.target_event_id == said.event_id
    assert SECRET.encode() in stored.SerializeToString(), "kept for the audit"
    found = await s.timeline.search_events(ME, pb.SearchEventsRequest(query=SECRET))
    assert not found.hits


async def stored_text(s: Services, event: pb.RoomEvent) -> str:
    stored = await s.store.get_event("acme", "r1", event.event_id)
    assert stored is not None
    return stored.content.text.body


# ------------------------------------------------------------------ who may see what


async def test_a_channels_history_is_what_it_may_see(s: Services, room: RoomActor) -> None:
    """The visibility rules hold for history as they hold for deliveries."""
    people = await s.bind(room, "ws")
    model = await s.bind(room, "ai", category=pb.CHANNEL_CATEGORY_INTELLIGENCE)
    source = pb.EventSource(channel_id="ws")
    visible = pb.Visibility.SCOPE_CHANNELS

    async def whisper(body: str, *channel_ids: str) -> None:
        seen = pb.Visibility(scope=visible, channel_ids=channel_ids)
        await s.say(room, body, source=source, visibility=seen)

    await s.say(room, "hello", source=source)
    await whisper("for people", "ws")
    await whisper("for the model", "ai")
    await s.say(room, "blocked", source=source, blocked_by="hook")
    for number in range(TAIL_ENTRIES + 40):
        await whisper(f"staff {number}", "ws")
    wanted = pb.ContextSelection(recent_events=50)
    told = await room.context(wanted, model)
    assert [one.content.text.body for one in told.recent_events] == ["hello", "for the model"]
    told = await room.context(wanted, people)
    assert [one.content.text.body for one in told.recent_events] == [
        f"staff {number}" for number in range(TAIL_ENTRIES - 10, TAIL_ENTRIES + 40)
    ]
