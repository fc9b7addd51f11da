"""Write sets as rows of PostgreSQL: what each part of a ``WriteSet`` writes, in which order.

Pure: what a room's log holds is told by ``Heads``, and what is to be sent comes out as
``Statement``. No transactions here (``postgres_writer``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from operator import attrgetter
from typing import Any

from roomd import v1 as pb
from roomd_server.core.ports import ObserverRow, StoreConflict, WriteSet
from roomd_server.core.times import seconds_of
from roomd_server.stores import postgres_tables as t
from roomd_server.stores.postgres_erasing import begin_erasing
from roomd_server.stores.postgres_tables import Note, Row, Statement, Write, together

MAX_HEADS = 50_000
"""Rooms whose log position is kept in memory."""

OPEN = (pb.ROOM_STATUS_ACTIVE, pb.ROOM_STATUS_PAUSED)

Place = tuple[str, str]
"""(org, room id)"""


class Heads:
    """The next log position of rooms, so that no set leaves a hole behind a failed one.

    ``staged`` positions belong to the open transaction and are kept or dropped with it.
    """

    def __init__(self) -> None:
        self._kept: dict[Place, tuple[int, int]] = {}
        self.staged: dict[Place, tuple[int, int]] = {}

    def unknown(self, sets: Iterable[WriteSet], *, apart: bool) -> list[Place]:
        """Rooms whose positions must be learnt before the sets can be written.

        Args:
            sets: In their order.
            apart: Any of them may fail; else a room that is created has nothing yet.
        """
        found: dict[Place, None] = {}
        created: set[Place] = set()
        for writes in sets:
            place = (writes.org, writes.room_id)
            if writes.create_room and not apart:
                created.add(place)
            elif writes.events or writes.changes:
                found[place] = None
        return [place for place in found if place not in created and place not in self._kept]

    def learn(self, place: Place, head: tuple[int, int]) -> None:
        """Take what the tables say: next event index and next change."""
        self._kept[place] = head

    def next(self, place: Place) -> tuple[int, int]:
        """Next event index and next change of a room; of a new one the first."""
        return self.staged.get(place) or self._kept.get(place, (0, 0))

    def keep(self) -> None:
        """The transaction was committed."""
        if len(self._kept) + len(self.staged) > MAX_HEADS:
            self._kept.clear()
        self._kept.update(self.staged)
        self.staged.clear()

    def forget(self) -> None:
        """What is in the tables is not known any more."""
        self._kept.clear()
        self.staged.clear()


class Rows:
    """Rows of one transaction, collected over many sets.

    What comes together in one statement does not see each other's rows, and may name no row
    twice. Where a set needs either, what was collected becomes a statement of its own first.
    """

    def __init__(self, heads: Heads, note: Note) -> None:
        self._heads = heads
        self._note = note
        self._rows: dict[Write, list[Row]] = {}
        self._named: dict[Write, dict[Row, Row]] = {}
        self._new_rooms: dict[Place, Row] = {}
        self._rooms: dict[Place, Row] = {}
        self._kinds: dict[str, Write] = {}
        """Table → the statement that is collected for it."""
        self._statements: list[Statement] = []
        self._noted = False
        """Whether the newest statement carries the note."""

    def add(self, writes: WriteSet) -> None:
        """Take a set.

        Raises:
            StoreConflict: it cannot be written.
        """
        if writes.events or writes.changes:
            self._advance(writes)
        if writes.room is not None:
            self._put_room(writes)
            if writes.create_room or writes.relabelled:
                self._put_labels(writes, writes.room)
        if writes.events:
            self._new(t.EVENT_NEW, _event_rows(writes))
        if writes.deliveries:
            self._put_deliveries(writes)
        if writes.keys:
            self._put_keys(writes)
        if writes.observer_rows or writes.changed_observer_rows or writes.removed_observer_rows:
            self._put_observer_rows(writes)
        lists = _rare_lists(writes)
        if any(lists):
            for (_, write, row), items in zip(RARE, lists, strict=True):
                if items:
                    self._put(write, [row(writes, item) for item in items])
        if writes.removed_hooks:
            names: list[Row] = [(writes.org, name) for name in writes.removed_hooks]
            self._put(t.OBSERVER_ROWS_OF_HOOK_REMOVE, names)
        if writes.delete_room:
            self._erase_room(writes.org, writes.room_id)

    def statements(self) -> list[Statement]:
        """What is to be sent, in order; at least one."""
        if self._collected() or not self._noted:
            self._flush()
        return self._statements

    def _collected(self) -> bool:
        return bool(self._rows or self._named or self._new_rooms or self._rooms)

    def _flush(self) -> None:
        """Make a statement of what was collected."""
        collected: list[tuple[Write, Sequence[Row]]] = []
        if self._new_rooms:
            collected.append((t.ROOM_NEW, list(self._new_rooms.values())))
        if self._rooms:
            collected.append((t.ROOM_PUT, list(self._rooms.values())))
        collected += self._rows.items()
        for write, rows in self._named.items():
            named = list(rows.values())
            if not named:
                continue
            if write in (t.BINDING_PUT, t.PARTICIPANT_PUT):
                named = [(*row, self._is_open(row)) for row in named]
            collected.append((write, named))
        self._statements.append(together(collected, self._note))
        self._noted = True
        self._new_rooms, self._rooms = {}, {}
        self._rows, self._named, self._kinds = {}, {}, {}

    def _is_open(self, row: Row) -> bool | None:
        """Whether the row's room is open; None: the transaction does not say."""
        place: Any = row[:2]
        room = self._rooms.get(place) or self._new_rooms.get(place)
        return None if room is None else room[2] in OPEN

    def _advance(self, writes: WriteSet) -> None:
        place = (writes.org, writes.room_id)
        index, change = self._heads.next(place)
        for event in writes.events:
            if event.index != index:
                raise StoreConflict(t.LOG)
            index += 1
        for entry in writes.changes:
            if entry.sequence != change:
                raise StoreConflict(t.LOG)
            change += 1
        self._heads.staged[place] = (index, change)

    def _put_room(self, writes: WriteSet) -> None:
        room = writes.room
        assert room is not None
        place = (writes.org, writes.room_id)
        row = (
            *place,
            room.status,
            seconds_of(room.last_activity_time),
            writes.timer_due,
            room.SerializeToString(),
        )
        if writes.create_room:
            if place in self._new_rooms or place in self._rooms:
                raise StoreConflict("room")
            self._new_rooms[place] = row
        # Only the last state of a room in the transaction is written.
        elif place in self._new_rooms:
            self._new_rooms[place] = row
        else:
            self._rooms[place] = row

    def _put_labels(self, writes: WriteSet, room: pb.Room) -> None:
        place = (writes.org, writes.room_id)
        if writes.relabelled:
            self._put(t.ROOM_LABELS_REMOVE, [place])
        if room.labels:
            self._put(t.ROOM_LABEL_PUT, [(*place, *label) for label in room.labels.items()])

    def _put_deliveries(self, writes: WriteSet) -> None:
        org, room_id = writes.org, writes.room_id
        rows: list[Row] = []
        provider_ids: list[Row] = []
        for delivery in writes.deliveries:
            name, channel_id, result = delivery.delivery_id, delivery.channel_id, delivery.result
            data = delivery.SerializeToString()
            rows.append((org, name, room_id, delivery.event_index, channel_id, result.state, data))
            if result.provider_message_id or result.part_message_ids:
                given = {result.provider_message_id, *result.part_message_ids} - {""}
                provider_ids += ((org, channel_id, one, room_id, name) for one in given)
        self._put(t.DELIVERY_PUT, rows)
        if provider_ids:
            self._put(t.PROVIDER_ID_PUT, provider_ids)

    def _put_keys(self, writes: WriteSet) -> None:
        known = self._named.setdefault(t.KEY_PUT, {})
        for key in writes.keys:
            name = (writes.org, key.scope, key.key)
            earlier: Any = known.get(name)
            if earlier is not None and earlier[3] > self._note.now:
                raise StoreConflict("key")
            known[name] = (*name, key.expires, key.fingerprint, key.value)

    def _put_observer_rows(self, writes: WriteSet) -> None:
        """Rows are often added and removed in one transaction: then it never sees them."""
        org = writes.org
        for write in (t.OBSERVER_ROW_NEW, t.OBSERVER_ROW_CHANGE, t.OBSERVER_ROW_REMOVE):
            self._use(write)
        new = self._named.setdefault(t.OBSERVER_ROW_NEW, {})
        changed = self._named.setdefault(t.OBSERVER_ROW_CHANGE, {})
        removed = self._named.setdefault(t.OBSERVER_ROW_REMOVE, {})
        for row in writes.observer_rows:
            new[org, row.invocation_id] = _observer_row(org, row)
        for row in writes.changed_observer_rows:
            key = (org, row.invocation_id)
            if key in new:
                new[key] = (*new[key][:OBSERVER_FIXED], *_observer_values(row))
            elif key not in removed:
                changed[key] = (*key, *_observer_values(row))
        for invocation_id in writes.removed_observer_rows:
            key = (org, invocation_id)
            changed.pop(key, None)
            if new.pop(key, None) is None:
                removed[key] = key

    def _new(self, write: Write, rows: list[Row]) -> None:
        self._use(write)
        self._rows.setdefault(write, []).extend(rows)

    def _put(self, write: Write, rows: list[Row]) -> None:
        if not write.key:
            self._new(write, rows)
            return
        self._use(write)
        named = self._named.setdefault(write, {})
        for row in rows:
            named[row[: write.key]] = row

    def _use(self, write: Write) -> None:
        """Two statements for one table must not be together, but for those that may."""
        other = self._kinds.setdefault(write.table, write)
        if other is not write and not (write.beside and write.beside == other.beside):
            self._flush()
            self._kinds[write.table] = write

    def _erase_room(self, org: str, room_id: str) -> None:
        if self._collected():
            self._flush()
        self._statements += begin_erasing(org, room_id)
        self._noted = False
        self._heads.staged[(org, room_id)] = (0, 0)


