"""Events and the twelve kinds of content."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from roomd.models.base import Metadata, Model, new_id, now
from roomd.models.enums import (
    ChannelDirection,
    ChannelType,
    DeleteType,
    EventStatus,
    EventType,
)

MAX_DEPTH = 5


def _web_url(url: str) -> str:
    if not url.startswith(("http://", "https://", "data:", "blob:")):
        raise ValueError("must begin with http://, https://, data: or blob:")
    return url


Url = Annotated[str, AfterValidator(_web_url)]


class TextContent(Model):
    """Plain text."""

    type: Literal["text"] = "text"
    body: str
    language: str | None = None


class RichContent(Model):
    """Formatted text with controls."""

    type: Literal["rich"] = "rich"
    body: str
    format: Literal["markdown", "html"] = "markdown"
    plain_text: str | None = None
    buttons: list[dict[str, Any]] = Field(default_factory=list)
    cards: list[dict[str, Any]] = Field(default_factory=list)
    quick_replies: list[str] = Field(default_factory=list)


class MediaContent(Model):
    """A file or image."""

    type: Literal["media"] = "media"
    url: Url
    mime_type: str
    filename: str | None = None
    size_bytes: int | None = Field(None, ge=0)
    caption: str | None = None


class AudioContent(Model):
    """A voice message."""

    type: Literal["audio"] = "audio"
    url: Url
    mime_type: str = "audio/ogg"
    duration_seconds: float | None = Field(None, ge=0)
    transcript: str | None = None


class VideoContent(Model):
    """A video."""

    type: Literal["video"] = "video"
    url: Url
    mime_type: str = "video/mp4"
    duration_seconds: float | None = Field(None, ge=0)
    thumbnail_url: Url | None = None


class LocationContent(Model):
    """A place, WGS 84 degrees."""

    type: Literal["location"] = "location"
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    label: str | None = None
    address: str | None = None


class TemplateContent(Model):
    """A template that a provider approved."""

    type: Literal["template"] = "template"
    template_id: str
    language: str = "en"
    parameters: dict[str, Any] = Field(default_factory=dict)
    body: str | None = None


class SystemContent(Model):
    """A notice of the system."""

    type: Literal["system"] = "system"
    body: str
    code: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class DeleteContent(Model):
    """Withdraws an event."""

    type: Literal["delete"] = "delete"
    target_event_id: str
    delete_type: DeleteType = DeleteType.SENDER
    reason: str | None = None


class ToolCallContent(Model):
    """A tool that an agent ran."""

    type: Literal["tool_call"] = "tool_call"
    tool_name: str
    tool_id: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    result: str | None = None
    status: str = "pending"
    duration_ms: float | None = None
    error: str | None = None


class EditContent(Model):
    """Replaces the content of an event."""

    type: Literal["edit"] = "edit"
    target_event_id: str
    new_content: EventContent
    edit_source: str | None = None


class CompositeContent(Model):
    """Several contents in one message, nested at most five levels."""

    type: Literal["composite"] = "composite"
    parts: Annotated[list[EventContent], Field(min_length=1, max_length=32)]

    def model_post_init(self, _context: object) -> None:
        """Refuse what nests too deep."""
        if _depth(self) > MAX_DEPTH:
            raise ValueError(f"composite content nests deeper than {MAX_DEPTH} levels")


EventContent: TypeAlias = Annotated[
    TextContent
    | RichContent
    | MediaContent
    | AudioContent
    | VideoContent
    | LocationContent
    | TemplateContent
    | CompositeContent
    | SystemContent
    | EditContent
    | DeleteContent
    | ToolCallContent,
    Field(discriminator="type"),
]

EditContent.model_rebuild()
CompositeContent.model_rebuild()


def _depth(content: Model) -> int:
    if isinstance(content, CompositeContent):
        return 1 + max(_depth(part) for part in content.parts)
    return 0


class EventSource(Model):
    """Where an event came from."""

    channel_id: str
    channel_type: ChannelType
    direction: ChannelDirection = ChannelDirection.INBOUND
    participant_id: str | None = None
    external_id: str | None = None
    provider: str | None = None
    raw_payload: Metadata = Field(default_factory=dict)
    provider_message_id: str | None = None
    thread_id: str | None = None


class ChannelData(Model):
    """What the channel says about an event."""

    provider: str | None = None
    external_id: str | None = None
    thread_id: str | None = None
    extra: Metadata = Field(default_factory=dict)


class RoomEvent(Model):
    """One entry of a room's timeline."""

    id: str = Field(default_factory=new_id)
    room_id: str
    type: EventType = EventType.MESSAGE
    source: EventSource
    content: EventContent
    status: EventStatus = EventStatus.PENDING
    blocked_by: str | None = None
    block_reason: str | None = None
    visibility: str = "all"
    addressed_to: list[str] | None = None
    response_visibility: str | None = None
    index: int = Field(0, ge=0)
    chain_depth: int = Field(0, ge=0)
    parent_event_id: str | None = None
    correlation_id: str | None = None
    idempotency_key: str | None = None
    created_at: datetime = Field(default_factory=now)
    metadata: Metadata = Field(default_factory=dict)
    channel_data: ChannelData = Field(default_factory=ChannelData)
    delivery_results: Metadata = Field(default_factory=dict)


class ThreadSummary(Model):
    """How busy a thread is."""

    root_event_id: str
    reply_count: int = 0
    last_reply_at: datetime | None = None
