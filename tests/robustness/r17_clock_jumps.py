"""R17: the wall clock jumps by an hour, by a day, forward and back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from findings import Fault, Report
from site_of_test import Site
from workers import Answer, Worker, provider, sent
from world import World, until, world_of

from roomd import v1 as pb
from roomd_server.core.times import duration

HOUR, DAY = 3600.0, 86_400.0
LATER, SOON = "later", "soon"
TIMERS = "timers that fired for a jump"


@dataclass(frozen=True)
class Size:
    """How much."""

    jumps: tuple[float, ...]
    """Seconds, one after another."""
    quiet_seconds: float
    """After each jump: the timers are looked at every second."""
    soon_seconds: float
    """A timer that is really due during the run."""


async def run(site: Site, size: Size) -> Report:
    """Timers, deliveries and a timeline, while the clock jumps under them."""
    report = Report()
    offset = site.folder / "offset"
    offset.write_text("0")
    async with site.embedded(f"jumping-clock={offset}") as running, world_of(running) as world:
        await world.settle_in("talk", SOON)
        await world.call(
            "CreateRoom", room_id=LATER, timers=pb.RoomTimers(inactive_after=duration(HOUR / 2))
        )
        await world.call("RegisterChannel", channel=unserved())
        await world.call("AttachChannel", room_id="talk", channel_id="phone")
        said = await jump(world, offset, size)
        await judge_timers(report, world, size)
        taken: list[int] = []

        def take(invocation: pb.Invocation) -> Answer:
            taken.append(invocation.call.deliver.event.index)
            return sent()

        async with world.worker(take, provider("away")) as worker:
            await judge_deliveries(report, worker, taken, said)
        events = await world.events("talk")
        messages = [one for one in events if one.type == pb.EVENT_TYPE_MESSAGE]
        report.equal("order of the timeline", [one.content.text.body for one in messages], said)
        indexes = [one.index for one in events]
        report.equal("indexes without a gap", indexes == list(range(len(indexes))), expected=True)
        ids = [one.event_id for one in events]
        report.equal("ids that sort by age", ids == sorted(ids), expected=True)
    return report


def unserved() -> pb.Channel:
    """A channel whose worker is away."""
    worker = pb.ChannelImplementation.Worker(handler="away")
    return pb.Channel(
        channel_id="phone",
        type=pb.CHANNEL_TYPE_PUSH,
        implementation=pb.ChannelImplementation(worker=worker),
    )


async def jump(world: World, offset: object, size: Size) -> list[str]:
    """Let the clock jump, and talk before and after each time."""
    said = ["before"]
    await world.say("talk", said[0])
    wrong = 0.0
    for seconds in size.jumps:
        wrong += seconds
        offset.write_text(str(wrong))  # type: ignore[attr-defined]
        said.append(f"after {seconds:+g} s")
        await world.say("talk", said[-1])
        await asyncio.sleep(size.quiet_seconds)
    return said


async def judge_timers(report: Report, world: World, size: Size) -> None:
    """Timers that are not due did not fire; one that is due does, on time."""
    status = (await world.call("GetRoom", room_id=LATER)).room.status
    report.equal(TIMERS, int(status != pb.ROOM_STATUS_ACTIVE), 0)
    timers = pb.RoomTimers(inactive_after=duration(size.soon_seconds))
    began = time.monotonic()
    await world.call(
        "UpdateRoom",
        room=pb.Room(room_id=SOON, timers=timers),
        update_mask={"paths": ["timers"]},
    )
    await world.say(SOON, "a last word")

    async def fired() -> bool:
        room = (await world.call("GetRoom", room_id=SOON)).room
        return bool(room.status == pb.ROOM_STATUS_PAUSED)

    fine = await until(fired, size.soon_seconds + 3.0)
    took = time.monotonic() - began
    report.equal("a timer that is due fires", fine, expected=True)
    report.at_most("and is late by", took - size.soon_seconds, 2.0, "s")
    report.at_most("or early by", size.soon_seconds - took, 0.1, "s")


async def judge_deliveries(
    report: Report, worker: Worker, taken: list[int], said: list[str]
) -> None:
    """What waits for its worker has not expired, and goes out in order."""
    await until(lambda: len(taken) >= len(said), 5.0)
    report.equal("deliveries that a jump expired", len(said) - len(taken), 0)
    report.equal("deliveries in order", taken == sorted(taken) and worker.asked, len(said))


FAULT = Fault(
    "R17",
    "the clock jumps",
    run,
    short=Size((DAY, -DAY), quiet_seconds=1.1, soon_seconds=0.5),
    long=Size((HOUR, -HOUR, -HOUR, DAY, -DAY, -DAY, DAY) * 5, quiet_seconds=2.0, soon_seconds=3.0),
    without={"following-clock": TIMERS},
)
