"""A room that is deleted is gone at once; its history goes without holding up others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlite_parts import event_set, room_set

from roomd import v1 as pb
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    EventQuery,
    KeyRecord,
    StoreConflict,
    WriteSet,
)
from roomd_server.stores import erasing, postgres_erasing, sqlite_erasing, sqlite_statements
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore

Durable = SqliteStore | PostgresStore

BESIDE = ("events", "erasures", "search", "search_stale")
"""Tables of which nothing may be left either."""
ORG = "acme"
EVENTS = 57
"""Of the room that is deleted: several steps of ten."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "ERASE_STEP_ROWS", 10)


@pytest.fixture
async def store(reopen: Callable[[], Awaitable[Durable]]) -> AsyncIterator[Durable]:
    opened = await reopen()
    await fill(opened)
    yield opened
    await opened.close()


async def fill(store: Durable) -> None:
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


async def left(store: Durable) -> int:
    """Rows of anything."""
    of_store = sqlite_erasing if isinstance(store, SqliteStore) else postgres_erasing
    tables = {*of_store.GOES_AT_ONCE, *of_store.GOES_IN_STEPS, *BESIDE}
    sql = f"SELECT {' + '.join(f'(SELECT count(*) FROM {table})' for table in tables)}"
    if isinstance(store, SqliteStore):
        return int(await store.writer.run(lambda conn: conn.execute(sql).fetchone()[0]))
    return int(await store.writer.run(lambda conn: conn.fetchval(sql)))


def test_every_table_of_a_room_is_erased() -> None:
    """A new table must say when its rows go."""
    tables = {name for name in sqlite_statements.TABLES if " " not in name}
    of_rooms = (tables | {"horizons"}) - {"channels", "hooks", "handlers"}
    assert {*sqlite_erasing.GOES_AT_ONCE, *sqlite_erasing.GOES_IN_STEPS} == of_rooms
    of_postgres = {*postgres_erasing.GOES_AT_ONCE, *postgres_erasing.GOES_IN_STEPS, "events"}
    assert of_postgres == of_rooms


async def test_a_room_is_gone_with_the_commit_and_its_history_soon(store: Durable) -> None:
    await store.commit(delete())
    assert await store.load_room(ORG, "big") is None
    assert await store.unfinished_deliveries(None, 10) == []
    assert await store.search_events(ORG, "words", "", 0, 100) == []
    await store.commit(room_set("big"))  # waits for the rest
    assert await left(store) == 1


async def test_others_commit_while_a_room_is_erased(store: Durable) -> None:
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


async def test_a_new_room_of_the_id_waits_until_nothing_is_left(store: Durable) -> None:
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
    store: Durable, reopen: Callable[[], Awaitable[Durable]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.writer.erasing, "go_on", lambda _: None)
    await store.commit(delete())
    assert await left(store) > EVENTS
    await store.close()
    later = await reopen()
    try:
        assert await left(later) == 0
        await later.commit(room_set("big"))
    finally:
        await later.close()


async def test_a_deletion_that_fails_lets_the_others_go_on(store: Durable) -> None:
    refused = delete()
    refused.keys = [KeyRecord("room:big", "k0", b"", b"", 9e12)]
    failing = store.commit(refused)
    behind = store.commit(event_set("big", EVENTS, "still there"))
    with pytest.raises(StoreConflict, match="key"):
        await failing
    await behind
    assert len(await store.search_events(ORG, "words", "", 0, 100)) == EVENTS
