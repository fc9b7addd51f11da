"""Rooms by their labels: of all that there are, those that have them are read, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from store_nouns import ORG, in_room, new_room, room

from roomd import v1 as pb
from roomd_server.core.ports import Store, WriteSet
from roomd_server.stores import postgres_schema, sqlite_schema
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore

LABELS = {"sqlite": 6, "postgres": 5}
"""The schema since which labels are stored apart."""


async def found(store: Store, org: str = ORG, **labels: str) -> list[str]:
    rooms = await store.list_rooms(org, pb.ListRoomsRequest(labels=labels), "", 100)
    return [one.room_id for one in rooms]


def labelled(room_id: str, **labels: str) -> WriteSet:
    return WriteSet(ORG, room_id, room=room(room_id, labels=labels), create_room=True)


def relabelled(room_id: str, **labels: str) -> WriteSet:
    return WriteSet(ORG, room_id, room=room(room_id, labels=labels), relabelled=True)


async def test_a_room_is_found_by_the_labels_that_it_has_now(store: Store) -> None:
    await store.commit(labelled("r", tier="gold", lang="de"))
    await store.commit(in_room(room=room(labels={"tier": "gold", "lang": "de"})))
    assert await found(store, lang="de") == ["r"]
    await store.commit(relabelled("r", tier="iron"))
    assert [await found(store, **{name: "gold"}) for name in ("tier", "lang")] == [[], []]
    assert await found(store, tier="iron") == ["r"]
    await store.commit(in_room(delete_room=True))
    assert await found(store, tier="iron") == []


async def test_labels_follow_the_order_of_the_sets_in_a_transaction(store: Store) -> None:
    await asyncio.gather(
        store.commit(labelled("a", tier="gold")),
        store.commit(relabelled("a", tier="iron")),
        store.commit(labelled("b", tier="gold")),
        store.commit(relabelled("a", tier="lead")),
        store.commit(WriteSet(ORG, "b", delete_room=True)),
        store.commit(labelled("b", tier="lead")),
    )
    assert [await found(store, tier=value) for value in ("gold", "iron")] == [[], []]
    assert await found(store, tier="lead") == ["a", "b"]


async def test_a_label_is_of_its_organization_name_and_value(store: Store) -> None:
    odd = "nul \0 and \1"
    await store.commit(labelled("r", **{odd: odd}))
    await store.commit(new_room("r", "other"))
    assert await found(store, **{odd: odd}) == ["r"]
    assert await found(store, "other", **{odd: odd}) == []
    assert await found(store, **{odd: "else"}) == []


async def test_pages_of_many_rooms_with_several_labels(store: Store) -> None:
    sets = [
        labelled(f"r{number:04}", parity=str(number % 2), third=str(number % 3))
        for number in range(300)
    ]
    await asyncio.gather(*(store.commit(one) for one in sets))
    request = pb.ListRoomsRequest(labels={"parity": "1", "third": "2"})
    listed: list[str] = []
    while page := await store.list_rooms(ORG, request, (listed or [""])[-1], 20):
        listed += [one.room_id for one in page]
    assert listed == [f"r{number:04}" for number in range(300) if number % 6 == 5]


async def test_rooms_of_before_are_found_after_the_migration(
    reopen: Callable[[], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for schema, number in (
            (sqlite_schema, LABELS["sqlite"]),
            (postgres_schema, LABELS["postgres"]),
        ):
            patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[: number - 1])
        before = await reopen()
        await before.commit(new_room("old"))
        await write_over(before, room("old", labels={"tier": "gold", "q\0": ""}))
        await before.close()
    after = await reopen()
    try:
        assert await found(after, tier="gold") == await found(after, **{"q\0": ""}) == ["old"]
    finally:
        await after.close()


async def write_over(store: SqliteStore | PostgresStore, stored: pb.Room) -> None:
    """Store a room as a release did that knew nothing of labels apart."""
    data = stored.SerializeToString()
    if isinstance(store, SqliteStore):
        await store.writer.run(lambda conn: conn.execute("UPDATE rooms SET data = ?", (data,)))
        return

    async def work(conn: asyncpg.Connection) -> None:
        await conn.execute("UPDATE rooms SET data = $1", data)

    await store.writer.run(work)
