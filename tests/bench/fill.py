"""Databases with very many events or rooms, written through the store itself."""

from __future__ import annotations

import time

from loads import BODY
from processes import channels, metadata

from roomd import v1 as pb
from roomd_server.core.ports import WriteSet
from roomd_server.core.times import timestamp
from roomd_server.storage import open_store
from roomd_server.system import SystemClock

BATCH = 2000


def _room(room_id: str) -> pb.Room:
    now = timestamp(time.time())
    return pb.Room(
        room_id=room_id,
        organization_id="default",
        status=pb.ROOM_STATUS_ACTIVE,
        create_time=now,
        update_time=now,
        last_activity_time=now,
    )


async def fill_room(url: str, room_id: str, events: int) -> None:
    """Write a room with that many events."""
    opened = await open_store(url, SystemClock())
    store = opened.store
    room = _room(room_id)
    await store.commit(WriteSet("default", room_id, room=room, create_room=True))
    for first in range(0, events, BATCH):
        last = min(events, first + BATCH)
        batch = [
            pb.RoomEvent(
                event_id=f"{room_id}-{index:09}",
                room_id=room_id,
                index=index,
                type=pb.EVENT_TYPE_MESSAGE,
                status=pb.EVENT_STATUS_DELIVERED,
                source=pb.EventSource(channel_id="bench-in", participant_id="bench"),
                content=pb.Content(text=pb.TextContent(body=BODY)),
                create_time=room.create_time,
            )
            for index in range(first, last)
        ]
        room.latest_index, room.event_count = last - 1, last
        await store.commit(WriteSet("default", room_id, room=room, events=batch))
    await opened.close()


async def fill_rooms(url: str, count: int) -> None:
    """Write that many rooms, each with a participant."""
    opened = await open_store(url, SystemClock())
    store = opened.store
    pending = []
    for number in range(count):
        room_id = f"known-{number:06}"
        who = pb.Participant(
            participant_id="bench", room_id=room_id, status=pb.PARTICIPANT_STATUS_ACTIVE
        )
        writes = WriteSet(
            "default", room_id, room=_room(room_id), create_room=True, participants=[who]
        )
        pending.append(store.commit(writes))
        if len(pending) == BATCH:
            for future in pending:
                await future
            pending.clear()
    for future in pending:
        await future
    await opened.close()


async def attach(address: str, room_id: str) -> None:
    """Attach the sending channel to a room that was filled."""
    (channel,) = channels(address, 1)
    call = channel.unary_unary(
        "/roomd.v1.ChannelService/AttachChannel",
        request_serializer=pb.AttachChannelRequest.SerializeToString,
        response_deserializer=pb.AttachChannelResponse.FromString,
    )
    request = pb.AttachChannelRequest(room_id=room_id, channel_id="bench-in")
    await call(request, metadata=metadata())
    await channel.close()
