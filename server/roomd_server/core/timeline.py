"""Reading a room's timeline: events, search, threads, read markers, deliveries.

Withdrawn events are shown without content, edited ones without what they said before.
"""

from __future__ import annotations

from collections.abc import Sequence

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.log import shown
from roomd_server.core.permissions import may_see
from roomd_server.core.ports import Caller, Clock, DeliveryQuery, EventQuery, Store, WriteSet
from roomd_server.core.room import RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.core.waiting import outlast

SCANNED_EVENTS = 10_000
"""Events looked at for one page of what a channel may see; then the page is short."""
SCAN_PAGE = 1000


PAGE_BYTES = 3 * 1024 * 1024
"""Events of one page; clients take 4 MiB unless told otherwise."""


class Timeline:
    """Serves the reading RPCs of ``EventService``."""

    def __init__(self, store: Store, rooms: Rooms, clock: Clock) -> None:
        self._store = store
        self._rooms = rooms
        self._clock = clock

    # -------------------------------------------------------------- events

    async def get_event(self, caller: Caller, request: pb.GetEventRequest) -> pb.GetEventResponse:
        """Read one event by id, or else by index.

        Raises:
            NotFound: ROOM_NOT_FOUND, EVENT_NOT_FOUND.
            InvalidArgument: neither id nor index.
        """
        actor = await self._rooms.read(caller, request.room_id)
        index = request.index if request.HasField("index") else None
        event = await self._event(actor, request.event_id, index)
        events = [shown(event)]
        if request.include_deliveries:
            events = await self._with_deliveries(actor, events)
        return pb.GetEventResponse(event=events[0])

    async def _event(self, actor: RoomActor, event_id: str, index: int | None) -> pb.RoomEvent:
        if not event_id and index is None:
            raise errors.invalid("event_id", "must be set, or index")
        index = None if event_id else index
        event = await self._store.get_event(actor.org, actor.room_id, event_id, index)
        if event is None:
            raise errors.event_not_found(actor.room_id, event_id or index)
        return event

    async def list_events(
        self, caller: Caller, request: pb.ListEventsRequest
    ) -> pb.ListEventsResponse:
        """Read a page of the timeline, by index.

        With ``visible_to_channel_id`` a page may be short, even empty, and yet have a next.

        Raises:
            NotFound: ROOM_NOT_FOUND; BINDING_NOT_FOUND, when that channel is not attached.
            InvalidArgument: BAD_CURSOR.
            OutOfRange: HISTORY_TRUNCATED.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        query = _query(actor.room_id, request)
        query.offset = request.offset
        parts = paging.decode(mark, request.page_token, (float, float))
        if parts is not None:
            _continue(query, paging.whole(parts[0]))
            query.offset = paging.whole(parts[1])
        start = query.after_index
        found, more = within_bytes(*await self._page(actor, query, size))
        response = pb.ListEventsResponse()
        # Asked once the page is read: what goes while it is read is told, too.
        oldest = (await self._rooms.read(caller, request.room_id)).kept_from.index
        if oldest:
            response.oldest_index = oldest
            if not request.newest_first:
                check_kept(request.room_id, start, oldest)
        if more is not None:
            response.next_page_token = paging.encode(mark, float(more), float(query.offset))
        events = [shown(event) for event in found]
        if request.include_deliveries:
            events = await self._with_deliveries(actor, events)
        response.events.extend(events)
        return response

    async def _page(
        self, actor: RoomActor, query: EventQuery, size: int
    ) -> tuple[list[pb.RoomEvent], int | None]:
        """Events of one page, and the index after which the next begins; None: the end.

        ``query.offset`` is left at what is still to be skipped.
        """
        channel_id = query.filter.visible_to_channel_id if query.filter is not None else ""
        if not channel_id:
            query.limit = size + 1
            found = await self._store.list_events(actor.org, query)
            query.offset = 0
            return found[:size], found[size - 1].index if len(found) > size else None
        viewer = actor.bindings.get(channel_id)
        if viewer is None:
            raise errors.binding_not_found(actor.room_id, channel_id)
        visible: list[pb.RoomEvent] = []
        skip, query.offset = query.offset, 0
        query.limit = SCAN_PAGE
        last: int | None = None
        for _ in range(SCANNED_EVENTS // SCAN_PAGE):
            scanned = await self._store.list_events(actor.org, query)
            for event in scanned:
                if may_see(event, viewer, actor.bindings):
                    if len(visible) == size:
                        return visible, last
                    if skip:
                        skip -= 1
                    else:
                        visible.append(event)
                last = event.index
            if len(scanned) < SCAN_PAGE or last is None:
                return visible, None
            _continue(query, last)
        query.offset = skip
        return visible, last

    async def _with_deliveries(
        self, actor: RoomActor, events: Sequence[pb.RoomEvent]
    ) -> list[pb.RoomEvent]:
        filled = {}
        for event in events:
            copy = filled[event.event_id] = pb.RoomEvent()
            copy.CopyFrom(event)
        query = DeliveryQuery(actor.room_id, limit=SCAN_PAGE, event_ids=list(filled))
        while filled:
            rows = await self._store.list_deliveries(actor.org, query)
            for row in rows:
                filled[row.event_id].delivery_results[row.channel_id].CopyFrom(row.result)
            if len(rows) < query.limit:
                break
            query.before = (seconds_of(rows[-1].create_time), rows[-1].delivery_id)
        return list(filled.values())

    async def search_events(
        self, caller: Caller, request: pb.SearchEventsRequest
    ) -> pb.SearchEventsResponse:
        """Find events by their words, best match first.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
        """
        if request.room_id:
            await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        offset = paging.decode_count(mark, request.page_token)
        found = await self._store.search_events(
            caller.org, request.query, request.room_id, offset, size + 1
        )
        response = pb.SearchEventsResponse(
            hits=[
                pb.SearchHit(event=shown(event), snippet=snippet) for event, snippet in found[:size]
            ]
        )
        if len(found) > size:
            response.next_page_token = paging.encode(mark, float(offset + size))
        return response

    async def get_thread_summaries(
        self, caller: Caller, request: pb.GetThreadSummariesRequest
    ) -> pb.GetThreadSummariesResponse:
        """Read a page of threads, by root.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        after = paging.decode_text(mark, request.page_token)
        found = await self._store.thread_summaries(actor.org, actor.room_id, after, size + 1)
        response = pb.GetThreadSummariesResponse(threads=found[:size])
        if len(found) > size:
            response.next_page_token = paging.encode(mark, found[size - 1].root_event_id)
        return response

    async def list_deliveries(
        self, caller: Caller, request: pb.ListDeliveriesRequest
    ) -> pb.ListDeliveriesResponse:
        """Read a page of deliveries, newest first.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        parts = paging.decode(mark, request.page_token, (float, str))
        query = DeliveryQuery(
            actor.room_id,
            limit=size + 1,
            before=(float(parts[0]), str(parts[1])) if parts is not None else None,
            event_id=request.event_id,
            channel_id=request.channel_id,
            states=list(request.states),
        )
        found = await self._store.list_deliveries(actor.org, query)
        response = pb.ListDeliveriesResponse(deliveries=found[:size])
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = paging.encode(
                mark, seconds_of(last.create_time), last.delivery_id
            )
        return response

    # -------------------------------------------------------------- read markers

    async def mark_read(self, caller: Caller, request: pb.MarkReadRequest) -> pb.MarkReadResponse:
        """Move a channel's marker forward, to an event by id or else by index.

        It never goes back, and not beyond the newest event.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND, EVENT_NOT_FOUND.
            InvalidArgument: neither id nor index.
        """
        if not request.event_id and not request.HasField("index"):
            raise errors.invalid("event_id", "must be set, or index")
        async with self._rooms.hold(caller, request.room_id) as actor:
            index = request.index
            if request.event_id:
                index = (await self._event(actor, request.event_id, None)).index
            marker = await self._move_marker(actor, request.channel_id, index)
        return pb.MarkReadResponse(marker=marker)

    async def mark_all_read(
        self, caller: Caller, request: pb.MarkAllReadRequest
    ) -> pb.MarkAllReadResponse:
        """Move a channel's marker to the newest event.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """
        async with self._rooms.hold(caller, request.room_id) as actor:
            marker = await self._move_marker(actor, request.channel_id, _newest(actor))
        return pb.MarkAllReadResponse(marker=marker)

    async def _move_marker(self, actor: RoomActor, channel_id: str, index: int) -> pb.ReadMarker:
        if channel_id not in actor.bindings:
            raise errors.binding_not_found(actor.room_id, channel_id)
        index = min(index, _newest(actor))
        known = await self._store.list_markers(actor.org, actor.room_id)
        marker = next((row for row in known if row.channel_id == channel_id), None)
        if marker is None or marker.index < index:
            marker = pb.ReadMarker(
                room_id=actor.room_id,
                channel_id=channel_id,
                index=index,
                update_time=timestamp(self._clock.now()),
            )
            writes = WriteSet(actor.org, actor.room_id, markers=[marker])
            await outlast(actor.commit(writes))
        return await self._with_unread(actor, marker)

    async def list_read_markers(
        self, caller: Caller, request: pb.ListReadMarkersRequest
    ) -> pb.ListReadMarkersResponse:
        """Read the markers of all channels of a room.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        markers = await self._store.list_markers(actor.org, actor.room_id)
        filled = [await self._with_unread(actor, marker) for marker in markers]
        return pb.ListReadMarkersResponse(markers=filled)

    async def _with_unread(self, actor: RoomActor, marker: pb.ReadMarker) -> pb.ReadMarker:
        filled = pb.ReadMarker()
        filled.CopyFrom(marker)
        if marker.index < _newest(actor):
            filled.unread = await self._store.count_unread(actor.org, actor.room_id, marker.index)
        return filled


def within_bytes(
    events: list[pb.RoomEvent], more: int | None
) -> tuple[list[pb.RoomEvent], int | None]:
    """Cut a page that a client could not receive; always leaves at least one event."""
    total = 0
    for number, event in enumerate(events):
        total += event.ByteSize()
        if total > PAGE_BYTES and number:
            return events[:number], events[number - 1].index
    return events, more


def _query(room_id: str, request: pb.ListEventsRequest) -> EventQuery:
    return EventQuery(
        room_id,
        limit=0,
        after_index=request.after_index if request.HasField("after_index") else None,
        before_index=request.before_index if request.HasField("before_index") else None,
        newest_first=request.newest_first,
        filter=request.filter if request.HasField("filter") else None,
    )


def check_kept(room_id: str, after_index: int | None, oldest: int) -> None:
    """Refuse a page in front of which something is missing that its reader counts on.

    Args:
        room_id: The room.
        after_index: Behind which index the page begins; None or -1: with the oldest event.
        oldest: Index of the oldest event that is kept.

    Raises:
        OutOfRange: HISTORY_TRUNCATED.
    """
    if after_index is None or after_index < 0 or after_index + 1 >= oldest:
        return
    raise errors.history_truncated(
        room_id, "what comes next is not kept any more; read from the beginning", oldest
    )


def _continue(query: EventQuery, last: int) -> None:
    """Go on behind the last event of the page before, in the query's direction."""
    if query.newest_first:
        query.before_index = last
    else:
        query.after_index = last


def _newest(actor: RoomActor) -> int:
    return actor.room.latest_index if actor.room.HasField("latest_index") else -1
