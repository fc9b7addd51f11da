"""Models to protobuf and back. Nothing is lost in a round trip but what has no place there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet

from roomd import v1 as pb
from roomd.models.channel import ChannelBinding, ChannelCapabilities, RateLimit, RetryPolicy
from roomd.models.delivery import DeliveryError, DeliveryResult, DeliveryStatus, InboundMessage
from roomd.models.enums import (
    Access,
    ChannelCategory,
    ChannelDirection,
    ChannelMediaType,
    ChannelType,
    DeleteType,
    DeliveryMode,
    EphemeralEventType,
    EventStatus,
    EventType,
    HookTrigger,
    IdentificationStatus,
    ParticipantRole,
    ParticipantStatus,
    RoomStatus,
    TaskStatus,
    ToolOutcome,
)
from roomd.models.event import (
    AudioContent,
    ChannelData,
    CompositeContent,
    DeleteContent,
    EditContent,
    EventContent,
    EventSource,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
    VideoContent,
)
from roomd.models.room import Participant, Room, RoomContext, RoomTimers
from roomd.models.task import Observation, Task

E = TypeVar("E", bound=StrEnum)

# ------------------------------------------------------------------ small things


def struct(values: Mapping[str, Any]) -> Struct:
    """A mapping as a Struct; values that JSON does not know become strings, and so do whole
    numbers that a double cannot hold: other digits would come back.
    """
    result = Struct()
    result.update(_plain(dict(values)))
    return result


EXACT = 2**53
"""Up to here every whole number is a double."""


def _plain(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return str(value)


def mapping(value: Struct) -> dict[str, Any]:
    """A Struct as a dict; whole numbers as int, as they were before JSON."""
    return cast("dict[str, Any]", _whole(MessageToDict(value)))


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return value


NANOS = 10**9


def duration(seconds: float) -> Duration:
    """Seconds as a Duration."""
    whole = int(seconds)
    carry, nanos = divmod(round((seconds - whole) * 1e9), NANOS)
    return Duration(seconds=whole + carry, nanos=nanos)


def seconds(value: Duration) -> float:
    """A Duration in seconds."""
    return (value.seconds * NANOS + value.nanos) / NANOS


def timestamp(value: datetime) -> Timestamp:
    """A time as a Timestamp."""
    result = Timestamp()
    result.FromDatetime(value)
    return result


def moment(value: Timestamp) -> datetime:
    """A Timestamp as a time, UTC."""
    return value.ToDatetime(tzinfo=UTC)


class Words:
    """A protobuf enum beside the words of the API.

    Args:
        wrapper: The generated enum.
        prefix: What its value names begin with.
        words: The StrEnum of the API.
    """

    def __init__(self, wrapper: Any, prefix: str, words: type[E]) -> None:
        self._numbers = {}
        self._words = {}
        for name, number in wrapper.items():
            word = name.removeprefix(prefix).lower()
            if word in words._value2member_map_:
                self._numbers[word] = number
                self._words[number] = words(word)

    def number(self, word: str | None) -> Any:
        """The protobuf value; 0 for None.

        Raises:
            ValueError: no such word.
        """
        if word is None:
            return 0
        if word not in self._numbers:
            raise ValueError(f"{word!r} is none of {', '.join(self._numbers)}")
        return self._numbers[word]

    def word(self, number: int, default: Any = None) -> Any:
        """The word; ``default`` for what this SDK does not know."""
        return self._words.get(number, default)


CHANNEL_TYPES = Words(pb.ChannelType, "CHANNEL_TYPE_", ChannelType)
CATEGORIES = Words(pb.ChannelCategory, "CHANNEL_CATEGORY_", ChannelCategory)
DIRECTIONS = Words(pb.Direction, "DIRECTION_", ChannelDirection)
ACCESSES = Words(pb.Access, "ACCESS_", Access)
MEDIA_TYPES = Words(pb.MediaType, "MEDIA_TYPE_", ChannelMediaType)
DELIVERY_MODES = Words(pb.DeliveryMode, "DELIVERY_MODE_", DeliveryMode)
EVENT_TYPES = Words(pb.EventType, "EVENT_TYPE_", EventType)
EVENT_STATUSES = Words(pb.EventStatus, "EVENT_STATUS_", EventStatus)
ROOM_STATUSES = Words(pb.RoomStatus, "ROOM_STATUS_", RoomStatus)
ROLES = Words(pb.ParticipantRole, "PARTICIPANT_ROLE_", ParticipantRole)
PARTICIPANT_STATUSES = Words(pb.ParticipantStatus, "PARTICIPANT_STATUS_", ParticipantStatus)
IDENTIFICATIONS = Words(pb.IdentificationStatus, "IDENTIFICATION_STATUS_", IdentificationStatus)
TASK_STATUSES = Words(pb.TaskStatus, "TASK_STATUS_", TaskStatus)
HOOK_TRIGGERS = Words(pb.HookTrigger, "HOOK_TRIGGER_", HookTrigger)
EPHEMERAL_TYPES = Words(pb.EphemeralType, "EPHEMERAL_TYPE_", EphemeralEventType)
TOOL_OUTCOMES = Words(pb.ToolOutcome, "TOOL_OUTCOME_", ToolOutcome)
DELETE_TYPES = Words(pb.DeleteContent.DeleteType, "DELETE_TYPE_", DeleteType)

_SCOPES = {
    "all": pb.Visibility.SCOPE_ALL,
    "none": pb.Visibility.SCOPE_NONE,
    "transport": pb.Visibility.SCOPE_TRANSPORT,
    "intelligence": pb.Visibility.SCOPE_INTELLIGENCE,
    "internal": pb.Visibility.SCOPE_INTERNAL,
}
_SCOPE_WORDS = {number: word for word, number in _SCOPES.items()}


def visibility_to_pb(value: str) -> pb.Visibility:
    """``all``, ``none``, ``transport``, ``intelligence``, ``internal``, or channel ids
    separated by commas.
    """
    if value in _SCOPES:
        return pb.Visibility(scope=_SCOPES[value])
    ids = [one.strip() for one in value.split(",") if one.strip()]
    return pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=ids)


def visibility_from_pb(value: pb.Visibility) -> str:
    """The string of a visibility."""
    if value.scope == pb.Visibility.SCOPE_CHANNELS:
        return ",".join(value.channel_ids)
    return _SCOPE_WORDS.get(value.scope, "all")


# ------------------------------------------------------------------ content


def content_to_pb(content: EventContent) -> pb.Content:  # noqa: PLR0912 - one branch per kind
    """Content as protobuf.

    Raises:
        TypeError: no content.
    """
    match content:
        case TextContent():
            text = pb.TextContent(body=content.body, language=content.language or "")
            return pb.Content(text=text)
        case RichContent():
            return pb.Content(rich=_rich_to_pb(content))
        case MediaContent():
            media = pb.MediaContent(
                url=content.url,
                mime_type=content.mime_type,
                filename=content.filename or "",
                size_bytes=content.size_bytes,
                caption=content.caption or "",
            )
            return pb.Content(media=media)
        case AudioContent():
            audio = pb.AudioContent(
                url=content.url, mime_type=content.mime_type, transcript=content.transcript or ""
            )
            if content.duration_seconds is not None:
                audio.duration.CopyFrom(duration(content.duration_seconds))
            return pb.Content(audio=audio)
        case VideoContent():
            video = pb.VideoContent(
                url=content.url,
                mime_type=content.mime_type,
                thumbnail_url=content.thumbnail_url or "",
            )
            if content.duration_seconds is not None:
                video.duration.CopyFrom(duration(content.duration_seconds))
            return pb.Content(video=video)
        case LocationContent():
            place = pb.LocationContent(
                latitude=content.latitude,
                longitude=content.longitude,
                label=content.label or "",
                address=content.address or "",
            )
            return pb.Content(location=place)
        case TemplateContent():
            template = pb.TemplateContent(
                template_id=content.template_id,
                language=content.language,
                parameters=struct(content.parameters),
                body=content.body or "",
            )
            return pb.Content(template=template)
        case CompositeContent():
            parts = [content_to_pb(part) for part in content.parts]
            return pb.Content(composite=pb.CompositeContent(parts=parts))
        case SystemContent():
            system = pb.SystemContent(
                body=content.body, code=content.code or "", data=struct(content.data)
            )
            return pb.Content(system=system)
        case EditContent():
            edit = pb.EditContent(
                target_event_id=content.target_event_id,
                new_content=content_to_pb(content.new_content),
                edit_source=content.edit_source or "",
            )
            return pb.Content(edit=edit)
        case DeleteContent():
            delete = pb.DeleteContent(
                target_event_id=content.target_event_id,
                delete_type=DELETE_TYPES.number(content.delete_type),
                reason=content.reason or "",
            )
            return pb.Content(delete=delete)
        case ToolCallContent():
            return pb.Content(tool_call=_tool_call_to_pb(content))
    raise TypeError(f"not a content: {content!r}")


def _rich_to_pb(content: RichContent) -> pb.RichContent:
    form = pb.RichContent.FORMAT_MARKDOWN
    if content.format == "html":
        form = pb.RichContent.FORMAT_HTML
    return pb.RichContent(
        body=content.body,
        format=form,
        plain_text=content.plain_text or "",
        buttons=[struct(button) for button in content.buttons],
        cards=[struct(card) for card in content.cards],
        quick_replies=content.quick_replies,
    )


def _tool_call_to_pb(content: ToolCallContent) -> pb.ToolCallContent:
    call = pb.ToolCallContent(
        tool_name=content.tool_name,
        tool_id=content.tool_id,
        arguments=struct(content.arguments),
        result=content.result,
        status=content.status,
        error=content.error or "",
    )
    if content.duration_ms is not None:
        call.duration.CopyFrom(duration(content.duration_ms / 1000))
    return call


UNKNOWN_CONTENT = "unknown"
"""Code of the notice that stands for content of a kind that this SDK does not know."""


def content_from_pb(content: pb.Content) -> EventContent:
    """Content from protobuf; a kind that this SDK does not know becomes a system notice."""
    kind = content.WhichOneof("kind")
    value: Any = getattr(content, kind) if kind else None
    match kind:
        case "text":
            return TextContent(body=value.body, language=value.language or None)
        case "rich":
            return RichContent(
                body=value.body,
                format="html" if value.format == pb.RichContent.FORMAT_HTML else "markdown",
                plain_text=value.plain_text or None,
                buttons=[mapping(button) for button in value.buttons],
                cards=[mapping(card) for card in value.cards],
                quick_replies=list(value.quick_replies),
            )
        case "media":
            return MediaContent(
                url=value.url,
                mime_type=value.mime_type,
                filename=value.filename or None,
                size_bytes=value.size_bytes if value.HasField("size_bytes") else None,
                caption=value.caption or None,
            )
        case "audio":
            return AudioContent(
                url=value.url,
                mime_type=value.mime_type or "audio/ogg",
                duration_seconds=_seconds_or_none(value),
                transcript=value.transcript or None,
            )
        case "video":
            return VideoContent(
                url=value.url,
                mime_type=value.mime_type or "video/mp4",
                duration_seconds=_seconds_or_none(value),
                thumbnail_url=value.thumbnail_url or None,
            )
        case "location":
            return LocationContent(
                latitude=value.latitude,
                longitude=value.longitude,
                label=value.label or None,
                address=value.address or None,
            )
        case "template":
            return TemplateContent(
                template_id=value.template_id,
                language=value.language or "en",
                parameters=mapping(value.parameters),
                body=value.body or None,
            )
        case "composite":
            return CompositeContent(parts=[content_from_pb(part) for part in value.parts])
        case "edit":
            return EditContent(
                target_event_id=value.target_event_id,
                new_content=content_from_pb(value.new_content),
                edit_source=value.edit_source or None,
            )
        case "delete":
            return DeleteContent(
                target_event_id=value.target_event_id,
                delete_type=DELETE_TYPES.word(value.delete_type, DeleteType.SENDER),
                reason=value.reason or None,
            )
        case "tool_call":
            return ToolCallContent(
                tool_name=value.tool_name,
                tool_id=value.tool_id,
                arguments=mapping(value.arguments),
                result=value.result if value.HasField("result") else None,
                status=value.status or "pending",
                duration_ms=_ms(value.duration) if value.HasField("duration") else None,
                error=value.error or None,
            )
        case "system":
            return SystemContent(body=value.body, code=value.code or None, data=mapping(value.data))
    is_later = kind is not None or len(UnknownFieldSet(content)) > 0
    return SystemContent(body="", code=UNKNOWN_CONTENT if is_later else "withdrawn")


def _ms(value: Duration) -> float:
    return (value.seconds * NANOS + value.nanos) * 1000 / NANOS


def _seconds_or_none(value: Any) -> float | None:
    return seconds(value.duration) if value.HasField("duration") else None


# ------------------------------------------------------------------ events


def event_to_pb(event: RoomEvent) -> pb.RoomEvent:
    """An event as protobuf, for what hooks and channels give back."""
    source = event.source
    result = pb.RoomEvent(
        event_id=event.id,
        room_id=event.room_id,
        type=EVENT_TYPES.number(event.type),
        status=EVENT_STATUSES.number(event.status),
        source=pb.EventSource(
            channel_id=source.channel_id,
            channel_type=CHANNEL_TYPES.number(source.channel_type),
            direction=DIRECTIONS.number(source.direction),
            participant_id=source.participant_id or "",
            provider=source.provider or "",
            external_id=source.external_id or "",
            provider_message_id=source.provider_message_id or "",
            thread_id=source.thread_id or event.channel_data.thread_id or "",
        ),
        content=content_to_pb(event.content),
        visibility=visibility_to_pb(event.visibility),
        parent_event_id=event.parent_event_id or "",
        correlation_id=event.correlation_id or "",
        chain_depth=event.chain_depth,
        create_time=timestamp(event.created_at),
    )
    if source.raw_payload:
        result.source.raw_payload.CopyFrom(struct(source.raw_payload))
    if event.metadata:
        result.metadata.CopyFrom(struct(event.metadata))
    if event.response_visibility is not None:
        result.response_visibility.CopyFrom(visibility_to_pb(event.response_visibility))
    if event.addressed_to is not None:
        result.addressed_to.CopyFrom(pb.Addressing(channel_ids=event.addressed_to))
    return result


SYSTEM_CHANNEL = "system"
"""What the room itself notes (channels attached, participants joined …) comes from here."""


def event_from_pb(event: pb.RoomEvent) -> RoomEvent:
    """An event from protobuf."""
    source = event.source
    return RoomEvent(
        id=event.event_id,
        room_id=event.room_id,
        type=EVENT_TYPES.word(event.type, EventType.MESSAGE),
        source=EventSource(
            channel_id=source.channel_id or SYSTEM_CHANNEL,
            channel_type=CHANNEL_TYPES.word(source.channel_type, ChannelType.SYSTEM),
            direction=DIRECTIONS.word(source.direction, ChannelDirection.INBOUND),
            participant_id=source.participant_id or None,
            external_id=source.external_id or None,
            provider=source.provider or None,
            raw_payload=mapping(source.raw_payload) if source.HasField("raw_payload") else {},
            provider_message_id=source.provider_message_id or None,
            thread_id=source.thread_id or None,
        ),
        content=content_from_pb(event.content),
        status=EVENT_STATUSES.word(event.status, EventStatus.PENDING),
        blocked_by=event.blocked_by or None,
        block_reason=event.block_reason or None,
        visibility=visibility_from_pb(event.visibility),
        addressed_to=(
            list(event.addressed_to.channel_ids) if event.HasField("addressed_to") else None
        ),
        response_visibility=(
            visibility_from_pb(event.response_visibility)
            if event.HasField("response_visibility")
            else None
        ),
        index=event.index if event.HasField("index") else 0,
        chain_depth=event.chain_depth,
        parent_event_id=event.parent_event_id or None,
        correlation_id=event.correlation_id or None,
        idempotency_key=event.idempotency_key or None,
        created_at=moment(event.create_time),
        metadata=mapping(event.metadata) if event.HasField("metadata") else {},
        channel_data=ChannelData(
            provider=source.provider or None,
            external_id=source.external_id or None,
            thread_id=source.thread_id or None,
        ),
        delivery_results={
            channel_id: delivery_from_pb(channel_id, result).model_dump()
            for channel_id, result in event.delivery_results.items()
        },
    )


def inbound_to_pb(message: InboundMessage) -> pb.InboundMessage:
    """A message from outside as protobuf."""
    result = pb.InboundMessage(
        channel_id=message.channel_id,
        sender_id=message.sender_id,
        content=content_to_pb(message.content),
        event_type=EVENT_TYPES.number(message.event_type),
        external_id=message.external_id or "",
        thread_id=message.thread_id or "",
        parent_event_id=message.parent_event_id or "",
        idempotency_key=message.idempotency_key or "",
        provider_message_id=message.provider_message_id or "",
    )
    if message.raw_payload:
        result.raw_payload.CopyFrom(struct(message.raw_payload))
    if message.metadata:
        result.metadata.CopyFrom(struct(message.metadata))
    if message.visibility != "all":
        result.visibility.CopyFrom(visibility_to_pb(message.visibility))
    if message.addressed_to is not None:
        result.addressed_to.CopyFrom(pb.Addressing(channel_ids=message.addressed_to))
    if message.response_visibility is not None:
        result.response_visibility.CopyFrom(visibility_to_pb(message.response_visibility))
    return result


def inbound_from_pb(message: pb.InboundMessage) -> InboundMessage:
    """A message from outside, as a worker gets it."""
    return InboundMessage(
        channel_id=message.channel_id,
        sender_id=message.sender_id,
        content=content_from_pb(message.content),
        event_type=EVENT_TYPES.word(message.event_type, EventType.MESSAGE),
        external_id=message.external_id or None,
        thread_id=message.thread_id or None,
        parent_event_id=message.parent_event_id or None,
        idempotency_key=message.idempotency_key or None,
        raw_payload=mapping(message.raw_payload) if message.HasField("raw_payload") else {},
        provider_message_id=message.provider_message_id or None,
        metadata=mapping(message.metadata) if message.HasField("metadata") else {},
        visibility=visibility_from_pb(message.visibility),
        addressed_to=(
            list(message.addressed_to.channel_ids) if message.HasField("addressed_to") else None
        ),
        response_visibility=(
            visibility_from_pb(message.response_visibility)
            if message.HasField("response_visibility")
            else None
        ),
    )


_SENT = frozenset((pb.DELIVERY_STATE_SENT, pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_READ))
_WAITING = frozenset((pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_SENDING))


def delivery_from_pb(channel_id: str, result: pb.DeliveryResult) -> DeliveryResult:
    """The outcome for one channel."""
    error = None
    if result.error_code:
        error = DeliveryError(
            code=result.error_code, message=result.error_message, retryable=result.retryable
        )
    status: Any = "sent" if result.state in _SENT else "failed"
    if result.state in _WAITING:
        status = "queued"
    return DeliveryResult(
        channel_id=channel_id,
        status=status,
        provider_message_id=result.provider_message_id or None,
        error=error,
        retry_after=seconds(result.retry_after) if result.HasField("retry_after") else None,
    )


def status_from_pb(delivery: pb.Delivery) -> DeliveryStatus:
    """A delivery's state as the documents' delivery status."""
    result = delivery.result
    return DeliveryStatus(
        message_id=result.provider_message_id or delivery.delivery_id,
        status=pb.DeliveryState.Name(result.state).removeprefix("DELIVERY_STATE_").lower(),
        error_code=result.error_code or None,
        error_message=result.error_message or None,
        timestamp=moment(delivery.update_time).isoformat(),
        room_id=delivery.room_id,
        channel_id=delivery.channel_id,
    )


# ------------------------------------------------------------------ rooms and channels


def room_from_pb(room: pb.Room) -> Room:
    """A room from protobuf."""
    timers = room.timers
    return Room(
        id=room.room_id,
        organization_id=room.organization_id or None,
        status=ROOM_STATUSES.word(room.status, RoomStatus.ACTIVE),
        created_at=moment(room.create_time),
        updated_at=moment(room.update_time),
        closed_at=moment(room.close_time) if room.HasField("close_time") else None,
        timers=RoomTimers(
            inactive_after_seconds=seconds(timers.inactive_after) or None,
            closed_after_seconds=seconds(timers.closed_after) or None,
            last_activity_at=moment(room.last_activity_time),
        ),
        metadata=mapping(room.metadata) if room.HasField("metadata") else {},
        labels=dict(room.labels),
        event_count=room.event_count,
        latest_index=room.latest_index if room.HasField("latest_index") else 0,
        etag=room.etag,
    )


def timers_to_pb(timers: RoomTimers) -> pb.RoomTimers:
    """Timers as protobuf."""
    result = pb.RoomTimers()
    if timers.inactive_after_seconds:
        result.inactive_after.CopyFrom(duration(timers.inactive_after_seconds))
    if timers.closed_after_seconds:
        result.closed_after.CopyFrom(duration(timers.closed_after_seconds))
    return result


def participant_from_pb(who: pb.Participant) -> Participant:
    """A participant from protobuf."""
    return Participant(
        id=who.participant_id,
        room_id=who.room_id,
        channel_id=who.channel_ids[0] if who.channel_ids else "",
        display_name=who.display_name or None,
        role=ROLES.word(who.role, ParticipantRole.MEMBER),
        status=PARTICIPANT_STATUSES.word(who.status, ParticipantStatus.ACTIVE),
        identification=IDENTIFICATIONS.word(who.identification, IdentificationStatus.PENDING),
        identity_id=who.identity_id or None,
        connected_via=list(who.channel_ids),
        external_id=who.external_id or None,
        resolved_at=moment(who.resolve_time) if who.HasField("resolve_time") else None,
        resolved_by=who.resolved_by or None,
        joined_at=moment(who.join_time),
        metadata=mapping(who.metadata) if who.HasField("metadata") else {},
    )


def capabilities_to_pb(value: ChannelCapabilities) -> pb.Capabilities:
    """Capabilities as protobuf; the flags that say a media type add it."""
    types = [MEDIA_TYPES.number(one) for one in value.media_types]
    for flag, kind in (
        (value.supports_rich_text, pb.MEDIA_TYPE_RICH),
        (value.supports_media, pb.MEDIA_TYPE_MEDIA),
        (value.supports_audio, pb.MEDIA_TYPE_AUDIO),
        (value.supports_video, pb.MEDIA_TYPE_VIDEO),
        (value.supports_templates, pb.MEDIA_TYPE_TEMPLATE),
    ):
        if flag and kind not in types:
            types.append(kind)
    result = pb.Capabilities(
        media_types=types,
        max_length=value.max_length or 0,
        supports_edit=value.supports_edit,
        supports_delete=value.supports_delete,
        supports_reactions=value.supports_reactions,
        supports_typing=value.supports_typing,
        supports_read_receipts=value.supports_read_receipts,
        supports_threading=value.supports_threading,
        supports_buttons=value.supports_buttons,
        max_buttons=value.max_buttons or 0,
        supports_cards=value.supports_cards,
        supports_quick_replies=value.supports_quick_replies,
        supports_parts=value.supports_parts,
        max_media_size_bytes=value.max_media_size_bytes or 0,
        supported_mime_types=value.supported_media_types,
        delivery_mode=DELIVERY_MODES.number(value.delivery_mode),
        supports_streaming=value.supports_streaming,
    )
    if value.max_audio_duration_seconds:
        result.max_audio_duration.CopyFrom(duration(value.max_audio_duration_seconds))
    if value.max_video_duration_seconds:
        result.max_video_duration.CopyFrom(duration(value.max_video_duration_seconds))
    if value.custom:
        result.custom.CopyFrom(struct(value.custom))
    return result


def capabilities_from_pb(value: pb.Capabilities) -> ChannelCapabilities:
    """Capabilities from protobuf."""
    types = [MEDIA_TYPES.word(one) for one in value.media_types if MEDIA_TYPES.word(one)]
    return ChannelCapabilities(
        media_types=types or [ChannelMediaType.TEXT],
        max_length=value.max_length or None,
        supports_threading=value.supports_threading,
        supports_reactions=value.supports_reactions,
        supports_edit=value.supports_edit,
        supports_delete=value.supports_delete,
        supports_read_receipts=value.supports_read_receipts,
        supports_typing=value.supports_typing,
        supports_templates=ChannelMediaType.TEMPLATE in types,
        supports_rich_text=ChannelMediaType.RICH in types,
        supports_buttons=value.supports_buttons,
        max_buttons=value.max_buttons or None,
        supports_cards=value.supports_cards,
        supports_quick_replies=value.supports_quick_replies,
        supports_media=ChannelMediaType.MEDIA in types,
        supported_media_types=list(value.supported_mime_types),
        max_media_size_bytes=value.max_media_size_bytes or None,
        supports_audio=ChannelMediaType.AUDIO in types,
        max_audio_duration_seconds=seconds(value.max_audio_duration) or None,
        supports_video=ChannelMediaType.VIDEO in types,
        max_video_duration_seconds=seconds(value.max_video_duration) or None,
        supports_parts=value.supports_parts,
        supports_streaming=value.supports_streaming,
        delivery_mode=DELIVERY_MODES.word(value.delivery_mode, DeliveryMode.BROADCAST),
        custom=mapping(value.custom) if value.HasField("custom") else {},
    )


def rate_limit_to_pb(value: RateLimit) -> pb.RateLimit:
    """A rate limit as protobuf."""
    return pb.RateLimit(**value.model_dump(exclude_none=True))


def retry_policy_to_pb(value: RetryPolicy) -> pb.RetryPolicy:
    """A retry policy as protobuf."""
    return pb.RetryPolicy(
        max_retries=value.max_retries,
        base_delay=duration(value.base_delay_seconds),
        max_delay=duration(value.max_delay_seconds),
        exponential_base=value.exponential_base,
    )


def binding_from_pb(binding: pb.Binding) -> ChannelBinding:
    """A binding from protobuf."""
    limit = retry = None
    if binding.HasField("rate_limit"):
        fields = {field.name: value for field, value in binding.rate_limit.ListFields()}
        limit = RateLimit(**fields)
    if binding.HasField("retry_policy"):
        policy = binding.retry_policy
        retry = RetryPolicy(
            max_retries=policy.max_retries if policy.HasField("max_retries") else 3,
            base_delay_seconds=seconds(policy.base_delay) or 1.0,
            max_delay_seconds=seconds(policy.max_delay) or 60.0,
            exponential_base=policy.exponential_base or 2.0,
        )
    return ChannelBinding(
        channel_id=binding.channel_id,
        room_id=binding.room_id,
        channel_type=CHANNEL_TYPES.word(binding.channel_type, ChannelType.SYSTEM),
        category=CATEGORIES.word(binding.category, ChannelCategory.TRANSPORT),
        direction=DIRECTIONS.word(binding.direction, ChannelDirection.BIDIRECTIONAL),
        access=ACCESSES.word(binding.access, Access.READ_WRITE),
        muted=binding.muted,
        output_muted=binding.output_muted,
        visibility=visibility_from_pb(binding.visibility),
        participant_id=binding.participant_id or None,
        attached_at=moment(binding.attach_time),
        capabilities=capabilities_from_pb(binding.capabilities),
        rate_limit=limit,
        retry_policy=retry,
        metadata=mapping(binding.metadata) if binding.HasField("metadata") else {},
    )


def context_from_pb(context: pb.RoomContext) -> RoomContext:
    """What a handler is told, from protobuf."""
    return RoomContext(
        room=room_from_pb(context.room),
        bindings=[binding_from_pb(binding) for binding in context.bindings],
        participants=[participant_from_pb(who) for who in context.participants],
        recent_events=[event_from_pb(event) for event in context.recent_events],
    )


def task_to_pb(task: Task) -> pb.Task:
    """A task as protobuf."""
    result = pb.Task(
        task_id=task.id,
        room_id=task.room_id,
        title=task.title,
        description=task.description or "",
        assigned_to=task.assigned_to or "",
        status=TASK_STATUSES.number(task.status),
    )
    if task.metadata:
        result.metadata.CopyFrom(struct(task.metadata))
    return result


def task_from_pb(task: pb.Task) -> Task:
    """A task from protobuf."""
    return Task(
        id=task.task_id,
        room_id=task.room_id,
        title=task.title,
        description=task.description or None,
        assigned_to=task.assigned_to or None,
        status=TASK_STATUSES.word(task.status, TaskStatus.PENDING),
        created_at=moment(task.create_time),
        metadata=mapping(task.metadata) if task.HasField("metadata") else {},
    )


def observation_to_pb(observation: Observation) -> pb.Observation:
    """An observation as protobuf."""
    result = pb.Observation(
        observation_id=observation.id,
        room_id=observation.room_id,
        channel_id=observation.channel_id,
        category=observation.category or "",
        content=observation.content,
        confidence=observation.confidence,
        event_id=observation.event_id or "",
    )
    if observation.metadata:
        result.metadata.CopyFrom(struct(observation.metadata))
    return result


def observation_from_pb(observation: pb.Observation) -> Observation:
    """An observation from protobuf."""
    sure = observation.confidence if observation.HasField("confidence") else 1.0
    return Observation(
        id=observation.observation_id,
        room_id=observation.room_id,
        channel_id=observation.channel_id,
        content=observation.content,
        category=observation.category or None,
        confidence=sure,
        event_id=observation.event_id or None,
        created_at=moment(observation.create_time),
        metadata=mapping(observation.metadata) if observation.HasField("metadata") else {},
    )
