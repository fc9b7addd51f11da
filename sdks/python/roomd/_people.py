"""Calls about participants, read markers, feedback and events that change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd._convert import (
    PARTICIPANT_STATUSES,
    ROLES,
    content_to_pb,
    event_from_pb,
    observation_from_pb,
    participant_from_pb,
    struct,
    task_from_pb,
    task_to_pb,
)
from roomd._session import Session
from roomd.exceptions import RoomKitError
from roomd.models.enums import ParticipantRole, ParticipantStatus
from roomd.models.event import EventContent, RoomEvent
from roomd.models.room import Participant
from roomd.models.task import Observation, Task


class PeopleCalls:
    """Adds, changes and names participants; marks what they have read."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, room_id: str, participant: pb.Participant, *, ensure: bool) -> Participant:
        """Add somebody."""
        response = await self._session.call(
            "RoomService/AddParticipant",
            pb.AddParticipantRequest(room_id=room_id, participant=participant, ensure=ensure),
            pb.AddParticipantResponse,
        )
        return participant_from_pb(response.participant)

    async def update(
        self,
        room_id: str,
        participant_id: str,
        *,
        display_name: str | None = None,
        role: ParticipantRole | None = None,
        status: ParticipantStatus | None = None,
    ) -> Participant:
        """Change somebody's record."""
        paths = [
            name
            for name, value in (("display_name", display_name), ("role", role), ("status", status))
            if value is not None
        ]
        wanted = pb.Participant(
            participant_id=participant_id,
            display_name=display_name or "",
            role=ROLES.number(role),
            status=PARTICIPANT_STATUSES.number(status),
        )
        response = await self._session.call(
            "RoomService/UpdateParticipant",
            pb.UpdateParticipantRequest(
                room_id=room_id, participant=wanted, update_mask=FieldMask(paths=paths)
            ),
            pb.UpdateParticipantResponse,
        )
        return participant_from_pb(response.participant)

    async def remove(self, room_id: str, participant_id: str, *, ban: bool) -> Participant:
        """Put somebody out."""
        response = await self._session.call(
            "RoomService/RemoveParticipant",
            pb.RemoveParticipantRequest(room_id=room_id, participant_id=participant_id, ban=ban),
            pb.RemoveParticipantResponse,
        )
        return participant_from_pb(response.participant)

    async def resolve(
        self, room_id: str, participant_id: str, identity_id: str, resolved_by: str
    ) -> Participant:
        """Say who somebody is."""
        response = await self._session.call(
            "RoomService/ResolveParticipant",
            pb.ResolveParticipantRequest(
                room_id=room_id,
                participant_id=participant_id,
                identity_id=identity_id,
                resolved_by=resolved_by,
            ),
            pb.ResolveParticipantResponse,
        )
        return participant_from_pb(response.participant)

    async def mark_read(self, room_id: str, channel_id: str, event_id: str) -> None:
        """Move a read marker."""
        await self._session.call(
            "EventService/MarkRead",
            pb.MarkReadRequest(room_id=room_id, channel_id=channel_id, event_id=event_id),
            pb.MarkReadResponse,
        )

    async def mark_all_read(self, room_id: str, channel_id: str) -> None:
        """Move a read marker to the end."""
        await self._session.call(
            "EventService/MarkAllRead",
            pb.MarkAllReadRequest(room_id=room_id, channel_id=channel_id),
            pb.MarkAllReadResponse,
        )

    async def create_task(self, room_id: str, task: Task) -> Task:
        """Store a task."""
        response = await self._session.call(
            "RoomService/CreateTask",
            pb.CreateTaskRequest(room_id=room_id, task=task_to_pb(task)),
            pb.CreateTaskResponse,
        )
        return task_from_pb(response.task)

    async def update_task(self, room_id: str, task: Task) -> Task:
        """Store a task's new values."""
        paths = ["title", "description", "assigned_to", "status"]
        response = await self._session.call(
            "RoomService/UpdateTask",
            pb.UpdateTaskRequest(
                room_id=room_id, task=task_to_pb(task), update_mask=FieldMask(paths=paths)
            ),
            pb.UpdateTaskResponse,
        )
        return task_from_pb(response.task)

    async def feedback(self, request: pb.SubmitFeedbackRequest) -> Observation:
        """Store feedback."""
        response = await self._session.call(
            "RoomService/SubmitFeedback", request, pb.SubmitFeedbackResponse
        )
        return observation_from_pb(response.observation)

    async def update_event(
        self,
        room_id: str,
        event_id: str,
        content: EventContent | None,
        metadata: Mapping[str, Any] | None,
    ) -> RoomEvent:
        """Edit an event as the application.

        Raises:
            RoomKitError: it was refused.
        """
        request = pb.UpdateEventRequest(room_id=room_id, event_id=event_id)
        if content is not None:
            request.content.CopyFrom(content_to_pb(content))
            request.update_mask.paths.append("content")
        if metadata is not None:
            request.metadata.CopyFrom(struct(metadata))
            request.update_mask.paths.append("metadata")
        response = await self._session.call(
            "EventService/UpdateEvent", request, pb.UpdateEventResponse
        )
        if response.outcome == pb.OUTCOME_REFUSED:
            raise RoomKitError(response.reason, reason=response.reason)
        return event_from_pb(response.event)

    async def delete_event(
        self, room_id: str, event_id: str, *, cascade_replies: bool
    ) -> RoomEvent:
        """Withdraw an event as the application.

        Raises:
            RoomKitError: it was refused.
        """
        response = await self._session.call(
            "EventService/DeleteEvent",
            pb.DeleteEventRequest(
                room_id=room_id, event_id=event_id, cascade_replies=cascade_replies
            ),
            pb.DeleteEventResponse,
        )
        if response.outcome == pb.OUTCOME_REFUSED:
            raise RoomKitError(response.reason, reason=response.reason)
        return event_from_pb(response.event)
