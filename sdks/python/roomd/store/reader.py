"""``kit.store``: the documents' read methods over the service."""

from __future__ import annotations

from roomd import v1 as pb
from roomd._convert import (
    TASK_STATUSES,
    binding_from_pb,
    event_from_pb,
    moment,
    observation_from_pb,
    participant_from_pb,
    room_from_pb,
    task_from_pb,
)
from roomd._session import Session
from roomd.exceptions import ChannelNotFoundError, NotFoundError
from roomd.models.channel import ChannelBinding
from roomd.models.enums import TaskStatus
from roomd.models.event import RoomEvent, ThreadSummary
from roomd.models.room import Participant, ReadMarker, Room
from roomd.models.task import Observation, Task

PAGE = 1000


class StoreReader:
    """Reads rooms, events, participants, bindings, tasks and observations."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get_room(self, room_id: str) -> Room | None:
        """A room, or None."""
        request = pb.GetRoomRequest(room_id=room_id)
        try:
            response = await self._session.call("RoomService/GetRoom", request, pb.GetRoomResponse)
        except NotFoundError:
            return None
        return room_from_pb(response.room)

    async def list_rooms(self, offset: int = 0, limit: int = 50) -> list[Room]:
        """Rooms by id."""
        rooms: list[Room] = []
        token = ""
        while len(rooms) < offset + limit:
            request = pb.ListRoomsRequest(
                page_size=min(PAGE, offset + limit - len(rooms)), page_token=token
            )
            page = await self._session.call("RoomService/ListRooms", request, pb.ListRoomsResponse)
            rooms += [room_from_pb(room) for room in page.rooms]
            token = page.next_page_token
            if not token:
                break
        return rooms[offset : offset + limit]

    async def get_event(self, room_id: str, event_id: str) -> RoomEvent | None:
        """An event, or None."""
        request = pb.GetEventRequest(room_id=room_id, event_id=event_id)
        try:
            response = await self._session.call(
                "EventService/GetEvent", request, pb.GetEventResponse
            )
        except NotFoundError:
            return None
        return event_from_pb(response.event)

    async def list_events(
        self,
        room_id: str,
        offset: int = 0,
        limit: int = 50,
        *,
        visibility_filter: str | None = None,
        after_index: int | None = None,
        before_index: int | None = None,
        newest_first: bool = False,
        conversation_only: bool = False,
    ) -> list[RoomEvent]:
        """Events by index.

        Args:
            room_id: The room.
            offset: Skip this many.
            limit: At most this many.
            visibility_filter: Only what this channel may see.
            after_index: Only greater indexes.
            before_index: Only smaller indexes.
            newest_first: Descending.
            conversation_only: Leave out what the room notes about itself (channels attached,
                participants joined …).
        """
        wanted = pb.EventFilter()
        if conversation_only:
            wanted.exclude_types.extend(_NOTES)
        if visibility_filter not in (None, "all"):
            wanted.visible_to_channel_id = visibility_filter or ""
        events: list[RoomEvent] = []
        token = ""
        while len(events) < limit:
            request = pb.ListEventsRequest(
                room_id=room_id,
                page_size=min(PAGE, limit - len(events)),
                page_token=token,
                after_index=after_index,
                before_index=before_index,
                newest_first=newest_first,
                filter=wanted,
                offset=offset,
                include_deliveries=True,
            )
            page = await self._session.call(
                "EventService/ListEvents", request, pb.ListEventsResponse
            )
            events += [event_from_pb(event) for event in page.events]
            token = page.next_page_token
            if not token:
                break
        return events

    async def get_event_count(self, room_id: str) -> int:
        """Events of a room."""
        room = await self.get_room(room_id)
        return room.event_count if room else 0

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        """Channels of a room."""
        response = await self._session.call(
            "ChannelService/ListBindings",
            pb.ListBindingsRequest(room_id=room_id),
            pb.ListBindingsResponse,
        )
        return [binding_from_pb(binding) for binding in response.bindings]

    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        """A channel of a room, or None."""
        request = pb.GetBindingRequest(room_id=room_id, channel_id=channel_id)
        try:
            response = await self._session.call(
                "ChannelService/GetBinding", request, pb.GetBindingResponse
            )
        except ChannelNotFoundError:
            return None
        return binding_from_pb(response.binding)

    async def list_participants(self, room_id: str) -> list[Participant]:
        """Everybody of a room, those who left included."""
        people: list[Participant] = []
        token = ""
        while True:
            request = pb.ListParticipantsRequest(
                room_id=room_id, page_size=PAGE, page_token=token, include_left=True
            )
            page = await self._session.call(
                "RoomService/ListParticipants", request, pb.ListParticipantsResponse
            )
            people += [participant_from_pb(who) for who in page.participants]
            token = page.next_page_token
            if not token:
                return people

    async def get_participant(self, room_id: str, participant_id: str) -> Participant | None:
        """Somebody of a room, or None."""
        request = pb.GetParticipantRequest(room_id=room_id, participant_id=participant_id)
        try:
            response = await self._session.call(
                "RoomService/GetParticipant", request, pb.GetParticipantResponse
            )
        except NotFoundError:
            return None
        return participant_from_pb(response.participant)

    async def list_tasks(self, room_id: str, status: str | None = None) -> list[Task]:
        """Tasks of a room."""
        statuses = [TASK_STATUSES.number(TaskStatus(status))] if status else []
        tasks: list[Task] = []
        token = ""
        while True:
            request = pb.ListTasksRequest(
                room_id=room_id, page_size=PAGE, page_token=token, statuses=statuses
            )
            page = await self._session.call("RoomService/ListTasks", request, pb.ListTasksResponse)
            tasks += [task_from_pb(task) for task in page.tasks]
            token = page.next_page_token
            if not token:
                return tasks

    async def list_observations(self, room_id: str) -> list[Observation]:
        """Observations of a room."""
        found: list[Observation] = []
        token = ""
        while True:
            request = pb.ListObservationsRequest(room_id=room_id, page_size=PAGE, page_token=token)
            page = await self._session.call(
                "RoomService/ListObservations", request, pb.ListObservationsResponse
            )
            found += [observation_from_pb(one) for one in page.observations]
            token = page.next_page_token
            if not token:
                return found

    async def list_read_markers(self, room_id: str) -> list[ReadMarker]:
        """How far each channel has read."""
        response = await self._session.call(
            "EventService/ListReadMarkers",
            pb.ListReadMarkersRequest(room_id=room_id),
            pb.ListReadMarkersResponse,
        )
        return [
            ReadMarker(
                room_id=one.room_id, channel_id=one.channel_id, index=one.index, unread=one.unread
            )
            for one in response.markers
        ]

    async def get_unread_count(self, room_id: str, channel_id: str) -> int:
        """Messages that a channel has not read."""
        for marker in await self.list_read_markers(room_id):
            if marker.channel_id == channel_id:
                return marker.unread
        room = await self.get_room(room_id)
        return room.event_count if room else 0

    async def get_thread_summaries(self, room_id: str) -> list[ThreadSummary]:
        """Threads of a room."""
        response = await self._session.call(
            "EventService/GetThreadSummaries",
            pb.GetThreadSummariesRequest(room_id=room_id, page_size=PAGE),
            pb.GetThreadSummariesResponse,
        )
        return [
            ThreadSummary(
                root_event_id=one.root_event_id,
                reply_count=one.reply_count,
                last_reply_at=moment(one.last_reply_time),
            )
            for one in response.threads
        ]

    async def search_events(self, query: str, room_id: str = "") -> list[RoomEvent]:
        """Events whose text matches, best first."""
        response = await self._session.call(
            "EventService/SearchEvents",
            pb.SearchEventsRequest(query=query, room_id=room_id, page_size=50),
            pb.SearchEventsResponse,
        )
        return [event_from_pb(hit.event) for hit in response.hits]


_NOTES = (
    pb.EVENT_TYPE_CHANNEL_ATTACHED,
    pb.EVENT_TYPE_CHANNEL_DETACHED,
    pb.EVENT_TYPE_CHANNEL_MUTED,
    pb.EVENT_TYPE_CHANNEL_UNMUTED,
    pb.EVENT_TYPE_CHANNEL_UPDATED,
    pb.EVENT_TYPE_PARTICIPANT_JOINED,
    pb.EVENT_TYPE_PARTICIPANT_LEFT,
    pb.EVENT_TYPE_PARTICIPANT_IDENTIFIED,
    pb.EVENT_TYPE_PARTICIPANT_UPDATED,
)
