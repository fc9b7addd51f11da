"""The tables of the PostgreSQL store, as numbered migrations that only go forward.

A migration that was released is never changed: add the next number instead. What the
columns beside ``data`` hold is what is queried; ``data`` is the serialised message. Ids are
compared byte by byte (``COLLATE "C"``), as everywhere else in the server.
"""

from __future__ import annotations

from typing import Any

from roomd import v1 as pb
from roomd_server.stores.postgres_link import LOCK_SECONDS, dial, opening_error, own
from roomd_server.stores.postgres_tables import escaped
from roomd_server.stores.schema import Migration, beyond

CONFLICT = "RD001"
"""SQLSTATE of a key that had to be new; see ``all_written``."""

_ID = 'text COLLATE "C" NOT NULL'

_INITIAL = (
    f"""CREATE TABLE rooms (
        org {_ID}, room_id {_ID},
        status int NOT NULL, last_activity float8 NOT NULL, timer_due float8,
        data bytea NOT NULL,
        PRIMARY KEY (org, room_id)
    ) WITH (fillfactor = 70)""",
    "CREATE INDEX rooms_due ON rooms (timer_due) WHERE timer_due IS NOT NULL",
    # Appended in commit order, by the one writer: `id` is also the position up to which
    # search is indexed.
    f"""CREATE TABLE events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        org {_ID}, room_id {_ID}, idx bigint NOT NULL, event_id {_ID},
        type int NOT NULL, status int NOT NULL, deleted boolean NOT NULL,
        parent_event_id {_ID}, channel_id {_ID}, participant_id {_ID},
        correlation_id {_ID}, create_time float8 NOT NULL,
        data bytea NOT NULL
    )""",
    "CREATE UNIQUE INDEX events_log ON events (org, room_id, idx)",
    "CREATE UNIQUE INDEX events_id ON events (org, event_id)",
    """CREATE INDEX events_thread ON events (org, room_id, parent_event_id, idx)
        WHERE parent_event_id <> ''""",
    # open: whether the room is ACTIVE or PAUSED, kept by the trigger below, so that routing
    # costs as much as a channel has open rooms, not as much as it ever had.
    f"""CREATE TABLE bindings (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        org {_ID}, room_id {_ID}, channel_id {_ID}, open boolean NOT NULL, data bytea NOT NULL
    )""",
    "CREATE UNIQUE INDEX bindings_room ON bindings (org, room_id, channel_id)",
    "CREATE INDEX bindings_channel ON bindings (org, channel_id, room_id)",
    "CREATE INDEX bindings_open ON bindings (org, channel_id, room_id) WHERE open",
    f"""CREATE TABLE participants (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        org {_ID}, room_id {_ID}, participant_id {_ID},
        open boolean NOT NULL, data bytea NOT NULL
    )""",
    "CREATE UNIQUE INDEX participants_room ON participants (org, room_id, participant_id)",
    "CREATE INDEX participants_rooms ON participants (org, participant_id, room_id)",
    "CREATE INDEX participants_open ON participants (org, participant_id, room_id) WHERE open",
    """CREATE FUNCTION follow_room() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE bindings SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
            UPDATE participants SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
            RETURN NULL;
        END $$""",
    """CREATE TRIGGER room_opened_or_closed AFTER UPDATE OF status ON rooms FOR EACH ROW
        WHEN ((old.status IN (1, 2)) <> (new.status IN (1, 2)))
        EXECUTE FUNCTION follow_room()""",
    f"""CREATE TABLE tasks (
        org {_ID}, room_id {_ID}, task_id {_ID}, status int NOT NULL, data bytea NOT NULL,
        PRIMARY KEY (org, room_id, task_id)
    )""",
    f"""CREATE TABLE observations (
        org {_ID}, room_id {_ID}, observation_id {_ID}, category {_ID}, data bytea NOT NULL,
        PRIMARY KEY (org, room_id, observation_id)
    )""",
    f"""CREATE TABLE deliveries (
        org {_ID}, room_id {_ID}, event_index bigint NOT NULL,
        delivery_id {_ID}, channel_id {_ID}, state int NOT NULL, data bytea NOT NULL,
        PRIMARY KEY (org, delivery_id)
    )""",
    "CREATE INDEX deliveries_event ON deliveries (org, room_id, event_index, delivery_id)",
    # PENDING and SENDING: the outbox. Small, whatever the history.
    """CREATE INDEX deliveries_unfinished
        ON deliveries (org, room_id, channel_id, event_index, delivery_id)
        WHERE state IN (1, 2)""",
    f"""CREATE TABLE delivery_provider_ids (
        org {_ID}, channel_id {_ID}, provider_message_id {_ID},
        room_id {_ID}, delivery_id {_ID},
        PRIMARY KEY (org, channel_id, provider_message_id)
    )""",
    "CREATE INDEX delivery_provider_ids_room ON delivery_provider_ids (org, room_id)",
    f"""CREATE TABLE keys (
        org {_ID}, scope {_ID}, key {_ID},
        expires float8 NOT NULL, fingerprint bytea NOT NULL, value bytea NOT NULL,
        PRIMARY KEY (org, scope, key)
    )""",
    "CREATE INDEX keys_expiry ON keys (expires)",
    f"""CREATE TABLE markers (
        org {_ID}, room_id {_ID}, channel_id {_ID}, data bytea NOT NULL,
        PRIMARY KEY (org, room_id, channel_id)
    )""",
    f"""CREATE TABLE changes (
        org {_ID}, room_id {_ID}, sequence bigint NOT NULL,
        after_index bigint NOT NULL, item bytea NOT NULL,
        PRIMARY KEY (org, room_id, sequence)
    )""",
    f"""CREATE TABLE queued (
        org {_ID}, room_id {_ID}, queued_id {_ID},
        queued_time float8 NOT NULL, request bytea NOT NULL,
        PRIMARY KEY (org, room_id, queued_id)
    )""",
    f"""CREATE TABLE channels (
        org {_ID}, channel_id {_ID}, data bytea NOT NULL, PRIMARY KEY (org, channel_id)
    )""",
    f"CREATE TABLE hooks (org {_ID}, name {_ID}, data bytea NOT NULL, PRIMARY KEY (org, name))",
    f"CREATE TABLE handlers (org {_ID}, name {_ID}, data bytea NOT NULL, PRIMARY KEY (org, name))",
    # Filled when somebody searches, never by a commit. `words` has a word for the organization
    # and one for the room too, so that the index alone finds what is in their part.
    "CREATE TABLE search (id bigint PRIMARY KEY, words tsvector NOT NULL)",
    "CREATE INDEX search_words ON search USING gin (words)",
    "CREATE TABLE search_progress (indexed_id bigint NOT NULL)",
    "INSERT INTO search_progress VALUES (0)",
    "CREATE TABLE search_stale (id bigint PRIMARY KEY)",
    """CREATE FUNCTION note_changed_event() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO search_stale VALUES (new.id) ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$""",
    """CREATE TRIGGER event_changed AFTER UPDATE ON events FOR EACH ROW
        EXECUTE FUNCTION note_changed_event()""",
    # Which server wrote last, and its number for that transaction: after a lost connection it
    # says whether the transaction was committed.
    """CREATE TABLE last_commit (
        one boolean PRIMARY KEY CHECK (one), writer text NOT NULL, number bigint NOT NULL
    ) WITH (fillfactor = 10)""",
    "INSERT INTO last_commit VALUES (true, '', 0)",
    # Gives `number` back, unless a row was not written: a live key was there.
    f"""CREATE FUNCTION all_written(number bigint, expected bigint, written bigint)
        RETURNS bigint LANGUAGE plpgsql AS $$
        BEGIN
            IF written < expected THEN
                RAISE EXCEPTION 'a live key exists' USING ERRCODE = '{CONFLICT}';
            END IF;
            RETURN number;
        END $$""",
)

