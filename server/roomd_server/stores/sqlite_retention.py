"""What a room does not keep for ever: the oldest part of its log, removed in small steps."""

from __future__ import annotations

import sqlite3

from roomd import v1 as pb
from roomd_server.core.log import Position
from roomd_server.core.ports import AgingRoom
from roomd_server.stores.sqlite_statements import REWIND_SEARCH

OF_ROOM = "WHERE org = ?1 AND room_id = ?2"
OLDEST_INDEX = f"coalesce((SELECT oldest_index FROM horizons {OF_ROOM}), 0)"
OLDEST_CHANGE = f"coalesce((SELECT oldest_change FROM horizons {OF_ROOM}), 0)"
"""Where the log of a room begins; its next position is never below that."""

_OWED = f"""SELECT min(idx) FROM (
        SELECT idx FROM events {OF_ROOM} AND idx < ?3 AND event_id IN
            (SELECT event_id FROM observer_rows {OF_ROOM} AND parked = 0)
        UNION ALL
        SELECT event_index FROM deliveries {OF_ROOM} AND state IN (1, 2) AND event_index < ?3
    )"""
_WORDS = f"DELETE FROM {{}} WHERE {{}} IN (SELECT id FROM events {OF_ROOM} AND idx < ?3)"
_FIRST_CHANGE = f"""SELECT coalesce(
        (SELECT sequence FROM changes {OF_ROOM} AND after_index >= ?3 - 1
            ORDER BY sequence LIMIT 1),
        (SELECT max(sequence) + 1 FROM changes {OF_ROOM}), {OLDEST_CHANGE})"""


def aging_rooms(conn: sqlite3.Connection, after: tuple[str, str], limit: int) -> list[AgingRoom]:
    """See ``ports.Store.aging_rooms``."""
    found = conn.execute(
        """SELECT org, data,
                (SELECT create_time FROM events e WHERE e.org = r.org AND e.room_id = r.room_id
                    ORDER BY idx LIMIT 1)
            FROM rooms r WHERE (org, room_id) > (?, ?) ORDER BY org, room_id LIMIT ?""",
        (*after, limit),
    ).fetchall()
    return [AgingRoom(org, pb.Room.FromString(data), oldest) for org, data, oldest in found]


def expired_until(
    conn: sqlite3.Connection, org: str, room_id: str, before: float, limit: int
) -> int:
    """See ``ports.Store.expired_until``."""
    until = 0
    for index, create_time in conn.execute(
        f"SELECT idx, create_time FROM events {OF_ROOM} ORDER BY idx LIMIT ?3",
        (org, room_id, limit),
    ).fetchall():
        if create_time >= before:
            break
        until = index + 1
    return until


def trim(conn: sqlite3.Connection, org: str, room_id: str, index: int) -> Position:
    """See ``ports.Store.trim_room``; in the caller's transaction."""
    key = (org, room_id)
    (owed,) = conn.execute(_OWED, (*key, index)).fetchone()
    below = (*key, index if owed is None else owed)
    for table, column in (("search", "rowid"), ("search_stale", "id")):
        conn.execute(_WORDS.format(table, column), below)
    _forget_provider_ids(conn, below)
    conn.execute(f"DELETE FROM deliveries {OF_ROOM} AND event_index < ?3", below)
    conn.execute(f"DELETE FROM events {OF_ROOM} AND idx < ?3", below)
    # Ids of removed events may be given again.
    conn.execute(REWIND_SEARCH)
    # What happened right behind the last one removed is younger than it.
    (change,) = conn.execute(_FIRST_CHANGE, below).fetchone()
    conn.execute(f"DELETE FROM changes {OF_ROOM} AND sequence < ?3", (*key, change))
    conn.execute(
        """INSERT INTO horizons VALUES (?, ?, ?, ?) ON CONFLICT (org, room_id) DO UPDATE
            SET oldest_index = max(oldest_index, excluded.oldest_index),
                oldest_change = max(oldest_change, excluded.oldest_change)""",
        (*below, change),
    )
    return Position(*conn.execute(f"SELECT {OLDEST_INDEX}, {OLDEST_CHANGE}", key).fetchone())


def _forget_provider_ids(conn: sqlite3.Connection, below: tuple[str, str, int]) -> None:
    """Let go of the names that providers gave to deliveries, unless they gave them again."""
    sent = conn.execute(f"SELECT data FROM deliveries {OF_ROOM} AND event_index < ?3", below)
    conn.executemany(
        """DELETE FROM delivery_provider_ids WHERE org = ? AND channel_id = ?
            AND provider_message_id = ? AND delivery_id = ?""",
        [
            (below[0], delivery.channel_id, name, delivery.delivery_id)
            for delivery in (pb.Delivery.FromString(data) for (data,) in sent.fetchall())
            for name in {delivery.result.provider_message_id, *delivery.result.part_message_ids}
        ],
    )
