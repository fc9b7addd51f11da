"""Erasing a participant: what a room has of somebody goes, its order and indexes stay.

A long history goes step by step, each a transaction under the room's lock, so that the room
is not held up. The record goes last: whoever repeats a call that broke off finds it, and with
it what is left. What is said meanwhile is erased with the record, under one lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.bindings import Bindings
from roomd_server.core.editing import Editing
from roomd_server.core.log import bare
from roomd_server.core.notify import Notifier
from roomd_server.core.ports import (
    Caller,
    Clock,
    DeliveryQuery,
    EventQuery,
    ObserverQuery,
    Store,
    WriteSet,
)
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.timeline_events import concerns
from roomd_server.core.times import timestamp
from roomd_server.core.waiting import outlast

STEP_ROWS = 200
"""Rows looked at in one transaction."""
UNFINISHED = (pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_SENDING)
ERASED_PATHS = ["content", "delete_time", "metadata", "source"]


@dataclass(slots=True)
class Traces:
    """Whose traces are erased, and how far that is."""

    participant_id: str
    channel_ids: frozenset[str]
    """Channels that were bound to them."""
    index: int = -1
    """The newest event that was looked at."""
    change: int = 0
    """The next change to look at."""
    event_ids: set[str] = field(default_factory=set)
    """What was theirs; bounded by the room's history."""

    def holds(self, event: pb.RoomEvent) -> bool:
        """Whether an event is theirs, is about them, or says what theirs says now."""
        edited = event.content.edit.target_event_id
        return concerns(event, self.participant_id) or edited in self.event_ids

    def knows(self, delivery: pb.Delivery) -> bool:
        """Whether a delivery is of what they wrote, or was made to them."""
        return delivery.event_id in self.event_ids or delivery.channel_id in self.channel_ids