_OBSERVER_ROWS = (
    # id: the order of rows. Rows come and go: what waits is few, but for a hook that is away.
    f"""CREATE TABLE observer_rows (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        org {_ID}, hook {_ID}, room_id {_ID}, invocation_id {_ID},
        hook_trigger int NOT NULL, event_id {_ID}, payload bytea NOT NULL,
        create_time float8 NOT NULL, attempts int NOT NULL, due float8 NOT NULL,
        parked boolean NOT NULL, park_time float8 NOT NULL, status bytea NOT NULL
    )""",
    "CREATE UNIQUE INDEX observer_rows_id ON observer_rows (org, invocation_id)",
    "CREATE INDEX observer_rows_hook ON observer_rows (org, hook, parked, room_id, id)",
    "CREATE INDEX observer_rows_room ON observer_rows (org, room_id)",
    "CREATE INDEX observer_rows_parked ON observer_rows (park_time) WHERE parked",
)

_HORIZONS = (
    # Where the log of a room begins, once older entries were removed: also when none is left.
    f"""CREATE TABLE horizons (
        org {_ID}, room_id {_ID}, oldest_index bigint NOT NULL, oldest_change bigint NOT NULL,
        PRIMARY KEY (org, room_id)
    )""",
)

_ERASURES = (
    # Rooms that are gone and of whose history something is left.
    f"CREATE TABLE erasures (org {_ID}, room_id {_ID}, PRIMARY KEY (org, room_id))",
)

