import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import channel_pb2 as _channel_pb2
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

class HookTrigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOOK_TRIGGER_UNSPECIFIED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_BEFORE_BROADCAST: _ClassVar[HookTrigger]
    HOOK_TRIGGER_AFTER_BROADCAST: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_CHANNEL_ATTACHED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_CHANNEL_DETACHED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_CHANNEL_MUTED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_CHANNEL_UNMUTED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_ROOM_CREATED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_ROOM_PAUSED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_ROOM_RESUMED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_ROOM_CLOSED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_ROOM_ARCHIVED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_PARTICIPANT_JOINED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_PARTICIPANT_LEFT: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_PARTICIPANT_UPDATED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_PARTICIPANT_IDENTIFIED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_TASK_CREATED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_DELIVERY_STATUS: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_ERROR: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_EVENT_UPDATED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_EVENT_DELETED: _ClassVar[HookTrigger]
    HOOK_TRIGGER_BEFORE_DELIVER: _ClassVar[HookTrigger]
    HOOK_TRIGGER_AFTER_DELIVER: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_FEEDBACK: _ClassVar[HookTrigger]
    HOOK_TRIGGER_ON_SESSION_STARTED: _ClassVar[HookTrigger]

class HookMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOOK_MODE_UNSPECIFIED: _ClassVar[HookMode]
    HOOK_MODE_DECIDE: _ClassVar[HookMode]
    HOOK_MODE_VALIDATE: _ClassVar[HookMode]
    HOOK_MODE_OBSERVE: _ClassVar[HookMode]

class FailurePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_POLICY_UNSPECIFIED: _ClassVar[FailurePolicy]
    FAILURE_POLICY_ALLOW: _ClassVar[FailurePolicy]
    FAILURE_POLICY_BLOCK: _ClassVar[FailurePolicy]

class HookDelivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOOK_DELIVERY_UNSPECIFIED: _ClassVar[HookDelivery]
    HOOK_DELIVERY_EPHEMERAL: _ClassVar[HookDelivery]
    HOOK_DELIVERY_DURABLE: _ClassVar[HookDelivery]

