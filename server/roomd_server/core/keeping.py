"""Rows of durable observers, put into the transaction that makes true what they tell.

Each method has its counterpart in ``notify``, which tells the others after the commit. Where
no durable hook wants a trigger nothing is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf.json_format import MessageToDict

from roomd import v1 as pb
from roomd_server.core.log import lost_its_words, shown
from roomd_server.core.ports import Clock, Hooks, Ids, ObserverRow, Subject, Telling, WriteSet
from roomd_server.core.room import RoomActor
from roomd_server.core.timeline_events import EVENT_TYPES, details_of, system_event
from roomd_server.core.times import timestamp


class Keeping:
    """Adds rows to write sets that are about to be handed in."""

    def __init__(self, hooks: Hooks, clock: Clock, ids: Ids) -> None:
        self._hooks = hooks
        self._clock = clock
        self._ids = ids

    def telling(
        self, actor: RoomActor, writes: WriteSet, telling: Telling, subject: Subject
    ) -> Sequence[ObserverRow]:
        """Keep anything for the hooks of its trigger; the rows."""
        if not self._hooks.keeps(actor.org, telling.trigger, actor.room_id):
            return ()
        rows = self._hooks.rows(actor.org, subject, actor.labels(), telling)
        writes.observer_rows = (*writes.observer_rows, *rows)
        return rows

    def event(
        self,
        actor: RoomActor,
        writes: WriteSet,
        trigger: pb.HookTrigger,
        event: pb.RoomEvent,
        *,
        channel_id: str = "",
        is_stored: bool = True,
    ) -> None:
        """Keep an event; see ``Notifier.about_event``.

        Args:
            actor: The event's room.
            writes: What makes it true.
            trigger: An observe-only trigger.
            event: As it may be read.
            channel_id: The channel it is about, when that is not its source.
            is_stored: It is in the timeline, or will be by this set.
        """
        if not self._hooks.keeps(actor.org, trigger, actor.room_id):
            return
        source = event.source
        about = channel_id or source.channel_id
        binding = binding_with(actor, writes, about)
        channel_type = binding.channel_type if binding is not None else source.channel_type
        subject = Subject(actor.room_id, about, channel_type, source.direction, event.type)
        telling = Telling(trigger, pb.HookPayload(event=event), is_stored)
        self.telling(actor, writes, telling, subject)

    def lifecycle(
        self,
        actor: RoomActor,
        writes: WriteSet,
        trigger: pb.HookTrigger,
        code: str,
        *,
        channel_id: str = "",
        participant_id: str = "",
        data: Mapping[str, object] | None = None,
    ) -> None:
        """Keep what happens to a room; see ``Notifier.lifecycle``."""
        if not self._hooks.keeps(actor.org, trigger, actor.room_id):
            return
        details = about(data, channel_id, participant_id)
        event = self.system_event(actor.room_id, code, details)
        self.event(actor, writes, trigger, event, channel_id=channel_id, is_stored=False)

    def system_event(self, room_id: str, code: str, details: Mapping[str, object]) -> pb.RoomEvent:
        """Make up the event that tells a code to hooks."""
        kind = EVENT_TYPES.get(code, pb.EVENT_TYPE_SYSTEM)
        event = system_event(kind, code, code.replace("_", " "), details, event_id=self._ids.new())
        event.room_id = room_id
        event.create_time.CopyFrom(timestamp(self._clock.now()))
        return event

    def created_room(self, writes: WriteSet, room: pb.Room) -> None:
        """Keep that a room is made."""
        trigger = pb.HOOK_TRIGGER_ON_ROOM_CREATED
        if self._hooks.keeps(writes.org, trigger, room.room_id):
            event = self.system_event(room.room_id, "room_created", {})
            source = event.source
            subject = Subject(room.room_id, "", source.channel_type, source.direction, event.type)
            telling = Telling(trigger, pb.HookPayload(event=event))
            writes.observer_rows = self._hooks.rows(writes.org, subject, room.labels, telling)

    def kept(self, writes: WriteSet) -> None:
        """Say that a set without an actor was committed."""
        if writes.observer_rows:
            self._hooks.kept(writes.org, writes.observer_rows)

    def broadcast(self, actor: RoomActor, writes: WriteSet) -> None:
        """Keep the events of a set that are broadcast."""
        trigger = pb.HOOK_TRIGGER_AFTER_BROADCAST
        if self._hooks.keeps(actor.org, trigger, actor.room_id):
            for event in broadcast(writes.events):
                self.event(actor, writes, trigger, event)

    def changed_events(self, actor: RoomActor, writes: WriteSet) -> None:
        """Keep the edits and withdrawals of a set."""
        for event in writes.changed_events:
            if not lost_its_words(event):
                self.event(actor, writes, change_of(event)[0], shown(event))

    def tasks(self, actor: RoomActor, writes: WriteSet) -> None:
        """Keep the new tasks of a set."""
        trigger = pb.HOOK_TRIGGER_ON_TASK_CREATED
        if writes.tasks and self._hooks.keeps(actor.org, trigger, actor.room_id):
            for task in writes.tasks:
                data = MessageToDict(task, preserving_proto_field_name=True)
                self.lifecycle(actor, writes, trigger, "task_created", data=data)

    def attached(self, actor: RoomActor, writes: WriteSet) -> None:
        """Keep the channels that are attached by a message."""
        for binding in writes.bindings:
            self.lifecycle(
                actor,
                writes,
                pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED,
                "channel_attached",
                channel_id=binding.channel_id,
                data=details_of(binding),
            )

    def delivery(self, actor: RoomActor, writes: WriteSet, row: pb.Delivery) -> None:
        """Keep a delivery's state."""
        trigger = pb.HOOK_TRIGGER_ON_DELIVERY_STATUS
        if self._hooks.keeps(actor.org, trigger, actor.room_id):
            telling = Telling(trigger, pb.HookPayload(delivery=row))
            self.telling(actor, writes, telling, delivery_subject(actor, row))


def about(
    data: Mapping[str, object] | None, channel_id: str, participant_id: str
) -> dict[str, object]:
    """The details of something that happened to a room."""
    details = dict(data or {})
    if channel_id:
        details["channel_id"] = channel_id
    if participant_id:
        details["participant_id"] = participant_id
    return details


def broadcast(events: Sequence[pb.RoomEvent]) -> list[pb.RoomEvent]:
    """Those of the events that are AFTER_BROADCAST."""
    return [one for one in events if not one.blocked_by and one.visibility.scope != _INTERNAL]


def change_of(event: pb.RoomEvent) -> tuple[pb.HookTrigger, str]:
    """Trigger and code of what happened to a stored event."""
    if event.HasField("delete_time"):
        return pb.HOOK_TRIGGER_ON_EVENT_DELETED, "event_deleted"
    return pb.HOOK_TRIGGER_ON_EVENT_UPDATED, "event_updated"


def delivery_subject(actor: RoomActor, row: pb.Delivery) -> Subject:
    """What filters look at in a delivery: its target."""
    binding = actor.bindings.get(row.channel_id)
    channel_type = binding.channel_type if binding is not None else 0
    return Subject(actor.room_id, row.channel_id, channel_type, pb.DIRECTION_OUTBOUND)


def binding_with(actor: RoomActor, writes: WriteSet, channel_id: str) -> pb.Binding | None:
    """A binding as it is with the set."""
    for binding in writes.bindings:
        if binding.channel_id == channel_id:
            return binding
    return actor.bindings.get(channel_id)


_INTERNAL = pb.Visibility.SCOPE_INTERNAL
