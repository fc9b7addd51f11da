"""What is read across rooms and of the organization: functions of a connection, no state.

Reads of one room are in ``sqlite_reads``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from roomd import v1 as pb
from roomd_server.stores.sqlite_reads import any_of, messages

PURGE_STEP_KEYS = 1000
"""Keys forgotten in one transaction: commits get in between."""
COMMON_LABEL = 1000
"""Rooms with a label that make it a common one; how many more there are does not matter."""


def get_rooms(conn: sqlite3.Connection, org: str, room_ids: Sequence[str]) -> list[pb.Room]:
    """See ``ports.Store.get_rooms``; in the order asked for, each once."""
    wanted = list(dict.fromkeys(room_ids))
    sql = f"SELECT data FROM rooms WHERE org = ? AND {any_of('room_id', wanted)}"
    found = {room.room_id: room for room in messages(conn, pb.Room, sql, (org, *wanted))}
    return [found[room_id] for room_id in wanted if room_id in found]


def list_rooms(
    conn: sqlite3.Connection, org: str, request: pb.ListRoomsRequest, after: str, limit: int
) -> list[pb.Room]:
    """See ``ports.Store.list_rooms``; room by room in the order of the rarest label, or of all."""
    labels = _rarest_first(conn, org, request)
    source, conditions = "rooms r", ["r.org = ?"]
    parameters: list[object] = [org]
    if labels:
        # CROSS: read the rooms of the label, in their order; not all rooms.
        source = "room_labels l CROSS JOIN rooms r ON r.org = l.org AND r.room_id = l.room_id"
        conditions = ["l.org = ? AND l.name = ? AND l.value = ?"]
        parameters += labels[0]
    for label in labels[1:]:
        conditions.append(
            "EXISTS (SELECT 1 FROM room_labels WHERE org = r.org AND name = ? AND value = ?"
            " AND room_id = r.room_id)"
        )
        parameters += label
    if request.statuses:
        conditions.append(any_of("r.status", request.statuses))
        parameters += request.statuses
    for table, column, value in (
        ("participants", "participant_id", request.participant_id),
        ("bindings", "channel_id", request.channel_id),
    ):
        if value:
            conditions.append(
                f"r.room_id IN (SELECT room_id FROM {table} WHERE org = ? AND {column} = ?)"
            )
            parameters += (org, value)
    room_id = "l.room_id" if labels else "r.room_id"
    sql = (
        f"SELECT r.data FROM {source} WHERE {' AND '.join(conditions)}"
        f" AND {room_id} > ? ORDER BY {room_id} LIMIT ?"
    )
    return messages(conn, pb.Room, sql, (*parameters, after, limit))


def _rarest_first(
    conn: sqlite3.Connection, org: str, request: pb.ListRoomsRequest
) -> list[tuple[str, str]]:
    """The labels asked for, the one that the fewest rooms have first."""
    labels = sorted(request.labels.items())
    if len(labels) < 2:
        return labels
    count = (
        "SELECT count(*) FROM (SELECT 1 FROM room_labels"
        f" WHERE org = ? AND name = ? AND value = ? LIMIT {COMMON_LABEL})"
    )
    return sorted(labels, key=lambda label: int(conn.execute(count, (org, *label)).fetchone()[0]))


def open_rooms_of_participant(
    conn: sqlite3.Connection, org: str, channel_id: str, participant_id: str, limit: int
) -> list[str]:
    """See ``ports.Store.open_rooms_of_participant``."""
    rows = conn.execute(
        """SELECT p.room_id, p.data FROM participants p
            JOIN bindings b ON b.org = p.org AND b.room_id = p.room_id AND b.channel_id = ?
            JOIN rooms r ON r.org = p.org AND r.room_id = p.room_id
            WHERE p.org = ? AND p.participant_id = ? AND p.open
            ORDER BY r.last_activity DESC, r.room_id DESC""",
        (channel_id, org, participant_id),
    )
    found: list[str] = []
    for room_id, data in rows.fetchall():
        if len(found) < limit and channel_id in pb.Participant.FromString(data).channel_ids:
            found.append(room_id)
    return found


def open_rooms_of_channel(
    conn: sqlite3.Connection, org: str, channel_id: str, limit: int
) -> list[str]:
    """See ``ports.Store.open_rooms_of_channel``."""
    rows = conn.execute(
        """SELECT b.room_id FROM bindings b
            JOIN rooms r ON r.org = b.org AND r.room_id = b.room_id
            WHERE b.org = ? AND b.channel_id = ? AND b.open
            ORDER BY r.last_activity DESC, r.room_id DESC LIMIT ?""",
        (org, channel_id, limit),
    ).fetchall()
    return [room_id for (room_id,) in rows]


def rooms_of_channel(
    conn: sqlite3.Connection, org: str, channel_id: str, after: str, limit: int
) -> list[str]:
    """See ``ports.Store.rooms_of_channel``."""
    rows = conn.execute(
        """SELECT room_id FROM bindings WHERE org = ? AND channel_id = ? AND room_id > ?
            ORDER BY room_id LIMIT ?""",
        (org, channel_id, after, limit),
    ).fetchall()
    return [room_id for (room_id,) in rows]


def due_timers(conn: sqlite3.Connection, now: float, limit: int) -> list[tuple[str, str]]:
    """See ``ports.Store.due_timers``."""
    return conn.execute(
        """SELECT org, room_id FROM rooms WHERE timer_due <= ?
            ORDER BY timer_due, org, room_id LIMIT ?""",
        (now, limit),
    ).fetchall()


def next_timer(conn: sqlite3.Connection) -> float | None:
    """See ``ports.Store.next_timer``."""
    (due,) = conn.execute("SELECT min(timer_due) FROM rooms WHERE timer_due IS NOT NULL").fetchone()
    return None if due is None else float(due)


def rooms_with_queued(conn: sqlite3.Connection, limit: int) -> list[tuple[str, str]]:
    """See ``ports.Store.rooms_with_queued``."""
    return conn.execute(
        "SELECT DISTINCT org, room_id FROM queued ORDER BY org, room_id LIMIT ?", (limit,)
    ).fetchall()


def list_channels(conn: sqlite3.Connection, org: str | None) -> list[tuple[str, pb.Channel]]:
    """See ``ports.Store.list_channels``; by organization and id."""
    rows = conn.execute(
        "SELECT org, data FROM channels WHERE ?1 IS NULL OR org = ?1 ORDER BY org, channel_id",
        (org,),
    ).fetchall()
    return [(owner, pb.Channel.FromString(data)) for owner, data in rows]


def list_hooks(conn: sqlite3.Connection) -> list[pb.Hook]:
    """See ``ports.Store.list_hooks``; by organization and name."""
    return messages(conn, pb.Hook, "SELECT data FROM hooks ORDER BY org, name", ())


def list_handlers(conn: sqlite3.Connection) -> list[tuple[str, pb.Handler]]:
    """See ``ports.Store.list_handlers``; by organization and name."""
    rows = conn.execute("SELECT org, data FROM handlers ORDER BY org, name").fetchall()
    return [(owner, pb.Handler.FromString(data)) for owner, data in rows]


def purge_step(conn: sqlite3.Connection, now: float) -> int:
    """Forget at most ``PURGE_STEP_KEYS`` keys that have expired; return how many."""
    return conn.execute(
        """DELETE FROM keys WHERE (org, scope, key) IN (
            SELECT org, scope, key FROM keys WHERE expires <= ? ORDER BY expires LIMIT ?)""",
        (now, PURGE_STEP_KEYS),
    ).rowcount
