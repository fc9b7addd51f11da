"""Rooms, participants and what a handler is told about them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from roomd.models.base import Metadata, Model, now
from roomd.models.channel import ChannelBinding
from roomd.models.enums import (
    IdentificationStatus,
    ParticipantRole,
    ParticipantStatus,
    RoomStatus,
)
from roomd.models.event import RoomEvent


class RoomTimers(Model):
    """When a quiet room pauses and closes."""

    inactive_after_seconds: float | None = Field(None, ge=0)
    closed_after_seconds: float | None = Field(None, ge=0)
    last_activity_at: datetime | None = None


class Room(Model):
    """One conversation."""

    id: str
    organization_id: str | None = None
    status: RoomStatus = RoomStatus.ACTIVE
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    closed_at: datetime | None = None
    timers: RoomTimers = Field(default_factory=RoomTimers)
    metadata: Metadata = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    event_count: int = Field(0, ge=0)
    latest_index: int = Field(0, ge=0)
    etag: str = ""


class Participant(Model):
    """Somebody in a room."""

    id: str
    room_id: str
    channel_id: str = ""
    display_name: str | None = None
    role: ParticipantRole = ParticipantRole.MEMBER
    status: ParticipantStatus = ParticipantStatus.ACTIVE
    identification: IdentificationStatus = IdentificationStatus.PENDING
    identity_id: str | None = None
    connected_via: list[str] = Field(default_factory=list)
    external_id: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    joined_at: datetime = Field(default_factory=now)
    metadata: Metadata = Field(default_factory=dict)


class RoomContext(Model):
    """What a handler is told about the room."""

    room: Room
    bindings: list[ChannelBinding] = Field(default_factory=list)
    participants: list[Participant] = Field(default_factory=list)
    recent_events: list[RoomEvent] = Field(default_factory=list)
    """Ascending; the last one is the newest."""

    def get_binding(self, channel_id: str) -> ChannelBinding | None:
        """The binding of a channel."""
        return next((one for one in self.bindings if one.channel_id == channel_id), None)


class ReadMarker(Model):
    """How far a channel has read."""

    room_id: str
    channel_id: str
    index: int
    unread: int = 0
