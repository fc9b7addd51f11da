import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
from roomd.v1 import event_pb2 as _event_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RoomStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROOM_STATUS_UNSPECIFIED: _ClassVar[RoomStatus]
    ROOM_STATUS_ACTIVE: _ClassVar[RoomStatus]
    ROOM_STATUS_PAUSED: _ClassVar[RoomStatus]
    ROOM_STATUS_CLOSED: _ClassVar[RoomStatus]
    ROOM_STATUS_ARCHIVED: _ClassVar[RoomStatus]

class ParticipantRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARTICIPANT_ROLE_UNSPECIFIED: _ClassVar[ParticipantRole]
    PARTICIPANT_ROLE_OWNER: _ClassVar[ParticipantRole]
    PARTICIPANT_ROLE_AGENT: _ClassVar[ParticipantRole]
    PARTICIPANT_ROLE_MEMBER: _ClassVar[ParticipantRole]
    PARTICIPANT_ROLE_OBSERVER: _ClassVar[ParticipantRole]
    PARTICIPANT_ROLE_BOT: _ClassVar[ParticipantRole]

class ParticipantStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARTICIPANT_STATUS_UNSPECIFIED: _ClassVar[ParticipantStatus]
    PARTICIPANT_STATUS_ACTIVE: _ClassVar[ParticipantStatus]
    PARTICIPANT_STATUS_INACTIVE: _ClassVar[ParticipantStatus]
    PARTICIPANT_STATUS_LEFT: _ClassVar[ParticipantStatus]
    PARTICIPANT_STATUS_BANNED: _ClassVar[ParticipantStatus]

class IdentificationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IDENTIFICATION_STATUS_UNSPECIFIED: _ClassVar[IdentificationStatus]
    IDENTIFICATION_STATUS_IDENTIFIED: _ClassVar[IdentificationStatus]
    IDENTIFICATION_STATUS_PENDING: _ClassVar[IdentificationStatus]
    IDENTIFICATION_STATUS_AMBIGUOUS: _ClassVar[IdentificationStatus]
    IDENTIFICATION_STATUS_UNKNOWN: _ClassVar[IdentificationStatus]
    IDENTIFICATION_STATUS_CHALLENGE_SENT: _ClassVar[IdentificationStatus]
    IDENTIFICATION_STATUS_REJECTED: _ClassVar[IdentificationStatus]

class TaskStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATUS_UNSPECIFIED: _ClassVar[TaskStatus]
    TASK_STATUS_PENDING: _ClassVar[TaskStatus]
    TASK_STATUS_IN_PROGRESS: _ClassVar[TaskStatus]
    TASK_STATUS_COMPLETED: _ClassVar[TaskStatus]
    TASK_STATUS_FAILED: _ClassVar[TaskStatus]
    TASK_STATUS_CANCELLED: _ClassVar[TaskStatus]
ROOM_STATUS_UNSPECIFIED: RoomStatus
ROOM_STATUS_ACTIVE: RoomStatus
ROOM_STATUS_PAUSED: RoomStatus
ROOM_STATUS_CLOSED: RoomStatus
ROOM_STATUS_ARCHIVED: RoomStatus
PARTICIPANT_ROLE_UNSPECIFIED: ParticipantRole
PARTICIPANT_ROLE_OWNER: ParticipantRole
PARTICIPANT_ROLE_AGENT: ParticipantRole
PARTICIPANT_ROLE_MEMBER: ParticipantRole
PARTICIPANT_ROLE_OBSERVER: ParticipantRole
PARTICIPANT_ROLE_BOT: ParticipantRole
PARTICIPANT_STATUS_UNSPECIFIED: ParticipantStatus
PARTICIPANT_STATUS_ACTIVE: ParticipantStatus
PARTICIPANT_STATUS_INACTIVE: ParticipantStatus
PARTICIPANT_STATUS_LEFT: ParticipantStatus
PARTICIPANT_STATUS_BANNED: ParticipantStatus
IDENTIFICATION_STATUS_UNSPECIFIED: IdentificationStatus
IDENTIFICATION_STATUS_IDENTIFIED: IdentificationStatus
IDENTIFICATION_STATUS_PENDING: IdentificationStatus
IDENTIFICATION_STATUS_AMBIGUOUS: IdentificationStatus
IDENTIFICATION_STATUS_UNKNOWN: IdentificationStatus
IDENTIFICATION_STATUS_CHALLENGE_SENT: IdentificationStatus
IDENTIFICATION_STATUS_REJECTED: IdentificationStatus
TASK_STATUS_UNSPECIFIED: TaskStatus
TASK_STATUS_PENDING: TaskStatus
TASK_STATUS_IN_PROGRESS: TaskStatus
TASK_STATUS_COMPLETED: TaskStatus
TASK_STATUS_FAILED: TaskStatus
TASK_STATUS_CANCELLED: TaskStatus