class Erasure:
    """Serves ``RoomService.EraseParticipant``."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        bindings: Bindings,
        editing: Editing,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._bindings = bindings
        self._editing = editing
        self._notifier = notifier
        self._clock = clock

    async def erase_participant(
        self, caller: Caller, request: pb.EraseParticipantRequest
    ) -> pb.EraseParticipantResponse:
        """Remove what a room has of a participant.

        Raises:
            NotFound: ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND.
            FailedPrecondition: WOULD_DEADLOCK.
        """
        room_id, participant_id = request.room_id, request.participant_id
        actor = await self._rooms.read(caller, room_id)
        if participant_id not in actor.participants:
            raise errors.participant_not_found(room_id, participant_id)
        bindings = actor.bindings.values()
        bound = [one.channel_id for one in bindings if one.participant_id == participant_id]
        traces = Traces(participant_id, frozenset(bound))
        more = True
        while more:
            async with self._rooms.hold(caller, room_id) as actor:
                more = await self._step(actor, traces)
        for channel_id in bound:
            await self._bindings.detach_channel(
                caller, pb.DetachChannelRequest(room_id=room_id, channel_id=channel_id)
            )
        await self._store.purge_words()
        async with self._rooms.hold(caller, room_id) as actor:
            while await self._step(actor, traces):
                pass
            await self._erase_rows(actor, traces)
            await self._erase_record(actor, traces)
        count = len(traces.event_ids)
        self._notifier.announce(actor, "participant_erased", data={"event_count": count})
        return pb.EraseParticipantResponse(event_count=count)

    async def _step(self, actor: RoomActor, traces: Traces) -> bool:
        """Look at some of the log, events first; whether there is more."""
        return await self._erase_events(actor, traces) or await self._erase_changes(actor, traces)

    # -------------------------------------------------------------- the log

    async def _erase_events(self, actor: RoomActor, traces: Traces) -> bool:
        query = EventQuery(actor.room_id, STEP_ROWS, after_index=traces.index)
        page = await self._store.list_events(actor.org, query)
        draft = Draft(actor, self._clock)
        for event in page:
            if traces.holds(event):
                traces.event_ids.add(event.event_id)
                draft.change_event(_emptied(event, draft.now), ERASED_PATHS)
        erased = draft.writes.changed_events
        draft.writes.wordless_events = [event.event_id for event in erased]
        await self._erase_deliveries(draft, traces, page)
        if erased or draft.writes.deliveries:
            self._notifier.keep.changed_events(actor, draft.writes)
            await draft.commit()
            self._editing.changed(actor, None, erased)
        if page:
            traces.index = page[-1].index
        return len(page) == STEP_ROWS

    async def _erase_deliveries(
        self, draft: Draft, traces: Traces, events: Iterable[pb.RoomEvent]
    ) -> None:
        """Let what became of deliveries say no more than how far they came. Those under way
        end as those of a withdrawn event do.
        """
        actor, writes = draft.actor, draft.writes
        query = DeliveryQuery(actor.room_id, STEP_ROWS, event_ids=[one.event_id for one in events])
        while query.event_ids:
            page = await self._store.list_deliveries(actor.org, query)
            for row in page:
                if not traces.knows(row) or row.result.state in UNFINISHED:
                    continue
                names = {row.result.provider_message_id, *row.result.part_message_ids} - {""}
                writes.forgotten_provider_ids = (
                    *writes.forgotten_provider_ids,
                    *((row.channel_id, name) for name in names),
                )
                writes.deliveries = (*writes.deliveries, _unnamed(row))
            if len(page) < STEP_ROWS:
                break
            query.before = (0.0, page[-1].delivery_id)

    async def _erase_changes(self, actor: RoomActor, traces: Traces) -> bool:
        page = await self._store.read_log(
            actor.org, actor.room_id, actor.head.index, traces.change, STEP_ROWS
        )
        writes = WriteSet(actor.org, actor.room_id)
        for change in page.entries:
            assert not isinstance(change, pb.RoomEvent)  # none has such an index
            traces.change = change.sequence + 1
            item = _without(change.item, traces)
            if item != change.item:
                rewritten = change._replace(item=item)
                writes.rewritten_changes = (*writes.rewritten_changes, rewritten)
        if writes.rewritten_changes:
            await outlast(actor.commit(writes))
        return page.more

    # -------------------------------------------------------------- beside the log

    async def _erase_rows(self, actor: RoomActor, traces: Traces) -> None:
        """Erase observations, tasks, and what is kept for durable observers."""
        await self._erase_observations(actor, traces)
        after = ""
        while page := await self._store.list_tasks(actor.org, actor.room_id, [], after, STEP_ROWS):
            after = page[-1].task_id
            own = [one for one in page if one.assigned_to == traces.participant_id]
            for task in own:
                task.ClearField("assigned_to")
                task.update_time.CopyFrom(timestamp(self._clock.now()))
            if own:
                await outlast(actor.commit(WriteSet(actor.org, actor.room_id, tasks=own)))
        for count in await self._store.observer_counts(actor.org, actor.room_id):
            for parked in (False, True):
                await self._erase_kept(actor, traces, count.hook, parked=parked)

    async def _erase_observations(self, actor: RoomActor, traces: Traces) -> None:
        org, room_id, after = actor.org, actor.room_id, ""
        while page := await self._store.list_observations(org, room_id, "", after, STEP_ROWS):
            after = page[-1].observation_id
            gone = [one.observation_id for one in page if one.event_id in traces.event_ids]
            if gone:
                await outlast(actor.commit(WriteSet(org, room_id, removed_observations=gone)))

    async def _erase_kept(
        self, actor: RoomActor, traces: Traces, hook: str, *, parked: bool
    ) -> None:
        """Rows that refer to an event tell it as it is now; others hold a payload."""
        query = ObserverQuery(hook, STEP_ROWS, parked=parked, room_id=actor.room_id)
        while page := await self._store.observer_rows(actor.org, query):
            query.after = (page[-1].row.room_id, page[-1].position)
            rows = [
                (one.row.invocation_id, payload)
                for one in page
                if (payload := _payload_without(one.row.payload, traces, self._clock.now()))
                != one.row.payload
            ]
            if rows:
                writes = WriteSet(actor.org, actor.room_id, rewritten_observer_rows=rows)
                await outlast(actor.commit(writes))
                self._notifier.rewritten(actor, dict(rows))

    async def _erase_record(self, actor: RoomActor, traces: Traces) -> None:
        draft = Draft(actor, self._clock)
        draft.remove_participant(traces.participant_id, "participant_erased")
        await draft.commit()


def _emptied(event: pb.RoomEvent, now: float) -> pb.RoomEvent:
    """An event that says no more than that it was there."""
    empty = bare(event)
    for name in ("type", "status", "blocked_by", "parent_event_id", "chain_depth"):
        setattr(empty, name, getattr(event, name))
    for name in ("visibility", "create_time", "edit_time"):
        if event.HasField(name):
            getattr(empty, name).CopyFrom(getattr(event, name))
    empty.source.channel_id = event.source.channel_id
    empty.source.channel_type = event.source.channel_type
    empty.source.direction = event.source.direction
    for trace in event.hook_trace:
        empty.hook_trace.add(hook=trace.hook, decision=trace.decision, took=trace.took)
    empty.metadata.update({"deleted": True, "erased": True})
    withdrawn = event.delete_time if event.HasField("delete_time") else timestamp(now)
    empty.delete_time.CopyFrom(withdrawn)
    return empty


def _unnamed(delivery: pb.Delivery) -> pb.Delivery:
    """A delivery without what the provider said of it."""
    row = pb.Delivery()
    row.CopyFrom(delivery)
    for name in ("provider_message_id", "part_message_ids", "error_message"):
        row.result.ClearField(name)
    return row


def _without(item: bytes, traces: Traces) -> bytes:
    """A change that names them no more; the same bytes when it does not."""
    told = pb.StreamItem.FromString(item)
    changed, who = told.room_changed, traces.participant_id
    is_theirs = False
    if changed.participant.participant_id == who:
        changed.participant.CopyFrom(pb.Participant(room_id=changed.participant.room_id))
        is_theirs = True
    if changed.binding.participant_id == who:
        room_id, channel_id = changed.binding.room_id, changed.binding.channel_id
        changed.binding.CopyFrom(pb.Binding(room_id=room_id, channel_id=channel_id))
        is_theirs = True
    event, delivery = told.event_changed.event, told.event_changed.delivery
    if event.event_id in traces.event_ids:
        event.CopyFrom(bare(event))
        is_theirs = True
    if told.event_changed.HasField("delivery") and traces.knows(delivery):
        delivery.CopyFrom(_unnamed(delivery))
        is_theirs = True
    return told.SerializeToString() if is_theirs else item


def _payload_without(data: bytes, traces: Traces, now: float) -> bytes:
    """What a durable observer is told, without them; the same bytes when it does not tell of
    them.
    """
    payload = pb.HookPayload.FromString(data)
    event, delivery, noted = payload.event, payload.delivery, payload.observation
    if payload.HasField("event") and traces.holds(event):
        event.CopyFrom(_emptied(event, now))
    elif payload.HasField("delivery") and traces.knows(delivery):
        delivery.CopyFrom(_unnamed(delivery))
    elif payload.HasField("observation") and noted.event_id in traces.event_ids:
        noted.ClearField("content")
        noted.ClearField("metadata")
    else:
        return data
    return payload.SerializeToString()
