"""Everything that is kept of a room, or of one participant in it, page by page.

A page goes on where the one before ended: in which section, behind which item. Sections are
read in the order of ids that never change, so nothing is left out by what happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.log import shown
from roomd_server.core.ports import Caller, DeliveryQuery, EventQuery, Store
from roomd_server.core.room import RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.timeline import PAGE_BYTES, check_kept
from roomd_server.core.timeline_events import concerns

SCANNED_ROWS = 5000
"""Rows looked at for one page of what is of a participant; then the page is short."""
STEP_ROWS = 500


class Placed(NamedTuple):
    """An item and its place in its section; ``is_wanted``: it belongs to what is exported."""

    place: str
    item: pb.ExportedItem
    is_wanted: bool = True


class Asked(NamedTuple):
    """What is exported."""

    actor: RoomActor
    participant_id: str
    """Only what is of this participant; empty: everything."""
    channel_ids: frozenset[str]
    """The channels that are bound to the participant."""

    def is_of(self, participant_id: str) -> bool:
        """Whether something of a participant is wanted."""
        return self.participant_id in ("", participant_id)

    def is_at(self, channel_id: str) -> bool:
        """Whether something of a channel is wanted."""
        return not self.participant_id or channel_id in self.channel_ids


T = TypeVar("T")
Section = Callable[["Export", Asked, str, int], Awaitable[Sequence[Placed]]]
"""``(asked, after, limit)``: the items behind a place, fewer than the limit at the end."""


class Export:
    """Serves ``RoomService.ExportRoom``."""

    def __init__(self, store: Store, rooms: Rooms) -> None:
        self._store = store
        self._rooms = rooms

    async def export_room(
        self, caller: Caller, request: pb.ExportRoomRequest
    ) -> pb.ExportRoomResponse:
        """Read a page of what is kept of a room.

        Raises:
            NotFound: ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
            OutOfRange: HISTORY_TRUNCATED.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        number, after = _start(mark, request.page_token)
        asked = _asked(actor, request.participant_id)
        response = pb.ExportRoomResponse()
        scanned = total = 0
        while number < len(SECTIONS):
            limit = STEP_ROWS if asked.participant_id else min(STEP_ROWS, size + 1)
            rows = await SECTIONS[number](self, asked, after, limit)
            for row in rows:
                total += row.item.ByteSize() if row.is_wanted else 0
                if len(response.items) == size or (response.items and total > PAGE_BYTES):
                    response.next_page_token = paging.encode(mark, float(number), after)
                    return response
                if row.is_wanted:
                    response.items.append(row.item)
                after = row.place
            scanned += len(rows)
            if len(rows) < limit:
                number, after = number + 1, ""
            elif scanned >= SCANNED_ROWS:
                response.next_page_token = paging.encode(mark, float(number), after)
                return response
        return response

    # -------------------------------------------------------------- sections

    async def _room(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        item = pb.ExportedItem(room=asked.actor.room)
        return [] if after or asked.participant_id else [Placed("room", item)]

    async def _participants(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        return [
            Placed(
                who.participant_id,
                pb.ExportedItem(participant=who),
                asked.is_of(who.participant_id),
            )
            for who in _behind(asked.actor.participants, after, limit)
        ]

    async def _bindings(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        return [
            Placed(one.channel_id, pb.ExportedItem(binding=one), asked.is_at(one.channel_id))
            for one in _behind(asked.actor.bindings, after, limit)
        ]

    async def _events(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        actor = asked.actor
        query = EventQuery(actor.room_id, limit, after_index=_whole(after) if after else None)
        events = await self._store.list_events(actor.org, query)
        # Asked once they are read, and of the present owner: see Timeline.list_events.
        present = await self._rooms.read(Caller(actor.org), actor.room_id)
        check_kept(actor.room_id, query.after_index, present.kept_from.index)
        return [
            Placed(
                str(one.index),
                pb.ExportedItem(event=shown(one)),
                not asked.participant_id or concerns(one, asked.participant_id),
            )
            for one in events
        ]

    async def _deliveries(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        actor = asked.actor
        before = (0.0, after) if after else None
        query = DeliveryQuery(actor.room_id, limit, before=before)
        found = await self._store.list_deliveries(actor.org, query)
        own = await self._written(asked, [one.event_id for one in found])
        return [
            Placed(
                one.delivery_id,
                pb.ExportedItem(delivery=one),
                asked.is_at(one.channel_id) or one.event_id in own,
            )
            for one in found
        ]

    async def _tasks(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        actor = asked.actor
        return [
            Placed(one.task_id, pb.ExportedItem(task=one), asked.is_of(one.assigned_to))
            for one in await self._store.list_tasks(actor.org, actor.room_id, [], after, limit)
        ]

    async def _observations(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        actor = asked.actor
        found = await self._store.list_observations(actor.org, actor.room_id, "", after, limit)
        own = await self._written(asked, [one.event_id for one in found])
        return [
            Placed(
                one.observation_id,
                pb.ExportedItem(observation=one),
                not asked.participant_id or one.event_id in own,
            )
            for one in found
        ]

    async def _markers(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        actor = asked.actor
        markers = await self._store.list_markers(actor.org, actor.room_id)
        return [
            Placed(one.channel_id, pb.ExportedItem(read_marker=one), asked.is_at(one.channel_id))
            for one in _behind({marker.channel_id: marker for marker in markers}, after, limit)
        ]

    async def _queued(self, asked: Asked, after: str, limit: int) -> list[Placed]:
        queued = {one.queued_id: one for one in asked.actor.queued}
        return [
            Placed(one.queued_id, pb.ExportedItem(queued=one.request), not asked.participant_id)
            for one in _behind(queued, after, limit)
        ]

    async def _written(self, asked: Asked, event_ids: Iterable[str]) -> frozenset[str]:
        """Those of the events that the participant wrote."""
        wanted = sorted({one for one in event_ids if one})
        if not asked.participant_id or not wanted:
            return frozenset()
        events = await self._store.events_by_id(asked.actor.org, wanted)
        return frozenset(one.event_id for one in events if concerns(one, asked.participant_id))


SECTIONS: tuple[Section, ...] = (
    Export._room,
    Export._participants,
    Export._bindings,
    Export._events,
    Export._deliveries,
    Export._tasks,
    Export._observations,
    Export._markers,
    Export._queued,
)
"""In the order of the export; a page token has the number of one."""


def _start(mark: str, token: str) -> tuple[int, str]:
    """Section and place of a token.

    Raises:
        InvalidArgument: BAD_CURSOR.
    """
    parts = paging.decode(mark, token, (float, str))
    if parts is None:
        return 0, ""
    number = paging.whole(parts[0])
    if not 0 <= number < len(SECTIONS):
        raise paging.bad_token()
    return number, str(parts[1])


def _asked(actor: RoomActor, participant_id: str) -> Asked:
    """What is exported.

    Raises:
        NotFound: PARTICIPANT_NOT_FOUND.
    """
    if participant_id and participant_id not in actor.participants:
        raise errors.participant_not_found(actor.room_id, participant_id)
    bound = (one for one in actor.bindings.values() if one.participant_id == participant_id)
    return Asked(actor, participant_id, frozenset(one.channel_id for one in bound))


def _behind(things: dict[str, T], after: str, limit: int) -> list[T]:
    """Things by id, each behind a place."""
    ids = sorted(one for one in things if one > after or not after)
    return [things[one] for one in ids[:limit]]


def _whole(place: str) -> int:
    if not place.isdecimal() or len(place) > 18:
        raise paging.bad_token()
    return int(place)
