"""What is read across rooms and of the organization: functions of a connection, no state.

Reads of one room are in ``postgres_reads``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roomd import v1 as pb
from roomd_server.stores.postgres_query import IN_ORDER, Where, messages, rows, snapshot
from roomd_server.stores.postgres_tables import unescaped

PURGE_STEP_KEYS = 1000
"""Keys forgotten in one transaction: commits get in between."""
COMMON_LABEL = 1000
"""Rooms with a label that make it a common one; how many more there are does not matter."""


async def get_rooms(conn: Any, org: str, room_ids: Sequence[str]) -> list[pb.Room]:
    """See ``ports.Store.get_rooms``; in the order asked for, each once."""
    wanted = list(dict.fromkeys(room_ids))
    sql = "SELECT data FROM rooms WHERE org = $1 AND room_id = ANY ($2)"
    found = {room.room_id: room for room in await messages(conn, pb.Room, sql, (org, wanted))}
    return [found[room_id] for room_id in wanted if room_id in found]


async def list_rooms(
    conn: Any, org: str, request: pb.ListRoomsRequest, after: str, limit: int
) -> list[pb.Room]:
    """See ``ports.Store.list_rooms``; room by room in the order of the rarest label, or of all."""
    labels = await _rarest_first(conn, org, request)
    source, room_id = "rooms r", "r.room_id"
    where = Where("r.org = {}", org)
    if labels:
        source = "room_labels l JOIN rooms r ON r.org = l.org AND r.room_id = l.room_id"
        room_id = "l.room_id"
        where = Where("l.org = {} AND l.name = {} AND l.value = {}", org, *labels[0])
    for label in labels[1:]:
        # Looked up for each room of the first label; EXISTS may become a join of all with all.
        where.add(
            "(SELECT true FROM room_labels o WHERE o.org = l.org AND o.name = {}"
            " AND o.value = {} AND o.room_id = l.room_id)",
            *label,
        )
    if request.statuses:
        where.add("r.status = ANY ({})", list(request.statuses))
    for table, column, value in (
        ("participants", "participant_id", request.participant_id),
        ("bindings", "channel_id", request.channel_id),
    ):
        if value:
            where.add(
                f"r.room_id IN (SELECT room_id FROM {table} WHERE org = {{}} AND {column} = {{}})",
                *(org, value),
            )
    where.add(f"{room_id} > {{}}", after)
    sql = f"SELECT r.data FROM {source} WHERE {where} ORDER BY {room_id} LIMIT {int(limit)}"
    async with snapshot(conn):
        await conn.execute(IN_ORDER)
        return await messages(conn, pb.Room, sql, where.values)


async def _rarest_first(conn: Any, org: str, request: pb.ListRoomsRequest) -> list[tuple[str, str]]:
    """The labels asked for, the one that the fewest rooms have first."""
    labels = sorted(request.labels.items())
    if len(labels) < 2:
        return labels
    count = f"""SELECT count(*) FROM (SELECT 1 FROM room_labels
        WHERE org = $1 AND name = $2 AND value = $3 LIMIT {COMMON_LABEL}) AS found"""
    counts = [(await rows(conn, count, (org, *label)))[0][0] for label in labels]
    return [label for _, label in sorted(zip(counts, labels, strict=True))]


async def open_rooms_of_participant(
    conn: Any, org: str, channel_id: str, participant_id: str, limit: int
) -> list[str]:
    """See ``ports.Store.open_rooms_of_participant``."""
    found: list[str] = []
    for room_id, data in await rows(
        conn,
        """SELECT p.room_id, p.data FROM participants p
            JOIN bindings b ON b.org = p.org AND b.room_id = p.room_id AND b.channel_id = $1
            JOIN rooms r ON r.org = p.org AND r.room_id = p.room_id
            WHERE p.org = $2 AND p.participant_id = $3 AND p.open
            ORDER BY r.last_activity DESC, r.room_id DESC""",
        (channel_id, org, participant_id),
    ):
        if len(found) < limit and channel_id in pb.Participant.FromString(data).channel_ids:
            found.append(unescaped(room_id))
    return found


async def open_rooms_of_channel(conn: Any, org: str, channel_id: str, limit: int) -> list[str]:
    """See ``ports.Store.open_rooms_of_channel``."""
    found = await rows(
        conn,
        """SELECT b.room_id FROM bindings b
            JOIN rooms r ON r.org = b.org AND r.room_id = b.room_id
            WHERE b.org = $1 AND b.channel_id = $2 AND b.open
            ORDER BY r.last_activity DESC, r.room_id DESC LIMIT $3""",
        (org, channel_id, limit),
    )
    return [unescaped(room_id) for (room_id,) in found]


async def rooms_of_channel(
    conn: Any, org: str, channel_id: str, after: str, limit: int
) -> list[str]:
    """See ``ports.Store.rooms_of_channel``."""
    found = await rows(
        conn,
        """SELECT room_id FROM bindings WHERE org = $1 AND channel_id = $2 AND room_id > $3
            ORDER BY room_id LIMIT $4""",
        (org, channel_id, after, limit),
    )
    return [unescaped(room_id) for (room_id,) in found]


async def due_timers(conn: Any, now: float, limit: int) -> list[tuple[str, str]]:
    """See ``ports.Store.due_timers``."""
    return _places(
        await rows(
            conn,
            """SELECT org, room_id FROM rooms WHERE timer_due <= $1
                ORDER BY timer_due, org, room_id LIMIT $2""",
            (now, limit),
        )
    )


async def next_timer(conn: Any) -> float | None:
    """See ``ports.Store.next_timer``."""
    sql = "SELECT min(timer_due) FROM rooms WHERE timer_due IS NOT NULL"
    ((due,),) = await rows(conn, sql)
    return None if due is None else float(due)


async def rooms_with_queued(conn: Any, limit: int) -> list[tuple[str, str]]:
    """See ``ports.Store.rooms_with_queued``."""
    sql = "SELECT DISTINCT org, room_id FROM queued ORDER BY org, room_id LIMIT $1"
    return _places(await rows(conn, sql, (limit,)))


def _places(found: list[Any]) -> list[tuple[str, str]]:
    return [(unescaped(org), unescaped(room_id)) for org, room_id in found]


async def list_channels(conn: Any, org: str | None) -> list[tuple[str, pb.Channel]]:
    """See ``ports.Store.list_channels``; by organization and id."""
    found = await rows(
        conn,
        """SELECT org, data FROM channels WHERE $1::text IS NULL OR org = $1
            ORDER BY org, channel_id""",
        (org,),
    )
    return [(unescaped(owner), pb.Channel.FromString(data)) for owner, data in found]


async def list_hooks(conn: Any) -> list[pb.Hook]:
    """See ``ports.Store.list_hooks``; by organization and name."""
    return await messages(conn, pb.Hook, "SELECT data FROM hooks ORDER BY org, name", ())


async def list_handlers(conn: Any) -> list[tuple[str, pb.Handler]]:
    """See ``ports.Store.list_handlers``; by organization and name."""
    found = await rows(conn, "SELECT org, data FROM handlers ORDER BY org, name")
    return [(unescaped(owner), pb.Handler.FromString(data)) for owner, data in found]


async def purge_step(conn: Any, now: float) -> int:
    """Forget at most ``PURGE_STEP_KEYS`` keys that have expired; return how many."""
    gone = await rows(
        conn,
        """DELETE FROM keys WHERE (org, scope, key) IN (
            SELECT org, scope, key FROM keys WHERE expires <= $1 ORDER BY expires LIMIT $2)
            RETURNING 1""",
        (now, PURGE_STEP_KEYS),
    )
    return len(gone)
