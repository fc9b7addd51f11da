"""Fleeting things that clients say over their connections, brought to the realtime desk."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.ports import Caller
from roomd_server.core.realtime_desk import PRESENCE_OF, SERVER_TYPES, RealtimeDesk


class Signals:
    """Publishes what a connection says, in rooms that its channel is attached to."""

    def __init__(self, directory: RoomDirectory, desk: RealtimeDesk) -> None:
        self._directory = directory
        self._desk = desk

    async def __call__(self, caller: Caller, room_id: str, event: pb.EphemeralEvent) -> None:
        """Publish it; presence is a lease.

        Args:
            caller: Whose connection.
            room_id: Where.
            event: With type, channel and, for people, the user.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
            InvalidArgument: a type that only the server publishes; presence of nobody.
            ResourceExhausted: QUOTA.
        """
        if event.type in SERVER_TYPES:
            raise errors.invalid("type", "STREAM types are published by the server only")
        actor = await self._directory.get(caller.org, room_id)
        if event.channel_id not in actor.bindings:
            raise errors.binding_not_found(room_id, event.channel_id)
        presence = PRESENCE_OF.get(event.type)
        if presence is None:
            self._desk.publish(actor, event)
            return
        if not event.user_id:
            raise errors.invalid("participant_id", "must be set on Open for presence")
        data = event.data if event.HasField("data") else None
        self._desk.set_presence(
            actor, event.user_id, presence, data=data, channel_id=event.channel_id
        )
