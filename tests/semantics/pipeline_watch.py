"""What a room's subscriber sees, and a disk that does not answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api_fakes import until
from pipeline_kit import Room

from roomd import v1 as pb
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore

SUBSCRIBE = "/roomd.v1.RoomService/SubscribeRoom"
UNTIL_SECONDS = 5.0


@asynccontextmanager
async def subscribed(room: Room, **fields: Any) -> AsyncIterator[list[pb.StreamItem]]:
    """What a subscriber of the room is told from now on; it grows by itself."""
    request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id=room.room_id), **fields)
    call = room.house.client.stream(SUBSCRIBE, request, room.house.key)
    items: list[pb.StreamItem] = []

    async def read() -> None:
        async for response in call:
            items.extend(response.items)

    reading = asyncio.ensure_future(read())
    await until(lambda: items)
    try:
        yield items
    finally:
        reading.cancel()
        await asyncio.wait([reading])


@asynccontextmanager
async def disk_held(store: SqliteStore | PostgresStore) -> AsyncIterator[None]:
    """Nothing becomes durable meanwhile. On a file: memory is read by the writer, too."""
    begun, over = threading.Event(), threading.Event()

    def hold(_conn: object) -> Any:
        begun.set()
        if isinstance(store, PostgresStore):
            return asyncio.to_thread(over.wait, UNTIL_SECONDS)
        return over.wait(UNTIL_SECONDS)

    holding = asyncio.ensure_future(store.writer.run(hold))
    await until(begun.is_set)
    try:
        yield
    finally:
        over.set()
        await holding
