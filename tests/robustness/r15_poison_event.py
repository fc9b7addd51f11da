"""R15: an event that its channel can never be given: refused, failing, or killing workers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from findings import Fault, Report
from google.protobuf.duration_pb2 import Duration
from site_of_test import Site
from workers import Answer, Worker, provider, sent, trouble
from world import World, until, world_of

from roomd import v1 as pb

POISON = "poison"
ROOMS = ("refused", "failing", "deadly")
"""A room, and a channel, for each way in which an event may be poisonous."""
AFTER = 3
"""Messages behind the poison."""
QUICK = pb.RetryPolicy(max_retries=2, base_delay=Duration(nanos=20_000_000))


@dataclass(frozen=True)
class Size:
    """How much."""

    rounds: int
    seconds: float
    """Within which the lane has moved on."""


class Patient:
    """The worker of one channel, which comes back whenever it has died."""

    def __init__(self, world: World, room_id: str) -> None:
        self._world = world
        self._room_id = room_id
        self.cured = False
        self.taken: list[tuple[str, str]] = []
        """(text, delivery id) of what it could deliver."""
        self._worker: Worker | None = None
        self._died = asyncio.Event()
        self.task = asyncio.create_task(self._live())

    async def _live(self) -> None:
        while True:
            self._died.clear()
            self._worker = self._world.worker(self._deliver, provider(self._room_id))
            async with self._worker:
                await self._died.wait()

    def _deliver(self, invocation: pb.Invocation) -> Answer:
        asked = invocation.call.deliver
        text = asked.event.content.text.body
        if POISON not in text or self.cured:
            self.taken.append((text, asked.delivery_id))
            return sent(f"{self._room_id}-{len(self.taken)}")
        match self._room_id:
            case "refused":
                return trouble("cannot read this", retryable=False, code=3)
            case "failing":
                return trouble("HTTP 500", retryable=True, code=13)
            case _:
                self._died.set()
                return None

    async def leave(self) -> None:
        """Come back no more."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


async def run(site: Site, size: Size) -> Report:
    """Poison in every room, and messages behind it; then a cure, and another try."""
    report = Report()
    async with site.embedded() as running, world_of(running) as world:
        await world.settle_in(*ROOMS)
        for room_id in ROOMS:
            policy = {"retry_policy": QUICK} if room_id == "failing" else {}
            await world.add_worker_channel(room_id, room_id, room_id, **policy)
        patients = {room_id: Patient(world, room_id) for room_id in ROOMS}
        for number in range(size.rounds):
            for room_id in ROOMS:
                await world.say(room_id, f"{POISON} {number}")
                for place in range(AFTER):
                    await world.say(room_id, f"{number}/{place}")
        await asyncio.gather(
            *(judge(report, world, patient, room_id, size) for room_id, patient in patients.items())
        )
        for patient in patients.values():
            await patient.leave()
    return report


async def judge(report: Report, world: World, patient: Patient, room_id: str, size: Size) -> None:
    """Whether the lane moved on, and what can be done with what it left behind."""
    texts = [f"{number}/{place}" for number in range(size.rounds) for place in range(AFTER)]
    arrived = await until(lambda: len(patient.taken) >= len(texts), size.seconds * size.rounds)
    report.equal(f"{room_id}: the lane moves on", arrived, expected=True)
    report.equal(f"{room_id}: in order", [text for text, _ in patient.taken], texts)
    parked = await world.deliveries(room_id, pb.DELIVERY_STATE_FAILED)
    report.equal(f"{room_id}: parked and listed", len(parked), size.rounds)
    reasons = {row.result.error_code for row in parked}
    report.equal(f"{room_id}: with a reason", bool(reasons) and all(reasons), expected=True)
    report.note(f"{room_id}: the reason", reasons)
    patient.cured = True
    for row in parked:
        await world.call("RetryDelivery", room_id=room_id, delivery_id=row.delivery_id)
    count = len(texts) + len(parked)
    await until(lambda: len(patient.taken) >= count, size.seconds * size.rounds)
    replayed: Any = {delivery_id for text, delivery_id in patient.taken if POISON in text}
    wanted = {row.delivery_id for row in parked}
    report.equal(f"{room_id}: replayed under its id", replayed == wanted, expected=True)


FAULT = Fault(
    "R15",
    "a poison event",
    run,
    short=Size(rounds=1, seconds=2.5),
    long=Size(rounds=20, seconds=15.0),
    without={"giving-up": "failing: the lane moves on"},
)
