"""R13: a provider that answers 500, hangs or resets for a while."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field

from findings import BUSY, Fault, Report, Slack, compare
from site_of_test import Site
from workers import Answer, provider, sent, trouble
from world import World, until, world_of

from roomd import v1 as pb

LONELY, TALKATIVE, OTHER = "lonely", "talkative", "other"
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Size:
    """How much."""

    busy_rooms: int
    outage_seconds: float
    pause_seconds: float
    """Between the messages to the busy rooms."""
    recover_seconds: float
    """How long after the outage everything may take to be delivered."""
    slack: Slack
    """What deliveries by another channel may take, compared with before."""
    alterations: tuple[str, ...] = ()


@dataclass
class Provider:
    """The other side of a channel: as a worker sees it, and what it took."""

    broken: bool = False
    calls: int = 0
    taken: list[str] = field(default_factory=list)
    modes: itertools.cycle[str] = field(
        default_factory=lambda: itertools.cycle(["500", "reset", "hang"])
    )

    def deliver(self, invocation: pb.Invocation) -> Answer:
        """Take a delivery, or fail in the next of the three ways."""
        if not self.broken:
            self.taken.append(invocation.call.deliver.delivery_id)
            return sent(f"p-{len(self.taken)}")
        self.calls += 1
        match next(self.modes):
            case "500":
                return trouble("HTTP 500", retryable=True, code=13)
            case "reset":
                return trouble("connection reset by peer", retryable=True)
            case _:
                return None


async def run(site: Site, size: Size) -> Report:
    """One channel breaks down, another one goes on; a room that speaks once, and busy ones."""
    report = Report()
    rooms = [f"{TALKATIVE}-{number}" for number in range(size.busy_rooms)]
    broken, healthy = Provider(), Provider()
    async with site.embedded(*size.alterations) as running, world_of(running) as world:
        await world.settle_in(LONELY, OTHER, "quiet", *rooms)
        await world.add_worker_channel("broken", "broken", LONELY, *rooms)
        await world.add_worker_channel("alone", "alone", "quiet")
        await world.add_worker_channel("healthy", "healthy", OTHER)
        alone = Provider()
        serve_broken = world.worker(broken.deliver, provider("broken"))
        serve_alone = world.worker(alone.deliver, provider("alone"))
        async with (
            serve_broken,
            serve_alone,
            world.worker(healthy.deliver, provider("healthy")),
        ):
            calm = size.outage_seconds / 4
            before, _, _ = await asyncio.gather(
                others(world, calm),
                chatter(world, rooms, size, calm),
                waiting_for(world, rooms, calm),
            )
            broken.broken = alone.broken = True
            await world.say("quiet", "the only message to this channel")
            await world.say(LONELY, "the first of the outage")
            meanwhile, _, codes = await asyncio.gather(
                others(world, size.outage_seconds),
                chatter(world, rooms, size, size.outage_seconds),
                waiting_for(world, rooms, size.outage_seconds),
            )
            broken.broken = alone.broken = False
            began = time.monotonic()
            await until(lambda: settled(world, (LONELY, "quiet", *rooms)), size.recover_seconds)
            report.note("delivered after the outage", f"{time.monotonic() - began:.1f} s")
        await judge(report, world, (LONELY, "quiet", *rooms))
    report.note("calls of the provider that failed", broken.calls)
    report.equal("the breaker opens", "circuit_open" in codes, expected=True)
    compare(report, "deliveries by the other channel", meanwhile, before, size.slack)
    twice = [one for one, count in Counter(broken.taken).items() if count > 1]
    report.equal("deliveries that the provider took twice", len(twice), 0)
    report.series["other channel, ms"] = [(i, t * 1000) for i, t in enumerate(before + meanwhile)]
    return report


async def judge(report: Report, world: World, rooms: tuple[str, ...]) -> None:
    """What became of the deliveries."""
    rows = [row for room_id in rooms for row in await world.deliveries(room_id)]
    rows = [row for row in rows if row.channel_id in ("broken", "alone")]
    lost = [row.result.error_code for row in rows if row.result.state != pb.DELIVERY_STATE_SENT]
    report.note("deliveries by the channels that broke down", len(rows))
    report.equal("lost", Counter(lost), Counter())


async def others(world: World, seconds: float) -> list[float]:
    """Seconds from a message to its delivery, by the channel that works."""
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        took.append((await world.timed_say(OTHER, "hello", wait=pb.WAIT_DELIVERED))[0])
        await asyncio.sleep(0.01)
    return took


async def chatter(world: World, rooms: list[str], size: Size, seconds: float) -> None:
    """Messages to the busy rooms for a while."""
    end = time.monotonic() + seconds
    for number in itertools.count():
        await world.say(rooms[number % len(rooms)], f"message {number}")
        await asyncio.sleep(size.pause_seconds)
        if time.monotonic() > end:
            return


async def waiting_for(world: World, rooms: list[str], seconds: float) -> set[str]:
    """What deliveries wait for meanwhile."""
    codes: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for room_id in rooms:
            rows = await world.deliveries(room_id, pb.DELIVERY_STATE_PENDING)
            codes |= {row.result.error_code for row in rows}
        await asyncio.sleep(LOOK_SECONDS)
    return codes


async def settled(world: World, rooms: tuple[str, ...]) -> bool:
    """Whether nothing is to be delivered any more."""
    unfinished = (pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_SENDING)
    for room_id in rooms:
        if await world.deliveries(room_id, *unfinished):
            return False
    return True


FAULT = Fault(
    "R13",
    "a provider is out: 500s, hangs, resets",
    run,
    short=Size(3, 1.2, 0.01, recover_seconds=8.0, slack=BUSY, alterations=("quick-retries",)),
    long=Size(20, 60.0, 0.05, recover_seconds=150.0, slack=Slack(1.1, 0.5)),
    without={
        "patience": "lost",
        "breaker": "the breaker opens",
    },
)
