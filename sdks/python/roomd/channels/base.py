"""Channels that an application implements; a worker serves them to the service."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomd.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomd.models.delivery import InboundMessage
from roomd.models.enums import ChannelCategory, ChannelDirection, ChannelType
from roomd.models.event import (
    AudioContent,
    CompositeContent,
    EventSource,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TemplateContent,
    TextContent,
)
from roomd.models.room import RoomContext


class Channel(ABC):
    """A way to reach somebody, implemented by the application.

    Args:
        channel_id: Its id, unique in the organization.
    """

    channel_type: ChannelType = ChannelType.WEBHOOK
    category: ChannelCategory = ChannelCategory.TRANSPORT
    direction: ChannelDirection = ChannelDirection.BIDIRECTIONAL

    def __init__(self, channel_id: str) -> None:
        self.channel_id = channel_id

    @abstractmethod
    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        """Turn a message from outside into an event."""

    @abstractmethod
    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """Bring an event to the outside. Raising means that it did not work.

        The context holds the room's id and this binding; ``kit.store`` has the rest.
        """

    async def on_event(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """Answer an event; transport channels have nothing to say."""
        return ChannelOutput.empty()

    def capabilities(self) -> ChannelCapabilities | None:
        """What the channel can show; None: what its type can."""
        return None

    async def close(self) -> None:
        """Let go of everything."""

    @staticmethod
    def extract_text(event: RoomEvent) -> str:
        """The words of an event; '' when it has none."""
        return text_of(event.content)


def text_of(content: object) -> str:
    """The words of a content; '' when it has none."""
    match content:
        case TextContent() | SystemContent():
            return content.body
        case RichContent():
            return content.plain_text or content.body
        case TemplateContent():
            return content.body or ""
        case MediaContent():
            return content.caption or ""
        case AudioContent():
            return content.transcript or ""
        case CompositeContent():
            return "\n".join(filter(None, (text_of(part) for part in content.parts)))
    return ""


def plain_event(channel: Channel, message: InboundMessage, room_id: str) -> RoomEvent:
    """The event that a message is when nothing has to be turned."""
    return RoomEvent(
        room_id=room_id,
        type=message.event_type,
        source=EventSource(
            channel_id=message.channel_id,
            channel_type=channel.channel_type,
            participant_id=message.sender_id,
            external_id=message.external_id,
            provider_message_id=message.provider_message_id,
        ),
        content=message.content,
        idempotency_key=message.idempotency_key,
        metadata=message.metadata,
    )
