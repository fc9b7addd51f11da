import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
from roomd.v1 import content_pb2 as _content_pb2
from roomd.v1 import event_pb2 as _event_pb2
from roomd.v1 import room_pb2 as _room_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Wait(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WAIT_UNSPECIFIED: _ClassVar[Wait]
    WAIT_COMMITTED: _ClassVar[Wait]
    WAIT_DELIVERED: _ClassVar[Wait]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_ACCEPTED: _ClassVar[Outcome]
    OUTCOME_BLOCKED: _ClassVar[Outcome]
    OUTCOME_DUPLICATE: _ClassVar[Outcome]
    OUTCOME_HELD: _ClassVar[Outcome]
    OUTCOME_REFUSED: _ClassVar[Outcome]

class DeliverStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVER_STRATEGY_UNSPECIFIED: _ClassVar[DeliverStrategy]
    DELIVER_STRATEGY_IMMEDIATE: _ClassVar[DeliverStrategy]
    DELIVER_STRATEGY_WAIT_FOR_IDLE: _ClassVar[DeliverStrategy]
    DELIVER_STRATEGY_QUEUED: _ClassVar[DeliverStrategy]
WAIT_UNSPECIFIED: Wait
WAIT_COMMITTED: Wait
WAIT_DELIVERED: Wait
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_ACCEPTED: Outcome
OUTCOME_BLOCKED: Outcome
OUTCOME_DUPLICATE: Outcome
OUTCOME_HELD: Outcome
OUTCOME_REFUSED: Outcome
DELIVER_STRATEGY_UNSPECIFIED: DeliverStrategy
DELIVER_STRATEGY_IMMEDIATE: DeliverStrategy
DELIVER_STRATEGY_WAIT_FOR_IDLE: DeliverStrategy
DELIVER_STRATEGY_QUEUED: DeliverStrategy

class ProcessInboundRequest(_message.Message):
    __slots__ = ("message", "room_id", "wait", "sent_time")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    message: _event_pb2.InboundMessage
    room_id: str
    wait: Wait
    sent_time: _timestamp_pb2.Timestamp
    def __init__(self, message: _Optional[_Union[_event_pb2.InboundMessage, _Mapping]] = ..., room_id: _Optional[str] = ..., wait: _Optional[_Union[Wait, str]] = ..., sent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ProcessInboundResponse(_message.Message):
    __slots__ = ("outcome", "event", "blocked_by", "reason", "room_id", "deliveries")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    event: _event_pb2.RoomEvent
    blocked_by: str
    reason: str
    room_id: str
    deliveries: _containers.RepeatedCompositeFieldContainer[_event_pb2.Delivery]
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., blocked_by: _Optional[str] = ..., reason: _Optional[str] = ..., room_id: _Optional[str] = ..., deliveries: _Optional[_Iterable[_Union[_event_pb2.Delivery, _Mapping]]] = ...) -> None: ...

class SendEventRequest(_message.Message):
    __slots__ = ("room_id", "channel_id", "participant_id", "type", "content", "visibility", "response_visibility", "addressed_to", "parent_event_id", "metadata", "idempotency_key", "wait", "chain_depth", "provider")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    ADDRESSED_TO_FIELD_NUMBER: _ClassVar[int]
    PARENT_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_DEPTH_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    participant_id: str
    type: _event_pb2.EventType
    content: _content_pb2.Content
    visibility: _channel_pb2.Visibility
    response_visibility: _channel_pb2.Visibility
    addressed_to: _event_pb2.Addressing
    parent_event_id: str
    metadata: _struct_pb2.Struct
    idempotency_key: str
    wait: Wait
    chain_depth: int
    provider: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., participant_id: _Optional[str] = ..., type: _Optional[_Union[_event_pb2.EventType, str]] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., response_visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., addressed_to: _Optional[_Union[_event_pb2.Addressing, _Mapping]] = ..., parent_event_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., wait: _Optional[_Union[Wait, str]] = ..., chain_depth: _Optional[int] = ..., provider: _Optional[str] = ...) -> None: ...

class SendEventResponse(_message.Message):
    __slots__ = ("outcome", "event", "blocked_by", "reason", "deliveries")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    event: _event_pb2.RoomEvent
    blocked_by: str
    reason: str
    deliveries: _containers.RepeatedCompositeFieldContainer[_event_pb2.Delivery]
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., blocked_by: _Optional[str] = ..., reason: _Optional[str] = ..., deliveries: _Optional[_Iterable[_Union[_event_pb2.Delivery, _Mapping]]] = ...) -> None: ...

