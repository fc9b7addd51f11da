"""The statements of the PostgreSQL writer: rows of many sets in one, and many in one.

Each writes any number of rows, given as one array per column. Those of one transaction are
put together into a single statement (``together``), which is a transaction by itself: one
round trip and one sync for all that waits, however many tables it touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Value = str | bytes | int | float | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A statement for any number of rows of a table."""

    table: str
    columns: tuple[str, ...]
    """Of a row, each with its type: ``room_id text``."""
    sql: str
    """With ``{rows}`` where the rows come from, as ``new (columns…)``."""
    key: int = 0
    """So many first columns name a row: of several rows with one name the last counts. 0: all
    rows are new."""
    beside: str = ""
    """Statements for one table are not put together, unless they share such a name: then
    whoever collects rows takes care that no row is in two of them."""


def _types(columns: str) -> tuple[str, ...]:
    return tuple(column.strip() for column in columns.split(","))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(column.split()[0] for column in columns)


def _insert(table: str, columns: str) -> Write:
    typed = _types(columns)
    names = _names(typed)
    sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM {{rows}}"
    return Write(table, typed, sql)


def _upsert(table: str, columns: str, key: int, changed: str) -> Write:
    typed = _types(columns)
    names = _names(typed)
    setters = ", ".join(f"{name} = excluded.{name}" for name in changed.split())
    sql = (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {{rows}}"
        f" ON CONFLICT ({_names(typed[:key])}) DO UPDATE SET {setters}"
    )
    return Write(table, typed, sql, key)


def _delete(table: str, columns: str) -> Write:
    typed = _types(columns)
    same = " AND ".join(f"old.{name} = new.{name}" for name in _names(typed).split(", "))
    sql = f"DELETE FROM {table} old USING {{rows}} WHERE {same}"
    return Write(table, typed, sql, len(typed))


def _in_room(table: str, name: str) -> Write:
    """Rows that know whether their room is open: from the transaction, or from the table."""
    typed = _types(f"org text, room_id text, {name} text, data bytea, open boolean")
    sql = f"""INSERT INTO {table} (org, room_id, {name}, data, open)
        SELECT org, room_id, {name}, data, coalesce(open, (SELECT status IN (1, 2)
            FROM rooms WHERE rooms.org = new.org AND rooms.room_id = new.room_id), false)
        FROM {{rows}}
        ON CONFLICT (org, room_id, {name}) DO UPDATE SET data = excluded.data"""
    return Write(table, typed, sql, 3)


_ROOM = "org text, room_id text, status int, last_activity float8, timer_due float8, data bytea"
_EVENT_VALUES = (
    "type int, status int, deleted boolean, parent_event_id text, channel_id text,"
    " participant_id text, correlation_id text, create_time float8, data bytea"
)
LOG = "event"
"""A position in the log that is not the next one, or an event id that is taken."""

