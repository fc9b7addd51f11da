"""The scripted AI and the system channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.channels.script import _WORDS, ScriptDriver
from roomd_server.channels.system import SystemDriver
from roomd_server.core.ports import Ask, ResponderFailed


class CountedSleep:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def nothing(_: pb.ContextSelection) -> pb.RoomContext:
    return pb.RoomContext()


def ask(delivery_id: str, room_id: str = "r1", org: str = "acme", **script: object) -> Ask:
    script.setdefault("responses", ["one two", "three"])
    implementation = pb.ChannelImplementation(script=pb.ChannelImplementation.Script(**script))
    channel = pb.Channel(channel_id="ai", implementation=implementation)
    event = pb.RoomEvent(room_id=room_id)
    return Ask(org, channel, pb.Binding(), event, delivery_id, "", 1, 1, nothing)


async def answer(driver: ScriptDriver, question: Ask) -> list[str]:
    pieces = []
    async for piece in driver.respond(question):
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            pieces += [event.content.text.body for event in piece.events]
    return pieces


@pytest.fixture
def clock() -> CountedSleep:
    return CountedSleep()


@pytest.fixture
def driver(clock: CountedSleep) -> ScriptDriver:
    return ScriptDriver(clock)


async def test_answers_come_in_turn_for_each_room(driver: ScriptDriver) -> None:
    said = [await answer(driver, ask(str(number))) for number in range(3)]
    assert said == [["one two"], ["three"], ["one two"]]
    assert await answer(driver, ask("x", room_id="r2")) == ["one two"]
    assert await answer(driver, ask("y", org="other")) == ["one two"]


async def test_a_delivery_that_is_tried_again_gets_the_same_answer(driver: ScriptDriver) -> None:
    assert await answer(driver, ask("a")) == await answer(driver, ask("a"))
    assert await answer(driver, ask("b")) == ["three"]


async def test_streaming_says_word_by_word_with_pauses(
    driver: ScriptDriver, clock: CountedSleep
) -> None:
    question = ask("a", streaming=True, delay=Duration(nanos=500_000_000))
    assert await answer(driver, question) == ["one", " two"]
    assert clock.slept == [0.5, 0.5]


async def test_a_whole_answer_waits_once(driver: ScriptDriver, clock: CountedSleep) -> None:
    await answer(driver, ask("a", delay=Duration(seconds=2)))
    assert clock.slept == [2]


@given(st.text())
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(_WORDS.findall(text)) == text


async def test_the_system_delivers_to_nobody() -> None:
    driver = SystemDriver()
    outcome = await driver.deliver(ask("a"))
    assert outcome.result.state == pb.DELIVERY_STATE_SENT
    with pytest.raises(ResponderFailed):
        await anext(_iterate(driver))


async def _iterate(driver: SystemDriver) -> AsyncIterator[object]:
    async for piece in driver.respond(ask("a")):
        yield piece
