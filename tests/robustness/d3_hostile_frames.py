"""D3: malformed and hostile frames on the worker stream, over gRPC."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import Any

import grpc
from findings import Fault, Report
from hostile_frames import LIVE, aimed, frames
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from site_of_test import Site
from workers import GONE, allow, hook, result
from world import World, reason_of, world_of

from roomd import v1 as pb
from roomd_server.api.validation import check
from roomd_server.hooks.session import WorkerSession

ROOM = "room"
LAST = 2**60
"""Nonce of the ping that must be answered when the stream still lives."""
READ_SECONDS = 10.0
KEPT = "sessions that are left in memory"
STATE = "what they changed: decisions, hooks, sessions, tasks"
ENDS = "streams that did not end as they should"

Frame = pb.ConnectRequest | str
"""A frame, or the name of bytes that are none."""

DEEP = b"\x0b" * 200 + b"\x0c" * 200
RAW: dict[str, tuple[bytes, str]] = {
    "garbage": (b"\xff\xff\xff\xff", "MALFORMED"),
    "cut off": (b"\x0a\x7fx", "MALFORMED"),
    "200 levels": (DEEP, "MALFORMED"),
    "5 MiB": (b"\x0a\x80\x80\xc0\x02" + b"x" * (5 * 1024 * 1024), "MESSAGE_TOO_LARGE"),
}
"""Bytes that are no frame, and why the stream ends."""


@dataclass(frozen=True)
class Size:
    """How much."""

    streams: int
    frames: int
    """On each stream, at most."""


def fatal(frame: Frame) -> str:
    """Why a frame ends the stream; empty: it does not."""
    if isinstance(frame, str):
        return RAW[frame][1]
    kind = frame.WhichOneof("message")
    if kind in (None, "hello"):
        return "PROTOCOL_VIOLATION"
    if kind in ("detach", "extend", "set_window") and check(getattr(frame, kind)):
        return "VALIDATION"
    return ""


def written(frame: Frame, live: str) -> bytes:
    """A frame as it is written, with the id of the decision in flight."""
    return RAW[frame][0] if isinstance(frame, str) else aimed(frame, live).SerializeToString()


FORGED = pb.Result(
    invocation_id=LIVE, lease=1, decision=pb.HookDecision(block=pb.Block(reason="forged"))
)


@st.composite
def streams(draw: st.DrawFn, longest: int) -> list[Frame]:
    """Frames that change nothing, the first of them aimed well; then perhaps a fatal one."""
    harmless = frames.filter(lambda one: not fatal(one) and not one.HasField("goodbye"))
    last = frames.filter(lambda one: bool(fatal(one))) | st.sampled_from(sorted(RAW))
    aimed_well = pb.ConnectRequest(results=pb.ResultBatch(results=[FORGED]))
    made = draw(st.lists(harmless, min_size=longest // 2, max_size=longest - 2))
    return [aimed_well, *made, *draw(st.lists(last, max_size=1))]


class Attack:
    """Streams of strangers, one after another, each while a decision is under way."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: asyncio.Queue[pb.Invocation] = asyncio.Queue(maxsize=64)
        self.sent = 0
        self.closed = 0
        self.changed: list[str] = []
        self.wrong_ends: list[str] = []
        self.honest = world.worker(
            self._asked.put_nowait,
            hook("gate", timeout=10.0, lifetime=pb.LIFETIME_PERSISTENT),
        )

    async def stream(self, attempt: list[Frame]) -> None:
        """Send the frames of one stranger; note what they changed and how it ended."""
        text = f"message {self.sent}"
        saying = asyncio.create_task(self._world.say(ROOM, text))
        invocation = await self._asked.get()
        await self._attack(attempt, invocation.invocation_id)
        if saying.done():
            self.changed.append(f"decided by a stranger: {saying}")
        await self.honest.answer([result(invocation, allow())])
        event = (await saying).event
        if event.blocked_by or event.content.text.body != text:
            self.changed.append(f"{text} became {event}")

    async def _attack(self, attempt: list[Frame], live: str) -> None:
        call = self._world.connection.stream_stream("/roomd.v1.HookService/Connect")(
            metadata=self._world.metadata
        )
        expected, reason = "", ""
        hello = pb.ConnectRequest(hello=pb.Hello(protocol_revision=1, worker_id="stranger"))
        ping = pb.ConnectRequest(ping=pb.Ping(nonce=LAST))
        try:
            await call.write(hello.SerializeToString())
            for frame in attempt:
                self.sent += 1
                expected = expected or fatal(frame)
                await call.write(written(frame, live))
            if not expected:
                await call.write(ping.SerializeToString())
        except GONE:
            pass  # it has ended already; the answer says why
        try:
            alive = await self._alive(call)
        except grpc.aio.AioRpcError as error:
            alive, reason = False, reason_of(error) or str(error)
        finally:
            call.cancel()
        self.closed += not alive
        if alive is bool(expected) or reason != expected:
            self.wrong_ends.append(f"{expected!r} expected, {reason!r} said, alive: {alive}")

    async def _alive(self, call: Any) -> bool:
        """Whether the last ping is answered."""
        async with asyncio.timeout(READ_SECONDS):
            while (data := await call.read()) is not grpc.aio.EOF:
                if pb.ConnectResponse.FromString(data).pong.nonce == LAST:
                    return True
        return False


