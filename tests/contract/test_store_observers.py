"""What every store promises of the rows of durable observers: see ``core.ports.Store``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_nouns import ORG, START, event, in_room, new_room

from roomd import v1 as pb
from roomd_server.core.ports import (
    ObserverCount,
    ObserverQuery,
    ObserverRow,
    PlacedRow,
    Store,
    StoreConflict,
    WriteSet,
)

TRIGGER = pb.HOOK_TRIGGER_AFTER_BROADCAST


def row(name: str, hook: str = "h", room_id: str = "r", **fields: Any) -> ObserverRow:
    fields.setdefault("event_id", f"event of {name}")
    fields.setdefault("payload", b"")
    return ObserverRow(name, hook, room_id, TRIGGER, create_time=START, **fields)


def parked(name: str, hook: str = "h", room_id: str = "r", at: float = START) -> ObserverRow:
    return row(name, hook, room_id, parked=True, park_time=at)


async def add(store: Store, *rows: ObserverRow, org: str = ORG) -> None:
    await store.commit(WriteSet(org, observer_rows=rows))


async def found(
    store: Store, hook: str = "h", limit: int = 100, org: str = ORG, **query: Any
) -> list[PlacedRow]:
    return await store.observer_rows(org, ObserverQuery(hook, limit, **query))


def names(rows: list[PlacedRow]) -> list[str]:
    return [placed.row.invocation_id for placed in rows]


# ------------------------------------------------------------------ rows


async def test_every_field_of_a_row_survives(store: Store) -> None:
    reference = row("a", attempts=3, due=START + 0.5, status=b"\0status\xff")
    payload = ObserverRow(
        "b", "h", "r", pb.HOOK_TRIGGER_ON_FEEDBACK, "", b"\0payload\xff", START, 1, 2.5
    )
    given_up = parked("c", at=START + 0.25)
    await add(store, reference, payload, given_up)
    assert [placed.row for placed in await found(store)] == [reference, payload]
    assert [placed.row for placed in await found(store, parked=True)] == [given_up]


async def test_what_a_row_stands_for_while_it_is_at_hand_is_not_stored(store: Store) -> None:
    told = pb.HookPayload(event=event(0, "secret"))
    await add(store, row("a", told=told))
    ((_, stored),) = await found(store)
    assert stored == row("a")
    assert stored.told is None


async def test_rows_are_committed_with_what_makes_them_true_or_not_at_all(store: Store) -> None:
    await store.commit(new_room(events=[event(0)], observer_rows=[row("a")]))
    with pytest.raises(StoreConflict):
        await store.commit(in_room(events=[event(0)], observer_rows=[row("b")]))
    assert names(await found(store)) == ["a"]


async def test_rows_stay_after_the_store_was_closed(
    reopen: Callable[[], Awaitable[Store]],
) -> None:
    store = await reopen()
    await add(store, row("a"), row("b"))
    await store.close()
    store = await reopen()
    assert names(await found(store)) == ["a", "b"]
    await store.close()


async def test_rows_of_a_room_come_in_the_order_in_which_they_were_added(store: Store) -> None:
    for name in ("z", "a", "m", "b"):
        await add(store, row(name))
    placed = await found(store)
    assert names(placed) == ["z", "a", "m", "b"]
    positions = [one.position for one in placed]
    assert positions == sorted(set(positions))


async def test_rows_come_by_room_and_from_a_place_on(store: Store) -> None:
    await add(store, row("1", room_id="b"), row("2", room_id="a"), row("3", room_id="b"))
    await add(store, row("4", room_id="a"), row("5", room_id="c"))
    everything = await found(store)
    assert names(everything) == ["2", "4", "1", "3", "5"]
    assert names(await found(store, limit=2)) == ["2", "4"]
    after = [(one.row.room_id, one.position) for one in everything]
    assert names(await found(store, after=after[0])) == ["4", "1", "3", "5"]
    assert names(await found(store, after=after[2], limit=1)) == ["3"]
    assert names(await found(store, after=("a", 2**62))) == ["1", "3", "5"]
    assert names(await found(store, room_id="b")) == ["1", "3"]
    assert names(await found(store, room_id="b", after=after[2])) == ["3"]


async def test_rows_of_other_hooks_and_organizations_are_not_seen(store: Store) -> None:
    await add(store, row("1", "h"), row("2", "other"))
    await add(store, row("1", "h", event_id="foreign"), org="other")
    assert names(await found(store)) == ["1"]
    assert names(await found(store, "other")) == ["2"]
    assert (await found(store, org="other"))[0].row.event_id == "foreign"
    assert await found(store, "never") == []


async def test_rows_can_be_asked_for_by_their_ids_and_the_time_they_were_parked(
    store: Store,
) -> None:
    await add(store, *(parked(str(number), at=START + number) for number in range(4)))
    await add(store, row("4"))
    assert names(await found(store, parked=True, invocation_ids=["1", "3", "4", "9"])) == [
        "1",
        "3",
    ]
    assert names(await found(store, parked=True, parked_before=START + 2)) == ["0", "1"]


async def test_a_changed_row_keeps_its_place(store: Store) -> None:
    await add(store, row("a"), row("b"), row("c"))
    later = row("a", attempts=2, due=START + 9, status=b"why")
    await store.commit(WriteSet(ORG, changed_observer_rows=[later]))
    assert [placed.row for placed in await found(store)] == [later, row("b"), row("c")]
    await store.commit(WriteSet(ORG, changed_observer_rows=[parked("b"), row("never")]))
    assert names(await found(store)) == ["a", "c"]
    assert names(await found(store, parked=True)) == ["b"]
    await store.commit(WriteSet(ORG, changed_observer_rows=[row("b")]))
    assert names(await found(store)) == ["a", "b", "c"]


async def test_a_removed_row_is_gone_and_does_not_come_back_by_a_change(store: Store) -> None:
    await add(store, row("a"), row("b"), parked("c"))
    await store.commit(WriteSet(ORG, removed_observer_rows=["a", "c", "never"]))
    await store.commit(WriteSet(ORG, changed_observer_rows=[row("a", attempts=1)]))
    assert names(await found(store)) == ["b"]
    assert await found(store, parked=True) == []


async def test_a_row_that_is_added_and_removed_in_one_transaction_is_gone(store: Store) -> None:
    done = [
        store.commit(WriteSet(ORG, observer_rows=[row("a")])),
        store.commit(WriteSet(ORG, changed_observer_rows=[row("a", attempts=1)])),
        store.commit(WriteSet(ORG, removed_observer_rows=["a"])),
        store.commit(WriteSet(ORG, observer_rows=[row("b")])),
    ]
    for one in done:
        await one
    assert names(await found(store)) == ["b"]


async def test_many_rows_are_added_and_removed_in_one_set(store: Store) -> None:
    many = [row(f"{number:04}") for number in range(1000)]
    await add(store, *many)
    assert names(await found(store, limit=2000)) == [one.invocation_id for one in many]
    gone = [one.invocation_id for one in many if int(one.invocation_id) % 3]
    await store.commit(WriteSet(ORG, removed_observer_rows=gone))
    left = [one.invocation_id for one in many if not int(one.invocation_id) % 3]
    assert names(await found(store, limit=2000)) == left


# ------------------------------------------------------------------ whose rows they are


async def test_the_rows_of_a_hook_go_with_it(store: Store) -> None:
    hooks = [pb.Hook(name="h", organization_id=ORG), pb.Hook(name="i", organization_id=ORG)]
    await store.commit(WriteSet(ORG, hooks=hooks))
    await add(store, row("1", "h"), parked("2", "h"), row("3", "i"))
    await add(store, row("1", "h"), org="other")
    await store.commit(WriteSet(ORG, removed_hooks=["h"]))
    assert await store.observer_counts(None) == [
        ObserverCount(ORG, "i", 1, 0),
        ObserverCount("other", "h", 1, 0),
    ]
    await add(store, row("4", "h"))
    assert names(await found(store)) == ["4"]


async def test_the_rows_of_a_room_go_with_it(store: Store) -> None:
    await store.commit(new_room("r", observer_rows=[row("1"), row("2", "i"), parked("3")]))
    await store.commit(new_room("s", observer_rows=[row("4", room_id="s")]))
    await add(store, row("5"), org="other")
    await store.commit(in_room("r", delete_room=True))
    assert await store.observer_counts(None) == [
        ObserverCount(ORG, "h", 1, 0),
        ObserverCount("other", "h", 1, 0),
    ]


# ------------------------------------------------------------------ over all rooms of a hook


async def test_the_oldest_rows_of_a_hook_come_over_all_rooms(store: Store) -> None:
    await add(store, row("1", room_id="z"), row("2", room_id="a"), row("3", "i"))
    await add(store, parked("4"), row("5", room_id="m"))
    oldest = await store.oldest_observer_rows(ORG, "h", 10)
    assert names(oldest) == ["1", "2", "5"]
    assert oldest[0].row == row("1", room_id="z")
    assert names(await store.oldest_observer_rows(ORG, "h", 2)) == ["1", "2"]
    assert await store.oldest_observer_rows("other", "h", 2) == []


async def test_rows_are_counted_by_hook(store: Store) -> None:
    assert await store.observer_counts(None) == []
    await add(store, row("1"), row("2", room_id="s"), parked("3"), row("4", "g"))
    await add(store, parked("5"), org="other")
    mine = [ObserverCount(ORG, "g", 1, 0), ObserverCount(ORG, "h", 2, 1)]
    assert await store.observer_counts(None) == [*mine, ObserverCount("other", "h", 0, 1)]
    assert await store.observer_counts(ORG) == mine
    assert await store.observer_counts(ORG, "s") == [ObserverCount(ORG, "h", 1, 0)]


async def test_what_was_parked_long_ago_is_purged(store: Store) -> None:
    old = [parked(f"old-{number}", at=START - 1) for number in range(1500)]
    await add(store, *old, parked("old", "g", at=START - 9), parked("new"), row("waiting"))
    await add(store, parked("foreign", at=START - 2), org="other")
    assert await store.purge_parked(START) == [
        ObserverCount(ORG, "g", 0, 1),
        ObserverCount(ORG, "h", 0, 1500),
        ObserverCount("other", "h", 0, 1),
    ]
    assert await store.purge_parked(START) == []
    assert names(await found(store, parked=True)) == ["new"]
    assert names(await found(store)) == ["waiting"]


# ------------------------------------------------------------------ what they stand for


async def test_events_are_read_by_their_ids_over_all_rooms(store: Store) -> None:
    await store.commit(new_room("r", events=[event(0, "a"), event(1, "b")]))
    await store.commit(new_room("s", events=[event(0, "c", "s")]))
    ids = ["r-e0001", "s-e0000", "never"]
    events = await store.events_by_id(ORG, ids)
    assert sorted(one.content.text.body for one in events) == ["b", "c"]
    assert await store.events_by_id("other", ids) == []
