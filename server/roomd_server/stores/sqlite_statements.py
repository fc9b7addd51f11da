"""The statements that write the tables of the SQLite store. What runs them is ``sqlite_rows``."""

from __future__ import annotations

from typing import NamedTuple


class Insert(NamedTuple):
    """An INSERT of any number of rows, or what else is done by a list of VALUES."""

    head: str
    values: str
    """Placeholders of one row."""
    tail: str = ""
    conflict: str = ""
    """What ``StoreConflict`` names when a row is refused."""


class EachRow(NamedTuple):
    """A statement that is run once per row: rare ones."""

    sql: str


Statement = Insert | EachRow


def _insert(
    table: str, columns: str, tail: str = "", *, values: str = "", conflict: str = ""
) -> Insert:
    values = values or f"({','.join('?' * len(columns.split(',')))})"
    return Insert(f"INSERT INTO {table} ({columns}) VALUES ", values, tail, conflict)


def _upsert(table: str, columns: str, key: str, changed: str, values: str = "") -> Insert:
    setters = ", ".join(f"{name.strip()} = excluded.{name.strip()}" for name in changed.split(","))
    return _insert(table, columns, f" ON CONFLICT ({key}) DO UPDATE SET {setters}", values=values)


_ROOM_COLUMNS = "org, room_id, status, last_activity, timer_due, data"
_IN_OPEN_ROOM = (
    "(?,?,?,?,coalesce((SELECT status IN (1, 2) FROM rooms WHERE org = ? AND room_id = ?), 0))"
)
LOG = "event"
"""A position in the log that is not the next one, or an event id that is taken."""

ROOM_NEW = _insert("rooms", _ROOM_COLUMNS, conflict="room")
ROOM_PUT = _upsert("rooms", _ROOM_COLUMNS, "org, room_id", "status, last_activity, timer_due, data")
ROOM_LABELS_REMOVE = EachRow("DELETE FROM room_labels WHERE org = ? AND room_id = ?")
ROOM_LABEL_PUT = _insert(
    "room_labels",
    "org, room_id, name, value",
    " ON CONFLICT (org, name, value, room_id) DO NOTHING",
)
EVENT_NEW = _insert(
    "events",
    "org, room_id, idx, event_id, type, status, deleted, parent_event_id, channel_id,"
    " participant_id, correlation_id, create_time, data",
    conflict=LOG,
)
EVENT_CHANGE = EachRow(
    "UPDATE events SET type = ?, status = ?, deleted = ?, parent_event_id = ?, channel_id = ?,"
    " participant_id = ?, correlation_id = ?, create_time = ?, data = ?"
    " WHERE org = ? AND event_id = ? AND room_id = ?"
)
CHANGE_NEW = _insert("changes", "org, room_id, sequence, after_index, item", conflict=LOG)
CHANGE_REWRITE = EachRow(
    "UPDATE changes SET item = ? WHERE org = ? AND room_id = ? AND sequence = ?"
)
EVENT_WORDS_REMOVE = EachRow(
    "DELETE FROM search WHERE rowid IN"
    " (SELECT id FROM events WHERE org = ? AND event_id = ? AND room_id = ?)"
)
BINDING_PUT = _upsert(
    "bindings",
    "org, room_id, channel_id, data, open",
    "org, room_id, channel_id",
    "data",
    _IN_OPEN_ROOM,
)
BINDING_REMOVE = EachRow("DELETE FROM bindings WHERE org = ? AND room_id = ? AND channel_id = ?")
PARTICIPANT_PUT = _upsert(
    "participants",
    "org, room_id, participant_id, data, open",
    "org, room_id, participant_id",
    "data",
    _IN_OPEN_ROOM,
)
PARTICIPANT_REMOVE = EachRow(
    "DELETE FROM participants WHERE org = ? AND room_id = ? AND participant_id = ?"
)
TASK_PUT = _upsert(
    "tasks", "org, room_id, task_id, status, data", "org, room_id, task_id", "status, data"
)
OBSERVATION_PUT = _upsert(
    "observations",
    "org, room_id, observation_id, category, data",
    "org, room_id, observation_id",
    "category, data",
)
OBSERVATION_REMOVE = EachRow(
    "DELETE FROM observations WHERE org = ? AND room_id = ? AND observation_id = ?"
)
DELIVERY_PUT = _upsert(
    "deliveries",
    "org, room_id, event_index, delivery_id, channel_id, state, data",
    "org, delivery_id",
    "state, data",
)
PROVIDER_ID_PUT = _upsert(
    "delivery_provider_ids",
    "org, channel_id, provider_message_id, room_id, delivery_id",
    "org, channel_id, provider_message_id",
    "room_id, delivery_id",
)
PROVIDER_ID_REMOVE = EachRow(
    "DELETE FROM delivery_provider_ids"
    " WHERE org = ? AND room_id = ? AND channel_id = ? AND provider_message_id = ?"
)
# The last parameter is the time of the commit: only a key that has expired by then gives
# way. A row that stays is missing in the count of changed rows.
KEY_PUT = _insert(
    "keys",
    "org, scope, key, expires, fingerprint, value",
    " ON CONFLICT (org, scope, key) DO UPDATE SET expires = excluded.expires,"
    " fingerprint = excluded.fingerprint, value = excluded.value WHERE keys.expires <= ?",
    conflict="key",
)
MARKER_PUT = _upsert(
    "markers", "org, room_id, channel_id, data", "org, room_id, channel_id", "data"
)
QUEUED_PUT = _upsert(
    "queued",
    "org, room_id, queued_id, queued_time, request",
    "org, room_id, queued_id",
    "queued_time, request",
)
QUEUED_REMOVE = EachRow("DELETE FROM queued WHERE org = ? AND room_id = ? AND queued_id = ?")
CHANNEL_PUT = _upsert("channels", "org, channel_id, data", "org, channel_id", "data")
CHANNEL_REMOVE = EachRow("DELETE FROM channels WHERE org = ? AND channel_id = ?")
HOOK_PUT = _upsert("hooks", "org, name, data", "org, name", "data")
HOOK_REMOVE = EachRow("DELETE FROM hooks WHERE org = ? AND name = ?")
OBSERVER_ROW_NEW = _insert(
    "observer_rows",
    "org, hook, room_id, invocation_id, hook_trigger, event_id, payload, create_time, attempts,"
    " due, parked, park_time, status",
)
OBSERVER_ROW_CHANGE = EachRow(
    "UPDATE observer_rows SET attempts = ?, due = ?, parked = ?, park_time = ?, status = ?"
    " WHERE org = ? AND invocation_id = ?"
)
OBSERVER_ROW_REWRITE = EachRow(
    "UPDATE observer_rows SET payload = ? WHERE org = ? AND invocation_id = ?"
)
# Not one by one: each message that an observer has seen is one of these. CROSS: look up each
# id, SQLite would read the whole table.
OBSERVER_ROW_REMOVE = Insert(
    "DELETE FROM observer_rows WHERE id IN (SELECT stored.id FROM (VALUES ",
    "(?,?)",
    ") AS gone CROSS JOIN observer_rows AS stored"
    " ON stored.org = gone.column1 AND stored.invocation_id = gone.column2)",
)
OBSERVER_ROWS_OF_HOOK_REMOVE = EachRow("DELETE FROM observer_rows WHERE org = ? AND hook = ?")
HANDLER_PUT = _upsert("handlers", "org, name, data", "org, name", "data")
HANDLER_REMOVE = EachRow("DELETE FROM handlers WHERE org = ? AND name = ?")