ROOM_NEW = _insert("rooms", _ROOM)
ROOM_PUT = _upsert("rooms", _ROOM, 2, "status last_activity timer_due data")
ROOM_LABELS_REMOVE = _delete("room_labels", "org text, room_id text")
ROOM_LABEL_PUT = Write(
    "room_labels",
    _types("org text, room_id text, name text, value text"),
    "INSERT INTO room_labels (org, room_id, name, value)"
    " SELECT org, room_id, name, value FROM {rows} ON CONFLICT DO NOTHING",
    4,
)
EVENT_NEW = _insert("events", f"org text, room_id text, idx bigint, event_id text, {_EVENT_VALUES}")
_CHANGED = _types(f"org text, event_id text, room_id text, {_EVENT_VALUES}")
EVENT_CHANGE = Write(
    "events",
    _CHANGED,
    "UPDATE events old SET "
    + ", ".join(f"{name} = new.{name}" for name in _names(_CHANGED[3:]).split(", "))
    + " FROM {rows} WHERE old.org = new.org AND old.event_id = new.event_id"
    " AND old.room_id = new.room_id",
    3,
)
CHANGE_NEW = _insert(
    "changes", "org text, room_id text, sequence bigint, after_index bigint, item bytea"
)
CHANGE_REWRITE = Write(
    "changes",
    _types("org text, room_id text, sequence bigint, item bytea"),
    "UPDATE changes old SET item = new.item FROM {rows} WHERE old.org = new.org"
    " AND old.room_id = new.room_id AND old.sequence = new.sequence",
    3,
)
EVENT_WORDS_REMOVE = Write(
    "search",
    _types("org text, event_id text, room_id text"),
    "DELETE FROM search old USING {rows}, events e WHERE e.org = new.org"
    " AND e.event_id = new.event_id AND e.room_id = new.room_id AND old.id = e.id",
    3,
)
BINDING_PUT = _in_room("bindings", "channel_id")
BINDING_REMOVE = _delete("bindings", "org text, room_id text, channel_id text")
PARTICIPANT_PUT = _in_room("participants", "participant_id")
PARTICIPANT_REMOVE = _delete("participants", "org text, room_id text, participant_id text")
TASK_PUT = _upsert(
    "tasks", "org text, room_id text, task_id text, status int, data bytea", 3, "status data"
)
OBSERVATION_PUT = _upsert(
    "observations",
    "org text, room_id text, observation_id text, category text, data bytea",
    3,
    "category data",
)
OBSERVATION_REMOVE = _delete("observations", "org text, room_id text, observation_id text")
DELIVERY_PUT = _upsert(
    "deliveries",
    "org text, delivery_id text, room_id text, event_index bigint, channel_id text, state int,"
    " data bytea",
    2,
    "state data",
)
PROVIDER_ID_PUT = _upsert(
    "delivery_provider_ids",
    "org text, channel_id text, provider_message_id text, room_id text, delivery_id text",
    3,
    "room_id delivery_id",
)
PROVIDER_ID_REMOVE = _delete(
    "delivery_provider_ids",
    "org text, room_id text, channel_id text, provider_message_id text",
)
# Only a key that has expired at the time of the commit gives way; see `all_written`.
KEY_PUT = Write(
    "keys",
    _types("org text, scope text, key text, expires float8, fingerprint bytea, value bytea"),
    """INSERT INTO keys AS old (org, scope, key, expires, fingerprint, value)
        SELECT org, scope, key, expires, fingerprint, value FROM {rows}
        ON CONFLICT (org, scope, key) DO UPDATE SET expires = excluded.expires,
            fingerprint = excluded.fingerprint, value = excluded.value
            WHERE old.expires <= {now}
        RETURNING 1""",
    3,
)
MARKER_PUT = _upsert("markers", "org text, room_id text, channel_id text, data bytea", 3, "data")
QUEUED_PUT = _upsert(
    "queued",
    "org text, room_id text, queued_id text, queued_time float8, request bytea",
    3,
    "queued_time request",
)
QUEUED_REMOVE = _delete("queued", "org text, room_id text, queued_id text")
CHANNEL_PUT = _upsert("channels", "org text, channel_id text, data bytea", 2, "data")
CHANNEL_REMOVE = _delete("channels", "org text, channel_id text")
HOOK_PUT = _upsert("hooks", "org text, name text, data bytea", 2, "data")
HOOK_REMOVE = _delete("hooks", "org text, name text")
HANDLER_PUT = _upsert("handlers", "org text, name text, data bytea", 2, "data")
HANDLER_REMOVE = _delete("handlers", "org text, name text")

