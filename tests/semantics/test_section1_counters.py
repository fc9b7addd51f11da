"""Semantics 1, bullets 4 and 5: a room's counters, its index, its metadata."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from rooms_kit import House, house, text_content

from roomd import v1 as pb


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def said(h: House, text: str, room_id: str = "r1") -> pb.RoomEvent:
    """The event of a message."""
    return (await h.say(text, room_id=room_id)).event


async def update(h: House, paths: tuple[str, ...] = ("metadata",), **metadata: Any) -> pb.Room:
    """Update the room r1."""
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1"))
    request.room.metadata.update(metadata)
    request.update_mask.paths.extend(paths)
    return (await h.do(request)).room


# ------------------------------------------------------------------ counters


async def test_s1_latest_index_is_unset_when_the_room_is_empty(h: House) -> None:
    """Semantics 1, bullet 4: "`latest_index` (unset when empty)"."""
    assert not (await h.room()).HasField("latest_index")
    assert not (await h.state()).HasField("latest_index")


async def test_s1_latest_index_is_that_of_the_newest_event(h: House) -> None:
    """Semantics 1, bullet 4: 0 after the first event, which is not the same as unset."""
    await h.room()
    await h.add("ws")
    room = await h.state()
    assert room.HasField("latest_index")
    assert room.latest_index == 0
    event = await said(h, "hello")
    assert (await h.state()).latest_index == event.index == 1


async def test_s1_event_count_counts_every_event(h: House) -> None:
    """Semantics 1, bullet 4: "`event_count`": whatever is in the timeline."""
    await h.room()
    assert (await h.state()).event_count == 0
    await h.add("ws")
    await said(h, "one")
    await h.participant("bob")
    assert (await h.state()).event_count == len(await h.timeline()) == 3


async def test_s1_counters_survive_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 4: counters are stored with what they count."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        await said(h, "one")
        await h.restart()
        room = await h.state()
        assert (room.event_count, room.latest_index) == (2, 1)
        assert (await said(h, "two")).index == 2


# ------------------------------------------------------------------ the index


async def test_s1_index_starts_at_zero(h: House) -> None:
    """Semantics 1, bullet 4: "starting at 0"."""
    await h.room("r1", "ws")
    first = (await h.timeline())[0]
    assert first.HasField("index")
    assert first.index == 0


async def test_s1_index_is_gapless_and_strictly_increasing(h: House) -> None:
    """Semantics 1, bullet 4: "Index is gapless and strictly increasing", also when messages
    come at once, and with blocked ones between.
    """
    await h.room("r1", "ws")
    await h.forbid("spam")
    texts = ["hello", "spam", "hello again"] * 10
    answers = await asyncio.gather(*(h.say(text) for text in texts))
    blocked = [answer.event.index for answer in answers if answer.event.blocked_by]
    assert len(blocked) == 10
    timeline = await h.timeline()
    assert [event.index for event in timeline] == list(range(31))
    assert (await h.state()).latest_index == 30


async def test_s1_refused_message_takes_no_index(h: House) -> None:
    """Semantics 1, bullet 4: "gapless": what does not enter leaves no hole."""
    await h.room("r1", "ws")
    await h.participant("eve")
    ban = pb.RemoveParticipantRequest(room_id="r1", participant_id="eve", ban=True)
    await h.do(ban)
    before = (await said(h, "one")).index
    assert (await h.say("two", sender="eve")).outcome == pb.OUTCOME_REFUSED
    assert (await said(h, "three")).index == before + 1


async def test_s1_index_is_counted_per_room(h: House) -> None:
    """Semantics 1, bullet 4: "per room"."""
    await h.room("r1", "ws")
    await h.room("r2")
    await h.attach("ws", "r2")
    for _ in range(3):
        await said(h, "here")
    assert (await said(h, "there", "r2")).index == 1


async def test_s1_index_of_a_withdrawn_event_is_never_reused(h: House) -> None:
    """Semantics 1, bullet 4: "never reused"."""
    await h.room("r1", "ws")
    gone = await said(h, "oops")
    await h.do(pb.DeleteEventRequest(room_id="r1", event_id=gone.event_id))
    assert (await said(h, "better")).index == gone.index + 1
    again = await h.do(pb.GetEventRequest(room_id="r1", index=gone.index))
    assert again.event.event_id == gone.event_id


async def test_s1_index_of_a_withdrawn_event_is_not_reused_after_a_restart(
    tmp_path: Path,
) -> None:
    """Semantics 1, bullet 4: "never reused", also by one who does not remember it."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        gone = await said(h, "oops")
        await h.do(pb.DeleteEventRequest(room_id="r1", event_id=gone.event_id))
        await h.restart()
        assert (await said(h, "better")).index == gone.index + 1


