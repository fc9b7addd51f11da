"""D4: a worker that takes one event a second, and thousands that wait for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median

from findings import BUSY, Fault, Report, Slack, compare
from site_of_test import Site
from workers import AFTER, Answer, allow, hook, provider, sent
from world import World, world_of

from roomd import v1 as pb

PILE, TALK = "pile", "talk"
SAME = "decisions of the slow worker itself, median"
SAME_MS = 200.0
STARVED_SECONDS = 1.0
IN_MEMORY = "deliveries in the server's memory"
WINDOW = 32
SECONDS_EACH = 1.0
SENDERS = 32


@dataclass(frozen=True)
class Size:
    """How much."""

    backlog: int
    decisions: int
    lane_entries: int
    slack: Slack
    """What decisions may take, compared with before."""
    body_bytes: int
    grown_mib: float


async def run(site: Site, size: Size) -> Report:
    """Decisions without a backlog, and with one."""
    report = Report()
    short = f"short-lanes={size.lane_entries}"
    async with site.apart(short) as running, world_of(running) as world:
        await world.settle_in(PILE, TALK, "same")
        await world.add_worker_channel("slow", "slow", PILE)
        watching = pb.HookSpec(
            triggers=[AFTER],
            mode=pb.HOOK_MODE_OBSERVE,
            filter=pb.HookFilter(room_ids=[PILE]),
        )
        slow = world.worker(
            SlowHand().take,
            provider("slow", timeout={"seconds": 60}),
            pb.Handler(name="watch", spec=pb.HandlerSpec(hook=watching)),
            hook("same", ["same"]),
        )
        await slow.start("slow", reply_window=WINDOW, observe_window=WINDOW)
        async with world.worker(lambda _: allow(), hook("gate", [TALK])):
            before = await decisions(world, TALK, size.decisions)
            rss = running.rss_kib()
            await pile_up(world, size)
            meanwhile = await decisions(world, TALK, size.decisions)
            same = await decisions(world, "same", size.decisions)
            grown = (running.rss_kib() - rss) / 1024
        await judge_backlog(report, world, size)
        await slow.kill()
    compare(report, "decisions of another worker", meanwhile, before, size.slack)
    report.at_most(SAME, median(same) * 1000, SAME_MS, "ms")
    report.at_most("grown by", grown, size.grown_mib, "MiB")
    report.series["decisions, ms"] = [(i, t * 1000) for i, t in enumerate(before + meanwhile)]
    return report


class SlowHand:
    """Decides at once; takes a second for everything else, one after another."""

    def __init__(self) -> None:
        self._busy = asyncio.Lock()

    async def take(self, invocation: pb.Invocation) -> Answer:
        """Answer, sooner or later."""
        if invocation.handler == "same":
            return allow()
        async with self._busy:
            await asyncio.sleep(SECONDS_EACH)
        return sent() if invocation.HasField("call") else pb.Done()


async def decisions(world: World, room_id: str, count: int) -> list[float]:
    """Seconds of messages that a hook decides about; only the last ones when they starve."""
    took: list[float] = []
    for number in range(count):
        if room_id == "same":  # what is given up at once must find no place that is not its own
            await world.say(PILE, "one more")
        took.append((await world.timed_say(room_id, f"decide {number}"))[0])
        if took[-1] > STARVED_SECONDS:
            return took[-1:]
        await asyncio.sleep(0.002)
    return took


async def pile_up(world: World, size: Size) -> None:
    """Messages for the slow worker, as fast as they are taken."""
    body = "x" * size.body_bytes

    async def send(count: int) -> None:
        for _ in range(count):
            await world.say(PILE, body)

    await asyncio.gather(*(send(size.backlog // SENDERS) for _ in range(SENDERS)))


async def judge_backlog(report: Report, world: World, size: Size) -> None:
    """Whether the backlog can be seen, and where it is."""
    began = time.monotonic()
    in_memory = (await world.gauges())["lane_backlog"]
    report.at_most(IN_MEMORY, in_memory, 2 * size.lane_entries)
    page = await world.call(
        "ListDeliveries", room_id=PILE, states=[pb.DELIVERY_STATE_PENDING], page_size=1000
    )
    shown = len(page.deliveries) >= min(1000, size.backlog * 9 // 10)
    report.equal("what waits is listed", shown, expected=True)
    watch = (await world.call("GetHook", name="watch")).hook
    report.note("observations that were dropped, and counted", watch.dropped)
    counted = watch.dropped >= size.backlog - WINDOW - size.backlog // 10
    report.equal("observations that did not fit are counted", counted, expected=True)
    report.note("seconds to look", f"{time.monotonic() - began:.2f}")


FAULT = Fault(
    "D4",
    "a worker of one event a second",
    run,
    short=Size(256, 60, lane_entries=20, slack=BUSY, body_bytes=100, grown_mib=64),
    long=Size(
        10_240, 3000, lane_entries=1000, slack=Slack(1.2, 0.99), body_bytes=2000, grown_mib=64
    ),
    without={
        "bounded-lanes": IN_MEMORY,
        "separate-windows": SAME,
    },
)
