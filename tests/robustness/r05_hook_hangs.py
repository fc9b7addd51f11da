"""R05: a worker that takes invocations and never answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import grpc
from findings import BUSY, EXACT, Fault, Report, Slack, compare, percentile
from site_of_test import Site
from workers import allow, hook
from world import World, world_of

from roomd import v1 as pb

FAILURES = 5
"""In a row, after which a hook's circuit opens."""
CALLS = "calls of the two hanging hooks before their circuits open"


@dataclass(frozen=True)
class Size:
    """How much."""

    messages: int
    """To each room, before its hook hangs and after."""
    others: int
    """Messages to the room that is not concerned, before and meanwhile."""
    timeout_seconds: float
    late_seconds: float
    """How much later than its timeout a hook may be given up."""
    slack: Slack
    """What the others may take, compared with before."""


async def run(site: Site, size: Size) -> Report:
    """Send to three rooms while their hooks answer, then the same while those of two hang: what
    the traffic costs the third room by itself, it costs in both.
    """
    report = Report()
    hangs = asyncio.Event()
    async with site.embedded() as running, world_of(running) as world:
        await world.settle_in("open", "closed", "other")
        hanging = world.worker(
            lambda _: None if hangs.is_set() else allow(),
            hook("fails-open", ["open"], timeout=size.timeout_seconds),
            hook(
                "fails-closed",
                ["closed"],
                timeout=size.timeout_seconds,
                failure_policy=pb.FAILURE_POLICY_BLOCK,
                lifetime=pb.LIFETIME_PERSISTENT,
            ),
        )
        answering = world.worker(lambda _: allow(), hook("answers", ["other"], timeout=2.0))
        async with hanging, answering:
            before, *_ = await everybody(world, size)
            hangs.set()
            asked = hanging.asked
            meanwhile, *affected = await everybody(world, size)
            judge(report, size, before, meanwhile, [one for many in affected for one in many])
            report.equal(CALLS, hanging.asked - asked, 2 * FAILURES)
        await judge_policy(report, world, size)
    report.series["others, ms"] = [(i, took * 1000) for i, took in enumerate(before + meanwhile)]
    return report


async def everybody(world: World, size: Size) -> list[list[float]]:
    """Send to all three rooms at once; the seconds that the messages of each take."""
    return await asyncio.gather(
        others(world, size.others), send(world, "open", size), send(world, "closed", size)
    )


async def others(world: World, count: int) -> list[float]:
    """Seconds that messages of the room with the healthy hook take."""
    took = []
    for number in range(count):
        seconds, _ = await world.timed_say("other", f"other {number}")
        took.append(seconds)
        await asyncio.sleep(0.002)
    return took


async def send(world: World, room_id: str, size: Size) -> list[float]:
    """Seconds that messages of a room whose hook hangs take; infinite, and no more are sent,
    when one is not answered at all.
    """
    took = []
    patience = 2 * size.timeout_seconds + 1
    for number in range(size.messages):
        try:
            seconds, _ = await world.timed_say(room_id, f"{room_id} {number}", timeout=patience)
        except grpc.aio.AioRpcError:
            return [*took, float("inf")]
        took.append(seconds)
    return took


def judge(
    report: Report, size: Size, before: list[float], meanwhile: list[float], took: list[float]
) -> None:
    """The times."""
    bar = (size.timeout_seconds + size.late_seconds) * 1000
    report.at_most("affected rooms, p99", percentile(took, 0.99) * 1000, bar, "ms")
    compare(report, "other rooms", meanwhile, before, size.slack)


async def judge_policy(report: Report, world: World, size: Size) -> None:
    """Whether every message was decided as its hook's policy says, since the hooks hang."""
    for room_id, blocked in (("open", False), ("closed", True)):
        events = await world.events(room_id)
        said = [one for one in events if one.type == pb.EVENT_TYPE_MESSAGE][-size.messages :]
        wrong = sum(bool(one.blocked_by) is not blocked for one in said)
        report.equal(f"messages of room {room_id!r} against the policy", wrong, 0)
        traces = Counter(trace.decision for one in said for trace in one.hook_trace)
        report.note(f"decisions in room {room_id!r}", dict(traces))


FAULT = Fault(
    "R05",
    "a hook hangs",
    run,
    short=Size(8, 100, timeout_seconds=0.1, late_seconds=0.2, slack=BUSY),
    long=Size(400, 5000, timeout_seconds=2.0, late_seconds=0.05, slack=EXACT),
    without={
        "hook-timeout": "affected rooms, p99",
        "circuit": CALLS,
        "failure-policy": "messages of room 'closed' against the policy",
    },
)