class Lifetime(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIFETIME_UNSPECIFIED: _ClassVar[Lifetime]
    LIFETIME_SESSION: _ClassVar[Lifetime]
    LIFETIME_PERSISTENT: _ClassVar[Lifetime]
HOOK_TRIGGER_UNSPECIFIED: HookTrigger
HOOK_TRIGGER_BEFORE_BROADCAST: HookTrigger
HOOK_TRIGGER_AFTER_BROADCAST: HookTrigger
HOOK_TRIGGER_ON_CHANNEL_ATTACHED: HookTrigger
HOOK_TRIGGER_ON_CHANNEL_DETACHED: HookTrigger
HOOK_TRIGGER_ON_CHANNEL_MUTED: HookTrigger
HOOK_TRIGGER_ON_CHANNEL_UNMUTED: HookTrigger
HOOK_TRIGGER_ON_ROOM_CREATED: HookTrigger
HOOK_TRIGGER_ON_ROOM_PAUSED: HookTrigger
HOOK_TRIGGER_ON_ROOM_RESUMED: HookTrigger
HOOK_TRIGGER_ON_ROOM_CLOSED: HookTrigger
HOOK_TRIGGER_ON_ROOM_ARCHIVED: HookTrigger
HOOK_TRIGGER_ON_PARTICIPANT_JOINED: HookTrigger
HOOK_TRIGGER_ON_PARTICIPANT_LEFT: HookTrigger
HOOK_TRIGGER_ON_PARTICIPANT_UPDATED: HookTrigger
HOOK_TRIGGER_ON_PARTICIPANT_IDENTIFIED: HookTrigger
HOOK_TRIGGER_ON_TASK_CREATED: HookTrigger
HOOK_TRIGGER_ON_DELIVERY_STATUS: HookTrigger
HOOK_TRIGGER_ON_ERROR: HookTrigger
HOOK_TRIGGER_ON_EVENT_UPDATED: HookTrigger
HOOK_TRIGGER_ON_EVENT_DELETED: HookTrigger
HOOK_TRIGGER_BEFORE_DELIVER: HookTrigger
HOOK_TRIGGER_AFTER_DELIVER: HookTrigger
HOOK_TRIGGER_ON_FEEDBACK: HookTrigger
HOOK_TRIGGER_ON_SESSION_STARTED: HookTrigger
HOOK_MODE_UNSPECIFIED: HookMode
HOOK_MODE_DECIDE: HookMode
HOOK_MODE_VALIDATE: HookMode
HOOK_MODE_OBSERVE: HookMode
FAILURE_POLICY_UNSPECIFIED: FailurePolicy
FAILURE_POLICY_ALLOW: FailurePolicy
FAILURE_POLICY_BLOCK: FailurePolicy
HOOK_DELIVERY_UNSPECIFIED: HookDelivery
HOOK_DELIVERY_EPHEMERAL: HookDelivery
HOOK_DELIVERY_DURABLE: HookDelivery
LIFETIME_UNSPECIFIED: Lifetime
LIFETIME_SESSION: Lifetime
LIFETIME_PERSISTENT: Lifetime

class HookFilter(_message.Message):
    __slots__ = ("channel_types", "channel_ids", "directions", "event_types", "room_ids", "room_labels")
    class RoomLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHANNEL_TYPES_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
    DIRECTIONS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    ROOM_IDS_FIELD_NUMBER: _ClassVar[int]
    ROOM_LABELS_FIELD_NUMBER: _ClassVar[int]
    channel_types: _containers.RepeatedScalarFieldContainer[_channel_pb2.ChannelType]
    channel_ids: _containers.RepeatedScalarFieldContainer[str]
    directions: _containers.RepeatedScalarFieldContainer[_channel_pb2.Direction]
    event_types: _containers.RepeatedScalarFieldContainer[_event_pb2.EventType]
    room_ids: _containers.RepeatedScalarFieldContainer[str]
    room_labels: _containers.ScalarMap[str, str]
    def __init__(self, channel_types: _Optional[_Iterable[_Union[_channel_pb2.ChannelType, str]]] = ..., channel_ids: _Optional[_Iterable[str]] = ..., directions: _Optional[_Iterable[_Union[_channel_pb2.Direction, str]]] = ..., event_types: _Optional[_Iterable[_Union[_event_pb2.EventType, str]]] = ..., room_ids: _Optional[_Iterable[str]] = ..., room_labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ContextSelection(_message.Message):
    __slots__ = ("room", "bindings", "participants", "recent_events")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    BINDINGS_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    RECENT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    room: bool
    bindings: bool
    participants: bool
    recent_events: int
    def __init__(self, room: _Optional[bool] = ..., bindings: _Optional[bool] = ..., participants: _Optional[bool] = ..., recent_events: _Optional[int] = ...) -> None: ...

class HookSpec(_message.Message):
    __slots__ = ("triggers", "mode", "filter", "priority", "timeout", "failure_policy", "lifetime", "context", "shadow", "delivery", "max_attempts", "max_backlog")
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_POLICY_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKLOG_FIELD_NUMBER: _ClassVar[int]
    triggers: _containers.RepeatedScalarFieldContainer[HookTrigger]
    mode: HookMode
    filter: HookFilter
    priority: int
    timeout: _duration_pb2.Duration
    failure_policy: FailurePolicy
    lifetime: Lifetime
    context: ContextSelection
    shadow: bool
    delivery: HookDelivery
    max_attempts: int
    max_backlog: int
    def __init__(self, triggers: _Optional[_Iterable[_Union[HookTrigger, str]]] = ..., mode: _Optional[_Union[HookMode, str]] = ..., filter: _Optional[_Union[HookFilter, _Mapping]] = ..., priority: _Optional[int] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., failure_policy: _Optional[_Union[FailurePolicy, str]] = ..., lifetime: _Optional[_Union[Lifetime, str]] = ..., context: _Optional[_Union[ContextSelection, _Mapping]] = ..., shadow: _Optional[bool] = ..., delivery: _Optional[_Union[HookDelivery, str]] = ..., max_attempts: _Optional[int] = ..., max_backlog: _Optional[int] = ...) -> None: ...

class Hook(_message.Message):
    __slots__ = ("name", "organization_id", "spec", "state", "attached_workers", "dropped", "create_time", "update_time", "etag", "backlog", "parked")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Hook.State]
        STATE_ACTIVE: _ClassVar[Hook.State]
        STATE_PAUSED: _ClassVar[Hook.State]
        STATE_CIRCUIT_OPEN: _ClassVar[Hook.State]
    STATE_UNSPECIFIED: Hook.State
    STATE_ACTIVE: Hook.State
    STATE_PAUSED: Hook.State
    STATE_CIRCUIT_OPEN: Hook.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_WORKERS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    PARKED_FIELD_NUMBER: _ClassVar[int]
    name: str
    organization_id: str
    spec: HookSpec
    state: Hook.State
    attached_workers: int
    dropped: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    backlog: int
    parked: int
    def __init__(self, name: _Optional[str] = ..., organization_id: _Optional[str] = ..., spec: _Optional[_Union[HookSpec, _Mapping]] = ..., state: _Optional[_Union[Hook.State, str]] = ..., attached_workers: _Optional[int] = ..., dropped: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., backlog: _Optional[int] = ..., parked: _Optional[int] = ...) -> None: ...

class HookPayload(_message.Message):
    __slots__ = ("event", "delivery", "observation")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.RoomEvent
    delivery: _event_pb2.Delivery
    observation: _room_pb2.Observation
    def __init__(self, event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., delivery: _Optional[_Union[_event_pb2.Delivery, _Mapping]] = ..., observation: _Optional[_Union[_room_pb2.Observation, _Mapping]] = ...) -> None: ...

class HookDecision(_message.Message):
    __slots__ = ("allow", "block", "modify", "injected_events", "tasks", "observations", "metadata")
    ALLOW_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    MODIFY_FIELD_NUMBER: _ClassVar[int]
    INJECTED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    allow: Allow
    block: Block
    modify: Modify
    injected_events: _containers.RepeatedCompositeFieldContainer[InjectedEvent]
    tasks: _containers.RepeatedCompositeFieldContainer[_room_pb2.Task]
    observations: _containers.RepeatedCompositeFieldContainer[_room_pb2.Observation]
    metadata: _struct_pb2.Struct
    def __init__(self, allow: _Optional[_Union[Allow, _Mapping]] = ..., block: _Optional[_Union[Block, _Mapping]] = ..., modify: _Optional[_Union[Modify, _Mapping]] = ..., injected_events: _Optional[_Iterable[_Union[InjectedEvent, _Mapping]]] = ..., tasks: _Optional[_Iterable[_Union[_room_pb2.Task, _Mapping]]] = ..., observations: _Optional[_Iterable[_Union[_room_pb2.Observation, _Mapping]]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Allow(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Block(_message.Message):
    __slots__ = ("reason", "code")
    REASON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    code: str
    def __init__(self, reason: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class Modify(_message.Message):
    __slots__ = ("payload", "update_mask")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    payload: HookPayload
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, payload: _Optional[_Union[HookPayload, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class InjectedEvent(_message.Message):
    __slots__ = ("event", "target_channel_ids")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    TARGET_CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.RoomEvent
    target_channel_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, event: _Optional[_Union[_event_pb2.RoomEvent, _Mapping]] = ..., target_channel_ids: _Optional[_Iterable[str]] = ...) -> None: ...
