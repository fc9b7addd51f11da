import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "node_id", "start_time", "store", "max_message_bytes", "unmet_promises", "gauges")
    class GaugesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNMET_PROMISES_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    version: str
    node_id: str
    start_time: _timestamp_pb2.Timestamp
    store: str
    max_message_bytes: int
    unmet_promises: _containers.RepeatedScalarFieldContainer[str]
    gauges: _containers.ScalarMap[str, float]
    def __init__(self, version: _Optional[str] = ..., node_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., store: _Optional[str] = ..., max_message_bytes: _Optional[int] = ..., unmet_promises: _Optional[_Iterable[str]] = ..., gauges: _Optional[_Mapping[str, float]] = ...) -> None: ...

class TailFrameworkEventsRequest(_message.Message):
    __slots__ = ("types", "room_id")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[str]
    room_id: str
    def __init__(self, types: _Optional[_Iterable[str]] = ..., room_id: _Optional[str] = ...) -> None: ...

class TailFrameworkEventsResponse(_message.Message):
    __slots__ = ("events", "dropped")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[FrameworkEvent]
    dropped: int
    def __init__(self, events: _Optional[_Iterable[_Union[FrameworkEvent, _Mapping]]] = ..., dropped: _Optional[int] = ...) -> None: ...

class FrameworkEvent(_message.Message):
    __slots__ = ("type", "room_id", "channel_id", "event_id", "data", "create_time")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    type: str
    room_id: str
    channel_id: str
    event_id: str
    data: _struct_pb2.Struct
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, type: _Optional[str] = ..., room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., event_id: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
