"""Semantics 7: what is fleeting is shown, numbered, bounded and forgotten; read markers stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api_fakes import ROOM, until
from core_services import eventually
from google.protobuf.message import Message
from grpc import aio
from rooms_kit import House, house

from roomd import v1 as pb
from roomd_server.channels.outbox import MAX_EPHEMERALS
from roomd_server.core.realtime import RING_ENTRIES

LEASE_SECONDS = 30
RENEW_SECONDS = 20
"""How often a connection renews."""

NEEDLE = "fleeting-needle"


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


def of(kind: int, data: dict[str, Any] | None = None, **fields: Any) -> Message:
    """The general call."""
    request = pb.PublishEphemeralRequest(room_id="r1", type=kind, **fields)
    request.data.update(data or {})
    return request


def typing(on: bool = True, room_id: str = "r1", user_id: str = "ada") -> Message:
    return pb.PublishTypingRequest(room_id=room_id, user_id=user_id, typing=on)


def presence(state: int, user_id: str = "ada") -> Message:
    return pb.PublishPresenceRequest(room_id="r1", user_id=user_id, presence=state)


KINDS: dict[str, tuple[tuple[Message, ...], int]] = {
    "typing_start": ((typing(),), pb.EPHEMERAL_TYPE_TYPING_START),
    "typing_stop": ((typing(False),), pb.EPHEMERAL_TYPE_TYPING_STOP),
    "presence_online": ((presence(pb.PRESENCE_ONLINE),), pb.EPHEMERAL_TYPE_PRESENCE_ONLINE),
    "presence_away": ((presence(pb.PRESENCE_AWAY),), pb.EPHEMERAL_TYPE_PRESENCE_AWAY),
    "presence_offline": (
        (presence(pb.PRESENCE_ONLINE), presence(pb.PRESENCE_OFFLINE)),
        pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE,
    ),
    "read_receipt": (
        (pb.PublishReadReceiptRequest(room_id="r1", user_id="ada", event_id="e1"),),
        pb.EPHEMERAL_TYPE_READ_RECEIPT,
    ),
    "reaction": (
        (pb.PublishReactionRequest(room_id="r1", user_id="ada", event_id="e1", emoji="+1"),),
        pb.EPHEMERAL_TYPE_REACTION,
    ),
} | {
    name: ((of(pb.EphemeralType.Value(f"EPHEMERAL_TYPE_{name.upper()}"), channel_id="ws"),), kind)
    for name, kind in {
        "thinking_start": pb.EPHEMERAL_TYPE_THINKING_START,
        "thinking_delta": pb.EPHEMERAL_TYPE_THINKING_DELTA,
        "thinking_end": pb.EPHEMERAL_TYPE_THINKING_END,
        "tool_call_start": pb.EPHEMERAL_TYPE_TOOL_CALL_START,
        "tool_call_end": pb.EPHEMERAL_TYPE_TOOL_CALL_END,
        "custom": pb.EPHEMERAL_TYPE_CUSTOM,
    }.items()
}
"""Name in the rule → the calls that publish it, and its type."""

OF_SECTION_9 = {
    "stream_start": "the text of an answer while it is written",
    "stream_delta": "the same",
    "stream_end": "the same",
    "stream_retract": "the same",
}
"""Kinds that are not of this section. The engine alone publishes them, behind the gates.

That the engine itself says thinking_* and tool_call_* comes with the AI channels (section 9);
until then those who run a model publish them, which is what is proved here.
"""


class Reader:
    """One who is subscribed to the room."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.subscribed = pb.StreamItem.Subscribed()
        self.items: list[pb.StreamItem] = []

    @property
    def seen(self) -> list[pb.EphemeralEvent]:
        """What was fleeting."""
        return [item.ephemeral for item in self.items if item.HasField("ephemeral")]

    async def read(self) -> None:
        message = await asyncio.wait_for(self.call.read(), 5)
        assert message is not aio.EOF, "the stream ended"
        self.items.extend(message.items)

    async def until(self, count: int) -> list[pb.EphemeralEvent]:
        """What was fleeting, when it is so much."""
        while len(self.seen) < count:
            await self.read()
        return self.seen


async def subscribe(h: House, room_id: str = "r1", **start: Any) -> Reader:
    where = pb.RoomStart(room_id=room_id, **start)
    request = pb.SubscribeRoomRequest(room=where, ephemeral=True)
    reader = Reader(h.client.stream(ROOM + "SubscribeRoom", request))
    while not reader.items:
        await reader.read()
    reader.subscribed = reader.items.pop(0).subscribed
    return reader


async def publish(h: House, *requests: Message) -> pb.EphemeralEvent:
    """Publish; what the last one became."""
    for request in requests:
        published = (await h.do(request)).event
    return published


