"""R06: a worker that dies while it works on something, and comes back, again and again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from checker import check
from children import Child
from findings import Fault, Report
from history import Ack, History, Send, Stored
from site_of_test import Site
from workers import allow, hook
from world import World, until, world_of

from roomd import v1 as pb

CHILD = Path(__file__).with_name("silent_worker.py")
ROOMS = [f"room-{number}" for number in range(4)]


@dataclass(frozen=True)
class Size:
    """How much."""

    kills: int
    every_seconds: float
    again_seconds: float
    """From the kill to the answer of what the dead worker held."""
    timeout_seconds: float
    """Of the hook: what it would take if nobody else were asked."""


async def run(site: Site, size: Size) -> Report:
    """Two workers serve one hook; the one that never answers is killed with work in hand."""
    report, history = Report(), History()
    took: list[float] = []
    events: list[pb.RoomEvent] = []
    gate = hook(
        "gate",
        timeout=size.timeout_seconds,
        failure_policy=pb.FAILURE_POLICY_BLOCK,
        lifetime=pb.LIFETIME_PERSISTENT,
    )
    async with site.embedded() as running, world_of(running) as world:
        await world.settle_in(*ROOMS)
        async with world.worker(lambda _: allow(), gate):
            for number in range(size.kills):
                await asyncio.sleep(size.every_seconds)
                took += await flap(world, history, number)
        for room_id in ROOMS:
            mine = await world.events(room_id)
            events += mine
            history.timelines[room_id] = [stored(one) for one in mine]
        gauges = await world.gauges()
    report.note("kills", size.kills)
    report.equal("every kill hit work in hand", len(took) >= size.kills, expected=True)
    bar_ms = size.again_seconds * 1000
    report.at_most("answered after the kill, worst", max(took, default=0.0) * 1000, bar_ms, "ms")
    blocked = sum(one.blocked_by != "" for one in events)
    report.equal("messages that were blocked for want of a worker", blocked, 0)
    report.equal("invocations in flight at the end", gauges["invocations_in_flight"], 0.0)
    report.equal("violations of P1 to P5", check(history), [])
    report.series["answered after the kill, ms"] = [(i, t * 1000) for i, t in enumerate(took)]
    return report


def stored(event: pb.RoomEvent) -> Stored:
    """What the checker looks at; deliveries are not the matter here."""
    body, key = event.content.text.body, event.idempotency_key
    return Stored(event.event_id, event.index, key, body, delivered=False)


async def flap(world: World, history: History, number: int) -> list[float]:
    """Let a silent worker come, send until it holds something, kill it; seconds from the kill
    to the answers that waited for it.
    """
    child = Child(CHILD, world.running.address, world.running.key, "gate")
    await child.line()
    answered: dict[int, float] = {}

    async def say(place: int, room_id: str) -> None:
        key = f"{number}/{place}"
        one = Send(key, room_id, f"message {key}", time.monotonic(), attempts=1)
        history.sends[key] = one
        answer = await world.say(room_id, one.body, key)
        answered[place] = time.monotonic()
        one.acks.append(Ack(answered[place], answer.event.event_id, answer.event.index))

    async def holds() -> bool:
        workers = (await world.call("ListWorkers")).workers
        return any(one.worker_id == "silent" and one.in_flight for one in workers)

    tasks = [asyncio.create_task(say(place, room)) for place, room in enumerate(ROOMS * 2)]
    await until(holds, 5.0)
    waiting = [place for place in range(len(tasks)) if place not in answered]
    killed = time.monotonic()
    child.kill()
    await asyncio.gather(*tasks)
    return [answered[place] - killed for place in waiting]


FAULT = Fault(
    "R06",
    "a hook worker is killed with work in hand, and flaps",
    run,
    short=Size(kills=2, every_seconds=0.0, again_seconds=0.5, timeout_seconds=1.2),
    long=Size(kills=100, every_seconds=2.0, again_seconds=0.05, timeout_seconds=5.0),
    without={"offering-again": "answered after the kill, worst"},
)