async def run(site: Site, size: Size) -> Report:
    """Many strangers; then look whether anything is other than before."""
    report = Report()
    async with site.embedded() as running, world_of(running) as world:
        await world.settle_in(ROOM)
        attack = Attack(world)
        async with attack.honest:
            before = await state(world)
            tasks = len(asyncio.all_tasks())
            rss = running.rss_kib()
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(made_up, loop, attack, size)
            await asyncio.sleep(0.3)  # the last streams end
            gc.collect()
            sessions = sum(isinstance(one, WorkerSession) for one in gc.get_objects())
            after = await state(world)
            left = len(asyncio.all_tasks()) - tasks
            grown = running.rss_kib() - rss
    report.note("frames", attack.sent)
    report.note("streams, and those that were closed", (size.streams, attack.closed))
    report.equal("frames enough", attack.sent >= size.streams * size.frames // 2, expected=True)
    report.equal(ENDS, attack.wrong_ends[:3], [])
    changed = [
        *attack.changed,
        *(f"{one} became {after[one]}" for one in after if after[one] != before[one]),
    ]
    report.equal(STATE, changed[:3], [])
    report.at_most("tasks that are left", left, 2)
    report.at_most(KEPT, sessions, 2)
    report.note("grown (client and Hypothesis included)", f"{grown / 1024:.1f} MiB")
    return report


def made_up(loop: asyncio.AbstractEventLoop, attack: Attack, size: Size) -> None:
    """Let Hypothesis make up streams, in a thread of its own."""

    @settings(
        max_examples=size.streams,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(streams(size.frames))
    def attacked(stream: list[Frame]) -> None:
        asyncio.run_coroutine_threadsafe(attack.stream(stream), loop).result(60)

    attacked()


async def state(world: World) -> dict[str, object]:
    """What strangers must not change."""
    hooks = (await world.call("ListHooks")).hooks
    gauges = await world.gauges()
    workers = (await world.call("ListWorkers")).workers
    return {
        "hooks": [one.SerializeToString(deterministic=True) for one in hooks],
        "sessions": sorted(one.worker_id for one in workers),
        "in flight": gauges["invocations_in_flight"],
        "channels": len((await world.call("ListChannels")).channels),
        "rooms": len((await world.call("ListRooms")).rooms),
    }


FAULT = Fault(
    "D3",
    "hostile frames on the worker stream",
    run,
    short=Size(streams=20, frames=10),
    long=Size(streams=1100, frames=16),
    without={"leases": STATE, "forgetting-sessions": STATE},
)
