"""Full-text search over events in SQLite: a lazy FTS5 index.

Commits never touch the index. A search first brings it up to date: events beyond the
newest one indexed, and those changed since (a trigger notes them). Rows of ``search`` have
the ``id`` of their event.
"""

from __future__ import annotations

import hashlib
import sqlite3

from roomd import v1 as pb
from roomd_server.stores.search_text import event_text
from roomd_server.stores.sqlite_rows import insert_rows
from roomd_server.stores.sqlite_statements import Insert

INDEX_STEP_EVENTS = 500
"""Events indexed in one transaction: commits get in between."""
MERGE_STEP_PAGES = 64
"""Pages of the index written in one transaction when it is merged."""
SNIPPET_WORDS = 16

_ADD = Insert("INSERT INTO search (rowid, scope, body) VALUES ", "(?,?,?)")
_FIND = """SELECT s.rowid FROM search s JOIN events e ON e.id = s.rowid
    WHERE search MATCH ? AND e.org = ? AND (? = '' OR e.room_id = ?)
        AND e.deleted = 0 AND e.status <> ?
        AND NOT EXISTS (SELECT 1 FROM erasures g WHERE g.org = e.org AND g.room_id = e.room_id)
    ORDER BY bm25(search, 0.0, 1.0), s.rowid DESC LIMIT ? OFFSET ?"""
_SHOW = f"""SELECT e.data, snippet(search, 1, '[', ']', '…', {SNIPPET_WORDS})
    FROM search s JOIN events e ON e.id = s.rowid
    WHERE search MATCH ? AND s.rowid = ?"""


def newest_event(conn: sqlite3.Connection) -> int | None:
    """Up to which event the index must reach to be up to date; None: it is."""
    newest, indexed, stale = conn.execute(
        """SELECT (SELECT coalesce(max(id), 0) FROM events),
            (SELECT indexed_id FROM search_progress),
            EXISTS (SELECT 1 FROM search_stale)"""
    ).fetchone()
    return int(newest) if stale or indexed < newest else None


def index_step(conn: sqlite3.Connection, target: int) -> bool:
    """Index the next events; True when it reaches ``target`` and nothing is stale.

    Runs in the caller's transaction.
    """
    stale = [
        number
        for (number,) in conn.execute(
            "SELECT id FROM search_stale LIMIT ?", (INDEX_STEP_EVENTS,)
        ).fetchall()
    ]
    (indexed,) = conn.execute("SELECT indexed_id FROM search_progress").fetchone()
    known = [(number,) for number in stale if number <= indexed]
    conn.executemany("DELETE FROM search WHERE rowid = ?", known)
    events = conn.execute(
        f"""SELECT id, org, room_id, data FROM events
            WHERE id IN ({",".join("?" * len(known))})""",
        [number for (number,) in known],
    ).fetchall()
    conn.executemany("DELETE FROM search_stale WHERE id = ?", [(number,) for number in stale])
    new = conn.execute(
        "SELECT id, org, room_id, data FROM events WHERE id > ? ORDER BY id LIMIT ?",
        (indexed, INDEX_STEP_EVENTS),
    ).fetchall()
    insert_rows(
        conn,
        _ADD,
        [
            (number, f"{_org_word(org)} {_room_word(org, room_id)}", text)
            for number, org, room_id, data in events + new
            if (text := event_text(pb.RoomEvent.FromString(data)))
        ],
    )
    if new:
        indexed = new[-1][0]
        conn.execute("UPDATE search_progress SET indexed_id = ?", (indexed,))
    return bool(indexed >= target and len(stale) < INDEX_STEP_EVENTS)


def merge_step(conn: sqlite3.Connection, pages: int) -> bool:
    """Merge some of the index, in the caller's transaction; True when there is nothing left to
    do. FTS5 only marks what is deleted: its words stay in older segments until those are merged.
    """
    before = conn.total_changes
    conn.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (pages,))
    return conn.total_changes - before < 2


def find(
    conn: sqlite3.Connection, org: str, query: str, room_id: str, offset: int, limit: int
) -> list[tuple[pb.RoomEvent, str]]:
    """Events that match, best first, newest first among equals."""
    words = _parsed(conn, query)
    if not words:
        return []
    scope = _room_word(org, room_id) if room_id else _org_word(org)
    match = f'scope : "{scope}" AND body : ({words})'
    # The organization is checked on the events too: a query must not be able to leave it.
    found = conn.execute(
        _FIND, (match, org, room_id, room_id, pb.EVENT_STATUS_BLOCKED, limit, offset)
    ).fetchall()
    hits = []
    for (number,) in found:
        data, snippet = conn.execute(_SHOW, (match, number)).fetchone()
        hits.append((pb.RoomEvent.FromString(data), snippet))
    return hits


def _parsed(conn: sqlite3.Connection, query: str) -> str:
    """The query when FTS5 can parse it by itself, else its words, each quoted."""
    query = query.replace("\0", " ")
    if not query.strip():
        return ""
    try:
        conn.execute("SELECT 1 FROM search WHERE search MATCH ? LIMIT 1", (query,)).fetchall()
    except sqlite3.OperationalError:
        return " ".join('"' + word.replace('"', '""') + '"' for word in query.split())
    return query


def _org_word(org: str) -> str:
    return f"o{hashlib.blake2b(org.encode(), digest_size=12).hexdigest()}"


def _room_word(org: str, room_id: str) -> str:
    key = f"{len(org)}:{org}{room_id}"
    return f"r{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}"