def _event_rows(writes: WriteSet) -> list[Row]:
    org, room_id = writes.org, writes.room_id
    pairs = zip_longest(writes.events, writes.event_data)
    return [
        (org, room_id, event.index, event.event_id, *_event_values(event, data))
        for event, data in pairs
    ]


def _event_values(event: pb.RoomEvent, data: bytes | None = None) -> Row:
    source = event.source
    return (
        event.type or pb.EVENT_TYPE_MESSAGE,
        event.status,
        event.HasField("delete_time"),
        event.parent_event_id,
        source.channel_id,
        source.participant_id,
        event.correlation_id,
        seconds_of(event.create_time),
        event.SerializeToString() if data is None else data,
    )


OBSERVER_FIXED = 8
"""Columns of an observer row that never change; they come first."""


def _observer_row(org: str, row: ObserverRow) -> Row:
    return (
        org,
        row.invocation_id,
        row.hook,
        row.room_id,
        row.trigger,
        row.event_id,
        row.payload,
        row.create_time,
        *_observer_values(row),
    )


def _observer_values(row: ObserverRow) -> Row:
    return (row.attempts, row.due, row.parked, row.park_time, row.status)


# What most messages do not have: the list of a set, what writes it, and the row of an item.
# In the order in which one set is written: what is put, then what is removed.
RARE: tuple[tuple[str, Write, Callable[[WriteSet, Any], Row]], ...] = (
    (
        "changed_events",
        t.EVENT_CHANGE,
        lambda w, e: (w.org, e.event_id, w.room_id, *_event_values(e)),
    ),
    (
        "changes",
        t.CHANGE_NEW,
        lambda w, c: (w.org, w.room_id, c.sequence, c.after_index, c.item),
    ),
    ("wordless_events", t.EVENT_WORDS_REMOVE, lambda w, name: (w.org, name, w.room_id)),
    (
        "rewritten_changes",
        t.CHANGE_REWRITE,
        lambda w, c: (w.org, w.room_id, c.sequence, c.item),
    ),
    (
        "forgotten_provider_ids",
        t.PROVIDER_ID_REMOVE,
        lambda w, names: (w.org, w.room_id, *names),
    ),
    (
        "bindings",
        t.BINDING_PUT,
        lambda w, b: (w.org, w.room_id, b.channel_id, b.SerializeToString()),
    ),
    ("removed_bindings", t.BINDING_REMOVE, lambda w, name: (w.org, w.room_id, name)),
    (
        "participants",
        t.PARTICIPANT_PUT,
        lambda w, p: (w.org, w.room_id, p.participant_id, p.SerializeToString()),
    ),
    (
        "removed_participants",
        t.PARTICIPANT_REMOVE,
        lambda w, name: (w.org, w.room_id, name),
    ),
    (
        "tasks",
        t.TASK_PUT,
        lambda w, one: (w.org, w.room_id, one.task_id, one.status, one.SerializeToString()),
    ),
    (
        "observations",
        t.OBSERVATION_PUT,
        lambda w, o: (w.org, w.room_id, o.observation_id, o.category, o.SerializeToString()),
    ),
    (
        "removed_observations",
        t.OBSERVATION_REMOVE,
        lambda w, name: (w.org, w.room_id, name),
    ),
    (
        "rewritten_observer_rows",
        t.OBSERVER_ROW_REWRITE,
        lambda w, row: (w.org, *row),
    ),
    (
        "markers",
        t.MARKER_PUT,
        lambda w, m: (w.org, w.room_id, m.channel_id, m.SerializeToString()),
    ),
    (
        "queued",
        t.QUEUED_PUT,
        lambda w, q: (
            w.org,
            w.room_id,
            q.queued_id,
            q.queued_time,
            q.request.SerializeToString(),
        ),
    ),
    ("removed_queued", t.QUEUED_REMOVE, lambda w, name: (w.org, w.room_id, name)),
    ("channels", t.CHANNEL_PUT, lambda w, c: (w.org, c.channel_id, c.SerializeToString())),
    ("removed_channels", t.CHANNEL_REMOVE, lambda w, name: (w.org, name)),
    ("hooks", t.HOOK_PUT, lambda w, h: (w.org, h.name, h.SerializeToString())),
    ("removed_hooks", t.HOOK_REMOVE, lambda w, name: (w.org, name)),
    ("handlers", t.HANDLER_PUT, lambda w, h: (w.org, h.name, h.SerializeToString())),
    ("removed_handlers", t.HANDLER_REMOVE, lambda w, name: (w.org, name)),
)
_rare_lists = attrgetter(*(name for name, _, _ in RARE))
