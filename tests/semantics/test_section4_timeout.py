"""Semantics 4: the processing timeout covers steps 2 to 10; on expiry nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from api_fakes import until
from google.protobuf.duration_pb2 import Duration
from hook_kit import DECIDE, Worker, allow, hook, spec
from pipeline_kit import ORG, House, Room, after, content, ended, room_in, served
from pipeline_watch import disk_held

from roomd import v1 as pb
from roomd_server.config import Settings
from roomd_server.core.options import EngineOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_SECONDS = 0.4
PART_SECONDS = 0.25
"""Less than the timeout; twice as much is more."""
LIMITS = {"process_timeout_seconds": TIMEOUT_SECONDS, "hook_budget_seconds": 0.39}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    path = tmp_path_factory.mktemp("store") / "store.db"
    async with served(str(path), **LIMITS) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


async def never(_: object) -> Any:
    return await after(asyncio.Event(), None)


async def slowly(answer: Any) -> Any:
    await asyncio.sleep(PART_SECONDS)
    return answer


async def expires(house: House, message: pb.InboundMessage, room_id: str = "") -> None:
    """The caller gets UNAVAILABLE/PROCESS_TIMEOUT."""
    failure = await house.fails("ProcessInbound", message=message, room_id=room_id)
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert failure.reason == "PROCESS_TIMEOUT"


def router(room: Room) -> pb.Handler:
    """A router that has more time than a message."""
    routing = pb.InboundRouterSpec(timeout=Duration(seconds=5))
    return pb.Handler(name=room.id("router"), spec=pb.HandlerSpec(inbound_router=routing))


async def test_s4_timeout_is_thirty_seconds_unless_said_otherwise() -> None:
    """The processing timeout (30 s)."""
    assert EngineOptions().process_timeout_seconds == 30
    assert Settings().engine_options().process_timeout_seconds == 30


async def test_s4_timeout_covers_routing(house: House, room: Room) -> None:
    """… covers 2: a router that does not answer."""
    worker = await house.worker(router(room), behave=never)
    try:
        await expires(house, room.message())
    finally:
        await ended(worker)
    assert await room.events() == []


async def test_s4_timeout_covers_conversion(house: House, room: Room) -> None:
    """… covers 3: a worker that does not convert."""
    await room.phone(answer=never, provider={"converts_inbound": True})
    await expires(house, room.message("x", "phone"), room.room_id)
    assert await room.events() == []


async def test_s4_timeout_covers_the_wait_for_the_lock(house: House, room: Room) -> None:
    """… covers 5: on expiry nothing is stored; it is told, and the key is not used up."""
    actor = await house.engine.directory.get(ORG, room.room_id)
    async with actor.lock:
        await expires(house, room.message(idempotency_key="k"), room.room_id)
    assert await room.events() == []
    assert len(room.told("process_timeout")) == 1
    again = await room.arrive(idempotency_key="k")
    assert again.outcome == pb.OUTCOME_ACCEPTED


async def test_s4_timeout_covers_the_hooks(house: House, room: Room) -> None:
    """… covers 9: hooks that would have time for themselves end with it; the lock is free."""
    gate = await room.hook("gate", never, DECIDE)
    actor = await house.engine.directory.get(ORG, room.room_id)
    async with actor.lock:
        call = asyncio.ensure_future(expires(house, room.message(), room.room_id))
        await asyncio.sleep(TIMEOUT_SECONDS / 2)
    await call
    assert len(gate.invocations) == 1
    assert await room.events() == []
    await gate.send(detach=pb.Detach(names=[room.id("gate")]))
    await gate.told("detached")
    assert (await room.arrive()).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_timeout_is_one_for_all_steps(house: House, room: Room) -> None:
    """… covers 2–10 together: a router and a hook that take half of it each are too much."""
    answer = pb.HandlerResult(route=pb.RouteAnswer(room_id=room.room_id))
    worker = await house.worker(router(room), behave=lambda _: slowly(answer))
    await room.hook("slow", lambda _: slowly(allow()), DECIDE)
    try:
        await expires(house, room.message())
    finally:
        await ended(worker)
    assert await room.events() == []


async def test_s4_timeout_holds_for_sent_events(house: House, room: Room) -> None:
    """The same for SendEvent."""
    actor = await house.engine.directory.get(ORG, room.room_id)
    async with actor.lock:
        failure = await house.fails(
            "SendEvent", room_id=room.room_id, channel_id=room.id("ws"), content=content("x")
        )
    assert failure.reason == "PROCESS_TIMEOUT"
    assert await room.events() == []


async def test_s4_timeout_does_not_cover_the_commit(house: House, room: Room) -> None:
    """… covers 2–10: what was decided in time is stored, however slow the disk is."""
    async with disk_held(house.store):
        call = asyncio.ensure_future(room.arrive("decided"))
        await until(lambda: house.store.pending == 1)
        await asyncio.sleep(TIMEOUT_SECONDS)
    assert (await call).outcome == pb.OUTCOME_ACCEPTED
    assert await room.texts() == ["decided"]


async def test_s4_timeout_does_not_cover_deliveries_and_answers(room: Room) -> None:
    """… covers 2–10: what follows has deadlines of its own."""
    await room.model(answer=lambda _: slow_answer())
    await room.say("hello", wait=pb.WAIT_DELIVERED)
    assert await room.texts() == ["hello", "late"]


async def slow_answer() -> pb.HandlerResult:
    await asyncio.sleep(TIMEOUT_SECONDS + 0.05)
    event = pb.RoomEvent(content=content("late"))
    return pb.HandlerResult(response=pb.Response(events=[event]))


# ------------------------------------------------------------------ rooms of new senders


async def slow_steps(room: Room, hurry: asyncio.Event) -> Worker:
    """A channel ``phone`` whose messages are converted and decided slowly, in any room, until
    there is hurry.
    """
    converted = pb.HandlerResult(converted=pb.Converted(content=content("converted")))

    def convert(_: object) -> Any:
        return converted if hurry.is_set() else slowly(converted)

    def decide(_: object) -> Any:
        return allow() if hurry.is_set() else slowly(allow())

    await room.phone(answer=convert, provider={"converts_inbound": True})
    await room.call("CloseRoom")
    of_it = pb.HookFilter(channel_ids=[room.id("phone")])
    return await room.house.worker(hook(room.id("slow"), spec(DECIDE, filter=of_it)), behave=decide)


async def rooms_of(house: House) -> set[str]:
    return {one.room_id for one in (await house.call("ListRooms", page_size=1000)).rooms}


async def test_s4_timeout_leaves_no_room_behind(house: House, room: Room) -> None:
    """On expiry nothing is stored: no room either."""
    slow = await slow_steps(room, asyncio.Event())
    before = await rooms_of(house)
    try:
        await expires(house, room.message("x", "phone", sender_id="stranger"))
    finally:
        await ended(slow)
    assert await rooms_of(house) == before


async def test_s4_timeout_leaves_at_most_one_room_behind(house: House, room: Room) -> None:
    """Whatever expires, a sender gets one room: the next try goes there."""
    hurry = asyncio.Event()
    slow = await slow_steps(room, hurry)
    before = await rooms_of(house)
    message = room.message("x", "phone", sender_id="stranger")
    for _ in range(2):
        await expires(house, message)
    hurry.set()
    answer = await house.call("ProcessInbound", message=message)
    await ended(slow)
    assert await rooms_of(house) - before == {answer.room_id}