# ------------------------------------------------------------------ kinds


def test_s7_kinds_are_all_there() -> None:
    """Semantics 7: "typing_start/stop, presence …, custom": no kind is without a test."""
    declared = pb.EphemeralType.DESCRIPTOR.values_by_name
    names = {name.removeprefix("EPHEMERAL_TYPE_").lower() for name in declared}
    assert names - {"unspecified"} == KINDS.keys() | OF_SECTION_9.keys()


@pytest.mark.parametrize("kind", KINDS)
async def test_s7_every_kind_reaches_subscribers_and_connections(h: House, kind: str) -> None:
    """Semantics 7: each of the ephemeral kinds is published, with who and when."""
    requests, number = KINDS[kind]
    async with h.dial(ephemeral=True) as line:
        reader = await subscribe(h)
        published = await publish(h, *requests)
        seen = await reader.until(len(requests))
        got = await line.until(lambda batch: len(batch.ephemerals) >= len(requests))
    assert published.type == number
    assert published.user_id == ("" if published.channel_id else "ada")
    assert published.create_time.seconds == int(h.clock.now())
    assert seen[-1] == got.ephemerals[-1] == published


async def test_s7_read_receipt_says_which_event(h: House) -> None:
    """Semantics 7: "read_receipt": of an event."""
    assert dict((await publish(h, *KINDS["read_receipt"][0])).data) == {"event_id": "e1"}


async def test_s7_reaction_says_to_what_and_with_what(h: House) -> None:
    """Semantics 7: "reaction": to an event, with an emoji, and taken back."""
    (add,) = KINDS["reaction"][0]
    remove = type(add)()
    remove.CopyFrom(add)
    remove.remove = True
    about = {"event_id": "e1", "emoji": "+1"}
    assert dict((await publish(h, add)).data) == about | {"action": "add"}
    assert dict((await publish(h, remove)).data) == about | {"action": "remove"}


async def test_s7_custom_carries_whatever_it_is_given(h: House) -> None:
    """Semantics 7: "custom": free data, unchanged."""
    data = {"step": 3.0, "of": {"all": [1.0, "two", None, True]}}
    reader = await subscribe(h)
    published = await publish(h, of(pb.EPHEMERAL_TYPE_CUSTOM, data, user_id="ada"))
    (seen,) = await reader.until(1)
    expected = of(pb.EPHEMERAL_TYPE_CUSTOM, data).data
    assert seen.data == published.data == expected


# ------------------------------------------------------------------ never stored


@pytest.mark.parametrize("kind", KINDS)
async def test_s7_no_kind_enters_the_timeline(h: House, kind: str) -> None:
    """Semantics 7: "Never stored": no event, no index, no count."""
    timeline, room = await h.timeline(), await h.state()
    await publish(h, *KINDS[kind][0])
    assert await h.timeline() == timeline
    after = await h.state()
    assert (after.event_count, after.latest_index) == (room.event_count, room.latest_index)


@pytest.mark.sqlite_only
async def test_s7_nothing_of_it_is_written_to_the_file(tmp_path: Path) -> None:
    """Semantics 7: "Never stored": its words are nowhere on the disk; a message's are."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        spoken = NEEDLE + "-spoken"
        await h.say(spoken)
        for _, number in KINDS.values():
            await publish(h, of(number, {"text": NEEDLE + "-silent"}, user_id="ada"))
        await h.say("the next commit")
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert spoken.encode() in written
        assert (NEEDLE + "-silent").encode() not in written


async def test_s7_nothing_of_it_survives_a_restart(tmp_path: Path) -> None:
    """Semantics 7: "Never stored": nobody is present, nothing is replayed."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        await publish(h, presence(pb.PRESENCE_ONLINE), typing())
        assert await present(h) == {"ada": pb.PRESENCE_ONLINE}
        await h.restart()
        assert await present(h) == {}
        reader = await subscribe(h, after_index=-1)
        after = await publish(h, typing(user_id="bob"))
        assert await reader.until(1) == [after]


# ------------------------------------------------------------------ sequence and epoch


async def test_s7_sequence_is_counted_per_room_without_holes(h: House) -> None:
    """Semantics 7: "sequence number … per room": from 1, each one more."""
    await h.room("r2")
    here = [(await publish(h, typing(on))).sequence for on in (True, False, True)]
    there = (await publish(h, typing(room_id="r2"))).sequence
    assert (here, there) == ([1, 2, 3], 1)


async def test_s7_epoch_is_told_at_the_beginning_and_is_that_of_every_event(h: House) -> None:
    """Semantics 7: "epoch per room": `Subscribed` names it, before anything is published."""
    await h.room("r2")
    reader, other = await subscribe(h), await subscribe(h, "r2")
    await publish(h, typing(), typing(False))
    epochs = {event.epoch for event in await reader.until(2)}
    assert epochs == {reader.subscribed.ephemeral_epoch} != {""}
    assert other.subscribed.ephemeral_epoch not in epochs


