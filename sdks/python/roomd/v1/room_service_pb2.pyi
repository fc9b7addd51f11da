import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
from roomd.v1 import event_pb2 as _event_pb2
from roomd.v1 import event_service_pb2 as _event_service_pb2
from roomd.v1 import realtime_pb2 as _realtime_pb2
from roomd.v1 import room_pb2 as _room_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateRoomRequest(_message.Message):
    __slots__ = ("room_id", "timers", "metadata", "labels", "request_id", "retention")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    timers: _room_pb2.RoomTimers
    metadata: _struct_pb2.Struct
    labels: _containers.ScalarMap[str, str]
    request_id: str
    retention: _room_pb2.RoomRetention
    def __init__(self, room_id: _Optional[str] = ..., timers: _Optional[_Union[_room_pb2.RoomTimers, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ..., retention: _Optional[_Union[_room_pb2.RoomRetention, _Mapping]] = ...) -> None: ...

class CreateRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class GetRoomRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class GetRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class ListRoomsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "statuses", "labels", "participant_id", "channel_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    statuses: _containers.RepeatedScalarFieldContainer[_room_pb2.RoomStatus]
    labels: _containers.ScalarMap[str, str]
    participant_id: str
    channel_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_room_pb2.RoomStatus, str]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., participant_id: _Optional[str] = ..., channel_id: _Optional[str] = ...) -> None: ...

