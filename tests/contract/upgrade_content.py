"""What is in the databases of ``dumps``, and how one more is written.

``python tests/contract/upgrade_content.py sqlite 2`` writes the database as schema 2 knows it,
as text. Do it before a migration is added; a dump that was committed is never changed, and
neither is what is said here of its content.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # when it is run by itself

import asyncpg
from store_nouns import (
    ORG,
    START,
    binding,
    delivery,
    event,
    in_room,
    key,
    new_room,
    participant,
)

from postgres_cluster import Cluster, binaries
from roomd import v1 as pb
from roomd_server.core.ports import Change, ObserverRow, QueuedText, WriteSet
from roomd_server.core.times import timestamp
from roomd_server.stores import postgres_schema, sqlite_schema
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.system import SystemClock

DUMPS = Path(__file__).with_name("dumps")
HANDLERS_SINCE = {"sqlite": 2, "postgres": 1}
OBSERVERS_SINCE = {"sqlite": 3, "postgres": 2}

SHADOWS = ("config", "content", "data", "docsize", "idx")
OF_THE_INDEX = (
    "writable_schema",
    "sqlite_master",
    'INSERT INTO "search"',
    *(f'"search_{name}"' for name in SHADOWS),
    *(f"'search_{name}'" for name in SHADOWS),
)
"""Marks of statements in which SQLite dumps how it keeps a full-text index."""

FOREVER = START + 1e10
TASK = pb.Task(task_id="t", room_id="r", title="call back", status=pb.TASK_STATUS_PENDING)
SEEN = pb.Observation(observation_id="o", room_id="r", category="mood", content="glad")
MARKER = pb.ReadMarker(room_id="r", channel_id="sms", index=1)
QUEUED = QueuedText("q", pb.DeliverRequest(room_id="r"), START)
CHANNEL = pb.Channel(channel_id="sms", type=pb.CHANNEL_TYPE_SMS)
HOOK = pb.Hook(name="guard", organization_id=ORG)
HANDLER = pb.Handler(name="text")
UNSEEN = ObserverRow("i", "guard", "r", pb.HOOK_TRIGGER_AFTER_BROADCAST, "r-e0000", b"", START, 1)
KEY = key("k", expires=FOREVER)
SENT = delivery("d1", 0, state=pb.DELIVERY_STATE_SENT, provider_message_id="p1")
EVENTS = [
    event(0, "hello world"),
    event(1, "an answer", parent_event_id="r-e0000", source=pb.EventSource(channel_id="sms")),
    event(2, "so müde 🙂", status=pb.EVENT_STATUS_BLOCKED),
]


def edited() -> pb.RoomEvent:
    """The first event as it is after the second transaction."""
    changed = event(0, "goodbye world")
    changed.edit_time.CopyFrom(timestamp(START + 9))
    return changed


def written(kind: str, version: int) -> list[WriteSet]:
    """The transactions that made a database of a version."""
    handlers = [HANDLER] if version >= HANDLERS_SINCE[kind] else []
    unseen = [UNSEEN] if version >= OBSERVERS_SINCE[kind] else []
    return [
        new_room(
            timer_due=START + 60,
            events=EVENTS,
            bindings=[binding("web"), binding("sms", participant_id="p")],
            participants=[participant("p", "sms")],
            tasks=[TASK],
            observations=[SEEN],
            deliveries=[SENT, delivery("d2", 1)],
            keys=[KEY],
            markers=[MARKER],
            changes=[Change(0, 2, b"change \0 one")],
            queued=[QUEUED],
            channels=[CHANNEL],
            hooks=[HOOK],
            handlers=handlers,
            observer_rows=unseen,
        ),
        in_room(changed_events=[edited()], changes=[Change(1, 2, b"edited")]),
        new_room("closed", org="other", events=[event(0, "elsewhere", "closed")]),
    ]


# ------------------------------------------------------------------ writing and reading dumps


async def dump_sqlite(version: int) -> str:
    """A file of a version, as SQL."""
    sqlite_schema.MIGRATIONS = sqlite_schema.MIGRATIONS[:version]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/store.db"
        store = await SqliteStore.open(path, clock=SystemClock())
        for writes in written("sqlite", version):
            await store.commit(writes)
        await store.search_events(ORG, "hello", "", 0, 1)  # the index is a part of it
        await store.close()
        conn = sqlite3.connect(path)
        text = "\n".join(_statements(conn))
        conn.close()
    return f"{text}\n"


def _statements(conn: sqlite3.Connection) -> Iterator[str]:
    """A dump; of the full-text index what went in, not how SQLite keeps it."""
    for statement in conn.iterdump():
        if not any(mark in statement for mark in OF_THE_INDEX):
            if statement == "COMMIT;":
                yield from _search_statements(conn)
            yield statement


def _search_statements(conn: sqlite3.Connection) -> Iterator[str]:
    ((sql,),) = conn.execute("SELECT sql FROM sqlite_master WHERE name = 'search'")
    yield f"{sql};"
    quoted = "SELECT rowid, quote(scope), quote(body) FROM search ORDER BY rowid"
    for rowid, scope, body in conn.execute(quoted):
        yield f"INSERT INTO search (rowid, scope, body) VALUES ({rowid}, {scope}, {body});"


async def dump_postgres(version: int) -> str:
    """A database of a version, as SQL."""
    postgres_schema.MIGRATIONS = postgres_schema.MIGRATIONS[:version]
    cluster = Cluster()
    cluster.start()
    try:
        url = await cluster.acreate()
        store = await PostgresStore.open(url, clock=SystemClock())
        for writes in written("postgres", version):
            await store.commit(writes)
        await store.search_events(ORG, "hello", "", 0, 1)
        await store.close()
        folder = binaries()
        assert folder is not None
        command = [folder / "pg_dump", "--inserts", "--no-owner", url]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=True
        )
    finally:
        cluster.remove()
    # Commands of psql, and what only the server of the day says of itself.
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("\\", "--", "SET "))]
    return "\n".join(line for line in lines if line) + "\n"


def restore_sqlite(text: str, path: Path) -> str:
    """Make the file of a dump; where."""
    conn = sqlite3.connect(path)
    conn.executescript(text)
    conn.close()
    return str(path)


async def restore_postgres(text: str, url: str) -> str:
    """Fill a database from a dump; where."""
    conn = await asyncpg.connect(url)
    await conn.execute(text)
    await conn.close()
    return url


if __name__ == "__main__":
    kind, number = sys.argv[1], int(sys.argv[2])
    dump = {"sqlite": dump_sqlite, "postgres": dump_postgres}[kind]
    (DUMPS / f"{kind}-{number}.sql").write_text(asyncio.run(dump(number)), encoding="utf-8")
