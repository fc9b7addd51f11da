"""Fleeting events: typing, presence, receipts, reactions, deltas. Nothing here is stored.

Presence is a lease: somebody who does not say so again within it is offline.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.permissions import sees
from roomd_server.core.ports import Caller, Clock, EphemeralSink
from roomd_server.core.room import RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.times import timestamp

SWEEP_SECONDS = 1.0
"""How late a lapsed lease may be noticed."""
MAX_PRESENT_USERS = 10_000
"""Users that are online or away in one room."""

PRESENCE_TYPES: Mapping[int, pb.EphemeralType] = {
    pb.PRESENCE_ONLINE: pb.EPHEMERAL_TYPE_PRESENCE_ONLINE,
    pb.PRESENCE_AWAY: pb.EPHEMERAL_TYPE_PRESENCE_AWAY,
    pb.PRESENCE_OFFLINE: pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE,
}
PRESENCE_OF: Mapping[int, pb.Presence] = {
    pb.EPHEMERAL_TYPE_PRESENCE_ONLINE: pb.PRESENCE_ONLINE,
    pb.EPHEMERAL_TYPE_PRESENCE_AWAY: pb.PRESENCE_AWAY,
    pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE: pb.PRESENCE_OFFLINE,
}

SERVER_TYPES = frozenset(
    (
        pb.EPHEMERAL_TYPE_STREAM_START,
        pb.EPHEMERAL_TYPE_STREAM_DELTA,
        pb.EPHEMERAL_TYPE_STREAM_END,
        pb.EPHEMERAL_TYPE_STREAM_RETRACT,
    )
)
"""Only the engine publishes these: they have passed the gates."""

RoomKey = tuple[str, str]


class Present:
    """Those who are online or away in one room; keeps its owner in memory."""

    __slots__ = ("actor", "details")

    def __init__(self, actor: RoomActor) -> None:
        self.actor = actor
        self.details: dict[str, bytes] = {}
        """User id → what was published last besides the presence."""


class RealtimeDesk:
    """Serves ``RealtimeService``, and publishes for the engine and for connections."""

    def __init__(
        self, directory: RoomDirectory, rooms: Rooms, clock: Clock, *, presence_lease_seconds: float
    ) -> None:
        self._directory = directory
        self._rooms = rooms
        self._clock = clock
        self._lease_seconds = presence_lease_seconds
        self._sinks: list[EphemeralSink] = []
        self._present: dict[RoomKey, Present] = {}
        self._leases: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        """(org, room, user) → end, in the order of the ends: all leases are equally long."""

    def add_sink(self, sink: EphemeralSink) -> None:
        """Let somebody else have fleeting events besides subscribers; for good."""
        self._sinks.append(sink)

    # -------------------------------------------------------------- publishing

    def publish(
        self, actor: RoomActor, event: pb.EphemeralEvent, visible_to: pb.Visibility | None = None
    ) -> pb.EphemeralEvent:
        """Number an event and show it to subscribers and sinks. Never waits.

        Args:
            actor: The room.
            event: Taken over; room, sequence, epoch and time are set.
            visible_to: Which channels' connections may see it; None: all.
        """
        actor.ephemerals.append(event, self._clock.now())
        actor.log.ring()
        if self._sinks:
            may_see = _everybody if visible_to is None else _viewer(actor, visible_to)
            for sink in self._sinks:
                sink.publish(actor.org, event, may_see)
        return event

    def set_presence(
        self,
        actor: RoomActor,
        user_id: str,
        presence: pb.Presence,
        *,
        data: Struct | None = None,
        channel_id: str = "",
    ) -> pb.EphemeralEvent:
        """Say that somebody is online, away or offline, or renew the lease.

        Returns:
            What was published; without a sequence when nothing changed and so nobody was
            told.

        Raises:
            ResourceExhausted: QUOTA, when too many are in the room.
        """
        kind = PRESENCE_TYPES[presence]
        event = pb.EphemeralEvent(type=kind, user_id=user_id, channel_id=channel_id, data=data)
        if presence == pb.PRESENCE_OFFLINE:
            changed = self._leave(actor, user_id)
        else:
            details = event.data.SerializeToString(deterministic=True)
            changed = self._lease(actor, user_id, presence, details)
        if changed:
            return self.publish(actor, event)
        event.room_id = actor.room_id
        event.epoch = actor.ephemerals.epoch
        event.create_time.CopyFrom(timestamp(self._clock.now()))
        return event

    def renew(self, actor: RoomActor, user_id: str) -> bool:
        """Renew somebody's lease; whether there was one."""
        known = self._present_in(actor)
        entry = actor.ephemerals.presence.get(user_id)
        if known is None or entry is None:
            return False
        self._lease(actor, user_id, entry[0], known.details[user_id])
        return True

    # -------------------------------------------------------------- leases

    async def run_leases(self) -> None:
        """Publish PRESENCE_OFFLINE for leases that lapse, until cancelled."""
        while True:
            self._lapse()
            await self._clock.sleep(SWEEP_SECONDS)

    def _lapse(self) -> None:
        now = self._clock.monotonic()
        while self._leases:
            (org, room_id, user_id), end = next(iter(self._leases.items()))
            if end > now:
                return
            known = self._present[(org, room_id)]
            actor = self._directory.live(org, room_id) or known.actor
            self._leave(actor, user_id)
            if not actor.deleted:
                kind = pb.EPHEMERAL_TYPE_PRESENCE_OFFLINE
                self.publish(actor, pb.EphemeralEvent(type=kind, user_id=user_id))

    def _lease(self, actor: RoomActor, user_id: str, presence: pb.Presence, details: bytes) -> bool:
        """Begin or renew a lease; whether anything but its end changed."""
        known = self._present_in(actor)
        people = actor.ephemerals.presence
        before = people.get(user_id)
        if before is None and len(people) >= MAX_PRESENT_USERS:
            raise errors.ResourceExhausted(
                pb.ERROR_REASON_QUOTA,
                f"room {actor.room_id!r} has {MAX_PRESENT_USERS} users present",
                metadata={"room_id": actor.room_id},
            )
        if known is None:
            known = self._present[(actor.org, actor.room_id)] = Present(actor)
            actor.pins += 1
        changed = before is None or before[0] != presence or known.details[user_id] != details
        end = self._clock.monotonic() + self._lease_seconds
        people[user_id] = (presence, end)
        known.details[user_id] = details
        key = (actor.org, actor.room_id, user_id)
        self._leases[key] = end
        self._leases.move_to_end(key)
        return changed

    def _leave(self, actor: RoomActor, user_id: str) -> bool:
        """End a lease; whether there was one."""
        known = self._present_in(actor)
        self._leases.pop((actor.org, actor.room_id, user_id), None)
        if known is None or actor.ephemerals.presence.pop(user_id, None) is None:
            return False
        del known.details[user_id]
        if not known.details:
            del self._present[(actor.org, actor.room_id)]
            actor.pins -= 1
        return True

    def _present_in(self, actor: RoomActor) -> Present | None:
        """Those in the room. A room that was loaded anew takes over who is there."""
        known = self._present.get((actor.org, actor.room_id))
        if known is not None and known.actor is not actor:
            actor.ephemerals.presence.update(known.actor.ephemerals.presence)
            known.actor.ephemerals.presence.clear()
            known.actor.pins -= 1
            actor.pins += 1
            known.actor = actor
        return known

    # -------------------------------------------------------------- calls

    async def publish_typing(
        self, caller: Caller, request: pb.PublishTypingRequest
    ) -> pb.PublishTypingResponse:
        """Say that somebody types, or stopped.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        kind = pb.EPHEMERAL_TYPE_TYPING_START
        if not request.typing:
            kind = pb.EPHEMERAL_TYPE_TYPING_STOP
        event = pb.EphemeralEvent(type=kind, user_id=request.user_id)
        if request.HasField("data"):
            event.data.CopyFrom(request.data)
        return pb.PublishTypingResponse(event=self.publish(actor, event))

    async def publish_presence(
        self, caller: Caller, request: pb.PublishPresenceRequest
    ) -> pb.PublishPresenceResponse:
        """Say that somebody is online, away or offline; see ``set_presence``.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            ResourceExhausted: QUOTA.
        """
        actor = await self._rooms.read(caller, request.room_id)
        data = request.data if request.HasField("data") else None
        event = self.set_presence(actor, request.user_id, request.presence, data=data)
        return pb.PublishPresenceResponse(event=event)

    async def publish_read_receipt(
        self, caller: Caller, request: pb.PublishReadReceiptRequest
    ) -> pb.PublishReadReceiptResponse:
        """Say that somebody read an event; markers are moved by ``MarkRead``.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        event = pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_READ_RECEIPT, user_id=request.user_id)
        event.data.update({"event_id": request.event_id})
        return pb.PublishReadReceiptResponse(event=self.publish(actor, event))

    async def publish_reaction(
        self, caller: Caller, request: pb.PublishReactionRequest
    ) -> pb.PublishReactionResponse:
        """Say that somebody reacts to an event, or takes it back.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        event = pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_REACTION, user_id=request.user_id)
        event.data.update(
            {
                "event_id": request.event_id,
                "emoji": request.emoji,
                "action": "remove" if request.remove else "add",
            }
        )
        return pb.PublishReactionResponse(event=self.publish(actor, event))

    async def publish_ephemeral(
        self, caller: Caller, request: pb.PublishEphemeralRequest
    ) -> pb.PublishEphemeralResponse:
        """Say anything else. Presence published this way is a lease all the same.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: a STREAM type; presence of nobody.
            ResourceExhausted: QUOTA.
        """
        data = request.data if request.HasField("data") else None
        event = pb.EphemeralEvent(
            type=request.type, user_id=request.user_id, channel_id=request.channel_id, data=data
        )
        published = await self.signal(caller, request.room_id, event)
        return pb.PublishEphemeralResponse(event=published)

    async def signal(
        self, caller: Caller, room_id: str, event: pb.EphemeralEvent
    ) -> pb.EphemeralEvent:
        """Publish what a caller or connection says; taken over.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: a STREAM type; presence of nobody.
            ResourceExhausted: QUOTA.
        """
        if event.type in SERVER_TYPES:
            raise errors.invalid("type", "STREAM types are published by the server only")
        presence = PRESENCE_OF.get(event.type)
        if presence is not None and not event.user_id:
            raise errors.invalid("user_id", "must be set for presence")
        actor = await self._rooms.read(caller, room_id)
        if presence is None:
            return self.publish(actor, event)
        data = event.data if event.HasField("data") else None
        return self.set_presence(
            actor, event.user_id, presence, data=data, channel_id=event.channel_id
        )

    async def list_presence(
        self, caller: Caller, request: pb.ListPresenceRequest
    ) -> pb.ListPresenceResponse:
        """Read who is online or away now, by user id.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        self._present_in(actor)
        offset = self._clock.now() - self._clock.monotonic()
        return pb.ListPresenceResponse(
            entries=[
                pb.PresenceEntry(
                    user_id=user_id, presence=presence, expire_time=timestamp(end + offset)
                )
                for user_id, (presence, end) in sorted(actor.ephemerals.presence.items())
                if end > self._clock.monotonic()
            ]
        )


def _everybody(channel_id: str) -> bool:
    return True


def _viewer(actor: RoomActor, visibility: pb.Visibility) -> Callable[[str], bool]:
    def may_see(channel_id: str) -> bool:
        binding = actor.bindings.get(channel_id)
        return binding is not None and sees(visibility, channel_id, binding.category)

    return may_see
