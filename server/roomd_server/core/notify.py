"""Telling observers and tails what happened, after it was committed. Nobody waits here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from roomd import v1 as pb
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.keeping import Keeping, about
from roomd_server.core.ports import (
    Clock,
    HookCall,
    Hooks,
    Ids,
    ObserverResult,
    Subject,
    WriteSet,
)
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.timeline_events import system_event
from roomd_server.core.times import timestamp

log = logging.getLogger(__name__)

Told = asyncio.Future[ObserverResult]

OnFound = Callable[[RoomActor, ObserverResult, bool], "asyncio.Future[None] | None"]
"""Stores what observers found; with False no ON_TASK_CREATED is fired for it."""

FRAMEWORK_NAMES: Mapping[str, str] = {
    "channel_attached": "room_channel_attached",
    "channel_detached": "room_channel_detached",
    "channel_muted": "room_channel_muted",
    "channel_unmuted": "room_channel_unmuted",
    "channel_updated": "room_channel_updated",
}
"""Framework event of each code, where it is not the code itself."""

_GIVEN = frozenset(("room_id", "channel_id", "event_id", "org", "kind"))


class Arrival(NamedTuple):
    """Somebody whose first message on a channel came in."""

    participant: pb.Participant
    is_new: bool
    """They were no participant before."""


class Notifier:
    """Fires observe-only triggers and framework events."""

    def __init__(self, hooks: Hooks, bus: FrameworkBus, clock: Clock, ids: Ids) -> None:
        self._hooks = hooks
        self._bus = bus
        self._clock = clock
        self._ids = ids
        self.keep = Keeping(hooks, clock, ids)
        """Puts what durable observers are to see into what is about to be committed."""
        self._told: set[Told] = set()
        self.on_found: OnFound | None = None
        """Set once at start."""

    def lifecycle(
        self,
        actor: RoomActor,
        trigger: pb.HookTrigger,
        code: str,
        *,
        channel_id: str = "",
        participant_id: str = "",
        data: Mapping[str, object] | None = None,
    ) -> Told | None:
        """Say that something happened to a room: a framework event, and a system event for
        the hooks of the trigger. The future, if any, ends when all of them have answered.
        """
        details = about(data, channel_id, participant_id)
        self.announce(actor, code, channel_id=channel_id, data=details)
        if not self._hooks.wants(actor.org, trigger, actor.room_id):
            return None
        event = self.keep.system_event(actor.room_id, code, details)
        return self.about_event(actor, trigger, event, channel_id=channel_id)

    def fault(self, actor: RoomActor, code: str, message: str, *, channel_id: str) -> None:
        """Show a failure of a channel to the hooks of ON_ERROR; no message is to blame."""
        trigger = pb.HOOK_TRIGGER_ON_ERROR
        if not (
            self._hooks.wants(actor.org, trigger, actor.room_id)
            or self._hooks.keeps(actor.org, trigger, actor.room_id)
        ):
            return
        event = system_event(
            pb.EVENT_TYPE_SYSTEM, code, message, {}, channel_id=channel_id, event_id=self._ids.new()
        )
        event.room_id = actor.room_id
        event.create_time.CopyFrom(timestamp(self._clock.now()))
        event.metadata.update({"error": message, "error_type": code})
        self.keep_alone(actor, trigger, event, channel_id=channel_id)
        self.about_event(actor, trigger, event, channel_id=channel_id)

    def keep_alone(
        self,
        actor: RoomActor,
        trigger: pb.HookTrigger,
        event: pb.RoomEvent,
        *,
        channel_id: str = "",
    ) -> None:
        """Keep an event for durable observers that no other commit makes true."""
        writes = WriteSet(actor.org, actor.room_id)
        self.keep.event(actor, writes, trigger, event, channel_id=channel_id, is_stored=False)
        if writes.observer_rows and not actor.deleted:
            actor.submit(writes, _note_lost)

    def revised(self, actor: RoomActor, event: pb.RoomEvent) -> None:
        """Let what still waits for a worker tell an event as it may be read now."""
        self._hooks.revise(actor.org, event)

    def rewritten(self, actor: RoomActor, payloads: Mapping[str, bytes]) -> None:
        """Let rows of durable observers tell their new payloads, by their invocation ids."""
        self._hooks.rewrite(actor.org, actor.room_id, payloads)

    def announce(
        self,
        actor: RoomActor,
        code: str,
        *,
        channel_id: str = "",
        event_id: str = "",
        data: Mapping[str, object] | None = None,
    ) -> None:
        """Emit the framework event of a code."""
        scalars: dict[str, Any] = {
            name: value
            for name, value in (data or {}).items()
            if name not in _GIVEN and isinstance(value, str | float | int | None)
        }
        self._bus.emit(
            actor.org,
            FRAMEWORK_NAMES.get(code, code),
            actor.room_id,
            channel_id=channel_id,
            event_id=event_id,
            **scalars,
        )

    def about_event(
        self,
        actor: RoomActor,
        trigger: pb.HookTrigger,
        event: pb.RoomEvent,
        *,
        channel_id: str = "",
        done: Callable[[], None] | None = None,
    ) -> Told | None:
        """Show an event to the hooks of a trigger.

        Args:
            actor: The event's room.
            trigger: An observe-only trigger.
            event: What they see; committed or made for them.
            channel_id: The channel it is about, when that is not its source.
            done: Called when they have answered and what they found is stored; at once
                when there is nobody.
        """
        source = event.source
        about = channel_id or source.channel_id
        binding = actor.bindings.get(about)
        channel_type = binding.channel_type if binding is not None else source.channel_type
        subject = Subject(actor.room_id, about, channel_type, source.direction, event.type)
        return self.tell(actor, trigger, pb.HookPayload(event=event), subject, done)

    def tell(
        self,
        actor: RoomActor,
        trigger: pb.HookTrigger,
        payload: pb.HookPayload,
        subject: Subject,
        done: Callable[[], None] | None = None,
    ) -> Told | None:
        """Show a payload to the hooks of an observe-only trigger; see ``about_event``."""
        told = None
        if self._hooks.wants(actor.org, trigger, actor.room_id):
            call = HookCall(actor.org, trigger, payload, subject, actor.labels(), actor.context)
            told = self._hooks.observe(call)
        if told is None:
            if done is not None:
                done()
            return None
        self._told.add(told)
        told.add_done_callback(self._told.discard)
        # A hook on ON_TASK_CREATED that makes tasks would otherwise never come to an end.
        fires = trigger != pb.HOOK_TRIGGER_ON_TASK_CREATED
        told.add_done_callback(lambda future: self._keep_found(actor, future, fires, done))
        return told

    def observed(self, actor: RoomActor, future: Told, done: Callable[[], None]) -> None:
        """Keep what observers found; ``done`` is called when it is stored."""
        self._keep_found(actor, future, True, done)

    def _keep_found(
        self, actor: RoomActor, future: Told, fires: bool, done: Callable[[], None] | None
    ) -> None:
        stored = None
        if not future.cancelled() and future.exception() is None:
            found = future.result()
            if self.on_found is not None and (found.tasks or found.observations):
                stored = self.on_found(actor, found, fires)
        if done is None:
            return
        if stored is None:
            done()
        else:
            stored.add_done_callback(lambda _: done())

    def keep_admission(
        self, draft: Draft, event: pb.RoomEvent, joined: Arrival | None, *, resumed: bool
    ) -> None:
        """Let durable observers see what follows the commit of a message: their rows are part
        of it.

        Args:
            draft: The transaction.
            event: The message.
            joined: Who came by it.
            resumed: Whether it made a PAUSED room ACTIVE.
        """
        keep, actor, writes = self.keep, draft.actor, draft.writes
        if actor.unborn:
            keep.lifecycle(actor, writes, pb.HOOK_TRIGGER_ON_ROOM_CREATED, "room_created")
        keep.broadcast(actor, writes)
        if resumed:
            keep.lifecycle(actor, writes, pb.HOOK_TRIGGER_ON_ROOM_RESUMED, "room_resumed")
        if joined is not None:
            if joined.is_new:
                keep.lifecycle(
                    actor,
                    writes,
                    pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED,
                    "participant_joined",
                    channel_id=event.source.channel_id,
                    participant_id=joined.participant.participant_id,
                )
            keep.event(actor, writes, pb.HOOK_TRIGGER_ON_SESSION_STARTED, event)
        keep.attached(actor, writes)
        keep.tasks(actor, writes)
        keep.changed_events(actor, writes)

    def sender_joined(
        self, actor: RoomActor, arrival: Arrival, event: pb.RoomEvent, cascade: Cascade
    ) -> None:
        """Fire what the first message of somebody on a channel means; part of its cascade."""
        who = arrival.participant
        if arrival.is_new:
            told = self.lifecycle(
                actor,
                pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED,
                "participant_joined",
                channel_id=event.source.channel_id,
                participant_id=who.participant_id,
            )
            if told is not None:
                cascade.begin()
                told.add_done_callback(lambda _: cascade.end())
        self.announce(
            actor,
            "session_started",
            channel_id=event.source.channel_id,
            event_id=event.event_id,
            data={"participant_id": who.participant_id},
        )
        cascade.begin()
        self.about_event(actor, pb.HOOK_TRIGGER_ON_SESSION_STARTED, event, done=cascade.end)


def _note_lost(error: Exception | None) -> None:
    if error is not None:
        log.warning("durable observers will not see a fault: %s", error)
