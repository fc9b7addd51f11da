"""Write sets as rows: what each part of a ``WriteSet`` writes, and in which order.

No transactions here (``sqlite_writer``) and no reads beyond a room's next log position.

Rows of many sets go into one statement with many VALUES. Each call into SQLite gives the
interpreter lock away and has to wait for it again, behind a busy event loop: one call per
row costs several times as much as one per table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from operator import attrgetter
from typing import Any

from roomd import v1 as pb
from roomd_server.core.ports import ObserverRow, StoreConflict, WriteSet
from roomd_server.core.times import seconds_of
from roomd_server.stores.sqlite_erasing import begin_erasing
from roomd_server.stores.sqlite_retention import OF_ROOM, OLDEST_CHANGE, OLDEST_INDEX
from roomd_server.stores.sqlite_statements import (
    BINDING_PUT,
    BINDING_REMOVE,
    CHANGE_NEW,
    CHANGE_REWRITE,
    CHANNEL_PUT,
    CHANNEL_REMOVE,
    DELIVERY_PUT,
    EVENT_CHANGE,
    EVENT_NEW,
    EVENT_WORDS_REMOVE,
    HANDLER_PUT,
    HANDLER_REMOVE,
    HOOK_PUT,
    HOOK_REMOVE,
    KEY_PUT,
    LOG,
    MARKER_PUT,
    OBSERVATION_PUT,
    OBSERVATION_REMOVE,
    OBSERVER_ROW_CHANGE,
    OBSERVER_ROW_NEW,
    OBSERVER_ROW_REMOVE,
    OBSERVER_ROW_REWRITE,
    OBSERVER_ROWS_OF_HOOK_REMOVE,
    PARTICIPANT_PUT,
    PARTICIPANT_REMOVE,
    PROVIDER_ID_PUT,
    PROVIDER_ID_REMOVE,
    QUEUED_PUT,
    QUEUED_REMOVE,
    ROOM_LABEL_PUT,
    ROOM_LABELS_REMOVE,
    ROOM_NEW,
    ROOM_PUT,
    TABLE_OF,
    TABLES,
    TASK_PUT,
    EachRow,
    Insert,
    Statement,
)

Value = str | bytes | int | float | None
Row = tuple[Value, ...]

CHUNK_ROWS = (128, 32, 8, 1)
"""Rows of one statement. Few sizes, so that the prepared statements are found again."""

MAX_HEADS = 50_000
"""Rooms whose log position is kept in memory."""


class Heads:
    """The next log position of rooms, so that no set leaves a hole behind a failed one.

    ``staged`` positions belong to the open transaction and are kept or dropped with it.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[int, int]] = {}
        self.staged: dict[tuple[str, str], tuple[int, int]] = {}

    def next(self, conn: sqlite3.Connection, org: str, room_id: str) -> tuple[int, int]:
        """Next event index and next change of a room."""
        key = (org, room_id)
        head = self.staged.get(key) or self._kept.get(key)
        if head is None:
            (head,) = conn.execute(
                f"""SELECT
                    max((SELECT coalesce(max(idx), -1) + 1 FROM events {OF_ROOM}),
                        {OLDEST_INDEX}),
                    max((SELECT coalesce(max(sequence), -1) + 1 FROM changes {OF_ROOM}),
                        {OLDEST_CHANGE})""",
                key,
            )
        return head

    def keep(self) -> None:
        """The transaction was committed."""
        if len(self._kept) + len(self.staged) > MAX_HEADS:
            self._kept.clear()
        self._kept.update(self.staged)
        self.staged.clear()

    def forget(self) -> None:
        """Somebody else wrote: read all positions again."""
        self._kept.clear()