class ListRoomsResponse(_message.Message):
    __slots__ = ("rooms", "next_page_token")
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedCompositeFieldContainer[_room_pb2.Room]
    next_page_token: str
    def __init__(self, rooms: _Optional[_Iterable[_Union[_room_pb2.Room, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateRoomRequest(_message.Message):
    __slots__ = ("room", "update_mask")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class PauseRoomRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class PauseRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class ResumeRoomRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class ResumeRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class CloseRoomRequest(_message.Message):
    __slots__ = ("room_id", "reason")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    reason: str
    def __init__(self, room_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CloseRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class ArchiveRoomRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class ArchiveRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class DeleteRoomRequest(_message.Message):
    __slots__ = ("room_id", "etag")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    etag: str
    def __init__(self, room_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteRoomResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckRoomTimersRequest(_message.Message):
    __slots__ = ("room_id",)
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    def __init__(self, room_id: _Optional[str] = ...) -> None: ...

class CheckRoomTimersResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ...) -> None: ...

class CheckAllTimersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckAllTimersResponse(_message.Message):
    __slots__ = ("rooms",)
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedCompositeFieldContainer[_room_pb2.Room]
    def __init__(self, rooms: _Optional[_Iterable[_Union[_room_pb2.Room, _Mapping]]] = ...) -> None: ...

class AddParticipantRequest(_message.Message):
    __slots__ = ("room_id", "participant", "ensure")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    ENSURE_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    participant: _room_pb2.Participant
    ensure: bool
    def __init__(self, room_id: _Optional[str] = ..., participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ..., ensure: _Optional[bool] = ...) -> None: ...

class AddParticipantResponse(_message.Message):
    __slots__ = ("participant",)
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    participant: _room_pb2.Participant
    def __init__(self, participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ...) -> None: ...

class GetParticipantRequest(_message.Message):
    __slots__ = ("room_id", "participant_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    participant_id: str
    def __init__(self, room_id: _Optional[str] = ..., participant_id: _Optional[str] = ...) -> None: ...

class GetParticipantResponse(_message.Message):
    __slots__ = ("participant",)
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    participant: _room_pb2.Participant
    def __init__(self, participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ...) -> None: ...

class UpdateParticipantRequest(_message.Message):
    __slots__ = ("room_id", "participant", "update_mask")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    participant: _room_pb2.Participant
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, room_id: _Optional[str] = ..., participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateParticipantResponse(_message.Message):
    __slots__ = ("participant",)
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    participant: _room_pb2.Participant
    def __init__(self, participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ...) -> None: ...

class RemoveParticipantRequest(_message.Message):
    __slots__ = ("room_id", "participant_id", "ban")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    BAN_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    participant_id: str
    ban: bool
    def __init__(self, room_id: _Optional[str] = ..., participant_id: _Optional[str] = ..., ban: _Optional[bool] = ...) -> None: ...

class RemoveParticipantResponse(_message.Message):
    __slots__ = ("participant",)
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    participant: _room_pb2.Participant
    def __init__(self, participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ...) -> None: ...

class EraseParticipantRequest(_message.Message):
    __slots__ = ("room_id", "participant_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    participant_id: str
    def __init__(self, room_id: _Optional[str] = ..., participant_id: _Optional[str] = ...) -> None: ...

class EraseParticipantResponse(_message.Message):
    __slots__ = ("event_count",)
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    event_count: int
    def __init__(self, event_count: _Optional[int] = ...) -> None: ...

class ListParticipantsRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token", "include_left")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_LEFT_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    include_left: bool
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., include_left: _Optional[bool] = ...) -> None: ...

class ListParticipantsResponse(_message.Message):
    __slots__ = ("participants", "next_page_token")
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    participants: _containers.RepeatedCompositeFieldContainer[_room_pb2.Participant]
    next_page_token: str
    def __init__(self, participants: _Optional[_Iterable[_Union[_room_pb2.Participant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ResolveParticipantRequest(_message.Message):
    __slots__ = ("room_id", "participant_id", "identity_id", "resolved_by")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    participant_id: str
    identity_id: str
    resolved_by: str
    def __init__(self, room_id: _Optional[str] = ..., participant_id: _Optional[str] = ..., identity_id: _Optional[str] = ..., resolved_by: _Optional[str] = ...) -> None: ...

class ResolveParticipantResponse(_message.Message):
    __slots__ = ("participant",)
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    participant: _room_pb2.Participant
    def __init__(self, participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ...) -> None: ...

class CreateTaskRequest(_message.Message):
    __slots__ = ("room_id", "task", "request_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    task: _room_pb2.Task
    request_id: str
    def __init__(self, room_id: _Optional[str] = ..., task: _Optional[_Union[_room_pb2.Task, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _room_pb2.Task
    def __init__(self, task: _Optional[_Union[_room_pb2.Task, _Mapping]] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("room_id", "task_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    task_id: str
    def __init__(self, room_id: _Optional[str] = ..., task_id: _Optional[str] = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _room_pb2.Task
    def __init__(self, task: _Optional[_Union[_room_pb2.Task, _Mapping]] = ...) -> None: ...

class UpdateTaskRequest(_message.Message):
    __slots__ = ("room_id", "task", "update_mask")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    task: _room_pb2.Task
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, room_id: _Optional[str] = ..., task: _Optional[_Union[_room_pb2.Task, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _room_pb2.Task
    def __init__(self, task: _Optional[_Union[_room_pb2.Task, _Mapping]] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token", "statuses")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    statuses: _containers.RepeatedScalarFieldContainer[_room_pb2.TaskStatus]
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_room_pb2.TaskStatus, str]]] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_room_pb2.Task]
    next_page_token: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[_room_pb2.Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateObservationRequest(_message.Message):
    __slots__ = ("room_id", "observation", "request_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    observation: _room_pb2.Observation
    request_id: str
    def __init__(self, room_id: _Optional[str] = ..., observation: _Optional[_Union[_room_pb2.Observation, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateObservationResponse(_message.Message):
    __slots__ = ("observation",)
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    observation: _room_pb2.Observation
    def __init__(self, observation: _Optional[_Union[_room_pb2.Observation, _Mapping]] = ...) -> None: ...

class ListObservationsRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token", "category")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    category: str
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., category: _Optional[str] = ...) -> None: ...

class ListObservationsResponse(_message.Message):
    __slots__ = ("observations", "next_page_token")
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    observations: _containers.RepeatedCompositeFieldContainer[_room_pb2.Observation]
    next_page_token: str
    def __init__(self, observations: _Optional[_Iterable[_Union[_room_pb2.Observation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SubmitFeedbackRequest(_message.Message):
    __slots__ = ("room_id", "rating", "event_id", "channel_id", "comment", "dimension", "metadata")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    rating: float
    event_id: str
    channel_id: str
    comment: str
    dimension: str
    metadata: _struct_pb2.Struct
    def __init__(self, room_id: _Optional[str] = ..., rating: _Optional[float] = ..., event_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., comment: _Optional[str] = ..., dimension: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class SubmitFeedbackResponse(_message.Message):
    __slots__ = ("observation",)
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    observation: _room_pb2.Observation
    def __init__(self, observation: _Optional[_Union[_room_pb2.Observation, _Mapping]] = ...) -> None: ...

class ExportRoomRequest(_message.Message):
    __slots__ = ("room_id", "page_size", "page_token", "participant_id")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    page_size: int
    page_token: str
    participant_id: str
    def __init__(self, room_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., participant_id: _Optional[str] = ...) -> None: ...

class ExportRoomResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ExportedItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[ExportedItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExportedItem(_message.Message):
    __slots__ = ("room", "participant", "binding", "event", "delivery", "task", "observation", "read_marker", "queued")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    READ_MARKER_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    room: _room_pb2.Room
    participant: _room_pb2.Participant
    binding: _channel_pb2.Binding
    event: _event_pb2.RoomEvent
    delivery: _event_pb2.Delivery
    task: _room_pb2.Task
    observation: _room_pb2.Observation
    read_marker: _room_pb2.ReadMarker
    queued: _event_service_pb2.DeliverRequest
    def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ..., participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ..., binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., delivery: _Optional[_Union[_event_pb2.Delivery, _Mapping]] = ..., task: _Optional[_Union[_room_pb2.Task, _Mapping]] = ..., observation: _Optional[_Union[_room_pb2.Observation, _Mapping]] = ..., read_marker: _Optional[_Union[_room_pb2.ReadMarker, _Mapping]] = ..., queued: _Optional[_Union[_event_service_pb2.DeliverRequest, _Mapping]] = ...) -> None: ...

class RoomStart(_message.Message):
    __slots__ = ("room_id", "cursor", "after_index")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    AFTER_INDEX_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    cursor: str
    after_index: int
    def __init__(self, room_id: _Optional[str] = ..., cursor: _Optional[str] = ..., after_index: _Optional[int] = ...) -> None: ...

class SubscribeRoomRequest(_message.Message):
    __slots__ = ("room", "ephemeral", "event_types", "heartbeat")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    room: RoomStart
    ephemeral: bool
    event_types: _containers.RepeatedScalarFieldContainer[_event_pb2.EventType]
    heartbeat: _duration_pb2.Duration
    def __init__(self, room: _Optional[_Union[RoomStart, _Mapping]] = ..., ephemeral: _Optional[bool] = ..., event_types: _Optional[_Iterable[_Union[_event_pb2.EventType, str]]] = ..., heartbeat: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SubscribeRoomsRequest(_message.Message):
    __slots__ = ("rooms", "ephemeral", "event_types", "heartbeat")
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedCompositeFieldContainer[RoomStart]
    ephemeral: bool
    event_types: _containers.RepeatedScalarFieldContainer[_event_pb2.EventType]
    heartbeat: _duration_pb2.Duration
    def __init__(self, rooms: _Optional[_Iterable[_Union[RoomStart, _Mapping]]] = ..., ephemeral: _Optional[bool] = ..., event_types: _Optional[_Iterable[_Union[_event_pb2.EventType, str]]] = ..., heartbeat: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SubscribeRoomResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[StreamItem]
    def __init__(self, items: _Optional[_Iterable[_Union[StreamItem, _Mapping]]] = ...) -> None: ...

class SubscribeRoomsResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[StreamItem]
    def __init__(self, items: _Optional[_Iterable[_Union[StreamItem, _Mapping]]] = ...) -> None: ...

class StreamItem(_message.Message):
    __slots__ = ("subscribed", "event", "event_changed", "room_changed", "ephemeral", "heartbeat", "ending", "dropped", "room_id", "cursor")
    class Subscribed(_message.Message):
        __slots__ = ("oldest_index", "head_index", "continuous", "ephemeral_epoch")
        OLDEST_INDEX_FIELD_NUMBER: _ClassVar[int]
        HEAD_INDEX_FIELD_NUMBER: _ClassVar[int]
        CONTINUOUS_FIELD_NUMBER: _ClassVar[int]
        EPHEMERAL_EPOCH_FIELD_NUMBER: _ClassVar[int]
        oldest_index: int
        head_index: int
        continuous: bool
        ephemeral_epoch: str
        def __init__(self, oldest_index: _Optional[int] = ..., head_index: _Optional[int] = ..., continuous: _Optional[bool] = ..., ephemeral_epoch: _Optional[str] = ...) -> None: ...
    class EventChanged(_message.Message):
        __slots__ = ("event", "changed_paths", "delivery")
        EVENT_FIELD_NUMBER: _ClassVar[int]
        CHANGED_PATHS_FIELD_NUMBER: _ClassVar[int]
        DELIVERY_FIELD_NUMBER: _ClassVar[int]
        event: _event_pb2.RoomEvent
        changed_paths: _containers.RepeatedScalarFieldContainer[str]
        delivery: _event_pb2.Delivery
        def __init__(self, event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., changed_paths: _Optional[_Iterable[str]] = ..., delivery: _Optional[_Union[_event_pb2.Delivery, _Mapping]] = ...) -> None: ...
    class RoomChanged(_message.Message):
        __slots__ = ("room", "binding", "participant", "change")
        ROOM_FIELD_NUMBER: _ClassVar[int]
        BINDING_FIELD_NUMBER: _ClassVar[int]
        PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
        CHANGE_FIELD_NUMBER: _ClassVar[int]
        room: _room_pb2.Room
        binding: _channel_pb2.Binding
        participant: _room_pb2.Participant
        change: str
        def __init__(self, room: _Optional[_Union[_room_pb2.Room, _Mapping]] = ..., binding: _Optional[_Union[_channel_pb2.Binding, _Mapping]] = ..., participant: _Optional[_Union[_room_pb2.Participant, _Mapping]] = ..., change: _Optional[str] = ...) -> None: ...
    class Heartbeat(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class StreamEnding(_message.Message):
        __slots__ = ("reason", "reconnect_jitter")
        REASON_FIELD_NUMBER: _ClassVar[int]
        RECONNECT_JITTER_FIELD_NUMBER: _ClassVar[int]
        reason: str
        reconnect_jitter: _duration_pb2.Duration
        def __init__(self, reason: _Optional[str] = ..., reconnect_jitter: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
    class Dropped(_message.Message):
        __slots__ = ("count",)
        COUNT_FIELD_NUMBER: _ClassVar[int]
        count: int
        def __init__(self, count: _Optional[int] = ...) -> None: ...
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_CHANGED_FIELD_NUMBER: _ClassVar[int]
    ROOM_CHANGED_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    subscribed: StreamItem.Subscribed
    event: _event_pb2.RoomEvent
    event_changed: StreamItem.EventChanged
    room_changed: StreamItem.RoomChanged
    ephemeral: _realtime_pb2.EphemeralEvent
    heartbeat: StreamItem.Heartbeat
    ending: StreamItem.StreamEnding
    dropped: StreamItem.Dropped
    room_id: str
    cursor: str
    def __init__(self, subscribed: _Optional[_Union[StreamItem.Subscribed, _Mapping]] = ..., event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., event_changed: _Optional[_Union[StreamItem.EventChanged, _Mapping]] = ..., room_changed: _Optional[_Union[StreamItem.RoomChanged, _Mapping]] = ..., ephemeral: _Optional[_Union[_realtime_pb2.EphemeralEvent, _Mapping]] = ..., heartbeat: _Optional[_Union[StreamItem.Heartbeat, _Mapping]] = ..., ending: _Optional[_Union[StreamItem.StreamEnding, _Mapping]] = ..., dropped: _Optional[_Union[StreamItem.Dropped, _Mapping]] = ..., room_id: _Optional[str] = ..., cursor: _Optional[str] = ...) -> None: ...
