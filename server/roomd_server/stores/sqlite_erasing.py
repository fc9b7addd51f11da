"""Erasing a room: gone at once, its history step by step.

A room with a long history may not hold up everybody else: the transaction that deletes it
takes what says that it exists and what would still be acted on, and notes that the rest has
to go. Steps between other commits follow; a start finishes what a stop left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from roomd_server.stores import erasing
from roomd_server.stores.erasing import Key
from roomd_server.stores.sqlite_statements import REWIND_SEARCH

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
"""What is read or acted on across rooms."""
_UNFINISHED = "DELETE FROM deliveries WHERE org = ? AND room_id = ? AND state IN (1, 2)"

GOES_IN_STEPS = {
    "events": "id",
    "deliveries": "id",
    "delivery_provider_ids": "org, channel_id, provider_message_id",
    "changes": "id",
    "tasks": "org, room_id, task_id",
    "observations": "org, room_id, observation_id",
    "keys": "org, scope, key",
}
"""Table → its key."""


def begin_erasing(conn: sqlite3.Connection, org: str, room_id: str) -> None:
    """Let a room be gone, in the caller's transaction; ``erase_step`` takes the rest."""
    for table in GOES_AT_ONCE:
        conn.execute(f"DELETE FROM {table} WHERE org = ? AND room_id = ?", (org, room_id))
    conn.execute(_UNFINISHED, (org, room_id))
    conn.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?)", (org, room_id))
    erase_step(conn, org, room_id)


def erase_step(conn: sqlite3.Connection, org: str, room_id: str) -> bool:
    """Erase some of what is left of a room, in the caller's transaction; whether that was
    all. Does nothing for a room that is not being erased.
    """
    if not conn.execute(
        "SELECT 1 FROM erasures WHERE org = ? AND room_id = ?", (org, room_id)
    ).fetchone():
        return True
    _erase_words(conn, org, room_id)
    erased = [_erase_some(conn, table, org, room_id) for table in GOES_IN_STEPS]
    # Ids of erased events may be given again.
    conn.execute(REWIND_SEARCH)
    if max(erased) == erasing.ERASE_STEP_ROWS:
        return False
    conn.execute("DELETE FROM erasures WHERE org = ? AND room_id = ?", (org, room_id))
    return True


def unfinished_erasures(conn: sqlite3.Connection) -> Sequence[Key]:
    """Rooms of which something is left."""
    return conn.execute("SELECT org, room_id FROM erasures").fetchall()


def finish_erasures(conn: sqlite3.Connection) -> None:
    """Erase what a stop left; the connection is in autocommit mode."""
    for key in unfinished_erasures(conn):
        done = False
        while not done:
            conn.execute("BEGIN IMMEDIATE")
            done = erase_step(conn, *key)
            conn.execute("COMMIT")


def _erase_words(conn: sqlite3.Connection, org: str, room_id: str) -> None:
    """Erase the events of a step from the search; before they go themselves."""
    for table, key in (("search", "rowid"), ("search_stale", "id")):
        conn.execute(
            f"DELETE FROM {table} WHERE {key} IN ({_some('events')})",
            (org, room_id, erasing.ERASE_STEP_ROWS),
        )


def _erase_some(conn: sqlite3.Connection, table: str, org: str, room_id: str) -> int:
    scope = f"room:{room_id}" if table == "keys" else room_id
    key = GOES_IN_STEPS[table]
    return conn.execute(
        f"DELETE FROM {table} WHERE ({key}) IN ({_some(table)})",
        (org, scope, erasing.ERASE_STEP_ROWS),
    ).rowcount


def _some(table: str) -> str:
    """Keys of a step's rows; the same ones every time."""
    key = GOES_IN_STEPS[table]
    column = "scope" if table == "keys" else "room_id"
    order = {"events": "idx", "changes": "sequence", "deliveries": "event_index, delivery_id"}
    return (
        f"SELECT {key} FROM {table} WHERE org = ? AND {column} = ?"
        f" ORDER BY {order.get(table, key)} LIMIT ?"
    )
