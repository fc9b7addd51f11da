"""A clock and small sets for the tests of the SQLite store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from roomd import v1 as pb
from roomd_server.core.ports import Cancellable, WriteSet


class RealClock:
    """Time as it is."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancellable:
        return asyncio.get_running_loop().call_later(seconds, callback)


def room_set(room_id: str, **parts: Any) -> WriteSet:
    room = pb.Room(room_id=room_id, status=pb.ROOM_STATUS_ACTIVE)
    return WriteSet("acme", room_id, room=room, create_room=True, **parts)


def event_set(room_id: str, index: int, text: str = "") -> WriteSet:
    event = pb.RoomEvent(room_id=room_id, event_id=f"{room_id}-{index}", index=index)
    event.content.text.body = text
    return WriteSet("acme", room_id, events=[event])
