import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
from roomd.v1 import content_pb2 as _content_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_TYPE_UNSPECIFIED: _ClassVar[EventType]
    EVENT_TYPE_MESSAGE: _ClassVar[EventType]
    EVENT_TYPE_SYSTEM: _ClassVar[EventType]
    EVENT_TYPE_TYPING: _ClassVar[EventType]
    EVENT_TYPE_READ_RECEIPT: _ClassVar[EventType]
    EVENT_TYPE_DELIVERY_RECEIPT: _ClassVar[EventType]
    EVENT_TYPE_PRESENCE: _ClassVar[EventType]
    EVENT_TYPE_REACTION: _ClassVar[EventType]
    EVENT_TYPE_EDIT: _ClassVar[EventType]
    EVENT_TYPE_DELETE: _ClassVar[EventType]
    EVENT_TYPE_PARTICIPANT_JOINED: _ClassVar[EventType]
    EVENT_TYPE_PARTICIPANT_LEFT: _ClassVar[EventType]
    EVENT_TYPE_PARTICIPANT_IDENTIFIED: _ClassVar[EventType]
    EVENT_TYPE_PARTICIPANT_UPDATED: _ClassVar[EventType]
    EVENT_TYPE_CHANNEL_ATTACHED: _ClassVar[EventType]
    EVENT_TYPE_CHANNEL_DETACHED: _ClassVar[EventType]
    EVENT_TYPE_CHANNEL_MUTED: _ClassVar[EventType]
    EVENT_TYPE_CHANNEL_UNMUTED: _ClassVar[EventType]
    EVENT_TYPE_CHANNEL_UPDATED: _ClassVar[EventType]
    EVENT_TYPE_TASK_CREATED: _ClassVar[EventType]
    EVENT_TYPE_OBSERVATION: _ClassVar[EventType]
    EVENT_TYPE_TOOL_CALL_START: _ClassVar[EventType]
    EVENT_TYPE_TOOL_CALL_END: _ClassVar[EventType]

class EventStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_STATUS_UNSPECIFIED: _ClassVar[EventStatus]
    EVENT_STATUS_PENDING: _ClassVar[EventStatus]
    EVENT_STATUS_DELIVERED: _ClassVar[EventStatus]
    EVENT_STATUS_READ: _ClassVar[EventStatus]
    EVENT_STATUS_FAILED: _ClassVar[EventStatus]
    EVENT_STATUS_BLOCKED: _ClassVar[EventStatus]

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_PENDING: _ClassVar[DeliveryState]
    DELIVERY_STATE_SENDING: _ClassVar[DeliveryState]
    DELIVERY_STATE_SENT: _ClassVar[DeliveryState]
    DELIVERY_STATE_DELIVERED: _ClassVar[DeliveryState]
    DELIVERY_STATE_READ: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED: _ClassVar[DeliveryState]
    DELIVERY_STATE_EXPIRED: _ClassVar[DeliveryState]
EVENT_TYPE_UNSPECIFIED: EventType
EVENT_TYPE_MESSAGE: EventType
EVENT_TYPE_SYSTEM: EventType
EVENT_TYPE_TYPING: EventType
EVENT_TYPE_READ_RECEIPT: EventType
EVENT_TYPE_DELIVERY_RECEIPT: EventType
EVENT_TYPE_PRESENCE: EventType
EVENT_TYPE_REACTION: EventType
EVENT_TYPE_EDIT: EventType
EVENT_TYPE_DELETE: EventType
EVENT_TYPE_PARTICIPANT_JOINED: EventType
EVENT_TYPE_PARTICIPANT_LEFT: EventType
EVENT_TYPE_PARTICIPANT_IDENTIFIED: EventType
EVENT_TYPE_PARTICIPANT_UPDATED: EventType
EVENT_TYPE_CHANNEL_ATTACHED: EventType
EVENT_TYPE_CHANNEL_DETACHED: EventType
EVENT_TYPE_CHANNEL_MUTED: EventType
EVENT_TYPE_CHANNEL_UNMUTED: EventType
EVENT_TYPE_CHANNEL_UPDATED: EventType
EVENT_TYPE_TASK_CREATED: EventType
EVENT_TYPE_OBSERVATION: EventType
EVENT_TYPE_TOOL_CALL_START: EventType
EVENT_TYPE_TOOL_CALL_END: EventType
EVENT_STATUS_UNSPECIFIED: EventStatus
EVENT_STATUS_PENDING: EventStatus
EVENT_STATUS_DELIVERED: EventStatus
EVENT_STATUS_READ: EventStatus
EVENT_STATUS_FAILED: EventStatus
EVENT_STATUS_BLOCKED: EventStatus
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_PENDING: DeliveryState
DELIVERY_STATE_SENDING: DeliveryState
DELIVERY_STATE_SENT: DeliveryState
DELIVERY_STATE_DELIVERED: DeliveryState
DELIVERY_STATE_READ: DeliveryState
DELIVERY_STATE_FAILED: DeliveryState
DELIVERY_STATE_EXPIRED: DeliveryState

