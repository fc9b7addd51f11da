"""A database that an earlier release wrote opens, is brought up to date, and says the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import upgrade_content as was
from store_nouns import ORG, START, binding, event, in_room, participant
from upgrade_content import DUMPS

from roomd import v1 as pb
from roomd_server.api.server import StartupError
from roomd_server.config import Settings
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    EventQuery,
    ObserverQuery,
    Store,
    StoreConflict,
)
from roomd_server.storage import examine, migrate, open_store
from roomd_server.stores import postgres_schema, sqlite_schema
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.system import SystemClock
from roomd_server.wiring import Server, start_embedded

FILES = sorted(DUMPS.glob("*.sql"))
NEWEST = {
    "sqlite": sqlite_schema.MIGRATIONS[-1].number,
    "postgres": postgres_schema.MIGRATIONS[-1].number,
}


def test_every_earlier_schema_has_its_dump() -> None:
    """Made before the migration is added: see ``upgrade_content``."""
    for kind, newest in NEWEST.items():
        dumped = {int(file.stem.split("-")[1]) for file in FILES if file.stem.startswith(kind)}
        assert dumped >= set(range(1, newest)), kind


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, int, str]:
    """An old database: its kind, its schema, its URL."""
    file: Path = request.param
    kind, _, version = file.stem.partition("-")
    text = file.read_text(encoding="utf-8")
    if kind == "sqlite":
        url = f"sqlite:///{was.restore_sqlite(text, tmp_path / 'old.db')}"
    else:
        url = await was.restore_postgres(text, await request.getfixturevalue("postgres").acreate())
    return kind, int(version), url


@pytest.fixture
async def store(old: tuple[str, int, str]) -> AsyncIterator[Store]:
    kind, _, url = old
    opened: Store
    if kind == "sqlite":
        opened = await SqliteStore.open(url.removeprefix("sqlite:///"), clock=SystemClock())
    else:
        opened = await PostgresStore.open(url, clock=SystemClock())
    yield opened
    await opened.close()


async def test_what_is_outstanding_is_told_and_applied(old: tuple[str, int, str]) -> None:
    kind, version, url = old
    expected = list(range(version + 1, NEWEST[kind] + 1))
    assert [one.number for one in await migrate(url, dry_run=True)] == expected
    assert ("roomd migrate" in await examine(url)) == bool(expected)
    assert [one.number for one in await migrate(url, dry_run=False)] == expected
    assert await migrate(url, dry_run=False) == []
    assert "up to date" in await examine(url)


async def test_it_is_refused_until_it_is_migrated(old: tuple[str, int, str]) -> None:
    _, _, url = old
    needed = await migrate(url, dry_run=True)
    with pytest.raises(StartupError, match=f"migration {needed[0].number}.* `roomd migrate`"):
        await open_store(url, SystemClock(), migrates=False)
    assert await migrate(url, dry_run=False) == needed
    opened = await open_store(url, SystemClock(), migrates=False)
    await opened.close()


async def test_serve_refuses_what_a_server_of_a_process_migrates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_schema, "MIGRATIONS", sqlite_schema.MIGRATIONS[:-1])
        await migrate(url, dry_run=False)
    with pytest.raises(StartupError, match="roomd migrate"):
        await Server.start(Settings(store=url, listen="127.0.0.1:0"))
    made = await start_embedded(options={"store": url})
    await made.stop()
    assert await migrate(url, dry_run=True) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_new_store_needs_no_migration(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if kind == "postgres":
        url = await request.getfixturevalue("postgres").acreate()
    server = await Server.start(Settings(store=url, listen="127.0.0.1:0"))
    await server.stop()
    assert await migrate(url, dry_run=True) == []


async def test_a_room_is_as_it_was(store: Store) -> None:
    events = [was.edited(), *was.EVENTS[1:]]
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.bindings == [binding("web"), binding("sms", participant_id="p")]
    assert snapshot.participants == [participant("p", "sms")]
    assert snapshot.recent_events == events
    assert snapshot.next_change == 2
    assert [name for name, _, _ in snapshot.recent_keys] == ["k"]
    assert snapshot.queued == [was.QUEUED]
    log = await store.read_log(ORG, "r", 0, 0, 10)
    changes = [Change(0, 2, b"change \0 one"), Change(1, 2, b"edited")]
    assert log.entries == [*events, *changes]
    assert await store.list_events(ORG, EventQuery("r", 10)) == events
    assert await store.replies(ORG, "r", "r-e0000", 10) == [events[1]]
    assert await store.count_unread(ORG, "r", 0) == 1
    assert await store.list_tasks(ORG, "r", [], "", 10) == [was.TASK]
    assert await store.list_observations(ORG, "r", "mood", "", 10) == [was.SEEN]
    assert await store.list_markers(ORG, "r") == [was.MARKER]
    assert await store.get_key(ORG, "room:r", "k", START) == was.KEY


async def test_what_belongs_to_no_room_is_as_it_was(
    store: Store, old: tuple[str, int, str]
) -> None:
    kind, version, _ = old
    assert await store.list_channels(None) == [(ORG, was.CHANNEL)]
    assert await store.list_hooks() == [was.HOOK]
    has_handlers = version >= was.HANDLERS_SINCE[kind]
    assert await store.list_handlers() == ([(ORG, was.HANDLER)] if has_handlers else [])
    unseen = await store.observer_rows(ORG, ObserverQuery("guard", 10))
    has_observers = version >= was.OBSERVERS_SINCE[kind]
    assert [placed.row for placed in unseen] == ([was.UNSEEN] if has_observers else [])
    listed = [await store.list_rooms(org, pb.ListRoomsRequest(), "", 10) for org in (ORG, "other")]
    assert [[room.room_id for room in rooms] for rooms in listed] == [["r"], ["closed"]]
    assert await store.due_timers(START + 61, 10) == [(ORG, "r")]
    assert await store.open_rooms_of_channel(ORG, "sms", 10) == ["r"]
    assert await store.open_rooms_of_participant(ORG, "sms", "p", 10) == ["r"]
    assert await store.rooms_with_queued(10) == [(ORG, "r")]


async def test_deliveries_go_on(store: Store) -> None:
    assert await store.find_delivery(ORG, "sms", "p1") == was.SENT
    unfinished = await store.unfinished_deliveries(None, 10)
    assert [(org, one.delivery_id) for org, one in unfinished] == [(ORG, "d2")]
    assert len(await store.list_deliveries(ORG, DeliveryQuery("r", 10))) == 2


async def test_it_is_searched_and_written_as_before(store: Store) -> None:
    hits = await store.search_events(ORG, "world", "", 0, 10)
    assert hits == [(was.edited(), "goodbye [world]")]
    with pytest.raises(StoreConflict):
        await store.commit(in_room(keys=[was.KEY]))
    with pytest.raises(StoreConflict):
        await store.commit(in_room(events=[event(2, event_id="stray")]))
    await store.commit(in_room(events=[event(3, "brave new world")], changes=[Change(2, 3, b"")]))
    found = await store.search_events(ORG, "world", "r", 0, 10)
    assert {hit.index for hit, _ in found} == {0, 3}
    await store.commit(in_room(delete_room=True))
    assert await store.load_room(ORG, "r") is None
    assert await store.load_room("other", "closed") is not None
