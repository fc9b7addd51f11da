"""What asks to enter a room, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.keys import fingerprint
from roomd_server.core.ports import HookCall, Subject, Verdict, WriteSet
from roomd_server.core.room import RoomActor
from roomd_server.core.times import timestamp

CHAIN_DEPTH_LIMIT = "event_chain_depth_limit"
"""What blocks an answer that is as deep as answers may be."""


@dataclass(slots=True)
class Proposal:
    """An event that asks to enter a room."""

    event: pb.RoomEvent
    """With id, source, content; without index."""
    cascade: Cascade
    fingerprint: bytes = b""
    """Of the caller's body; set with ``event.idempotency_key``."""
    join: pb.Channel | None = None
    """Attach this channel when it is not (inbound messages)."""
    verdict: Verdict | None = None
    """Set when the hooks have decided already (streamed answers)."""
    blocked_by: str = ""
    """Set when a rule has blocked it already."""
    only_targets: Sequence[str] | None = None
    """Deliver to these channels only; None: to everybody who hears."""
    tasks: Sequence[pb.Task] = ()
    observations: Sequence[pb.Observation] = ()
    injected: Sequence[pb.InjectedEvent] = ()
    placed: Callable[[], None] | None = None
    """Called once the event's place in the room is fixed, before it is durable."""
    deadline: float | None = None
    """Monotonic time until which it must be decided; None: routing took next to nothing, so
    that it has the whole timeout."""
    keep: Callable[[RoomActor, WriteSet, pb.RoomEvent], None] | None = None
    """Puts what else durable observers are to see into the event's own commit."""
    releases: Sequence[str] = ()
    """Ids of queued texts that this event says; they leave the queue with its commit."""

    @property
    def decided(self) -> bool:
        """Whether the hooks are not asked any more."""
        return bool(self.blocked_by) or self.verdict is not None


@dataclass(slots=True)
class Admission:
    """What became of a proposal."""

    outcome: pb.Outcome
    event: pb.RoomEvent | None = None
    blocked_by: str = ""
    reason: str = ""
    deliveries: list[tuple[pb.Delivery, pb.RoomEvent]] = field(default_factory=list)
    resumed: bool = False
    """A PAUSED room became ACTIVE by it."""
    event_data: bytes = b""
    """The stored event, serialised."""


class Pending(NamedTuple):
    """An admission that may still be on its way to the disk."""

    actor: RoomActor
    admission: Admission
    durable: asyncio.Future[None] | None = None


def stamp(event: pb.RoomEvent, room_id: str, now: float) -> None:
    """Say where and when, before anybody looks at the event; ``now`` is wall time."""
    event.room_id = room_id
    if not event.HasField("create_time"):
        event.create_time.CopyFrom(timestamp(now))


def note_depth(bus: FrameworkBus, actor: RoomActor, proposal: Proposal) -> None:
    """Let a proposal that is blocked by its chain depth say so: an observation that is stored
    with it, and a framework event.
    """
    event = proposal.event
    observation = pb.Observation(
        channel_id=event.source.channel_id,
        category="event_chain_depth_exceeded",
        content=f"depth {event.chain_depth} reached the limit",
        event_id=event.event_id,
    )
    proposal.observations = [*proposal.observations, observation]
    bus.emit(
        actor.org,
        "chain_depth_exceeded",
        actor.room_id,
        channel_id=event.source.channel_id,
        event_id=event.event_id,
    )


def event_call(actor: RoomActor, trigger: pb.HookTrigger, event: pb.RoomEvent) -> HookCall:
    """One call of a trigger whose payload is an event."""
    source = event.source
    return HookCall(
        actor.org,
        trigger,
        pb.HookPayload(event=event),
        Subject(
            actor.room_id, source.channel_id, source.channel_type, source.direction, event.type
        ),
        actor.labels(),
        actor.context,
    )


def injected_event(
    actor: RoomActor, cause: pb.RoomEvent, injected: pb.InjectedEvent, event_id: str
) -> pb.RoomEvent:
    """An event that a hook adds beside the one that it decided on."""
    event = pb.RoomEvent()
    event.CopyFrom(injected.event)
    event.event_id = event_id
    event.ClearField("index")
    event.ClearField("blocked_by")
    event.ClearField("hook_trace")
    event.type = event.type or pb.EVENT_TYPE_MESSAGE
    event.status = pb.EVENT_STATUS_DELIVERED
    event.chain_depth = cause.chain_depth + 1
    event.correlation_id = event.correlation_id or cause.event_id
    binding = actor.bindings.get(event.source.channel_id)
    if binding is None:
        event.source.channel_id = ""
        event.source.channel_type = pb.CHANNEL_TYPE_SYSTEM
    event.source.direction = pb.DIRECTION_OUTBOUND
    return event


def body_fingerprint(*parts: bytes | str) -> bytes:
    """Fingerprint of a request's body, from the pieces that make it the same message."""
    return fingerprint(
        b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    )
