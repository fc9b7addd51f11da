"""What a room does not keep for ever: the oldest part of its log, removed in small steps."""

from __future__ import annotations

from typing import Any

from roomd import v1 as pb
from roomd_server.core.log import Position
from roomd_server.core.ports import AgingRoom
from roomd_server.stores.postgres_query import messages, rows
from roomd_server.stores.postgres_tables import unescaped

OF_ROOM = "WHERE org = $1 AND room_id = $2"
OLDEST_INDEX = f"coalesce((SELECT oldest_index FROM horizons {OF_ROOM}), 0)"
OLDEST_CHANGE = f"coalesce((SELECT oldest_change FROM horizons {OF_ROOM}), 0)"
"""Where the log of a room begins; its next position is never below that."""

_WORDS = f"DELETE FROM {{}} WHERE id IN (SELECT id FROM events {OF_ROOM} AND idx < $3)"
_FIRST_CHANGE = f"""SELECT coalesce(
        (SELECT sequence FROM changes {OF_ROOM} AND after_index >= $3::bigint - 1
            ORDER BY sequence LIMIT 1),
        (SELECT max(sequence) + 1 FROM changes {OF_ROOM}), {OLDEST_CHANGE})"""

Below = tuple[str, str, int]
"""Organization, room, and the first index that is kept."""


async def aging_rooms(conn: Any, after: tuple[str, str], limit: int) -> list[AgingRoom]:
    """See ``ports.Store.aging_rooms``."""
    found = await rows(
        conn,
        """SELECT org, data,
                (SELECT create_time FROM events e WHERE e.org = r.org AND e.room_id = r.room_id
                    ORDER BY idx LIMIT 1)
            FROM rooms r WHERE (org, room_id) > ($1, $2) ORDER BY org, room_id LIMIT $3""",
        (*after, limit),
    )
    return [
        AgingRoom(unescaped(org), pb.Room.FromString(data), oldest) for org, data, oldest in found
    ]


async def expired_until(conn: Any, org: str, room_id: str, before: float, limit: int) -> int:
    """See ``ports.Store.expired_until``."""
    until = 0
    for index, create_time in await rows(
        conn,
        f"SELECT idx, create_time FROM events {OF_ROOM} ORDER BY idx LIMIT $3",
        (org, room_id, limit),
    ):
        if create_time >= before:
            break
        until = index + 1
    return until


async def trim(conn: Any, org: str, room_id: str, index: int) -> Position:
    """See ``ports.Store.trim_room``; in the caller's transaction."""
    below = (org, room_id, min([index, *await _owed(conn, (org, room_id, index))]))
    for table in ("search", "search_stale"):
        await rows(conn, _WORDS.format(table), below)
    await _forget_provider_ids(conn, below)
    await rows(conn, f"DELETE FROM deliveries {OF_ROOM} AND event_index < $3", below)
    await rows(conn, f"DELETE FROM events {OF_ROOM} AND idx < $3", below)
    # What happened right behind the last one removed is younger than it.
    ((change,),) = await rows(conn, _FIRST_CHANGE, below)
    await rows(conn, f"DELETE FROM changes {OF_ROOM} AND sequence < $3", (org, room_id, change))
    ((kept_index, kept_change),) = await rows(
        conn,
        """INSERT INTO horizons AS old VALUES ($1, $2, $3, $4)
            ON CONFLICT (org, room_id) DO UPDATE
            SET oldest_index = greatest(old.oldest_index, excluded.oldest_index),
                oldest_change = greatest(old.oldest_change, excluded.oldest_change)
            RETURNING oldest_index, oldest_change""",
        (*below, change),
    )
    return Position(kept_index, kept_change)


async def _owed(conn: Any, below: Below) -> list[int]:
    """Indexes of events that somebody still needs. The events are few, the rows of an observer
    may be many: a join would look all of them up for each event, INTERSECT does not.
    """
    old = await rows(conn, f"SELECT event_id, idx FROM events {OF_ROOM} AND idx < $3", below)
    index_of = {unescaped(event_id): index for event_id, index in old}
    waiting = await rows(
        conn,
        f"""SELECT event_id FROM observer_rows {OF_ROOM} AND NOT parked
            INTERSECT SELECT unnest($3::text[])""",
        (*below[:2], list(index_of)),
    )
    unfinished = await rows(
        conn,
        f"SELECT event_index FROM deliveries {OF_ROOM} AND state IN (1, 2) AND event_index < $3",
        below,
    )
    owed = [index_of[unescaped(event_id)] for (event_id,) in waiting]
    return owed + [index for (index,) in unfinished]


async def _forget_provider_ids(conn: Any, below: Below) -> None:
    """Let go of the names that providers gave to deliveries, unless they gave them again."""
    sent = await messages(
        conn, pb.Delivery, f"SELECT data FROM deliveries {OF_ROOM} AND event_index < $3", below
    )
    named = [
        (delivery.channel_id, name, delivery.delivery_id)
        for delivery in sent
        for name in {delivery.result.provider_message_id, *delivery.result.part_message_ids}
    ]
    await rows(
        conn,
        """DELETE FROM delivery_provider_ids p
            USING unnest($2::text[], $3::text[], $4::text[]) AS gone (channel, name, delivery)
            WHERE p.org = $1 AND p.channel_id = gone.channel
                AND p.provider_message_id = gone.name AND p.delivery_id = gone.delivery""",
        (below[0], *([list(column) for column in zip(*named, strict=True)] or [[], [], []])),
    )
