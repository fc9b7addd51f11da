"""Overload (promises.md, security model: "global admission sheds before it queues"; issue of the
hook stream: "fair between rooms"): what is too much is sent away undecided, and a room whose hooks
hang keeps no other room waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest
from api_fakes import failure_of, until
from grpc import StatusCode
from hook_kit import allow, grpc_worker, hook, spec
from rooms_kit import House, house

from roomd import v1 as pb

MOST = 64
"""Messages in flight."""
HELD = 8
"""Of one room: one is with the hook, seven wait; an eighth of the 56 that are free is seven."""


class Gate:
    """A hook on rooms of the name slow-*, that answers when it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, invocation: pb.Invocation) -> pb.HookDecision:
        if invocation.room_id.startswith("slow"):
            await self.open.wait()
        return allow()


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house(max_in_flight=MOST) as made:
        yield made


@pytest.fixture
async def gate(h: House) -> AsyncIterator[Gate]:
    made = Gate()
    worker = await grpc_worker(h.client, hook("gate", spec(timeout=10)), behave=made)
    yield made
    made.open.set()
    await until(lambda: not h.engine.pipeline.load.in_flight)
    await worker.kill()


Sending = asyncio.Task[pb.SendEventResponse]


def send(h: House, room_id: str, text: str = "hi", **fields: str) -> Sending:
    request = pb.SendEventRequest(room_id=room_id, channel_id="ws", **fields)
    request.content.text.body = text
    return asyncio.create_task(h.do(request))


async def crowd(h: House, room_id: str, count: int) -> list[Sending]:
    """Messages of a room, one after another, until the server has dealt with them."""
    sent = []
    for number in range(count):
        dealt_with = sum(load(h)) + 1
        sent.append(send(h, room_id, f"{number}", idempotency_key=f"{room_id}-{number}"))
        await until(partial(lambda count: sum(load(h)) >= count, dealt_with))
    return sent


def load(h: House) -> tuple[int, int]:
    now = h.engine.pipeline.load
    return now.in_flight, now.shed_count


async def shed(h: House, tasks: Sequence[Sending]) -> int:
    """How many were sent away, each with the right words."""
    await until(lambda: sum(task.done() for task in tasks) >= load(h)[1])
    refused = [task for task in tasks if task.done()]
    for task in refused:
        failure = await failure_of(task)
        assert failure.code is StatusCode.RESOURCE_EXHAUSTED
        assert failure.reason == "OVERLOADED"
        assert failure.details["RetryInfo"].retry_delay.ToMilliseconds() > 0
    return len(refused)


async def test_a_room_keeps_its_share_of_what_is_free_waiting(h: House, gate: Gate) -> None:
    await h.room("slow-1", "ws")
    sent = await crowd(h, "slow-1", MOST)
    assert await shed(h, sent) == MOST - HELD
    gate.open.set()
    done = await asyncio.gather(*sent, return_exceptions=True)
    accepted = [one for one in done if isinstance(one, pb.SendEventResponse)]
    first = accepted[0].event.index
    assert [one.event.index for one in accepted] == list(range(first, first + HELD))
    assert len(await h.messages("slow-1")) == HELD


async def test_however_many_rooms_hang_another_gets_through(h: House, gate: Gate) -> None:
    await h.register("ws")
    rooms = [f"slow-{number}" for number in range(6)]
    for room_id in [*rooms, "quick"]:
        await h.room(room_id)
        await h.attach("ws", room_id)
    sent = [task for room_id in rooms for task in await crowd(h, room_id, 12)]
    assert await shed(h, sent) > 0
    for _ in range(20):
        answer = await asyncio.wait_for(send(h, "quick"), 5)
        assert answer.outcome == pb.OUTCOME_ACCEPTED
    gate.open.set()
    await asyncio.gather(*sent, return_exceptions=True)


async def test_what_was_sent_away_may_come_again_under_its_key(h: House, gate: Gate) -> None:
    await h.room("slow-1", "ws")
    sent = await crowd(h, "slow-1", MOST)
    assert await shed(h, sent) > 0
    gate.open.set()
    await asyncio.gather(*sent, return_exceptions=True)
    for number in range(MOST):
        await send(h, "slow-1", f"{number}", idempotency_key=f"slow-1-{number}")
    said = [event.content.text.body for event in await h.messages("slow-1")]
    assert sorted(said, key=int) == [str(number) for number in range(MOST)]


async def test_a_live_connection_is_told_too(h: House, gate: Gate) -> None:
    """Messages on streams are no calls: the same limit holds for them."""
    await h.room("slow-1", "ws")
    await crowd(h, "slow-1", MOST)
    async with h.dial() as line:
        await line.say("hi", room_id="slow-1")
        (result,) = (await line.until(lambda got: bool(got.results))).results
        assert result.status.reason == pb.ERROR_REASON_OVERLOADED
    gate.open.set()
