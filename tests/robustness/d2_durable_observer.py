"""D2: a durable observer misses nothing, however often the server and its worker are killed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import grpc
import psutil
from cluster import KEY, SERVER, Cluster, DiedStarting
from findings import Fault, Report
from site_of_test import ALTERED, Running, Site
from workers import AFTER, Answer, Worker
from world import World, until, world_of

from roomd import v1 as pb
from roomd_server.core.times import duration

HOOK = "audit"
POISON = "poison"
ATTEMPTS = 8
POINTS = ("observer.acked", "commit.after", "commit.before")
"""Where the server is killed; the first one is there for this."""
RETRY_SECONDS = 0.05
CALL_SECONDS = 5.0
TRAFFIC_SECONDS = 600.0
UNTOLD = 50
"""Events that were sent before the first kill, and told nobody."""
QUIET_SECONDS = 10.0
"""When nothing was told for so long, nothing comes any more."""
"""How long the traffic may take to come to the next kill."""
MISSED = "acknowledged events that the observer never saw"
ORDER = "rooms that were not told in order"
IDS = "events that were told under several ids"


@dataclass(frozen=True)
class Size:
    """How much."""

    events: int
    rooms: int
    server_kills: int
    worker_kills: int
    poisoned: int
    """Rooms with one event that no worker can take."""
    settle_seconds: float
    seed: int = 1


@dataclass
class Audit:
    """What the observer was told, over all its lives."""

    cured: bool = False
    told: list[pb.Invocation] = field(default_factory=list)

    def take(self, invocation: pb.Invocation) -> Answer:
        """Note it, and acknowledge it unless it is poison."""
        self.told.append(invocation)
        if not self.cured and POISON in invocation.hook.event.content.text.body:
            status = pb.Status(code=13, message="it is poison")
            return pb.Failure(status=status, retryable=True, retry_after=duration(RETRY_SECONDS))
        return pb.Done()


class Drill:
    """One run: senders, an observer, and those who kill."""

    def __init__(self, site: Site, size: Size) -> None:
        program = (ALTERED, ",".join(site.without)) if site.without else SERVER
        self.cluster = Cluster(site.store, program)
        self.size = size
        self.chance = random.Random(size.seed)
        self.audit = Audit()
        self.acked: dict[str, dict[int, str]] = defaultdict(dict)
        """Room → index → event id, as senders were told."""
        self.server_kills = self.worker_kills = 0
        self._worker: Worker | None = None
        self._sent = 0
        self._may_serve = asyncio.Event()
        """The first kill comes before the observer: what is only in memory is surely lost."""

    @property
    def rooms(self) -> list[str]:
        return [f"room-{number}" for number in range(self.size.rooms)]

    @property
    def running(self) -> Running:
        return Running(self.cluster.address, KEY, psutil.Process())

    async def prepare(self) -> None:
        """Make rooms and the hook; nobody serves it yet."""
        await self.cluster.start()
        async with world_of(self.running) as world:
            await world.settle_in(*self.rooms)
            described = pb.HookSpec(
                triggers=[AFTER],
                mode=pb.HOOK_MODE_OBSERVE,
                delivery=pb.HOOK_DELIVERY_DURABLE,
                max_attempts=ATTEMPTS,
            )
            await world.call("CreateHook", name=HOOK, spec=described)

    async def send(self, world: World, room_id: str, count: int) -> None:
        """Send events, each with its key until it is answered."""
        poisoned = room_id in self.rooms[: self.size.poisoned]
        for number in range(count):
            word = POISON if poisoned and number == count // 2 else "fine"
            body = f"{room_id}/{number} {word}"
            while True:
                try:
                    answer = await world.say(room_id, body, body, timeout=CALL_SECONDS)
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    break
            self.acked[room_id][answer.event.index] = answer.event.event_id
            self._sent += 1

    async def serve(self) -> None:
        """Be the observer, and come back after every end."""
        handler = pb.Handler(name=HOOK)
        while True:
            await self._may_serve.wait()
            worker = Worker(self.cluster.address, KEY, [handler], self.audit.take)
            try:
                await worker.start("observer", observe_window=64)
                self._worker = worker
                assert worker.reader is not None
                await asyncio.wait([worker.reader])
            except (grpc.aio.AioRpcError, AssertionError, asyncio.InvalidStateError):
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                self._worker = None
                await worker.kill()

    async def kill_workers(self) -> None:
        """End the observer's stream without a word, when it has been told something."""
        for number in range(self.size.worker_kills):
            heard = len(self.audit.told)
            share = self.size.events * (number + 1) // (self.size.worker_kills + 2)
            await self._until_sent(share, heard + 1)
            worker = self._worker
            if worker is not None and worker.call is not None:
                worker.call.cancel()
                self.worker_kills += 1

    async def kill_servers(self) -> None:
        """Let the server die at a failpoint, and start it anew."""
        for number in range(self.size.server_kills):
            share = self.size.events * number // (self.size.server_kills + 1)
            await self._until_sent(share or UNTOLD)
            await self.cluster.kill()
            self._may_serve.set()
            armed = f"{POINTS[number % len(POINTS)]}=kill@{self.chance.randint(2, 12)}"
            try:
                await self.cluster.start(armed)
                await self.cluster.died(60.0)
            except DiedStarting:
                pass  # it came to the point before it listened
            self.server_kills += 1
            await self.cluster.start()

    async def _until_sent(self, count: int, told: int = 0) -> None:
        """Wait until so much was sent, and so much told."""
        await until(lambda: self._sent >= count and len(self.audit.told) >= told, TRAFFIC_SECONDS)

    async def go(self, report: Report) -> None:
        """Everybody at once; then judge what the observer was told."""
        async with world_of(self.running) as world:
            serving = asyncio.create_task(self.serve())
            share = self.size.events // self.size.rooms
            began = time.monotonic()
            try:
                await asyncio.gather(
                    *(self.send(world, room_id, share) for room_id in self.rooms),
                    self.kill_workers(),
                    self.kill_servers(),
                )
                await self.judge(report, world)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
            report.note("took, seconds", round(time.monotonic() - began, 1))

    # -------------------------------------------------------------- what it was told

    async def judge(self, report: Report, world: World) -> None:
        """Compare it with what senders were told."""

        async def settled() -> bool:
            hook = (await world.call("GetHook", name=HOOK)).hook
            return bool(hook.backlog == 0 and hook.parked == self.size.poisoned)

        count, quiet_since = 0, time.monotonic()

        async def at_rest() -> bool:
            nonlocal count, quiet_since
            if len(self.audit.told) != count:
                count, quiet_since = len(self.audit.told), time.monotonic()
            return await settled() or time.monotonic() - quiet_since > QUIET_SECONDS

        await until(at_rest, self.size.settle_seconds)
        done = await settled()
        report.equal("nothing waits in the end, and poison is parked", done, expected=True)
        told = list(self.audit.told)
        report.note("events", sum(len(mine) for mine in self.acked.values()))
        report.equal("kills of the server", self.server_kills, self.size.server_kills)
        report.equal("kills of the worker", self.worker_kills, self.size.worker_kills)
        report.note("told more than once", len(told) - len({one.invocation_id for one in told}))
        self.judge_told(report, told)
        await self.judge_parked(report, world)

    def judge_told(self, report: Report, told: list[pb.Invocation]) -> None:
        """At least once, in order per room, duplicates under one id."""
        seen: dict[str, list[int]] = defaultdict(list)
        ids: dict[tuple[str, int], set[str]] = defaultdict(set)
        for one in told:
            index = one.hook.event.index
            ids[one.room_id, index].add(one.invocation_id)
            if index not in seen[one.room_id]:
                seen[one.room_id].append(index)
        missed = {
            room_id: sorted(set(mine) - set(seen[room_id])) for room_id, mine in self.acked.items()
        }
        report.equal(MISSED, sum(len(one) for one in missed.values()), 0)
        unordered = [room_id for room_id, order in seen.items() if order != sorted(order)]
        report.equal(ORDER, unordered, [])
        report.equal(IDS, [place for place, given in ids.items() if len(given) > 1], [])

    async def judge_parked(self, report: Report, world: World) -> None:
        """Poison is parked after its attempts, and can be replayed under its id."""
        listed = (await world.call("ListParkedInvocations", hook=HOOK)).parked
        attempts = Counter(one.invocation_id for one in self.audit.told)
        wanted = {one.invocation_id for one in listed}
        given = [one.attempts for one in listed]
        report.equal("attempts of what is parked", given, [ATTEMPTS] * self.size.poisoned)
        told_often = all(attempts[one] >= ATTEMPTS for one in wanted)
        report.equal("it was told as often", told_often, expected=True)
        self.audit.cured = True
        before = len(self.audit.told)
        await world.call("ReplayParkedInvocations", hook=HOOK)
        await until(lambda: len(self.audit.told) >= before + len(wanted), QUIET_SECONDS)
        again = {one.invocation_id for one in self.audit.told[before:]}
        report.equal("replayed under its id", again == wanted, expected=True)


async def run(site: Site, size: Size) -> Report:
    """A durable observer, killed with its server again and again."""
    report = Report()
    drill = Drill(site, size)
    try:
        await drill.prepare()
        await drill.go(report)
    finally:
        await drill.cluster.kill()
    return report


FAULT = Fault(
    "D2",
    "a durable observer, killed with its server again and again",
    run,
    short=Size(
        events=2000, rooms=20, server_kills=3, worker_kills=3, poisoned=2, settle_seconds=20.0
    ),
    long=Size(
        events=100_000, rooms=200, server_kills=20, worker_kills=20, poisoned=10,
        settle_seconds=300.0,
    ),
    without={"observer-rows": MISSED},
)  # fmt: skip
