"""Which rooms are live: loads a room once, keeps it while it is used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from roomd import v1 as pb
from roomd_server.core.capabilities import of_type
from roomd_server.core.errors import Unavailable, room_not_found
from roomd_server.core.keys import KeyMemory
from roomd_server.core.ports import Clock, Ids, RoomSnapshot, Store
from roomd_server.core.room import CapabilitiesOf, OnRows, RoomActor
from roomd_server.core.whereabouts import Whereabouts


class RoomDirectory:
    """The owners of all live rooms, the least recently used idle ones let go first."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, *, max_live_rooms: int) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._max_live_rooms = max_live_rooms
        self._live: OrderedDict[tuple[str, str], RoomActor] = OrderedDict()
        self.capabilities_of: CapabilitiesOf = of_type
        """Set once at start, when the channels are known."""
        self.on_rows: OnRows | None = None
        """Set once at start."""
        self._loading: dict[tuple[str, str], asyncio.Future[RoomActor | None]] = {}
        self._expected: dict[tuple[str, str], RoomActor] = {}  # bounded: by the calls in flight
        self.whereabouts = Whereabouts()

    @property
    def live_count(self) -> int:
        """Rooms in memory."""
        return len(self._live)

    def live(self, org: str, room_id: str) -> RoomActor | None:
        """The owner, if the room is in memory."""
        return self._live.get((org, room_id))

    async def get(self, org: str, room_id: str) -> RoomActor:
        """The room's owner, loaded when needed.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            Unavailable: the store does not answer.
        """
        actor = await self.find(org, room_id)
        if actor is None:
            raise room_not_found(room_id)
        return actor

    async def find(self, org: str, room_id: str) -> RoomActor | None:
        """The room's owner, or None when there is no such room."""
        key = (org, room_id)
        actor = self._live.get(key)
        if actor is not None and not actor.broken:
            self._live.move_to_end(key)
            return actor
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.ensure_future(self._load(key))
            self._loading[key] = loading
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    async def _load(self, key: tuple[str, str]) -> RoomActor | None:
        org, room_id = key
        snapshot = await self._store.load_room(org, room_id)
        if snapshot is None:
            # One that was made while we looked stays.
            gone = self._live.get(key)
            if gone is not None and gone.broken:
                self._drop(gone)
            return None
        hashes = None
        if snapshot.key_count > len(snapshot.recent_keys):
            hashes = await self._store.key_hashes(org, f"room:{room_id}", self._clock.now())
        keys = KeyMemory(snapshot.recent_keys, hashes)
        return self._keep(self._actor(org, snapshot, keys))

    def adopt(self, org: str, snapshot: RoomSnapshot) -> RoomActor:
        """Take a room that was just created and committed."""
        return self._keep(self._actor(org, snapshot, KeyMemory((), None)))

    async def successor(self, actor: RoomActor) -> RoomActor:
        """The present owner of a room whose actor is broken or deleted.

        Raises:
            NotFound: the room was deleted.
            Unavailable: the store does not answer; or it did not take a new room.
        """
        present = await self.find(actor.org, actor.room_id)
        if present is not None:
            return present
        if actor.unborn:
            raise Unavailable(
                pb.ERROR_REASON_STORE_DOWN, "the room could not be made; nothing was stored"
            )
        raise room_not_found(actor.room_id)

    # -------------------------------------------------------------- rooms to come

    @contextmanager
    def expecting(self, org: str, room: pb.Room) -> Iterator[RoomActor]:
        """Share the room that several may make, and who makes it first does: whoever holds
        its lock. When nobody did it is gone with the last of them.

        Args:
            org: Whose room.
            room: As it will be made; it was not in the store a moment ago.
        """
        key = (org, room.room_id)
        actor = self._live.get(key)
        if actor is None or actor.broken:
            actor = self._expected.get(key)
        if actor is None or actor.broken:
            actor = self._actor(
                org, RoomSnapshot(room, [], [], [], 0, [], 0, []), KeyMemory((), None)
            )
            actor.unborn = True
            self._expected[key] = actor
        try:
            with self.pinned(actor):
                yield actor
        finally:
            if not actor.pins and self._expected.get(key) is actor:
                del self._expected[key]
                actor.deleted = True  # for those who watch it
                actor.log.ring()

    def is_expected(self, org: str, room_id: str) -> bool:
        """Whether somebody may make this room."""
        return (org, room_id) in self._expected

    def expected(self, org: str, room_id: str) -> RoomActor | None:
        """The room that somebody may make; nothing of it is stored."""
        return self._expected.get((org, room_id))

    def settle_in(self, actor: RoomActor) -> None:
        """Keep a room that comes into being with what is handed to the store right now."""
        self._expected.pop((actor.org, actor.room_id), None)
        self._keep(actor)

    def joined(self, actor: RoomActor, participant_id: str) -> None:
        """Somebody is new in a room: see ``whereabouts``."""
        self.whereabouts.join(actor, participant_id)

    def parted(self, actor: RoomActor, participant_id: str) -> None:
        """A room knows somebody no more."""
        self.whereabouts.part(actor, participant_id)

    # -------------------------------------------------------------- what is kept

    def _actor(self, org: str, snapshot: RoomSnapshot, keys: KeyMemory) -> RoomActor:
        epoch = self._ids.new()
        actor = RoomActor(
            org, snapshot, self._store, keys, epoch, self.capabilities_of, self.on_rows
        )
        actor.home = self
        return actor

    def _keep(self, actor: RoomActor) -> RoomActor:
        key = (actor.org, actor.room_id)
        replaced = self._live.get(key)
        if replaced is not None and not replaced.broken:
            # A new room may be loaded beside its creation: two owners would be two truths.
            return replaced
        if replaced is not None:
            self._drop(replaced)
            replaced.log.ring()
        self._live[key] = actor
        self.whereabouts.enter(actor)
        self._live.move_to_end(key)
        self._trim()
        return actor

    def _trim(self) -> None:
        excess = len(self._live) - self._max_live_rooms
        if excess <= 0:
            return
        # Looks only at the oldest few: a call costs the same however many rooms live.
        for key in [key for key, _ in zip(self._live, range(excess + 8), strict=False)]:
            if excess > 0 and self._live[key].idle:
                self.whereabouts.let_go(self._live.pop(key))
                excess -= 1
            else:
                self._live.move_to_end(key)

    def forget(self, actor: RoomActor) -> None:
        """Let go of a deleted room; those who watch it are woken."""
        actor.deleted = True
        self._drop(actor)
        actor.log.ring()

    def _drop(self, actor: RoomActor) -> None:
        if self._live.pop((actor.org, actor.room_id), None) is not None:
            self.whereabouts.leave(actor)

    @contextmanager
    def pinned(self, actor: RoomActor) -> Iterator[RoomActor]:
        """Keep the room in memory for a while."""
        actor.pins += 1
        try:
            yield actor
        finally:
            actor.pins -= 1
