"""The tail of a room's log in memory, and the doorbell that says it grew.

The durable log is the store's. What is kept here is the newest stretch, serialised once,
so that any number of readers copy bytes. A reader holds only its position: a slow one
costs nothing here and falls back to the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.frames import field_tag, framed

TAIL_ENTRIES = 64
"""Entries kept in memory per live room."""
WATCHED_TAIL_ENTRIES = 1024
"""Entries kept for those who watch and have not read them yet: one burst must not send all
readers to the store."""

PREVIOUS = "_previous"
"""Metadata key of what an edited event said before; for the audit, never shown."""

DELIVERY_RESULTS = "delivery_results"
"""The changed path of deliveries; a change of nothing else names the event by its ids only."""


class Position(NamedTuple):
    """A place in a room's log: the next event index and the next change to read."""

    index: int  # type: ignore[assignment]
    change: int


BEGINNING = Position(0, 0)
"""Before everything."""


class LogEntry(NamedTuple):
    """One event or change, as every reader gets it."""

    item: bytes
    """A serialised ``StreamItem`` without room and cursor."""
    after: Position
    """Where a reader is once it has this entry."""
    event_type: int
    """0 for changes."""


class RoomLog:
    """The newest entries of one room, in commit order, each as it may be read now: what was
    edited or withdrawn since is not in memory any more.
    """

    __slots__ = ("_bells", "_older", "_tail", "next")

    def __init__(self, start: Position, older: list[pb.RoomEvent]) -> None:
        self.next = start
        """Position after the newest entry."""
        self._older = [shown(event) for event in older]
        """The newest events before ``start``, ascending: what handlers see as history."""
        self._tail: deque[LogEntry] = deque()  # bounded: WATCHED_TAIL_ENTRIES
        self._bells: list[Callable[[], None]] = []

    def append_event(self, event: pb.RoomEvent, data: bytes) -> None:
        """Take a committed event and its serialisation; its index must be the next one."""
        after = Position(event.index + 1, self.next.change)
        self._append(LogEntry(framed(_EVENT, data), after, event.type))

    def append_change(self, item: bytes) -> None:
        """Take a committed change."""
        self._append(LogEntry(item, Position(self.next.index, self.next.change + 1), 0))

    def revise(self, event: pb.RoomEvent) -> None:
        """Take a stored event's new values: whoever reads its entry, or an earlier change of
        it, from now on gets these.
        """
        now = shown(event)
        for place, older in enumerate(self._older):
            if older.index == event.index:
                self._older[place] = now
        for place, entry in enumerate(self._tail):
            item = entry.item
            if not entry.event_type:
                item = revised_change(item, now)
            elif entry.after.index == event.index + 1:
                item = framed(_EVENT, now.SerializeToString())
            if item is not entry.item:
                self._tail[place] = entry._replace(item=item)

    def rewrite(self, sequence: int, item: bytes) -> None:
        """Take a stored change's new item."""
        for place, entry in enumerate(self._tail):
            if not entry.event_type and entry.after.change == sequence + 1:
                self._tail[place] = entry._replace(item=item)

    def forget(self, kept_from: Position) -> None:
        """Let go of what is not kept any more: all of it comes before all that is."""
        self._older = [event for event in self._older if event.index >= kept_from.index]
        while self._tail and _is_gone(self._tail[0], kept_from):
            self._tail.popleft()
        for place, entry in enumerate(self._tail):
            told = None if entry.event_type else pb.StreamItem.FromString(entry.item)
            if told is not None and changed_event_id(told):
                event = told.event_changed.event
                if event.index < kept_from.index:
                    event.CopyFrom(bare(event))
                    self._tail[place] = entry._replace(item=told.SerializeToString())

    def _append(self, entry: LogEntry) -> None:
        tail = self._tail
        tail.append(entry)
        if len(tail) > TAIL_ENTRIES and (not self._bells or len(tail) > WATCHED_TAIL_ENTRIES):
            tail.popleft()
        self.next = entry.after
        self.ring()

    def ring(self) -> None:
        """Tell everybody who watches that something is new."""
        for bell in self._bells:
            bell()

    def watch(self, bell: Callable[[], None]) -> None:
        """Call ``bell`` whenever something is new; it must not wait, raise or unwatch."""
        self._bells.append(bell)

    def unwatch(self, bell: Callable[[], None]) -> None:
        """Call it no more."""
        self._bells.remove(bell)
        while not self._bells and len(self._tail) > TAIL_ENTRIES:
            self._tail.popleft()

    def release(self, unread: int) -> None:
        """Let go of what all who watch have read; the slowest of them is this many entries
        behind.
        """
        while len(self._tail) > max(unread, TAIL_ENTRIES):
            self._tail.popleft()

    @property
    def watched(self) -> bool:
        """Whether somebody watches."""
        return bool(self._bells)

    def since(self, position: Position, limit: int) -> list[LogEntry] | None:
        """Entries from ``position`` on, at most ``limit``; None when they left the memory."""
        behind = (self.next.index + self.next.change) - (position.index + position.change)
        if behind <= 0:
            return []
        start = len(self._tail) - behind
        if start < 0 or not self._is_before(start, position):
            return None
        tail = self._tail
        return [tail[i] for i in range(start, min(start + limit, len(tail)))]

    def _is_before(self, offset: int, position: Position) -> bool:
        """Whether the entry is the one that follows the position. A position that lies
        between events and changes otherwise than the log did is the store's to read.
        """
        entry = self._tail[offset]
        if entry.event_type:
            return entry.after == Position(position.index + 1, position.change)
        return entry.after == Position(position.index, position.change + 1)

    def newest_events(self) -> Iterator[pb.RoomEvent]:
        """The events in memory, the newest first, without a hole."""
        below = self.next.index
        for entry in reversed(self._tail):
            if entry.event_type:
                below = entry.after.index - 1
                yield pb.StreamItem.FromString(entry.item).event
        if self._older and self._older[-1].index == below - 1:
            yield from reversed(self._older)


