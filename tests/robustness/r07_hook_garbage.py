"""R07: a hook that answers garbage: wrong ids, forbidden fields, too much, twice, too late.

Every answer that must not count says "forged" somewhere; so must nothing that is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from findings import Fault, Report
from site_of_test import Site
from workers import GONE, Worker, allow, hook, result
from world import World, world_of

from roomd import v1 as pb

FORGED = "forged"
HUGE_BYTES = 10 * 1024 * 1024
ROOMS = [f"room-{number}" for number in range(8)]
CHANGED = "messages that were changed, blocked or added to"


@dataclass(frozen=True)
class Size:
    """How much."""

    cases: int
    huge: int
    """Cases of 10 MiB."""
    timeout_seconds: float


def forgery(*paths: str) -> pb.HookDecision:
    """A modify of everything, by a mask."""
    event = pb.RoomEvent(
        event_id=FORGED,
        room_id=FORGED,
        index=7,
        blocked_by=FORGED,
        idempotency_key=FORGED,
        content=pb.Content(text=pb.TextContent(body=FORGED)),
        source=pb.EventSource(participant_id=FORGED, channel_id=FORGED),
    )
    change = pb.Modify(payload=pb.HookPayload(event=event))
    change.update_mask.paths.extend(paths or ("event.content",))
    return pb.HookDecision(modify=change)


def blocking() -> pb.HookDecision:
    """A block that adds events, tasks and observations."""
    added = pb.InjectedEvent(
        event=pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=FORGED)))
    )
    return pb.HookDecision(
        block=pb.Block(reason=FORGED),
        injected_events=[added],
        tasks=[pb.Task(title=FORGED)],
        observations=[pb.Observation(category=FORGED)],
    )


BESIDE: list[Callable[[pb.Invocation], dict[str, Any]]] = [
    lambda one: {"invocation_id": FORGED, "lease": one.lease, "decision": blocking()},
    lambda one: {"invocation_id": "", "lease": one.lease, "decision": blocking()},
    lambda one: {"invocation_id": one.invocation_id, "lease": 0, "decision": blocking()},
    lambda one: {
        "invocation_id": one.invocation_id,
        "lease": one.lease + 1,
        "decision": forgery(),
    },
    lambda one: {
        "invocation_id": one.invocation_id.upper(),
        "lease": -one.lease,
        "decision": forgery(),
    },
]
"""Answers that belong to nothing; a good one follows."""

INSTEAD: list[Callable[[], dict[str, Any]]] = [
    lambda: {"decision": forgery("event.source")},
    lambda: {"decision": forgery("event.content", "event.index")},
    lambda: {"decision": forgery("event.event_id", "event.room_id")},
    lambda: {"decision": forgery("event.blocked_by")},
    lambda: {"decision": forgery("event.idempotency_key", "event.content.text")},
    lambda: {"decision": forgery("*")},
    lambda: {"decision": pb.HookDecision(tasks=[pb.Task(title=FORGED)])},
    lambda: {"decision": pb.HookDecision(block=pb.Block(reason=FORGED * 1000))},
    lambda: {"decision": pb.HookDecision(allow=pb.Allow(), tasks=[pb.Task(description=FORGED)])},
    lambda: {"value": pb.HandlerResult(route=pb.RouteAnswer(room_id=FORGED))},
    lambda: {"done": pb.Done(tasks=[pb.Task(title=FORGED)])},
    lambda: {"failure": pb.Failure(status=pb.Status(code=99, message=FORGED), retryable=True)},
    lambda: {},
]
"""Answers that are against the rules: the failure policy applies, which lets messages pass."""


class Forger:
    """The worker, which dials again whenever it is thrown out."""

    def __init__(self, world: World, size: Size) -> None:
        self._world = world
        self._size = size
        self._cases = itertools.count()
        self._huge = size.huge
        self.kinds: Counter[str] = Counter()
        self.settled: Counter[str] = Counter()
        self.worker: Worker | None = None
        self.stranger: Worker | None = None
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(self._live())

    async def _live(self) -> None:
        gate = hook("gate", timeout=self._size.timeout_seconds, lifetime=pb.LIFETIME_PERSISTENT)
        while True:
            self.worker = self._world.worker(self._behave, gate)
            async with self.worker:
                self.ready.set()
                assert self.worker.reader is not None
                await self.worker.reader
                self.ready.clear()
            self.note()

    def note(self) -> None:
        """Remember what the worker was told of its answers."""
        assert self.worker is not None
        for one in self.worker.settled:
            self.settled[pb.Settled.Disposition.Name(one.disposition)] += 1
        self.worker.settled.clear()

    async def _behave(self, invocation: pb.Invocation) -> None:
        number = next(self._cases)
        assert self.worker is not None
        if number % 100 == 50 and self._huge:
            self._huge -= 1
            kind, results = "huge", [self._of(invocation, {"decision": huge()})]
        elif number % 100 == 99:
            kind = "late"
            await asyncio.sleep(self._size.timeout_seconds * 1.5)
            results = [self._of(invocation, {"decision": forgery()})]
        elif number % 3:
            kind = "beside"
            wrong = pb.Result(**BESIDE[number % len(BESIDE)](invocation))
            good = result(invocation, allow())
            twice = self._of(invocation, {"decision": forgery()})
            results = [wrong, good, twice]
            await self._forge_elsewhere(invocation)
        else:
            kind = "instead"
            results = [self._of(invocation, INSTEAD[number // 3 % len(INSTEAD)]())]
        self.kinds[kind] += 1
        await self.worker.answer(results)

    async def _forge_elsewhere(self, invocation: pb.Invocation) -> None:
        """The right id and lease, from a session that it was not given to."""
        assert self.stranger is not None
        await self.stranger.answer([self._of(invocation, {"decision": blocking()})])
        with contextlib.suppress(*GONE):  # the run may be over
            await self.stranger.send(ping=pb.Ping())

    def _of(self, invocation: pb.Invocation, outcome: dict[str, Any]) -> pb.Result:
        return pb.Result(invocation_id=invocation.invocation_id, lease=invocation.lease, **outcome)


def huge() -> pb.HookDecision:
    """Ten megabytes."""
    return pb.HookDecision(block=pb.Block(reason=FORGED + "x" * HUGE_BYTES))


async def run(site: Site, size: Size) -> Report:
    """One message for every case; nothing of it may be other than it was sent."""
    report = Report()
    # Without its circuit: five failures in a row, and nobody would be asked any more.
    async with site.embedded("circuit") as running, world_of(running) as world:
        await world.settle_in(*ROOMS)
        forger = Forger(world, size)
        async with world.worker(lambda _: None, hook("strange", [FORGED])) as stranger:
            forger.stranger = stranger
            sent: dict[str, list[str]] = {room_id: [] for room_id in ROOMS}
            await asyncio.gather(
                *(
                    say(world, forger, room_id, range(place, size.cases, len(ROOMS)), sent[room_id])
                    for place, room_id in enumerate(ROOMS)
                )
            )
        forger.note()
        forger.task.cancel()
        await asyncio.gather(forger.task, return_exceptions=True)
        wrong = 0
        for room_id in ROOMS:
            wrong += await changed(world, room_id, sent[room_id])
    report.note("cases", dict(forger.kinds))
    report.note("answers that were refused", dict(forger.settled))
    report.equal(CHANGED, wrong, 0)
    # While it dials again messages pass without it, by the policy.
    passed = size.cases - sum(forger.kinds.values())
    report.at_most("messages that passed without the forger", passed, size.cases // 10)
    return report


async def say(world: World, forger: Forger, room_id: str, numbers: range, sent: list[str]) -> None:
    """One message after another; one that is not answered is missing later."""
    for number in numbers:
        await forger.ready.wait()
        text = f"message {number}"
        sent.append(text)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await world.say(room_id, text, key=str(number))


async def changed(world: World, room_id: str, sent: list[str]) -> int:
    """Messages that are not as they were sent, and whatever was added."""
    events = await world.events(room_id)
    said = [one for one in events if one.type == pb.EVENT_TYPE_MESSAGE]
    wrong = abs(len(said) - len(sent))
    for event, text in zip(said, sent, strict=False):
        right = event.content.text.body == text and not event.blocked_by
        wrong += not (right and event.source.participant_id == "sender")
    indexes = [one.index for one in events]
    wrong += indexes != list(range(len(indexes)))
    wrong += len((await world.call("ListTasks", room_id=room_id)).tasks)
    wrong += len((await world.call("ListObservations", room_id=room_id)).observations)
    return wrong


FAULT = Fault(
    "R07",
    "a hook answers garbage",
    run,
    short=Size(cases=300, huge=1, timeout_seconds=0.6),
    long=Size(cases=10_000, huge=20, timeout_seconds=1.0),
    without={"leases": CHANGED, "whitelist": CHANGED},
)
