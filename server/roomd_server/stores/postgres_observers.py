"""Reads of what durable observers have still to see: functions of a connection, no state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from roomd import v1 as pb
from roomd_server.core.ports import ObserverCount, ObserverQuery, ObserverRow, PlacedRow
from roomd_server.stores import postgres_query as query_
from roomd_server.stores.postgres_query import Where, messages
from roomd_server.stores.postgres_tables import unescaped

PURGE_STEP = 1000
"""Rows removed in one transaction."""

_COLUMNS = (
    "id, invocation_id, hook, room_id, hook_trigger, event_id, payload, create_time, attempts,"
    " due, parked, park_time, status"
)


async def rows(conn: Any, org: str, query: ObserverQuery) -> list[PlacedRow]:
    """See ``ports.Store.observer_rows``."""
    where = Where("org = {} AND hook = {} AND parked = {}", org, query.hook, query.parked)
    if query.room_id:
        where.add("room_id = {}", query.room_id)
    if query.after is not None:
        where.add("(room_id, id) > ({}, {})", *query.after)
    if query.invocation_ids:
        where.add("invocation_id = ANY ({})", list(query.invocation_ids))
    if query.parked_before is not None:
        where.add("park_time < {}", query.parked_before)
    sql = (
        f"SELECT {_COLUMNS} FROM observer_rows WHERE {where}"
        f" ORDER BY room_id, id LIMIT {where.place(query.limit)}"
    )
    return [_placed(row) for row in await query_.rows(conn, sql, where.values)]


async def oldest(conn: Any, org: str, hook: str, limit: int) -> list[PlacedRow]:
    """See ``ports.Store.oldest_observer_rows``."""
    # The inner query reads only the index; the rows themselves are few.
    found = await query_.rows(
        conn,
        f"""SELECT {_COLUMNS} FROM observer_rows WHERE id IN
            (SELECT id FROM observer_rows WHERE org = $1 AND hook = $2 AND NOT parked
                ORDER BY id LIMIT $3)
            ORDER BY id""",
        (org, hook, limit),
    )
    return [_placed(row) for row in found]


async def counts(conn: Any, org: str | None, room_id: str) -> list[ObserverCount]:
    """See ``ports.Store.observer_counts``."""
    found = await query_.rows(
        conn,
        """SELECT org, hook, count(*) FILTER (WHERE NOT parked), count(*) FILTER (WHERE parked)
            FROM observer_rows
            WHERE ($1::text IS NULL OR org = $1) AND ($2 = '' OR room_id = $2)
            GROUP BY org, hook ORDER BY org, hook""",
        (org, room_id),
    )
    return [
        ObserverCount(unescaped(owner), unescaped(hook), waiting, parked)
        for owner, hook, waiting, parked in found
    ]


async def purge_step(conn: Any, before: float) -> list[ObserverCount]:
    """Remove some rows that were parked before a time; what was removed."""
    gone = await query_.rows(
        conn,
        """DELETE FROM observer_rows WHERE id IN
            (SELECT id FROM observer_rows WHERE parked AND park_time < $1 LIMIT $2)
            RETURNING org, hook""",
        (before, PURGE_STEP),
    )
    found = Counter((unescaped(org), unescaped(hook)) for org, hook in gone)
    return [ObserverCount(org, hook, 0, count) for (org, hook), count in sorted(found.items())]


async def events_by_id(conn: Any, org: str, event_ids: Sequence[str]) -> list[pb.RoomEvent]:
    """See ``ports.Store.events_by_id``."""
    sql = "SELECT data FROM events WHERE org = $1 AND event_id = ANY ($2)"
    return await messages(conn, pb.RoomEvent, sql, (org, list(event_ids)))


def _placed(row: Any) -> PlacedRow:
    position, invocation_id, hook, room_id, trigger, event_id, *rest = row
    placed = ObserverRow(
        unescaped(invocation_id),
        unescaped(hook),
        unescaped(room_id),
        trigger,
        unescaped(event_id),
        *rest,
    )
    return PlacedRow(position, placed)
