"""Erasing a room: gone at once, its history step by step (see ``sqlite_erasing``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roomd_server.stores import erasing
from roomd_server.stores.erasing import Key
from roomd_server.stores.postgres_query import IN_ORDER
from roomd_server.stores.postgres_tables import Statement, escaped, unescaped

GOES_AT_ONCE = (
    "rooms",
    "room_labels",
    "bindings",
    "participants",
    "markers",
    "queued",
    "observer_rows",
    "horizons",
)
"""What is read or acted on across rooms, or is little."""

GOES_IN_STEPS = {
    "deliveries": "event_index, delivery_id",
    "delivery_provider_ids": "",
    "changes": "sequence",
    "tasks": "task_id",
    "observations": "observation_id",
    "keys": "key",
}
"""Table → the order in which an index has the rows of a room. With them go the events, and
their words."""

_OF_ROOM = "WHERE org = $1 AND room_id = $2"
_BEGIN = (
    "WITH unfinished_ AS (DELETE FROM deliveries WHERE org = $1 AND room_id = $2"
    " AND state IN (1, 2)), "
    + ", ".join(f"{table}_ AS (DELETE FROM {table} {_OF_ROOM})" for table in GOES_AT_ONCE)
    + " INSERT INTO erasures VALUES ($1, $2) ON CONFLICT DO NOTHING"
)


def _some(table: str, order: str) -> str:
    """Delete some rows, found by where they lie: no plan is better, whatever is in the table."""
    of_room = _OF_ROOM.replace("room_id = $2", "scope = $3") if table == "keys" else _OF_ROOM
    ordered = f" ORDER BY {order}" if order else ""
    return (
        f"{table}_ AS (DELETE FROM {table} WHERE ctid = ANY (ARRAY("
        f"SELECT ctid FROM {table} {of_room}{ordered} LIMIT {{rows}})) RETURNING 1)"
    )


_PARTS = {
    "events": "DELETE FROM events WHERE id = ANY ((SELECT ids FROM gone)::bigint[]) RETURNING 1",
    "words": "DELETE FROM search WHERE id = ANY ((SELECT ids FROM gone)::bigint[])",
    "stale": "DELETE FROM search_stale WHERE id = ANY ((SELECT ids FROM gone)::bigint[])",
}
_STEP = (
    "WITH gone AS (SELECT ARRAY("
    f"SELECT id FROM events {_OF_ROOM} ORDER BY idx LIMIT {{rows}}) AS ids), "
    + ", ".join(f"{name}_ AS ({sql})" for name, sql in _PARTS.items())
    + ", "
    + ", ".join(_some(table, order) for table, order in GOES_IN_STEPS.items())
    + " SELECT greatest("
    + ", ".join(f"(SELECT count(*) FROM {table}_)" for table in ("events", *GOES_IN_STEPS))
    + ")"
)


def begin_erasing(org: str, room_id: str) -> Sequence[Statement]:
    """What lets a room be gone, in one transaction; ``erase_step`` takes the rest."""
    key = (escaped(org), escaped(room_id))
    step = Statement(_step(), (*key, f"room:{key[1]}"))
    return (Statement(IN_ORDER, ()), Statement(_BEGIN, key), step)


async def erase_step(conn: Any, key: Key) -> bool:
    """Erase some of what is left of a room, in the caller's transaction; whether that was
    all. Does nothing for a room that is not being erased.
    """
    org, room_id = escaped(key[0]), escaped(key[1])
    if not await conn.fetchval(f"SELECT 1 FROM erasures {_OF_ROOM}", org, room_id):
        return True
    await conn.execute(IN_ORDER)
    erased = await conn.fetchval(_step(), org, room_id, f"room:{room_id}")
    if erased == erasing.ERASE_STEP_ROWS:
        return False
    await conn.execute(f"DELETE FROM erasures {_OF_ROOM}", org, room_id)
    return True


async def finish_erasures(conn: Any) -> None:
    """Erase what a stop left, in a transaction per step."""
    for org, room_id in await conn.fetch("SELECT org, room_id FROM erasures"):
        done = False
        while not done:
            async with conn.transaction():
                done = await erase_step(conn, (unescaped(org), unescaped(room_id)))


def _step() -> str:
    # Not a parameter: the plan depends on how few they are.
    return _STEP.format(rows=erasing.ERASE_STEP_ROWS)
