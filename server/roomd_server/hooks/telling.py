"""What the rows of durable observers stand for, as it may be read now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from roomd import v1 as pb
from roomd_server.core.errors import NotFound
from roomd_server.core.log import shown
from roomd_server.core.ports import ContextBuilder, ObserverRow, Store
from roomd_server.hooks.entries import HookEntry

RoomView = Callable[[str, str], Awaitable[tuple[Mapping[str, str], ContextBuilder]]]
"""``(org, room_id)`` → the room's labels and its context; raises ROOM_NOT_FOUND."""


class Tellings:
    """Reads events and contexts for rows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.revised = 0
        """Changes of events so far: what was read before one may not be told after it."""
        self.room_view: RoomView | None = None
        """Set once at start."""

    async def events(self, org: str, rows: Sequence[ObserverRow]) -> dict[str, pb.RoomEvent]:
        """The events of rows by id, but of those that have them at hand.

        Raises:
            Unavailable: the store does not answer.
        """
        ids = [row.event_id for row in rows if row.event_id and row.told is None]
        while ids:
            before = self.revised
            events = await self._store.events_by_id(org, ids)
            if before == self.revised:
                return {event.event_id: event for event in events}
        return {}

    async def contexts(
        self, entry: HookEntry, rows: Sequence[ObserverRow]
    ) -> dict[str, pb.RoomContext]:
        """By room id, what a hook asked for; nothing for a room that was deleted.

        Raises:
            Unavailable: the store does not answer.
        """
        contexts: dict[str, pb.RoomContext] = {}
        if entry.context is None or self.room_view is None:
            return contexts
        for row in rows:
            try:
                _, context = await self.room_view(entry.org, row.room_id)
            except NotFound:
                continue
            contexts[row.room_id] = await context(entry.context)
        return contexts


def payload_of(row: ObserverRow, events: Mapping[str, pb.RoomEvent]) -> pb.HookPayload | None:
    """What a row tells; None when its event is gone."""
    if row.told is not None:
        return row.told
    if not row.event_id:
        return pb.HookPayload.FromString(row.payload)
    event = events.get(row.event_id)
    return None if event is None else pb.HookPayload(event=shown(event))
