"""What is not kept for ever: events that are too old, and rooms that were closed long ago.

Looks at all rooms every hour. A room is trimmed in small steps, each under its lock and each
a transaction between others, so that neither the room nor the store is held up. Readers that
would miss something are told (HISTORY_TRUNCATED): the room's owner knows where its log begins
before anything is removed.
"""

from __future__ import annotations

import logging

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.lifecycle import RoomLifecycle
from roomd_server.core.log import Position
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import AgingRoom, Caller, Clock, Store
from roomd_server.core.room import RoomActor
from roomd_server.core.rooms import locked
from roomd_server.core.times import seconds_of

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
"""How often all rooms are looked at."""
RETRY_SECONDS = 60.0
PAGE_ROOMS = 200
PAGE_PAUSE_SECONDS = 0.02
STEP_EVENTS = 200
"""Events removed in one transaction."""
ENDED = (pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED)
ALL_OF_IT = float("inf")


class Retention:
    """Removes what rooms do not keep any longer.

    Args:
        store: Where it is.
        directory: Owners of the rooms.
        lifecycle: Deletes rooms.
        clock: Says how old things are.
        options: What holds for rooms that do not say it themselves.
    """

    def __init__(
        self,
        store: Store,
        directory: RoomDirectory,
        lifecycle: RoomLifecycle,
        clock: Clock,
        options: EngineOptions,
    ) -> None:
        self._store = store
        self._directory = directory
        self._lifecycle = lifecycle
        self._clock = clock
        self._options = options
        self._trimmed = False
        """Whether this sweep removed events."""
        self._deletions = 0
        """Rooms whose words are gone from the search for good."""
        self._began = (clock.now(), clock.monotonic())

    def _now(self) -> float:
        """Wall time, but never ahead of what has passed since the start: a clock that jumps
        forward must not remove what is young.
        """
        wall, monotonic = self._began
        return min(self._clock.now(), wall + self._clock.monotonic() - monotonic)

    async def run_retention(self) -> None:
        """Sweep every hour, until cancelled; a store that cannot write is asked again soon."""
        while True:
            try:
                await self.sweep()
            except errors.Unavailable as error:
                log.warning("what is too old was not removed: %s", error)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                await self._clock.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Look at every room once.

        Raises:
            Unavailable: the store does not answer.
        """
        self._trimmed = False
        after = ("", "")
        while page := await self._store.aging_rooms(after, PAGE_ROOMS):
            for aging in page:
                try:
                    await self._look_at(aging)
                except (errors.NotFound, errors.Aborted):
                    log.debug("room %s was deleted or changed meanwhile", aging.room.room_id)
            after = (page[-1].org, page[-1].room.room_id)
            await self._clock.sleep(PAGE_PAUSE_SECONDS)
        deletions = self._lifecycle.deletions
        if self._trimmed or deletions > self._deletions:
            await self._store.purge_words()
            self._deletions = deletions

    async def _look_at(self, aging: AgingRoom) -> None:
        room = aging.room
        if self._is_outlived(room):
            await self._erase(aging.org, room)
            return
        before = self._expiry(room)
        if before is None or aging.oldest_time is None or aging.oldest_time >= before:
            return
        while await self._trim(aging.org, room.room_id):
            pass

    # -------------------------------------------------------------- events

    async def _trim(self, org: str, room_id: str) -> bool:
        """Remove a step's worth of expired events; whether there may be more."""
        async with locked(self._directory, org, room_id) as actor:
            before = self._expiry(actor.room)
            return before is not None and await self._step(actor, before)

    async def _step(self, actor: RoomActor, before: float) -> bool:
        """Remove the oldest events made before a wall time; use it under the room's lock."""
        store, org, room_id = self._store, actor.org, actor.room_id
        until = await store.expired_until(org, room_id, before, STEP_EVENTS)
        if not until:
            return False
        # First the owner: who reads the store from here on learns from it what is missing. It
        # stays so when the store fails, for nobody knows then what it did: the next step says.
        actor.kept_from = Position(until, actor.kept_from.change)
        kept_from = await store.trim_room(org, room_id, until)
        actor.trimmed(kept_from)
        self._trimmed = True
        return kept_from.index == until

    def _expiry(self, room: pb.Room) -> float | None:
        """Wall time before which events have expired; None: they never do."""
        seconds = _chosen(room, "events", self._options.retention_seconds)
        if not seconds:
            return None
        # A repeated key is answered with its first event as long as the key is remembered.
        least = self._options.key_retention_seconds + self._options.process_timeout_seconds
        return self._now() - max(seconds, least)

    # -------------------------------------------------------------- closed rooms

    def _is_outlived(self, room: pb.Room) -> bool:
        seconds = _chosen(room, "closed_room", self._options.closed_retention_seconds)
        if not seconds or room.status not in ENDED:
            return False
        return seconds_of(room.close_time) + seconds <= self._now()

    async def _erase(self, org: str, room: pb.Room) -> None:
        """Delete a room once nobody waits for anything of it; its history first, step by
        step, so that the deletion itself is a small one.
        """
        owed = await self._store.observer_counts(org, room.room_id)
        if any(count.waiting for count in owed):
            return
        while await self._trim_ended(org, room):
            pass
        actor = await self._directory.get(org, room.room_id)
        if actor.kept_from.index == actor.head.index:
            request = pb.DeleteRoomRequest(room_id=room.room_id, etag=room.etag)
            await self._lifecycle.delete_room(Caller(org), request)

    async def _trim_ended(self, org: str, room: pb.Room) -> bool:
        async with locked(self._directory, org, room.room_id) as actor:
            return self._is_outlived(actor.room) and await self._step(actor, ALL_OF_IT)


def _chosen(room: pb.Room, field: str, default: float | None) -> float | None:
    """Seconds that a room says, or else the server; 0 or None: for ever."""
    if room.HasField("retention") and room.retention.HasField(field):
        return seconds_of(getattr(room.retention, field))
    return default
