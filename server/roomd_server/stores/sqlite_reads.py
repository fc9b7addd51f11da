"""What is read from the tables of one room: functions of a connection, no state.

Each runs inside one read transaction, so that what it reads in several statements belongs
together. Reads across rooms and of the organization are in ``sqlite_directory``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.keys import key_hash
from roomd_server.core.log import Position
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    EventQuery,
    KeyRecord,
    LogPage,
    QueuedText,
    RoomSnapshot,
)
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.stores.log_order import merged
from roomd_server.stores.sqlite_retention import OF_ROOM, OLDEST_CHANGE, OLDEST_INDEX

M = TypeVar("M", bound=Message)

SNAPSHOT_EVENTS = 32
SNAPSHOT_KEYS = 512

UNFINISHED = f"state IN ({pb.DELIVERY_STATE_PENDING}, {pb.DELIVERY_STATE_SENDING})"
"""Written out, so that the partial index of the outbox is used."""


def messages(
    conn: sqlite3.Connection, kind: type[M], sql: str, parameters: Sequence[object]
) -> list[M]:
    """Parse the first column of every row."""
    return [kind.FromString(row[0]) for row in conn.execute(sql, parameters).fetchall()]


def message(
    conn: sqlite3.Connection, kind: type[M], sql: str, parameters: Sequence[object]
) -> M | None:
    """Parse the first column of the first row."""
    row = conn.execute(sql, parameters).fetchone()
    return None if row is None else kind.FromString(row[0])


def any_of(column: str, values: Sequence[object]) -> str:
    """A condition with a placeholder for each value."""
    return f"{column} IN ({','.join('?' * len(values))})"


# ------------------------------------------------------------------ room


def load_room(conn: sqlite3.Connection, org: str, room_id: str, now: float) -> RoomSnapshot | None:
    """See ``ports.Store.load_room``; keys that have expired by ``now`` are left out."""
    key = (org, room_id)
    room = message(conn, pb.Room, "SELECT data FROM rooms WHERE org = ? AND room_id = ?", key)
    if room is None:
        return None
    newest = list_events(conn, org, EventQuery(room_id, SNAPSHOT_EVENTS, newest_first=True))
    next_change, *kept_from = conn.execute(
        f"""SELECT max((SELECT coalesce(max(sequence), -1) + 1 FROM changes {OF_ROOM}),
                {OLDEST_CHANGE}), {OLDEST_INDEX}, {OLDEST_CHANGE}""",
        key,
    ).fetchone()
    live = "FROM keys WHERE org = ? AND scope = ? AND expires > ?"
    scope = (org, f"room:{room_id}", now)
    (key_count,) = conn.execute(f"SELECT count(*) {live}", scope).fetchone()
    keys = conn.execute(
        f"SELECT key, fingerprint, value {live} ORDER BY expires DESC, key DESC LIMIT ?",
        (*scope, SNAPSHOT_KEYS),
    ).fetchall()
    return RoomSnapshot(
        room=room,
        bindings=messages(
            conn,
            pb.Binding,
            "SELECT data FROM bindings WHERE org = ? AND room_id = ? ORDER BY id",
            key,
        ),
        participants=messages(
            conn,
            pb.Participant,
            "SELECT data FROM participants WHERE org = ? AND room_id = ? ORDER BY id",
            key,
        ),
        recent_events=newest[::-1],
        next_change=next_change,
        recent_keys=[(name, mark, value.decode()) for name, mark, value in reversed(keys)],
        key_count=key_count,
        queued=_queued(conn, org, room_id),
        kept_from=Position(*kept_from),
    )


def _queued(conn: sqlite3.Connection, org: str, room_id: str) -> list[QueuedText]:
    rows = conn.execute(
        """SELECT queued_id, request, queued_time FROM queued
            WHERE org = ? AND room_id = ? ORDER BY queued_time, queued_id""",
        (org, room_id),
    ).fetchall()
    return [
        QueuedText(queued_id, pb.DeliverRequest.FromString(request), queued_time)
        for queued_id, request, queued_time in rows
    ]


def key_hashes(conn: sqlite3.Connection, org: str, scope: str, now: float) -> list[bytes]:
    """See ``ports.Store.key_hashes``."""
    rows = conn.execute(
        "SELECT key FROM keys WHERE org = ? AND scope = ? AND expires > ?", (org, scope, now)
    )
    return [key_hash(key) for (key,) in rows.fetchall()]


def get_key(
    conn: sqlite3.Connection, org: str, scope: str, key: str, now: float
) -> KeyRecord | None:
    """See ``ports.Store.get_key``."""
    row = conn.execute(
        """SELECT scope, key, fingerprint, value, expires FROM keys
            WHERE org = ? AND scope = ? AND key = ? AND expires > ?""",
        (org, scope, key, now),
    ).fetchone()
    return None if row is None else KeyRecord(*row)


# ------------------------------------------------------------------ events


def get_event(
    conn: sqlite3.Connection, org: str, room_id: str, event_id: str, index: int | None
) -> pb.RoomEvent | None:
    """See ``ports.Store.get_event``."""
    if index is not None:
        sql = "SELECT data FROM events WHERE org = ? AND room_id = ? AND idx = ?"
        return message(conn, pb.RoomEvent, sql, (org, room_id, index))
    sql = "SELECT data FROM events WHERE org = ? AND room_id = ? AND event_id = ?"
    return message(conn, pb.RoomEvent, sql, (org, room_id, event_id))


def _types(values: Sequence[int]) -> list[int]:
    # UNSPECIFIED means MESSAGE, in events and in what is asked for.
    return [value or pb.EVENT_TYPE_MESSAGE for value in values]


_LISTS: dict[str, tuple[str, Callable[[Any], list[int]]]] = {
    "types": ("type IN", _types),
    "exclude_types": ("type NOT IN", _types),
    "statuses": ("status IN", list),
}
_STRINGS = {
    "channel_id": "channel_id = ?",
    "participant_id": "participant_id = ?",
    # The second half lets the partial index of threads be used.
    "parent_event_id": "parent_event_id = ? AND parent_event_id <> ''",
    "correlation_id": "correlation_id = ?",
}
_TIMES = {"after_time": "create_time >= ?", "before_time": "create_time < ?"}


def _filtered(asked: pb.EventFilter) -> tuple[list[str], list[object]]:
    """Conditions and parameters of a filter; who may see an event is the caller's matter."""
    conditions: list[str] = []
    parameters: list[object] = []
    for name, (test, normal) in _LISTS.items():
        if values := normal(getattr(asked, name)):
            conditions.append(f"{test} ({','.join('?' * len(values))})")
            parameters.extend(values)
    for name, test in _STRINGS.items():
        if value := getattr(asked, name):
            conditions.append(test)
            parameters.append(value)
    for name, test in _TIMES.items():
        if asked.HasField(name):
            conditions.append(test)
            parameters.append(seconds_of(getattr(asked, name)))
    if asked.top_level_only:
        conditions.append("parent_event_id = ''")
    return conditions, parameters


