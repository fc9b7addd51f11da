"""D5: an hour's life in minutes: traffic, workers and subscribers that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import grpc
from findings import Fault, Report, Slack, compare, percentile
from site_of_test import Running, Site
from workers import Answer, allow, hook, provider, sent
from world import World, world_of

from roomd import v1 as pb

FILLERS = 32
MEMORY = "memory, MiB"
TASKS, SESSIONS, LANES = "tasks of the server", "worker sessions", "deliveries under way"


@dataclass(frozen=True)
class Size:
    """How much."""

    filled: int
    """Messages said before the clock runs, as fast as they are taken: so many that the store's
    page cache (64 MiB of SQLite) is as full as it gets. At the pace of the soak it would fill
    for ten minutes, and look like a leak."""
    seconds: float
    warm_up_seconds: float
    """Before it, nothing counts: everybody comes and goes for the first time."""
    every_seconds: float
    """Samples, and the pace of flapping."""
    rooms: int
    subscribers: int
    workers: int
    per_second: float
    """Messages of all rooms together."""
    rss_share: float
    """What the memory may grow by, of what it was."""
    slack: Slack
    """What the last messages may take, compared with the first ones."""


@dataclass
class Samples:
    """What was measured."""

    began: float = field(default_factory=time.monotonic)
    took: list[tuple[float, float]] = field(default_factory=list)
    """(when, seconds) of every message."""
    inside: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Name → (when, value)."""
    surprises: list[str] = field(default_factory=list)

    def note(self, name: str, value: float) -> None:
        """Keep a value."""
        self.inside.setdefault(name, []).append((time.monotonic() - self.began, value))


async def run(site: Site, size: Size) -> Report:
    """Let everybody come and go for a while, and look at what stays."""
    samples = Samples()
    rooms = [f"room-{number}" for number in range(size.rooms)]
    async with site.apart("telling-tasks") as running, world_of(running) as world:
        await world.settle_in(*rooms)
        await world.add_worker_channel("push", "push", *rooms)
        gate = hook("gate", lifetime=pb.LIFETIME_PERSISTENT)
        serving = world.worker(decide, provider("push"), gate)
        async with serving:
            await fill(world, rooms, size.filled)
            parts: list[Callable[[], Coroutine[Any, Any, None]]] = [
                lambda: talk(world, rooms, size, samples),
                lambda: watch(world, running, size, samples),
                *(part(flap, world, size) for _ in range(size.workers)),
                *(
                    part(come_and_go, world, rooms[one % size.rooms], size)
                    for one in range(size.subscribers)
                ),
            ]
            samples.began = time.monotonic()
            tasks = [asyncio.create_task(one()) for one in parts]
            await asyncio.sleep(size.seconds)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            if not isinstance(one, asyncio.CancelledError):
                samples.surprises.append(repr(one))
    return judge(samples, size)


