import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EphemeralType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EPHEMERAL_TYPE_UNSPECIFIED: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_TYPING_START: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_TYPING_STOP: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_PRESENCE_ONLINE: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_PRESENCE_AWAY: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_PRESENCE_OFFLINE: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_READ_RECEIPT: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_REACTION: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_THINKING_START: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_THINKING_DELTA: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_THINKING_END: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_TOOL_CALL_START: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_TOOL_CALL_END: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_STREAM_START: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_STREAM_DELTA: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_STREAM_END: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_STREAM_RETRACT: _ClassVar[EphemeralType]
    EPHEMERAL_TYPE_CUSTOM: _ClassVar[EphemeralType]

class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_UNSPECIFIED: _ClassVar[Presence]
    PRESENCE_ONLINE: _ClassVar[Presence]
    PRESENCE_AWAY: _ClassVar[Presence]
    PRESENCE_OFFLINE: _ClassVar[Presence]
EPHEMERAL_TYPE_UNSPECIFIED: EphemeralType
EPHEMERAL_TYPE_TYPING_START: EphemeralType
EPHEMERAL_TYPE_TYPING_STOP: EphemeralType
EPHEMERAL_TYPE_PRESENCE_ONLINE: EphemeralType
EPHEMERAL_TYPE_PRESENCE_AWAY: EphemeralType
EPHEMERAL_TYPE_PRESENCE_OFFLINE: EphemeralType
EPHEMERAL_TYPE_READ_RECEIPT: EphemeralType
EPHEMERAL_TYPE_REACTION: EphemeralType
EPHEMERAL_TYPE_THINKING_START: EphemeralType
EPHEMERAL_TYPE_THINKING_DELTA: EphemeralType
EPHEMERAL_TYPE_THINKING_END: EphemeralType
EPHEMERAL_TYPE_TOOL_CALL_START: EphemeralType
EPHEMERAL_TYPE_TOOL_CALL_END: EphemeralType
EPHEMERAL_TYPE_STREAM_START: EphemeralType
EPHEMERAL_TYPE_STREAM_DELTA: EphemeralType
EPHEMERAL_TYPE_STREAM_END: EphemeralType
EPHEMERAL_TYPE_STREAM_RETRACT: EphemeralType
EPHEMERAL_TYPE_CUSTOM: EphemeralType
PRESENCE_UNSPECIFIED: Presence
PRESENCE_ONLINE: Presence
PRESENCE_AWAY: Presence
PRESENCE_OFFLINE: Presence

class EphemeralEvent(_message.Message):
    __slots__ = ("room_id", "type", "user_id", "channel_id", "data", "sequence", "epoch", "create_time", "stream")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    type: EphemeralType
    user_id: str
    channel_id: str
    data: _struct_pb2.Struct
    sequence: int
    epoch: str
    create_time: _timestamp_pb2.Timestamp
    stream: StreamDelta
    def __init__(self, room_id: _Optional[str] = ..., type: _Optional[_Union[EphemeralType, str]] = ..., user_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., sequence: _Optional[int] = ..., epoch: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stream: _Optional[_Union[StreamDelta, _Mapping]] = ...) -> None: ...

class StreamDelta(_message.Message):
    __slots__ = ("stream_id", "sequence", "text", "trigger_event_id", "event_id", "reason")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    stream_id: str
    sequence: int
    text: str
    trigger_event_id: str
    event_id: str
    reason: str
    def __init__(self, stream_id: _Optional[str] = ..., sequence: _Optional[int] = ..., text: _Optional[str] = ..., trigger_event_id: _Optional[str] = ..., event_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PresenceEntry(_message.Message):
    __slots__ = ("user_id", "presence", "expire_time")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    presence: Presence
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, user_id: _Optional[str] = ..., presence: _Optional[_Union[Presence, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
