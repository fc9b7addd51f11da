"""What every store promises of rooms that do not keep everything: see ``core.ports.Store``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_nouns import ORG, START, delivery, event, in_room, new_room

from roomd import v1 as pb
from roomd_server.core.ports import (
    AgingRoom,
    Change,
    DeliveryQuery,
    EventQuery,
    ObserverRow,
    Store,
    StoreConflict,
    WriteSet,
)

SENT = pb.DELIVERY_STATE_SENT


async def fill(store: Store, count: int = 10, **parts: Any) -> None:
    """A room: each event said words, was sent, and something happened right behind it."""
    await store.commit(
        new_room(
            events=[event(index, f"word{index} said") for index in range(count)],
            deliveries=[
                delivery(f"d{index}", index, state=SENT, provider_message_id=f"p{index}")
                for index in range(count)
            ],
            changes=[Change(index, index, b"%d" % index) for index in range(count)],
            **parts,
        )
    )


async def indexes(store: Store, room_id: str = "r") -> list[int]:
    return [one.index for one in await store.list_events(ORG, EventQuery(room_id, 100))]


def owed(event_id: str, *, parked: bool = False) -> ObserverRow:
    trigger = pb.HOOK_TRIGGER_AFTER_BROADCAST
    return ObserverRow("i", "h", "r", trigger, event_id, b"", START, parked=parked)


# ------------------------------------------------------------------ what goes, what stays


async def test_what_lies_below_goes_with_all_that_belongs_to_it(store: Store) -> None:
    await fill(store)
    assert len(await store.search_events(ORG, "said", "r", 0, 100)) == 10
    assert await store.trim_room(ORG, "r", 4) == (4, 3)
    assert await indexes(store) == [4, 5, 6, 7, 8, 9]
    assert await store.get_event(ORG, "r", "r-e0003") is None
    assert await store.events_by_id(ORG, ["r-e0003"]) == []
    found = await store.list_deliveries(ORG, DeliveryQuery("r", 100))
    assert [one.event_index for one in found] == [9, 8, 7, 6, 5, 4]
    assert await store.find_delivery(ORG, "sms", "p3") is None
    assert await store.find_delivery(ORG, "sms", "p4") is not None
    hits = await store.search_events(ORG, "said", "r", 0, 100)
    assert sorted(hit.index for hit, _ in hits) == [4, 5, 6, 7, 8, 9]
    assert await store.search_events(ORG, "word3", "r", 0, 100) == []


async def test_a_room_and_what_else_is_in_it_stay(store: Store) -> None:
    marker = pb.ReadMarker(room_id="r", channel_id="sms", index=2)
    task = pb.Task(task_id="t", room_id="r")
    await fill(store, markers=[marker], tasks=[task])
    await store.commit(new_room("s", events=[event(0, "said", "s")]))
    before = await store.load_room(ORG, "r")
    await store.trim_room(ORG, "r", 8)
    after = await store.load_room(ORG, "r")
    assert before is not None
    assert after is not None
    assert after.room == before.room
    assert await store.list_markers(ORG, "r") == [marker]
    assert await store.list_tasks(ORG, "r", [], "", 10) == [task]
    assert await store.count_unread(ORG, "r", 2) == 2
    assert await indexes(store, "s") == [0]


async def test_the_changes_behind_the_last_event_that_goes_stay(store: Store) -> None:
    """They may be younger than it by any time: nothing was said meanwhile."""
    await store.commit(new_room(events=[event(0)], changes=[Change(0, -1, b""), Change(1, 0, b"")]))
    assert await store.trim_room(ORG, "r", 1) == (1, 1)
    page = await store.read_log(ORG, "r", 1, 1, 10)
    assert page == ([Change(1, 0, b"")], (1, 1), False)


async def test_the_log_says_where_it_begins(store: Store) -> None:
    await fill(store)
    await store.trim_room(ORG, "r", 4)
    page = await store.read_log(ORG, "r", 0, 0, 2)
    assert page.oldest == (4, 3)
    assert page.entries == [Change(3, 3, b"3"), event(4, "word4 said")]
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.kept_from == (4, 3)


async def test_it_never_goes_back(store: Store) -> None:
    await fill(store)
    await store.trim_room(ORG, "r", 6)
    assert await store.trim_room(ORG, "r", 2) == (6, 5)
    assert (await store.read_log(ORG, "r", 0, 0, 1)).oldest == (6, 5)


# ------------------------------------------------------------------ the log goes on


async def test_the_log_goes_on_when_nothing_is_left(
    reopen: Callable[[], Awaitable[Store]],
) -> None:
    store = await reopen()
    await fill(store, 3)
    assert await store.trim_room(ORG, "r", 3) == (3, 2)
    assert await indexes(store) == []
    await store.close()
    store = await reopen()
    try:
        snapshot = await store.load_room(ORG, "r")
        assert snapshot is not None
        assert (snapshot.kept_from, snapshot.next_change) == ((3, 2), 3)
        with pytest.raises(StoreConflict):
            await store.commit(in_room(events=[event(0)]))
        await store.commit(in_room(events=[event(3, "again")], changes=[Change(3, 3, b"")]))
        assert await indexes(store) == [3]
        hits = await store.search_events(ORG, "again", "", 0, 10)
        assert [hit.index for hit, _ in hits] == [3]
        assert await store.search_events(ORG, "said", "", 0, 10) == []
    finally:
        await store.close()


async def test_a_new_room_of_the_id_of_a_deleted_one_begins_at_its_beginning(store: Store) -> None:
    await fill(store)
    await store.trim_room(ORG, "r", 4)
    await store.commit(in_room(delete_room=True))
    await store.commit(new_room(events=[event(0)], changes=[Change(0, 0, b"")]))
    assert (await store.read_log(ORG, "r", 0, 0, 10)).oldest == (0, 0)


# ------------------------------------------------------------------ what is still needed


async def test_an_event_that_an_observer_is_owed_stays_with_what_follows(store: Store) -> None:
    await fill(store, observer_rows=[owed("r-e0002")])
    assert await store.trim_room(ORG, "r", 6) == (2, 1)
    assert (await indexes(store))[0] == 2
    await store.commit(WriteSet(ORG, removed_observer_rows=["i"]))
    assert await store.trim_room(ORG, "r", 6) == (6, 5)


async def test_what_an_observer_gave_up_is_not_waited_for(store: Store) -> None:
    await fill(store, observer_rows=[owed("r-e0002", parked=True)])
    assert await store.trim_room(ORG, "r", 6) == (6, 5)


async def test_an_event_that_is_not_delivered_yet_stays(store: Store) -> None:
    waiting = delivery("w", 3, "email", pb.DELIVERY_STATE_PENDING)
    await fill(store)
    await store.commit(in_room(deliveries=[waiting]))
    assert await store.trim_room(ORG, "r", 6) == (3, 2)
    assert await store.unfinished_deliveries(None, 10) == [(ORG, waiting)]
    waiting.result.state = pb.DELIVERY_STATE_EXPIRED
    await store.commit(in_room(deliveries=[waiting]))
    assert await store.trim_room(ORG, "r", 6) == (6, 5)


async def test_a_name_that_a_provider_gave_again_stays(store: Store) -> None:
    await fill(store)
    again = delivery("new", 9, state=SENT, provider_message_id="p1")
    await store.commit(in_room(deliveries=[again]))
    await store.trim_room(ORG, "r", 5)
    assert await store.find_delivery(ORG, "sms", "p1") == again


# ------------------------------------------------------------------ what is too old


async def test_only_the_beginning_of_a_room_expires(store: Store) -> None:
    """Else there would be holes; a clock that went back makes such rooms."""
    times = [0, 1, 50, 2, 60]
    events = [
        event(index, create_time={"seconds": int(START) + second})
        for index, second in enumerate(times)
    ]
    await store.commit(new_room(events=events))
    assert await store.expired_until(ORG, "r", START + 10, 100) == 2
    assert await store.expired_until(ORG, "r", START + 10, 1) == 1
    assert await store.expired_until(ORG, "r", START, 100) == 0
    assert await store.expired_until(ORG, "r", START + 100, 100) == 5
    await store.trim_room(ORG, "r", 2)
    assert await store.expired_until(ORG, "r", START + 10, 100) == 0
    assert await store.expired_until(ORG, "r", START + 55, 100) == 4


async def test_rooms_are_told_page_by_page_with_their_oldest_events(store: Store) -> None:
    await fill(store)
    await store.commit(new_room("empty"))
    await store.commit(new_room("r", org="other", events=[event(0, room_id="r")]))
    await store.trim_room(ORG, "r", 4)
    pages: list[list[AgingRoom]] = []
    after = ("", "")
    while page := await store.aging_rooms(after, 2):
        pages.append(page)
        after = (page[-1].org, page[-1].room.room_id)
    told = [(one.org, one.room.room_id, one.oldest_time) for page in pages for one in page]
    assert [len(page) for page in pages] == [2, 1]
    assert told == [(ORG, "empty", None), (ORG, "r", START + 4), ("other", "r", START)]