class RoomTimers(_message.Message):
    __slots__ = ("inactive_after", "closed_after")
    INACTIVE_AFTER_FIELD_NUMBER: _ClassVar[int]
    CLOSED_AFTER_FIELD_NUMBER: _ClassVar[int]
    inactive_after: _duration_pb2.Duration
    closed_after: _duration_pb2.Duration
    def __init__(self, inactive_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., closed_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RoomRetention(_message.Message):
    __slots__ = ("events", "closed_room")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_ROOM_FIELD_NUMBER: _ClassVar[int]
    events: _duration_pb2.Duration
    closed_room: _duration_pb2.Duration
    def __init__(self, events: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., closed_room: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Room(_message.Message):
    __slots__ = ("room_id", "organization_id", "status", "timers", "metadata", "labels", "event_count", "latest_index", "create_time", "update_time", "last_activity_time", "close_time", "etag", "detached_channel_ids", "retention")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATEST_INDEX_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVITY_TIME_FIELD_NUMBER: _ClassVar[int]
    CLOSE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    DETACHED_CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    organization_id: str
    status: RoomStatus
    timers: RoomTimers
    metadata: _struct_pb2.Struct
    labels: _containers.ScalarMap[str, str]
    event_count: int
    latest_index: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    last_activity_time: _timestamp_pb2.Timestamp
    close_time: _timestamp_pb2.Timestamp
    etag: str
    detached_channel_ids: _containers.RepeatedScalarFieldContainer[str]
    retention: RoomRetention
    def __init__(self, room_id: _Optional[str] = ..., organization_id: _Optional[str] = ..., status: _Optional[_Union[RoomStatus, str]] = ..., timers: _Optional[_Union[RoomTimers, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., event_count: _Optional[int] = ..., latest_index: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_activity_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., close_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., detached_channel_ids: _Optional[_Iterable[str]] = ..., retention: _Optional[_Union[RoomRetention, _Mapping]] = ...) -> None: ...

class Participant(_message.Message):
    __slots__ = ("participant_id", "room_id", "channel_ids", "display_name", "role", "status", "identification", "identity_id", "resolved_by", "resolve_time", "join_time", "metadata", "external_id")
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IDENTIFICATION_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLVE_TIME_FIELD_NUMBER: _ClassVar[int]
    JOIN_TIME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    participant_id: str
    room_id: str
    channel_ids: _containers.RepeatedScalarFieldContainer[str]
    display_name: str
    role: ParticipantRole
    status: ParticipantStatus
    identification: IdentificationStatus
    identity_id: str
    resolved_by: str
    resolve_time: _timestamp_pb2.Timestamp
    join_time: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    external_id: str
    def __init__(self, participant_id: _Optional[str] = ..., room_id: _Optional[str] = ..., channel_ids: _Optional[_Iterable[str]] = ..., display_name: _Optional[str] = ..., role: _Optional[_Union[ParticipantRole, str]] = ..., status: _Optional[_Union[ParticipantStatus, str]] = ..., identification: _Optional[_Union[IdentificationStatus, str]] = ..., identity_id: _Optional[str] = ..., resolved_by: _Optional[str] = ..., resolve_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., join_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., external_id: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("task_id", "room_id", "title", "description", "assigned_to", "status", "metadata", "create_time", "update_time")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_TO_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    room_id: str
    title: str
    description: str
    assigned_to: str
    status: TaskStatus
    metadata: _struct_pb2.Struct
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, task_id: _Optional[str] = ..., room_id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., assigned_to: _Optional[str] = ..., status: _Optional[_Union[TaskStatus, str]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("observation_id", "room_id", "channel_id", "category", "content", "confidence", "metadata", "create_time", "event_id")
    OBSERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    observation_id: str
    room_id: str
    channel_id: str
    category: str
    content: str
    confidence: float
    metadata: _struct_pb2.Struct
    create_time: _timestamp_pb2.Timestamp
    event_id: str
    def __init__(self, observation_id: _Optional[str] = ..., room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., category: _Optional[str] = ..., content: _Optional[str] = ..., confidence: _Optional[float] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_id: _Optional[str] = ...) -> None: ...

class ReadMarker(_message.Message):
    __slots__ = ("room_id", "channel_id", "index", "unread", "update_time")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    channel_id: str
    index: int
    unread: int
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, room_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., index: _Optional[int] = ..., unread: _Optional[int] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RoomContext(_message.Message):
    __slots__ = ("room", "bindings", "participants", "recent_events")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    BINDINGS_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    RECENT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    room: Room
    bindings: _containers.RepeatedCompositeFieldContainer[_channel_pb2.Binding]
    participants: _containers.RepeatedCompositeFieldContainer[Participant]
    recent_events: _containers.RepeatedCompositeFieldContainer[_event_pb2.RoomEvent]
    def __init__(self, room: _Optional[_Union[Room, _Mapping]] = ..., bindings: _Optional[_Iterable[_Union[_channel_pb2.Binding, _Mapping]]] = ..., participants: _Optional[_Iterable[_Union[Participant, _Mapping]]] = ..., recent_events: _Optional[_Iterable[_Union[_event_pb2.RoomEvent, _Mapping]]] = ...) -> None: ...
