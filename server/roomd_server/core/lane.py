"""One lane per (room, target): deliveries in order, none waiting for another target.

Every delivery is a row that was committed with its event. A lane works its rows off:
transcode → rate limit → breaker → send with a deadline → retry, and writes the outcome.
After a restart the unfinished rows go on where they were.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.attempts import (
    UNREACHED_RETRY_SECONDS,
    Attempt,
    Told,
    blames_the_channel,
    circuit_open,
    expired,
    failed,
)
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.log import lost_its_words, shown
from roomd_server.core.notify import Notifier
from roomd_server.core.options import EngineOptions
from roomd_server.core.outcomes import Outcomes
from roomd_server.core.pacing import UNLIMITED, Pacing, Place
from roomd_server.core.ports import Clock, Hooks, Store, StoreConflict
from roomd_server.core.resilience import CircuitBreaker, patient, retry_delay
from roomd_server.core.room import RoomActor
from roomd_server.core.times import seconds_of
from roomd_server.core.tracing import CURRENT, Within

log = logging.getLogger(__name__)

RECOVERY_PAGE = 500
STORE_RETRY_SECONDS = 1.0
"""How often a store that is away is asked again."""


class Job(NamedTuple):
    """A delivery to make."""

    delivery: pb.Delivery
    event: pb.RoomEvent | None
    """None: read it from the store (after a restart)."""
    cascade: Cascade
    owner: RoomActor
    edits: int
    """``owner.edits`` when ``event`` was as it is here."""
    expires: float
    """Monotonic time of its deadline: it neither comes nor goes with the wall clock."""


class Outcome(NamedTuple):
    """How a delivery ended."""

    delivery: pb.Delivery
    result: pb.DeliveryResult
    attempts: int


class Ready(NamedTuple):
    """What there is to send, before it has a place in the rate limits."""

    event: pb.RoomEvent
    channel: pb.Channel
    binding: pb.Binding
    recipient: str = ""
    parts: Sequence[pb.RoomEvent] = ()
    """The event as a transport shows it, in one message after the other."""


class Sender(Protocol):
    """Makes one attempt of a delivery: a transport or an intelligence channel."""

    async def prepare(
        self, lane: Lane, binding: pb.Binding, event: pb.RoomEvent
    ) -> Ready | Attempt:
        """Make the event fit for the target; an attempt, when nothing of it can be sent."""

    async def attempt(self, lane: Lane, job: Job, ready: Ready) -> Attempt:
        """Deliver once; trouble is a FAILED result, never an exception."""


class Lane:
    """The deliveries of one target in one room."""

    __slots__ = (
        "actor",
        "channel_id",
        "jobs",
        "obstacle",
        "overflowed",
        "place",
        "progress",
        "task",
        "wake",
    )

    def __init__(self, actor: RoomActor, channel_id: str) -> None:
        self.actor = actor
        self.channel_id = channel_id
        self.jobs: deque[Job] = deque()  # bounded: by EngineOptions.lane_entries
        self.overflowed = False
        self.obstacle: pb.DeliveryResult | None = None
        """Why the first one waits for another attempt, and all behind it with it."""
        self.progress: list[str] = []
        """Provider ids of the parts already sent of the delivery being retried."""
        self.place: Place = UNLIMITED
        """What the attempt that is made took of the rate limits."""
        self.task: asyncio.Task[None] | None = None
        self.wake: asyncio.Event = asyncio.Event()


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What lanes are made of."""

    store: Store
    clock: Clock
    options: EngineOptions
    directory: RoomDirectory
    channels: ChannelDirectory
    outcomes: Outcomes
    bus: FrameworkBus
    notifier: Notifier
    hooks: Hooks
    jitter: Callable[[], float]


