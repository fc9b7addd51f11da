"""Group commit: what shares a transaction, and what happens when one set cannot be written."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest
from sqlite_parts import RealClock, event_set, room_set

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import KeyRecord, StoreConflict, WriteSet
from roomd_server.stores import sqlite_writer
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.stores.sqlite_rows import RARE, Heads
from roomd_server.stores.sqlite_statements import TABLES


@pytest.fixture(params=["file", ":memory:"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    path = str(tmp_path / "store.db") if request.param == "file" else request.param
    opened = await SqliteStore.open(path, clock=RealClock())
    yield opened
    await opened.close()


async def traced(store: SqliteStore, statements: list[str]) -> None:
    """From now on note every statement of the writer."""
    await store.writer.run(lambda conn: conn.set_trace_callback(statements.append))


async def test_sets_that_wait_share_one_transaction(store: SqliteStore) -> None:
    statements: list[str] = []
    await traced(store, statements)
    statements.clear()
    done = [store.commit(room_set(f"r{number}")) for number in range(200)]
    assert store.pending == 200
    await asyncio.gather(*done)
    assert store.pending == 0
    transactions = statements.count("COMMIT")
    assert transactions <= 3
    # Few statements, too: each is a hand-over of the interpreter lock.
    assert len(statements) <= 15 * transactions


async def test_a_commit_during_a_transaction_is_not_forgotten(store: SqliteStore) -> None:
    await store.commit(room_set("r"))

    async def one_after_the_other(room_id: str) -> None:
        await store.commit(room_set(room_id))
        for index in range(50):
            await store.commit(event_set(room_id, index))

    async with asyncio.timeout(30):
        await asyncio.gather(*[one_after_the_other(f"x{number}") for number in range(20)])


async def test_commits_do_not_touch_the_search_index(store: SqliteStore) -> None:
    statements: list[str] = []
    await traced(store, statements)
    await store.commit(room_set("r"))
    await asyncio.gather(*[store.commit(event_set("r", index, "word")) for index in range(100)])
    assert not [one for one in statements if "search" in one]


async def test_a_set_that_no_row_can_be_made_of_fails_alone(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    broken = WriteSet("acme", keys=[KeyRecord("s", "k", b"", b"", object())])  # type: ignore[arg-type]
    too_large = WriteSet("acme", keys=[KeyRecord("s", "l", b"", b"", 1 << 80)])
    done = [
        store.commit(one)
        for one in (room_set("a"), broken, too_large, room_set("a"), room_set("b"))
    ]
    with caplog.at_level(logging.ERROR):
        outcomes = await asyncio.gather(*done, return_exceptions=True)
    assert outcomes[0] is None
    for outcome in outcomes[1:3]:
        assert isinstance(outcome, Unavailable)
        assert outcome.reason == pb.ERROR_REASON_SERVER_FAULT
    assert isinstance(outcomes[3], StoreConflict)
    assert outcomes[4] is None
    assert "refused" in caplog.text
    assert len(await store.get_rooms("acme", ["a", "b"])) == 2


async def test_more_than_a_limit_of_waiting_sets_is_refused(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "MAX_PENDING_SETS", 5)
    started, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(conn: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(started.set)
        go_on.wait(10)

    held = store.writer.run(hold)
    await started.wait()
    done = [store.commit(room_set(f"r{number}")) for number in range(7)]
    go_on.set()
    await held
    outcomes = await asyncio.gather(*done, return_exceptions=True)
    assert outcomes[:5] == [None] * 5
    for outcome in outcomes[5:]:
        assert isinstance(outcome, Unavailable)
        assert outcome.retry_after == 1.0


async def test_a_job_that_raises_writes_nothing(store: SqliteStore) -> None:
    await store.commit(room_set("r"))

    def work(conn: sqlite3.Connection) -> None:
        conn.execute("DELETE FROM rooms")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await store.writer.run(work)
    assert await store.load_room("acme", "r") is not None

    with pytest.raises(Unavailable) as caught:
        await store.writer.run(lambda conn: conn.execute("DELETE FROM nothing"))
    assert caught.value.reason == pb.ERROR_REASON_STORE_DOWN
    assert "nothing" not in caught.value.message
    await store.commit(event_set("r", 0))


async def test_another_writer_is_noticed(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    one = await SqliteStore.open(path, clock=RealClock())
    two = await SqliteStore.open(path, clock=RealClock())
    await one.commit(room_set("r"))
    await one.commit(event_set("r", 0))
    await two.commit(event_set("r", 1))
    with pytest.raises(StoreConflict):
        await one.commit(event_set("r", 1))
    await one.commit(event_set("r", 2))
    await one.close()
    await two.close()


async def test_closing_twice_is_fine(store: SqliteStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.writer.run(lambda conn: None)


def test_positions_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomd_server.stores.sqlite_rows.MAX_HEADS", 10)
    heads = Heads()
    conn = sqlite3.connect(":memory:")
    for number in range(25):
        heads.staged[("acme", str(number))] = (number, 0)
        heads.keep()
    assert heads.next(conn, "acme", "24") == (24, 0)
    with pytest.raises(sqlite3.OperationalError):
        heads.next(conn, "acme", "0")
    conn.close()


def test_every_list_of_a_write_set_is_written() -> None:
    lists = {field.name for field in fields(WriteSet) if "Sequence" in str(field.type)}
    often = {"events", "event_data", "deliveries", "keys"}
    assert lists == often | {name for name, _, _ in RARE}
    known = {statement for statements in TABLES.values() for statement in statements}
    assert {statement for _, statement, _ in RARE} <= known
