from google.protobuf import struct_pb2 as _struct_pb2
from roomd.v1 import realtime_pb2 as _realtime_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PublishTypingRequest(_message.Message):
    __slots__ = ("room_id", "user_id", "typing", "data")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TYPING_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    user_id: str
    typing: bool
    data: _struct_pb2.Struct
    def __init__(self, room_id: _Optional[str] = ..., user_id: _Optional[str] = ..., typing: _Optional[bool] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class PublishTypingResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _realtime_pb2.EphemeralEvent
    def __init__(self, event: _Optional[_Union[_realtime_pb2.EphemeralEvent, _Mapping]] = ...) -> None: ...

class PublishPresenceRequest(_message.Message):
    __slots__ = ("room_id", "user_id", "presence", "data")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    user_id: str
    presence: _realtime_pb2.Presence
    data: _struct_pb2.Struct
    def __init__(self, room_id: _Optional[str] = ..., user_id: _Optional[str] = ..., presence: _Optional[_Union[_realtime_pb2.Presence, str]] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class PublishPresenceResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _realtime_pb2.EphemeralEvent
    def __init__(self, event: _Optional[_Union[_realtime_pb2.EphemeralEvent, _Mapping]] = ...) -> None: ...

class PublishReadReceiptRequest(_message.Message):
    __slots__ = ("room_id", "user_id", "event_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    user_id: str
    event_id: str
    def __init__(self, room_id: _Optional[str] = ..., user_id: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class PublishReadReceiptResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _realtime_pb2.EphemeralEvent
    def __init__(self, event: _Optional[_Union[_realtime_pb2.EphemeralEvent, _Mapping]] = ...) -> None: ...

class PublishReactionRequest(_message.Message):
    __slots__ = ("room_id", "user_id", "event_id", "emoji", "remove")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    user_id: str
    event_id: str
    emoji: str
    remove: bool
    def __init__(self, room_id: _Optional[str] = ..., user_id: _Optional[str] = ..., event_id: _Optional[str] = ..., emoji: _Optional[str] = ..., remove: _Optional[bool] = ...) -> None: ...

class PublishReactionResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _realtime_pb2.EphemeralEvent
    def __init__(self, event: _Optional[_Union[_realtime_pb2.EphemeralEvent, _Mapping]] = ...) -> None: ...

class PublishEphemeralRequest(_message.Message):
    __slots__ = ("room_id", "type", "user_id", "channel_id", "data")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    type: _realtime_pb2.EphemeralType
    user_id: str
    channel_id: str
    data: _struct_pb2.Struct
    def __init__(self, room_id: _Optional[str] = ..., type: _Optional[_Union[_realtime_pb2.EphemeralType, str]] = ..., user_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class PublishEphemeralResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _realtime_pb2.EphemeralEvent
    def __init__(self, event: _Optional[_Union[_realtime_pb2.EphemeralEvent, _Mapping]] = ...) -> None: ...

class ListPresenceRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class ListPresenceResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[_realtime_pb2.PresenceEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[_realtime_pb2.PresenceEntry, _Mapping]]] = ...) -> None: ...
