"""Watching hooks: what they did per interval, bounded, ended by a drain, and the command."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterable
from typing import Any

import grpc
import pytest
from mission_rooms import furnish, say, until, websocket
from observed import Watched, watched

from roomd import HookExecution, HookResult, HookTrigger, RoomContext, RoomEvent, RoomKit
from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub
from roomd_server.core.times import duration, seconds_of
from roomd_server.hooks.watching import MAX_WATCHERS

Answers = AsyncIterable[pb.WatchHooksResponse]
BEFORE, AFTER = HookTrigger.BEFORE_BROADCAST, HookTrigger.AFTER_BROADCAST


async def watch(kit: RoomKit, *names: str, interval: float = 0.5) -> Any:
    """A watcher that has its first answer; and that answer."""
    client = await kit._session.ready()
    request = pb.WatchHooksRequest(interval=duration(interval), hooks=names)
    call = HookServiceStub(client.channel).WatchHooks(request, metadata=client.metadata())
    first = await call.read()
    assert isinstance(first, pb.WatchHooksResponse)
    return call, first


async def furnish_judged(one: Watched) -> list[str]:
    """A room with a hook that judges and one that watches."""
    seen: list[str] = []

    @one.kit.hook(BEFORE, name="judge")
    async def judge(event: RoomEvent, _ctx: RoomContext) -> HookResult:
        await asyncio.sleep(0.02)
        bad = event.content.body == "bad"
        return HookResult.block("no such words") if bad else HookResult.allow()

    @one.kit.hook(AFTER, HookExecution.ASYNC, name="audit")
    async def audit(event: RoomEvent, _ctx: RoomContext) -> None:
        seen.append(event.id)

    await furnish(one.kit, "room", websocket("ws"))
    return seen


async def test_each_interval_says_what_happened_in_it() -> None:
    async with watched() as one:
        seen = await furnish_judged(one)
        await say(one.kit, "ws", "before anybody watched")
        call, first = await watch(one.kit)
        assert not first.HasField("interval")
        assert [(hook.hook, hook.invocations, hook.workers) for hook in first.hooks] == [
            ("audit", 0, 1),
            ("judge", 0, 1),
        ]
        for body in ("good", "bad", "better"):
            await say(one.kit, "ws", body)
        await until(lambda: len(seen) == 3)
        busy = await call.read()
        quiet = await call.read()
        call.cancel()
    assert seconds_of(busy.interval) == pytest.approx(0.5, abs=0.3)
    audit, judge = busy.hooks
    assert dict(judge.verdicts) == {"allow": 2, "block": 1}
    assert (judge.invocations, judge.in_flight, judge.circuit_open) == (3, 0, False)
    assert 0.018 < seconds_of(judge.p50) <= seconds_of(judge.p99) < 1
    assert dict(audit.verdicts) == {"done": 2}
    assert all(hook.invocations == 0 and not hook.HasField("p50") for hook in quiet.hooks)


async def test_what_is_in_flight_and_what_failed_is_shown() -> None:
    async with watched() as one:

        @one.kit.hook(BEFORE, name="slow", timeout=0.6)
        async def slow(_event: RoomEvent, _ctx: RoomContext) -> HookResult:
            await asyncio.sleep(30)
            return HookResult.allow()

        await furnish(one.kit, "room", websocket("ws"))
        sending = asyncio.create_task(say(one.kit, "ws", "hello"))
        async with asyncio.timeout(5):
            while not (await watch_once(one.kit)).in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        call, _ = await watch(one.kit, "slow", "unknown")
        await sending
        total = 0
        async with asyncio.timeout(5):
            while not total:
                (hook,) = (await call.read()).hooks
                total = hook.verdicts["timeout"]
        call.cancel()
    assert total == 1
    assert 0.5 < seconds_of(hook.p99) < 0.8


async def watch_once(kit: RoomKit) -> pb.WatchHooksResponse.Activity:
    call, first = await watch(kit, "slow")
    call.cancel()
    return first.hooks[0]


async def test_watchers_are_few() -> None:
    async with watched() as one:
        calls = [(await watch(one.kit))[0] for _ in range(MAX_WATCHERS)]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watch(one.kit)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        calls[0].cancel()
        async with asyncio.timeout(5):
            while True:
                try:
                    await watch(one.kit)
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()


async def test_a_drain_ends_the_stream() -> None:
    async with watched(drain_grace_seconds=10.0) as one:
        call, _ = await watch(one.kit, interval=60.0)
        async with asyncio.timeout(5):
            stopping = asyncio.create_task(one.embedded.server.stop())
            assert await call.read() is grpc.aio.EOF
            await stopping
        assert await call.code() == grpc.StatusCode.OK


async def test_an_interval_out_of_range_is_refused() -> None:
    async with watched() as one:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watch(one.kit, interval=0.1)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def run_command(one: Watched, *options: str) -> str:
    at = ("--address", one.embedded.address, "--key", one.embedded.key)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "roomd_server.cli", "hooks", "watch", *options, *at),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def test_the_command_prints_a_line_per_interval() -> None:
    async with watched() as one:
        await furnish_judged(one)
        running = asyncio.create_task(
            run_command(one, "--json", "--interval=0.5", "--count=2", "--only=judge")
        )
        while not running.done():
            await say(one.kit, "ws", "good")
        lines = [json.loads(line) for line in (await running).splitlines()]
    assert len(lines) == 2
    for line in lines:
        (hook,) = line["hooks"]
        assert hook["hook"] == "judge"
        assert hook["verdicts"] == {"allow": hook["invocations"]}
        assert hook["per_second"] == pytest.approx(
            hook["invocations"] / line["interval_seconds"], rel=0.01
        )
        assert 15 < hook["p50_ms"] <= hook["p99_ms"]


async def test_the_command_shows_a_table() -> None:
    async with watched() as one:
        await furnish_judged(one)
        table = await run_command(one, "--interval=0.5", "--count=1")
    assert "judge" in table
    assert "audit" in table
