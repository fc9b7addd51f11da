import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
from roomd.v1 import content_pb2 as _content_pb2
from roomd.v1 import error_pb2 as _error_pb2
from roomd.v1 import event_pb2 as _event_pb2
from roomd.v1 import event_service_pb2 as _event_service_pb2
from roomd.v1 import realtime_pb2 as _realtime_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterChannelRequest(_message.Message):
    __slots__ = ("channel", "replace", "request_id")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    channel: _channel_pb2.Channel
    replace: bool
    request_id: str
    def __init__(self, channel: _Optional[_Union[_channel_pb2.Channel, _Mapping]] = ..., replace: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RegisterChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: _channel_pb2.Channel
    def __init__(self, channel: _Optional[_Union[_channel_pb2.Channel, _Mapping]] = ...) -> None: ...

class GetChannelRequest(_message.Message):
    __slots__ = ("channel_id",)
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    def __init__(self, channel_id: _Optional[str] = ...) -> None: ...

class GetChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: _channel_pb2.Channel
    def __init__(self, channel: _Optional[_Union[_channel_pb2.Channel, _Mapping]] = ...) -> None: ...

class ListChannelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "types")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    types: _containers.RepeatedScalarFieldContainer[_channel_pb2.ChannelType]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., types: _Optional[_Iterable[_Union[_channel_pb2.ChannelType, str]]] = ...) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("channels", "next_page_token")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[_channel_pb2.Channel]
    next_page_token: str
    def __init__(self, channels: _Optional[_Iterable[_Union[_channel_pb2.Channel, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateChannelRequest(_message.Message):
    __slots__ = ("channel", "update_mask")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    channel: _channel_pb2.Channel
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, channel: _Optional[_Union[_channel_pb2.Channel, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: _channel_pb2.Channel
    def __init__(self, channel: _Optional[_Union[_channel_pb2.Channel, _Mapping]] = ...) -> None: ...

class UnregisterChannelRequest(_message.Message):
    __slots__ = ("channel_id", "force")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    force: bool
    def __init__(self, channel_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class UnregisterChannelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AttachChannelRequest(_message.Message):
    __slots__ = ("room_id", "channel_id", "binding")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    binding: _channel_pb2.Binding
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class AttachChannelResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class DetachChannelRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class DetachChannelResponse(_message.Message):
    __slots__ = ("detached",)
    DETACHED_FIELD_NUMBER: _ClassVar[int]
    detached: bool
    def __init__(self, detached: _Optional[bool] = ...) -> None: ...

class MuteChannelRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class MuteChannelResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class UnmuteChannelRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class UnmuteChannelResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class MuteOutputRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class MuteOutputResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class UnmuteOutputRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class UnmuteOutputResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class SetAccessRequest(_message.Message):
    __slots__ = ("room_id", "channel_id", "access")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    access: _channel_pb2.Access
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., access: _Optional[_Union[_channel_pb2.Access, str]] = ...) -> None: ...

class SetAccessResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class SetVisibilityRequest(_message.Message):
    __slots__ = ("room_id", "channel_id", "visibility")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    visibility: _channel_pb2.Visibility
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ...) -> None: ...

class SetVisibilityResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class UpdateBindingRequest(_message.Message):
    __slots__ = ("binding", "update_mask")
    BINDING_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateBindingResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class GetBindingRequest(_message.Message):
    __slots__ = ("room_id", "channel_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class GetBindingResponse(_message.Message):
    __slots__ = ("binding",)
    BINDING_FIELD_NUMBER: _ClassVar[int]
    binding: _channel_pb2.Binding
    def __init__(self, binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class ListBindingsRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class ListBindingsResponse(_message.Message):
    __slots__ = ("bindings",)
    BINDINGS_FIELD_NUMBER: _ClassVar[int]
    bindings: _containers.RepeatedCompositeFieldContainer[_channel_pb2.Binding]
    def __init__(self, bindings: _Optional[_Iterable[_Union[_channel_pb2.Binding, _Mapping]]] = ...) -> None: ...

class ChannelServiceConnectRequest(_message.Message):
    __slots__ = ("open", "send", "acknowledge", "signal", "subscribe", "unsubscribe", "ping")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    SEND_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    open: Open
    send: SendBatch
    acknowledge: Acknowledge
    signal: Signal
    subscribe: SubscribeTo
    unsubscribe: SubscribeTo
    ping: int
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., send: _Optional[_Union[SendBatch, _Mapping]] = ..., acknowledge: _Optional[_Union[Acknowledge, _Mapping]] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., subscribe: _Optional[_Union[SubscribeTo, _Mapping]] = ..., unsubscribe: _Optional[_Union[SubscribeTo, _Mapping]] = ..., ping: _Optional[int] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("channel_id", "connection_id", "room_ids", "participant_id", "acknowledges", "ephemeral", "no_rooms")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_IDS_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGES_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    NO_ROOMS_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    connection_id: str
    room_ids: _containers.RepeatedScalarFieldContainer[str]
    participant_id: str
    acknowledges: bool
    ephemeral: bool
    no_rooms: bool
    def __init__(self, channel_id: _Optional[str] = ..., connection_id: _Optional[str] = ..., room_ids: _Optional[_Iterable[str]] = ..., participant_id: _Optional[str] = ..., acknowledges: _Optional[bool] = ..., ephemeral: _Optional[bool] = ..., no_rooms: _Optional[bool] = ...) -> None: ...

class SendBatch(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[SendItem]
    def __init__(self, items: _Optional[_Iterable[_Union[SendItem, _Mapping]]] = ...) -> None: ...

class SendItem(_message.Message):
    __slots__ = ("send_id", "room_id", "sender_id", "content", "idempotency_key", "parent_event_id", "visibility", "response_visibility", "addressed_to", "metadata")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PARENT_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    ADDRESSED_TO_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    send_id: int
    room_id: str
    sender_id: str
    content: _content_pb2.Content
    idempotency_key: str
    parent_event_id: str
    visibility: _channel_pb2.Visibility
    response_visibility: _channel_pb2.Visibility
    addressed_to: _event_pb2.Addressing
    metadata: _struct_pb2.Struct
    def __init__(self, send_id: _Optional[int] = ..., room_id: _Optional[str] = ..., sender_id: _Optional[str] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., parent_event_id: _Optional[str] = ..., visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., response_visibility: _Optional[_Union[_channel_pb2.Visibility, _Mapping]] = ..., addressed_to: _Optional[_Union[_event_pb2.Addressing, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Acknowledge(_message.Message):
    __slots__ = ("delivery_ids",)
    DELIVERY_IDS_FIELD_NUMBER: _ClassVar[int]
    delivery_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, delivery_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("room_id", "type", "data")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    type: _realtime_pb2.EphemeralType
    data: _struct_pb2.Struct
    def __init__(self, room_id: _Optional[str] = ..., type: _Optional[_Union[_realtime_pb2.EphemeralType, str]] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class SubscribeTo(_message.Message):
    __slots__ = ("room_ids",)
    ROOM_IDS_FIELD_NUMBER: _ClassVar[int]
    room_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, room_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ChannelServiceConnectResponse(_message.Message):
    __slots__ = ("opened", "batch", "closing", "pong")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    opened: Opened
    batch: Batch
    closing: Closing
    pong: int
    def __init__(self, opened: _Optional[_Union[Opened, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., closing: _Optional[_Union[Closing, _Mapping]] = ..., pong: _Optional[int] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("connection_id", "max_message_bytes")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    max_message_bytes: int
    def __init__(self, connection_id: _Optional[str] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("deliveries", "results", "ephemerals", "dropped_ephemerals")
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    EPHEMERALS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_EPHEMERALS_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[ConnectionDelivery]
    results: _containers.RepeatedCompositeFieldContainer[SendResult]
    ephemerals: _containers.RepeatedCompositeFieldContainer[_realtime_pb2.EphemeralEvent]
    dropped_ephemerals: int
    def __init__(self, deliveries: _Optional[_Iterable[_Union[ConnectionDelivery, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[SendResult, _Mapping]]] = ..., ephemerals: _Optional[_Iterable[_Union[_realtime_pb2.EphemeralEvent, _Mapping]]] = ..., dropped_ephemerals: _Optional[int] = ...) -> None: ...

class ConnectionDelivery(_message.Message):
    __slots__ = ("delivery_id", "event")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    event: _event_pb2.RoomEvent
    def __init__(self, delivery_id: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ...) -> None: ...

class SendResult(_message.Message):
    __slots__ = ("send_id", "outcome", "event_id", "index", "room_id", "blocked_by", "reason", "status")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    send_id: int
    outcome: _event_service_pb2.Outcome
    event_id: str
    index: int
    room_id: str
    blocked_by: str
    reason: str
    status: _error_pb2.Status
    def __init__(self, send_id: _Optional[int] = ..., outcome: _Optional[_Union[_event_service_pb2.Outcome, str]] = ..., event_id: _Optional[str] = ..., index: _Optional[int] = ..., room_id: _Optional[str] = ..., blocked_by: _Optional[str] = ..., reason: _Optional[str] = ..., status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ...) -> None: ...

class Closing(_message.Message):
    __slots__ = ("reason", "reconnect_jitter")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_JITTER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    reconnect_jitter: _duration_pb2.Duration
    def __init__(self, reason: _Optional[str] = ..., reconnect_jitter: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