async def test_s7_a_client_that_was_away_knows_how_much_it_missed(h: House) -> None:
    """Semantics 7: "so that a client knows what it missed": the hole in the sequence."""
    reader = await subscribe(h)
    await publish(h, typing(), typing(False))
    last = (await reader.until(2))[-1]
    reader.call.cancel()
    await publish(h, typing(), typing(False), typing())
    again = await subscribe(h)
    await publish(h, typing(False))
    (first,) = await again.until(1)
    assert again.subscribed.ephemeral_epoch == first.epoch == last.epoch
    assert first.sequence - last.sequence - 1 == 3


async def test_s7_numbers_that_begin_anew_are_of_another_epoch(tmp_path: Path) -> None:
    """Semantics 7: "sequence number and epoch": after a restart 1 is not the old 1."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        before = await publish(h, typing())
        await h.restart()
        after = await publish(h, typing())
        assert (before.sequence, after.sequence) == (1, 1)
        assert after.epoch != before.epoch


# ------------------------------------------------------------------ bounded queues


async def flood(h: House, count: int) -> None:
    """Publish so many at once that nobody can read in between."""
    actor = await h.engine.directory.get("default", "r1")
    for number in range(count):
        event = pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_CUSTOM, user_id=f"u{number}")
        h.engine.desk.publish(actor, event)


async def test_s7_a_subscriber_behind_loses_the_oldest_and_is_told(h: House) -> None:
    """Semantics 7: "bounded queues that drop the oldest and say so" (SubscribeRoom)."""
    reader = await subscribe(h)
    await flood(h, RING_ENTRIES + 44)
    seen = await reader.until(RING_ENTRIES)
    assert reader.items[0].dropped.count == 44
    assert [event.sequence for event in seen] == list(range(45, RING_ENTRIES + 45))
    assert sum(item.HasField("dropped") for item in reader.items) == 1


async def test_s7_a_connection_behind_loses_the_oldest_and_is_told(h: House) -> None:
    """Semantics 7: "bounded queues that drop the oldest and say so" (Connect)."""
    async with h.dial(ephemeral=True) as line:
        await flood(h, MAX_EPHEMERALS + 44)
        got = await line.until(lambda batch: len(batch.ephemerals) >= MAX_EPHEMERALS)
        newest = list(range(45, MAX_EPHEMERALS + 45))
        assert [event.sequence for event in got.ephemerals] == newest
        assert got.dropped_ephemerals == 44


async def test_s7_what_is_dropped_costs_no_message(h: House) -> None:
    """Semantics 7: only what is fleeting is dropped: the timeline comes whole."""
    reader = await subscribe(h)
    saying = asyncio.gather(*(h.say(f"m{number}") for number in range(5)))
    await flood(h, 10 * RING_ENTRIES)
    await saying
    events = [item.event for item in reader.items]
    while len(events) < 5:
        await reader.read()
        events = [item.event for item in reader.items if item.HasField("event")]
    assert {event.content.text.body for event in events} == {f"m{number}" for number in range(5)}


# ------------------------------------------------------------------ presence


async def entries(h: House) -> list[pb.PresenceEntry]:
    return list((await h.do(pb.ListPresenceRequest(room_id="r1"))).entries)


async def present(h: House) -> dict[str, int]:
    """Who is there."""
    return {entry.user_id: entry.presence for entry in await entries(h)}


async def test_s7_presence_is_a_lease_of_30_seconds(h: House) -> None:
    """Semantics 7: "Presence is a lease (30 s)": not renewed, it ends, and that is told."""
    reader = await subscribe(h)
    await publish(h, presence(pb.PRESENCE_ONLINE))
    (entry,) = await entries(h)
    assert entry.expire_time.seconds == int(h.clock.now()) + LEASE_SECONDS
    h.clock.advance(LEASE_SECONDS - 0.1)
    assert await present(h) == {"ada": pb.PRESENCE_ONLINE}
    await publish(h, typing(user_id="bob"))
    assert [event.user_id for event in await reader.until(2)] == ["ada", "bob"]
    h.clock.advance(1.2)
    assert await present(h) == {}
    ended = (await reader.until(3))[-1]
    assert (ended.type, ended.user_id) == (pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE, "ada")


async def test_s7_presence_is_renewed_by_saying_it_again(h: House) -> None:
    """Semantics 7: "a lease … renewed": it counts from the last time; renewals are silent."""
    reader = await subscribe(h)
    for _ in range(3):
        await publish(h, presence(pb.PRESENCE_AWAY))
        h.clock.advance(LEASE_SECONDS - 1)
    assert await present(h) == {"ada": pb.PRESENCE_AWAY}
    await publish(h, typing(user_id="bob"))
    assert [event.user_id for event in await reader.until(2)] == ["ada", "bob"]


async def test_s7_presence_is_a_lease_of_30_seconds_renewed_by_the_connection(h: House) -> None:
    """Semantics 7: "renewed by the connection": for as long as it stands, and no longer."""
    reader = await subscribe(h)
    actor = await h.engine.directory.get("default", "r1")
    async with h.dial(participant_id="ada", room_ids=["r1"]):
        (online,) = await reader.until(1)
        assert (online.type, online.user_id) == (pb.EPHEMERAL_TYPE_PRESENCE_ONLINE, "ada")
        for _ in range(5):
            end = actor.ephemerals.presence["ada"][1]
            h.clock.advance(RENEW_SECONDS)
            await eventually(lambda end=end: actor.ephemerals.presence["ada"][1] > end)
        assert await present(h) == {"ada": pb.PRESENCE_ONLINE}
    gone = (await reader.until(2))[-1]
    assert (gone.type, gone.user_id) == (pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE, "ada")
    assert await present(h) == {}


async def test_s7_presence_lasts_as_long_as_one_connection_of_several(h: House) -> None:
    """Semantics 7: "renewed by the connection": by each that there is."""
    async with h.dial(participant_id="ada", room_ids=["r1"]):
        reader = await subscribe(h)
        async with h.dial(participant_id="ada", room_ids=["r1"]):
            visits = h.server._connections._presences._held
            await until(lambda: visits[("default", "r1", "ada")] == 2)
        await until(lambda: visits[("default", "r1", "ada")] == 1)
        await publish(h, typing(user_id="bob"))
        assert [event.user_id for event in await reader.until(1)] == ["bob"]
        assert await present(h) == {"ada": pb.PRESENCE_ONLINE}


# ------------------------------------------------------------------ read markers


async def mark(h: House, **place: Any) -> pb.ReadMarker:
    request = pb.MarkReadRequest(room_id="r1", channel_id="ws", **place)
    return (await h.do(request)).marker


async def markers(h: House) -> dict[str, tuple[int, int]]:
    """Channel → where its marker is, and how many messages are unread."""
    listed = await h.do(pb.ListReadMarkersRequest(room_id="r1"))
    return {marker.channel_id: (marker.index, marker.unread) for marker in listed.markers}


async def said(h: House, count: int = 3) -> list[pb.RoomEvent]:
    return [(await h.say(f"m{number}")).event for number in range(count)]


async def test_s7_read_marker_counts_the_unread_messages(h: House) -> None:
    """Semantics 7: "`MarkRead`, unread counts": of messages, up to and with new ones."""
    first, second, _ = await said(h)
    marker = await mark(h, event_id=first.event_id)
    assert (marker.index, marker.unread) == (first.index, 2)
    marker = await mark(h, index=second.index)
    assert (marker.index, marker.unread) == (second.index, 1)
    await h.participant("bob")
    await h.say("one more")
    assert await markers(h) == {"ws": (second.index, 2)}, "that bob came is no message"


async def test_s7_read_marker_never_goes_back(h: House) -> None:
    """Semantics 7: "Read markers": what was read stays read."""
    first, _, last = await said(h)
    await mark(h, event_id=last.event_id)
    assert (await mark(h, event_id=first.event_id)).index == last.index
    assert await markers(h) == {"ws": (last.index, 0)}


async def test_s7_read_marker_is_one_per_channel(h: House) -> None:
    """Semantics 7: "Read markers": what one channel has read another has not."""
    await h.add("other")
    first, _, last = await said(h)
    await mark(h, event_id=first.event_id)
    await h.do(pb.MarkAllReadRequest(room_id="r1", channel_id="other"))
    assert await markers(h) == {"ws": (first.index, 2), "other": (last.index, 0)}


async def test_s7_read_markers_are_stored_and_survive_a_restart(tmp_path: Path) -> None:
    """Semantics 7: "Read markers are stored"."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        _, second, _ = await said(h)
        await mark(h, event_id=second.event_id)
        await h.restart()
        assert await markers(h) == {"ws": (second.index, 1)}


async def test_s7_read_receipt_moves_no_marker(h: House) -> None:
    """Semantics 7: a receipt is fleeting, a marker is stored: one is not the other."""
    first, *_ = await said(h)
    await mark(h, event_id=first.event_id)
    before = await markers(h)
    receipt = pb.PublishReadReceiptRequest(
        room_id="r1", user_id="ada", event_id=(await h.timeline())[-1].event_id
    )
    await publish(h, receipt)
    assert await markers(h) == before == {"ws": (first.index, 2)}
