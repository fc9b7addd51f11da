"""The words of the API. Each is the lower-case name of the protocol's enum value."""

from __future__ import annotations

from enum import StrEnum


class ChannelType(StrEnum):
    """What kind of party a channel reaches."""

    SMS = "sms"
    MMS = "mms"
    RCS = "rcs"
    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WHATSAPP_PERSONAL = "whatsapp_personal"
    MESSENGER = "messenger"
    TELEGRAM = "telegram"
    TEAMS = "teams"
    WEBHOOK = "webhook"
    WEBSOCKET = "websocket"
    AI = "ai"
    VOICE = "voice"
    REALTIME_VOICE = "realtime_voice"
    PUSH = "push"
    VIDEO = "video"
    AUDIO_VIDEO = "audio_video"
    REALTIME_AUDIO_VIDEO = "realtime_audio_video"
    CLI = "cli"
    SYSTEM = "system"


class ChannelCategory(StrEnum):
    """What a channel does in a room."""

    TRANSPORT = "transport"
    INTELLIGENCE = "intelligence"


class ChannelDirection(StrEnum):
    """Which way messages go."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BIDIRECTIONAL = "bidirectional"


class ChannelMediaType(StrEnum):
    """Kinds of content that a channel shows as they are."""

    TEXT = "text"
    RICH = "rich"
    MEDIA = "media"
    AUDIO = "audio"
    VIDEO = "video"
    LOCATION = "location"
    TEMPLATE = "template"


class Access(StrEnum):
    """What a channel may do in a room."""

    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    WRITE_ONLY = "write_only"
    NONE = "none"


class DeliveryMode(StrEnum):
    """Which messages a channel gets."""

    BROADCAST = "broadcast"
    DIRECT = "direct"
    ROUND_ROBIN = "round_robin"


class EventType(StrEnum):
    """What an event is about."""

    MESSAGE = "message"
    SYSTEM = "system"
    TYPING = "typing"
    READ_RECEIPT = "read_receipt"
    DELIVERY_RECEIPT = "delivery_receipt"
    PRESENCE = "presence"
    REACTION = "reaction"
    EDIT = "edit"
    DELETE = "delete"
    PARTICIPANT_JOINED = "participant_joined"
    PARTICIPANT_LEFT = "participant_left"
    PARTICIPANT_IDENTIFIED = "participant_identified"
    PARTICIPANT_UPDATED = "participant_updated"
    CHANNEL_ATTACHED = "channel_attached"
    CHANNEL_DETACHED = "channel_detached"
    CHANNEL_MUTED = "channel_muted"
    CHANNEL_UNMUTED = "channel_unmuted"
    CHANNEL_UPDATED = "channel_updated"
    TASK_CREATED = "task_created"
    OBSERVATION = "observation"
    TOOL_CALL_START = "tool_call_start"
    TOOL_CALL_END = "tool_call_end"


class EventStatus(StrEnum):
    """What became of an event."""

    PENDING = "pending"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    BLOCKED = "blocked"


class RoomStatus(StrEnum):
    """Where a room is in its life."""

    ACTIVE = "active"
    PAUSED = "paused"
    CLOSED = "closed"
    ARCHIVED = "archived"


class ParticipantRole(StrEnum):
    """What a participant may do."""

    OWNER = "owner"
    AGENT = "agent"
    MEMBER = "member"
    OBSERVER = "observer"
    BOT = "bot"


class ParticipantStatus(StrEnum):
    """Whether a participant takes part."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    LEFT = "left"
    BANNED = "banned"


class IdentificationStatus(StrEnum):
    """How sure we are who somebody is."""

    IDENTIFIED = "identified"
    PENDING = "pending"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    CHALLENGE_SENT = "challenge_sent"
    REJECTED = "rejected"


class TaskStatus(StrEnum):
    """State of a task."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeleteType(StrEnum):
    """Who withdraws an event."""

    SENDER = "sender"
    ADMIN = "admin"
    SYSTEM = "system"


class HookTrigger(StrEnum):
    """When a hook runs."""

    BEFORE_BROADCAST = "before_broadcast"
    AFTER_BROADCAST = "after_broadcast"
    ON_CHANNEL_ATTACHED = "on_channel_attached"
    ON_CHANNEL_DETACHED = "on_channel_detached"
    ON_CHANNEL_MUTED = "on_channel_muted"
    ON_CHANNEL_UNMUTED = "on_channel_unmuted"
    ON_ROOM_CREATED = "on_room_created"
    ON_ROOM_PAUSED = "on_room_paused"
    ON_ROOM_RESUMED = "on_room_resumed"
    ON_ROOM_CLOSED = "on_room_closed"
    ON_ROOM_ARCHIVED = "on_room_archived"
    ON_PARTICIPANT_JOINED = "on_participant_joined"
    ON_PARTICIPANT_LEFT = "on_participant_left"
    ON_PARTICIPANT_UPDATED = "on_participant_updated"
    ON_PARTICIPANT_IDENTIFIED = "on_participant_identified"
    ON_TASK_CREATED = "on_task_created"
    ON_DELIVERY_STATUS = "on_delivery_status"
    ON_ERROR = "on_error"
    ON_EVENT_UPDATED = "on_event_updated"
    ON_EVENT_DELETED = "on_event_deleted"
    BEFORE_DELIVER = "before_deliver"
    AFTER_DELIVER = "after_deliver"
    ON_FEEDBACK = "on_feedback"
    ON_SESSION_STARTED = "on_session_started"


class HookExecution(StrEnum):
    """SYNC hooks decide, ASYNC hooks watch."""

    SYNC = "sync"
    ASYNC = "async"


class EphemeralEventType(StrEnum):
    """Kinds of fleeting events."""

    TYPING_START = "typing_start"
    TYPING_STOP = "typing_stop"
    PRESENCE_ONLINE = "presence_online"
    PRESENCE_AWAY = "presence_away"
    PRESENCE_OFFLINE = "presence_offline"
    READ_RECEIPT = "read_receipt"
    REACTION = "reaction"
    THINKING_START = "thinking_start"
    THINKING_DELTA = "thinking_delta"
    THINKING_END = "thinking_end"
    TOOL_CALL_START = "tool_call_start"
    TOOL_CALL_END = "tool_call_end"
    STREAM_START = "stream_start"
    STREAM_DELTA = "stream_delta"
    STREAM_END = "stream_end"
    STREAM_RETRACT = "stream_retract"
    CUSTOM = "custom"


class ToolOutcome(StrEnum):
    """What became of a tool's call."""

    ANSWERED = "answered"
    """The tool answered; the answer may be that it did not work."""
    FAILED = "failed"
    """Its function raised, or answered against the rules. It may have done something."""
    TIMEOUT = "timeout"
    """It did not answer in time, and was cancelled. It may have done something."""
    LOST = "lost"
    """Its process went away with the call in hand. It may have done something."""
