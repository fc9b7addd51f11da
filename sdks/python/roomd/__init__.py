"""roomd for Python: rooms, channels and hooks of a roomd service.

    from roomd import RoomKit, HookResult, HookTrigger

Names are loaded when they are first used: the server imports ``roomd.v1`` from this package
and must start without the SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roomd._invocation import Invocation as Invocation
    from roomd._invocation import current_invocation as current_invocation
    from roomd._reconnect import Reconnect as Reconnect
    from roomd.channels import (
        EmailChannel as EmailChannel,
    )
    from roomd.channels import (
        HTTPChannel as HTTPChannel,
    )
    from roomd.channels import (
        MessengerChannel as MessengerChannel,
    )
    from roomd.channels import (
        RCSChannel as RCSChannel,
    )
    from roomd.channels import (
        SMSChannel as SMSChannel,
    )
    from roomd.channels import (
        TeamsChannel as TeamsChannel,
    )
    from roomd.channels import (
        TelegramChannel as TelegramChannel,
    )
    from roomd.channels import (
        WhatsAppChannel as WhatsAppChannel,
    )
    from roomd.channels.ai import AIChannel as AIChannel
    from roomd.channels.base import Channel as Channel
    from roomd.channels.transport import TransportChannel as TransportChannel
    from roomd.channels.websocket import WebSocketChannel as WebSocketChannel
    from roomd.core.circuit_breaker import CircuitBreaker as CircuitBreaker
    from roomd.core.inbound_router import InboundRoomRouter as InboundRoomRouter
    from roomd.core.locks import InMemoryLockManager as InMemoryLockManager
    from roomd.core.retry import retry_with_backoff as retry_with_backoff
    from roomd.core.router import ContentTranscoder as ContentTranscoder
    from roomd.exceptions import (
        AlreadyExistsError as AlreadyExistsError,
    )
    from roomd.exceptions import (
        ChannelAlreadyRegisteredError as ChannelAlreadyRegisteredError,
    )
    from roomd.exceptions import (
        ChannelNotFoundError as ChannelNotFoundError,
    )
    from roomd.exceptions import (
        ChannelNotRegisteredError as ChannelNotRegisteredError,
    )
    from roomd.exceptions import (
        EventNotFoundError as EventNotFoundError,
    )
    from roomd.exceptions import (
        GiveUpError as GiveUpError,
    )
    from roomd.exceptions import (
        MessageTooLargeError as MessageTooLargeError,
    )
    from roomd.exceptions import (
        NotFoundError as NotFoundError,
    )
    from roomd.exceptions import (
        NotSupportedError as NotSupportedError,
    )
    from roomd.exceptions import (
        ParticipantNotFoundError as ParticipantNotFoundError,
    )
    from roomd.exceptions import (
        PermissionDeniedError as PermissionDeniedError,
    )
    from roomd.exceptions import (
        RateLimitedError as RateLimitedError,
    )
    from roomd.exceptions import (
        RoomClosedError as RoomClosedError,
    )
    from roomd.exceptions import (
        RoomKitError as RoomKitError,
    )
    from roomd.exceptions import (
        RoomNotFoundError as RoomNotFoundError,
    )
    from roomd.exceptions import (
        ServiceUnavailableError as ServiceUnavailableError,
    )
    from roomd.exceptions import (
        ToolNotFoundError as ToolNotFoundError,
    )
    from roomd.exceptions import (
        UnauthenticatedError as UnauthenticatedError,
    )
    from roomd.exceptions import (
        ValidationFailedError as ValidationFailedError,
    )
    from roomd.exceptions import (
        WouldDeadlockError as WouldDeadlockError,
    )
    from roomd.kit import RoomKit as RoomKit
    from roomd.models.channel import (
        ChannelBinding as ChannelBinding,
    )
    from roomd.models.channel import (
        ChannelCapabilities as ChannelCapabilities,
    )
    from roomd.models.channel import (
        ChannelOutput as ChannelOutput,
    )
    from roomd.models.channel import (
        RateLimit as RateLimit,
    )
    from roomd.models.channel import (
        RetryPolicy as RetryPolicy,
    )
    from roomd.models.delivery import (
        DeliveryError as DeliveryError,
    )
    from roomd.models.delivery import (
        DeliveryResult as DeliveryResult,
    )
    from roomd.models.delivery import (
        DeliveryStatus as DeliveryStatus,
    )
    from roomd.models.delivery import (
        InboundMessage as InboundMessage,
    )
    from roomd.models.delivery import (
        InboundResult as InboundResult,
    )
    from roomd.models.delivery import (
        ProviderResult as ProviderResult,
    )
    from roomd.models.enums import (
        Access as Access,
    )
    from roomd.models.enums import (
        ChannelCategory as ChannelCategory,
    )
    from roomd.models.enums import (
        ChannelDirection as ChannelDirection,
    )
    from roomd.models.enums import (
        ChannelMediaType as ChannelMediaType,
    )
    from roomd.models.enums import (
        ChannelType as ChannelType,
    )
    from roomd.models.enums import (
        DeleteType as DeleteType,
    )
    from roomd.models.enums import (
        DeliveryMode as DeliveryMode,
    )
    from roomd.models.enums import (
        EphemeralEventType as EphemeralEventType,
    )
    from roomd.models.enums import (
        EventStatus as EventStatus,
    )
    from roomd.models.enums import (
        EventType as EventType,
    )
    from roomd.models.enums import (
        HookExecution as HookExecution,
    )
    from roomd.models.enums import (
        HookTrigger as HookTrigger,
    )
    from roomd.models.enums import (
        IdentificationStatus as IdentificationStatus,
    )
    from roomd.models.enums import (
        ParticipantRole as ParticipantRole,
    )
    from roomd.models.enums import (
        ParticipantStatus as ParticipantStatus,
    )
    from roomd.models.enums import (
        RoomStatus as RoomStatus,
    )
    from roomd.models.enums import (
        TaskStatus as TaskStatus,
    )
    from roomd.models.enums import (
        ToolOutcome as ToolOutcome,
    )
    from roomd.models.event import (
        AudioContent as AudioContent,
    )
    from roomd.models.event import (
        ChannelData as ChannelData,
    )
    from roomd.models.event import (
        CompositeContent as CompositeContent,
    )
    from roomd.models.event import (
        DeleteContent as DeleteContent,
    )
    from roomd.models.event import (
        EditContent as EditContent,
    )
    from roomd.models.event import (
        EventContent as EventContent,
    )
    from roomd.models.event import (
        EventSource as EventSource,
    )
    from roomd.models.event import (
        LocationContent as LocationContent,
    )
    from roomd.models.event import (
        MediaContent as MediaContent,
    )
    from roomd.models.event import (
        RichContent as RichContent,
    )
    from roomd.models.event import (
        RoomEvent as RoomEvent,
    )
    from roomd.models.event import (
        SystemContent as SystemContent,
    )
    from roomd.models.event import (
        TemplateContent as TemplateContent,
    )
    from roomd.models.event import (
        TextContent as TextContent,
    )
    from roomd.models.event import (
        ThreadSummary as ThreadSummary,
    )
    from roomd.models.event import (
        ToolCallContent as ToolCallContent,
    )
    from roomd.models.event import (
        VideoContent as VideoContent,
    )
    from roomd.models.framework_event import FrameworkEvent as FrameworkEvent
    from roomd.models.hook import HookResult as HookResult
    from roomd.models.hook import InjectedEvent as InjectedEvent
    from roomd.models.hook import ParkedInvocation as ParkedInvocation
    from roomd.models.room import (
        Participant as Participant,
    )
    from roomd.models.room import (
        ReadMarker as ReadMarker,
    )
    from roomd.models.room import (
        Room as Room,
    )
    from roomd.models.room import (
        RoomContext as RoomContext,
    )
    from roomd.models.room import (
        RoomTimers as RoomTimers,
    )
    from roomd.models.task import Observation as Observation
    from roomd.models.task import Task as Task
    from roomd.models.tool import ServedTool as ServedTool
    from roomd.models.tool import ToolCall as ToolCall
    from roomd.models.tool import ToolResult as ToolResult
    from roomd.models.tool import ToolRun as ToolRun
    from roomd.providers.ai.base import (
        AIContext as AIContext,
    )
    from roomd.providers.ai.base import (
        AIImagePart as AIImagePart,
    )
    from roomd.providers.ai.base import (
        AIMessage as AIMessage,
    )
    from roomd.providers.ai.base import (
        AIProvider as AIProvider,
    )
    from roomd.providers.ai.base import (
        AIResponse as AIResponse,
    )
    from roomd.providers.ai.base import (
        AITextPart as AITextPart,
    )
    from roomd.providers.ai.base import (
        AITool as AITool,
    )
    from roomd.providers.ai.base import (
        AIToolCall as AIToolCall,
    )
    from roomd.providers.ai.mock import MockAIProvider as MockAIProvider
    from roomd.providers.email.mock import MockEmailProvider as MockEmailProvider
    from roomd.providers.http.mock import MockHTTPProvider as MockHTTPProvider
    from roomd.providers.messenger.mock import MockMessengerProvider as MockMessengerProvider
    from roomd.providers.rcs.mock import MockRCSProvider as MockRCSProvider
    from roomd.providers.sms.mock import MockSMSProvider as MockSMSProvider
    from roomd.providers.teams.mock import MockTeamsProvider as MockTeamsProvider
    from roomd.providers.telegram.mock import MockTelegramProvider as MockTelegramProvider
    from roomd.providers.whatsapp.mock import MockWhatsAppProvider as MockWhatsAppProvider
    from roomd.realtime.base import (
        EphemeralCallback as EphemeralCallback,
    )
    from roomd.realtime.base import (
        EphemeralEvent as EphemeralEvent,
    )
    from roomd.realtime.memory import InMemoryRealtime as InMemoryRealtime
    from roomd.store.memory import InMemoryStore as InMemoryStore
    from roomd.store.sqlite import SQLiteStore as SQLiteStore
    from roomd.tools.base import Tool as Tool

__version__ = "0.1.0"

_HOMES = {
    "AIChannel": "roomd.channels.ai",
    "AIContext": "roomd.providers.ai.base",
    "AIImagePart": "roomd.providers.ai.base",
    "AIMessage": "roomd.providers.ai.base",
    "AIProvider": "roomd.providers.ai.base",
    "AIResponse": "roomd.providers.ai.base",
    "AITextPart": "roomd.providers.ai.base",
    "AITool": "roomd.providers.ai.base",
    "AIToolCall": "roomd.providers.ai.base",
    "Access": "roomd.models.enums",
    "AlreadyExistsError": "roomd.exceptions",
    "AudioContent": "roomd.models.event",
    "Channel": "roomd.channels.base",
    "ChannelAlreadyRegisteredError": "roomd.exceptions",
    "ChannelBinding": "roomd.models.channel",
    "ChannelCapabilities": "roomd.models.channel",
    "ChannelCategory": "roomd.models.enums",
    "ChannelData": "roomd.models.event",
    "ChannelDirection": "roomd.models.enums",
    "ChannelMediaType": "roomd.models.enums",
    "ChannelNotFoundError": "roomd.exceptions",
    "ChannelNotRegisteredError": "roomd.exceptions",
    "ChannelOutput": "roomd.models.channel",
    "ChannelType": "roomd.models.enums",
    "CircuitBreaker": "roomd.core.circuit_breaker",
    "CompositeContent": "roomd.models.event",
    "ContentTranscoder": "roomd.core.router",
    "DeleteContent": "roomd.models.event",
    "DeleteType": "roomd.models.enums",
    "DeliveryError": "roomd.models.delivery",
    "DeliveryMode": "roomd.models.enums",
    "DeliveryResult": "roomd.models.delivery",
    "DeliveryStatus": "roomd.models.delivery",
    "EditContent": "roomd.models.event",
    "EmailChannel": "roomd.channels",
    "EphemeralCallback": "roomd.realtime.base",
    "EphemeralEvent": "roomd.realtime.base",
    "EphemeralEventType": "roomd.models.enums",
    "EventContent": "roomd.models.event",
    "EventNotFoundError": "roomd.exceptions",
    "EventSource": "roomd.models.event",
    "EventStatus": "roomd.models.enums",
    "EventType": "roomd.models.enums",
    "FrameworkEvent": "roomd.models.framework_event",
    "HTTPChannel": "roomd.channels",
    "HookExecution": "roomd.models.enums",
    "HookResult": "roomd.models.hook",
    "ParkedInvocation": "roomd.models.hook",
    "GiveUpError": "roomd.exceptions",
    "HookTrigger": "roomd.models.enums",
    "IdentificationStatus": "roomd.models.enums",
    "InMemoryLockManager": "roomd.core.locks",
    "InMemoryRealtime": "roomd.realtime.memory",
    "InMemoryStore": "roomd.store.memory",
    "InboundMessage": "roomd.models.delivery",
    "InboundResult": "roomd.models.delivery",
    "InboundRoomRouter": "roomd.core.inbound_router",
    "InjectedEvent": "roomd.models.hook",
    "Invocation": "roomd._invocation",
    "LocationContent": "roomd.models.event",
    "MediaContent": "roomd.models.event",
    "MessageTooLargeError": "roomd.exceptions",
    "MessengerChannel": "roomd.channels",
    "MockAIProvider": "roomd.providers.ai.mock",
    "MockEmailProvider": "roomd.providers.email.mock",
    "MockHTTPProvider": "roomd.providers.http.mock",
    "MockMessengerProvider": "roomd.providers.messenger.mock",
    "MockRCSProvider": "roomd.providers.rcs.mock",
    "MockSMSProvider": "roomd.providers.sms.mock",
    "MockTeamsProvider": "roomd.providers.teams.mock",
    "MockTelegramProvider": "roomd.providers.telegram.mock",
    "MockWhatsAppProvider": "roomd.providers.whatsapp.mock",
    "NotFoundError": "roomd.exceptions",
    "NotSupportedError": "roomd.exceptions",
    "Observation": "roomd.models.task",
    "Participant": "roomd.models.room",
    "ParticipantNotFoundError": "roomd.exceptions",
    "ParticipantRole": "roomd.models.enums",
    "ParticipantStatus": "roomd.models.enums",
    "PermissionDeniedError": "roomd.exceptions",
    "ProviderResult": "roomd.models.delivery",
    "RCSChannel": "roomd.channels",
    "RateLimit": "roomd.models.channel",
    "RateLimitedError": "roomd.exceptions",
    "ReadMarker": "roomd.models.room",
    "RetryPolicy": "roomd.models.channel",
    "Reconnect": "roomd._reconnect",
    "RichContent": "roomd.models.event",
    "Room": "roomd.models.room",
    "RoomClosedError": "roomd.exceptions",
    "RoomContext": "roomd.models.room",
    "RoomEvent": "roomd.models.event",
    "RoomKit": "roomd.kit",
    "RoomKitError": "roomd.exceptions",
    "RoomNotFoundError": "roomd.exceptions",
    "RoomStatus": "roomd.models.enums",
    "RoomTimers": "roomd.models.room",
    "SMSChannel": "roomd.channels",
    "SQLiteStore": "roomd.store.sqlite",
    "ServedTool": "roomd.models.tool",
    "ServiceUnavailableError": "roomd.exceptions",
    "SystemContent": "roomd.models.event",
    "Task": "roomd.models.task",
    "TaskStatus": "roomd.models.enums",
    "TeamsChannel": "roomd.channels",
    "TelegramChannel": "roomd.channels",
    "TemplateContent": "roomd.models.event",
    "TextContent": "roomd.models.event",
    "ThreadSummary": "roomd.models.event",
    "Tool": "roomd.tools.base",
    "ToolCall": "roomd.models.tool",
    "ToolCallContent": "roomd.models.event",
    "ToolNotFoundError": "roomd.exceptions",
    "ToolOutcome": "roomd.models.enums",
    "ToolResult": "roomd.models.tool",
    "ToolRun": "roomd.models.tool",
    "TransportChannel": "roomd.channels.transport",
    "UnauthenticatedError": "roomd.exceptions",
    "ValidationFailedError": "roomd.exceptions",
    "VideoContent": "roomd.models.event",
    "WebSocketChannel": "roomd.channels.websocket",
    "WhatsAppChannel": "roomd.channels",
    "WouldDeadlockError": "roomd.exceptions",
    "current_invocation": "roomd._invocation",
    "retry_with_backoff": "roomd.core.retry",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    """Load a name from its home."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'roomd' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Everything that can be imported."""
    return sorted({*globals(), *_HOMES})
