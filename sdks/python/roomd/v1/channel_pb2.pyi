import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChannelType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_TYPE_UNSPECIFIED: _ClassVar[ChannelType]
    CHANNEL_TYPE_SMS: _ClassVar[ChannelType]
    CHANNEL_TYPE_MMS: _ClassVar[ChannelType]
    CHANNEL_TYPE_RCS: _ClassVar[ChannelType]
    CHANNEL_TYPE_EMAIL: _ClassVar[ChannelType]
    CHANNEL_TYPE_WHATSAPP: _ClassVar[ChannelType]
    CHANNEL_TYPE_WHATSAPP_PERSONAL: _ClassVar[ChannelType]
    CHANNEL_TYPE_MESSENGER: _ClassVar[ChannelType]
    CHANNEL_TYPE_TELEGRAM: _ClassVar[ChannelType]
    CHANNEL_TYPE_TEAMS: _ClassVar[ChannelType]
    CHANNEL_TYPE_WEBHOOK: _ClassVar[ChannelType]
    CHANNEL_TYPE_WEBSOCKET: _ClassVar[ChannelType]
    CHANNEL_TYPE_AI: _ClassVar[ChannelType]
    CHANNEL_TYPE_VOICE: _ClassVar[ChannelType]
    CHANNEL_TYPE_REALTIME_VOICE: _ClassVar[ChannelType]
    CHANNEL_TYPE_PUSH: _ClassVar[ChannelType]
    CHANNEL_TYPE_VIDEO: _ClassVar[ChannelType]
    CHANNEL_TYPE_AUDIO_VIDEO: _ClassVar[ChannelType]
    CHANNEL_TYPE_REALTIME_AUDIO_VIDEO: _ClassVar[ChannelType]
    CHANNEL_TYPE_CLI: _ClassVar[ChannelType]
    CHANNEL_TYPE_SYSTEM: _ClassVar[ChannelType]

class ChannelCategory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_CATEGORY_UNSPECIFIED: _ClassVar[ChannelCategory]
    CHANNEL_CATEGORY_TRANSPORT: _ClassVar[ChannelCategory]
    CHANNEL_CATEGORY_INTELLIGENCE: _ClassVar[ChannelCategory]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_INBOUND: _ClassVar[Direction]
    DIRECTION_OUTBOUND: _ClassVar[Direction]
    DIRECTION_BIDIRECTIONAL: _ClassVar[Direction]

