"""One live connection, and all connections of one channel with who sees which room."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from roomd import v1 as pb
from roomd_server.channels.offers import Offer
from roomd_server.channels.outbox import Outbox
from roomd_server.core import errors

MAX_ROOMS = 10_000
"""Rooms that one connection may name."""


class Connection:
    """A client on a channel: what it sees, and what waits to be written to it.

    Args:
        org: Whose channel.
        opening: How the client opened it, with a connection id.
    """

    __slots__ = (
        "_bell",
        "acknowledges",
        "channel_id",
        "closing",
        "connection_id",
        "ephemeral",
        "error",
        "everywhere",
        "missed",
        "org",
        "outbox",
        "participant_id",
        "rooms",
        "streams",
        "unacknowledged",
    )

    def __init__(self, org: str, opening: pb.Open) -> None:
        self.org = org
        self.channel_id = opening.channel_id
        self.connection_id = opening.connection_id
        self.participant_id = opening.participant_id
        self.acknowledges = opening.acknowledges
        self.ephemeral = opening.ephemeral
        self.everywhere = not opening.room_ids and not opening.no_rooms
        """It sees all rooms of its channel."""
        self.rooms: set[str] = set(opening.room_ids)
        """Rooms it sees; with ``everywhere`` the rooms it does not see."""
        self.outbox = Outbox()
        self.unacknowledged: dict[str, Offer] = {}
        self.missed = 0
        """Deliveries in a row that were not acknowledged in time."""
        self.streams: set[str] = set()
        """Answers whose beginning it was sent."""
        self.error: errors.RoomdError | None = None
        """Why the stream ends at once."""
        self.closing: pb.Closing | None = None
        """Why the stream ends when what is in flight is answered."""
        self._bell: asyncio.Future[None] | None = None

    def sees(self, room_id: str) -> bool:
        """Whether it wants what happens in a room."""
        return (room_id in self.rooms) != self.everywhere

    def ring(self) -> None:
        """Wake the stream: there is something to do."""
        bell = self._bell
        if bell is not None and not bell.done():  # it is cancelled together with the stream
            bell.set_result(None)

    async def wait(self) -> None:
        """Wait for ``ring``; only the stream itself may."""
        self._bell = asyncio.get_running_loop().create_future()
        try:
            await self._bell
        finally:
            self._bell = None


class Line:
    """The connections of one channel."""

    __slots__ = ("_by_room", "_everywhere", "connections")

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self._everywhere: dict[str, Connection] = {}
        self._by_room: dict[str, dict[str, Connection]] = {}

    def add(self, connection: Connection) -> None:
        """Take a connection whose id nobody has."""
        self.connections[connection.connection_id] = connection
        if connection.everywhere:
            self._everywhere[connection.connection_id] = connection
        else:
            for room_id in connection.rooms:
                self._index(connection, room_id)

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.pop(connection.connection_id, None)
        if connection.everywhere:
            self._everywhere.pop(connection.connection_id, None)
        else:
            for room_id in connection.rooms:
                self._unindex(connection, room_id)

    def show(self, connection: Connection, room_id: str) -> None:
        """Let a connection see a room.

        Raises:
            ResourceExhausted: QUOTA.
        """
        if connection.everywhere:
            connection.rooms.discard(room_id)
        elif room_id not in connection.rooms:
            _check_quota(connection)
            connection.rooms.add(room_id)
            self._index(connection, room_id)

    def hide(self, connection: Connection, room_id: str) -> None:
        """Let a connection see a room no more.

        Raises:
            ResourceExhausted: QUOTA.
        """
        if connection.everywhere:
            _check_quota(connection)
            connection.rooms.add(room_id)
        elif room_id in connection.rooms:
            connection.rooms.discard(room_id)
            self._unindex(connection, room_id)

    def audience(self, room_id: str) -> Iterator[Connection]:
        """Connections that see a room."""
        for connection in self._everywhere.values():
            if room_id not in connection.rooms:
                yield connection
        yield from self._by_room.get(room_id, _NOBODY).values()

    def _index(self, connection: Connection, room_id: str) -> None:
        self._by_room.setdefault(room_id, {})[connection.connection_id] = connection

    def _unindex(self, connection: Connection, room_id: str) -> None:
        here = self._by_room.get(room_id)
        if here is not None:
            here.pop(connection.connection_id, None)
            if not here:
                del self._by_room[room_id]


def _check_quota(connection: Connection) -> None:
    if len(connection.rooms) >= MAX_ROOMS:
        raise errors.ResourceExhausted(
            pb.ERROR_REASON_QUOTA,
            f"a connection names at most {MAX_ROOMS} rooms; open it without rooms to see all",
        )


_NOBODY: dict[str, Connection] = {}
