"""Migrations of the SQLite store, and files that it must not open."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_parts import RealClock, room_set

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.stores import sqlite_schema
from roomd_server.stores.schema import Migration, SchemaTooNew
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.stores.sqlite_schema import MIGRATIONS, migrate

NEXT = Migration(
    MIGRATIONS[-1].number + 1,
    "notes",
    ("CREATE TABLE notes (note TEXT)", "INSERT INTO notes VALUES ('first')"),
)
BROKEN = NEXT._replace(statements=(*NEXT.statements, "CREATE TABLE notes (again TEXT)"))


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as conn:
        found = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
    conn.close()
    return found


def test_migrations_are_numbered_without_a_hole() -> None:
    assert [one.number for one in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    assert migrate(str(path), dry_run=True) == list(MIGRATIONS)
    assert not path.exists()
    assert migrate(str(path)) == list(MIGRATIONS)
    assert migrate(str(path), dry_run=True) == []
    assert migrate(str(path)) == []
    assert "events" in tables(path)


async def test_an_older_file_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(str(path), clock=RealClock())
    await store.commit(room_set("r"))
    await store.close()
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, NEXT))
    assert migrate(str(path), dry_run=True) == [NEXT]
    assert "notes" not in tables(path)
    store = await SqliteStore.open(str(path), clock=RealClock())
    assert await store.load_room("acme", "r") is not None
    await store.close()
    assert "notes" in tables(path)


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    migrate(str(path))
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, BROKEN))
    with pytest.raises(sqlite3.OperationalError):
        migrate(str(path))
    assert "notes" not in tables(path)
    assert migrate(str(path), dry_run=True) == [BROKEN]


async def test_a_newer_file_is_not_opened(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    migrate(path)
    with sqlite3.connect(path) as conn:
        conn.execute("INSERT INTO schema_version VALUES (99, 'from the future')")
    conn.close()
    with pytest.raises(SchemaTooNew) as caught:
        await SqliteStore.open(path, clock=RealClock())
    assert (caught.value.found, caught.value.known) == (99, MIGRATIONS[-1].number)
    for dry_run in (True, False):
        with pytest.raises(SchemaTooNew):
            migrate(path, dry_run)


@pytest.mark.parametrize("what", ["text", "folder", "nowhere"])
async def test_what_is_no_store_is_not_opened(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "text":
        path.write_text("this is no database, but long enough to look at" * 100)
    elif what == "folder":
        path.mkdir()
    else:
        path = path / "store.db"
    with pytest.raises(Unavailable) as caught:
        await SqliteStore.open(str(path), clock=RealClock())
    assert caught.value.reason == pb.ERROR_REASON_STORE_DOWN


@pytest.mark.parametrize("name", ["with space.db", "what?mode=ro.db", "100%.db", "#1.db", "ü.db"])
async def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    store = await SqliteStore.open(str(tmp_path / name), clock=RealClock())
    await store.commit(room_set("r"))
    assert await store.load_room("acme", "r") is not None
    await store.close()
    assert (tmp_path / name).exists()