def part(function: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> Any:
    """A part of the traffic, to be begun later."""
    return lambda: function(*arguments)


def decide(invocation: pb.Invocation) -> Answer:
    """Allow, or deliver."""
    return sent() if invocation.HasField("call") else allow()


async def fill(world: World, rooms: list[str], count: int) -> None:
    """Say so many messages before anything is measured."""
    numbers = iter(range(count))

    async def send() -> None:
        for number in numbers:
            await world.say(rooms[number % len(rooms)], f"before {number}")

    await asyncio.gather(*(send() for _ in range(FILLERS)))


async def talk(world: World, rooms: list[str], size: Size, samples: Samples) -> None:
    """Messages at a steady pace."""
    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            group.create_task(say(world, rooms[number % len(rooms)], number, samples))
            due = samples.began + number / size.per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def say(world: World, room_id: str, number: int, samples: Samples) -> None:
    """One message."""
    try:
        seconds, _ = await world.timed_say(room_id, f"message {number}", key=str(number))
    except grpc.aio.AioRpcError as error:
        samples.surprises.append(str(error.details()))
        return
    samples.took.append((time.monotonic() - samples.began, seconds))


async def flap(world: World, size: Size) -> None:
    """A worker that dies and comes back."""
    while True:
        async with world.worker(decide, hook("gate", lifetime=pb.LIFETIME_PERSISTENT)):
            await asyncio.sleep(size.every_seconds)


async def come_and_go(world: World, room_id: str, size: Size) -> None:
    """A subscriber that leaves and returns with its cursor."""
    start: dict[str, Any] = {}
    while True:
        call = world.subscribe(room_id, **start)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(size.every_seconds):
                while (response := await call.read()) is not grpc.aio.EOF:
                    for item in response.items:
                        start = {"cursor": item.cursor} if item.cursor else start
        call.cancel()


async def watch(world: World, running: Running, size: Size, samples: Samples) -> None:
    """Look at the server from time to time."""
    while True:
        gauges = await world.gauges()
        samples.note(MEMORY, running.rss_kib() / 1024)
        samples.note("open files", running.files())
        samples.note(TASKS, gauges["tasks"])
        samples.note(SESSIONS, gauges["worker_sessions"])
        samples.note(LANES, gauges["lane_backlog"])
        await asyncio.sleep(size.every_seconds)


def judge(samples: Samples, size: Size) -> Report:
    """The last third of the samples against the first, after the warm-up."""
    report = Report()
    first, last = thirds(samples.inside[MEMORY], size)
    growth = max(last) / max(first)
    report.at_most("memory, last third against first", growth, 1 + size.rss_share)
    # The least of a third: what comes and goes, or waits a while, is not there at some moment; a
    # leak always is.
    coming = 10 + 2 * size.workers + size.subscribers // 5
    bars = {"open files": coming, TASKS: coming, SESSIONS: 2 * size.workers, LANES: coming}
    for name, bar in bars.items():
        first, last = thirds(samples.inside[name], size)
        report.at_most(f"{name}, grown", min(last) - min(first), bar)
    minute = min(60.0, (size.seconds - size.warm_up_seconds) / 3)
    began = times(samples, size.warm_up_seconds, size.warm_up_seconds + minute)
    ended = times(samples, size.seconds - minute, size.seconds)
    compare(report, "messages of the end", ended, began, size.slack)
    report.note("messages", len(samples.took))
    report.note("p99 of all", f"{percentile((s for _, s in samples.took), 0.99) * 1000:.1f} ms")
    report.equal("surprises", samples.surprises[:3], [])
    report.series.update(samples.inside)
    step = max(1, len(samples.took) // 2000)
    report.series["messages, ms"] = [(at, s * 1000) for at, s in samples.took[::step]]
    return report


def thirds(series: list[tuple[float, float]], size: Size) -> tuple[list[float], list[float]]:
    """The first third of the values after the warm-up, and the last one."""
    values = [value for at, value in series if at >= size.warm_up_seconds]
    count = max(1, len(values) // 3)
    return values[:count], values[-count:]


def times(samples: Samples, begin: float, end: float) -> list[float]:
    """Seconds of the messages of a stretch of time."""
    return [seconds for at, seconds in samples.took if begin <= at <= end]


FAULT = Fault(
    "D5",
    "soak",
    run,
    short=Size(
        200,
        6.0,
        1.5,
        0.25,
        rooms=4,
        subscribers=20,
        workers=2,
        per_second=60,
        rss_share=0.3,
        slack=Slack(3.0, 0.5, 0.3),
    ),
    long=Size(
        70_000,
        900.0,
        60.0,
        2.0,
        rooms=100,
        subscribers=200,
        workers=3,
        per_second=100,
        rss_share=0.05,
        slack=Slack(1.2, 0.99),
    ),
    without={
        "ending-tasks": f"{TASKS}, grown",
        "forgetting-sessions": f"{SESSIONS}, grown",
    },
)