def list_events(conn: sqlite3.Connection, org: str, query: EventQuery) -> list[pb.RoomEvent]:
    """See ``ports.Store.list_events``."""
    conditions = ["org = ?", "room_id = ?"]
    parameters: list[object] = [org, query.room_id]
    if query.after_index is not None:
        conditions.append("idx > ?")
        parameters.append(query.after_index)
    if query.before_index is not None:
        conditions.append("idx < ?")
        parameters.append(query.before_index)
    if query.filter is not None:
        more_conditions, more_parameters = _filtered(query.filter)
        conditions += more_conditions
        parameters += more_parameters
    order = "DESC" if query.newest_first else "ASC"
    return messages(
        conn,
        pb.RoomEvent,
        f"SELECT data FROM events WHERE {' AND '.join(conditions)}"
        f" ORDER BY idx {order} LIMIT ? OFFSET ?",
        (*parameters, query.limit, query.offset),
    )


def read_log(
    conn: sqlite3.Connection, org: str, room_id: str, position: tuple[int, int], limit: int
) -> LogPage:
    """See ``ports.Store.read_log``; ``position`` is (next index, next change)."""
    key = (org, room_id)
    events = messages(
        conn,
        pb.RoomEvent,
        """SELECT data FROM events WHERE org = ? AND room_id = ? AND idx >= ?
            ORDER BY idx LIMIT ?""",
        (*key, position[0], limit + 1),
    )
    changes = [
        Change(*row)
        for row in conn.execute(
            """SELECT sequence, after_index, item FROM changes
                WHERE org = ? AND room_id = ? AND sequence >= ? ORDER BY sequence LIMIT ?""",
            (*key, position[1], limit + 1),
        ).fetchall()
    ]
    oldest = conn.execute(f"SELECT {OLDEST_INDEX}, {OLDEST_CHANGE}", key).fetchone()
    entries = merged(events, changes)
    return LogPage(entries[:limit], Position(*oldest), len(entries) > limit)


