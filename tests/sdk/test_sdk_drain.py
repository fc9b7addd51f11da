"""A worker moves from an old stream to a new one without a gap, and ends politely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from mission_rooms import furnish, say, until, websocket

from roomd import HookResult, HookTrigger, RoomEvent, RoomKit
from roomd import v1 as pb
from roomd_server.wiring import EmbeddedServer, start_embedded


@pytest.fixture
async def here() -> AsyncIterator[EmbeddedServer]:
    """A server on this event loop, whose streams a test can end."""
    embedded = await start_embedded()
    yield embedded
    await embedded.stop()


def sessions(here: EmbeddedServer) -> list[object]:
    return here.server._plane.streams._all()


async def test_an_old_stream_is_left_only_when_the_new_one_is_attached(
    here: EmbeddedServer,
) -> None:
    """Were it left before, the hook would be gone for a moment and a message could pass."""
    async with RoomKit(here.address, api_key=here.key) as kit:

        @kit.hook(HookTrigger.BEFORE_BROADCAST)
        async def guard(event: RoomEvent) -> HookResult:
            await asyncio.sleep(0.01)
            return HookResult.block("no")

        await furnish(kit, "room", websocket("ws"))
        outcomes: list[bool] = []
        enough = asyncio.Event()

        async def talk() -> None:
            while not enough.is_set():
                outcomes.append((await say(kit, "ws", "hello", "room")).blocked)

        talking = asyncio.create_task(talk())
        for _ in range(3):
            (old,) = sessions(here)
            seen = len(outcomes)
            old.drain(pb.Drain.REASON_MAX_AGE, 5.0)
            await until(lambda old=old: sessions(here) and old not in sessions(here))
            await until(lambda seen=seen: len(outcomes) > seen + 3)
        enough.set()
        await talking
        assert all(outcomes)
        assert len(sessions(here)) == 1


async def test_a_kit_that_closes_ends_what_it_does(here: EmbeddedServer) -> None:
    ended: list[str] = []
    started = asyncio.Event()
    worker = RoomKit(here.address, api_key=here.key)
    async with RoomKit(here.address, api_key=here.key) as kit:

        @worker.hook(HookTrigger.BEFORE_BROADCAST)
        async def slow(event: RoomEvent) -> HookResult:
            started.set()
            await asyncio.sleep(0.3)
            ended.append(event.content.body)
            return HookResult.block("decided at the last moment")

        await worker.connect()
        await furnish(kit, "room", websocket("ws"))
        saying = asyncio.create_task(say(kit, "ws", "hello"))
        await started.wait()
        await worker.close()
        assert (await saying).reason == "decided at the last moment"
        assert ended == ["hello"]
        await until(lambda: not sessions(here))


async def test_an_idle_kit_closes_at_once(here: EmbeddedServer) -> None:
    kit = RoomKit(here.address, api_key=here.key)
    kit.hook(HookTrigger.BEFORE_BROADCAST)(lambda event: HookResult.allow())
    await kit.connect()
    began = asyncio.get_running_loop().time()
    await kit.close()
    assert asyncio.get_running_loop().time() - began < 1.0
