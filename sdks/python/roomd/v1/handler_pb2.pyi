import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
from roomd.v1 import content_pb2 as _content_pb2
from roomd.v1 import event_pb2 as _event_pb2
from roomd.v1 import hook_pb2 as _hook_pb2
from roomd.v1 import room_pb2 as _room_pb2
from roomd.v1 import tool_pb2 as _tool_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HandlerSpec(_message.Message):
    __slots__ = ("hook", "channel_provider", "inbound_router", "tool")
    HOOK_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_PROVIDER_FIELD_NUMBER: _ClassVar[int]
    INBOUND_ROUTER_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.HookSpec
    channel_provider: ChannelProviderSpec
    inbound_router: InboundRouterSpec
    tool: _tool_pb2.ToolSpec
    def __init__(self, hook: _Optional[_Union[_hook_pb2.HookSpec, _Mapping]] = ..., channel_provider: _Optional[_Union[ChannelProviderSpec, _Mapping]] = ..., inbound_router: _Optional[_Union[InboundRouterSpec, _Mapping]] = ..., tool: _Optional[_Union[_tool_pb2.ToolSpec, _Mapping]] = ...) -> None: ...

class ChannelProviderSpec(_message.Message):
    __slots__ = ("timeout", "converts_inbound", "transcodes", "recent_events")
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CONVERTS_INBOUND_FIELD_NUMBER: _ClassVar[int]
    TRANSCODES_FIELD_NUMBER: _ClassVar[int]
    RECENT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    timeout: _duration_pb2.Duration
    converts_inbound: bool
    transcodes: bool
    recent_events: int
    def __init__(self, timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., converts_inbound: _Optional[bool] = ..., transcodes: _Optional[bool] = ..., recent_events: _Optional[int] = ...) -> None: ...

class InboundRouterSpec(_message.Message):
    __slots__ = ("channel_types", "timeout")
    CHANNEL_TYPES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    channel_types: _containers.RepeatedScalarFieldContainer[_channel_pb2.ChannelType]
    timeout: _duration_pb2.Duration
    def __init__(self, channel_types: _Optional[_Iterable[_Union[_channel_pb2.ChannelType, str]]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HandlerCall(_message.Message):
    __slots__ = ("deliver", "respond", "convert", "route", "transcode", "tool")
    DELIVER_FIELD_NUMBER: _ClassVar[int]
    RESPOND_FIELD_NUMBER: _ClassVar[int]
    CONVERT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    TRANSCODE_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    deliver: ChannelDelivery
    respond: ChannelDelivery
    convert: _event_pb2.InboundMessage
    route: _event_pb2.InboundMessage
    transcode: Transcode
    tool: _tool_pb2.ToolCall
    def __init__(self, deliver: _Optional[_Union[ChannelDelivery, _Mapping]] = ..., respond: _Optional[_Union[ChannelDelivery, _Mapping]] = ..., convert: _Optional[_Union[_event_pb2.InboundMessage, _Mapping]] = ..., route: _Optional[_Union[_event_pb2.InboundMessage, _Mapping]] = ..., transcode: _Optional[_Union[Transcode, _Mapping]] = ..., tool: _Optional[_Union[_tool_pb2.ToolCall, _Mapping]] = ...) -> None: ...

class ChannelDelivery(_message.Message):
    __slots__ = ("event", "binding", "delivery_id", "recipient", "part", "parts")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.RoomEvent
    binding: _channel_pb2.Binding
    delivery_id: str
    recipient: str
    part: int
    parts: int
    def __init__(self, event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ..., delivery_id: _Optional[str] = ..., recipient: _Optional[str] = ..., part: _Optional[int] = ..., parts: _Optional[int] = ...) -> None: ...

class Transcode(_message.Message):
    __slots__ = ("content", "source_binding", "target_binding")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_BINDING_FIELD_NUMBER: _ClassVar[int]
    TARGET_BINDING_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    source_binding: _channel_pb2.Binding
    target_binding: _channel_pb2.Binding
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., source_binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ..., target_binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ...) -> None: ...

class HandlerResult(_message.Message):
    __slots__ = ("delivery", "response", "converted", "route", "transcoded", "tool")
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    TRANSCODED_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    delivery: DeliveryOutcome
    response: Response
    converted: Converted
    route: RouteAnswer
    transcoded: Transcoded
    tool: _tool_pb2.ToolResult
    def __init__(self, delivery: _Optional[_Union[DeliveryOutcome, _Mapping]] = ..., response: _Optional[_Union[Response, _Mapping]] = ..., converted: _Optional[_Union[Converted, _Mapping]] = ..., route: _Optional[_Union[RouteAnswer, _Mapping]] = ..., transcoded: _Optional[_Union[Transcoded, _Mapping]] = ..., tool: _Optional[_Union[_tool_pb2.ToolResult, _Mapping]] = ...) -> None: ...

class DeliveryOutcome(_message.Message):
    __slots__ = ("result", "response")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    result: _event_pb2.DeliveryResult
    response: Response
    def __init__(self, result: _Optional[_Union[_event_pb2.DeliveryResult, _Mapping]] = ..., response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("events", "tasks", "observations", "metadata")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.RoomEvent]
    tasks: _containers.RepeatedCompositeFieldContainer[_room_pb2.Task]
    observations: _containers.RepeatedCompositeFieldContainer[_room_pb2.Observation]
    metadata: _struct_pb2.Struct
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.RoomEvent, _Mapping]]] = ..., tasks: _Optional[_Iterable[_Union[_room_pb2.Task, _Mapping]]] = ..., observations: _Optional[_Iterable[_Union[_room_pb2.Observation, _Mapping]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Converted(_message.Message):
    __slots__ = ("content", "metadata", "event_type")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    metadata: _struct_pb2.Struct
    event_type: _event_pb2.EventType
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., event_type: _Optional[_Union[_event_pb2.EventType, str]] = ...) -> None: ...

class RouteAnswer(_message.Message):
    __slots__ = ("room_id", "decline")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    decline: bool
    def __init__(self, room_id: _Optional[str] = ..., decline: _Optional[bool] = ...) -> None: ...

class Transcoded(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ...) -> None: ...

class HandlerChunk(_message.Message):
    __slots__ = ("text_delta",)
    TEXT_DELTA_FIELD_NUMBER: _ClassVar[int]
    text_delta: str
    def __init__(self, text_delta: _Optional[str] = ...) -> None: ...