class Lanes:
    """All lanes. A lane exists while it has work."""

    def __init__(self, parts: LaneParts) -> None:
        self._ = parts
        self._lanes: dict[tuple[str, str, str], Lane] = {}
        self._senders: dict[int, Sender] = {}
        self._pacing = Pacing(parts.channels, parts.clock)

    def serve(self, category: pb.ChannelCategory, sender: Sender) -> None:
        """Say who delivers to channels of a category."""
        self._senders[category] = sender

    @property
    def backlog(self) -> int:
        """Deliveries in memory."""
        return sum(len(lane.jobs) for lane in self._lanes.values())

    @property
    def depths(self) -> list[int]:
        """Deliveries in memory of each lane that has any."""
        return [len(lane.jobs) for lane in self._lanes.values()]

    def enqueue(
        self, actor: RoomActor, delivery: pb.Delivery, event: pb.RoomEvent | None, cascade: Cascade
    ) -> None:
        """Take a committed delivery. Waits for nothing."""
        key = (actor.org, actor.room_id, delivery.channel_id)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(actor, delivery.channel_id)
        if lane.overflowed or len(lane.jobs) >= self._.options.lane_entries:
            # The row is in the store; the lane reads it there when it has caught up.
            lane.overflowed = True
            return
        cascade.begin()
        job = self._job(actor, delivery, event, cascade)
        lane.jobs.append(job)
        if lane.obstacle is not None:
            _let_wait(job, lane.obstacle)
        if lane.task is None:
            actor.pins += 1
            lane.task = asyncio.ensure_future(self._run(key, lane))

    def _job(
        self, actor: RoomActor, delivery: pb.Delivery, event: pb.RoomEvent | None, cascade: Cascade
    ) -> Job:
        left = seconds_of(delivery.deadline_time) - self._.clock.now()
        expires = self._.clock.monotonic() + left
        return Job(delivery, event, cascade, actor, actor.edits, expires)

    def wake(self, org: str, channel_id: str) -> None:
        """Somebody serves the channel now: what waits for it may go."""
        for (lane_org, _, lane_channel), lane in self._lanes.items():
            if lane_org == org and lane_channel == channel_id:
                lane.wake.set()

    def wake_handler(self, org: str, handler: str) -> None:
        """A worker serves a channel provider now: what waits for it may go."""
        for (lane_org, _, channel_id), lane in self._lanes.items():
            channel = self._.channels.find(org, channel_id) if lane_org == org else None
            if channel is not None and channel.implementation.worker.handler == handler:
                lane.wake.set()

    async def recover(self) -> int:
        """Take up every unfinished row after a start; how many."""
        after: tuple[str, str, str, int] | None = None
        count = 0
        while rows := await self._.store.unfinished_deliveries(after, RECOVERY_PAGE):
            for org, delivery in rows:
                actor = await self._.directory.find(org, delivery.room_id)
                if actor is not None:
                    self.enqueue(actor, delivery, None, Cascade())
                    count += 1
            org, last = rows[-1]
            after = (org, last.room_id, last.channel_id, last.event_index)
        return count

    async def close(self) -> None:
        """Stop all lanes; their rows stay."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -------------------------------------------------------------- one lane

    async def _run(self, key: tuple[str, str, str], lane: Lane) -> None:
        last_index = -1
        CURRENT.set(None)  # that of whoever woke the lane
        try:
            while True:
                while lane.jobs:
                    job = lane.jobs[0]
                    try:
                        with Within(job.cascade.trace):
                            await self._deliver(lane, job)
                    finally:
                        lane.jobs.popleft()
                        job.cascade.end()
                    last_index = job.delivery.event_index
                if not lane.overflowed:
                    return
                try:
                    await self._refill(lane, last_index)
                except errors.Unavailable as error:
                    log.warning("the lane of %s waits for the store: %s", key, error)
                    await self._pause(lane, STORE_RETRY_SECONDS)
        finally:
            self._lanes.pop(key, None)
            lane.actor.pins -= 1

    async def _refill(self, lane: Lane, after_index: int) -> None:
        actor = lane.actor
        limit = self._.options.lane_entries
        rows = await self._.store.unfinished_of_lane(
            actor.org, actor.room_id, lane.channel_id, after_index, limit
        )
        lane.overflowed = len(rows) == limit
        for row in rows:
            cascade = Cascade()
            cascade.begin()
            lane.jobs.append(self._job(actor, row, None, cascade))

    async def _deliver(self, lane: Lane, job: Job) -> None:
        """Work one delivery off; whatever happens, the lane goes on."""
        try:
            outcome = await self._try(lane, job)
        except Exception:  # boundary: one poisoned event must not stop its lane
            log.exception("delivery %s failed in a way nobody foresaw", job.delivery.delivery_id)
            fault = failed("server_fault", "the server could not deliver it; see its log")
            outcome = Outcome(job.delivery, fault, job.delivery.attempts)
        await self._record(lane, job, outcome)

    async def _record(self, lane: Lane, job: Job, outcome: Outcome) -> None:
        """Store how it ended, however long the store is away: what was sent must not stay
        unfinished, and nothing behind it could be stored either.
        """
        while True:
            try:
                await self._follow(lane)
                await self._.outcomes.record(lane.actor, *outcome, job.cascade)
            except (errors.Unavailable, StoreConflict) as error:
                log.warning("the outcome of %s waits: %s", outcome.delivery.delivery_id, error)
                await self._pause(lane, STORE_RETRY_SECONDS)
            except errors.NotFound:
                return  # the room was deleted, and its deliveries with it
            else:
                return

    async def _follow(self, lane: Lane) -> None:
        """Stay with the room's present owner: only that one hears of bindings and edits.

        Raises:
            Unavailable: the store does not answer.
        """
        before = lane.actor
        if not before.broken or before.deleted:
            return
        actor = await self._.directory.find(before.org, before.room_id)
        if actor is None:
            before.deleted = True
            return
        actor.pins += 1
        before.pins -= 1
        lane.actor = actor

    async def _try(self, lane: Lane, job: Job) -> Outcome:
        delivery = job.delivery
        lane.progress = list(delivery.result.part_message_ids)
        counted = delivery.attempts
        in_vain = 0
        settled = False
        try:
            while True:
                if job.expires <= self._.clock.monotonic():
                    return Outcome(delivery, expired(delivery), counted)
                attempt = await self._attempt(lane, job)
                result = attempt.result
                counted += attempt.counts
                in_vain += attempt.told is Told.FAILS
                delay = self._delay(lane, attempt, counted, in_vain)
                if delay is None or lane.actor.deleted:
                    return Outcome(delivery, result, counted)
                left = job.expires - self._.clock.monotonic()
                if left <= 0:
                    result.state = pb.DELIVERY_STATE_EXPIRED
                    return Outcome(delivery, result, counted)
                delivery = self._.outcomes.waiting(
                    lane.actor, delivery, result, counted, delay, first=not settled
                )
                if not settled:
                    # Whoever waits for the cascade waits for first attempts, not for retries.
                    settled = True
                    job.cascade.report(delivery)
                    job.cascade.end()
                    lane.obstacle = result
                    for behind in islice(lane.jobs, 1, None):
                        _let_wait(behind, result)
                await self._pause(lane, min(delay, left))
        finally:
            if settled:
                lane.obstacle = None
                for waited in lane.jobs:
                    waited.cascade.begin()

    def _delay(self, lane: Lane, attempt: Attempt, counted: int, in_vain: int) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        result = attempt.result
        if result.state != pb.DELIVERY_STATE_FAILED or not result.retryable:
            return None
        if result.error_code in UNREACHED_RETRY_SECONDS:
            return UNREACHED_RETRY_SECONDS[result.error_code]
        breaker = self._.channels.breaker(lane.actor.org, lane.channel_id)
        if not attempt.counts:
            return breaker.retry_seconds(self._.clock.monotonic())
        binding = lane.actor.bindings.get(lane.channel_id)
        policy = binding.retry_policy if binding and binding.HasField("retry_policy") else None
        if binding and blames_the_channel(binding, attempt) and breaker.failures >= in_vain:
            policy = patient(policy)
        after = seconds_of(result.retry_after) if result.HasField("retry_after") else None
        return retry_delay(policy, counted - 1, after, self._.jitter)

    async def _pause(self, lane: Lane, seconds: float) -> None:
        """Wait, unless somebody comes who serves the channel."""
        lane.wake.clear()
        timer = self._.clock.call_later(seconds, lane.wake.set)
        try:
            await lane.wake.wait()
        finally:
            timer.cancel()

    async def _event(self, lane: Lane, job: Job) -> pb.RoomEvent | None:
        """The event as it may be read now: while it waited it may have been edited or
        withdrawn. None: it is gone.
        """
        actor = lane.actor
        if job.event is not None and job.owner is actor and job.edits == actor.edits:
            return job.event
        stored = await self._.store.get_event(actor.org, actor.room_id, job.delivery.event_id)
        return stored and shown(stored)

    async def _attempt(self, lane: Lane, job: Job) -> Attempt:
        try:
            ready = await self._ready(lane, job)
        except errors.Unavailable as error:
            return Attempt(failed("store_down", error.message, retryable=True), counts=False)
        return ready if isinstance(ready, Attempt) else await self._send(lane, job, ready)

    async def _ready(self, lane: Lane, job: Job) -> Ready | Attempt:
        """Prepare it and wait for its turn; what is to be sent then, or why nothing is.

        Raises:
            Unavailable: the store does not answer.
        """
        await self._follow(lane)
        actor = lane.actor
        breaker = self._.channels.breaker(actor.org, lane.channel_id)
        if breaker.retry_seconds(self._.clock.monotonic()):
            return circuit_open()  # before anything is made for it, and a place is taken
        edits = actor.edits
        ready = await self._prepared(lane, job)
        if isinstance(ready, Attempt):
            return ready
        left = job.expires - self._.clock.monotonic()
        lane.place = place = self._pacing.take(actor, ready.binding, left)
        if place.wait_seconds > left:
            return Attempt(failed("rate_limited", "no place in the rate limit before the deadline"))
        if place.wait_seconds > 0:
            await self._.clock.sleep(place.wait_seconds)
        still_bound = actor.bindings.get(lane.channel_id) is ready.binding
        if still_bound and edits == actor.edits and not actor.broken:
            return ready
        # Meanwhile it may have been edited or withdrawn, or the channel detached.
        await self._follow(lane)
        again = await self._prepared(lane, job)
        if isinstance(again, Attempt):
            place.give_back()
        return again

    async def _prepared(self, lane: Lane, job: Job) -> Ready | Attempt:
        """Read the event as it is now and make it fit for the target.

        Raises:
            Unavailable: the store does not answer.
        """
        binding = lane.actor.bindings.get(lane.channel_id)
        if binding is None:
            return Attempt(failed("not_attached", "the channel was detached before it was sent"))
        event = await self._event(lane, job)
        if event is None or event.HasField("delete_time") or lost_its_words(event):
            return Attempt(failed("event_deleted", "the event was withdrawn before it was sent"))
        return await self._senders[binding.category].prepare(lane, binding, event)

    async def _send(self, lane: Lane, job: Job, ready: Ready) -> Attempt:
        """Make the attempt when the breaker allows it, and tell the breaker of it."""
        sender = self._senders[ready.binding.category]
        breaker = self._.channels.breaker(lane.actor.org, lane.channel_id)
        probes = breaker.is_open
        if not breaker.allow(self._.clock.monotonic()):
            lane.place.give_back()
            return circuit_open()
        told = Told.NOTHING
        try:
            attempt = await sender.attempt(lane, job, ready)
            told = attempt.told
        finally:
            self._tell(lane, breaker, told, probes=probes)
        # A probe is the breaker's try: an outage must not use up the retries of those who
        # happen to make them.
        unreached = attempt.result.error_code in UNREACHED_RETRY_SECONDS
        if unreached:
            lane.place.give_back()  # nothing was sent
        return attempt._replace(counts=not (unreached or (probes and told is Told.FAILS)))

    def _tell(self, lane: Lane, breaker: CircuitBreaker, told: Told, *, probes: bool) -> None:
        """Let the channel's breaker know what an attempt says about the channel."""
        org, channel_id = lane.actor.org, lane.channel_id
        if told is Told.NOTHING:
            if probes:
                breaker.abandon()
        elif told is Told.FAILS:
            if breaker.failure(self._.clock.monotonic()):
                self._.bus.emit(org, "circuit_breaker_opened", channel_id=channel_id)
                message = "the channel failed too often in a row; deliveries wait"
                self._.notifier.fault(
                    lane.actor, "circuit_breaker_opened", message, channel_id=channel_id
                )
        elif breaker.success():
            self._.bus.emit(org, "circuit_breaker_closed", channel_id=channel_id)
            self.wake(org, channel_id)


def _let_wait(job: Job, obstacle: pb.DeliveryResult) -> None:
    """Let whoever waits for a delivery's first attempt go: it waits for another's retry."""
    row = pb.Delivery()
    row.CopyFrom(job.delivery)
    row.result.error_code = obstacle.error_code
    row.result.error_message = f"waits behind another: {obstacle.error_message}"
    job.cascade.report(row)
    job.cascade.end()