class Rows:
    """Rows of one transaction, collected over many sets.

    Statements of different tables do not look at each other's rows, so they are run table
    by table; those of one table run in the order of the sets. Where that would not hold,
    what was collected is run first.
    """

    def __init__(self, conn: sqlite3.Connection, heads: Heads, now: float) -> None:
        self._conn = conn
        self._heads = heads
        self._now = now
        self._statements: dict[str, Statement] = {}
        self._rows: dict[str, list[Row]] = {}
        self._rooms: dict[tuple[str, str], Row] = {}

    def add(self, writes: WriteSet) -> None:
        """Take a set.

        Raises:
            StoreConflict: the set, or one before it, cannot be written.
        """
        org, room_id = writes.org, writes.room_id
        if writes.events or writes.changes:
            self._advance(writes)
        if writes.room is not None:
            self._put_room(writes)
            if writes.create_room or writes.relabelled:
                self._put_labels(writes, writes.room)
        if writes.events:
            self._put(EVENT_NEW, _event_rows(writes))
        if writes.deliveries:
            self._put_deliveries(writes)
        if writes.keys:
            self._put(
                KEY_PUT,
                ((org, k.scope, k.key, k.expires, k.fingerprint, k.value) for k in writes.keys),
            )
        lists = _rare_lists(writes)
        if any(lists):
            for (_, statement, row), items in zip(RARE, lists, strict=True):
                if items:
                    self._put(statement, [row(writes, item) for item in items])
        if writes.delete_room:
            self.run()
            self._erase_room(org, room_id)

    def run(self) -> None:
        """Write what was collected.

        Raises:
            StoreConflict: a row that had to be new exists.
        """
        rows_of, self._rows = self._rows, {}
        statements, self._statements = self._statements, {}
        rooms, self._rooms = list(self._rooms.values()), {}
        for table in TABLES:
            if table in rows_of:
                self._execute(statements[table], rows_of[table])
            if table == "rooms" and rooms:
                self._execute(ROOM_PUT, rooms)

    def _advance(self, writes: WriteSet) -> None:
        key = (writes.org, writes.room_id)
        index, change = self._heads.next(self._conn, *key)
        for event in writes.events:
            if event.index != index:
                raise StoreConflict(LOG)
            index += 1
        for entry in writes.changes:
            if entry.sequence != change:
                raise StoreConflict(LOG)
            change += 1
        self._heads.staged[key] = (index, change)

    def _put_room(self, writes: WriteSet) -> None:
        room = writes.room
        assert room is not None
        row = (
            writes.org,
            writes.room_id,
            room.status,
            seconds_of(room.last_activity_time),
            writes.timer_due,
            room.SerializeToString(),
        )
        key = (writes.org, writes.room_id)
        if not writes.create_room:
            # Only the last state of a room in the transaction is written, after all new
            # rooms.
            self._rooms[key] = row
            return
        if key in self._rooms:
            self.run()
        self._put(ROOM_NEW, (row,))

    def _put_labels(self, writes: WriteSet, room: pb.Room) -> None:
        place = (writes.org, writes.room_id)
        if writes.relabelled:
            self._put(ROOM_LABELS_REMOVE, (place,))
        if room.labels:
            self._put(ROOM_LABEL_PUT, [(*place, *label) for label in room.labels.items()])

    def _put_deliveries(self, writes: WriteSet) -> None:
        org, room_id = writes.org, writes.room_id
        rows: list[Row] = []
        provider_ids: list[Row] = []
        for delivery in writes.deliveries:
            key, channel_id, result = delivery.delivery_id, delivery.channel_id, delivery.result
            rows.append(
                (
                    org,
                    room_id,
                    delivery.event_index,
                    key,
                    channel_id,
                    result.state,
                    delivery.SerializeToString(),
                )
            )
            if result.provider_message_id or result.part_message_ids:
                names = {result.provider_message_id, *result.part_message_ids} - {""}
                provider_ids += ((org, channel_id, name, room_id, key) for name in names)
        self._put(DELIVERY_PUT, rows)
        if provider_ids:
            self._put(PROVIDER_ID_PUT, provider_ids)

    def _put(self, statement: Statement, rows: Iterable[Row]) -> None:
        table = TABLE_OF[statement]
        collected = self._statements.get(table)
        if collected is not None and collected is not statement:
            self.run()
        self._statements[table] = statement
        self._rows.setdefault(table, []).extend(rows)

    def _execute(self, statement: Statement, rows: list[Row]) -> None:
        if isinstance(statement, EachRow):
            self._conn.executemany(statement.sql, rows)
            return
        last = (self._now,) if statement is KEY_PUT else ()
        try:
            written = insert_rows(self._conn, statement, rows, last)
        except sqlite3.IntegrityError as error:
            if statement.conflict:
                raise StoreConflict(statement.conflict) from error
            raise
        if statement is KEY_PUT and written < len(rows):
            raise StoreConflict(KEY_PUT.conflict)

    def _erase_room(self, org: str, room_id: str) -> None:
        begin_erasing(self._conn, org, room_id)
        self._heads.staged[(org, room_id)] = (0, 0)


def insert_rows(
    conn: sqlite3.Connection, statement: Insert, rows: Sequence[Row], last: Row = ()
) -> int:
    """Insert rows in few statements; ``last`` are the parameters of the tail.

    Returns how many rows were written: with ON CONFLICT, some may not.
    """
    written = 0
    start = 0
    for size in CHUNK_ROWS:
        while len(rows) - start >= size:
            sql = f"{statement.head}{','.join([statement.values] * size)}{statement.tail}"
            values = [*chain.from_iterable(rows[start : start + size]), *last]
            written += conn.execute(sql, values).rowcount
            start += size
    return written


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


