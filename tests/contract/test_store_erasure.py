"""What every store promises of the parts of a write set that erase: see ``ports.WriteSet``."""

from __future__ import annotations

import pytest
from store_nouns import ORG, START, delivery, event, in_room, new_room, participant

from roomd import v1 as pb
from roomd_server.core.ports import Change, ObserverQuery, ObserverRow, Store, WriteSet

TRIGGER = pb.HOOK_TRIGGER_ON_FEEDBACK


def note(name: str) -> pb.Observation:
    return pb.Observation(observation_id=name, room_id="r")


def kept(name: str, payload: bytes) -> ObserverRow:
    return ObserverRow(name, "h", "r", TRIGGER, "", payload, START, 2, 3.0)


@pytest.fixture
async def full(store: Store) -> Store:
    """Two rooms that hold the same, so that what is erased in one must stay in the other."""
    for name in ("r", "s"):
        await store.commit(
            new_room(
                name,
                events=[event(index, f"word{index} said", name) for index in range(3)],
                participants=[participant("p", room_id=name), participant("q", room_id=name)],
                observations=[note("o1"), note("o2")],
                changes=[Change(index, index, b"told") for index in range(3)],
                deliveries=[
                    delivery(
                        f"{name}-d{index}",
                        index,
                        room_id=name,
                        provider_message_id=f"{name}{index}",
                    )
                    for index in range(3)
                ],
            )
        )
    return store


async def test_a_participant_is_removed(full: Store) -> None:
    await full.commit(in_room(removed_participants=["p", "nobody"]))
    for name, expected in (("r", ["q"]), ("s", ["p", "q"])):
        snapshot = await full.load_room(ORG, name)
        assert snapshot is not None
        assert [who.participant_id for who in snapshot.participants] == expected
    listed = await full.list_rooms(ORG, pb.ListRoomsRequest(participant_id="p"), "", 10)
    assert [room.room_id for room in listed] == ["s"]


async def test_one_who_was_removed_comes_back_in_the_same_transaction(full: Store) -> None:
    gone = full.commit(in_room(removed_participants=["p"]))
    back = full.commit(in_room(participants=[participant("p", "sms")]))
    await gone
    await back
    snapshot = await full.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.participants == [participant("q"), participant("p", "sms")]


async def test_an_observation_is_removed(full: Store) -> None:
    await full.commit(in_room(removed_observations=["o1"]))
    assert await full.list_observations(ORG, "r", "", "", 10) == [note("o2")]
    assert len(await full.list_observations(ORG, "s", "", "", 10)) == 2


async def test_a_change_gets_another_item_and_keeps_its_place(full: Store) -> None:
    await full.commit(in_room(rewritten_changes=[Change(1, 99, b"not told")]))
    page = await full.read_log(ORG, "r", 3, 0, 10)
    assert page.entries == [Change(0, 0, b"told"), Change(1, 1, b"not told"), Change(2, 2, b"told")]
    other = await full.read_log(ORG, "s", 3, 0, 10)
    assert {entry.item for entry in other.entries if isinstance(entry, Change)} == {b"told"}
    await full.commit(in_room(changes=[Change(3, 2, b"next")]))


async def test_a_providers_name_is_forgotten(full: Store) -> None:
    forgotten = [("sms", "r1"), ("email", "r2"), ("sms", "s1")]
    await full.commit(in_room(forgotten_provider_ids=forgotten))
    assert await full.find_delivery(ORG, "sms", "r1") is None
    for name in ("r0", "r2", "s1"):
        assert await full.find_delivery(ORG, "sms", name) is not None
    assert await full.get_delivery(ORG, "r", "r-d1") is not None


async def test_the_words_of_an_event_leave_the_search(full: Store) -> None:
    assert len(await full.search_events(ORG, "said", "", 0, 100)) == 6
    emptied = event(1)
    writes = in_room(changed_events=[emptied], wordless_events=["r-e0001", "s-e0002"])
    await full.commit(writes)
    hits = await full.search_events(ORG, "said", "", 0, 100)
    assert sorted(hit.event_id for hit, _ in hits) == [
        *("r-e0000", "r-e0002", "s-e0000", "s-e0001", "s-e0002"),
    ]
    await full.purge_words()
    assert await full.search_events(ORG, "said", "", 0, 100) == hits
    await full.commit(in_room(events=[event(3, "said again")]))
    assert len(await full.search_events(ORG, "said", "", 0, 100)) == 6


async def test_a_row_gets_another_payload_and_keeps_its_place(full: Store) -> None:
    rows = [kept("a", b"told"), kept("b", b"told")]
    await full.commit(WriteSet(ORG, observer_rows=rows))
    await full.commit(WriteSet(ORG, rewritten_observer_rows=[("a", b"not told"), ("gone", b"x")]))
    found = await full.observer_rows(ORG, ObserverQuery("h", 10))
    assert [placed.row for placed in found] == [kept("a", b"not told"), kept("b", b"told")]