class DeliverRequest(_message.Message):
    __slots__ = ("room_id", "content", "channel_id", "strategy", "metadata", "idempotency_key")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    content: _content_pb2.Content
    channel_id: str
    strategy: DeliverStrategy
    metadata: _struct_pb2.Struct
    idempotency_key: str
    def __init__(self, room_id: _Optional[str] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., channel_id: _Optional[str] = ..., strategy: _Optional[_Union[DeliverStrategy, str]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeliverResponse(_message.Message):
    __slots__ = ("outcome", "event", "blocked_by", "reason", "queued_id")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    QUEUED_ID_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    event: _event_pb2.RoomEvent
    blocked_by: str
    reason: str
    queued_id: str
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., blocked_by: _Optional[str] = ..., reason: _Optional[str] = ..., queued_id: _Optional[str] = ...) -> None: ...

class GetEventRequest(_message.Message):
    __slots__ = ("room_id", "event_id", "index", "include_deliveries")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    event_id: str
    index: int
    include_deliveries: bool
    def __init__(self, room_id: _Optional[str] = ..., event_id: _Optional[str] = ..., index: _Optional[int] = ..., include_deliveries: _Optional[bool] = ...) -> None: ...

class GetEventResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.RoomEvent
    def __init__(self, event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token", "after_index", "before_index", "newest_first", "filter", "offset", "include_deliveries")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AFTER_INDEX_FIELD_NUMBER: _ClassVar[int]
    BEFORE_INDEX_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    after_index: int
    before_index: int
    newest_first: bool
    filter: EventFilter
    offset: int
    include_deliveries: bool
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., after_index: _Optional[int] = ..., before_index: _Optional[int] = ..., newest_first: _Optional[bool] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ..., offset: _Optional[int] = ..., include_deliveries: _Optional[bool] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token", "oldest_index")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OLDEST_INDEX_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.RoomEvent]
    next_page_token: str
    oldest_index: int
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.RoomEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., oldest_index: _Optional[int] = ...) -> None: ...

class SearchEventsRequest(_message.Message):
    __slots__ = ("query", "room_id", "page_size", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    room_id: str
    page_size: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SearchEventsResponse(_message.Message):
    __slots__ = ("hits", "next_page_token")
    HITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[SearchHit]
    next_page_token: str
    def __init__(self, hits: _Optional[_Iterable[_Union[SearchHit, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateEventRequest(_message.Message):
    __slots__ = ("room_id", "event_id", "content", "metadata", "update_mask", "participant_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    event_id: str
    content: _content_pb2.Content
    metadata: _struct_pb2.Struct
    update_mask: _field_mask_pb2.FieldMask
    participant_id: str
    def __init__(self, room_id: _Optional[str] = ..., event_id: _Optional[str] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., participant_id: _Optional[str] = ...) -> None: ...

class UpdateEventResponse(_message.Message):
    __slots__ = ("outcome", "event", "reason")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    event: _event_pb2.RoomEvent
    reason: str
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class DeleteEventRequest(_message.Message):
    __slots__ = ("room_id", "event_id", "participant_id", "reason", "cascade_replies")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CASCADE_REPLIES_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    event_id: str
    participant_id: str
    reason: str
    cascade_replies: bool
    def __init__(self, room_id: _Optional[str] = ..., event_id: _Optional[str] = ..., participant_id: _Optional[str] = ..., reason: _Optional[str] = ..., cascade_replies: _Optional[bool] = ...) -> None: ...

class DeleteEventResponse(_message.Message):
    __slots__ = ("outcome", "event", "reason")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    event: _event_pb2.RoomEvent
    reason: str
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetThreadSummariesRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetThreadSummariesResponse(_message.Message):
    __slots__ = ("threads", "next_page_token")
    THREADS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    threads: _containers.RepeatedCompositeFieldContainer[ThreadSummary]
    next_page_token: str
    def __init__(self, threads: _Optional[_Iterable[_Union[ThreadSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class MarkReadRequest(_message.Message):
    __slots__ = ("room_id", "channel_id", "event_id", "index")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    event_id: str
    index: int
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., event_id: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class MarkReadResponse(_message.Message):
    __slots__ = ("marker",)
    MARKER_FIELD_NUMBER: _ClassVar[int]
    marker: _room_pb2.ReadMarker
    def __init__(self, marker: _Optional[_Union[_room_pb2.ReadMarker, _Mapping]] = ...) -> None: ...

class MarkAllReadRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class MarkAllReadResponse(_message.Message):
    __slots__ = ("marker",)
    MARKER_FIELD_NUMBER: _ClassVar[int]
    marker: _room_pb2.ReadMarker
    def __init__(self, marker: _Optional[_Union[_room_pb2.ReadMarker, _Mapping]] = ...) -> None: ...

class ListReadMarkersRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class ListReadMarkersResponse(_message.Message):
    __slots__ = ("markers",)
    MARKERS_FIELD_NUMBER: _ClassVar[int]
    markers: _containers.RepeatedCompositeFieldContainer[_room_pb2.ReadMarker]
    def __init__(self, markers: _Optional[_Iterable[_Union[_room_pb2.ReadMarker, _Mapping]]] = ...) -> None: ...

class ListDeliveriesRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token", "event_id", "channel_id", "states")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    event_id: str
    channel_id: str
    states: _containers.RepeatedScalarFieldContainer[_event_pb2.DeliveryState]
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., event_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_event_pb2.DeliveryState, str]]] = ...) -> None: ...

class ListDeliveriesResponse(_message.Message):
    __slots__ = ("deliveries", "next_page_token")
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[_event_pb2.Delivery]
    next_page_token: str
    def __init__(self, deliveries: _Optional[_Iterable[_Union[_event_pb2.Delivery, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RetryDeliveryRequest(_message.Message):
    __slots__ = ("room_id", "delivery_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    delivery_id: str
    def __init__(self, room_id: _Optional[str] = ..., delivery_id: _Optional[str] = ...) -> None: ...

class RetryDeliveryResponse(_message.Message):
    __slots__ = ("delivery",)
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    delivery: _event_pb2.Delivery
    def __init__(self, delivery: _Optional[_Union[_event_pb2.Delivery, _Mapping]] = ...) -> None: ...

class ReportDeliveryStatusRequest(_message.Message):
    __slots__ = ("channel_id", "provider_message_id", "state", "error_code", "error_message", "raw_payload")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RAW_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    provider_message_id: str
    state: _event_pb2.DeliveryState
    error_code: str
    error_message: str
    raw_payload: _struct_pb2.Struct
    def __init__(self, channel_id: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., state: _Optional[_Union[_event_pb2.DeliveryState, str]] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., raw_payload: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class ReportDeliveryStatusResponse(_message.Message):
    __slots__ = ("delivery", "changed")
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    delivery: _event_pb2.Delivery
    changed: bool
    def __init__(self, delivery: _Optional[_Union[_event_pb2.Delivery, _Mapping]] = ..., changed: _Optional[bool] = ...) -> None: ...

class EventFilter(_message.Message):
    __slots__ = ("types", "exclude_types", "statuses", "channel_id", "participant_id", "parent_event_id", "correlation_id", "visible_to_channel_id", "after_time", "before_time", "top_level_only")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_TYPES_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    VISIBLE_TO_CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_TIME_FIELD_NUMBER: _ClassVar[int]
    BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    TOP_LEVEL_ONLY_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[_event_pb2.EventType]
    exclude_types: _containers.RepeatedScalarFieldContainer[_event_pb2.EventType]
    statuses: _containers.RepeatedScalarFieldContainer[_event_pb2.EventStatus]
    channel_id: str
    participant_id: str
    parent_event_id: str
    correlation_id: str
    visible_to_channel_id: str
    after_time: _timestamp_pb2.Timestamp
    before_time: _timestamp_pb2.Timestamp
    top_level_only: bool
    def __init__(self, types: _Optional[_Iterable[_Union[_event_pb2.EventType, str]]] = ..., exclude_types: _Optional[_Iterable[_Union[_event_pb2.EventType, str]]] = ..., statuses: _Optional[_Iterable[_Union[_event_pb2.EventStatus, str]]] = ..., channel_id: _Optional[str] = ..., participant_id: _Optional[str] = ..., parent_event_id: _Optional[str] = ..., correlation_id: _Optional[str] = ..., visible_to_channel_id: _Optional[str] = ..., after_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., before_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., top_level_only: _Optional[bool] = ...) -> None: ...

class SearchHit(_message.Message):
    __slots__ = ("event", "snippet")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.RoomEvent
    snippet: str
    def __init__(self, event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., snippet: _Optional[str] = ...) -> None: ...

class ThreadSummary(_message.Message):
    __slots__ = ("root_event_id", "reply_count", "last_reply_time")
    ROOT_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_REPLY_TIME_FIELD_NUMBER: _ClassVar[int]
    root_event_id: str
    reply_count: int
    last_reply_time: _timestamp_pb2.Timestamp
    def __init__(self, root_event_id: _Optional[str] = ..., reply_count: _Optional[int] = ..., last_reply_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
