"""Whatever a noun holds comes back from the store: no field is lost, whatever is in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest
from any_message import any_message
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_nouns import ORG, event, new_room

from roomd import v1 as pb
from roomd_server.core.ports import (
    Change,
    DeliveryQuery,
    KeyRecord,
    QueuedText,
    RoomSnapshot,
    Store,
    WriteSet,
)

often = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
NUMBERS = count()


async def snapshot(store: Store, room_id: str) -> RoomSnapshot:
    found = await store.load_room(ORG, room_id)
    assert found is not None
    return found


async def _room(store: Store, one: pb.Room, room_id: str) -> Iterator[Message]:
    one.room_id = room_id
    await store.commit(WriteSet(ORG, room_id, room=one, create_room=True))
    return iter(((await snapshot(store, room_id)).room, *await store.get_rooms(ORG, [room_id])))


async def _event(store: Store, one: pb.RoomEvent, room_id: str) -> Iterator[Message | None]:
    one.room_id, one.index, one.event_id = room_id, 0, f"e-{room_id}"
    await store.commit(new_room(room_id, events=[one]))
    found = [await store.get_event(ORG, room_id, index=0)]
    # As a change it goes another way.
    blank = event(0, room_id=room_id, event_id=one.event_id)
    await store.commit(WriteSet(ORG, room_id, changed_events=[blank]))
    await store.commit(WriteSet(ORG, room_id, changed_events=[one]))
    (entry,) = (await store.read_log(ORG, room_id, 0, 0, 10)).entries
    assert isinstance(entry, pb.RoomEvent)
    return iter((*found, entry))


async def _binding(store: Store, one: pb.Binding, room_id: str) -> Iterator[Message]:
    await store.commit(new_room(room_id, bindings=[one]))
    return iter((await snapshot(store, room_id)).bindings)


async def _participant(store: Store, one: pb.Participant, room_id: str) -> Iterator[Message]:
    await store.commit(new_room(room_id, participants=[one]))
    return iter((await snapshot(store, room_id)).participants)


async def _task(store: Store, one: pb.Task, room_id: str) -> Iterator[Message | None]:
    await store.commit(new_room(room_id, tasks=[one]))
    return iter([await store.get_task(ORG, room_id, one.task_id)])


async def _observation(store: Store, one: pb.Observation, room_id: str) -> Iterator[Message]:
    one.observation_id += "x"  # pages begin after ''
    await store.commit(new_room(room_id, observations=[one]))
    return iter(await store.list_observations(ORG, room_id, "", "", 10))


async def _delivery(store: Store, one: pb.Delivery, room_id: str) -> Iterator[Message | None]:
    one.delivery_id = f"d-{room_id}"
    await store.commit(new_room(room_id, deliveries=[one]))
    found = [await store.get_delivery(ORG, room_id, one.delivery_id)]
    if name := one.result.provider_message_id:
        found.append(await store.find_delivery(ORG, one.channel_id, name))
    return iter((*found, *await store.list_deliveries(ORG, DeliveryQuery(room_id, 10))))


async def _marker(store: Store, one: pb.ReadMarker, room_id: str) -> Iterator[Message]:
    await store.commit(new_room(room_id, markers=[one]))
    return iter(await store.list_markers(ORG, room_id))


async def _queued(store: Store, one: pb.DeliverRequest, room_id: str) -> Iterator[Message]:
    queued = QueuedText(room_id, one, 0.5)
    await store.commit(new_room(room_id, queued=[queued]))
    (found,) = (await snapshot(store, room_id)).queued
    assert found == queued
    return iter([found.request])


async def _channel(store: Store, one: pb.Channel, org: str) -> Iterator[Message]:
    await store.commit(WriteSet(org, channels=[one]))
    return iter(channel for _, channel in await store.list_channels(org))


async def _hook(store: Store, one: pb.Hook, org: str) -> Iterator[Message]:
    before = len(await store.list_hooks())
    await store.commit(WriteSet(org, hooks=[one]))
    hooks = await store.list_hooks()
    assert len(hooks) == before + 1
    return iter([hook for hook in hooks if hook == one][:1])


async def _handler(store: Store, one: pb.Handler, org: str) -> Iterator[Message]:
    await store.commit(WriteSet(org, handlers=[one]))
    return iter([handler for owner, handler in await store.list_handlers() if owner == org])


TRIPS: dict[type[Message], Callable[[Store, Any, str], Awaitable[Iterator[Message | None]]]] = {
    pb.Room: _room,
    pb.RoomEvent: _event,
    pb.Binding: _binding,
    pb.Participant: _participant,
    pb.Task: _task,
    pb.Observation: _observation,
    pb.Delivery: _delivery,
    pb.ReadMarker: _marker,
    pb.DeliverRequest: _queued,
    pb.Channel: _channel,
    pb.Hook: _hook,
    pb.Handler: _handler,
}
"""Kind → puts one in under a name of its own and reads it back by every way there is."""


@pytest.mark.parametrize("kind", TRIPS, ids=lambda kind: kind.__name__)
@often
@given(data=st.data())
async def test_a_noun_comes_back_as_it_was(
    store: Store, kind: type[Message], data: st.DataObject
) -> None:
    one = data.draw(any_message(kind))
    found = list(await TRIPS[kind](store, one, f"n{next(NUMBERS)}"))
    assert found
    assert all(other == one for other in found)


names = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["\0", "\1", "\1\2"])


@often
@given(scope=names, key=names, fingerprint=st.binary(), value=st.binary(), item=st.binary())
async def test_keys_and_changes_come_back_as_they_were(
    store: Store, scope: str, key: str, fingerprint: bytes, value: bytes, item: bytes
) -> None:
    room_id = f"n{next(NUMBERS)}"
    record = KeyRecord(f"{room_id}{scope}", key, fingerprint, value, 2e9)
    change = Change(0, -1, item)
    await store.commit(new_room(room_id, keys=[record], changes=[change]))
    assert await store.get_key(ORG, record.scope, key, 0.0) == record
    assert (await store.read_log(ORG, room_id, 0, 0, 10)).entries == [change]