def _is_gone(entry: LogEntry, kept_from: Position) -> bool:
    if entry.event_type:
        return entry.after.index <= kept_from.index
    return entry.after.change <= kept_from.change


def event_item(event: pb.RoomEvent) -> bytes:
    """Serialise an event as a ``StreamItem``."""
    return framed(_EVENT, shown(event).SerializeToString())


def revised_change(item: bytes, event: pb.RoomEvent) -> bytes:
    """A change as it may be read now that its event is ``event`` (see ``shown``).

    A change of deliveries only carries no more of the event than its ids; it stays.
    """
    if event.event_id.encode() not in item:
        return item  # nearly always; parsing costs more
    told = pb.StreamItem.FromString(item)
    if changed_event_id(told) != event.event_id:
        return item
    told.event_changed.event.CopyFrom(event)
    return told.SerializeToString()


def changed_event_id(item: pb.StreamItem) -> str:
    """Id of the event whose values a change tells; empty: it tells none."""
    changed = item.event_changed
    if list(changed.changed_paths) == [DELIVERY_RESULTS]:
        return ""
    return changed.event.event_id


def shown(event: pb.RoomEvent) -> pb.RoomEvent:
    """The event as readers may see it: a withdrawn one without its content, an edited one
    without what it said before. What the provider sent says the same in other words.
    """
    withdrawn = event.HasField("delete_time")
    if not withdrawn and not event.HasField("edit_time"):
        return event
    copy = pb.RoomEvent()
    copy.CopyFrom(event)
    copy.source.ClearField("raw_payload")
    if withdrawn:
        copy.ClearField("content")
    if PREVIOUS in copy.metadata:
        del copy.metadata[PREVIOUS]
    return copy


def bare(event: pb.RoomEvent) -> pb.RoomEvent:
    """An event by its ids alone."""
    return pb.RoomEvent(event_id=event.event_id, room_id=event.room_id, index=event.index)


def lost_its_words(event: pb.RoomEvent) -> bool:
    """Whether an event is an edit whose target says something else by now, or nothing."""
    if event.HasField("delete_time") or event.content.WhichOneof("kind") != "edit":
        return False
    return not event.content.edit.HasField("new_content")


_EVENT = field_tag(pb.StreamItem, "event")