_ROOM_LABELS = (
    f"""CREATE TABLE room_labels (
        org {_ID}, name {_ID}, value {_ID}, room_id {_ID},
        PRIMARY KEY (org, name, value, room_id)
    )""",
    "CREATE INDEX room_labels_room ON room_labels (org, room_id)",
)


async def _label_rooms(conn: Any) -> None:
    """Fill ``room_labels`` with those of the rooms that are there."""
    async for org, room_id, data in conn.cursor("SELECT org, room_id, data FROM rooms"):
        labels = pb.Room.FromString(data).labels
        if labels:
            await conn.execute(
                "INSERT INTO room_labels SELECT $1, name, value, $2"
                " FROM unnest($3::text[], $4::text[]) AS new (name, value)",
                *(org, room_id, [*map(escaped, labels)], [*map(escaped, labels.values())]),
            )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "rooms, events, deliveries, keys, channels, hooks, handlers, search", _INITIAL),
    Migration(2, "what durable observers have still to see", _OBSERVER_ROWS),
    Migration(3, "where the log of a room begins", _HORIZONS),
    Migration(4, "rooms that are being erased", _ERASURES),
    Migration(5, "rooms by their labels", _ROOM_LABELS, _label_rooms),
)


async def schema_version(conn: Any) -> int:
    """Number of the newest migration applied; 0 for an empty database."""
    if await conn.fetchval("SELECT to_regclass('schema_version')") is None:
        return 0
    return int(await conn.fetchval("SELECT coalesce(max(number), 0) FROM schema_version"))


async def outstanding(conn: Any) -> list[Migration]:
    """Migrations that the database still needs, in order.

    Raises:
        SchemaTooNew: the database is ahead of this release.
    """
    return beyond(await schema_version(conn), MIGRATIONS)


async def apply_migrations(conn: Any) -> list[Migration]:
    """Bring the database up to date, one transaction per migration; return those applied.

    Hold the writer's lock (``postgres_link``) meanwhile: nobody else does this then.

    Raises:
        SchemaTooNew: the database is ahead of this release; nothing was changed.
    """
    needed = await outstanding(conn)
    for migration in needed:
        async with conn.transaction():
            await conn.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (number int PRIMARY KEY, title text)"
            )
            for statement in migration.statements:
                await conn.execute(statement)
            if migration.fill is not None:
                await migration.fill(conn)
            await conn.execute(
                "INSERT INTO schema_version VALUES ($1, $2)", migration.number, migration.title
            )
    return needed


async def migrate(url: str, *, dry_run: bool = False) -> list[Migration]:
    """Bring a database up to date; return what was (or would be) applied.

    With ``dry_run`` nothing is written, and a server may be at work.

    Raises:
        SchemaTooNew: the database is ahead of this release.
        StoreInUse: a server is at work.
        StoreRefused: the database does not let us in.
        Unavailable: the database does not answer.
    """
    conn = None
    try:
        if dry_run:
            conn = await dial(url)
            return await outstanding(conn)
        conn = await own(url, patience_seconds=LOCK_SECONDS)
        return await apply_migrations(conn)
    except Exception as error:
        raise opening_error(url, error) from error
    finally:
        if conn is not None:
            conn.terminate()
