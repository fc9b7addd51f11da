"""The tables of the SQLite store, as numbered migrations that only go forward.

A migration that was released is never changed: add the next number instead. What the
columns beside ``data`` hold is what is queried; ``data`` is the serialised message.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from roomd import v1 as pb
from roomd_server.stores.schema import Migration, beyond

_INITIAL = (
    # status: RoomStatus. Clustered: a room is read and written whole.
    """CREATE TABLE rooms (
        org TEXT NOT NULL, room_id TEXT NOT NULL,
        status INTEGER NOT NULL, last_activity REAL NOT NULL, timer_due REAL,
        data BLOB NOT NULL,
        PRIMARY KEY (org, room_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX rooms_due ON rooms (timer_due) WHERE timer_due IS NOT NULL",
    # Appended in commit order: `id` is also the position up to which search is indexed.
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, idx INTEGER NOT NULL, event_id TEXT NOT NULL,
        type INTEGER NOT NULL, status INTEGER NOT NULL, deleted INTEGER NOT NULL,
        parent_event_id TEXT NOT NULL, channel_id TEXT NOT NULL, participant_id TEXT NOT NULL,
        correlation_id TEXT NOT NULL, create_time REAL NOT NULL,
        data BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX events_log ON events (org, room_id, idx)",
    "CREATE UNIQUE INDEX events_id ON events (org, event_id)",
    """CREATE INDEX events_thread ON events (org, room_id, parent_event_id, idx)
        WHERE parent_event_id <> ''""",
    # open: whether the room is ACTIVE or PAUSED, kept by the trigger below, so that routing
    # costs as much as a channel has open rooms, not as much as it ever had.
    """CREATE TABLE bindings (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, channel_id TEXT NOT NULL,
        open INTEGER NOT NULL, data BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX bindings_room ON bindings (org, room_id, channel_id)",
    "CREATE INDEX bindings_channel ON bindings (org, channel_id, room_id)",
    "CREATE INDEX bindings_open ON bindings (org, channel_id, room_id) WHERE open",
    """CREATE TABLE participants (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, participant_id TEXT NOT NULL,
        open INTEGER NOT NULL, data BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX participants_room ON participants (org, room_id, participant_id)",
    "CREATE INDEX participants_rooms ON participants (org, participant_id, room_id)",
    "CREATE INDEX participants_open ON participants (org, participant_id, room_id) WHERE open",
    """CREATE TRIGGER room_opened_or_closed AFTER UPDATE OF status ON rooms
        WHEN (old.status IN (1, 2)) <> (new.status IN (1, 2))
        BEGIN
            UPDATE bindings SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
            UPDATE participants SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
        END""",
    """CREATE TABLE tasks (
        org TEXT NOT NULL, room_id TEXT NOT NULL, task_id TEXT NOT NULL,
        status INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, room_id, task_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE observations (
        org TEXT NOT NULL, room_id TEXT NOT NULL, observation_id TEXT NOT NULL,
        category TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, room_id, observation_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, event_index INTEGER NOT NULL,
        delivery_id TEXT NOT NULL, channel_id TEXT NOT NULL, state INTEGER NOT NULL,
        data BLOB NOT NULL
    )""",
    # Ids grow with time: this index, like the table, is only appended to.
    "CREATE UNIQUE INDEX deliveries_id ON deliveries (org, delivery_id)",
    "CREATE INDEX deliveries_event ON deliveries (org, room_id, event_index, delivery_id)",
    # PENDING and SENDING: the outbox. Small, whatever the history.
    """CREATE INDEX deliveries_unfinished
        ON deliveries (org, room_id, channel_id, event_index, delivery_id)
        WHERE state IN (1, 2)""",
    """CREATE TABLE delivery_provider_ids (
        org TEXT NOT NULL, channel_id TEXT NOT NULL, provider_message_id TEXT NOT NULL,
        room_id TEXT NOT NULL, delivery_id TEXT NOT NULL,
        PRIMARY KEY (org, channel_id, provider_message_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX delivery_provider_ids_room ON delivery_provider_ids (org, room_id)",
    """CREATE TABLE keys (
        org TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
        expires REAL NOT NULL, fingerprint BLOB NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (org, scope, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX keys_expiry ON keys (expires)",
    """CREATE TABLE markers (
        org TEXT NOT NULL, room_id TEXT NOT NULL, channel_id TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, room_id, channel_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE changes (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, sequence INTEGER NOT NULL,
        after_index INTEGER NOT NULL, item BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX changes_log ON changes (org, room_id, sequence)",
    """CREATE TABLE queued (
        org TEXT NOT NULL, room_id TEXT NOT NULL, queued_id TEXT NOT NULL,
        queued_time REAL NOT NULL, request BLOB NOT NULL,
        PRIMARY KEY (org, room_id, queued_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE channels (
        org TEXT NOT NULL, channel_id TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, channel_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE hooks (
        org TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, name)
    ) WITHOUT ROWID""",
    # scope: one word for the organization and one for the room, so that a search reads only
    # its own part of the index. Filled when somebody searches, never by a commit.
    """CREATE VIRTUAL TABLE search USING fts5 (
        scope, body, tokenize = 'unicode61 remove_diacritics 2'
    )""",
    "CREATE TABLE search_progress (one INTEGER PRIMARY KEY, indexed_id INTEGER NOT NULL)",
    "INSERT INTO search_progress VALUES (1, 0)",
    "CREATE TABLE search_stale (id INTEGER PRIMARY KEY)",
    """CREATE TRIGGER event_changed AFTER UPDATE ON events
        BEGIN INSERT OR IGNORE INTO search_stale VALUES (new.id); END""",
)

_HANDLERS = (
    """CREATE TABLE handlers (
        org TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, name)
    ) WITHOUT ROWID""",
)

_OBSERVER_ROWS = (
    # id: the order of rows. Rows come and go: what waits is few, but for a hook that is away.
    """CREATE TABLE observer_rows (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, hook TEXT NOT NULL, room_id TEXT NOT NULL,
        invocation_id TEXT NOT NULL, hook_trigger INTEGER NOT NULL, event_id TEXT NOT NULL,
        payload BLOB NOT NULL, create_time REAL NOT NULL, attempts INTEGER NOT NULL,
        due REAL NOT NULL, parked INTEGER NOT NULL, park_time REAL NOT NULL,
        status BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX observer_rows_id ON observer_rows (org, invocation_id)",
    "CREATE INDEX observer_rows_hook ON observer_rows (org, hook, parked, room_id, id)",
    "CREATE INDEX observer_rows_room ON observer_rows (org, room_id)",
    "CREATE INDEX observer_rows_parked ON observer_rows (park_time) WHERE parked",
)

_ERASURES = (
    # Rooms that are gone and of whose history something is left.
    """CREATE TABLE erasures (
        org TEXT NOT NULL, room_id TEXT NOT NULL, PRIMARY KEY (org, room_id)
    ) WITHOUT ROWID""",
)

_HORIZONS = (
    # Where the log of a room begins, once older entries were removed: also when none is left.
    """CREATE TABLE horizons (
        org TEXT NOT NULL, room_id TEXT NOT NULL,
        oldest_index INTEGER NOT NULL, oldest_change INTEGER NOT NULL,
        PRIMARY KEY (org, room_id)
    ) WITHOUT ROWID""",
)

_ROOM_LABELS = (
    """CREATE TABLE room_labels (
        org TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, room_id TEXT NOT NULL,
        PRIMARY KEY (org, name, value, room_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX room_labels_room ON room_labels (org, room_id)",
)


def _label_rooms(conn: sqlite3.Connection) -> None:
    """Fill ``room_labels`` with those of the rooms that are there."""
    stored = conn.execute("SELECT org, room_id, data FROM rooms")
    conn.executemany(
        "INSERT INTO room_labels (org, room_id, name, value) VALUES (?, ?, ?, ?)",
        (
            (org, room_id, name, value)
            for org, room_id, data in stored
            for name, value in pb.Room.FromString(data).labels.items()
        ),
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "rooms, events, deliveries, keys, channels, hooks, search", _INITIAL),
    Migration(2, "handlers that are no hooks", _HANDLERS),
    Migration(3, "what durable observers have still to see", _OBSERVER_ROWS),
    Migration(4, "rooms that are being erased", _ERASURES),
    Migration(5, "where the log of a room begins", _HORIZONS),
    Migration(6, "rooms by their labels", _ROOM_LABELS, _label_rooms),
)


def file_uri(path: str, mode: str) -> str:
    """SQLite's URI of a file; ``mode`` is ``ro``, ``rw`` or ``rwc``."""
    return f"file:{quote(path)}?mode={mode}"


def schema_version(conn: sqlite3.Connection) -> int:
    """Number of the newest migration applied; 0 for an empty file."""
    known = conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    if known is None:
        return 0
    (number,) = conn.execute("SELECT coalesce(max(number), 0) FROM schema_version").fetchone()
    return int(number)


def outstanding(conn: sqlite3.Connection) -> list[Migration]:
    """Migrations that the file still needs, in order.

    Raises:
        SchemaTooNew: the file is ahead of this release.
    """
    return beyond(schema_version(conn), MIGRATIONS)


def apply_migrations(conn: sqlite3.Connection) -> list[Migration]:
    """Bring the file up to date, one transaction per migration; return those applied.

    The connection must be in autocommit mode. Two processes may do this at once.

    Raises:
        SchemaTooNew: the file is ahead of this release; nothing was changed.
    """
    applied = []
    while outstanding(conn):
        conn.execute("BEGIN IMMEDIATE")
        try:
            # Read again under the write lock: somebody else may have been faster.
            still = outstanding(conn)
            if still:
                _apply(conn, still[0])
                applied.append(still[0])
        except BaseException:
            conn.execute("ROLLBACK")
            raise
        conn.execute("COMMIT")
    return applied


def _apply(conn: sqlite3.Connection, migration: Migration) -> None:
    conn.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY, title TEXT)"
    )
    for statement in migration.statements:
        conn.execute(statement)
    if migration.fill is not None:
        migration.fill(conn)
    conn.execute("INSERT INTO schema_version VALUES (?, ?)", (migration.number, migration.title))


def migrate(path: str, dry_run: bool = False) -> list[Migration]:
    """Bring the store in the file ``path`` up to date; return what was (or would be) applied.

    With ``dry_run`` nothing is written, not even an empty file.

    Raises:
        SchemaTooNew: the file is ahead of this release.
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    if dry_run and not Path(path).exists():
        return list(MIGRATIONS)
    mode = "ro" if dry_run else "rwc"
    conn = sqlite3.connect(file_uri(path, mode), uri=True, isolation_level=None)
    try:
        if dry_run:
            return outstanding(conn)
        return apply_migrations(conn)
    finally:
        conn.close()