def thread_summaries(
    conn: sqlite3.Connection, org: str, room_id: str, after: str, limit: int
) -> list[pb.ThreadSummary]:
    """See ``ports.Store.thread_summaries``; BLOCKED and deleted replies do not count."""
    rows = conn.execute(
        """SELECT parent_event_id, count(*), max(create_time) FROM events
            WHERE org = ? AND room_id = ? AND parent_event_id > ? AND parent_event_id <> ''
                AND status <> ? AND deleted = 0
            GROUP BY parent_event_id ORDER BY parent_event_id LIMIT ?""",
        (org, room_id, after, pb.EVENT_STATUS_BLOCKED, limit),
    ).fetchall()
    return [
        pb.ThreadSummary(root_event_id=root, reply_count=count, last_reply_time=timestamp(last))
        for root, count, last in rows
    ]


def replies(
    conn: sqlite3.Connection, org: str, room_id: str, event_id: str, limit: int
) -> list[pb.RoomEvent]:
    """See ``ports.Store.replies``."""
    return messages(
        conn,
        pb.RoomEvent,
        """SELECT data FROM events
            WHERE org = ? AND room_id = ? AND parent_event_id = ? AND parent_event_id <> ''
            ORDER BY idx LIMIT ?""",
        (org, room_id, event_id, limit),
    )


def count_unread(conn: sqlite3.Connection, org: str, room_id: str, after_index: int) -> int:
    """See ``ports.Store.count_unread``."""
    (count,) = conn.execute(
        """SELECT count(*) FROM events WHERE org = ? AND room_id = ? AND idx > ?
            AND type = ? AND status <> ? AND deleted = 0""",
        (org, room_id, after_index, pb.EVENT_TYPE_MESSAGE, pb.EVENT_STATUS_BLOCKED),
    ).fetchone()
    return int(count)


# ------------------------------------------------------------------ tasks, observations, markers


def list_tasks(
    conn: sqlite3.Connection,
    org: str,
    room_id: str,
    statuses: Sequence[int],
    page: tuple[str, int],
) -> list[pb.Task]:
    """See ``ports.Store.list_tasks``; ``page`` is (after, limit)."""
    wanted = any_of("status", statuses) if statuses else "1"
    return messages(
        conn,
        pb.Task,
        f"""SELECT data FROM tasks WHERE org = ? AND room_id = ? AND task_id > ? AND {wanted}
            ORDER BY task_id LIMIT ?""",
        (org, room_id, page[0], *statuses, page[1]),
    )


def get_task(conn: sqlite3.Connection, org: str, room_id: str, task_id: str) -> pb.Task | None:
    """See ``ports.Store.get_task``."""
    sql = "SELECT data FROM tasks WHERE org = ? AND room_id = ? AND task_id = ?"
    return message(conn, pb.Task, sql, (org, room_id, task_id))


def list_observations(
    conn: sqlite3.Connection, org: str, room_id: str, category: str, page: tuple[str, int]
) -> list[pb.Observation]:
    """See ``ports.Store.list_observations``; ``page`` is (after, limit)."""
    return messages(
        conn,
        pb.Observation,
        """SELECT data FROM observations WHERE org = ? AND room_id = ?
                AND observation_id > ? AND (? = '' OR category = ?)
            ORDER BY observation_id LIMIT ?""",
        (org, room_id, page[0], category, category, page[1]),
    )