TABLES: dict[str, tuple[Statement, ...]] = {
    # Rooms first: bindings and participants look up whether their room is open.
    "rooms": (ROOM_NEW, ROOM_PUT),
    "room_labels": (ROOM_LABELS_REMOVE, ROOM_LABEL_PUT),
    "events": (EVENT_NEW, EVENT_CHANGE),
    "bindings": (BINDING_PUT, BINDING_REMOVE),
    "participants": (PARTICIPANT_PUT, PARTICIPANT_REMOVE),
    "tasks": (TASK_PUT,),
    "observations": (OBSERVATION_PUT, OBSERVATION_REMOVE),
    "deliveries": (DELIVERY_PUT,),
    "delivery_provider_ids": (PROVIDER_ID_PUT, PROVIDER_ID_REMOVE),
    "keys": (KEY_PUT,),
    "markers": (MARKER_PUT,),
    "changes": (CHANGE_NEW, CHANGE_REWRITE),
    "words of events that go": (EVENT_WORDS_REMOVE,),
    "queued": (QUEUED_PUT, QUEUED_REMOVE),
    "channels": (CHANNEL_PUT, CHANNEL_REMOVE),
    "hooks": (HOOK_PUT, HOOK_REMOVE),
    "handlers": (HANDLER_PUT, HANDLER_REMOVE),
    # As if these were tables: a row is new before it changes or goes, so sets with new rows and
    # sets that remove others need not be kept apart.
    "observer_rows": (OBSERVER_ROW_NEW,),
    "observer_rows that change": (OBSERVER_ROW_CHANGE, OBSERVER_ROW_REWRITE),
    "observer_rows that go": (OBSERVER_ROW_REMOVE,),
    "observer_rows of hooks that go": (OBSERVER_ROWS_OF_HOOK_REMOVE,),
}
TABLE_OF = {statement: table for table, kinds in TABLES.items() for statement in kinds}

# Ids of erased events may be given again: what is above the newest that is left is not
# indexed.
REWIND_SEARCH = """UPDATE search_progress
    SET indexed_id = min(indexed_id, (SELECT coalesce(max(id), 0) FROM events))"""
