"""Messages in, and what became of messages out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from roomd.models.base import Metadata, Model
from roomd.models.enums import EventType
from roomd.models.event import EventContent, RoomEvent


class InboundMessage(Model):
    """A message from outside."""

    channel_id: str
    sender_id: str
    content: EventContent
    event_type: EventType = EventType.MESSAGE
    external_id: str | None = None
    thread_id: str | None = None
    parent_event_id: str | None = None
    idempotency_key: str | None = None
    raw_payload: Metadata = Field(default_factory=dict)
    provider_message_id: str | None = None
    metadata: Metadata = Field(default_factory=dict)
    visibility: str = "all"
    addressed_to: list[str] | None = None
    response_visibility: str | None = None


class DeliveryError(Model):
    """Why a delivery did not work."""

    code: str
    message: str = ""
    retryable: bool = True


class ProviderResult(Model):
    """What a provider answered."""

    success: bool
    provider_message_id: str | None = None
    error: str | None = None
    metadata: Metadata = Field(default_factory=dict)


class DeliveryResult(Model):
    """What became of an event for one channel."""

    channel_id: str
    status: Literal["sent", "queued", "failed"]
    provider_message_id: str | None = None
    error: DeliveryError | None = None
    retry_after: float | None = None
    provider_result: Any = None


class InboundResult(Model):
    """What became of a message."""

    event: RoomEvent | None = None
    blocked: bool = False
    reason: str | None = None
    error: Any = None
    duplicate: bool = False
    room_id: str | None = None
    delivery_results: dict[str, DeliveryResult] = Field(default_factory=dict)


class DeliveryStatus(Model):
    """What a provider says became of a message."""

    provider: str = ""
    message_id: str
    status: str
    recipient: str = ""
    sender: str = ""
    error_code: str | None = None
    error_message: str | None = None
    timestamp: str | None = None
    room_id: str | None = None
    channel_id: str | None = None
    raw: Metadata = Field(default_factory=dict)
