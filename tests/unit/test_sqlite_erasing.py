"""A room that is deleted is gone at once; its history goes without holding up others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlite_parts import RealClock, event_set, room_set

from roomd import v1 as pb
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    EventQuery,
    KeyRecord,
    StoreConflict,
    WriteSet,
)
from roomd_server.stores import sqlite_erasing
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.stores.sqlite_erasing import GOES_AT_ONCE, GOES_IN_STEPS
from roomd_server.stores.sqlite_statements import TABLES

ORG = "acme"
EVENTS = 57
"""Of the room that is deleted: several steps of ten."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_erasing, "ERASE_STEP_ROWS", 10)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(str(tmp_path / "store.db"), clock=RealClock())
    await fill(opened)
    yield opened
    await opened.close()


async def fill(store: SqliteStore) -> None:
    """A room with some of everything that there is much of."""
    await store.commit(room_set("big"))
    for index in range(EVENTS):
        writes = event_set("big", index, "some words")
        delivery = pb.Delivery(
            delivery_id=f"d{index}", channel_id="sms", room_id="big", event_index=index
        )
        delivery.result.state = pb.DELIVERY_STATE_SENT
        delivery.result.provider_message_id = f"p{index}"
        if index == EVENTS - 1:
            delivery.result.state = pb.DELIVERY_STATE_PENDING
        writes.deliveries = [delivery]
        writes.keys = [KeyRecord("room:big", f"k{index}", b"", b"", 9e12)]
        writes.changes = [Change(index, index, b"")]
        writes.tasks = [pb.Task(task_id=f"t{index}", room_id="big")]
        writes.observations = [pb.Observation(observation_id=f"o{index}", room_id="big")]
        await store.commit(writes)
    assert len(await store.search_events(ORG, "words", "", 0, 100)) == EVENTS


def delete(room_id: str = "big") -> WriteSet:
    return WriteSet(ORG, room_id, delete_room=True)


async def left(store: SqliteStore) -> int:
    """Rows of anything."""

    def count(conn: object) -> int:
        tables = (*GOES_AT_ONCE, *GOES_IN_STEPS, "erasures", "search", "search_stale")
        return sum(
            conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[attr-defined]
            for table in tables
        )

    return await store.writer.run(count)


def test_every_table_of_a_room_is_erased() -> None:
    """A new table must say when its rows go."""
    of_rooms = {name for name in TABLES if " " not in name} - {"channels", "hooks", "handlers"}
    assert {*GOES_AT_ONCE, *GOES_IN_STEPS} == of_rooms | {"horizons"}


async def test_a_room_is_gone_with_the_commit_and_its_history_soon(store: SqliteStore) -> None:
    await store.commit(delete())
    assert await store.load_room(ORG, "big") is None
    assert await store.unfinished_deliveries(None, 10) == []
    assert await store.search_events(ORG, "words", "", 0, 100) == []
    await store.commit(room_set("big"))  # waits for the rest
    assert await left(store) == 1


async def test_others_commit_while_a_room_is_erased(store: SqliteStore) -> None:
    """What came with the deletion is not behind all of it."""
    erased: list[int] = []
    gone = store.commit(delete())
    beside = store.commit(room_set("beside"))
    again = store.commit(room_set("big"))
    again.add_done_callback(lambda _: erased.append(1))
    await asyncio.gather(gone, beside)
    await store.commit(event_set("beside", 0))
    assert not erased
    await again


async def test_a_new_room_of_the_id_waits_until_nothing_is_left(store: SqliteStore) -> None:
    gone = store.commit(delete())
    made = store.commit(room_set("big"))
    said = store.commit(event_set("big", 0, "fresh"))
    again = store.commit(room_set("big"))
    await asyncio.gather(gone, made, said)
    with pytest.raises(StoreConflict, match="room"):
        await again
    events = await store.list_events(ORG, EventQuery("big", 100))
    assert [event.content.text.body for event in events] == ["fresh"]
    assert await store.list_deliveries(ORG, DeliveryQuery("big", 100)) == []
    hits = await store.search_events(ORG, "fresh", "", 0, 100)
    assert [hit.content.text.body for hit, _ in hits] == ["fresh"]


async def test_a_start_finishes_what_a_stop_left(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.writer, "_erase_rest", lambda _: None)
    await store.commit(delete())
    assert await left(store) > EVENTS
    await store.close()
    later = await SqliteStore.open(str(tmp_path / "store.db"), clock=RealClock())
    try:
        assert await left(later) == 0
        await later.commit(room_set("big"))
    finally:
        await later.close()


async def test_a_deletion_that_fails_lets_the_others_go_on(store: SqliteStore) -> None:
    refused = delete()
    refused.keys = [KeyRecord("room:big", "k0", b"", b"", 9e12)]
    failing = store.commit(refused)
    behind = store.commit(event_set("big", EVENTS, "still there"))
    with pytest.raises(StoreConflict, match="key"):
        await failing
    await behind
    assert len(await store.search_events(ORG, "words", "", 0, 100)) == EVENTS