_OBSERVER_CHANGES = "attempts int, due float8, parked boolean, park_time float8, status bytea"
_OBSERVER_ROW = _types(
    "org text, invocation_id text, hook text, room_id text, hook_trigger int, event_id text,"
    f" payload bytea, create_time float8, {_OBSERVER_CHANGES}"
)
_SAME_OBSERVER_ROW = "WHERE old.org = new.org AND old.invocation_id = new.invocation_id"
OBSERVER_ROW_NEW = Write(
    "observer_rows",
    _OBSERVER_ROW,
    f"INSERT INTO observer_rows ({_names(_OBSERVER_ROW)})"
    f" SELECT {_names(_OBSERVER_ROW)} FROM {{rows}}",
    2,
    "rows",
)
OBSERVER_ROW_CHANGE = Write(
    "observer_rows",
    _types(f"org text, invocation_id text, {_OBSERVER_CHANGES}"),
    "UPDATE observer_rows old SET attempts = new.attempts, due = new.due, parked = new.parked,"
    f" park_time = new.park_time, status = new.status FROM {{rows}} {_SAME_OBSERVER_ROW}",
    2,
    "rows",
)
OBSERVER_ROW_REWRITE = Write(
    "observer_rows",
    _types("org text, invocation_id text, payload bytea"),
    f"UPDATE observer_rows old SET payload = new.payload FROM {{rows}} {_SAME_OBSERVER_ROW}",
    2,
)
OBSERVER_ROW_REMOVE = Write(
    "observer_rows",
    _types("org text, invocation_id text"),
    f"DELETE FROM observer_rows old USING {{rows}} {_SAME_OBSERVER_ROW}",
    2,
    "rows",
)
OBSERVER_ROWS_OF_HOOK_REMOVE = _delete("observer_rows", "org text, hook text")

CONFLICT_OF_TABLE = {"rooms": "room", "events": LOG, "changes": LOG}
"""Table → what ``StoreConflict`` names when a row of it exists already."""

COMMITTED = "UPDATE last_commit SET writer = $1, number = {number} WHERE one"


class Statement(NamedTuple):
    """What is sent to the server."""

    sql: str
    arguments: tuple[object, ...]


class Note(NamedTuple):
    """What a transaction says of itself."""

    writer: str
    number: int
    """Of the transaction, among those of the writer."""
    now: float


def together(collected: Sequence[tuple[Write, Sequence[Row]]], note: Note) -> Statement:
    """One statement for rows of several tables; no row of a table may be named twice in it."""
    parts: list[str] = []
    arguments: list[object] = [note.writer, note.number]
    noted = "$2"
    for place, (write, rows) in enumerate(collected):
        columns = _columns(write, rows)
        first = len(arguments) + 1
        arrays = ", ".join(
            f"${first + offset}::{column.split()[1]}[]"
            for offset, column in enumerate(write.columns)
        )
        source = f"unnest({arrays}) AS new ({_names(write.columns)})"
        arguments += columns
        now = f"${len(arguments) + 1}"
        parts.append(f"w{place} AS ({write.sql.format(rows=source, now=now)})")
        if write is KEY_PUT:
            arguments += (note.now, len(rows))
            noted = f"all_written($2, ${len(arguments)}, (SELECT count(*) FROM w{place}))"
    update = COMMITTED.format(number=noted)
    sql = f"WITH {', '.join(parts)} {update}" if parts else update
    return Statement(sql, tuple(arguments))


def _columns(write: Write, rows: Sequence[Row]) -> list[Sequence[Value]]:
    """Rows as columns, strings in a form that the server takes."""
    columns: list[Sequence[Value]] = []
    for name, values in zip(write.columns, zip(*rows, strict=True), strict=True):
        if name.endswith(" text") and _needs_escape("".join(values)):
            columns.append([escaped(value) for value in values])
        else:
            columns.append(values)
    return columns


# PostgreSQL has no NUL in its strings, protobuf has: \0 becomes \1\1, and \1 becomes \1\2, so
# that strings stay different, and in their order.


def _needs_escape(text: str) -> bool:
    return "\0" in text or "\1" in text


def escaped(text: str) -> str:
    """The string as it is stored."""
    if not _needs_escape(text):
        return text
    return text.replace("\1", "\1\2").replace("\0", "\1\1")


def unescaped(text: str) -> str:
    """The string that was stored as ``text``."""
    if "\1" not in text:
        return text
    return text.replace("\1\1", "\0").replace("\1\2", "\1")
