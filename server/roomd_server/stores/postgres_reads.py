"""What is read from the tables of one room: functions of a connection, no state.

Reads across rooms and of the organization are in ``postgres_directory``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from roomd import v1 as pb
from roomd_server.core.keys import key_hash
from roomd_server.core.log import Position
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    EventQuery,
    KeyRecord,
    LogPage,
    QueuedText,
    RoomSnapshot,
)
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.stores.log_order import merged
from roomd_server.stores.postgres_query import Where, message, messages, rows, snapshot
from roomd_server.stores.postgres_retention import OF_ROOM, OLDEST_CHANGE, OLDEST_INDEX
from roomd_server.stores.postgres_tables import unescaped

SNAPSHOT_EVENTS = 32
SNAPSHOT_KEYS = 512

UNFINISHED = f"state IN ({pb.DELIVERY_STATE_PENDING}, {pb.DELIVERY_STATE_SENDING})"
"""Written out, so that the partial index of the outbox is used."""


# ------------------------------------------------------------------ room


async def load_room(conn: Any, org: str, room_id: str, now: float) -> RoomSnapshot | None:
    """See ``ports.Store.load_room``; keys that have expired by ``now`` are left out."""
    async with snapshot(conn):
        return await _load_room(conn, org, room_id, now)


async def _load_room(conn: Any, org: str, room_id: str, now: float) -> RoomSnapshot | None:
    key = (org, room_id)
    room = await message(
        conn, pb.Room, "SELECT data FROM rooms WHERE org = $1 AND room_id = $2", key
    )
    if room is None:
        return None
    newest = await list_events(conn, org, EventQuery(room_id, SNAPSHOT_EVENTS, newest_first=True))
    scope = (org, f"room:{room_id}", now)
    ((next_change, key_count, *kept_from),) = await rows(
        conn,
        f"""SELECT greatest((SELECT max(sequence) + 1 FROM changes {OF_ROOM}), {OLDEST_CHANGE}),
            (SELECT count(*) FROM keys WHERE org = $1 AND scope = $3 AND expires > $4),
            {OLDEST_INDEX}, {OLDEST_CHANGE}""",
        (org, room_id, *scope[1:]),
    )
    keys = await rows(
        conn,
        """SELECT key, fingerprint, value FROM keys
            WHERE org = $1 AND scope = $2 AND expires > $3
            ORDER BY expires DESC, key DESC LIMIT $4""",
        (*scope, SNAPSHOT_KEYS),
    )
    return RoomSnapshot(
        room=room,
        bindings=await messages(
            conn,
            pb.Binding,
            "SELECT data FROM bindings WHERE org = $1 AND room_id = $2 ORDER BY id",
            key,
        ),
        participants=await messages(
            conn,
            pb.Participant,
            "SELECT data FROM participants WHERE org = $1 AND room_id = $2 ORDER BY id",
            key,
        ),
        recent_events=newest[::-1],
        next_change=next_change,
        recent_keys=[
            (unescaped(name), mark, value.decode()) for name, mark, value in reversed(keys)
        ],
        key_count=key_count,
        queued=await _queued(conn, org, room_id),
        kept_from=Position(*kept_from),
    )


async def _queued(conn: Any, org: str, room_id: str) -> list[QueuedText]:
    found = await rows(
        conn,
        """SELECT queued_id, request, queued_time FROM queued
            WHERE org = $1 AND room_id = $2 ORDER BY queued_time, queued_id""",
        (org, room_id),
    )
    return [
        QueuedText(unescaped(queued_id), pb.DeliverRequest.FromString(request), queued_time)
        for queued_id, request, queued_time in found
    ]


async def key_hashes(conn: Any, org: str, scope: str, now: float) -> list[bytes]:
    """See ``ports.Store.key_hashes``."""
    sql = "SELECT key FROM keys WHERE org = $1 AND scope = $2 AND expires > $3"
    return [key_hash(unescaped(key)) for (key,) in await rows(conn, sql, (org, scope, now))]


async def get_key(conn: Any, org: str, scope: str, key: str, now: float) -> KeyRecord | None:
    """See ``ports.Store.get_key``."""
    found = await rows(
        conn,
        """SELECT fingerprint, value, expires FROM keys
            WHERE org = $1 AND scope = $2 AND key = $3 AND expires > $4""",
        (org, scope, key, now),
    )
    return KeyRecord(scope, key, *found[0]) if found else None


# ------------------------------------------------------------------ events


async def get_event(
    conn: Any, org: str, room_id: str, event_id: str, index: int | None
) -> pb.RoomEvent | None:
    """See ``ports.Store.get_event``."""
    where = Where("org = {} AND room_id = {}", org, room_id)
    if index is not None:
        where.add("idx = {}", index)
    else:
        where.add("event_id = {}", event_id)
    return await message(conn, pb.RoomEvent, f"SELECT data FROM events WHERE {where}", where.values)


def _types(values: Sequence[int]) -> list[int]:
    # UNSPECIFIED means MESSAGE, in events and in what is asked for.
    return [value or pb.EVENT_TYPE_MESSAGE for value in values]


_LISTS: dict[str, tuple[str, Callable[[Any], list[int]]]] = {
    "types": ("type = ANY ({})", _types),
    "exclude_types": ("type <> ALL ({})", _types),
    "statuses": ("status = ANY ({})", list),
}
_STRINGS = {
    "channel_id": "channel_id = {}",
    "participant_id": "participant_id = {}",
    # The second half lets the partial index of threads be used.
    "parent_event_id": "parent_event_id = {} AND parent_event_id <> ''",
    "correlation_id": "correlation_id = {}",
}
_TIMES = {"after_time": "create_time >= {}", "before_time": "create_time < {}"}


def _filter(where: Where, asked: pb.EventFilter) -> None:
    """Add a filter's conditions; who may see an event is the caller's matter."""
    for name, (test, normal) in _LISTS.items():
        if values := normal(getattr(asked, name)):
            where.add(test, values)
    for name, test in _STRINGS.items():
        if value := getattr(asked, name):
            where.add(test, value)
    for name, test in _TIMES.items():
        if asked.HasField(name):
            where.add(test, seconds_of(getattr(asked, name)))
    if asked.top_level_only:
        where.add("parent_event_id = ''")


async def list_events(conn: Any, org: str, query: EventQuery) -> list[pb.RoomEvent]:
    """See ``ports.Store.list_events``."""
    where = Where("org = {} AND room_id = {}", org, query.room_id)
    if query.after_index is not None:
        where.add("idx > {}", query.after_index)
    if query.before_index is not None:
        where.add("idx < {}", query.before_index)
    if query.filter is not None:
        _filter(where, query.filter)
    order = "DESC" if query.newest_first else "ASC"
    sql = (
        f"SELECT data FROM events WHERE {where} ORDER BY idx {order}"
        f" LIMIT {where.place(query.limit)} OFFSET {where.place(query.offset)}"
    )
    return await messages(conn, pb.RoomEvent, sql, where.values)


async def read_log(
    conn: Any, org: str, room_id: str, position: tuple[int, int], limit: int
) -> LogPage:
    """See ``ports.Store.read_log``; ``position`` is (next index, next change)."""
    async with snapshot(conn):
        events = await messages(
            conn,
            pb.RoomEvent,
            """SELECT data FROM events WHERE org = $1 AND room_id = $2 AND idx >= $3
                ORDER BY idx LIMIT $4""",
            (org, room_id, position[0], limit + 1),
        )
        changes = await rows(
            conn,
            """SELECT sequence, after_index, item FROM changes
                WHERE org = $1 AND room_id = $2 AND sequence >= $3 ORDER BY sequence LIMIT $4""",
            (org, room_id, position[1], limit + 1),
        )
        (oldest,) = await rows(conn, f"SELECT {OLDEST_INDEX}, {OLDEST_CHANGE}", (org, room_id))
    entries = merged(events, [Change(*row) for row in changes])
    return LogPage(entries[:limit], Position(*oldest), len(entries) > limit)


async def thread_summaries(
    conn: Any, org: str, room_id: str, after: str, limit: int
) -> list[pb.ThreadSummary]:
    """See ``ports.Store.thread_summaries``; BLOCKED and deleted replies do not count."""
    found = await rows(
        conn,
        """SELECT parent_event_id, count(*), max(create_time) FROM events
            WHERE org = $1 AND room_id = $2 AND parent_event_id > $3 AND parent_event_id <> ''
                AND status <> $4 AND NOT deleted
            GROUP BY parent_event_id ORDER BY parent_event_id LIMIT $5""",
        (org, room_id, after, pb.EVENT_STATUS_BLOCKED, limit),
    )
    return [
        pb.ThreadSummary(
            root_event_id=unescaped(root), reply_count=count, last_reply_time=timestamp(last)
        )
        for root, count, last in found
    ]


async def replies(
    conn: Any, org: str, room_id: str, event_id: str, limit: int
) -> list[pb.RoomEvent]:
    """See ``ports.Store.replies``."""
    return await messages(
        conn,
        pb.RoomEvent,
        """SELECT data FROM events
            WHERE org = $1 AND room_id = $2 AND parent_event_id = $3 AND parent_event_id <> ''
            ORDER BY idx LIMIT $4""",
        (org, room_id, event_id, limit),
    )


async def count_unread(conn: Any, org: str, room_id: str, after_index: int) -> int:
    """See ``ports.Store.count_unread``."""
    ((count,),) = await rows(
        conn,
        """SELECT count(*) FROM events WHERE org = $1 AND room_id = $2 AND idx > $3
            AND type = $4 AND status <> $5 AND NOT deleted""",
        (org, room_id, after_index, pb.EVENT_TYPE_MESSAGE, pb.EVENT_STATUS_BLOCKED),
    )
    return int(count)


# ------------------------------------------------------------------ tasks, observations, markers


async def list_tasks(
    conn: Any, org: str, room_id: str, statuses: Sequence[int], page: tuple[str, int]
) -> list[pb.Task]:
    """See ``ports.Store.list_tasks``; ``page`` is (after, limit)."""
    where = Where("org = {} AND room_id = {} AND task_id > {}", org, room_id, page[0])
    if statuses:
        where.add("status = ANY ({})", list(statuses))
    sql = f"SELECT data FROM tasks WHERE {where} ORDER BY task_id LIMIT {where.place(page[1])}"
    return await messages(conn, pb.Task, sql, where.values)


async def get_task(conn: Any, org: str, room_id: str, task_id: str) -> pb.Task | None:
    """See ``ports.Store.get_task``."""
    sql = "SELECT data FROM tasks WHERE org = $1 AND room_id = $2 AND task_id = $3"
    return await message(conn, pb.Task, sql, (org, room_id, task_id))


async def list_observations(
    conn: Any, org: str, room_id: str, category: str, page: tuple[str, int]
) -> list[pb.Observation]:
    """See ``ports.Store.list_observations``; ``page`` is (after, limit)."""
    where = Where("org = {} AND room_id = {} AND observation_id > {}", org, room_id, page[0])
    if category:
        where.add("category = {}", category)
    sql = (
        f"SELECT data FROM observations WHERE {where}"
        f" ORDER BY observation_id LIMIT {where.place(page[1])}"
    )
    return await messages(conn, pb.Observation, sql, where.values)


async def list_markers(conn: Any, org: str, room_id: str) -> list[pb.ReadMarker]:
    """See ``ports.Store.list_markers``."""
    sql = "SELECT data FROM markers WHERE org = $1 AND room_id = $2 ORDER BY channel_id"
    return await messages(conn, pb.ReadMarker, sql, (org, room_id))


# ------------------------------------------------------------------ deliveries


async def get_delivery(conn: Any, org: str, room_id: str, delivery_id: str) -> pb.Delivery | None:
    """See ``ports.Store.get_delivery``."""
    sql = "SELECT data FROM deliveries WHERE org = $1 AND room_id = $2 AND delivery_id = $3"
    return await message(conn, pb.Delivery, sql, (org, room_id, delivery_id))


async def find_delivery(
    conn: Any, org: str, channel_id: str, provider_message_id: str
) -> pb.Delivery | None:
    """See ``ports.Store.find_delivery``."""
    return await message(
        conn,
        pb.Delivery,
        """SELECT d.data FROM delivery_provider_ids p
            JOIN deliveries d ON d.org = p.org AND d.delivery_id = p.delivery_id
            WHERE p.org = $1 AND p.channel_id = $2 AND p.provider_message_id = $3""",
        (org, channel_id, provider_message_id),
    )


async def list_deliveries(conn: Any, org: str, query: DeliveryQuery) -> list[pb.Delivery]:
    """See ``ports.Store.list_deliveries``; newest event first, then by id descending."""
    where = Where("org = {} AND room_id = {}", org, query.room_id)
    if event_ids := [one for one in (query.event_id, *query.event_ids) if one]:
        where.add(
            "event_index IN (SELECT idx FROM events"
            " WHERE org = {} AND room_id = {} AND event_id = ANY ({}))",
            *(org, query.room_id, event_ids),
        )
    if query.channel_id:
        where.add("channel_id = {}", query.channel_id)
    if query.states:
        where.add("state = ANY ({})", list(query.states))
    if query.before is not None:
        where.add(
            "(event_index, delivery_id) < (SELECT event_index, delivery_id FROM deliveries"
            " WHERE org = {} AND delivery_id = {})",
            *(org, query.before[1]),
        )
    sql = (
        f"SELECT data FROM deliveries WHERE {where}"
        f" ORDER BY event_index DESC, delivery_id DESC LIMIT {where.place(query.limit)}"
    )
    return await messages(conn, pb.Delivery, sql, where.values)


async def unfinished_deliveries(
    conn: Any, after: tuple[str, str, str, int] | None, limit: int
) -> list[tuple[str, pb.Delivery]]:
    """See ``ports.Store.unfinished_deliveries``."""
    where = Where(UNFINISHED)
    if after is not None:
        where.add("(org, room_id, channel_id, event_index) > ({}, {}, {}, {})", *after)
    found = await rows(
        conn,
        f"""SELECT org, data FROM deliveries WHERE {where}
            ORDER BY org, room_id, channel_id, event_index, delivery_id
            LIMIT {where.place(limit)}""",
        where.values,
    )
    return [(unescaped(org), pb.Delivery.FromString(data)) for org, data in found]


async def unfinished_of_lane(
    conn: Any, lane: tuple[str, str, str], after_index: int, limit: int
) -> list[pb.Delivery]:
    """See ``ports.Store.unfinished_of_lane``; ``lane`` is (org, room id, channel id)."""
    return await messages(
        conn,
        pb.Delivery,
        f"""SELECT data FROM deliveries WHERE {UNFINISHED}
                AND org = $1 AND room_id = $2 AND channel_id = $3 AND event_index > $4
            ORDER BY event_index, delivery_id LIMIT $5""",
        (*lane, after_index, limit),
    )