def list_markers(conn: sqlite3.Connection, org: str, room_id: str) -> list[pb.ReadMarker]:
    """See ``ports.Store.list_markers``."""
    sql = "SELECT data FROM markers WHERE org = ? AND room_id = ? ORDER BY channel_id"
    return messages(conn, pb.ReadMarker, sql, (org, room_id))


# ------------------------------------------------------------------ deliveries


def get_delivery(
    conn: sqlite3.Connection, org: str, room_id: str, delivery_id: str
) -> pb.Delivery | None:
    """See ``ports.Store.get_delivery``."""
    sql = "SELECT data FROM deliveries WHERE org = ? AND delivery_id = ? AND room_id = ?"
    return message(conn, pb.Delivery, sql, (org, delivery_id, room_id))


def find_delivery(
    conn: sqlite3.Connection, org: str, channel_id: str, provider_message_id: str
) -> pb.Delivery | None:
    """See ``ports.Store.find_delivery``."""
    return message(
        conn,
        pb.Delivery,
        """SELECT d.data FROM delivery_provider_ids p
            JOIN deliveries d ON d.org = p.org AND d.delivery_id = p.delivery_id
            WHERE p.org = ? AND p.channel_id = ? AND p.provider_message_id = ?""",
        (org, channel_id, provider_message_id),
    )


def list_deliveries(conn: sqlite3.Connection, org: str, query: DeliveryQuery) -> list[pb.Delivery]:
    """See ``ports.Store.list_deliveries``; by event, so that the clock has no say in it."""
    conditions = ["org = ?", "room_id = ?"]
    parameters: list[object] = [org, query.room_id]
    event_ids = [query.event_id, *query.event_ids] if query.event_id else query.event_ids
    if event_ids:
        conditions.append(
            "event_index IN (SELECT idx FROM events"
            f" WHERE org = ? AND {any_of('event_id', event_ids)} AND room_id = ?)"
        )
        parameters += (org, *event_ids, query.room_id)
    if query.channel_id:
        conditions.append("channel_id = ?")
        parameters.append(query.channel_id)
    if query.states:
        conditions.append(any_of("state", query.states))
        parameters += query.states
    if query.before is not None:
        conditions.append(
            "(event_index, delivery_id) < (SELECT event_index, delivery_id FROM deliveries"
            " WHERE org = ? AND delivery_id = ?)"
        )
        parameters += (org, query.before[1])
    return messages(
        conn,
        pb.Delivery,
        f"SELECT data FROM deliveries WHERE {' AND '.join(conditions)}"
        " ORDER BY event_index DESC, delivery_id DESC LIMIT ?",
        (*parameters, query.limit),
    )


def unfinished_deliveries(
    conn: sqlite3.Connection, after: tuple[str, str, str, int] | None, limit: int
) -> list[tuple[str, pb.Delivery]]:
    """See ``ports.Store.unfinished_deliveries``."""
    beyond = "AND (org, room_id, channel_id, event_index) > (?, ?, ?, ?)" if after else ""
    rows = conn.execute(
        f"""SELECT org, data FROM deliveries WHERE {UNFINISHED} {beyond}
            ORDER BY org, room_id, channel_id, event_index, delivery_id LIMIT ?""",
        (*(after or ()), limit),
    ).fetchall()
    return [(org, pb.Delivery.FromString(data)) for org, data in rows]


def unfinished_of_lane(
    conn: sqlite3.Connection, lane: tuple[str, str, str], after_index: int, limit: int
) -> list[pb.Delivery]:
    """See ``ports.Store.unfinished_of_lane``; ``lane`` is (org, room id, channel id)."""
    return messages(
        conn,
        pb.Delivery,
        f"""SELECT data FROM deliveries WHERE {UNFINISHED}
                AND org = ? AND room_id = ? AND channel_id = ? AND event_index > ?
            ORDER BY event_index, delivery_id LIMIT ?""",
        (*lane, after_index, limit),
    )
