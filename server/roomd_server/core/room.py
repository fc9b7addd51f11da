"""A room's owner: its live state in memory, one lock, one way to the store.

Every change of a room goes through a ``Draft`` under the room's lock: the draft collects
what is to be written and hands it in as one transaction. The state in memory follows at
once, so that messages of one room share a transaction; whoever waits is answered when it is
durable. An actor whose writes were refused is broken: it is loaded anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from roomd import v1 as pb
from roomd_server.core.capabilities import described, of_type
from roomd_server.core.keys import KeyMemory
from roomd_server.core.log import Position, RoomLog, bare, revised_change, shown
from roomd_server.core.permissions import Turns, may_see
from roomd_server.core.ports import (
    Change,
    Clock,
    EventQuery,
    ObserverRow,
    QueuedText,
    RoomSnapshot,
    Settled,
    Store,
    WriteSet,
)
from roomd_server.core.realtime import Ephemerals
from roomd_server.core.resilience import TokenBuckets
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.core.waiting import FifoLock, conclude, outlast

CapabilitiesOf = Callable[[str, pb.Binding], pb.Capabilities]
"""``(org, binding)`` → what the bound channel can show."""

OnRows = Callable[[str, Sequence[ObserverRow]], None]
"""``(org, rows)``: rows of durable observers were committed."""

HISTORY_PAGE = 200
HISTORY_PAGES = 5
"""Events looked at for the history of a channel that may not see everything; what lies
further back is not worth an answer's time."""


class Home(Protocol):
    """Where live rooms are found."""

    def settle_in(self, actor: RoomActor) -> None:
        """A room comes into being; from here on it is found."""

    def joined(self, actor: RoomActor, participant_id: str) -> None:
        """Somebody is new in a room."""

    def parted(self, actor: RoomActor, participant_id: str) -> None:
        """A room knows somebody no more."""


