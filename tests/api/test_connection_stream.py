"""``ChannelService.Connect`` over real gRPC: open, send, deliveries, signals, presence, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from api_fakes import failure_of
from connection_parts import CONNECT, ORG, Dialled, House, house
from grpc import aio

from roomd import v1 as pb
from roomd_server.channels import connection_stream, offers, presence, sends
from roomd_server.core.ports import Caller


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        await made.room("r2", "ws")
        yield made


async def eventually(holds, seconds: float = 5.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it never happened"
        await asyncio.sleep(0.002)


async def refusal(line: Dialled):
    """How a stream ends that must end with an error."""

    async def read_on() -> None:
        while await line.call.read() is not aio.EOF:
            pass
        code = await line.call.code()
        if code is not grpc.StatusCode.OK:
            raise aio.AioRpcError(
                code,
                await line.call.initial_metadata(),
                await line.call.trailing_metadata(),
                await line.call.details(),
            )

    return await asyncio.wait_for(failure_of(read_on()), 10)


# ------------------------------------------------------------------ opening


async def test_a_connection_opens_with_its_id_or_a_new_one(h: House) -> None:
    async with h.dial(connection_id="mine") as one, h.dial() as two:
        assert one.connection_id == "mine"
        assert two.connection_id not in ("", "mine")
        assert h.hub.count == 2
        assert h.woken == ["ws", "ws"]
        assert h.told("channel_connected") == 2
    await eventually(lambda: h.hub.count == 0)
    assert h.told("channel_disconnected") == 2


@pytest.mark.parametrize(
    ("opening", "code", "reason"),
    [
        (
            pb.ChannelServiceConnectRequest(open=pb.Open(channel_id="gone")),
            grpc.StatusCode.NOT_FOUND,
            "CHANNEL_NOT_FOUND",
        ),
        (
            pb.ChannelServiceConnectRequest(open=pb.Open(channel_id="notices")),
            grpc.StatusCode.INVALID_ARGUMENT,
            "VALIDATION",
        ),
        (
            pb.ChannelServiceConnectRequest(open=pb.Open()),
            grpc.StatusCode.INVALID_ARGUMENT,
            "VALIDATION",
        ),
        (
            pb.ChannelServiceConnectRequest(ping=1),
            grpc.StatusCode.FAILED_PRECONDITION,
            "PROTOCOL_VIOLATION",
        ),
        (
            pb.ChannelServiceConnectRequest(),
            grpc.StatusCode.FAILED_PRECONDITION,
            "PROTOCOL_VIOLATION",
        ),
    ],
)
async def test_a_first_message_that_opens_nothing_ends_the_stream(
    h: House, opening: pb.ChannelServiceConnectRequest, code: grpc.StatusCode, reason: str
) -> None:
    line = Dialled(h.client.bidi(CONNECT))
    await line.call.write(opening)
    failure = await refusal(line)
    assert (failure.code, failure.reason) == (code, reason)
    assert h.hub.count == 0


async def test_a_stream_that_says_nothing_is_ended(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_stream, "OPEN_SECONDS", 0.05)
    failure = await refusal(Dialled(h.client.bidi(CONNECT)))
    assert failure.reason == "PROTOCOL_VIOLATION"


async def test_a_stream_that_is_closed_at_once_ends_well(h: House) -> None:
    call = h.client.bidi(CONNECT)
    await call.done_writing()
    assert await call.read() is aio.EOF
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"open": pb.Open(channel_id="ws")}, "FAILED_PRECONDITION", "PROTOCOL_VIOLATION"),
        ({}, "FAILED_PRECONDITION", "PROTOCOL_VIOLATION"),
        ({"signal": pb.Signal(room_id="r1")}, "INVALID_ARGUMENT", "VALIDATION"),
        ({"signal": pb.Signal(room_id="r1", type=14)}, "INVALID_ARGUMENT", "VALIDATION"),
        ({"subscribe": pb.SubscribeTo()}, "INVALID_ARGUMENT", "VALIDATION"),
        (
            {"acknowledge": pb.Acknowledge(delivery_ids=["x"] * 1001)},
            "INVALID_ARGUMENT",
            "VALIDATION",
        ),
        ({"send": pb.SendBatch(items=[pb.SendItem()] * 1001)}, "INVALID_ARGUMENT", "VALIDATION"),
    ],
)
async def test_malformed_use_ends_the_stream_with_its_reason(
    h: House, message: dict[str, object], code: str, reason: str
) -> None:
    async with h.dial() as line:
        await line.tell(**message)
        failure = await refusal(line)
        assert (failure.code.name, failure.reason) == (code, reason)
    assert h.hub.count == 0


# ------------------------------------------------------------------ sending


async def test_a_message_is_answered_and_reaches_the_others(h: House) -> None:
    async with h.dial() as one, h.dial() as two, h.dial(room_ids=["r2"]) as three:
        await one.say("hello")
        got = await one.until(lambda batch: bool(batch.results))
        result = got.results[0]
        assert result.send_id == 1
        assert result.outcome == pb.OUTCOME_ACCEPTED
        assert result.index == 0
        assert result.HasField("index")
        assert result.room_id == "r1"
        assert await two.texts(1) == ["hello"]
        delivery = two.got.deliveries[0]
        assert delivery.event.event_id == result.event_id
        assert delivery.event.source.connection_id == one.connection_id
        await two.say("from two", room_id="r2")
        assert await one.texts(1) == ["from two"], "not its own message before it"
        assert await three.texts(1) == ["from two"]


async def test_messages_of_a_room_enter_in_order_and_rooms_side_by_side(h: House) -> None:
    opened = asyncio.Event()

    async def gate(request: pb.ProcessInboundRequest) -> None:
        if request.room_id == "r1":
            await opened.wait()
        else:
            await asyncio.sleep(0.001 if request.message.content.text.body < "5" else 0)

    h.gate = gate
    async with h.dial() as line:
        await line.say(*(f"a{number}" for number in range(5)))
        await line.say(*(str(number) for number in range(10)), room_id="r2")
        await line.until(lambda batch: len(batch.results) == 10)
        assert h.entered == [str(number) for number in range(10)]
        opened.set()
        got = await line.until(lambda batch: len(batch.results) == 15)
        assert h.entered[10:] == [f"a{number}" for number in range(5)]
        last = [result.index for result in got.results[10:]]
        assert last == list(range(5))


async def test_a_bad_message_is_answered_and_the_stream_goes_on(h: House) -> None:
    async with h.dial() as line:
        await line.tell(send=pb.SendBatch(items=[pb.SendItem(send_id=1, room_id="r1")]))
        await line.say("nobody", room_id="r1", sender_id="")
        await line.say("nowhere", room_id="nowhere")
        await line.say("good")
        got = await line.until(lambda batch: len(batch.results) == 4)
        outcome = {
            result.outcome or pb.ErrorReason.Name(result.status.reason) for result in got.results
        }
        assert outcome == {
            "ERROR_REASON_VALIDATION",
            "ERROR_REASON_ROOM_NOT_FOUND",
            pb.OUTCOME_ACCEPTED,
        }
        bad = [result for result in got.results if result.status.code == 3]
        assert len(bad) == 2
        assert h.entered == ["good"]


async def test_a_fault_of_the_server_is_an_answer_too(h: House) -> None:
    async def gate(request: pb.ProcessInboundRequest) -> None:
        raise KeyError("nobody foresaw this")

    h.gate = gate
    async with h.dial() as line:
        await line.say("boom")
        got = await line.until(lambda batch: bool(batch.results))
        assert got.results[0].status.reason == pb.ERROR_REASON_SERVER_FAULT
        assert "foresaw this" not in got.results[0].status.message
        h.gate = None
        await line.say("fine")
        await line.until(lambda batch: len(batch.results) == 2)


async def test_messages_without_a_sender_are_the_participants(h: House) -> None:
    seen: list[pb.InboundMessage] = []

    async def gate(request: pb.ProcessInboundRequest) -> None:
        seen.append(request.message)

    h.gate = gate
    async with h.dial(participant_id="ada") as line:
        await line.say(
            "hi",
            sender_id="",
            idempotency_key="k",
            parent_event_id="p",
            visibility=pb.Visibility(scope=pb.Visibility.SCOPE_NONE),
            addressed_to=pb.Addressing(),
            metadata={"a": 1},
        )
        await line.until(lambda batch: bool(batch.results))
    (message,) = seen
    assert message.sender_id == "ada"
    assert message.channel_id == "ws"
    assert message.idempotency_key == "k"
    assert message.parent_event_id == "p"
    assert message.visibility.scope == pb.Visibility.SCOPE_NONE
    assert message.HasField("addressed_to"), "asks nobody"
    assert not message.HasField("response_visibility")
    assert message.metadata["a"] == 1


async def test_so_many_messages_are_in_flight_and_no_more(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sends, "MAX_IN_FLIGHT", 4)
    opened = asyncio.Event()
    begun: list[str] = []

    async def gate(request: pb.ProcessInboundRequest) -> None:
        begun.append(request.message.content.text.body)
        await opened.wait()

    h.gate = gate
    for number in range(10):
        await h.room(f"x{number}", "ws")
    async with h.dial() as line:
        for number in range(10):
            await line.say(str(number), room_id=f"x{number}")
        await eventually(lambda: len(begun) == 4)
        await asyncio.sleep(0.05)
        assert len(begun) == 4
        opened.set()
        got = await line.until(lambda batch: len(batch.results) == 10)
        assert all(result.outcome == pb.OUTCOME_ACCEPTED for result in got.results)


async def test_answers_are_batched(h: House) -> None:
    for number in range(100):
        await h.room(f"x{number}")
    async with h.dial() as line:
        for number in range(100):
            await line.say("hi", room_id=f"x{number}")
        await line.until(lambda batch: len(batch.results) == 100)
        assert line.batches < 60


async def test_a_client_that_says_goodbye_gets_all_its_answers(h: House) -> None:
    async def gate(request: pb.ProcessInboundRequest) -> None:
        await asyncio.sleep(0.02)

    h.gate = gate
    async with h.dial() as line:
        await line.say("one", "two", "three")
        await line.call.done_writing()
        while await line.read() is not aio.EOF:
            pass
        assert len(line.got.results) == 3
        assert await line.call.code() is grpc.StatusCode.OK
    assert h.hub.count == 0


async def test_a_client_that_hangs_up_leaves_nothing_behind(h: House) -> None:
    before = len(asyncio.all_tasks())
    stuck = asyncio.Event()

    async def gate(request: pb.ProcessInboundRequest) -> None:
        await stuck.wait()

    h.gate = gate
    for _ in range(5):
        async with h.dial(participant_id="ada") as line:
            await line.say("never")
            await eventually(lambda: h.hub.count == 1)
        await eventually(lambda: h.hub.count == 0)
    await eventually(lambda: len(asyncio.all_tasks()) <= before + 2)
    assert not h.entered


# ------------------------------------------------------------------ deliveries


async def test_acknowledged_deliveries_are_delivered_over_the_wire(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "ACKNOWLEDGE_SECONDS", 0.25)
    async with h.dial() as one, h.dial(acknowledges=True) as two:
        await one.say("hello")
        await two.until(lambda batch: bool(batch.deliveries))
        await two.tell(acknowledge=pb.Acknowledge(delivery_ids=[two.got.deliveries[0].delivery_id]))
        await eventually(lambda: not h._delivering)
        assert h.hub.count == 2
        for _ in range(3):
            await one.say("unheard")
        failure = await refusal(two)
        assert failure.reason == "SLOW_CONSUMER"


async def test_rooms_are_subscribed_and_unsubscribed(h: House) -> None:
    async with h.dial() as one, h.dial(room_ids=["r1"]) as two:
        await two.tell(subscribe=pb.SubscribeTo(room_ids=["r2"]))
        await two.tell(unsubscribe=pb.SubscribeTo(room_ids=["r1"]))
        await two.tell(ping=7)
        assert (await two.read()).pong == 7
        await one.say("to r1")
        await one.say("to r2", room_id="r2")
        assert await two.texts(1) == ["to r2"]


async def test_a_client_that_reads_nothing_costs_a_bounded_amount(h: House) -> None:
    """R09 in small: the other connections go on."""
    async with h.dial() as slow, h.dial() as quick, h.dial() as sender:
        body = "x" * 100_000
        count = 0
        while h.hub.count == 3:
            count += 1
            await sender.say(body)
            await quick.texts(count)
            assert count < 500, "it was never put out"
        failure = await refusal(slow)
        assert failure.reason == "SLOW_CONSUMER"
        assert h.hub.count == 2


# ------------------------------------------------------------------ signals and presence


async def test_signals_reach_connections_that_want_them(h: House) -> None:
    async with (
        h.dial(participant_id="ada") as one,
        h.dial(ephemeral=True) as two,
        h.dial("other", ephemeral=True, room_ids=["r1"]) as stranger,
    ):
        await one.tell(
            signal=pb.Signal(room_id="r1", type=pb.EPHEMERAL_TYPE_REACTION, data={"emoji": "+1"})
        )
        await one.tell(signal=pb.Signal(room_id="nowhere", type=pb.EPHEMERAL_TYPE_TYPING_START))
        await one.tell(signal=pb.Signal(room_id="r1", type=pb.EPHEMERAL_TYPE_TYPING_START))
        kinds = (pb.EPHEMERAL_TYPE_REACTION, pb.EPHEMERAL_TYPE_TYPING_START)

        def signalled(batch: pb.Batch) -> list[pb.EphemeralEvent]:
            return [event for event in batch.ephemerals if event.type in kinds]

        got = await two.until(lambda batch: len(signalled(batch)) == 2)
        reaction, typing = signalled(got)
        assert reaction.type == pb.EPHEMERAL_TYPE_REACTION
        assert reaction.user_id == "ada"
        assert reaction.channel_id == "ws"
        assert reaction.data["emoji"] == "+1"
        assert reaction.sequence > 0
        assert typing.type == pb.EPHEMERAL_TYPE_TYPING_START
        await stranger.tell(ping=1)
        assert (await stranger.read()).pong == 1, "and nothing before it"


async def test_a_signal_to_a_room_of_others_is_dropped(h: House) -> None:
    await h.room("private", "other")
    async with h.dial("other", ephemeral=True) as inside, h.dial() as outside:
        kind = pb.EPHEMERAL_TYPE_TYPING_START
        await outside.tell(signal=pb.Signal(room_id="private", type=kind))
        await outside.tell(ping=1)
        assert (await outside.read()).pong == 1
        await inside.tell(ping=2)
        assert (await inside.read()).pong == 2


async def test_people_are_online_while_they_are_connected(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "RENEW_SECONDS", 0.02)
    r1 = await h.directory.get(ORG, "r1")
    r2 = await h.directory.get(ORG, "r2")
    async with h.dial(participant_id="ada", room_ids=["r1", "nowhere"]) as one:
        await eventually(lambda: "ada" in r1.ephemerals.presence)
        assert "ada" not in r2.ephemerals.presence
        lease = r1.ephemerals.presence["ada"][1]
        await eventually(lambda: r1.ephemerals.presence["ada"][1] > lease)
        async with h.dial(participant_id="ada"):
            await eventually(lambda: "ada" in r2.ephemerals.presence)
        await eventually(lambda: "ada" not in r2.ephemerals.presence)
        assert "ada" in r1.ephemerals.presence, "the first connection is still there"
        await one.tell(subscribe=pb.SubscribeTo(room_ids=["r2"]))
        await one.tell(unsubscribe=pb.SubscribeTo(room_ids=["r1"]))
        await eventually(lambda: "ada" in r2.ephemerals.presence)
        await eventually(lambda: "ada" not in r1.ephemerals.presence)
    await eventually(lambda: "ada" not in r2.ephemerals.presence)
    assert not h.service._presences._held


async def test_a_room_attached_later_is_found(h: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "RENEW_SECONDS", 0.02)
    async with h.dial(participant_id="ada") as line:
        actor = await h.room("later", "ws")
        await eventually(lambda: "ada" in actor.ephemerals.presence)
        await h.inbound(
            Caller(ORG), inbound_request("later", "hello"), connection_id="", placed=lambda: None
        )
        assert await line.texts(1) == ["hello"]


def inbound_request(room_id: str, text: str) -> pb.ProcessInboundRequest:
    content = pb.Content(text=pb.TextContent(body=text))
    message = pb.InboundMessage(channel_id="ws", sender_id="bob", content=content)
    return pb.ProcessInboundRequest(message=message, room_id=room_id)


# ------------------------------------------------------------------ ends


async def test_draining_answers_what_is_in_flight_and_says_goodbye(h: House) -> None:
    opened = asyncio.Event()

    async def gate(request: pb.ProcessInboundRequest) -> None:
        await opened.wait()

    h.gate = gate
    async with h.dial(participant_id="ada") as line:
        await line.say("last words")
        await eventually(lambda: bool(h.hub.count))
        await asyncio.sleep(0.02)
        draining = asyncio.ensure_future(h.service.drain(5))
        closing = (await line.read()).closing
        assert closing.reason == "NODE_DRAINING"
        assert closing.reconnect_jitter.seconds > 0
        assert not draining.done()
        opened.set()
        await line.until(lambda batch: bool(batch.results))
        assert await line.read() is aio.EOF
        assert await line.call.code() is grpc.StatusCode.OK
        await draining
        assert h.hub.count == 0
        late = Dialled(h.client.bidi(CONNECT))
        await late.tell(open=pb.Open(channel_id="ws"))
        assert (await refusal(late)).reason == "NODE_DRAINING"


async def test_draining_does_not_wait_for_ever(h: House) -> None:
    stuck = asyncio.Event()

    async def gate(request: pb.ProcessInboundRequest) -> None:
        await stuck.wait()

    h.gate = gate
    async with h.dial() as line:
        await line.say("never")
        await asyncio.sleep(0.02)
        await asyncio.wait_for(h.service.drain(0.1), 2)
        assert (await refusal(line)).reason == "NODE_DRAINING"
        assert h.hub.count == 0


async def test_a_removed_channel_says_goodbye(h: House) -> None:
    async with h.dial() as line:
        await h.channels.remove(ORG, "ws")
        assert (await line.read()).closing.reason == "CHANNEL_REMOVED"
        assert await line.read() is aio.EOF


async def test_a_client_that_comes_back_takes_over_its_connection(h: House) -> None:
    async with h.dial(connection_id="one") as before, h.dial(connection_id="one"):
        assert (await refusal(before)).reason == "PROTOCOL_VIOLATION"
        assert h.hub.count == 1


async def test_pings_are_answered(h: House) -> None:
    async with h.dial() as line:
        for number in (1, -5, 2**62):
            await line.tell(ping=number)
            assert (await line.read()).pong == number
