"""Which room a message from outside is for (semantics 4, step 2).

Where a sender spoke last is remembered, so that routing reads nothing; what happens in
their other rooms meanwhile is seen in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from roomd import v1 as pb
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.lifecycle import RoomLifecycle
from roomd_server.core.ports import Clock, Extensions, Store
from roomd_server.core.room import RoomActor
from roomd_server.core.times import seconds_of

ROUTES_REMEMBERED = 100_000
"""Senders whose room is kept in memory."""

ROOMS_WITH_KEYS = 16
"""A sender's newest rooms in which a repeated message is looked for."""

OPEN = frozenset((pb.ROOM_STATUS_ACTIVE, pb.ROOM_STATUS_PAUSED))

Sender = tuple[str, str, str]
"""Organization, channel, sender on it."""


class Router:
    """Finds the room of a message, or one to make."""

    def __init__(
        self,
        store: Store,
        directory: RoomDirectory,
        lifecycle: RoomLifecycle,
        extensions: Extensions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._lifecycle = lifecycle
        self._extensions = extensions
        self._clock = clock
        self._routes: OrderedDict[Sender, str] = OrderedDict()
        self._opening: dict[Sender, str] = {}  # bounded: by the calls in flight
        """Ids of rooms that first messages are about to make."""

    async def route(
        self, sender: Sender, channel: pb.Channel, request: pb.ProcessInboundRequest
    ) -> RoomActor | str:
        """Find the message's room: named, by a worker, the sender's newest, the only open
        room of the channel, or a new one. Never guesses between two. A message that is
        repeated goes where it went, though another room is newer now.

        Returns:
            The room; or the id of one to make, empty when any will do.
        """
        org = sender[0]
        room_id = request.room_id
        if not room_id:
            room_id = await self._extensions.route(org, request.message, channel.type) or ""
        if room_id:
            return await self._directory.find(org, room_id) or room_id
        key = key_of(request.message)
        if known := await self._remembered(sender, key):
            return known
        rooms = await self._store.open_rooms_of_participant(*sender, ROOMS_WITH_KEYS if key else 1)
        if len(rooms) > 1:
            rooms = [await self._where_it_went(org, rooms, key) or rooms[0]]
        if not rooms:
            rooms = await self._store.open_rooms_of_channel(org, channel.channel_id, 2)
        if len(rooms) == 1:
            return await self._directory.get(org, rooms[0])
        return ""

    async def made_meanwhile(self, sender: Sender, room_id: str) -> RoomActor | None:
        """The room that had to be made, when another message was faster."""
        if room_id:
            return await self._directory.find(sender[0], room_id)
        return await self._remembered(sender, "")

    @contextmanager
    def new_room(self, sender: Sender, room_id: str) -> Iterator[RoomActor]:
        """A room that comes into being with the first message in it; without one there is
        none. Messages of one sender that come at once share it.

        Args:
            sender: Whose message it is made for.
            room_id: Empty: any.
        """
        org, own = sender[0], not room_id
        room = self._lifecycle.new_room(org, room_id or self._opening.get(sender, ""))
        if own:
            self._opening[sender] = room.room_id
        try:
            with self._directory.expecting(org, room) as actor:
                yield actor
        finally:
            if own and not self._directory.is_expected(org, room.room_id):
                self._opening.pop(sender, None)

    def remember(self, sender: Sender, room_id: str) -> None:
        """The sender's message entered a room: it is their newest."""
        self._routes[sender] = room_id
        self._routes.move_to_end(sender)
        if len(self._routes) > ROUTES_REMEMBERED:
            self._routes.popitem(last=False)

    async def _where_it_went(self, org: str, rooms: Sequence[str], key: str) -> str | None:
        """Which of the rooms knows the key."""
        now = self._clock.now()
        for room_id in rooms:
            if await self._store.get_key(org, f"room:{room_id}", key, now) is not None:
                return room_id
        return None

    async def _remembered(self, sender: Sender, key: str) -> RoomActor | None:
        """The sender's newest room, as far as the memory knows for sure."""
        known = self._routes.get(sender)
        if known is None:
            return None
        actor = await self._directory.find(sender[0], known)
        if actor is None or not _is_open_for(actor, sender):
            self._routes.pop(sender, None)
            return None
        whereabouts = self._directory.whereabouts
        rooms = whereabouts.rooms_of(sender[0], sender[2])
        if rooms is None:
            return None
        if len(rooms) > 1:
            open_rooms = (actor, *_others(rooms, actor, sender))
            maybe = [room.room_id for room in open_rooms if key and room.keys.maybe_stored(key)]
            if went := await self._where_it_went(sender[0], maybe, key):
                return await self._directory.get(sender[0], went)
            actor = max(open_rooms, key=_activity)
        if whereabouts.newest_let_go and whereabouts.newest_let_go > _activity(actor):
            return None
        return actor


def key_of(message: pb.InboundMessage) -> str:
    """The idempotency key of a message; providers repeat one under its id, which is a key
    of its own. Empty: none.
    """
    if message.idempotency_key or not message.provider_message_id:
        return message.idempotency_key
    return f"provider:{message.channel_id}:{message.provider_message_id}"[:256]


def _others(rooms: Sequence[RoomActor], actor: RoomActor, sender: Sender) -> list[RoomActor]:
    """The other rooms that a message of the sender could go to."""
    return [
        room
        for room in rooms
        if room is not actor
        and _is_open_for(room, sender)
        and sender[1] in room.participants[sender[2]].channel_ids
    ]


def _is_open_for(actor: RoomActor, sender: Sender) -> bool:
    _, channel_id, sender_id = sender
    return (
        actor.room.status in OPEN
        and channel_id in actor.bindings
        and sender_id in actor.participants
    )


def _activity(actor: RoomActor) -> float:
    return seconds_of(actor.room.last_activity_time)
