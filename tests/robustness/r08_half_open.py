"""R08: streams whose other end is frozen: its connections stand, nobody answers on them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from children import Child
from findings import Fault, Report
from site_of_test import Site
from world import World, until, world_of

CHILD = Path(__file__).with_name("streams_child.py")
CLOSED = "seconds until they are closed"


@dataclass(frozen=True)
class Size:
    """How much."""

    streams: int
    seconds: float
    """Within which they are closed."""
    grown_mib: float
    alterations: tuple[str, ...] = ()


async def run(site: Site, size: Size) -> Report:
    """Open streams from another process, and freeze it."""
    report = Report()
    async with site.apart(*size.alterations) as running, world_of(running) as world:
        await world.settle_in(*(f"room-{number}" for number in range(10)))
        before = running.rss_kib()
        half = size.streams // 2
        child = Child(CHILD, running.address, running.key, "10", str(half), str(half))
        try:
            await child.line()
            report.equal("streams", sum(await streams(world)), 2 * half)
            most = running.rss_kib()
            child.freeze()
            began = time.monotonic()

            async def gone() -> bool:
                nonlocal most
                most = max(most, running.rss_kib())
                await asyncio.sleep(0.1)
                return sum(await streams(world)) == 0

            closed = await until(gone, size.seconds)
            took = time.monotonic() - began if closed else float("inf")
        finally:
            child.kill()
    report.at_most(CLOSED, took, size.seconds)
    report.at_most("grown by", (most - before) / 1024, size.grown_mib, "MiB")
    return report


async def streams(world: World) -> tuple[float, float]:
    """Subscriptions and worker sessions."""
    gauges = await world.gauges()
    return gauges["subscriptions"], gauges["worker_sessions"]


FAULT = Fault(
    "R08",
    "half-open streams",
    run,
    short=Size(60, seconds=2.5, grown_mib=50, alterations=("quick-keepalive",)),
    long=Size(1000, seconds=10.0, grown_mib=50),
    without={"keepalive": CLOSED},
)
