"""Reads of what durable observers have still to see. Called on a reader's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from roomd import v1 as pb
from roomd_server.core.ports import ObserverCount, ObserverQuery, ObserverRow, PlacedRow
from roomd_server.stores.sqlite_reads import any_of, messages

PURGE_STEP = 1000
"""Rows removed in one transaction."""

_COLUMNS = (
    "id, invocation_id, hook, room_id, hook_trigger, event_id, payload, create_time, attempts,"
    " due, parked, park_time, status"
)


def rows(conn: sqlite3.Connection, org: str, query: ObserverQuery) -> list[PlacedRow]:
    """See ``ports.Store.observer_rows``."""
    conditions = ["org = ?", "hook = ?", "parked = ?"]
    parameters: list[object] = [org, query.hook, query.parked]
    if query.room_id:
        conditions.append("room_id = ?")
        parameters.append(query.room_id)
    if query.after is not None:
        conditions.append("(room_id, id) > (?, ?)")
        parameters += query.after
    if query.invocation_ids:
        conditions.append(any_of("invocation_id", query.invocation_ids))
        parameters += query.invocation_ids
    if query.parked_before is not None:
        conditions.append("park_time < ?")
        parameters.append(query.parked_before)
    found = conn.execute(
        f"SELECT {_COLUMNS} FROM observer_rows WHERE {' AND '.join(conditions)}"
        " ORDER BY room_id, id LIMIT ?",
        (*parameters, query.limit),
    )
    return [_placed(row) for row in found.fetchall()]


def oldest(conn: sqlite3.Connection, org: str, hook: str, limit: int) -> list[PlacedRow]:
    """See ``ports.Store.oldest_observer_rows``."""
    # The inner query reads only the index; the rows themselves are few.
    found = conn.execute(
        f"""SELECT {_COLUMNS} FROM observer_rows WHERE id IN
            (SELECT id FROM observer_rows WHERE org = ? AND hook = ? AND parked = 0
                ORDER BY id LIMIT ?)
            ORDER BY id""",
        (org, hook, limit),
    )
    return [_placed(row) for row in found.fetchall()]


def counts(conn: sqlite3.Connection, org: str | None, room_id: str) -> list[ObserverCount]:
    """See ``ports.Store.observer_counts``."""
    found = conn.execute(
        """SELECT org, hook, sum(parked = 0), sum(parked) FROM observer_rows
            WHERE (?1 IS NULL OR org = ?1) AND (?2 = '' OR room_id = ?2)
            GROUP BY org, hook ORDER BY org, hook""",
        (org, room_id),
    )
    return [ObserverCount(*row) for row in found.fetchall()]


def purge_step(conn: sqlite3.Connection, before: float) -> list[ObserverCount]:
    """Remove some rows that were parked before a time; what was removed."""
    found = conn.execute(
        """DELETE FROM observer_rows WHERE id IN
            (SELECT id FROM observer_rows WHERE parked AND park_time < ? LIMIT ?)
            RETURNING org, hook""",
        (before, PURGE_STEP),
    ).fetchall()
    return [
        ObserverCount(org, hook, 0, found.count((org, hook))) for org, hook in sorted(set(found))
    ]


def events_by_id(
    conn: sqlite3.Connection, org: str, event_ids: Sequence[str]
) -> list[pb.RoomEvent]:
    """See ``ports.Store.events_by_id``."""
    sql = f"SELECT data FROM events WHERE org = ? AND {any_of('event_id', event_ids)}"
    return messages(conn, pb.RoomEvent, sql, (org, *event_ids))


def _placed(row: tuple[Any, ...]) -> PlacedRow:
    placed = ObserverRow(*row[1:])
    return PlacedRow(row[0], placed._replace(parked=bool(placed.parked)))