class EventSource(_message.Message):
    __slots__ = ("channel_id", "channel_type", "direction", "participant_id", "provider", "external_id", "provider_message_id", "thread_id", "raw_payload", "connection_id")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    RAW_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    channel_type: _channel_pb2.ChannelType
    direction: _channel_pb2.Direction
    participant_id: str
    provider: str
    external_id: str
    provider_message_id: str
    thread_id: str
    raw_payload: _struct_pb2.Struct
    connection_id: str
    def __init__(self, channel_id: _Optional[str] = ..., channel_type: _Optional[_Union[_channel_pb2.ChannelType, str]] = ..., direction: _Optional[_Union[_channel_pb2.Direction, str]] = ..., participant_id: _Optional[str] = ..., provider: _Optional[str] = ..., external_id: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., raw_payload: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., connection_id: _Optional[str] = ...) -> None: ...

class RoomEvent(_message.Message):
    __slots__ = ("event_id", "room_id", "index", "type", "status", "source", "content", "visibility", "response_visibility", "addressed_to", "blocked_by", "block_reason", "parent_event_id", "correlation_id", "idempotency_key", "chain_depth", "create_time", "metadata", "hook_trace", "edit_time", "delete_time", "delivery_results")
    class DeliveryResultsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: DeliveryResult
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[DeliveryResult, _Mapping]] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    ADDRESSED_TO_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    BLOCK_REASON_FIELD_NUMBER: _ClassVar[int]
    PARENT_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    CHAIN_DEPTH_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    HOOK_TRACE_FIELD_NUMBER: _ClassVar[int]
    EDIT_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_RESULTS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    room_id: str
    index: int
    type: EventType
    status: EventStatus
    source: EventSource
    content: _content_pb2.Content
    visibility: _channel_pb2.Visibility
    response_visibility: _channel_pb2.Visibility
    addressed_to: Addressing
    blocked_by: str
    block_reason: str
    parent_event_id: str
    correlation_id: str
    idempotency_key: str
    chain_depth: int
    create_time: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    hook_trace: _containers.RepeatedCompositeFieldContainer[HookTrace]
    edit_time: _timestamp_pb2.Timestamp
    delete_time: _timestamp_pb2.Timestamp
    delivery_results: _containers.MessageMap[str, DeliveryResult]
    def __init__(self, event_id: _Optional[str] = ..., room_id: _Optional[str] = ..., index: _Optional[int] = ..., type: _Optional[_Union[EventType, str]] = ..., status: _Optional[_Union[EventStatus, str]] = ..., source: _Optional[_Union[EventSource, _Mapping]] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., response_visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., addressed_to: _Optional[_Union[Addressing, _Mapping]] = ..., blocked_by: _Optional[str] = ..., block_reason: _Optional[str] = ..., parent_event_id: _Optional[str] = ..., correlation_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., chain_depth: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., hook_trace: _Optional[_Iterable[_Union[HookTrace, _Mapping]]] = ..., edit_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delivery_results: _Optional[_Mapping[str, DeliveryResult]] = ...) -> None: ...

class Addressing(_message.Message):
    __slots__ = ("channel_ids",)
    CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
    channel_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, channel_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class HookTrace(_message.Message):
    __slots__ = ("hook", "worker_id", "decision", "reason", "took")
    HOOK_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOOK_FIELD_NUMBER: _ClassVar[int]
    hook: str
    worker_id: str
    decision: str
    reason: str
    took: _duration_pb2.Duration
    def __init__(self, hook: _Optional[str] = ..., worker_id: _Optional[str] = ..., decision: _Optional[str] = ..., reason: _Optional[str] = ..., took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DeliveryResult(_message.Message):
    __slots__ = ("state", "provider_message_id", "error_code", "error_message", "retryable", "retry_after", "parts", "part_message_ids")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    PART_MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    state: DeliveryState
    provider_message_id: str
    error_code: str
    error_message: str
    retryable: bool
    retry_after: _duration_pb2.Duration
    parts: int
    part_message_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[_Union[DeliveryState, str]] = ..., provider_message_id: _Optional[str] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., retryable: _Optional[bool] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., parts: _Optional[int] = ..., part_message_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("delivery_id", "room_id", "channel_id", "event_id", "event_index", "result", "attempts", "next_attempt_time", "deadline_time", "create_time", "update_time")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    room_id: str
    channel_id: str
    event_id: str
    event_index: int
    result: DeliveryResult
    attempts: int
    next_attempt_time: _timestamp_pb2.Timestamp
    deadline_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, delivery_id: _Optional[str] = ..., room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., event_id: _Optional[str] = ..., event_index: _Optional[int] = ..., result: _Optional[_Union[DeliveryResult, _Mapping]] = ..., attempts: _Optional[int] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class InboundMessage(_message.Message):
    __slots__ = ("channel_id", "sender_id", "content", "event_type", "external_id", "thread_id", "parent_event_id", "idempotency_key", "provider_message_id", "raw_payload", "metadata", "visibility", "addressed_to", "response_visibility")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    RAW_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    ADDRESSED_TO_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    sender_id: str
    content: _content_pb2.Content
    event_type: EventType
    external_id: str
    thread_id: str
    parent_event_id: str
    idempotency_key: str
    provider_message_id: str
    raw_payload: _struct_pb2.Struct
    metadata: _struct_pb2.Struct
    visibility: _channel_pb2.Visibility
    addressed_to: Addressing
    response_visibility: _channel_pb2.Visibility
    def __init__(self, channel_id: _Optional[str] = ..., sender_id: _Optional[str] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., event_type: _Optional[_Union[EventType, str]] = ..., external_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., parent_event_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., raw_payload: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., addressed_to: _Optional[_Union[Addressing, _Mapping]] = ..., response_visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ...) -> None: ...
