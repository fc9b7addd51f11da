"""What every store promises: see ``core.ports.Store``. One section per group of methods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_nouns import (
    ORG,
    START,
    binding,
    delivery,
    event,
    filled,
    in_room,
    key,
    new_room,
    participant,
    room,
)

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.keys import key_hash
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    EventQuery,
    QueuedText,
    Store,
    StoreConflict,
    WriteSet,
)
from roomd_server.core.times import timestamp


async def refused(done: Awaitable[None]) -> str:
    """What the conflict of a commit is called."""
    with pytest.raises(StoreConflict) as caught:
        await done
    return caught.value.what


def indexes(events: list[pb.RoomEvent]) -> list[int]:
    return [one.index for one in events]


# ------------------------------------------------------------------ every field survives


@pytest.mark.parametrize("kind", ["text", "rich", "media", "composite", "edit", "tool_call"])
async def test_every_field_of_an_event_survives(store: Store, kind: str) -> None:
    stored = filled(pb.RoomEvent, 4, room_id="r", index=0, event_id="e")
    content = filled(pb.Content, 4)
    other = getattr(content, kind)
    other.CopyFrom(filled(type(other), 3))
    stored.content.CopyFrom(content)
    stored.delivery_results.clear()
    await store.commit(new_room(events=[stored]))
    assert await store.get_event(ORG, "r", "e") == stored
    assert await store.get_event(ORG, "r", index=0) == stored
    assert await store.list_events(ORG, EventQuery("r", 10)) == [stored]
    assert (await store.read_log(ORG, "r", 0, 0, 10)).entries == [stored]
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.recent_events == [stored]


async def test_every_field_of_everything_in_a_room_survives(store: Store) -> None:
    full_room = filled(pb.Room, room_id="r")
    bound = filled(pb.Binding, room_id="r")
    who = filled(pb.Participant, room_id="r")
    task = filled(pb.Task, room_id="r")
    seen = filled(pb.Observation, room_id="r")
    sent = filled(pb.Delivery, 4, room_id="r", event_id="r-e0000", event_index=0)
    marker = filled(pb.ReadMarker, room_id="r")
    queued = QueuedText("q", filled(pb.DeliverRequest, room_id="r"), START + 0.5)
    change = Change(0, 0, b"\0item\xff")
    await store.commit(
        WriteSet(
            ORG,
            "r",
            room=full_room,
            create_room=True,
            events=[event(0)],
            bindings=[bound],
            participants=[who],
            tasks=[task],
            observations=[seen],
            deliveries=[sent],
            markers=[marker],
            queued=[queued],
            changes=[change],
        )
    )
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.room == full_room
    assert snapshot.bindings == [bound]
    assert snapshot.participants == [who]
    assert snapshot.queued == [queued]
    assert snapshot.next_change == 1
    assert await store.get_rooms(ORG, ["r"]) == [full_room]
    assert await store.list_rooms(ORG, pb.ListRoomsRequest(), "", 10) == [full_room]
    assert await store.get_task(ORG, "r", task.task_id) == task
    assert await store.list_tasks(ORG, "r", [], "", 10) == [task]
    assert await store.list_observations(ORG, "r", "", "", 10) == [seen]
    assert await store.get_delivery(ORG, "r", sent.delivery_id) == sent
    assert await store.list_deliveries(ORG, DeliveryQuery("r", 10)) == [sent]
    assert await store.list_markers(ORG, "r") == [marker]
    assert (await store.read_log(ORG, "r", 0, 0, 10)).entries == [event(0), change]


async def test_every_field_of_channels_hooks_and_handlers_survives(store: Store) -> None:
    channel = filled(pb.Channel)
    hook = filled(pb.Hook, 4)
    handler = filled(pb.Handler, 5)
    await store.commit(WriteSet(ORG, channels=[channel], hooks=[hook], handlers=[handler]))
    assert await store.list_channels(ORG) == [(ORG, channel)]
    assert await store.list_hooks() == [hook]
    assert await store.list_handlers() == [(ORG, handler)]


async def test_what_is_stored_again_replaces_what_was(store: Store) -> None:
    await store.commit(
        new_room(
            events=[event(0)],
            bindings=[binding("a"), binding("b")],
            participants=[participant("p"), participant("q")],
            tasks=[pb.Task(task_id="t", status=pb.TASK_STATUS_PENDING)],
            observations=[pb.Observation(observation_id="o", category="old")],
            deliveries=[delivery("d", 0)],
            markers=[pb.ReadMarker(channel_id="a", index=0)],
            queued=[QueuedText("q", pb.DeliverRequest(room_id="old"), START)],
            channels=[pb.Channel(channel_id="c", attached=1)],
            hooks=[pb.Hook(name="h", dropped=1)],
            handlers=[pb.Handler(name="p", etag="1")],
        )
    )
    task = pb.Task(task_id="t", status=pb.TASK_STATUS_COMPLETED)
    seen = pb.Observation(observation_id="o", category="new")
    sent = delivery("d", 0, state=pb.DELIVERY_STATE_SENT)
    marker = pb.ReadMarker(channel_id="a", index=7)
    queued = QueuedText("q", pb.DeliverRequest(room_id="new"), START + 1)
    channel, hook = pb.Channel(channel_id="c", attached=2), pb.Hook(name="h", dropped=2)
    closed = room(status=pb.ROOM_STATUS_CLOSED)
    await store.commit(
        in_room(
            room=closed,
            bindings=[binding("a", muted=True)],
            participants=[participant("p", "a")],
            tasks=[task],
            observations=[seen],
            deliveries=[sent],
            markers=[marker],
            queued=[queued],
            channels=[channel],
            hooks=[hook],
            handlers=[pb.Handler(name="p", etag="2")],
        )
    )
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.room == closed
    # The order of attaching and joining stays.
    assert snapshot.bindings == [binding("a", muted=True), binding("b")]
    assert snapshot.participants == [participant("p", "a"), participant("q")]
    assert snapshot.queued == [queued]
    assert await store.list_tasks(ORG, "r", [], "", 10) == [task]
    assert await store.list_observations(ORG, "r", "", "", 10) == [seen]
    assert await store.list_deliveries(ORG, DeliveryQuery("r", 10)) == [sent]
    assert await store.list_markers(ORG, "r") == [marker]
    assert await store.list_channels(ORG) == [(ORG, channel)]
    assert await store.list_hooks() == [hook]
    assert await store.list_handlers() == [(ORG, pb.Handler(name="p", etag="2"))]


async def test_what_is_removed_is_gone(store: Store) -> None:
    await store.commit(
        new_room(
            bindings=[binding("a"), binding("b")],
            queued=[QueuedText(name, pb.DeliverRequest(), START) for name in "xy"],
            channels=[pb.Channel(channel_id="a"), pb.Channel(channel_id="b")],
            hooks=[pb.Hook(name="a"), pb.Hook(name="b")],
            handlers=[pb.Handler(name="a"), pb.Handler(name="b")],
        )
    )
    await store.commit(
        in_room(
            removed_bindings=["a", "never"],
            removed_queued=["x"],
            removed_channels=["a"],
            removed_hooks=["a"],
            removed_handlers=["a", "never"],
        )
    )
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.bindings == [binding("b")]
    assert [one.queued_id for one in snapshot.queued] == ["y"]
    assert await store.list_channels(ORG) == [(ORG, pb.Channel(channel_id="b"))]
    assert await store.list_hooks() == [pb.Hook(name="b")]
    assert await store.list_handlers() == [(ORG, pb.Handler(name="b"))]


# ------------------------------------------------------------------ commit


async def test_a_room_is_created_once(store: Store) -> None:
    await store.commit(new_room())
    assert await refused(store.commit(new_room())) == "room"
    await store.commit(new_room(org="other"))


async def test_creating_a_room_behind_one_that_stores_it_is_refused(store: Store) -> None:
    stored = store.commit(in_room(room=room(status=pb.ROOM_STATUS_PAUSED)))
    assert await refused(store.commit(new_room())) == "room"
    await stored
    assert await store.get_rooms(ORG, ["r"]) == [room(status=pb.ROOM_STATUS_PAUSED)]


@pytest.mark.parametrize("index", [0, 1, 3, 99])
async def test_only_the_next_index_is_taken(store: Store, index: int) -> None:
    await store.commit(new_room(events=[event(0), event(1)]))
    stray = event(index, event_id="stray")
    assert await refused(store.commit(in_room(events=[stray]))) == "event"
    assert await store.get_event(ORG, "r", "stray") is None
    await store.commit(in_room(events=[event(2)]))


async def test_only_the_next_change_is_taken(store: Store) -> None:
    await store.commit(new_room(changes=[Change(0, -1, b"")]))
    for sequence in (0, 2):
        stray = in_room(changes=[Change(sequence, -1, b"stray")])
        assert await refused(store.commit(stray)) == "event"
    await store.commit(in_room(changes=[Change(1, -1, b"")]))


async def test_an_event_id_is_taken_once_in_an_organization(store: Store) -> None:
    await store.commit(new_room(events=[event(0, event_id="e")]))
    elsewhere = new_room("other", events=[event(0, event_id="e", room_id="other")])
    assert await refused(store.commit(elsewhere)) == "event"
    assert await store.load_room(ORG, "other") is None
    await store.commit(new_room("other", org="else", events=[event(0, event_id="e")]))


async def test_a_live_key_is_taken_once(store: Store, clock: Any) -> None:
    await store.commit(new_room(keys=[key("k")]))
    assert await refused(store.commit(in_room(keys=[key("new"), key("k")]))) == "key"
    assert await store.get_key(ORG, "room:r", "new", clock.now()) is None
    await store.commit(in_room(keys=[key("k", "room:other"), key("k", "rpc:Create")]))
    await store.commit(in_room(org="else", keys=[key("k")]))


async def test_a_key_that_has_expired_gives_way(store: Store, clock: Any) -> None:
    await store.commit(new_room(keys=[key("k", expires=START + 10)]))
    clock.wall += 11
    assert await store.get_key(ORG, "room:r", "k", clock.now()) is None
    again = key("k", expires=START + 200)._replace(value=b"again")
    await store.commit(in_room(keys=[again]))
    assert await store.get_key(ORG, "room:r", "k", clock.now()) == again
    assert await refused(store.commit(in_room(keys=[key("k")]))) == "key"


async def test_a_set_that_conflicts_writes_nothing(store: Store) -> None:
    await store.commit(new_room(events=[event(0)], keys=[key("k")]))
    before = await store.load_room(ORG, "r")
    conflicting = in_room(
        room=room(status=pb.ROOM_STATUS_CLOSED),
        events=[event(1)],
        changed_events=[event(0, "changed")],
        bindings=[binding("a")],
        participants=[participant("p")],
        tasks=[pb.Task(task_id="t")],
        deliveries=[delivery("d", 1, provider_message_id="x")],
        keys=[key("k")],
        changes=[Change(0, 1, b"")],
        channels=[pb.Channel(channel_id="c")],
    )
    assert await refused(store.commit(conflicting)) == "key"
    assert await store.load_room(ORG, "r") == before
    assert await store.get_task(ORG, "r", "t") is None
    assert await store.get_delivery(ORG, "r", "d") is None
    assert await store.find_delivery(ORG, "sms", "x") is None
    assert await store.list_channels(ORG) == []


async def test_of_sets_that_share_a_transaction_only_the_conflicting_fail(store: Store) -> None:
    await store.commit(WriteSet(ORG, keys=[key("taken", "rpc:x")]))
    done: list[asyncio.Future[None]] = []
    for number in range(200):
        name = f"r{number:03}"
        parts: dict[str, Any] = {"events": [event(0, room_id=name)]}
        if number % 10 == 3:
            parts["keys"] = [key("taken", "rpc:x")]
        done.append(store.commit(new_room(name, **parts)))
    outcomes = await asyncio.gather(*done, return_exceptions=True)
    failed = [number for number, outcome in enumerate(outcomes) if outcome is not None]
    assert failed == list(range(3, 200, 10))
    rooms = await store.list_rooms(ORG, pb.ListRoomsRequest(), "", 500)
    assert len(rooms) == 180


async def test_sets_take_effect_in_the_order_of_the_calls(store: Store) -> None:
    sets = [new_room(bindings=[binding("a"), binding("z")])]
    for number in range(50):
        changed = room(activity=START + number)
        sets.append(in_room(room=changed, events=[event(number)], removed_bindings=["a"]))
        sets.append(in_room(bindings=[binding("a", participant_id=str(number))]))
        sets.append(in_room(deliveries=[delivery("d", 0, error_code=str(number))]))
    await asyncio.gather(*[store.commit(one) for one in sets])
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.room == room(activity=START + 49)
    # Removed and attached again: it stands behind the others now.
    assert snapshot.bindings == [binding("z"), binding("a", participant_id="49")]
    found = await store.get_delivery(ORG, "r", "d")
    assert found is not None
    assert found.result.error_code == "49"
    assert indexes(await store.list_events(ORG, EventQuery("r", 100))) == list(range(50))


async def test_a_set_behind_a_failed_one_leaves_no_hole(store: Store) -> None:
    await store.commit(new_room(keys=[key("k")]))
    first = store.commit(in_room(events=[event(0)], changes=[Change(0, 0, b"")], keys=[key("k")]))
    event_behind = store.commit(in_room(events=[event(1)]))
    change_behind = store.commit(in_room(changes=[Change(1, 0, b"")]))
    beside = store.commit(in_room(tasks=[pb.Task(task_id="t")]))
    assert await refused(first) == "key"
    assert await refused(event_behind) == "event"
    assert await refused(change_behind) == "event"
    await beside
    assert (await store.read_log(ORG, "r", 0, 0, 10)).entries == []


async def test_a_room_may_be_created_written_and_deleted_at_once(store: Store) -> None:
    await asyncio.gather(
        store.commit(new_room(events=[event(0)])),
        store.commit(in_room(events=[event(1)])),
        store.commit(in_room(delete_room=True)),
        store.commit(new_room(events=[event(0, event_id="second")])),
    )
    assert await store.get_event(ORG, "r", index=0) == event(0, event_id="second")
    assert await store.get_event(ORG, "r", index=1) is None


async def test_a_read_sees_every_commit_that_was_acknowledged_before(store: Store) -> None:
    async def write_and_read(name: str) -> None:
        await store.commit(new_room(name))
        for number in range(20):
            await store.commit(in_room(name, events=[event(number, room_id=name)]))
            assert await store.get_event(ORG, name, index=number) is not None

    await asyncio.gather(*[write_and_read(f"r{number}") for number in range(16)])


async def test_what_was_handed_in_before_closing_is_finished(store: Store) -> None:
    done = [store.commit(new_room(f"r{number}")) for number in range(50)]
    await store.close()
    await asyncio.gather(*done)
    with pytest.raises(Unavailable):
        await store.commit(new_room("late"))
    with pytest.raises(Unavailable):
        await store.load_room(ORG, "r1")


async def test_a_caller_that_gives_up_does_not_harm_the_others(store: Store) -> None:
    given_up = store.commit(new_room("a"))
    other = store.commit(new_room("b"))
    given_up.cancel()
    await other
    assert [one.room_id for one in await store.get_rooms(ORG, ["a", "b"])][-1] == "b"


async def test_everything_is_there_after_closing_and_opening(
    reopen: Callable[[], Awaitable[Store]],
) -> None:
    store = await reopen()
    parts: dict[str, Any] = {
        "events": [event(0, "hello")],
        "bindings": [binding("a")],
        "participants": [participant("p", "a")],
        "deliveries": [delivery("d", 0)],
        "keys": [key("k")],
        "changes": [Change(0, 0, b"x")],
        "channels": [pb.Channel(channel_id="a")],
        "hooks": [pb.Hook(name="h")],
        "handlers": [pb.Handler(name="p")],
    }
    await store.commit(new_room(**parts))
    before = await store.load_room(ORG, "r")
    await store.close()
    store = await reopen()
    assert await store.load_room(ORG, "r") == before
    assert await store.list_channels(None) == [(ORG, pb.Channel(channel_id="a"))]
    assert await store.list_handlers() == [(ORG, pb.Handler(name="p"))]
    assert await store.unfinished_deliveries(None, 10) == [(ORG, delivery("d", 0))]
    assert [hit[0].index for hit in await store.search_events(ORG, "hello", "", 0, 10)] == [0]
    await store.commit(in_room(events=[event(1)], changes=[Change(1, 1, b"y")]))
    assert await refused(store.commit(in_room(keys=[key("k")]))) == "key"
    await store.close()


# ------------------------------------------------------------------ deleting a room


async def test_deleting_a_room_removes_everything_of_it_and_nothing_else(
    store: Store, clock: Any
) -> None:
    def full(name: str, org: str) -> WriteSet:
        return new_room(
            name,
            org,
            timer_due=START + 5,
            events=[event(0, f"word {name}", name), event(1, "", name, parent_event_id="x")],
            bindings=[binding("a", name)],
            participants=[participant("p", "a", room_id=name)],
            tasks=[pb.Task(task_id=f"t-{name}")],
            observations=[pb.Observation(observation_id=f"o-{name}")],
            deliveries=[delivery(f"d-{name}", 0, room_id=name, provider_message_id=f"x-{name}")],
            keys=[key("k", f"room:{name}"), key(f"k-{name}", "rpc:Create")],
            markers=[pb.ReadMarker(channel_id="a")],
            changes=[Change(0, 1, b"")],
            queued=[QueuedText("q", pb.DeliverRequest(), START)],
        )

    places = [("r", ORG), ("s", ORG), ("r", "other")]
    for name, org in places:
        await store.commit(full(name, org))
        assert await store.search_events(org, "word", name, 0, 10)
    kept = [await everything(store, org, name) for name, org in places[1:]]
    assert all(all(one.values()) for one in kept)
    await store.commit(in_room(delete_room=True))
    assert not any((await everything(store, ORG, "r")).values())
    assert [await everything(store, org, name) for name, org in places[1:]] == kept
    assert await store.get_key(ORG, "rpc:Create", "k-r", clock.now()) is not None
    await store.commit(new_room(events=[event(0, "fresh")]))
    assert await store.search_events(ORG, "word", "r", 0, 10) == []
    assert [hit[0].index for hit in await store.search_events(ORG, "fresh", "r", 0, 10)] == [0]


async def everything(store: Store, org: str, name: str) -> dict[str, object]:
    """All that can be read of a room."""
    log = await store.read_log(org, name, 0, 0, 10)
    return {
        "snapshot": await store.load_room(org, name),
        "rooms": await store.get_rooms(org, [name]),
        "events": await store.list_events(org, EventQuery(name, 10)),
        "log": log.entries,
        "threads": await store.thread_summaries(org, name, "", 10),
        "search": await store.search_events(org, "word", name, 0, 10),
        "tasks": await store.list_tasks(org, name, [], "", 10),
        "observations": await store.list_observations(org, name, "", "", 10),
        "markers": await store.list_markers(org, name),
        "unread": await store.count_unread(org, name, -1),
        "deliveries": await store.list_deliveries(org, DeliveryQuery(name, 10)),
        "provider": await store.find_delivery(org, "sms", f"x-{name}"),
        "key": await store.get_key(org, f"room:{name}", "k", START),
        "timer": (org, name) in await store.due_timers(START + 9, 10),
        "queued": (org, name) in await store.rooms_with_queued(10),
        "routed": name in await store.open_rooms_of_channel(org, "a", 10),
        "sender": name in await store.open_rooms_of_participant(org, "a", "p", 10),
    }


# ------------------------------------------------------------------ snapshot and keys


async def test_a_room_that_is_not_there_has_no_snapshot(store: Store) -> None:
    await store.commit(new_room())
    assert await store.load_room(ORG, "other") is None
    assert await store.load_room("other", "r") is None


async def test_a_snapshot_holds_the_newest_events_and_keys(store: Store, clock: Any) -> None:
    await store.commit(
        new_room(
            events=[event(index) for index in range(40)],
            keys=[key(f"k{number:03}", expires=START + number) for number in range(600)],
        )
    )
    clock.wall += 49.5
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert indexes(snapshot.recent_events) == list(range(8, 40))
    assert snapshot.key_count == 550
    assert snapshot.recent_keys == [
        (f"k{number:03}", f"print-k{number:03}".encode(), f"value-k{number:03}")
        for number in range(88, 600)
    ]


async def test_key_hashes_are_of_the_live_keys_of_the_scope(store: Store) -> None:
    await store.commit(
        new_room(
            keys=[
                key("live"),
                key("schlüssel"),
                key("dead", expires=START - 1),
                key("other", "room:other"),
            ]
        )
    )
    found = await store.key_hashes(ORG, "room:r", START)
    assert sorted(found) == sorted(key_hash(name) for name in ("live", "schlüssel"))


async def test_purging_forgets_what_has_expired(store: Store) -> None:
    dead = [key(f"dead{number}", expires=START + 1) for number in range(2500)]
    await store.commit(new_room(keys=[*dead, key("live", expires=START + 3)]))
    assert await store.purge_keys(START + 2) == 2500
    assert await store.purge_keys(START + 2) == 0
    assert await store.get_key(ORG, "room:r", "dead1", START) is None
    assert await store.get_key(ORG, "room:r", "live", START) == key("live", expires=START + 3)


# ------------------------------------------------------------------ rooms


async def test_rooms_are_listed_by_id_in_pages(store: Store) -> None:
    names = [f"r{number:03}" for number in range(450)]
    await asyncio.gather(*[store.commit(new_room(name)) for name in reversed(names)])
    await store.commit(new_room("r-else", org="other"))
    found: list[str] = []
    while page := await store.list_rooms(ORG, pb.ListRoomsRequest(), (found or [""])[-1], 100):
        found += [one.room_id for one in page]
    assert found == names


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.ListRoomsRequest(statuses=[pb.ROOM_STATUS_PAUSED, pb.ROOM_STATUS_CLOSED]), "bc"),
        (pb.ListRoomsRequest(labels={"tier": "gold"}), "ac"),
        (pb.ListRoomsRequest(labels={"tier": "gold", "lang": "de"}), "c"),
        (pb.ListRoomsRequest(participant_id="p"), "ab"),
        (pb.ListRoomsRequest(channel_id="sms"), "bc"),
        (pb.ListRoomsRequest(channel_id="sms", participant_id="p"), "b"),
        (pb.ListRoomsRequest(statuses=[pb.ROOM_STATUS_ARCHIVED]), ""),
    ],
)
async def test_rooms_are_filtered(
    store: Store, request_: pb.ListRoomsRequest, expected: str
) -> None:
    for name, status, labels in (
        ("a", pb.ROOM_STATUS_ACTIVE, {"tier": "gold"}),
        ("b", pb.ROOM_STATUS_PAUSED, {"tier": "iron"}),
        ("c", pb.ROOM_STATUS_CLOSED, {"tier": "gold", "lang": "de"}),
    ):
        made = room(name, status=status, labels=labels)
        await store.commit(
            WriteSet(
                ORG,
                name,
                room=made,
                create_room=True,
                bindings=[binding("sms", name)] if name in "bc" else [],
                participants=[participant("p", room_id=name)] if name in "ab" else [],
            )
        )
    found = await store.list_rooms(ORG, request_, "", 10)
    assert [one.room_id for one in found] == list(expected)
    assert await store.list_rooms(ORG, request_, "", 1) == found[:1]
    assert await store.list_rooms("other", request_, "", 10) == []


async def test_of_rooms_asked_for_those_that_exist_are_given(store: Store) -> None:
    for name in "abc":
        await store.commit(new_room(name))
    assert await store.get_rooms(ORG, ["c", "never", "a"]) == [room("c"), room("a")]
    assert await store.get_rooms(ORG, []) == []
    assert await store.get_rooms("other", ["a"]) == []


async def test_open_rooms_are_found_by_channel_and_participant(store: Store) -> None:
    for number, name in enumerate("abcd"):
        made = room(name, activity=START + number)
        parts: dict[str, Any] = {
            "bindings": [binding("sms", name)] if name != "d" else [],
            "participants": [participant("p", "sms", "web", room_id=name)],
        }
        await store.commit(WriteSet(ORG, name, room=made, create_room=True, **parts))
    await store.commit(in_room("c", participants=[participant("p", "web", room_id="c")]))
    assert await store.open_rooms_of_channel(ORG, "sms", 10) == ["c", "b", "a"]
    assert await store.open_rooms_of_channel(ORG, "sms", 2) == ["c", "b"]
    assert await store.open_rooms_of_participant(ORG, "sms", "p", 10) == ["b", "a"]
    assert await store.open_rooms_of_participant(ORG, "sms", "p", 1) == ["b"]
    assert await store.open_rooms_of_participant(ORG, "sms", "q", 10) == []
    assert await store.open_rooms_of_channel("other", "sms", 10) == []
    # Activity reorders, detaching removes.
    await store.commit(in_room("a", room=room("a", activity=START + 100)))
    await store.commit(in_room("b", removed_bindings=["sms"]))
    assert await store.open_rooms_of_channel(ORG, "sms", 10) == ["a", "c"]
    assert await store.open_rooms_of_participant(ORG, "sms", "p", 10) == ["a"]
    assert await store.rooms_of_channel(ORG, "sms", "", 10) == ["a", "c"]
    assert await store.rooms_of_channel(ORG, "sms", "a", 10) == ["c"]
    assert await store.rooms_of_channel(ORG, "sms", "", 1) == ["a"]


async def test_a_room_is_open_while_it_is_active_or_paused(store: Store) -> None:
    await store.commit(new_room(bindings=[binding("sms")], participants=[participant("p", "sms")]))
    for status, is_open in (
        (pb.ROOM_STATUS_PAUSED, True),
        (pb.ROOM_STATUS_CLOSED, False),
        (pb.ROOM_STATUS_ACTIVE, True),
        (pb.ROOM_STATUS_ARCHIVED, False),
    ):
        await store.commit(in_room(room=room(status=status)))
        # One attached while the room is in that state counts like the first one.
        await store.commit(in_room(bindings=[binding("web")]))
        expected = ["r"] if is_open else []
        assert await store.open_rooms_of_channel(ORG, "sms", 10) == expected
        assert await store.open_rooms_of_channel(ORG, "web", 10) == expected
        assert await store.open_rooms_of_participant(ORG, "sms", "p", 10) == expected
        assert await store.rooms_of_channel(ORG, "sms", "", 10) == ["r"]
        await store.commit(in_room(removed_bindings=["web"]))


async def test_bindings_stored_beside_a_change_of_status_know_it(store: Store) -> None:
    await asyncio.gather(
        store.commit(new_room()),
        store.commit(in_room(bindings=[binding("a")])),
        store.commit(in_room(removed_bindings=["a"])),
        store.commit(in_room(bindings=[binding("a")])),
        store.commit(in_room(room=room(status=pb.ROOM_STATUS_CLOSED))),
        store.commit(in_room(bindings=[binding("b")])),
    )
    for channel_id in "ab":
        assert await store.open_rooms_of_channel(ORG, channel_id, 10) == []
    await store.commit(in_room(room=room()))
    for channel_id in "ab":
        assert await store.open_rooms_of_channel(ORG, channel_id, 10) == ["r"]


async def test_timers_are_due_earliest_first(store: Store) -> None:
    assert await store.next_timer() is None
    dues = {"a": 30.0, "b": 10.0, "c": 20.0, "d": None}
    for name, due in dues.items():
        await store.commit(WriteSet(ORG, name, room=room(name), create_room=True, timer_due=due))
    assert await store.next_timer() == 10.0
    assert await store.due_timers(20.0, 10) == [(ORG, "b"), (ORG, "c")]
    assert await store.due_timers(99.0, 2) == [(ORG, "b"), (ORG, "c")]
    assert await store.due_timers(9.9, 10) == []
    await store.commit(in_room("b", room=room("b"), timer_due=None))
    await store.commit(in_room("c", tasks=[pb.Task(task_id="t")]))
    assert await store.next_timer() == 20.0


# ------------------------------------------------------------------ events


async def test_events_are_found_by_id_and_index_in_their_room_only(store: Store) -> None:
    await store.commit(new_room(events=[event(0), event(1)]))
    await store.commit(new_room("s", events=[event(0, room_id="s")]))
    assert await store.get_event(ORG, "r", "r-e0001") == event(1)
    assert await store.get_event(ORG, "r", index=1) == event(1)
    assert await store.get_event(ORG, "r", "s-e0000") is None
    assert await store.get_event(ORG, "r", index=2) is None
    assert await store.get_event("other", "r", "r-e0000") is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (EventQuery("r", 3), [0, 1, 2]),
        (EventQuery("r", 3, newest_first=True), [9, 8, 7]),
        (EventQuery("r", 3, after_index=4), [5, 6, 7]),
        (EventQuery("r", 99, after_index=-1, before_index=2), [0, 1]),
        (EventQuery("r", 2, before_index=5, newest_first=True), [4, 3]),
        (EventQuery("r", 2, offset=8), [8, 9]),
        (EventQuery("r", 2, offset=3, newest_first=True), [6, 5]),
        (EventQuery("r", 9, offset=10), []),
        (EventQuery("never", 9), []),
    ],
)
async def test_events_are_listed_by_index(
    store: Store, query: EventQuery, expected: list[int]
) -> None:
    await store.commit(new_room(events=[event(index) for index in range(10)]))
    await store.commit(new_room("s", events=[event(0, room_id="s")]))
    assert indexes(await store.list_events(ORG, query)) == expected
    assert await store.list_events("other", query) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (pb.EventFilter(), [0, 1, 2, 3, 4]),
        (pb.EventFilter(types=[pb.EVENT_TYPE_SYSTEM, pb.EVENT_TYPE_EDIT]), [1, 2]),
        (pb.EventFilter(types=[pb.EVENT_TYPE_MESSAGE]), [0, 3, 4]),
        (pb.EventFilter(exclude_types=[pb.EVENT_TYPE_SYSTEM]), [0, 2, 3, 4]),
        (pb.EventFilter(statuses=[pb.EVENT_STATUS_BLOCKED]), [3]),
        (pb.EventFilter(channel_id="sms"), [0, 2]),
        (pb.EventFilter(participant_id="ann"), [0]),
        (pb.EventFilter(parent_event_id="r-e0000"), [2, 3]),
        (pb.EventFilter(correlation_id="c"), [4]),
        (pb.EventFilter(after_time=timestamp(START + 3)), [3, 4]),
        (pb.EventFilter(before_time=timestamp(START + 3)), [0, 1, 2]),
        (pb.EventFilter(top_level_only=True), [0, 1, 4]),
        (pb.EventFilter(top_level_only=True, channel_id="sms"), [0]),
        (pb.EventFilter(visible_to_channel_id="nobody"), [0, 1, 2, 3, 4]),
    ],
)
async def test_events_are_filtered(
    store: Store, asked: pb.EventFilter, expected: list[int]
) -> None:
    sms = pb.EventSource(channel_id="sms")
    await store.commit(
        new_room(
            events=[
                event(0, source=pb.EventSource(channel_id="sms", participant_id="ann")),
                event(1, type=pb.EVENT_TYPE_SYSTEM),
                event(2, type=pb.EVENT_TYPE_EDIT, parent_event_id="r-e0000", source=sms),
                event(3, status=pb.EVENT_STATUS_BLOCKED, parent_event_id="r-e0000"),
                event(4, type=pb.EVENT_TYPE_UNSPECIFIED, correlation_id="c"),
            ]
        )
    )
    found = await store.list_events(ORG, EventQuery("r", 10, filter=asked))
    assert indexes(found) == expected
    page = EventQuery("r", 1, newest_first=True, offset=1, filter=asked)
    assert indexes(await store.list_events(ORG, page)) == expected[-2:-1]


async def test_a_changed_event_has_its_new_values_everywhere(store: Store) -> None:
    await store.commit(new_room(events=[event(0, "old"), event(1)]))
    changed = event(0, "new", status=pb.EVENT_STATUS_READ, correlation_id="c")
    changed.edit_time.CopyFrom(timestamp(START + 9))
    await store.commit(in_room(changed_events=[changed]))
    assert await store.get_event(ORG, "r", index=0) == changed
    asked = pb.EventFilter(statuses=[pb.EVENT_STATUS_READ], correlation_id="c")
    assert await store.list_events(ORG, EventQuery("r", 9, filter=asked)) == [changed]
    assert (await store.read_log(ORG, "r", 0, 0, 9)).entries == [changed, event(1)]


async def test_changing_what_is_not_there_changes_nothing(store: Store) -> None:
    await store.commit(new_room(events=[event(0)]))
    await store.commit(in_room("s", changed_events=[event(0, "x"), event(7, "y")]))
    assert await store.list_events(ORG, EventQuery("r", 9)) == [event(0)]


# ------------------------------------------------------------------ the log


async def test_the_log_has_changes_between_the_events_where_they_happened(store: Store) -> None:
    changes = [
        Change(0, -1, b"before all"),
        Change(1, 0, b"after 0"),
        Change(2, 0, b"after 0 too"),
        Change(3, 2, b"after 2"),
    ]
    events = [event(index) for index in range(3)]
    await store.commit(new_room(events=events, changes=changes))
    page = await store.read_log(ORG, "r", 0, 0, 100)
    in_order = [changes[0], events[0], *changes[1:3], *events[1:], changes[3]]
    assert page.entries == in_order
    assert not page.more
    assert page.oldest == (0, 0)
    # Every position in it, and every page size.
    for start in range(len(in_order) + 1):
        index = sum(isinstance(one, pb.RoomEvent) for one in in_order[:start])
        for limit in range(1, 8):
            page = await store.read_log(ORG, "r", index, start - index, limit)
            assert page.entries == in_order[start : start + limit]
            assert page.more == (start + limit < len(in_order))


async def test_an_empty_log_begins_where_it_will(store: Store) -> None:
    await store.commit(new_room())
    page = await store.read_log(ORG, "r", 0, 0, 10)
    assert page == ([], (0, 0), False)


# ------------------------------------------------------------------ threads, unread


async def test_threads_count_the_replies_that_can_be_seen(store: Store) -> None:
    def reply(index: int, root: str, **fields: Any) -> pb.RoomEvent:
        return event(index, parent_event_id=root, **fields)

    gone = reply(4, "a")
    gone.delete_time.CopyFrom(timestamp(START))
    await store.commit(
        new_room(
            events=[
                reply(0, "b"),
                reply(1, "a"),
                event(2),
                reply(3, "a", status=pb.EVENT_STATUS_BLOCKED),
                gone,
                reply(5, "a"),
            ]
        )
    )
    a = pb.ThreadSummary(root_event_id="a", reply_count=2, last_reply_time=timestamp(START + 5))
    b = pb.ThreadSummary(root_event_id="b", reply_count=1, last_reply_time=timestamp(START))
    assert await store.thread_summaries(ORG, "r", "", 10) == [a, b]
    assert await store.thread_summaries(ORG, "r", "", 1) == [a]
    assert await store.thread_summaries(ORG, "r", "a", 10) == [b]
    assert indexes(await store.replies(ORG, "r", "a", 10)) == [1, 3, 4, 5]
    assert indexes(await store.replies(ORG, "r", "a", 2)) == [1, 3]
    assert await store.replies(ORG, "other", "a", 10) == []


async def test_unread_are_messages_that_can_be_seen(store: Store) -> None:
    gone = event(4)
    gone.delete_time.CopyFrom(timestamp(START))
    await store.commit(
        new_room(
            events=[
                event(0),
                event(1, type=pb.EVENT_TYPE_SYSTEM),
                event(2),
                event(3, status=pb.EVENT_STATUS_BLOCKED),
                gone,
                event(5),
            ]
        )
    )
    unread = [await store.count_unread(ORG, "r", index) for index in (-1, 0, 2, 5)]
    assert unread == [3, 2, 1, 0]


# ------------------------------------------------------------------ tasks, observations, markers


async def test_tasks_are_listed_by_id_and_status(store: Store) -> None:
    statuses = [pb.TASK_STATUS_PENDING, pb.TASK_STATUS_FAILED, pb.TASK_STATUS_PENDING]
    tasks = [pb.Task(task_id=name, status=of) for name, of in zip("abc", statuses, strict=True)]
    await store.commit(new_room(tasks=tasks[::-1]))
    await store.commit(new_room("s", tasks=[pb.Task(task_id="d")]))
    a, b, c = tasks
    assert await store.list_tasks(ORG, "r", [], "", 10) == [a, b, c]
    assert await store.list_tasks(ORG, "r", [], "a", 1) == [b]
    assert await store.list_tasks(ORG, "r", [pb.TASK_STATUS_PENDING], "", 10) == [a, c]
    both = [pb.TASK_STATUS_FAILED, pb.TASK_STATUS_COMPLETED]
    assert await store.list_tasks(ORG, "r", both, "", 10) == [b]
    assert await store.get_task(ORG, "r", "d") is None
    assert await store.get_task(ORG, "s", "d") == pb.Task(task_id="d")


async def test_observations_are_listed_by_id_and_category(store: Store) -> None:
    seen = [
        pb.Observation(observation_id=name, category=of)
        for name, of in (("a", "mood"), ("b", "feedback:overall"), ("c", "mood"))
    ]
    await store.commit(new_room(observations=seen[::-1]))
    assert await store.list_observations(ORG, "r", "", "", 10) == seen
    assert await store.list_observations(ORG, "r", "mood", "", 10) == [seen[0], seen[2]]
    assert await store.list_observations(ORG, "r", "mood", "a", 10) == [seen[2]]
    assert await store.list_observations(ORG, "r", "", "a", 1) == [seen[1]]
    assert await store.list_observations(ORG, "s", "", "", 10) == []


async def test_markers_are_listed_by_channel(store: Store) -> None:
    markers = [pb.ReadMarker(room_id="r", channel_id=name, index=3) for name in "ab"]
    await store.commit(new_room(markers=markers[::-1]))
    assert await store.list_markers(ORG, "r") == markers
    assert await store.list_markers("other", "r") == []


# ------------------------------------------------------------------ deliveries


async def test_deliveries_are_found_by_what_the_provider_called_them(store: Store) -> None:
    sent = delivery("d", 0, provider_message_id="x1", part_message_ids=["x1", "x2", ""], parts=2)
    await store.commit(new_room(events=[event(0)], deliveries=[sent, delivery("e", 0)]))
    for name in ("x1", "x2"):
        assert await store.find_delivery(ORG, "sms", name) == sent
        assert await store.find_delivery(ORG, "web", name) is None
        assert await store.find_delivery("other", "sms", name) is None
    assert await store.find_delivery(ORG, "sms", "") is None
    assert await store.get_delivery(ORG, "r", "d") == sent
    assert await store.get_delivery(ORG, "s", "d") is None
    # A later attempt has another name; the first one stays known.
    again = delivery("d", 0, state=pb.DELIVERY_STATE_SENT, provider_message_id="x3")
    await store.commit(in_room(deliveries=[again]))
    for name in ("x1", "x3"):
        assert await store.find_delivery(ORG, "sms", name) == again


async def test_deliveries_are_listed_newest_first(store: Store) -> None:
    rows = [
        delivery("d0", 0, "sms", pb.DELIVERY_STATE_SENT),
        delivery("d1", 0, "web", pb.DELIVERY_STATE_FAILED),
        delivery("d2", 1, "sms"),
        delivery("d3", 1, "web"),
        delivery("d4", 2, "sms", pb.DELIVERY_STATE_FAILED),
    ]
    await store.commit(new_room(events=[event(index) for index in range(3)], deliveries=rows))
    await store.commit(
        new_room("s", events=[event(0, room_id="s")], deliveries=[delivery("e", 0, room_id="s")])
    )

    async def listed(limit: int = 10, **parts: Any) -> str:
        found = await store.list_deliveries(ORG, DeliveryQuery("r", limit, **parts))
        return "".join(one.delivery_id.removeprefix("d") for one in found)

    assert await listed() == "43210"
    assert await listed(2) == "43"
    assert await listed(2, before=(START + 1, "d3")) == "21"
    assert await listed(event_id="r-e0001") == "32"
    assert await listed(event_ids=["r-e0000", "r-e0002", "s-e0000"]) == "410"
    assert await listed(channel_id="web") == "31"
    assert await listed(states=[pb.DELIVERY_STATE_FAILED, pb.DELIVERY_STATE_SENT]) == "410"
    assert await listed(channel_id="sms", states=[pb.DELIVERY_STATE_FAILED]) == "4"


async def test_unfinished_deliveries_come_lane_by_lane_in_order(store: Store) -> None:
    async def put(name: str, org: str, *rows: pb.Delivery) -> None:
        events = [event(index, room_id=name) for index in range(3)]
        await store.commit(new_room(name, org, events=events, deliveries=list(rows)))

    sending = delivery("2", 2, "a", pb.DELIVERY_STATE_SENDING)
    first = [delivery("0", 0, "b"), sending, delivery("1", 1, "a")]
    sent = delivery("3", 0, "a", pb.DELIVERY_STATE_SENT)
    await put("r", "z-org", *first, sent)
    await put("r", ORG, delivery("9", 0, "b"))
    await put("q", ORG, delivery("8", 0, "c", room_id="q"))
    found = await store.unfinished_deliveries(None, 10)
    assert [(org, one.delivery_id) for org, one in found] == [
        (ORG, "8"),
        (ORG, "9"),
        ("z-org", "1"),
        ("z-org", "2"),
        ("z-org", "0"),
    ]
    after = None
    for one in found:
        page = await store.unfinished_deliveries(after, 1)
        assert page == [one]
        org, row = page[0]
        after = (org, row.room_id, row.channel_id, row.event_index)
    assert await store.unfinished_deliveries(after, 1) == []

    lane = await store.unfinished_of_lane("z-org", "r", "a", -1, 10)
    assert [one.delivery_id for one in lane] == ["1", "2"]
    assert await store.unfinished_of_lane("z-org", "r", "a", 1, 10) == [sending]
    assert await store.unfinished_of_lane("z-org", "r", "a", 2, 10) == []
    await store.commit(
        in_room(org="z-org", deliveries=[delivery("1", 1, "a", pb.DELIVERY_STATE_FAILED)])
    )
    assert await store.unfinished_of_lane("z-org", "r", "a", -1, 10) == [sending]


async def test_queued_texts_are_kept_in_the_order_they_came(store: Store) -> None:
    texts = [
        QueuedText(f"q{number}", pb.DeliverRequest(room_id=str(number)), START + number)
        for number in range(3)
    ]
    await store.commit(new_room(queued=[texts[2], texts[0], texts[1]]))
    await store.commit(new_room("s"))
    snapshot = await store.load_room(ORG, "r")
    assert snapshot is not None
    assert snapshot.queued == texts
    assert await store.rooms_with_queued(10) == [(ORG, "r")]
    await store.commit(in_room(removed_queued=["q0", "q1", "q2"]))
    assert await store.rooms_with_queued(10) == []


async def test_channels_are_listed_for_one_or_all_organizations(store: Store) -> None:
    b, a = pb.Channel(channel_id="b"), pb.Channel(channel_id="a")
    await store.commit(WriteSet(ORG, channels=[b, a]))
    await store.commit(WriteSet("other", channels=[a], hooks=[pb.Hook(name="h")]))
    await store.commit(WriteSet(ORG, hooks=[pb.Hook(name="h")]))
    assert await store.list_channels(ORG) == [(ORG, a), (ORG, b)]
    assert await store.list_channels(None) == [(ORG, a), (ORG, b), ("other", a)]
    assert await store.list_hooks() == [pb.Hook(name="h")] * 2
