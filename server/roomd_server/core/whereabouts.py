"""Which rooms in memory somebody is in: so that routing sees what happens there without
reading the store.
"""

from __future__ import annotations

from collections.abc import Sequence

from roomd_server.core.room import RoomActor
from roomd_server.core.times import seconds_of

CROWD_ROOMS = 32
"""Somebody who is in more rooms at once is only counted: the store knows their newest."""

Person = tuple[str, str]
"""Organization, participant."""


class Whereabouts:
    """Follows who is in the rooms that are in memory."""

    def __init__(self) -> None:
        self._rooms: dict[Person, tuple[RoomActor, ...] | int] = {}
        self.newest_let_go = 0.0
        """Wall time of the last activity in any room that was let go: whatever is older may
        not be the newest."""

    def enter(self, actor: RoomActor) -> None:
        """A room came into memory."""
        for participant_id in actor.participants:
            self.join(actor, participant_id)

    def join(self, actor: RoomActor, participant_id: str) -> None:
        """Somebody new is in a room in memory."""
        person = (actor.org, participant_id)
        rooms = self._rooms.get(person, ())
        if isinstance(rooms, int):
            self._rooms[person] = rooms + 1
        elif len(rooms) < CROWD_ROOMS:
            self._rooms[person] = (*rooms, actor)
        else:
            self._rooms[person] = len(rooms) + 1

    def leave(self, actor: RoomActor) -> None:
        """An actor leaves the memory, with everybody in its room."""
        for participant_id in actor.participants:
            self.part(actor, participant_id)

    def part(self, actor: RoomActor, participant_id: str) -> None:
        """Somebody is no more in a room in memory."""
        person = (actor.org, participant_id)
        rooms = self._rooms.get(person, ())
        if isinstance(rooms, tuple):
            rooms = tuple(room for room in rooms if room is not actor)
        else:
            rooms -= 1
        if rooms:
            self._rooms[person] = rooms
        else:
            self._rooms.pop(person, None)

    def let_go(self, actor: RoomActor) -> None:
        """A room leaves the memory that goes on in the store."""
        self.leave(actor)
        self.newest_let_go = max(self.newest_let_go, seconds_of(actor.room.last_activity_time))

    def rooms_of(self, org: str, participant_id: str) -> Sequence[RoomActor] | None:
        """The rooms in memory that somebody is in; None: too many to look at."""
        rooms = self._rooms.get((org, participant_id), ())
        return None if isinstance(rooms, int) else rooms