# ------------------------------------------------------------------ metadata


async def test_s1_metadata_merges_key_by_key(h: House) -> None:
    """Semantics 1, bullet 5: "Metadata merges key by key": named keys are replaced whole, a
    null removes, others stay.
    """
    await h.room(metadata={"a": 1, "b": {"x": 1}, "c": "old"})
    room = await update(h, b={"y": 2}, c=None, d=True)
    assert dict(room.metadata) == {"a": 1, "b": {"y": 2}, "d": True}
    assert await h.state() == room


async def test_s1_metadata_changes_only_with_the_mask(h: House) -> None:
    """Semantics 1, bullet 5: "(`UpdateRoom` with mask)": what the mask does not name stays."""
    await h.room(metadata={"a": 1})
    assert dict((await update(h, ("labels",), a=2)).metadata) == {"a": 1}


async def test_s1_labels_are_those_that_rooms_are_listed_by(h: House) -> None:
    """Semantics 1, bullet 5: "(`UpdateRoom` with mask)": labels are replaced, for lists too."""

    async def listed(value: str) -> list[str]:
        found = await h.do(pb.ListRoomsRequest(labels={"tier": value}))
        return [room.room_id for room in found.rooms]

    await h.room(labels={"tier": "gold"})
    assert await listed("gold") == ["r1"]
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1", labels={"tier": "iron"}))
    request.update_mask.paths.append("labels")
    await h.do(request)
    assert [await listed("gold"), await listed("iron")] == [[], ["r1"]]


async def test_s1_metadata_survives_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 5: what was merged is stored."""
    async with house(tmp_path / "r.db") as h:
        await h.room(metadata={"a": 1})
        await update(h, b=2)
        await h.restart()
        assert dict((await h.state()).metadata) == {"a": 1, "b": 2}


async def test_s1_metadata_keys_with_an_underscore_are_reserved(h: House) -> None:
    """Semantics 1, bullet 5: "reserved keys begin with `_`": callers cannot write them."""
    await h.room(metadata={"a": 1})
    creating = pb.CreateRoomRequest(room_id="r2")
    creating.metadata.update({"_mine": 1})
    updating = pb.UpdateRoomRequest(room=pb.Room(room_id="r1"))
    updating.room.metadata.update({"_mine": 1})
    updating.update_mask.paths.append("metadata")
    for request in (creating, updating):
        failure = await h.failure(request)
        assert failure.code is StatusCode.INVALID_ARGUMENT
        assert "_mine" in failure.details["BadRequest"].field_violations[0].field
    assert dict((await h.state()).metadata) == {"a": 1}
    assert (await h.failure(pb.GetRoomRequest(room_id="r2"))).code is StatusCode.NOT_FOUND


async def test_s1_metadata_of_messages_has_the_same_reserved_keys(h: House) -> None:
    """Semantics 1, bullet 5: the server's own marks on an event cannot be forged."""
    await h.room("r1", "ws")
    request = pb.SendEventRequest(room_id="r1", channel_id="ws", content=text_content("hi"))
    request.metadata.update({"_hooks": {"gate": "allowed"}})
    assert (await h.failure(request)).code is StatusCode.INVALID_ARGUMENT
    assert not await h.messages()
