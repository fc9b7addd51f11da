"""R10: very many subscriptions to which nothing happens."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from children import Child
from findings import Fault, Report, percentile
from site_of_test import Site
from world import world_of

CHILD = Path(__file__).with_name("streams_child.py")
CPU = "processor while nothing happens"


@dataclass(frozen=True)
class Size:
    """How much."""

    subscriptions: int
    rooms: int
    idle_seconds: float
    share: float
    """Of the unary calls that the bar holds for."""
    unary_ms: float


async def run(site: Site, size: Size) -> Report:
    """Subscribe from another process, wait, and call something simple meanwhile."""
    report = Report()
    async with site.apart() as running, world_of(running) as world:
        await world.settle_in(*(f"room-{number}" for number in range(size.rooms)))
        before = running.rss_kib()
        arguments = (str(size.rooms), str(size.subscriptions), "0")
        child = Child(CHILD, running.address, running.key, *arguments)
        try:
            await child.line()
            open_now = (await world.gauges())["subscriptions"]
            await asyncio.sleep(0.5)
            each = (running.rss_kib() - before) / size.subscriptions
            cpu, began = running.cpu_seconds(), time.monotonic()
            await asyncio.sleep(size.idle_seconds)
            idle = (running.cpu_seconds() - cpu) / (time.monotonic() - began)
            took = [(await world.timed("GetRoom", room_id="room-0"))[0] for _ in range(300)]
        finally:
            child.kill()
    report.equal("subscriptions", open_now, float(size.subscriptions))
    report.at_most("memory of each", each, 64.0, "KiB")
    report.at_most(CPU, idle * 100, 5.0, "% of a core")
    title = f"unary calls, p{size.share * 100:g}"
    report.at_most(title, percentile(took, size.share) * 1000, size.unary_ms, "ms")
    return report


FAULT = Fault(
    "R10",
    "idle subscriptions",
    run,
    short=Size(300, 10, idle_seconds=1.0, share=0.5, unary_ms=100.0),
    long=Size(10_000, 100, idle_seconds=60.0, share=0.99, unary_ms=20.0),
    without={"sleeping-subscriptions": CPU},
)