class RoomActor:
    """One live room. State is read freely and changed only by a committed ``Draft``."""

    __slots__ = (
        "_capabilities_of",
        "_handed_in",
        "_on_rows",
        "_settled",
        "_submitted",
        "_waiters",
        "bindings",
        "broken",
        "buckets",
        "deleted",
        "edits",
        "ephemerals",
        "generating",
        "home",
        "kept_from",
        "keys",
        "lock",
        "log",
        "org",
        "participants",
        "pins",
        "queued",
        "room",
        "room_id",
        "store",
        "turns",
        "unborn",
    )

    def __init__(
        self,
        org: str,
        snapshot: RoomSnapshot,
        store: Store,
        keys: KeyMemory,
        epoch: str,
        capabilities_of: CapabilitiesOf = of_type,
        on_rows: OnRows | None = None,
    ) -> None:
        room = snapshot.room
        head = room.latest_index + 1 if room.HasField("latest_index") else 0
        self.org = org
        self.room_id = room.room_id
        self.store = store
        self._capabilities_of = capabilities_of
        self._on_rows = on_rows
        self.room = room
        self.bindings = {binding.channel_id: binding for binding in snapshot.bindings}
        """In the order they were attached."""
        self.participants = {who.participant_id: who for who in snapshot.participants}
        """In the order they joined."""
        self.keys = keys
        self.queued: list[QueuedText] = list(snapshot.queued)
        self.log = RoomLog(Position(head, snapshot.next_change), snapshot.recent_events)
        self.kept_from = snapshot.kept_from
        """The first event and the first change that are kept."""
        self.edits = 0
        """Committed changes of events: an event that somebody kept may not be read any more
        once this has grown."""
        self._submitted = self.log.next
        self._handed_in = 0
        """Write sets handed to the store, and how many of them it has settled."""
        self._settled = 0
        # bounded: by the calls that wait for the room
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.ephemerals = Ephemerals(room.room_id, epoch)
        self.lock = FifoLock()
        self.pins = 0
        """Lanes, subscriptions and calls that need the actor to stay in memory."""
        self.generating = 0
        """Answers that are being made: the room is idle at 0."""
        self.turns = Turns()
        self.buckets: dict[str, tuple[bytes, TokenBuckets]] = {}
        """Channel id → (limit as serialised, its buckets), for bindings with a rate limit."""
        self.deleted = False
        self.broken = False
        """A commit failed: memory and store may differ; the directory loads it anew."""
        self.unborn = False
        """Nothing of it is stored yet: the first event that enters it makes it, or nobody."""
        self.home: Home | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody needs it in memory."""
        return not self.pins and self.lock.free and not self.log.watched

    def labels(self) -> dict[str, str]:
        """The room's labels, for hook filters."""
        return dict(self.room.labels) if self.room.labels else _NO_LABELS

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """Hand writes to the store; what they add to the log appears there once durable.

        Call it without awaiting between numbering and handing in: the order of calls is
        the order of the log. ``then`` is called after the log has grown, or with the error.
        """
        head = self._submitted
        self._submitted = Position(
            head.index + len(writes.events), head.change + len(writes.changes)
        )
        self.pins += 1
        self._handed_in += 1
        self.store.submit(writes, partial(self._committed, writes, then))

    def commit(self, writes: WriteSet) -> asyncio.Future[None]:
        """The same; the future is done after the log has grown, or has the error."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(writes, partial(conclude, done))
        return done

    def _committed(self, writes: WriteSet, then: Settled, error: Exception | None) -> None:
        self.pins -= 1
        self._settled += 1
        if error is None:
            # Changes of a set follow its events; see Draft.
            for event, data in zip(writes.events, writes.event_data, strict=True):
                self.log.append_event(event, data)
            for event in writes.changed_events:
                self.edits += 1
                self.log.revise(event)
            for change in writes.rewritten_changes:
                self.log.rewrite(change.sequence, change.item)
            for change in writes.changes:
                self.log.append_change(_told(change.item, writes.changed_events))
            if writes.observer_rows and self._on_rows is not None:
                self._on_rows(self.org, writes.observer_rows)
        elif _touches_state(writes):
            # The memory is ahead of the store now. The store refuses whatever was handed in
            # behind it, and the directory loads the room anew.
            self.broken = True
            self.unborn = self.unborn or writes.create_room
            self.log.ring()
        then(error)
        if self._waiters:
            self._release_waiters()

    def take_people(self, writes: WriteSet) -> None:
        """Take those who came and those who are not known any more."""
        for participant in writes.participants:
            if self.home is not None and participant.participant_id not in self.participants:
                self.home.joined(self, participant.participant_id)
            self.participants[participant.participant_id] = participant
        for participant_id in writes.removed_participants:
            if self.home is not None and participant_id in self.participants:
                self.home.parted(self, participant_id)
            self.participants.pop(participant_id, None)

    def trimmed(self, kept_from: Position) -> None:
        """What lies before a position is not kept any more."""
        self.kept_from = kept_from
        self.log.forget(kept_from)

    def _release_waiters(self) -> None:
        while self._waiters and self._waiters[0][0] <= self._settled:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def settled(self) -> None:
        """Wait until everything that was handed in is durable, or refused."""
        if self._settled == self._handed_in:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self._handed_in, waiter))
        await waiter

    @property
    def head(self) -> Position:
        """Position after everything that was handed to the store, durable or not yet."""
        return self._submitted

    def number_changes(self, writes: WriteSet, items: Iterable[bytes]) -> None:
        """Number change-log items and put them into ``writes``; submit right after."""
        sequence = self._submitted.change + len(writes.changes)
        after_index = self._submitted.index + len(writes.events) - 1
        for offset, item in enumerate(items):
            writes.changes = (*writes.changes, Change(sequence + offset, after_index, item))

    async def context(
        self, wanted: pb.ContextSelection, viewer: pb.Binding | None = None
    ) -> pb.RoomContext:
        """Tell a handler what it asked for (a ``ports.ContextBuilder``).

        Args:
            wanted: What it asked for.
            viewer: A channel that may not see everything; None: it may.
        """
        context = pb.RoomContext()
        if wanted.room:
            context.room.CopyFrom(self.room)
        if wanted.bindings:
            context.bindings.extend(
                described(binding, self._capabilities_of(self.org, binding))
                for binding in self.bindings.values()
            )
        if wanted.participants:
            context.participants.extend(self.participants.values())
        if wanted.recent_events:
            context.recent_events.extend(await self.recent_events(wanted.recent_events, viewer))
        return context

    async def recent_events(
        self, count: int, viewer: pb.Binding | None = None
    ) -> list[pb.RoomEvent]:
        """The newest committed events as they may be read now, ascending; from memory when
        they are there. With a ``viewer`` only what belongs to its history.
        """
        events: list[pb.RoomEvent] = []
        below = self.log.next.index
        for event in self.log.newest_events():
            below = event.index
            if viewer is None or may_see(event, viewer, self.bindings):
                events.append(event)
                if len(events) == count:
                    break
        if len(events) < count and below > 0:
            events += await self._older_events(below, count - len(events), viewer)
        events.reverse()
        return events

    async def _older_events(
        self, below: int, count: int, viewer: pb.Binding | None
    ) -> list[pb.RoomEvent]:
        """Events before an index, the newest first, from the store."""
        query = EventQuery(self.room_id, count, before_index=below, newest_first=True)
        if viewer is None:
            return [shown(event) for event in await self.store.list_events(self.org, query)]
        query.limit = HISTORY_PAGE
        events: list[pb.RoomEvent] = []
        for _ in range(HISTORY_PAGES):
            page = await self.store.list_events(self.org, query)
            events += [shown(one) for one in page if may_see(one, viewer, self.bindings)]
            if len(events) >= count or len(page) < HISTORY_PAGE:
                break
            query.before_index = page[-1].index
        return events[:count]


class Draft:
    """What is to be committed in one transaction; use it under the room's lock."""

    __slots__ = ("_items", "_now", "_room", "_time", "actor", "writes")

    def __init__(self, actor: RoomActor, clock: Clock) -> None:
        self.actor = actor
        self.writes = WriteSet(actor.org, actor.room_id)
        self._now = clock.now()
        self._time = timestamp(self._now)
        self._room: pb.Room | None = None
        self._items: list[bytes] = []

    @property
    def now(self) -> float:
        """Wall time of the draft: everything in it happened at this moment."""
        return self._now

    def room(self) -> pb.Room:
        """The room to change: a copy, written with the draft."""
        if self._room is None:
            self._room = pb.Room()
            self._room.CopyFrom(self.actor.room)
            self._room.update_time.CopyFrom(self._time)
        return self._room

    def stamp(self, event: pb.RoomEvent) -> None:
        """Say where and when, before anybody looks at the event."""
        event.room_id = self.actor.room_id
        if not event.HasField("create_time"):
            event.create_time.CopyFrom(self._time)

    def add_event(self, event: pb.RoomEvent, *, activity: bool = True) -> pb.RoomEvent:
        """Give the event its index and count it; ``activity`` restarts the room's timers."""
        room = self.room()
        self.stamp(event)
        index = self.actor.head.index + len(self.writes.events)
        event.index = room.latest_index = index
        room.event_count += 1
        if activity:
            room.last_activity_time.CopyFrom(self._time)
        self.writes.events = (*self.writes.events, event)
        return event

    def change_event(
        self, event: pb.RoomEvent, changed_paths: list[str], delivery: pb.Delivery | None = None
    ) -> None:
        """Store an event's new values and tell subscribers."""
        self.writes.changed_events = (*self.writes.changed_events, event)
        self._items.append(event_changed(event, changed_paths, delivery))

    def put_binding(self, binding: pb.Binding, change: str) -> None:
        """Store a binding and tell subscribers why."""
        self.writes.bindings = (*self.writes.bindings, binding)
        self._tell(pb.StreamItem.RoomChanged(binding=binding, change=change))

    def remove_binding(self, binding: pb.Binding, change: str) -> None:
        """Remove a binding and tell subscribers why."""
        self.writes.removed_bindings = (*self.writes.removed_bindings, binding.channel_id)
        self._tell(pb.StreamItem.RoomChanged(binding=binding, change=change))

    def put_participant(self, participant: pb.Participant, change: str) -> None:
        """Store a participant and tell subscribers why."""
        self.writes.participants = (*self.writes.participants, participant)
        self._tell(pb.StreamItem.RoomChanged(participant=participant, change=change))

    def remove_participant(self, participant_id: str, change: str) -> None:
        """Remove a participant and tell subscribers why, but not whom."""
        self.writes.removed_participants = (*self.writes.removed_participants, participant_id)
        nobody = pb.Participant(room_id=self.actor.room_id)
        self._tell(pb.StreamItem.RoomChanged(participant=nobody, change=change))

    def tell_room(self, change: str) -> None:
        """Tell subscribers that the room itself changed."""
        self._tell(pb.StreamItem.RoomChanged(room=self.room(), change=change))

    def _tell(self, changed: pb.StreamItem.RoomChanged) -> None:
        self._items.append(pb.StreamItem(room_changed=changed).SerializeToString())

    def submit(self, then: Settled) -> None:
        """Hand everything in and make it the room's state at once, before it is durable:
        the next message need not wait for the disk to be numbered behind this one. When the
        store refuses it, the actor is ``broken`` and all that was handed in behind it fails.

        Args:
            then: Called once it is durable and in the log, or with the error:
                ``Unavailable`` or ``StoreConflict``; nothing was written.
        """
        actor, writes = self.actor, self.writes
        if actor.unborn:
            self._make_room()
        # Once for all: the store, those who watch, and whoever sent it.
        writes.event_data = [event.SerializeToString() for event in writes.events]
        writes.room = self._room
        if self._room is not None:
            writes.timer_due = timer_due(self._room)
        if self._items:
            actor.number_changes(writes, self._items)
        actor.submit(writes, then)
        if self._room is not None:
            actor.room = self._room
        for binding in writes.bindings:
            actor.bindings[binding.channel_id] = binding
        for channel_id in writes.removed_bindings:
            actor.bindings.pop(channel_id, None)
        actor.take_people(writes)
        actor.queued += writes.queued
        if writes.removed_queued:
            gone = frozenset(writes.removed_queued)
            actor.queued = [queued for queued in actor.queued if queued.queued_id not in gone]
        for record in writes.keys:
            if record.scope.startswith("room:"):
                actor.keys.add(record.key, record.fingerprint, record.value.decode())

    def _make_room(self) -> None:
        """Let the room come into being with what is in the draft."""
        self.room().create_time.CopyFrom(self._time)
        self.writes.create_room = True
        self.actor.unborn = False
        if self.actor.home is not None:
            self.actor.home.settle_in(self.actor)

    async def commit(self) -> None:
        """Hand everything in and wait until it is durable, even when cancelled meanwhile.

        Raises:
            Unavailable: nothing was written.
            StoreConflict: a row that had to be new exists; nothing was written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(partial(conclude, done))
        await outlast(done)


def _touches_state(writes: WriteSet) -> bool:
    """Whether a set changes what an actor keeps in memory."""
    return bool(
        writes.room is not None
        or writes.events
        or writes.changes
        or writes.bindings
        or writes.removed_bindings
        or writes.participants
        or writes.removed_participants
        or writes.queued
        or writes.removed_queued
    )


def timer_due(room: pb.Room) -> float | None:
    """Wall time when the room's next timer is due; None: never."""
    if not room.HasField("timers"):
        return None
    last = seconds_of(room.last_activity_time)
    dues = []
    if room.status in (pb.ROOM_STATUS_ACTIVE, pb.ROOM_STATUS_PAUSED):
        if closed_after := seconds_of(room.timers.closed_after):
            dues.append(last + closed_after)
        inactive_after = seconds_of(room.timers.inactive_after)
        if inactive_after and room.status == pb.ROOM_STATUS_ACTIVE:
            dues.append(last + inactive_after)
    return min(dues) if dues else None


def event_changed(
    event: pb.RoomEvent, changed_paths: list[str], delivery: pb.Delivery | None = None
) -> bytes:
    """Serialise a change of a stored event for the change log: with the event's ids alone, for
    what it says must go when the event does. Readers get the event as it is then.
    """
    changed = pb.StreamItem.EventChanged(
        event=bare(event), changed_paths=changed_paths, delivery=delivery
    )
    return pb.StreamItem(event_changed=changed).SerializeToString()


def _told(item: bytes, changed_events: Sequence[pb.RoomEvent]) -> bytes:
    """A change as readers get it, with the event that changed."""
    for event in changed_events:
        item = revised_change(item, shown(event))
    return item


_NO_LABELS: dict[str, str] = {}
