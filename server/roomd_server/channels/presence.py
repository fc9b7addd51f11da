"""People are online in the rooms they see for as long as they are connected."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from roomd import v1 as pb
from roomd_server.channels.live import Connection
from roomd_server.core.errors import RoomdError
from roomd_server.core.ports import Caller, Clock

log = logging.getLogger(__name__)

RENEW_SECONDS = 20.0
"""Shorter than the lease of 30 s."""
MAX_ROOMS = 200
"""Rooms in which one connection keeps its participant online, newest activity first."""

Signal = Callable[[Caller, str, pb.EphemeralEvent], Awaitable[None]]
"""Publishes something fleeting in a room."""
RoomsOfChannel = Callable[[str, str, int], Awaitable[list[str]]]
"""(org, channel, at most) → open rooms with the channel attached, newest activity first."""


class Visit:
    """A connection while its participant is online."""

    __slots__ = ("caller", "changed", "connection", "rooms", "task")

    def __init__(self, caller: Caller, connection: Connection) -> None:
        self.caller = caller
        self.connection = connection
        self.rooms: set[str] = set()
        """Where they are online through this connection."""
        self.changed = asyncio.Event()
        """The rooms are to be looked at again."""
        self.task: asyncio.Task[None] | None = None


class Presences:
    """Keeps the presence of all connected participants."""

    def __init__(self, clock: Clock, signal: Signal, rooms_of_channel: RoomsOfChannel) -> None:
        self._clock = clock
        self._signal = signal
        self._rooms_of_channel = rooms_of_channel
        self._held: Counter[tuple[str, str, str]] = Counter()
        """(org, room, participant) → connections that keep them online."""
        self._leaving: set[asyncio.Task[None]] = set()

    def enter(self, caller: Caller, connection: Connection) -> Visit | None:
        """Begin to keep a participant online; None when the connection has none."""
        if not connection.participant_id:
            return None
        visit = Visit(caller, connection)
        visit.task = asyncio.ensure_future(self._stay(visit))
        return visit

    def look_again(self, visit: Visit | None) -> None:
        """The rooms of the connection have changed."""
        if visit is not None:
            visit.changed.set()

    def leave(self, visit: Visit | None) -> None:
        """The connection is gone: offline where no other one keeps them online."""
        if visit is None or visit.task is None:
            return
        visit.task.cancel()
        gone = [room_id for room_id in visit.rooms if self._let_go(visit, room_id)]
        visit.rooms.clear()
        if gone:
            task = asyncio.ensure_future(self._say_offline(visit, gone))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Wait until everybody who left is said to be offline."""
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def _stay(self, visit: Visit) -> None:
        while True:
            visit.changed.clear()
            try:
                await self._renew(visit)
            except RoomdError as error:
                log.debug("presence could not be renewed: %s", error.message)
            timer = self._clock.call_later(RENEW_SECONDS, visit.changed.set)
            try:
                await visit.changed.wait()
            finally:
                timer.cancel()

    async def _renew(self, visit: Visit) -> None:
        wanted = await self._rooms(visit.connection)
        for room_id in wanted:
            if room_id not in visit.rooms:
                # Before it is said: whoever leaves in between is said to be offline.
                visit.rooms.add(room_id)
                self._held[self._key(visit, room_id)] += 1
            if not await self._say(visit, room_id, pb.EPHEMERAL_TYPE_PRESENCE_ONLINE):
                visit.rooms.discard(room_id)
                self._let_go(visit, room_id)
        left = visit.rooms.difference(wanted)
        visit.rooms -= left
        await self._say_offline(visit, [room for room in left if self._let_go(visit, room)])

    async def _rooms(self, connection: Connection) -> list[str]:
        if not connection.everywhere:
            return sorted(connection.rooms)[:MAX_ROOMS]
        rooms = await self._rooms_of_channel(connection.org, connection.channel_id, MAX_ROOMS)
        return [room_id for room_id in rooms if connection.sees(room_id)]

    def _let_go(self, visit: Visit, room_id: str) -> bool:
        """Count a connection less; whether it was the last one."""
        key = self._key(visit, room_id)
        self._held[key] -= 1
        if self._held[key] > 0:
            return False
        del self._held[key]
        return True

    async def _say_offline(self, visit: Visit, rooms: list[str]) -> None:
        for room_id in rooms:
            if self._key(visit, room_id) not in self._held:  # nobody came back meanwhile
                await self._say(visit, room_id, pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE)

    async def _say(self, visit: Visit, room_id: str, kind: pb.EphemeralType) -> bool:
        connection = visit.connection
        event = pb.EphemeralEvent(
            type=kind, user_id=connection.participant_id, channel_id=connection.channel_id
        )
        try:
            await self._signal(visit.caller, room_id, event)
        except RoomdError as error:
            log.debug("presence in %s was not told: %s", room_id, error.message)
            return False
        return True

    def _key(self, visit: Visit, room_id: str) -> tuple[str, str, str]:
        return (visit.connection.org, room_id, visit.connection.participant_id)
