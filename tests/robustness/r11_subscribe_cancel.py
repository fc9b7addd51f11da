"""R11: subscriptions that come and go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from findings import Fault, Report, slope
from site_of_test import Site
from world import World, until, world_of

ROOMS = 10
AT_ONCE = 20
SAMPLES = 40
EACH = "memory that each one leaves behind"


@dataclass(frozen=True)
class Size:
    """How much."""

    warm_up: int
    """First ones, which fill caches."""
    subscriptions: int
    each_kib: float


async def run(site: Site, size: Size) -> Report:
    """Subscribe, read what comes first, cancel; again and again."""
    report = Report()
    memory: list[tuple[float, float]] = []
    async with site.apart() as running, world_of(running) as world:
        await world.settle_in(*(f"room-{number}" for number in range(ROOMS)))
        await come_and_go(world, size.warm_up)
        step = size.subscriptions // SAMPLES
        for number in range(SAMPLES):
            await come_and_go(world, step)
            memory.append(((number + 1) * step, running.rss_kib()))

        async def nobody() -> bool:
            return (await world.gauges())["subscriptions"] == 0

        report.equal("none is left", await until(nobody, 5.0), expected=True)
    report.note("subscriptions", size.warm_up + size.subscriptions)
    report.at_most(EACH, slope(memory), size.each_kib, "KiB")
    report.series["memory, MiB"] = [(count, kib / 1024) for count, kib in memory]
    return report


async def come_and_go(world: World, count: int) -> None:
    """So many subscriptions, some at once."""

    async def some(numbers: range) -> None:
        for number in numbers:
            call = world.subscribe(f"room-{number % ROOMS}", after_index=-1)
            await call.read()
            call.cancel()

    await asyncio.gather(*(some(range(place, count, AT_ONCE)) for place in range(AT_ONCE)))


FAULT = Fault(
    "R11",
    "subscribe and cancel",
    run,
    short=Size(200, 800, each_kib=1.5),
    long=Size(10_000, 100_000, each_kib=0.05),
    without={"leaving-subscriptions": EACH},
)
