"""Channels in rooms: bindings, capabilities, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from roomd.models.base import Metadata, Model, now
from roomd.models.enums import (
    Access,
    ChannelCategory,
    ChannelDirection,
    ChannelMediaType,
    ChannelType,
    DeliveryMode,
)
from roomd.models.event import RoomEvent
from roomd.models.task import Observation, Task


class RateLimit(Model):
    """How often a channel may be used; all windows hold together."""

    max_per_second: float | None = Field(None, gt=0)
    max_per_minute: float | None = Field(None, gt=0)
    max_per_hour: float | None = Field(None, gt=0)


class RetryPolicy(Model):
    """When a failed delivery is tried again."""

    max_retries: int = Field(3, ge=0)
    base_delay_seconds: float = Field(1.0, gt=0)
    max_delay_seconds: float = Field(60.0, gt=0)
    exponential_base: float = Field(2.0, ge=1)


class ChannelCapabilities(Model):
    """What a channel can show."""

    media_types: list[ChannelMediaType] = Field(default_factory=lambda: [ChannelMediaType.TEXT])
    max_length: int | None = Field(None, gt=0)
    supports_threading: bool = False
    supports_reactions: bool = False
    supports_edit: bool = False
    supports_delete: bool = False
    supports_read_receipts: bool = False
    supports_typing: bool = False
    supports_templates: bool = False
    supports_rich_text: bool = False
    supports_buttons: bool = False
    max_buttons: int | None = Field(None, gt=0)
    supports_cards: bool = False
    supports_quick_replies: bool = False
    supports_media: bool = False
    supported_media_types: list[str] = Field(default_factory=list)
    max_media_size_bytes: int | None = Field(None, gt=0)
    supports_audio: bool = False
    max_audio_duration_seconds: float | None = Field(None, gt=0)
    supports_video: bool = False
    max_video_duration_seconds: float | None = Field(None, gt=0)
    supports_parts: bool = False
    supports_streaming: bool = False
    delivery_mode: DeliveryMode = DeliveryMode.BROADCAST
    custom: Metadata = Field(default_factory=dict)


class ChannelBinding(Model):
    """A channel in a room."""

    channel_id: str
    room_id: str
    channel_type: ChannelType
    category: ChannelCategory = ChannelCategory.TRANSPORT
    direction: ChannelDirection = ChannelDirection.BIDIRECTIONAL
    access: Access = Access.READ_WRITE
    muted: bool = False
    output_muted: bool = False
    visibility: str = "all"
    participant_id: str | None = None
    last_read_index: int | None = Field(None, ge=0)
    attached_at: datetime = Field(default_factory=now)
    capabilities: ChannelCapabilities = Field(default_factory=ChannelCapabilities)
    rate_limit: RateLimit | None = None
    retry_policy: RetryPolicy | None = None
    metadata: Metadata = Field(default_factory=dict)


class ChannelOutput(Model):
    """What a channel answers to an event."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    responded: bool = False
    response_events: list[RoomEvent] = Field(default_factory=list)
    response_stream: AsyncIterator[str] | None = None
    response_metadata: Metadata = Field(default_factory=dict)
    provider_result: Any = None
    tasks: list[Task] = Field(default_factory=list)
    observations: list[Observation] = Field(default_factory=list)
    metadata_updates: Metadata = Field(default_factory=dict)

    @classmethod
    def empty(cls) -> ChannelOutput:
        """Nothing to say."""
        return cls()
