"""Reading, editing and withdrawing events; threads, search, read markers, deliveries."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from core_services import ME, STRANGER, Services, services
from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core import timeline as timeline_module
from roomd_server.core.ports import WriteSet
from roomd_server.core.room import Draft, RoomActor


@pytest.fixture
async def s() -> AsyncIterator[Services]:
    async with services() as made:
        await made.room()
        yield made


@pytest.fixture
async def room(s: Services) -> RoomActor:
    return await s.directory.get("acme", "r1")


async def pages(s: Services, **fields: object) -> list[list[int]]:
    request = pb.ListEventsRequest(room_id="r1", **fields)
    found = []
    while True:
        page = await s.timeline.list_events(ME, request)
        found.append([event.index for event in page.events])
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


# ------------------------------------------------------------------ reading


async def test_one_event_by_id_or_index(s: Services, room: RoomActor) -> None:
    await s.say(room, "zero")
    said = await s.say(room, "one")
    by_id = await s.timeline.get_event(ME, pb.GetEventRequest(room_id="r1", event_id=said.event_id))
    by_index = await s.timeline.get_event(ME, pb.GetEventRequest(room_id="r1", index=1))
    zero = await s.timeline.get_event(ME, pb.GetEventRequest(room_id="r1", index=0))
    assert by_id.event == by_index.event == said
    assert zero.event.content.text.body == "zero"
    for request in (
        pb.GetEventRequest(room_id="r1", event_id="nope"),
        pb.GetEventRequest(room_id="r1", index=9),
    ):
        with pytest.raises(errors.NotFound) as caught:
            await s.timeline.get_event(ME, request)
        assert caught.value.reason == pb.ERROR_REASON_EVENT_NOT_FOUND
    with pytest.raises(errors.InvalidArgument):
        await s.timeline.get_event(ME, pb.GetEventRequest(room_id="r1"))
    with pytest.raises(errors.NotFound):
        await s.timeline.get_event(STRANGER, pb.GetEventRequest(room_id="r1", index=0))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"page_size": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
        ({"page_size": 3, "newest_first": True}, [[6, 5, 4], [3, 2, 1], [0]]),
        ({"page_size": 7}, [[0, 1, 2, 3, 4, 5, 6]]),
        ({"page_size": 2, "after_index": 1, "before_index": 5}, [[2, 3], [4]]),
        ({"page_size": 2, "offset": 3}, [[3, 4], [5, 6]]),
        ({"page_size": 2, "offset": 3, "newest_first": True}, [[3, 2], [1, 0]]),
    ],
)
async def test_the_timeline_is_read_page_by_page(
    s: Services, room: RoomActor, fields: dict[str, object], wanted: list[list[int]]
) -> None:
    for number in range(7):
        await s.say(room, f"m{number}")
    assert await pages(s, **fields) == wanted


async def test_a_page_token_of_another_query_or_room_is_refused(
    s: Services, room: RoomActor
) -> None:
    other = await s.room("r2")
    for number in range(3):
        await s.say(room, f"m{number}")
        await s.say(other, f"m{number}")
    first = await s.timeline.list_events(ME, pb.ListEventsRequest(room_id="r1", page_size=1))
    token = first.next_page_token
    for request in (
        pb.ListEventsRequest(room_id="r2", page_token=token),
        pb.ListEventsRequest(room_id="r1", page_token=token, newest_first=True),
        pb.ListEventsRequest(room_id="r1", page_token=token, filter=pb.EventFilter(channel_id="c")),
    ):
        with pytest.raises(errors.InvalidArgument) as caught:
            await s.timeline.list_events(ME, request)
        assert caught.value.reason == pb.ERROR_REASON_BAD_CURSOR
    again = pb.ListEventsRequest(room_id="r1", page_token=token)
    assert [event.index for event in (await s.timeline.list_events(ME, again)).events] == [1, 2]


async def test_a_forged_page_token_is_refused(s: Services) -> None:
    request = pb.ListEventsRequest(room_id="r1")
    mark = paging.mark(ME, request)
    for parts in ((1.5, 0.0), (float("nan"), 0.0), (1e300, 0.0), (-5.0, 0.0), ("a", 0.0), (1.0,)):
        request.page_token = paging.encode(mark, *parts)
        with pytest.raises(errors.InvalidArgument) as caught:
            await s.timeline.list_events(ME, request)
        assert caught.value.reason == pb.ERROR_REASON_BAD_CURSOR


async def test_only_what_a_channel_may_see(
    s: Services, room: RoomActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await s.bind(room, "ws")
    await s.bind(room, "ai", category=pb.CHANNEL_CATEGORY_INTELLIGENCE)
    hidden = pb.Visibility(scope=pb.Visibility.SCOPE_INTELLIGENCE)
    for number in range(12):
        fields = {} if number % 3 == 0 else {"visibility": hidden}
        await s.say(room, f"m{number}", **fields)
    sees = pb.EventFilter(visible_to_channel_id="ws")
    assert await pages(s, filter=sees, page_size=2) == [[0, 3], [6, 9]]
    assert await pages(s, filter=sees, page_size=3) == [[0, 3, 6], [9]]
    assert await pages(s, filter=sees, newest_first=True, page_size=3) == [[9, 6, 3], [0]]
    assert await pages(s, filter=sees, offset=1, page_size=3) == [[3, 6, 9]]
    both = pb.EventFilter(visible_to_channel_id="ai")
    assert sum(map(len, await pages(s, filter=both))) == 12
    with pytest.raises(errors.NotFound):
        await pages(s, filter=pb.EventFilter(visible_to_channel_id="nobody"))
    # A page looks at a bounded stretch: then it is short, and the next goes on.
    monkeypatch.setattr(timeline_module, "SCAN_PAGE", 2)
    monkeypatch.setattr(timeline_module, "SCANNED_EVENTS", 4)
    short = await pages(s, filter=sees, page_size=3)
    assert [index for page in short for index in page] == [0, 3, 6, 9]
    skipped = await pages(s, filter=sees, page_size=3, offset=3)
    assert [index for page in skipped for index in page] == [9]


async def test_deliveries_are_filled_in_on_request(s: Services, room: RoomActor) -> None:
    said = [await s.say(room, f"m{number}") for number in range(2)]
    rows = [
        pb.Delivery(
            delivery_id=f"{event.event_id}:{channel}",
            room_id="r1",
            channel_id=channel,
            event_id=event.event_id,
            event_index=event.index,
            result=pb.DeliveryResult(state=state),
            create_time=event.create_time,
        )
        for event in said
        for channel, state in (("a", pb.DELIVERY_STATE_SENT), ("b", pb.DELIVERY_STATE_FAILED))
    ]
    await s.store.commit(WriteSet("acme", "r1", deliveries=rows))
    request = pb.ListEventsRequest(room_id="r1", include_deliveries=True)
    for event in (await s.timeline.list_events(ME, request)).events:
        assert event.delivery_results["a"].state == pb.DELIVERY_STATE_SENT
        assert event.delivery_results["b"].state == pb.DELIVERY_STATE_FAILED
    listed = pb.ListDeliveriesRequest(room_id="r1", page_size=3)
    page = await s.timeline.list_deliveries(ME, listed)
    listed.page_token = page.next_page_token
    rest = await s.timeline.list_deliveries(ME, listed)
    ids = [row.delivery_id for row in [*page.deliveries, *rest.deliveries]]
    assert sorted(ids) == sorted(row.delivery_id for row in rows)
    assert not rest.next_page_token
    failed = pb.ListDeliveriesRequest(room_id="r1", states=[pb.DELIVERY_STATE_FAILED])
    assert len((await s.timeline.list_deliveries(ME, failed)).deliveries) == 2


async def test_events_are_found_by_their_words(s: Services, room: RoomActor) -> None:
    other = await s.room("r2")
    for number in range(3):
        await s.say(room, f"the quick brown fox {number}")
    await s.say(other, "a quick one elsewhere")
    request = pb.SearchEventsRequest(query="quick", page_size=2)
    found = []
    while True:
        page = await s.timeline.search_events(ME, request)
        found += page.hits
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(found) == 4
    assert "[quick]" in found[0].snippet
    here = pb.SearchEventsRequest(query="quick", room_id="r1")
    assert len((await s.timeline.search_events(ME, here)).hits) == 3
    assert not (
        await s.timeline.search_events(STRANGER, pb.SearchEventsRequest(query="quick"))
    ).hits
    with pytest.raises(errors.NotFound):
        await s.timeline.search_events(STRANGER, here)


async def test_threads_are_counted(s: Services, room: RoomActor) -> None:
    roots = [await s.say(room, f"root {number}") for number in range(3)]
    for root in roots[:2]:
        for _ in range(2):
            await s.say(room, "reply", parent_event_id=root.event_id)
    request = pb.GetThreadSummariesRequest(room_id="r1", page_size=1)
    first = await s.timeline.get_thread_summaries(ME, request)
    request.page_token = first.next_page_token
    second = await s.timeline.get_thread_summaries(ME, request)
    found = [*first.threads, *second.threads]
    assert [thread.root_event_id for thread in found] == [root.event_id for root in roots[:2]]
    assert [thread.reply_count for thread in found] == [2, 2]
    assert not second.next_page_token


# ------------------------------------------------------------------ read markers


async def test_a_marker_moves_forward_only(s: Services, room: RoomActor) -> None:
    await s.bind(room, "ws")
    said = [await s.say(room, f"m{number}") for number in range(5)]

    async def mark(**fields: object) -> pb.ReadMarker:
        request = pb.MarkReadRequest(room_id="r1", channel_id="ws", **fields)
        return (await s.timeline.mark_read(ME, request)).marker

    marker = await mark(event_id=said[2].event_id)
    assert (marker.index, marker.unread) == (2, 2)
    assert (await mark(index=0)).index == 2
    assert (await mark(index=3)).unread == 1
    assert (await mark(index=99)).index == 4, "not beyond the newest event"
    await s.say(room, "more")
    request = pb.ListReadMarkersRequest(room_id="r1")
    (listed,) = (await s.timeline.list_read_markers(ME, request)).markers
    assert (listed.index, listed.unread) == (4, 1)
    everything = pb.MarkAllReadRequest(room_id="r1", channel_id="ws")
    marker = (await s.timeline.mark_all_read(ME, everything)).marker
    assert (marker.index, marker.unread) == (5, 0)


async def test_markers_of_an_empty_room_and_of_strangers(s: Services, room: RoomActor) -> None:
    await s.bind(room, "ws")
    everything = pb.MarkAllReadRequest(room_id="r1", channel_id="ws")
    assert (await s.timeline.mark_all_read(ME, everything)).marker.index == -1
    with pytest.raises(errors.NotFound) as caught:
        await s.timeline.mark_all_read(ME, pb.MarkAllReadRequest(room_id="r1", channel_id="x"))
    assert caught.value.reason == pb.ERROR_REASON_BINDING_NOT_FOUND
    with pytest.raises(errors.NotFound) as caught:
        await s.timeline.mark_read(
            ME, pb.MarkReadRequest(room_id="r1", channel_id="ws", event_id="nope")
        )
    assert caught.value.reason == pb.ERROR_REASON_EVENT_NOT_FOUND
    with pytest.raises(errors.InvalidArgument):
        await s.timeline.mark_read(ME, pb.MarkReadRequest(room_id="r1", channel_id="ws"))


# ------------------------------------------------------------------ editing


async def edit(
    s: Services, event: pb.RoomEvent, body: str, who: str = ""
) -> pb.UpdateEventResponse:
    request = pb.UpdateEventRequest(
        room_id="r1",
        event_id=event.event_id,
        content=text(body),
        update_mask=FieldMask(paths=["content"]),
        participant_id=who,
    )
    return await s.editing.update_event(ME, request)


async def withdraw(s: Services, event: pb.RoomEvent, **fields: object) -> pb.DeleteEventResponse:
    request = pb.DeleteEventRequest(room_id="r1", event_id=event.event_id, **fields)
    return await s.editing.delete_event(ME, request)


async def test_an_edit_replaces_the_content_and_keeps_what_was_said(
    s: Services, room: RoomActor
) -> None:
    said = await s.say(room, "teh word")
    s.hooks.listen_to_all()
    answer = await edit(s, said, "the word")
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    assert answer.event.content.text.body == "the word"
    assert answer.event.metadata["edited"] is True
    assert answer.event.HasField("edit_time")
    assert answer.event.index == said.index
    assert "_previous" not in answer.event.metadata
    read = await s.timeline.get_event(ME, pb.GetEventRequest(room_id="r1", index=0))
    assert read.event == answer.event
    stored = await s.store.get_event("acme", "r1", said.event_id)
    assert stored.metadata["_previous"][0]["text"]["body"] == "teh word"
    (told,) = s.hooks.told(pb.HOOK_TRIGGER_ON_EVENT_UPDATED)
    assert told.payload.event == answer.event
    assert s.framework()[-1] == "event_updated"


async def test_an_edit_is_a_change_in_the_log(s: Services, room: RoomActor) -> None:
    said = await s.say(room, "one")
    start = room.log.next
    await edit(s, said, "two")
    (entry,) = room.log.since(start, 10)
    item = pb.StreamItem.FromString(entry.item)
    assert item.event_changed.event.content.text.body == "two"
    assert "content" in item.event_changed.changed_paths
    assert b"_previous" not in entry.item


async def test_the_newest_versions_are_kept_up_to_a_limit(s: Services, room: RoomActor) -> None:
    said = await s.say(room, "v0")
    for number in range(1, 15):
        await edit(s, said, f"v{number}")
    stored = await s.store.get_event("acme", "r1", said.event_id)
    kept = [version["text"]["body"] for version in stored.metadata["_previous"]]
    assert kept == [f"v{number}" for number in range(4, 14)]
    await edit(s, said, "x" * 200_000)
    await edit(s, said, "y" * 200_000)
    await edit(s, said, "small")
    stored = await s.store.get_event("acme", "r1", said.event_id)
    assert [version["text"]["body"][0] for version in stored.metadata["_previous"]] == ["y"]


async def test_metadata_is_merged_without_marking_an_edit(s: Services, room: RoomActor) -> None:
    said = await s.say(room, "hello")
    request = pb.UpdateEventRequest(
        room_id="r1", event_id=said.event_id, update_mask=FieldMask(paths=["metadata"])
    )
    request.metadata.update({"pinned": True})
    event = (await s.editing.update_event(ME, request)).event
    assert dict(event.metadata) == {"pinned": True}
    assert event.content.text.body == "hello"
    assert not event.HasField("edit_time")


async def test_a_withdrawn_event_is_never_shown_again(s: Services, room: RoomActor) -> None:
    said = await s.say(room, "a secret word")
    await edit(s, said, "another secret word")
    s.hooks.listen_to_all()
    answer = await withdraw(s, said, reason="oops")
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    assert answer.event.HasField("delete_time")
    assert answer.event.metadata["deleted"] is True
    seen = [
        answer.event,
        (await s.timeline.get_event(ME, pb.GetEventRequest(room_id="r1", index=0))).event,
        *(await s.timeline.list_events(ME, pb.ListEventsRequest(room_id="r1"))).events,
        s.hooks.told(pb.HOOK_TRIGGER_ON_EVENT_DELETED)[0].payload.event,
        pb.StreamItem.FromString(room.log.since(room.log.next._replace(change=1), 1)[0].item),
    ]
    for message in seen:
        assert b"secret" not in message.SerializeToString()
    stored = await s.store.get_event("acme", "r1", said.event_id)
    assert stored.content.text.body == "another secret word", "kept for the audit"
    found = await s.timeline.search_events(ME, pb.SearchEventsRequest(query="secret"))
    assert not found.hits


async def test_withdrawing_twice_changes_nothing_and_editing_then_is_refused(
    s: Services, room: RoomActor
) -> None:
    said = await s.say(room, "hello")
    first = await withdraw(s, said)
    s.clock.advance(5)
    s.hooks.listen_to_all()
    assert await withdraw(s, said) == first
    assert not s.hooks.calls
    with pytest.raises(errors.FailedPrecondition) as caught:
        await edit(s, said, "again")
    assert caught.value.reason == pb.ERROR_REASON_WRONG_STATE


async def test_replies_are_withdrawn_with_their_root(s: Services, room: RoomActor) -> None:
    root = await s.say(room, "root")
    for number in range(3):
        await s.say(room, f"reply {number}", parent_event_id=root.event_id)
    await s.say(room, "unrelated")
    s.hooks.listen_to_all()
    await withdraw(s, root, cascade_replies=True)
    events = (await s.timeline.list_events(ME, pb.ListEventsRequest(room_id="r1"))).events
    assert [event.HasField("delete_time") for event in events] == [True] * 4 + [False]
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_EVENT_DELETED)) == 4


async def join(s: Services, who: str, role: int = pb.PARTICIPANT_ROLE_MEMBER) -> None:
    participant = pb.Participant(participant_id=who, role=role)
    await s.roster.add_participant(
        ME, pb.AddParticipantRequest(room_id="r1", participant=participant)
    )


async def test_only_the_author_an_owner_or_the_application_may_edit(
    s: Services, room: RoomActor
) -> None:
    await join(s, "ada")
    await join(s, "eve")
    await join(s, "boss", pb.PARTICIPANT_ROLE_OWNER)
    said = await s.say(room, "mine", source=pb.EventSource(participant_id="ada"))
    refused = await edit(s, said, "stolen", "eve")
    assert refused.outcome == pb.OUTCOME_REFUSED
    assert refused.reason == "not_original_author"
    assert not refused.HasField("event")
    for who in ("ada", "boss", ""):
        assert (await edit(s, said, f"by {who}", who)).outcome == pb.OUTCOME_ACCEPTED
    assert (await withdraw(s, said, participant_id="eve")).reason == "not_original_author"
    await s.roster.remove_participant(
        ME, pb.RemoveParticipantRequest(room_id="r1", participant_id="ada", ban=True)
    )
    assert (await withdraw(s, said, participant_id="ada")).reason == "participant_banned"
    await s.lifecycle.close_room(ME, pb.CloseRoomRequest(room_id="r1"))
    assert (await withdraw(s, said, participant_id="boss")).reason == "room_closed"
    assert (await withdraw(s, said)).outcome == pb.OUTCOME_ACCEPTED


async def test_an_edit_may_not_be_an_edit_itself(s: Services, room: RoomActor) -> None:
    said = await s.say(room, "hello")
    for content in (pb.Content(edit=pb.EditContent()), pb.Content()):
        request = pb.UpdateEventRequest(
            room_id="r1",
            event_id=said.event_id,
            content=content,
            update_mask=FieldMask(paths=["content"]),
        )
        with pytest.raises(errors.InvalidArgument):
            await s.editing.update_event(ME, request)
    with pytest.raises(errors.NotFound):
        await edit(s, pb.RoomEvent(event_id="nope"), "x")


# ------------------------------------------------------------------ edits as messages


def edit_message(
    target: str, who: str, edit_source: str = "", kind: int = pb.CHANNEL_TYPE_WEBSOCKET
) -> pb.RoomEvent:
    content = pb.EditContent(
        target_event_id=target, new_content=text("new"), edit_source=edit_source
    )
    return pb.RoomEvent(
        event_id=f"by-{who}",
        type=pb.EVENT_TYPE_EDIT,
        source=pb.EventSource(participant_id=who, channel_type=kind),
        content=pb.Content(edit=content),
    )


def delete_message(
    target: str, who: str, claim: int = 0, kind: int = pb.CHANNEL_TYPE_WEBSOCKET
) -> pb.RoomEvent:
    content = pb.DeleteContent(target_event_id=target, delete_type=claim)
    return pb.RoomEvent(
        event_id=f"by-{who}",
        type=pb.EVENT_TYPE_DELETE,
        source=pb.EventSource(participant_id=who, channel_type=kind),
        content=pb.Content(delete=content),
    )


ADMIN, SYSTEM = pb.DeleteContent.DELETE_TYPE_ADMIN, pb.DeleteContent.DELETE_TYPE_SYSTEM
OF_SYSTEM = pb.CHANNEL_TYPE_SYSTEM


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (edit_message("T", "ada"), ""),
        (edit_message("T", "boss"), ""),
        (edit_message("T", "eve"), "not_original_author"),
        (edit_message("T", ""), "identity_required_for_edit"),
        (edit_message("gone", "ada"), "target_event_not_found"),
        (edit_message("T", "ada", "admin"), "not_authorized"),
        (edit_message("T", "boss", "admin"), ""),
        (edit_message("T", "boss", "system"), "not_authorized"),
        (edit_message("T", "", "system", OF_SYSTEM), ""),
        (delete_message("T", "ada"), ""),
        (delete_message("T", "eve"), "not_original_author"),
        (delete_message("T", ""), "identity_required_for_edit"),
        (delete_message("nope", "ada"), "target_event_not_found"),
        (delete_message("T", "ada", ADMIN), "not_authorized"),
        (delete_message("T", "boss", ADMIN), ""),
        (delete_message("T", "boss", SYSTEM), "not_authorized"),
        (delete_message("T", "", SYSTEM, OF_SYSTEM), ""),
    ],
)
async def test_who_may_edit_or_withdraw_by_message(
    s: Services, room: RoomActor, message: pb.RoomEvent, reason: str
) -> None:
    await join(s, "ada")
    await join(s, "eve")
    await join(s, "boss", pb.PARTICIPANT_ROLE_OWNER)
    author = pb.EventSource(participant_id="ada")
    await s.say(room, "mine", event_id="T", source=author)
    await s.say(room, "mine", event_id="gone", source=author)
    await withdraw(s, pb.RoomEvent(event_id="gone"))
    target, refusal = await s.editing.authorise(room, message)
    assert refusal == reason
    assert (target is None) == bool(reason)


async def test_an_edit_by_message_is_applied_in_its_own_commit(
    s: Services, room: RoomActor
) -> None:
    await join(s, "ada")
    await s.say(room, "old", event_id="T", source=pb.EventSource(participant_id="ada"))
    s.hooks.listen_to_all()
    for message, trigger in (
        (edit_message("T", "ada"), pb.HOOK_TRIGGER_ON_EVENT_UPDATED),
        (delete_message("T", "ada"), pb.HOOK_TRIGGER_ON_EVENT_DELETED),
    ):
        message.event_id = s.ids.new()
        async with room.lock:
            target, refusal = await s.editing.authorise(room, message)
            assert (refusal, target is not None) == ("", True)
            draft = Draft(room, s.clock)
            draft.add_event(message)
            s.editing.apply(draft, message, target)
            await draft.commit()
        s.editing.changed(room, message, draft.writes.changed_events)
        (told,) = s.hooks.told(trigger)
        assert told.payload.event.event_id == "T"
    stored = await s.store.get_event("acme", "r1", "T")
    assert stored.content.text.body == "new"
    assert stored.HasField("delete_time")
    assert room.room.event_count == 4
