"""R09: one of a room's subscribers does not read any more, while much is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from findings import BUSY, EXACT, Fault, Report, Slack, compare
from google.rpc import error_details_pb2, status_pb2
from site_of_test import Site
from world import World, until, world_of

from roomd import v1 as pb

ROOM = "room"
CLOSED = "how the stream of who does not read ends"
SENDERS = 16


@dataclass(frozen=True)
class Size:
    """How much."""

    events: int
    per_second: float
    body_bytes: int
    grown_mib: float
    slack: Slack
    """What the others may wait, compared with before."""
    patience_seconds: float
    """How long after the load the stream may still live."""
    alterations: tuple[str, ...] = ()


@dataclass
class Reader:
    """A subscriber, and what it has seen."""

    call: Any
    indexes: list[int] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """Seconds from the send to the arrival."""
    cursor: str = ""

    async def read(self) -> None:
        """Read until the stream ends."""
        while (response := await self.call.read()) is not grpc.aio.EOF:
            for item in response.items:
                self._take(item)

    def _take(self, item: pb.StreamItem) -> None:
        self.cursor = item.cursor or self.cursor
        if item.WhichOneof("item") == "event":
            self.indexes.append(item.event.index)
            sent = float(item.event.content.text.body.split()[0])
            self.late.append(time.monotonic() - sent)


async def run(site: Site, size: Size) -> Report:
    """The same load twice: with two who read, and with one more who does not."""
    report = Report()
    async with site.apart(*size.alterations) as running, world_of(running) as world:
        await world.settle_in(ROOM)
        async with readers(world) as (first, second):
            grown_alone = await load(world, size)
            before, first.late, second.late = first.late + second.late, [], []
            async with world_of(running) as other:  # a connection of its own
                stalled = Reader(other.subscribe(ROOM))
                await stalled.call.read()
                grown = await load(world, size)

                async def closed() -> bool:
                    return (await world.gauges())["subscriptions"] == 2

                await until(closed, size.patience_seconds)
                await judge_end(report, stalled)
                await judge_return(report, other, stalled)
            meanwhile = first.late + second.late
            await until(lambda: len(first.indexes) == len(second.indexes) == 2 * size.events, 10.0)
            counts = {len(first.indexes), len(second.indexes)}
    report.equal("events that the others got", counts, {2 * size.events})
    compare(report, "the others wait", meanwhile, before, size.slack)
    report.note(
        "grown without it, then with it", f"{grown_alone / 1024:.0f}, {grown / 1024:.0f} MiB"
    )
    more = (grown - grown_alone) / 1024
    report.at_most("grown more than without it", more, size.grown_mib, "MiB")
    step = max(1, len(first.late) // 2000)
    report.series["others, ms"] = [(i, one * 1000) for i, one in enumerate(first.late[::step])]
    return report


@asynccontextmanager
async def readers(world: World) -> AsyncIterator[tuple[Reader, Reader]]:
    """Two subscribers that read."""
    made = Reader(world.subscribe(ROOM)), Reader(world.subscribe(ROOM))
    tasks = []
    for reader in made:
        await reader.call.read()
        tasks.append(asyncio.create_task(reader.read()))
    try:
        yield made
    finally:
        for reader, task in zip(made, tasks, strict=True):
            reader.call.cancel()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def load(world: World, size: Size) -> float:
    """Send at the rate, as far as it can be reached; KiB that the server grew by at most."""
    before = most = world.running.rss_kib()
    began = time.monotonic()
    filler = "x" * size.body_bytes

    async def send(numbers: range) -> None:
        nonlocal most
        for number in numbers:
            ahead = began + number / size.per_second - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            await world.say(ROOM, f"{time.monotonic()} {filler}")
            if number % 50 == 0:
                most = max(most, world.running.rss_kib())

    await asyncio.gather(*(send(range(one, size.events, SENDERS)) for one in range(SENDERS)))
    return most - before


async def judge_end(report: Report, stalled: Reader) -> None:
    """Who reads again finds what was on its way, and then why the stream has ended."""
    said = "nothing"
    try:
        async with asyncio.timeout(1.5):
            await stalled.read()
    except grpc.aio.AioRpcError as error:
        said = f"{error.code().name}, {sorted(told(error))}"
    except TimeoutError:
        said = "it goes on"
    report.equal(CLOSED, said, "RESOURCE_EXHAUSTED, ['SLOW_CONSUMER', 'cursor']")


def told(error: grpc.aio.AioRpcError) -> set[str]:
    """The reason of an error, and the names of what it tells besides."""
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
    return {info.reason, *(name for name in info.metadata if "cursor" in name)}


async def judge_return(report: Report, world: World, stalled: Reader) -> None:
    """It comes back with its cursor and misses nothing."""
    head = (await world.call("GetRoom", room_id=ROOM)).room.latest_index
    reader = Reader(world.subscribe(ROOM, cursor=stalled.cursor))
    task = asyncio.create_task(reader.read())
    await until(lambda: (stalled.indexes + reader.indexes)[-1:] == [head], 10.0)
    reader.call.cancel()
    await asyncio.gather(task, return_exceptions=True)
    seen = stalled.indexes + reader.indexes
    whole = seen == list(range(seen[0], head + 1)) if seen else False
    counts = len(stalled.indexes), len(reader.indexes)
    report.note("events seen before and after the return", counts)
    report.equal("it misses nothing and sees nothing twice", whole, expected=True)


FAULT = Fault(
    "R09",
    "a subscriber stops reading",
    run,
    short=Size(
        700,
        5000,
        12_000,
        grown_mib=24,
        slack=BUSY,
        patience_seconds=5.0,
        alterations=("quick-writes",),
    ),
    long=Size(60_000, 2000, 1000, grown_mib=16, slack=EXACT, patience_seconds=20.0),
    without={"bounded-streams": CLOSED},
)
