"""Full-text search over events in PostgreSQL: a lazy index of ``tsvector``.

Commits never touch the index. A search first brings it up to date: events beyond the newest
one indexed, and those changed since (a trigger notes them). There is one writer, so events
get their ``id`` in the order of their commits, and none appears below the position later.
"""

from __future__ import annotations

import hashlib
from typing import Any

from roomd import v1 as pb
from roomd_server.stores.postgres_query import rows
from roomd_server.stores.postgres_tables import escaped, unescaped
from roomd_server.stores.search_query import parse, snippet, words
from roomd_server.stores.search_text import event_text

INDEX_STEP_EVENTS = 500
"""Events indexed in one transaction: commits get in between."""
MAX_POSITION = 16_383
"""Positions that a ``tsvector`` tells apart."""
MAX_POSITIONS_OF_WORD = 255
MAX_WORD_BYTES = 2000
BY_LENGTH = 2
"""Rank divided by the length of the text."""

_FIND = f"""SELECT e.data FROM search s JOIN events e ON e.id = s.id
    WHERE s.words @@ $1::text::tsquery AND e.org = $2 AND ($3 = '' OR e.room_id = $3)
        AND NOT e.deleted AND e.status <> $4
        AND NOT EXISTS (SELECT 1 FROM erasures g WHERE g.org = e.org AND g.room_id = e.room_id)
    ORDER BY ts_rank(s.words, $5::text::tsquery, {BY_LENGTH}) DESC, s.id DESC LIMIT $6 OFFSET $7"""


async def newest_event(conn: Any) -> int | None:
    """Up to which event the index must reach to be up to date; None: it is."""
    ((newest, indexed, stale),) = await rows(
        conn,
        """SELECT (SELECT coalesce(max(id), 0) FROM events),
            (SELECT indexed_id FROM search_progress), EXISTS (SELECT 1 FROM search_stale)""",
    )
    return int(newest) if stale or indexed < newest else None


async def index_step(conn: Any, target: int) -> bool:
    """Index the next events; True when it reaches ``target`` and nothing is stale.

    Runs in the caller's transaction.
    """
    stale = [
        number
        for (number,) in await rows(
            conn,
            """DELETE FROM search_stale WHERE id IN (SELECT id FROM search_stale LIMIT $1)
                RETURNING id""",
            (INDEX_STEP_EVENTS,),
        )
    ]
    indexed = await conn.fetchval("SELECT indexed_id FROM search_progress")
    known = [number for number in stale if number <= indexed]
    await conn.execute("DELETE FROM search WHERE id = ANY ($1::bigint[])", known)
    changed = await rows(
        conn, "SELECT id, org, room_id, data FROM events WHERE id = ANY ($1::bigint[])", (known,)
    )
    new = await rows(
        conn,
        "SELECT id, org, room_id, data FROM events WHERE id > $1 ORDER BY id LIMIT $2",
        (indexed, INDEX_STEP_EVENTS),
    )
    vectors = [
        (number, vector)
        for number, org, room_id, data in changed + new
        if (vector := _vector(unescaped(org), unescaped(room_id), pb.RoomEvent.FromString(data)))
    ]
    await conn.execute(
        "INSERT INTO search SELECT id, words::tsvector"
        " FROM unnest($1::bigint[], $2::text[]) AS new (id, words)",
        [number for number, _ in vectors],
        [vector for _, vector in vectors],
    )
    if new:
        indexed = new[-1][0]
        await conn.execute("UPDATE search_progress SET indexed_id = $1", indexed)
    return bool(indexed >= target and len(stale) < INDEX_STEP_EVENTS)


async def find(
    conn: Any, org: str, query: str, room_id: str, offset: int, limit: int
) -> list[tuple[pb.RoomEvent, str]]:
    """Events that match, best first, newest first among equals."""
    asked = parse(query)
    if not asked.expression:
        return []
    scope = _room_word(org, room_id) if room_id else _org_word(org)
    # The organization is checked on the events too: a query must not be able to leave it.
    found = await conn.fetch(
        _FIND,
        f"'{scope}' & ({asked.expression})",
        escaped(org),
        escaped(room_id),
        pb.EVENT_STATUS_BLOCKED,
        asked.expression,
        limit,
        offset,
    )
    events = [pb.RoomEvent.FromString(data) for (data,) in found]
    return [(event, snippet(event_text(event), asked.phrases)) for event in events]


def _vector(org: str, room_id: str, event: pb.RoomEvent) -> str:
    """The words of an event with their positions, as a ``tsvector``; empty: it has none."""
    positions: dict[str, list[int]] = {}
    for number, word in enumerate(words(event_text(event)), 1):
        if len(word.text.encode()) <= MAX_WORD_BYTES:
            positions.setdefault(word.text, []).append(min(number, MAX_POSITION))
    if not positions:
        return ""
    lexemes = [
        f"'{word}':{','.join(map(str, places[:MAX_POSITIONS_OF_WORD]))}"
        for word, places in positions.items()
    ]
    return " ".join((f"'{_org_word(org)}'", f"'{_room_word(org, room_id)}'", *lexemes))


def _org_word(org: str) -> str:
    """A word that no text has: a sign is in it."""
    return f"o:{hashlib.blake2b(org.encode(), digest_size=12).hexdigest()}"


def _room_word(org: str, room_id: str) -> str:
    key = f"{len(org)}:{org}{room_id}"
    return f"r:{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}"
