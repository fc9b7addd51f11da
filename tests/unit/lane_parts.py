"""Lanes on the services of the engine, with a sender that answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from channel_parts import Channels, channel_services
from core_services import ME, HandClock, eventually

from roomd import v1 as pb
from roomd_server.core.attempts import Attempt, Told
from roomd_server.core.cascade import Cascade
from roomd_server.core.lane import Job, Lane, LaneParts, Lanes, Ready
from roomd_server.core.outcomes import Outcomes
from roomd_server.core.ports import Cancellable, DeliveryQuery
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.times import timestamp


class TimerClock(HandClock):
    """Timers stand still, too, until it is moved."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancellable:
        return asyncio.ensure_future(self._fire(seconds, callback))

    async def _fire(self, seconds: float, callback: Callable[[], None]) -> None:
        await self.sleep(seconds)
        callback()


SENT = Attempt(pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT), Told.WORKS)


@dataclass
class ToldSender:
    """Answers as told; then everything is sent."""

    answers: deque[Attempt | BaseException] = field(default_factory=deque)
    sent: list[tuple[str, str]] = field(default_factory=list)
    """(room, text) of every attempt."""
    at: list[float] = field(default_factory=list)
    """When."""
    gate: asyncio.Event | None = None
    """Answer no sooner than it is set."""
    services: Any = None

    async def prepare(self, lane: Lane, binding: pb.Binding, event: pb.RoomEvent) -> Ready:
        return Ready(event, pb.Channel(), binding)

    async def attempt(self, lane: Lane, job: Job, ready: Ready) -> Attempt:
        self.sent.append((lane.actor.room_id, ready.event.content.text.body))
        self.at.append(self.services.clock.monotonic())
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.popleft() if self.answers else SENT
        if isinstance(answer, BaseException):
            raise answer
        result = pb.DeliveryResult()  # whoever asks may write into it
        result.CopyFrom(answer.result)
        return answer._replace(result=result)


@dataclass
class LaneRig:
    """What the tests of lanes work with."""

    channels: Channels
    lanes: Lanes
    sender: ToldSender

    @property
    def services(self) -> Any:
        return self.channels.services

    async def room(self, room_id: str = "r1", channel_id: str = "sms", **binding: Any) -> RoomActor:
        """A room with the channel attached."""
        actor: RoomActor = await self.services.room(room_id)
        wanted = {"channel_type": pb.CHANNEL_TYPE_SMS} | binding
        await self.services.bind(actor, channel_id, **wanted)
        return actor

    async def say(
        self, actor: RoomActor, body: str, channel_id: str = "sms", *, start: bool = True
    ) -> pb.Delivery:
        """Commit a message with its delivery row, and hand it to the lane."""
        services = self.services
        async with actor.lock:
            draft = Draft(actor, services.clock)
            event = draft.add_event(
                pb.RoomEvent(
                    event_id=services.ids.new(),
                    type=pb.EVENT_TYPE_MESSAGE,
                    status=pb.EVENT_STATUS_DELIVERED,
                    content=pb.Content(text=pb.TextContent(body=body)),
                )
            )
            seconds = self.channels.channels.delivery_deadline_seconds(ME.org, channel_id)
            delivery = pb.Delivery(
                delivery_id=f"{event.event_id}:{channel_id}",
                room_id=actor.room_id,
                channel_id=channel_id,
                event_id=event.event_id,
                event_index=event.index,
                result=pb.DeliveryResult(state=pb.DELIVERY_STATE_PENDING),
                create_time=event.create_time,
                deadline_time=timestamp(services.clock.now() + seconds),
            )
            draft.writes.deliveries = [delivery]
            await draft.commit()
        if start:
            self.lanes.enqueue(actor, delivery, event, Cascade())
        return delivery

    async def row(self, delivery: pb.Delivery) -> pb.Delivery:
        """A delivery as it is stored."""
        stored = await self.services.store.get_delivery(
            ME.org, delivery.room_id, delivery.delivery_id
        )
        assert stored is not None
        return stored

    async def rows(self, actor: RoomActor) -> list[pb.Delivery]:
        query = DeliveryQuery(actor.room_id, limit=1000)
        return await self.services.store.list_deliveries(ME.org, query)

    async def settle(self, attempts: int | None = None) -> None:
        """Let everything happen that happens without time; wait for so many attempts."""
        if attempts is not None:
            await eventually(lambda: len(self.sender.sent) >= attempts)
        for _ in range(6):  # a commit takes a thread
            await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass step by step, with everything that is due."""
        while seconds > 0:
            self.services.clock.advance(min(step, seconds))
            seconds -= step
            await self.settle()


@asynccontextmanager
async def lane_rig(**options: Any) -> AsyncIterator[LaneRig]:
    async with channel_services(TimerClock(), **options) as c:
        s = c.services
        await c.register("sms", pb.CHANNEL_TYPE_SMS, implementation=worker())
        outcomes = Outcomes(s.store, s.directory, s.hooks, s.bus, s.notifier, s.clock)
        lanes = Lanes(
            LaneParts(
                s.store,
                s.clock,
                c.options,
                s.directory,
                c.channels,
                outcomes,
                s.bus,
                s.notifier,
                s.hooks,
                lambda: 1.0,
            )
        )
        sender = ToldSender(services=s)
        lanes.serve(pb.CHANNEL_CATEGORY_TRANSPORT, sender)
        yield LaneRig(c, lanes, sender)
        await lanes.close()


def worker() -> pb.ChannelImplementation:
    return pb.ChannelImplementation(worker=pb.ChannelImplementation.Worker(handler="h"))


def states(rows: list[pb.Delivery]) -> list[str]:
    return [pb.DeliveryState.Name(row.result.state).removeprefix("DELIVERY_STATE_") for row in rows]