class Access(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_UNSPECIFIED: _ClassVar[Access]
    ACCESS_READ_WRITE: _ClassVar[Access]
    ACCESS_READ_ONLY: _ClassVar[Access]
    ACCESS_WRITE_ONLY: _ClassVar[Access]
    ACCESS_NONE: _ClassVar[Access]

class MediaType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_TYPE_UNSPECIFIED: _ClassVar[MediaType]
    MEDIA_TYPE_TEXT: _ClassVar[MediaType]
    MEDIA_TYPE_RICH: _ClassVar[MediaType]
    MEDIA_TYPE_MEDIA: _ClassVar[MediaType]
    MEDIA_TYPE_AUDIO: _ClassVar[MediaType]
    MEDIA_TYPE_VIDEO: _ClassVar[MediaType]
    MEDIA_TYPE_LOCATION: _ClassVar[MediaType]
    MEDIA_TYPE_TEMPLATE: _ClassVar[MediaType]

class DeliveryMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_MODE_UNSPECIFIED: _ClassVar[DeliveryMode]
    DELIVERY_MODE_BROADCAST: _ClassVar[DeliveryMode]
    DELIVERY_MODE_DIRECT: _ClassVar[DeliveryMode]
    DELIVERY_MODE_ROUND_ROBIN: _ClassVar[DeliveryMode]
CHANNEL_TYPE_UNSPECIFIED: ChannelType
CHANNEL_TYPE_SMS: ChannelType
CHANNEL_TYPE_MMS: ChannelType
CHANNEL_TYPE_RCS: ChannelType
CHANNEL_TYPE_EMAIL: ChannelType
CHANNEL_TYPE_WHATSAPP: ChannelType
CHANNEL_TYPE_WHATSAPP_PERSONAL: ChannelType
CHANNEL_TYPE_MESSENGER: ChannelType
CHANNEL_TYPE_TELEGRAM: ChannelType
CHANNEL_TYPE_TEAMS: ChannelType
CHANNEL_TYPE_WEBHOOK: ChannelType
CHANNEL_TYPE_WEBSOCKET: ChannelType
CHANNEL_TYPE_AI: ChannelType
CHANNEL_TYPE_VOICE: ChannelType
CHANNEL_TYPE_REALTIME_VOICE: ChannelType
CHANNEL_TYPE_PUSH: ChannelType
CHANNEL_TYPE_VIDEO: ChannelType
CHANNEL_TYPE_AUDIO_VIDEO: ChannelType
CHANNEL_TYPE_REALTIME_AUDIO_VIDEO: ChannelType
CHANNEL_TYPE_CLI: ChannelType
CHANNEL_TYPE_SYSTEM: ChannelType
CHANNEL_CATEGORY_UNSPECIFIED: ChannelCategory
CHANNEL_CATEGORY_TRANSPORT: ChannelCategory
CHANNEL_CATEGORY_INTELLIGENCE: ChannelCategory
DIRECTION_UNSPECIFIED: Direction
DIRECTION_INBOUND: Direction
DIRECTION_OUTBOUND: Direction
DIRECTION_BIDIRECTIONAL: Direction
ACCESS_UNSPECIFIED: Access
ACCESS_READ_WRITE: Access
ACCESS_READ_ONLY: Access
ACCESS_WRITE_ONLY: Access
ACCESS_NONE: Access
MEDIA_TYPE_UNSPECIFIED: MediaType
MEDIA_TYPE_TEXT: MediaType
MEDIA_TYPE_RICH: MediaType
MEDIA_TYPE_MEDIA: MediaType
MEDIA_TYPE_AUDIO: MediaType
MEDIA_TYPE_VIDEO: MediaType
MEDIA_TYPE_LOCATION: MediaType
MEDIA_TYPE_TEMPLATE: MediaType
DELIVERY_MODE_UNSPECIFIED: DeliveryMode
DELIVERY_MODE_BROADCAST: DeliveryMode
DELIVERY_MODE_DIRECT: DeliveryMode
DELIVERY_MODE_ROUND_ROBIN: DeliveryMode

class Capabilities(_message.Message):
    __slots__ = ("media_types", "max_length", "supports_edit", "supports_delete", "supports_reactions", "supports_typing", "supports_read_receipts", "supports_threading", "supports_buttons", "max_buttons", "supports_cards", "supports_quick_replies", "supports_parts", "max_media_size_bytes", "supported_mime_types", "max_audio_duration", "max_video_duration", "delivery_mode", "supports_streaming", "custom")
    MEDIA_TYPES_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_EDIT_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_DELETE_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_REACTIONS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_TYPING_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_READ_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_THREADING_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_BUTTONS_FIELD_NUMBER: _ClassVar[int]
    MAX_BUTTONS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_CARDS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_QUICK_REPLIES_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_PARTS_FIELD_NUMBER: _ClassVar[int]
    MAX_MEDIA_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_MIME_TYPES_FIELD_NUMBER: _ClassVar[int]
    MAX_AUDIO_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_VIDEO_DURATION_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_MODE_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_STREAMING_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    media_types: _containers.RepeatedScalarFieldContainer[MediaType]
    max_length: int
    supports_edit: bool
    supports_delete: bool
    supports_reactions: bool
    supports_typing: bool
    supports_read_receipts: bool
    supports_threading: bool
    supports_buttons: bool
    max_buttons: int
    supports_cards: bool
    supports_quick_replies: bool
    supports_parts: bool
    max_media_size_bytes: int
    supported_mime_types: _containers.RepeatedScalarFieldContainer[str]
    max_audio_duration: _duration_pb2.Duration
    max_video_duration: _duration_pb2.Duration
    delivery_mode: DeliveryMode
    supports_streaming: bool
    custom: _struct_pb2.Struct
    def __init__(self, media_types: _Optional[_Iterable[_Union[MediaType, str]]] = ..., max_length: _Optional[int] = ..., supports_edit: _Optional[bool] = ..., supports_delete: _Optional[bool] = ..., supports_reactions: _Optional[bool] = ..., supports_typing: _Optional[bool] = ..., supports_read_receipts: _Optional[bool] = ..., supports_threading: _Optional[bool] = ..., supports_buttons: _Optional[bool] = ..., max_buttons: _Optional[int] = ..., supports_cards: _Optional[bool] = ..., supports_quick_replies: _Optional[bool] = ..., supports_parts: _Optional[bool] = ..., max_media_size_bytes: _Optional[int] = ..., supported_mime_types: _Optional[_Iterable[str]] = ..., max_audio_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_video_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., delivery_mode: _Optional[_Union[DeliveryMode, str]] = ..., supports_streaming: _Optional[bool] = ..., custom: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class RateLimit(_message.Message):
    __slots__ = ("max_per_second", "max_per_minute", "max_per_hour")
    MAX_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    max_per_second: float
    max_per_minute: float
    max_per_hour: float
    def __init__(self, max_per_second: _Optional[float] = ..., max_per_minute: _Optional[float] = ..., max_per_hour: _Optional[float] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_retries", "base_delay", "max_delay", "exponential_base")
    MAX_RETRIES_FIELD_NUMBER: _ClassVar[int]
    BASE_DELAY_FIELD_NUMBER: _ClassVar[int]
    MAX_DELAY_FIELD_NUMBER: _ClassVar[int]
    EXPONENTIAL_BASE_FIELD_NUMBER: _ClassVar[int]
    max_retries: int
    base_delay: _duration_pb2.Duration
    max_delay: _duration_pb2.Duration
    exponential_base: float
    def __init__(self, max_retries: _Optional[int] = ..., base_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., exponential_base: _Optional[float] = ...) -> None: ...

class ChannelImplementation(_message.Message):
    __slots__ = ("connection", "worker", "script", "system")
    class Script(_message.Message):
        __slots__ = ("responses", "streaming", "delay", "uses")
        class Use(_message.Message):
            __slots__ = ("tool", "arguments")
            TOOL_FIELD_NUMBER: _ClassVar[int]
            ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
            tool: str
            arguments: _struct_pb2.Struct
            def __init__(self, tool: _Optional[str] = ..., arguments: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
        RESPONSES_FIELD_NUMBER: _ClassVar[int]
        STREAMING_FIELD_NUMBER: _ClassVar[int]
        DELAY_FIELD_NUMBER: _ClassVar[int]
        USES_FIELD_NUMBER: _ClassVar[int]
        responses: _containers.RepeatedScalarFieldContainer[str]
        streaming: bool
        delay: _duration_pb2.Duration
        uses: _containers.RepeatedCompositeFieldContainer[ChannelImplementation.Script.Use]
        def __init__(self, responses: _Optional[_Iterable[str]] = ..., streaming: _Optional[bool] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., uses: _Optional[_Iterable[_Union[ChannelImplementation.Script.Use, _Mapping]]] = ...) -> None: ...
    class Connection(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Worker(_message.Message):
        __slots__ = ("handler",)
        HANDLER_FIELD_NUMBER: _ClassVar[int]
        handler: str
        def __init__(self, handler: _Optional[str] = ...) -> None: ...
    class System(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    SCRIPT_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    connection: ChannelImplementation.Connection
    worker: ChannelImplementation.Worker
    script: ChannelImplementation.Script
    system: ChannelImplementation.System
    def __init__(self, connection: _Optional[_Union[ChannelImplementation.Connection, _Mapping]] = ..., worker: _Optional[_Union[ChannelImplementation.Worker, _Mapping]] = ..., script: _Optional[_Union[ChannelImplementation.Script, _Mapping]] = ..., system: _Optional[_Union[ChannelImplementation.System, _Mapping]] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("channel_id", "type", "category", "capabilities", "implementation", "settings", "rate_limit", "delivery_deadline", "inbound_rate_limit", "create_time", "update_time", "etag", "attached")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    IMPLEMENTATION_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    RATE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    INBOUND_RATE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    type: ChannelType
    category: ChannelCategory
    capabilities: Capabilities
    implementation: ChannelImplementation
    settings: _struct_pb2.Struct
    rate_limit: RateLimit
    delivery_deadline: _duration_pb2.Duration
    inbound_rate_limit: RateLimit
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    attached: int
    def __init__(self, channel_id: _Optional[str] = ..., type: _Optional[_Union[ChannelType, str]] = ..., category: _Optional[_Union[ChannelCategory, str]] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ..., implementation: _Optional[_Union[ChannelImplementation, _Mapping]] = ..., settings: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., rate_limit: _Optional[_Union[RateLimit, _Mapping]] = ..., delivery_deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., inbound_rate_limit: _Optional[_Union[RateLimit, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., attached: _Optional[int] = ...) -> None: ...

class Binding(_message.Message):
    __slots__ = ("room_id", "channel_id", "channel_type", "category", "direction", "access", "muted", "output_muted", "visibility", "participant_id", "metadata", "capabilities", "rate_limit", "retry_policy", "analyse_while_muted", "attach_time", "etag")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MUTED_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    RATE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RETRY_POLICY_FIELD_NUMBER: _ClassVar[int]
    ANALYSE_WHILE_MUTED_FIELD_NUMBER: _ClassVar[int]
    ATTACH_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    channel_type: ChannelType
    category: ChannelCategory
    direction: Direction
    access: Access
    muted: bool
    output_muted: bool
    visibility: Visibility
    participant_id: str
    metadata: _struct_pb2.Struct
    capabilities: Capabilities
    rate_limit: RateLimit
    retry_policy: RetryPolicy
    analyse_while_muted: bool
    attach_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., channel_type: _Optional[_Union[ChannelType, str]] = ..., category: _Optional[_Union[ChannelCategory, str]] = ..., direction: _Optional[_Union[Direction, str]] = ..., access: _Optional[_Union[Access, str]] = ..., muted: _Optional[bool] = ..., output_muted: _Optional[bool] = ..., visibility: _Optional[_Union[Visibility, _Mapping]] = ..., participant_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ..., rate_limit: _Optional[_Union[RateLimit, _Mapping]] = ..., retry_policy: _Optional[_Union[RetryPolicy, _Mapping]] = ..., analyse_while_muted: _Optional[bool] = ..., attach_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Visibility(_message.Message):
    __slots__ = ("scope", "channel_ids")
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCOPE_UNSPECIFIED: _ClassVar[Visibility.Scope]
        SCOPE_ALL: _ClassVar[Visibility.Scope]
        SCOPE_NONE: _ClassVar[Visibility.Scope]
        SCOPE_TRANSPORT: _ClassVar[Visibility.Scope]
        SCOPE_INTELLIGENCE: _ClassVar[Visibility.Scope]
        SCOPE_INTERNAL: _ClassVar[Visibility.Scope]
        SCOPE_CHANNELS: _ClassVar[Visibility.Scope]
    SCOPE_UNSPECIFIED: Visibility.Scope
    SCOPE_ALL: Visibility.Scope
    SCOPE_NONE: Visibility.Scope
    SCOPE_TRANSPORT: Visibility.Scope
    SCOPE_INTELLIGENCE: Visibility.Scope
    SCOPE_INTERNAL: Visibility.Scope
    SCOPE_CHANNELS: Visibility.Scope
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
    scope: Visibility.Scope
    channel_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, scope: _Optional[_Union[Visibility.Scope, str]] = ..., channel_ids: _Optional[_Iterable[str]] = ...) -> None: ...