def _in_room(writes: WriteSet, key: str, data: bytes) -> Row:
    return (writes.org, writes.room_id, key, data, writes.org, writes.room_id)


def _observer_row(writes: WriteSet, row: ObserverRow) -> Row:
    return (
        writes.org,
        row.hook,
        row.room_id,
        row.invocation_id,
        row.trigger,
        row.event_id,
        row.payload,
        row.create_time,
        row.attempts,
        row.due,
        row.parked,
        row.park_time,
        row.status,
    )


# What most messages do not have: the list of a set, what writes it, and the row of an item.
# In the order in which one set is written: what is put, then what is removed.
RARE: tuple[tuple[str, Statement, Callable[[WriteSet, Any], Row]], ...] = (
    (
        "changed_events",
        EVENT_CHANGE,
        lambda w, e: (*_event_values(e), w.org, e.event_id, w.room_id),
    ),
    (
        "changes",
        CHANGE_NEW,
        lambda w, c: (w.org, w.room_id, c.sequence, c.after_index, c.item),
    ),
    ("wordless_events", EVENT_WORDS_REMOVE, lambda w, key: (w.org, key, w.room_id)),
    (
        "rewritten_changes",
        CHANGE_REWRITE,
        lambda w, c: (c.item, w.org, w.room_id, c.sequence),
    ),
    (
        "forgotten_provider_ids",
        PROVIDER_ID_REMOVE,
        lambda w, names: (w.org, w.room_id, *names),
    ),
    ("bindings", BINDING_PUT, lambda w, b: _in_room(w, b.channel_id, b.SerializeToString())),
    ("removed_bindings", BINDING_REMOVE, lambda w, key: (w.org, w.room_id, key)),
    (
        "participants",
        PARTICIPANT_PUT,
        lambda w, p: _in_room(w, p.participant_id, p.SerializeToString()),
    ),
    ("removed_participants", PARTICIPANT_REMOVE, lambda w, key: (w.org, w.room_id, key)),
    (
        "tasks",
        TASK_PUT,
        lambda w, t: (w.org, w.room_id, t.task_id, t.status, t.SerializeToString()),
    ),
    (
        "observations",
        OBSERVATION_PUT,
        lambda w, o: (w.org, w.room_id, o.observation_id, o.category, o.SerializeToString()),
    ),
    ("removed_observations", OBSERVATION_REMOVE, lambda w, key: (w.org, w.room_id, key)),
    (
        "markers",
        MARKER_PUT,
        lambda w, m: (w.org, w.room_id, m.channel_id, m.SerializeToString()),
    ),
    (
        "queued",
        QUEUED_PUT,
        lambda w, q: (
            w.org,
            w.room_id,
            q.queued_id,
            q.queued_time,
            q.request.SerializeToString(),
        ),
    ),
    ("removed_queued", QUEUED_REMOVE, lambda w, key: (w.org, w.room_id, key)),
    ("channels", CHANNEL_PUT, lambda w, c: (w.org, c.channel_id, c.SerializeToString())),
    ("removed_channels", CHANNEL_REMOVE, lambda w, key: (w.org, key)),
    ("hooks", HOOK_PUT, lambda w, h: (w.org, h.name, h.SerializeToString())),
    ("removed_hooks", HOOK_REMOVE, lambda w, name: (w.org, name)),
    ("observer_rows", OBSERVER_ROW_NEW, _observer_row),
    (
        "changed_observer_rows",
        OBSERVER_ROW_CHANGE,
        lambda w, r: (r.attempts, r.due, r.parked, r.park_time, r.status, w.org, r.invocation_id),
    ),
    (
        "rewritten_observer_rows",
        OBSERVER_ROW_REWRITE,
        lambda w, row: (row[1], w.org, row[0]),
    ),
    ("removed_observer_rows", OBSERVER_ROW_REMOVE, lambda w, key: (w.org, key)),
    ("removed_hooks", OBSERVER_ROWS_OF_HOOK_REMOVE, lambda w, name: (w.org, name)),
    ("handlers", HANDLER_PUT, lambda w, h: (w.org, h.name, h.SerializeToString())),
    ("removed_handlers", HANDLER_REMOVE, lambda w, name: (w.org, name)),
)
_rare_lists = attrgetter(*(name for name, _, _ in RARE))
