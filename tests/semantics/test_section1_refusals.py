"""Semantics 1, bullet 3: messages to ended rooms, and to paused ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from api_fakes import until
from rooms_kit import House, house, text_content

from roomd import v1 as pb
from roomd_server.core.times import duration

PAUSE = pb.PauseRoomRequest(room_id="r1")
CLOSE, ARCHIVE = pb.CloseRoomRequest(room_id="r1"), pb.ArchiveRoomRequest(room_id="r1")
ENDINGS = [pytest.param((CLOSE,), id="closed"), pytest.param((CLOSE, ARCHIVE), id="archived")]


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def by_inbound(h: House) -> tuple[int, str]:
    answer = await h.say("hello")
    return answer.outcome, answer.reason


async def by_send(h: House) -> tuple[int, str]:
    request = pb.SendEventRequest(room_id="r1", channel_id="ws", content=text_content("hello"))
    answer = await h.do(request)
    return answer.outcome, answer.reason


async def by_connection(h: House) -> tuple[int, str]:
    async with h.dial() as line:
        await line.say("hello")
        (result,) = (await line.until(lambda got: got.results)).results
        return result.outcome, result.reason


async def by_deliver(h: House) -> tuple[int, str]:
    answer = await h.do(pb.DeliverRequest(room_id="r1", content=text_content("hello")))
    return answer.outcome, answer.reason


Say = Callable[[House], Awaitable[tuple[int, str]]]
every_way = pytest.mark.parametrize("say", [by_inbound, by_send, by_connection, by_deliver])


@every_way
@pytest.mark.parametrize("endings", ENDINGS)
async def test_s1_message_to_an_ended_room_is_refused_room_closed(
    h: House, endings: tuple[pb.CloseRoomRequest, ...], say: Say
) -> None:
    """Semantics 1, bullet 3: "A message to a CLOSED or ARCHIVED room is REFUSED
    `room_closed`", whichever way it comes.
    """
    await h.room("r1", "ws")
    for ending in endings:
        await h.do(ending)
    assert await say(h) == (pb.OUTCOME_REFUSED, "room_closed")


@every_way
async def test_s1_refused_message_leaves_nothing_in_the_room(h: House, say: Say) -> None:
    """Semantics 1, bullet 3: "nothing enters the timeline": nor a counter, a participant, a
    delivery or anything that subscribers are told.
    """
    await h.room("r1", "ws")
    await h.add("other")
    await h.do(CLOSE)
    before, timeline = await h.state(), await h.timeline()
    log = await h.engine.store.read_log("default", "r1", 0, 0, 1000)
    assert (await say(h))[0] == pb.OUTCOME_REFUSED
    assert await h.state() == before
    assert await h.timeline() == timeline
    assert not await h.deliveries("other")
    people = await h.do(pb.ListParticipantsRequest(room_id="r1", include_left=True))
    assert not people.participants
    assert await h.engine.store.read_log("default", "r1", 0, 0, 1000) == log


async def test_s1_answer_to_a_room_that_was_closed_meanwhile_is_refused(h: House) -> None:
    """Semantics 1, bullet 3: the answer of an AI that took its time is a message too."""
    await h.room("r1", "ws")
    script = pb.ChannelImplementation.Script(responses=["Too late"], delay=duration(30))
    await h.add("ai", pb.CHANNEL_TYPE_AI, implementation=pb.ChannelImplementation(script=script))
    send = pb.SendEventRequest(room_id="r1", channel_id="ws", content=text_content("Well?"))
    await h.do(send)
    await h.do(CLOSE)
    timeline = await h.timeline()
    h.clock.advance(30)
    await until(lambda: h.told("room_refused_event"))
    assert await h.timeline() == timeline


async def test_s1_text_for_later_is_refused_at_once_by_an_ended_room(h: House) -> None:
    """Semantics 1, bullet 3: what would wait for an answer to end is not queued there."""
    await h.room("r1", "ws")
    script = pb.ChannelImplementation.Script(responses=["Too late"], delay=duration(30))
    await h.add("ai", pb.CHANNEL_TYPE_AI, implementation=pb.ChannelImplementation(script=script))
    send = pb.SendEventRequest(room_id="r1", channel_id="ws", content=text_content("Well?"))
    await h.do(send)
    queued = pb.DeliverRequest(
        room_id="r1", content=text_content("hello"), strategy=pb.DELIVER_STRATEGY_QUEUED
    )
    assert (await h.do(queued)).outcome == pb.OUTCOME_HELD, "an open room queues it"
    await h.do(CLOSE)
    answer = await h.do(queued)
    assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, "room_closed")


async def test_s1_refusal_is_counted(h: House) -> None:
    """Semantics 1, bullet 3: "the refusal is counted"."""
    await h.room("r1", "ws")
    await h.do(CLOSE)
    counts = []
    for _ in range(3):
        counts.append((await h.do(pb.GetServerInfoRequest())).gauges["refused_events"])
        await h.say("hello")
    assert counts == [0, 1, 2]


async def test_s1_refusal_is_a_framework_event(h: House) -> None:
    """Semantics 1, bullet 3: "and visible as a framework event"."""
    await h.room("r1", "ws")
    await h.do(CLOSE)
    await h.say("hello")
    (told,) = h.told("room_refused_event")
    assert (told.room_id, told.channel_id) == ("r1", "ws")
    assert told.data["reason"] == "room_closed"


async def test_s1_paused_room_is_found_by_its_participant(tmp_path: Path) -> None:
    """Semantics 1, bullet 3: "PAUSED rooms stay routable": the sender's next message goes
    there, also when nobody remembers where the last one went.
    """
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        await h.room("r2")
        await h.attach("ws", "r2")
        await h.say("hello")
        for anew in (False, True):
            await h.do(PAUSE)
            if anew:
                await h.restart()
            answer = await h.say("still me", room_id="")
            assert (answer.outcome, answer.room_id) == (pb.OUTCOME_ACCEPTED, "r1")


async def test_s1_paused_room_is_found_by_its_channel(h: House) -> None:
    """Semantics 1, bullet 3: "PAUSED rooms stay routable": as the only open room of a channel."""
    await h.room("r1", "ws")
    await h.do(PAUSE)
    answer = await h.say("somebody new", sender="eve", room_id="")
    assert (answer.outcome, answer.room_id) == (pb.OUTCOME_ACCEPTED, "r1")
