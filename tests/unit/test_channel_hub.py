"""Live connections: who gets a delivery, who acknowledges, who sees what is fleeting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from channel_parts import Channels, channel_services
from core_services import ME, eventually
from hypothesis import given
from hypothesis import strategies as st
from test_channel_directory import SCRIPT

from roomd import v1 as pb
from roomd_server.channels import connection as hub_module
from roomd_server.channels import offers, outbox
from roomd_server.channels.live import Connection
from roomd_server.channels.outbox import Outbox
from roomd_server.channels.wire import (
    batch_response,
    delivery_frame,
    ephemeral_frame,
    result_frame,
)
from roomd_server.core.room import RoomActor


@pytest.fixture
async def c(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channels]:
    monkeypatch.setattr(offers, "ACKNOWLEDGE_SECONDS", 0.25)
    async with channel_services() as made:
        await made.register("ws")
        await made.services.room()
        await made.attach("ws")
        made.services.tail.events.clear()
        yield made


@pytest.fixture
def actor(c: Channels) -> RoomActor:
    found = c.services.directory.live(ME.org, "r1")
    assert found is not None
    return found


def connect(
    c: Channels, connection_id: str, channel_id: str = "ws", **fields: object
) -> Connection:
    opening = pb.Open(channel_id=channel_id, connection_id=connection_id, **fields)
    connection = Connection(ME.org, opening)
    c.hub.add(connection)
    return connection


def message(connection_id: str = "", channel_id: str = "ws", text: str = "hi") -> pb.RoomEvent:
    return pb.RoomEvent(
        event_id="e1",
        room_id="r1",
        index=0,
        source=pb.EventSource(channel_id=channel_id, connection_id=connection_id),
        content=pb.Content(text=pb.TextContent(body=text)),
    )


def written(connection: Connection) -> pb.Batch:
    """Everything that waits to be written."""
    batch = pb.Batch()
    while (drained := connection.outbox.drain()) is not None:
        batch.MergeFrom(pb.ChannelServiceConnectResponse.FromString(drained.data).batch)
    return batch


async def deliver(c: Channels, actor: RoomActor, event: pb.RoomEvent) -> pb.DeliveryResult:
    return (await c.hub.deliver(c.ask("ws", actor, event))).result


# ------------------------------------------------------------------ deliveries


async def test_nobody_there_is_a_failure_that_is_not_retried(c: Channels, actor: RoomActor) -> None:
    result = await deliver(c, actor, message())
    assert result.state == pb.DELIVERY_STATE_FAILED
    assert result.error_code == "no_connection"
    assert not result.retryable
    connect(c, "elsewhere", room_ids=["r2"])
    assert (await deliver(c, actor, message())).error_code == "no_connection"


async def test_a_message_is_echoed_to_the_other_connections_only(
    c: Channels, actor: RoomActor
) -> None:
    own, other, named = connect(c, "own"), connect(c, "other"), connect(c, "n", room_ids=["r1"])
    foreign = connect(c, "foreign", room_ids=["r2"])
    event = message("own")
    result = await deliver(c, actor, event)
    assert result.state == pb.DELIVERY_STATE_SENT
    assert not written(own).deliveries
    assert not written(foreign).deliveries
    for connection in (other, named):
        (delivery,) = written(connection).deliveries
        assert delivery.delivery_id == "d1"
        assert delivery.event == event


async def test_connection_ids_of_other_channels_are_not_ours(c: Channels, actor: RoomActor) -> None:
    own = connect(c, "same")
    assert (await deliver(c, actor, message("same", "other"))).state == pb.DELIVERY_STATE_SENT
    assert len(written(own).deliveries) == 1


async def test_the_only_connection_is_the_source(c: Channels, actor: RoomActor) -> None:
    own = connect(c, "own")
    assert (await deliver(c, actor, message("own"))).state == pb.DELIVERY_STATE_SENT
    assert not written(own).deliveries
    assert not c.channels.echoes(ME.org, message("own"), "ws")
    assert c.channels.echoes(ME.org, message("another"), "ws")
    connect(c, "second", room_ids=["r2"])
    assert not c.channels.echoes(ME.org, message("own"), "ws"), "it does not see the room"
    connect(c, "third")
    assert c.channels.echoes(ME.org, message("own"), "ws")


async def test_only_connection_channels_echo(c: Channels) -> None:
    await c.register("ai", pb.CHANNEL_TYPE_AI, implementation=SCRIPT)
    assert not c.channels.echoes(ME.org, message(), "ai")
    assert not c.channels.echoes(ME.org, message(), "gone")
    assert not c.channels.echoes(ME.org, message(), "ws")


async def test_parts_of_a_text_have_ids_of_their_own(c: Channels, actor: RoomActor) -> None:
    one = connect(c, "one")
    for part in (1, 2):
        await c.hub.deliver(c.ask("ws", actor, message(), part=part, parts=2))
    assert [delivery.delivery_id for delivery in written(one).deliveries] == ["d1#1", "d1#2"]


async def test_an_acknowledged_delivery_is_delivered(c: Channels, actor: RoomActor) -> None:
    first, second = connect(c, "a", acknowledges=True), connect(c, "b", acknowledges=True)
    connect(c, "plain")
    call = asyncio.ensure_future(deliver(c, actor, message()))
    await eventually(lambda: first.outbox.size == 1)
    c.hub.acknowledge(first, "d1")
    c.hub.acknowledge(first, "d1")
    await asyncio.sleep(0.005)
    assert not call.done(), "all acknowledgements are waited for"
    c.hub.acknowledge(second, "d1")
    assert (await call).state == pb.DELIVERY_STATE_DELIVERED
    assert not first.unacknowledged
    assert first.missed == second.missed == 0


async def test_a_foreign_acknowledgement_counts_for_nothing(c: Channels, actor: RoomActor) -> None:
    asked = connect(c, "a", acknowledges=True)
    other = connect(c, "b", room_ids=["r2"], acknowledges=True)
    call = asyncio.ensure_future(deliver(c, actor, message()))
    await eventually(lambda: bool(asked.unacknowledged))
    c.hub.acknowledge(other, "d1")
    assert (await call).error_code == "timeout"


async def test_what_nobody_acknowledges_is_tried_again_until_the_client_is_given_up(
    c: Channels, actor: RoomActor
) -> None:
    dead = connect(c, "dead", acknowledges=True)
    for attempt in range(3):
        assert c.hub.attached(ME.org, c.channels.get(ME.org, "ws")) == 1
        result = await deliver(c, actor, message())
        assert result.state == pb.DELIVERY_STATE_FAILED
        assert (result.error_code, result.retryable) == ("timeout", True)
        assert dead.missed == attempt + 1
    assert dead.error is not None
    assert dead.error.reason == pb.ERROR_REASON_SLOW_CONSUMER
    assert (await deliver(c, actor, message())).error_code == "no_connection"


async def test_an_acknowledgement_ends_the_row_of_misses(c: Channels, actor: RoomActor) -> None:
    lazy = connect(c, "lazy", acknowledges=True)
    for _ in range(2):
        await deliver(c, actor, message())
    call = asyncio.ensure_future(deliver(c, actor, message()))
    await eventually(lambda: bool(lazy.unacknowledged))
    c.hub.acknowledge(lazy, "d1")
    assert (await call).state == pb.DELIVERY_STATE_DELIVERED
    for _ in range(2):
        await deliver(c, actor, message())
    assert lazy.error is None


async def test_a_straggler_is_offered_again_when_others_have_it(
    c: Channels, actor: RoomActor
) -> None:
    straggler, plain = connect(c, "a", acknowledges=True), connect(c, "plain")
    assert (await deliver(c, actor, message())).state == pb.DELIVERY_STATE_SENT
    assert len(written(plain).deliveries) == 1
    first, again = written(straggler).deliveries
    assert first == again
    c.hub.acknowledge(straggler, "d1")
    await asyncio.sleep(0.4)
    assert not written(straggler).deliveries
    assert straggler.missed == 0
    assert straggler.error is None


async def test_who_leaves_before_acknowledging_is_waited_for_no_more(
    c: Channels, actor: RoomActor
) -> None:
    leaving, staying = connect(c, "a", acknowledges=True), connect(c, "b", acknowledges=True)
    call = asyncio.ensure_future(deliver(c, actor, message()))
    await eventually(lambda: bool(leaving.unacknowledged))
    c.hub.remove(leaving)
    c.hub.acknowledge(staying, "d1")
    assert (await call).state == pb.DELIVERY_STATE_DELIVERED
    call = asyncio.ensure_future(deliver(c, actor, message()))
    await eventually(lambda: bool(staying.unacknowledged))
    c.hub.remove(staying)
    result = await call
    assert (result.error_code, result.retryable) == ("no_connection", True)


async def test_a_cancelled_delivery_leaves_nothing_behind(c: Channels, actor: RoomActor) -> None:
    one = connect(c, "a", acknowledges=True)
    call = asyncio.ensure_future(deliver(c, actor, message()))
    await eventually(lambda: bool(one.unacknowledged))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not one.unacknowledged


async def test_a_client_that_does_not_read_is_put_out(
    c: Channels, actor: RoomActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_DELIVERIES", 3)
    slow, quick = connect(c, "slow"), connect(c, "quick")
    for _ in range(4):
        assert (await deliver(c, actor, message())).state == pb.DELIVERY_STATE_SENT
        written(quick)
    assert slow.error is not None
    assert slow.error.reason == pb.ERROR_REASON_SLOW_CONSUMER
    assert slow.outbox.size == 0, "its memory is free at once"
    assert quick.error is None
    assert c.services.framework()[-1] == "channel_disconnected"


# ------------------------------------------------------------------ who is there


async def test_coming_and_going_is_told(c: Channels) -> None:
    one = connect(c, "one", participant_id="ada")
    channel = c.channels.get(ME.org, "ws")
    assert c.hub.attached(ME.org, channel) == c.hub.count == 1
    got = await c.channels.get_channel(ME, pb.GetChannelRequest(channel_id="ws"))
    assert got.channel.attached == 1
    c.hub.remove(one)
    c.hub.remove(one)
    assert c.hub.attached(ME.org, channel) == 0
    assert c.services.framework() == ["channel_connected", "channel_disconnected"]
    event = c.services.tail.events[0]
    assert event.channel_id == "ws"
    assert event.data["connection_id"] == "one"


async def test_a_client_that_comes_back_takes_its_place(c: Channels, actor: RoomActor) -> None:
    before = connect(c, "one")
    after = connect(c, "one")
    assert before.error is not None
    assert before.error.reason == pb.ERROR_REASON_PROTOCOL_VIOLATION
    c.hub.remove(before)
    await deliver(c, actor, message())
    assert len(written(after).deliveries) == 1


async def test_rooms_are_shown_and_hidden(c: Channels, actor: RoomActor) -> None:
    named, everywhere = connect(c, "n", room_ids=["r2"]), connect(c, "e")
    line = c.hub.line_of(named)
    assert line is not None
    line.show(named, "r1")
    line.hide(everywhere, "r1")
    assert list(line.audience("r1")) == [named]
    line.hide(named, "r1")
    line.show(everywhere, "r1")
    assert list(line.audience("r1")) == [everywhere]
    line.hide(named, "r2")
    assert list(line.audience("r2")) == [everywhere], "no rooms left is not all rooms"


@given(st.lists(st.tuples(st.sampled_from("sh"), st.integers(0, 3), st.integers(0, 2))))
def test_the_index_of_rooms_agrees_with_the_connections(
    steps: list[tuple[str, int, int]],
) -> None:
    line = hub_module.Line()
    connections = [
        Connection("o", pb.Open(channel_id="c", connection_id=str(n), room_ids=rooms))
        for n, rooms in enumerate(([], ["r0"], ["r0", "r1"]))
    ]
    for connection in connections:
        line.add(connection)
    for step, room, who in steps:
        (line.show if step == "s" else line.hide)(connections[who], f"r{room}")
    for room in range(4):
        seen = {connection.connection_id for connection in line.audience(f"r{room}")}
        assert seen == {one.connection_id for one in connections if one.sees(f"r{room}")}
    for connection in connections:
        line.remove(connection)
    assert not line.connections
    assert not any(list(line.audience(f"r{room}")) for room in range(4))


async def test_a_removed_channel_closes_its_connections(c: Channels) -> None:
    one = connect(c, "one")
    request = pb.UnregisterChannelRequest(channel_id="ws", force=True)
    await c.bindings.unregister_channel(ME, request)
    assert one.closing is not None
    assert one.closing.reason == "CHANNEL_REMOVED"


# ------------------------------------------------------------------ fleeting events


def typing(**fields: object) -> pb.EphemeralEvent:
    return pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_TYPING_START, user_id="ada", **fields)


async def test_fleeting_events_reach_those_who_want_them(c: Channels, actor: RoomActor) -> None:
    wants, wants_not = connect(c, "a", ephemeral=True), connect(c, "b")
    elsewhere = connect(c, "c", ephemeral=True, room_ids=["r2"])
    event = c.services.desk.publish(actor, typing())
    assert list(written(wants).ephemerals) == [event]
    assert wants_not.outbox.size == elsewhere.outbox.size == 0


async def test_a_channel_that_is_not_attached_sees_nothing_fleeting(
    c: Channels, actor: RoomActor
) -> None:
    await c.register("stranger")
    stranger = connect(c, "s", "stranger", ephemeral=True, room_ids=["r1"])
    c.services.desk.publish(actor, typing())
    assert stranger.outbox.size == 0


async def test_visibility_and_access_hold_for_fleeting_events(
    c: Channels, actor: RoomActor
) -> None:
    one = connect(c, "a", ephemeral=True)
    hidden = pb.Visibility(scope=pb.Visibility.SCOPE_INTELLIGENCE)
    c.services.desk.publish(actor, typing(), hidden)
    assert one.outbox.size == 0
    request = pb.SetAccessRequest(room_id="r1", channel_id="ws", access=pb.ACCESS_WRITE_ONLY)
    await c.bindings.set_access(ME, request)
    c.services.desk.publish(actor, typing())
    assert one.outbox.size == 0


@pytest.mark.parametrize(("kind", "capability"), sorted(hub_module.NEEDS.items()))
async def test_capabilities_hold_for_fleeting_events(
    c: Channels, actor: RoomActor, kind: int, capability: str
) -> None:
    await c.register("able", capabilities=pb.Capabilities(**{capability: True}))
    await c.register("unable", capabilities=pb.Capabilities())
    for name in ("able", "unable"):
        await c.attach(name)
    able = connect(c, "a", "able", ephemeral=True)
    unable = connect(c, "u", "unable", ephemeral=True)
    c.services.desk.publish(actor, pb.EphemeralEvent(type=kind))
    assert able.outbox.size == 1
    assert unable.outbox.size == 0


def delta(actor: RoomActor, sequence: int, text: str) -> pb.EphemeralEvent:
    if not sequence:
        actor.ephemerals.streams["s1"] = []
    actor.ephemerals.streams["s1"].append(text)
    stream = pb.StreamDelta(stream_id="s1", sequence=sequence, text=text)
    return pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_STREAM_DELTA, stream=stream)


def begin(actor: RoomActor) -> pb.EphemeralEvent:
    actor.ephemerals.streams["s1"] = []
    kind = pb.EPHEMERAL_TYPE_STREAM_START
    return pb.EphemeralEvent(type=kind, stream=pb.StreamDelta(stream_id="s1"))


def text_of(batch: pb.Batch) -> str:
    """What a client shows: a start sets the text, deltas append."""
    text = ""
    for event in batch.ephemerals:
        if event.type == pb.EPHEMERAL_TYPE_STREAM_START:
            text = event.stream.text
        elif event.type == pb.EPHEMERAL_TYPE_STREAM_DELTA:
            text += event.stream.text
    return text


async def test_who_comes_late_gets_the_text_so_far(c: Channels, actor: RoomActor) -> None:
    publish = c.services.desk.publish
    early = connect(c, "early", ephemeral=True)
    publish(actor, begin(actor))
    publish(actor, delta(actor, 0, "one "))
    publish(actor, delta(actor, 1, "two "))
    late = connect(c, "late", ephemeral=True)
    publish(actor, delta(actor, 2, "three"))
    batch = written(late)
    assert [event.type for event in batch.ephemerals] == [pb.EPHEMERAL_TYPE_STREAM_START]
    assert text_of(batch) == "one two three"
    assert text_of(written(early)) == "one two three"


async def test_a_dropped_part_of_an_answer_is_made_good(
    c: Channels, actor: RoomActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_EPHEMERALS", 4)
    slow = connect(c, "slow", ephemeral=True)
    words = [f"{number} " for number in range(20)]
    c.services.desk.publish(actor, begin(actor))
    for number, word in enumerate(words):
        c.services.desk.publish(actor, delta(actor, number, word))
    batch = written(slow)
    assert batch.dropped_ephemerals > 0
    assert text_of(batch) == "".join(words)


# ------------------------------------------------------------------ the outbox


def test_fleeting_events_are_dropped_before_deliveries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "MAX_DELIVERIES", 4)
    box = Outbox()
    frame = ephemeral_frame(typing())
    box.put_ephemeral(frame)
    for number in range(3):
        assert box.offer_delivery(delivery_frame(str(number), b""))
    box.put_ephemeral(frame)
    drained = box.drain()
    assert drained is not None
    batch = pb.ChannelServiceConnectResponse.FromString(drained.data).batch
    assert len(batch.deliveries) == 3
    assert not batch.ephemerals
    assert batch.dropped_ephemerals == 2
    assert box.drain() is None


def test_batches_are_not_larger_than_a_client_takes() -> None:
    box = Outbox()
    big = delivery_frame("d", message(text="x" * 100_000).SerializeToString())
    for _ in range(20):
        assert box.offer_delivery(big)
    sizes = []
    while (drained := box.drain()) is not None:
        sizes.append(len(drained.data))
    assert len(sizes) > 1
    assert max(sizes) < 1024 * 1024
    assert sum(sizes) > 20 * 100_000


def test_the_bytes_of_deliveries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_DELIVERY_BYTES", 1000)
    box = Outbox()
    assert box.offer_delivery(b"x" * 2000), "one always fits"
    assert not box.offer_delivery(b"x")
    box.drain()
    assert box.offer_delivery(b"x")


@given(
    st.lists(st.text(max_size=300), max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    st.integers(0, 2**40),
)
def test_batches_are_what_protobuf_would_write(
    ids: list[str], send_ids: list[int], dropped: int
) -> None:
    event = message(text="häh " * 50)
    results = [pb.SendResult(send_id=send_id, reason="why") for send_id in send_ids]
    frames = [delivery_frame(one, event.SerializeToString()) for one in ids]
    frames += [result_frame(result) for result in results]
    frames.append(ephemeral_frame(typing()))
    expected = pb.ChannelServiceConnectResponse(
        batch=pb.Batch(
            deliveries=[pb.ConnectionDelivery(delivery_id=one, event=event) for one in ids],
            results=results,
            ephemerals=[typing()],
            dropped_ephemerals=dropped,
        )
    )
    data = batch_response(frames, dropped)
    assert pb.ChannelServiceConnectResponse.FromString(data) == expected


async def test_connections_are_not_asked_for_answers(c: Channels, actor: RoomActor) -> None:
    with pytest.raises(hub_module.ResponderFailed):
        async for _ in c.hub.respond(c.ask("ws", actor, message())):
            pass
