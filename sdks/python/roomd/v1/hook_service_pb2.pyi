import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from roomd.v1 import error_pb2 as _error_pb2
from roomd.v1 import handler_pb2 as _handler_pb2
from roomd.v1 import hook_pb2 as _hook_pb2
from roomd.v1 import room_pb2 as _room_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectRequest(_message.Message):
    __slots__ = ("hello", "attach", "detach", "results", "result_chunk", "extend", "set_window", "goodbye", "ping", "pong")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    RESULT_CHUNK_FIELD_NUMBER: _ClassVar[int]
    EXTEND_FIELD_NUMBER: _ClassVar[int]
    SET_WINDOW_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    attach: Attach
    detach: Detach
    results: ResultBatch
    result_chunk: ResultChunk
    extend: Extend
    set_window: SetWindow
    goodbye: Goodbye
    ping: Ping
    pong: Pong
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., attach: _Optional[_Union[Attach, _Mapping]] = ..., detach: _Optional[_Union[Detach, _Mapping]] = ..., results: _Optional[_Union[ResultBatch, _Mapping]] = ..., result_chunk: _Optional[_Union[ResultChunk, _Mapping]] = ..., extend: _Optional[_Union[Extend, _Mapping]] = ..., set_window: _Optional[_Union[SetWindow, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_revision", "features", "worker_id", "sdk_name", "sdk_version", "labels", "window")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROTOCOL_REVISION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SDK_NAME_FIELD_NUMBER: _ClassVar[int]
    SDK_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    protocol_revision: int
    features: _containers.RepeatedScalarFieldContainer[str]
    worker_id: str
    sdk_name: str
    sdk_version: str
    labels: _containers.ScalarMap[str, str]
    window: SetWindow
    def __init__(self, protocol_revision: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., worker_id: _Optional[str] = ..., sdk_name: _Optional[str] = ..., sdk_version: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., window: _Optional[_Union[SetWindow, _Mapping]] = ...) -> None: ...

class ResultBatch(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class Attach(_message.Message):
    __slots__ = ("handlers", "attach_id")
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    ATTACH_ID_FIELD_NUMBER: _ClassVar[int]
    handlers: _containers.RepeatedCompositeFieldContainer[Handler]
    attach_id: int
    def __init__(self, handlers: _Optional[_Iterable[_Union[Handler, _Mapping]]] = ..., attach_id: _Optional[int] = ...) -> None: ...

class Handler(_message.Message):
    __slots__ = ("name", "spec", "etag", "max_in_flight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: _handler_pb2.HandlerSpec
    etag: str
    max_in_flight: int
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[_handler_pb2.HandlerSpec, _Mapping]] = ..., etag: _Optional[str] = ..., max_in_flight: _Optional[int] = ...) -> None: ...

class Detach(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("invocation_id", "lease", "decision", "done", "value", "failure")
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    lease: int
    decision: _hook_pb2.HookDecision
    done: Done
    value: _handler_pb2.HandlerResult
    failure: Failure
    def __init__(self, invocation_id: _Optional[str] = ..., lease: _Optional[int] = ..., decision: _Optional[_Union[_hook_pb2.HookDecision, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., value: _Optional[_Union[_handler_pb2.HandlerResult, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("tasks", "observations")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_room_pb2.Task]
    observations: _containers.RepeatedCompositeFieldContainer[_room_pb2.Observation]
    def __init__(self, tasks: _Optional[_Iterable[_Union[_room_pb2.Task, _Mapping]]] = ..., observations: _Optional[_Iterable[_Union[_room_pb2.Observation, _Mapping]]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("status", "retryable", "retry_after")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    status: _error_pb2.Status
    retryable: bool
    retry_after: _duration_pb2.Duration
    def __init__(self, status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ..., retryable: _Optional[bool] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ResultChunk(_message.Message):
    __slots__ = ("invocation_id", "lease", "sequence", "chunk")
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    lease: int
    sequence: int
    chunk: _handler_pb2.HandlerChunk
    def __init__(self, invocation_id: _Optional[str] = ..., lease: _Optional[int] = ..., sequence: _Optional[int] = ..., chunk: _Optional[_Union[_handler_pb2.HandlerChunk, _Mapping]] = ...) -> None: ...

class Extend(_message.Message):
    __slots__ = ("invocation_id", "lease", "timeout")
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    lease: int
    timeout: _duration_pb2.Duration
    def __init__(self, invocation_id: _Optional[str] = ..., lease: _Optional[int] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SetWindow(_message.Message):
    __slots__ = ("reply_window", "observe_window", "max_bytes")
    REPLY_WINDOW_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_WINDOW_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    reply_window: int
    observe_window: int
    max_bytes: int
    def __init__(self, reply_window: _Optional[int] = ..., observe_window: _Optional[int] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("welcome", "attached", "detached", "invocations", "cancel", "settled", "drain", "notice", "pong", "ping")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    DETACHED_FIELD_NUMBER: _ClassVar[int]
    INVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    attached: Attached
    detached: Detached
    invocations: InvocationBatch
    cancel: Cancel
    settled: Settled
    drain: Drain
    notice: Notice
    pong: Pong
    ping: Ping
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., attached: _Optional[_Union[Attached, _Mapping]] = ..., detached: _Optional[_Union[Detached, _Mapping]] = ..., invocations: _Optional[_Union[InvocationBatch, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., settled: _Optional[_Union[Settled, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., notice: _Optional[_Union[Notice, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session_id", "protocol_revision", "features", "ping_interval", "max_message_bytes", "node_id", "server_version")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_REVISION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    PING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    protocol_revision: int
    features: _containers.RepeatedScalarFieldContainer[str]
    ping_interval: _duration_pb2.Duration
    max_message_bytes: int
    node_id: str
    server_version: str
    def __init__(self, session_id: _Optional[str] = ..., protocol_revision: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., ping_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_message_bytes: _Optional[int] = ..., node_id: _Optional[str] = ..., server_version: _Optional[str] = ...) -> None: ...

class InvocationBatch(_message.Message):
    __slots__ = ("invocations",)
    INVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    invocations: _containers.RepeatedCompositeFieldContainer[Invocation]
    def __init__(self, invocations: _Optional[_Iterable[_Union[Invocation, _Mapping]]] = ...) -> None: ...

class Attached(_message.Message):
    __slots__ = ("attach_id", "handlers")
    class HandlerStatus(_message.Message):
        __slots__ = ("name", "status", "etag", "warnings")
        NAME_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_NUMBER: _ClassVar[int]
        ETAG_FIELD_NUMBER: _ClassVar[int]
        WARNINGS_FIELD_NUMBER: _ClassVar[int]
        name: str
        status: _error_pb2.Status
        etag: str
        warnings: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ..., etag: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...
    ATTACH_ID_FIELD_NUMBER: _ClassVar[int]
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    attach_id: int
    handlers: _containers.RepeatedCompositeFieldContainer[Attached.HandlerStatus]
    def __init__(self, attach_id: _Optional[int] = ..., handlers: _Optional[_Iterable[_Union[Attached.HandlerStatus, _Mapping]]] = ...) -> None: ...

class Detached(_message.Message):
    __slots__ = ("names", "status")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    status: _error_pb2.Status
    def __init__(self, names: _Optional[_Iterable[str]] = ..., status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ...) -> None: ...

class Invocation(_message.Message):
    __slots__ = ("invocation_id", "lease", "handler", "attempt", "reply_expected", "timeout", "organization_id", "room_id", "trigger", "context", "trace_context", "hook", "call", "oversize")
    class TraceContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    REPLY_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    HOOK_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    OVERSIZE_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    lease: int
    handler: str
    attempt: int
    reply_expected: bool
    timeout: _duration_pb2.Duration
    organization_id: str
    room_id: str
    trigger: _hook_pb2.HookTrigger
    context: _room_pb2.RoomContext
    trace_context: _containers.ScalarMap[str, str]
    hook: _hook_pb2.HookPayload
    call: _handler_pb2.HandlerCall
    oversize: OversizePayload
    def __init__(self, invocation_id: _Optional[str] = ..., lease: _Optional[int] = ..., handler: _Optional[str] = ..., attempt: _Optional[int] = ..., reply_expected: _Optional[bool] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., organization_id: _Optional[str] = ..., room_id: _Optional[str] = ..., trigger: _Optional[_Union[_hook_pb2.HookTrigger, str]] = ..., context: _Optional[_Union[_room_pb2.RoomContext, _Mapping]] = ..., trace_context: _Optional[_Mapping[str, str]] = ..., hook: _Optional[_Union[_hook_pb2.HookPayload, _Mapping]] = ..., call: _Optional[_Union[_handler_pb2.HandlerCall, _Mapping]] = ..., oversize: _Optional[_Union[OversizePayload, _Mapping]] = ...) -> None: ...

class OversizePayload(_message.Message):
    __slots__ = ("size_bytes",)
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    def __init__(self, size_bytes: _Optional[int] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("invocation_id", "reason")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Cancel.Reason]
        REASON_DEADLINE: _ClassVar[Cancel.Reason]
        REASON_CALLER_GONE: _ClassVar[Cancel.Reason]
        REASON_SUPERSEDED: _ClassVar[Cancel.Reason]
        REASON_HANDLER_REMOVED: _ClassVar[Cancel.Reason]
    REASON_UNSPECIFIED: Cancel.Reason
    REASON_DEADLINE: Cancel.Reason
    REASON_CALLER_GONE: Cancel.Reason
    REASON_SUPERSEDED: Cancel.Reason
    REASON_HANDLER_REMOVED: Cancel.Reason
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    reason: Cancel.Reason
    def __init__(self, invocation_id: _Optional[str] = ..., reason: _Optional[_Union[Cancel.Reason, str]] = ...) -> None: ...

class Settled(_message.Message):
    __slots__ = ("invocation_id", "disposition", "status")
    class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DISPOSITION_UNSPECIFIED: _ClassVar[Settled.Disposition]
        DISPOSITION_LATE: _ClassVar[Settled.Disposition]
        DISPOSITION_STALE_LEASE: _ClassVar[Settled.Disposition]
        DISPOSITION_INVALID: _ClassVar[Settled.Disposition]
        DISPOSITION_UNKNOWN: _ClassVar[Settled.Disposition]
    DISPOSITION_UNSPECIFIED: Settled.Disposition
    DISPOSITION_LATE: Settled.Disposition
    DISPOSITION_STALE_LEASE: Settled.Disposition
    DISPOSITION_INVALID: Settled.Disposition
    DISPOSITION_UNKNOWN: Settled.Disposition
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    disposition: Settled.Disposition
    status: _error_pb2.Status
    def __init__(self, invocation_id: _Optional[str] = ..., disposition: _Optional[_Union[Settled.Disposition, str]] = ..., status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("reason", "grace", "reconnect_jitter")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Drain.Reason]
        REASON_NODE_SHUTDOWN: _ClassVar[Drain.Reason]
        REASON_MAX_AGE: _ClassVar[Drain.Reason]
    REASON_UNSPECIFIED: Drain.Reason
    REASON_NODE_SHUTDOWN: Drain.Reason
    REASON_MAX_AGE: Drain.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_JITTER_FIELD_NUMBER: _ClassVar[int]
    reason: Drain.Reason
    grace: _duration_pb2.Duration
    reconnect_jitter: _duration_pb2.Duration
    def __init__(self, reason: _Optional[_Union[Drain.Reason, str]] = ..., grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reconnect_jitter: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code", "handler", "count", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    handler: str
    count: int
    message: str
    def __init__(self, code: _Optional[str] = ..., handler: _Optional[str] = ..., count: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class CreateHookRequest(_message.Message):
    __slots__ = ("name", "spec", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: _hook_pb2.HookSpec
    request_id: str
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[_hook_pb2.HookSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateHookResponse(_message.Message):
    __slots__ = ("hook",)
    HOOK_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.Hook
    def __init__(self, hook: _Optional[_Union[_hook_pb2.Hook, _Mapping]] = ...) -> None: ...

class GetHookRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetHookResponse(_message.Message):
    __slots__ = ("hook",)
    HOOK_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.Hook
    def __init__(self, hook: _Optional[_Union[_hook_pb2.Hook, _Mapping]] = ...) -> None: ...

class ListHooksRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "trigger")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    trigger: _hook_pb2.HookTrigger
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., trigger: _Optional[_Union[_hook_pb2.HookTrigger, str]] = ...) -> None: ...

class ListHooksResponse(_message.Message):
    __slots__ = ("hooks", "next_page_token")
    HOOKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    hooks: _containers.RepeatedCompositeFieldContainer[_hook_pb2.Hook]
    next_page_token: str
    def __init__(self, hooks: _Optional[_Iterable[_Union[_hook_pb2.Hook, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateHookRequest(_message.Message):
    __slots__ = ("name", "spec", "update_mask", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: _hook_pb2.HookSpec
    update_mask: _field_mask_pb2.FieldMask
    etag: str
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[_hook_pb2.HookSpec, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class UpdateHookResponse(_message.Message):
    __slots__ = ("hook",)
    HOOK_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.Hook
    def __init__(self, hook: _Optional[_Union[_hook_pb2.Hook, _Mapping]] = ...) -> None: ...

class DeleteHookRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteHookResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PauseHookRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class PauseHookResponse(_message.Message):
    __slots__ = ("hook",)
    HOOK_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.Hook
    def __init__(self, hook: _Optional[_Union[_hook_pb2.Hook, _Mapping]] = ...) -> None: ...

class ResumeHookRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ResumeHookResponse(_message.Message):
    __slots__ = ("hook",)
    HOOK_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.Hook
    def __init__(self, hook: _Optional[_Union[_hook_pb2.Hook, _Mapping]] = ...) -> None: ...

class TestHooksRequest(_message.Message):
    __slots__ = ("room_id", "trigger", "payload", "only")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ONLY_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    trigger: _hook_pb2.HookTrigger
    payload: _hook_pb2.HookPayload
    only: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, room_id: _Optional[str] = ..., trigger: _Optional[_Union[_hook_pb2.HookTrigger, str]] = ..., payload: _Optional[_Union[_hook_pb2.HookPayload, _Mapping]] = ..., only: _Optional[_Iterable[str]] = ...) -> None: ...

class TestHooksResponse(_message.Message):
    __slots__ = ("steps", "blocked", "final_payload", "reason")
    class Step(_message.Message):
        __slots__ = ("hook", "worker_id", "took", "decision", "status", "skipped_because")
        HOOK_FIELD_NUMBER: _ClassVar[int]
        WORKER_ID_FIELD_NUMBER: _ClassVar[int]
        TOOK_FIELD_NUMBER: _ClassVar[int]
        DECISION_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_NUMBER: _ClassVar[int]
        SKIPPED_BECAUSE_FIELD_NUMBER: _ClassVar[int]
        hook: str
        worker_id: str
        took: _duration_pb2.Duration
        decision: _hook_pb2.HookDecision
        status: _error_pb2.Status
        skipped_because: str
        def __init__(self, hook: _Optional[str] = ..., worker_id: _Optional[str] = ..., took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., decision: _Optional[_Union[_hook_pb2.HookDecision, _Mapping]] = ..., status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ..., skipped_because: _Optional[str] = ...) -> None: ...
    STEPS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    FINAL_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[TestHooksResponse.Step]
    blocked: bool
    final_payload: _hook_pb2.HookPayload
    reason: str
    def __init__(self, steps: _Optional[_Iterable[_Union[TestHooksResponse.Step, _Mapping]]] = ..., blocked: _Optional[bool] = ..., final_payload: _Optional[_Union[_hook_pb2.HookPayload, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class WatchHooksRequest(_message.Message):
    __slots__ = ("interval", "hooks")
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HOOKS_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    hooks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hooks: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchHooksResponse(_message.Message):
    __slots__ = ("interval", "hooks", "omitted")
    class Activity(_message.Message):
        __slots__ = ("hook", "invocations", "verdicts", "p50", "p99", "in_flight", "waiting", "workers", "circuit_open")
        class VerdictsEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: int
            def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
        HOOK_FIELD_NUMBER: _ClassVar[int]
        INVOCATIONS_FIELD_NUMBER: _ClassVar[int]
        VERDICTS_FIELD_NUMBER: _ClassVar[int]
        P50_FIELD_NUMBER: _ClassVar[int]
        P99_FIELD_NUMBER: _ClassVar[int]
        IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
        WAITING_FIELD_NUMBER: _ClassVar[int]
        WORKERS_FIELD_NUMBER: _ClassVar[int]
        CIRCUIT_OPEN_FIELD_NUMBER: _ClassVar[int]
        hook: str
        invocations: int
        verdicts: _containers.ScalarMap[str, int]
        p50: _duration_pb2.Duration
        p99: _duration_pb2.Duration
        in_flight: int
        waiting: int
        workers: int
        circuit_open: bool
        def __init__(self, hook: _Optional[str] = ..., invocations: _Optional[int] = ..., verdicts: _Optional[_Mapping[str, int]] = ..., p50: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p99: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., in_flight: _Optional[int] = ..., waiting: _Optional[int] = ..., workers: _Optional[int] = ..., circuit_open: _Optional[bool] = ...) -> None: ...
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HOOKS_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    hooks: _containers.RepeatedCompositeFieldContainer[WatchHooksResponse.Activity]
    omitted: int
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hooks: _Optional[_Iterable[_Union[WatchHooksResponse.Activity, _Mapping]]] = ..., omitted: _Optional[int] = ...) -> None: ...

class ListWorkersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "handler")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    handler: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., handler: _Optional[str] = ...) -> None: ...

class ListWorkersResponse(_message.Message):
    __slots__ = ("workers", "next_page_token")
    class Worker(_message.Message):
        __slots__ = ("session_id", "worker_id", "node_id", "sdk", "handlers", "in_flight", "window", "connect_time")
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        WORKER_ID_FIELD_NUMBER: _ClassVar[int]
        NODE_ID_FIELD_NUMBER: _ClassVar[int]
        SDK_FIELD_NUMBER: _ClassVar[int]
        HANDLERS_FIELD_NUMBER: _ClassVar[int]
        IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
        WINDOW_FIELD_NUMBER: _ClassVar[int]
        CONNECT_TIME_FIELD_NUMBER: _ClassVar[int]
        session_id: str
        worker_id: str
        node_id: str
        sdk: str
        handlers: _containers.RepeatedScalarFieldContainer[str]
        in_flight: int
        window: SetWindow
        connect_time: _timestamp_pb2.Timestamp
        def __init__(self, session_id: _Optional[str] = ..., worker_id: _Optional[str] = ..., node_id: _Optional[str] = ..., sdk: _Optional[str] = ..., handlers: _Optional[_Iterable[str]] = ..., in_flight: _Optional[int] = ..., window: _Optional[_Union[SetWindow, _Mapping]] = ..., connect_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[ListWorkersResponse.Worker]
    next_page_token: str
    def __init__(self, workers: _Optional[_Iterable[_Union[ListWorkersResponse.Worker, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ParkedInvocation(_message.Message):
    __slots__ = ("invocation_id", "room_id", "trigger", "event_id", "attempts", "last_status", "create_time", "park_time")
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LAST_STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PARK_TIME_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    room_id: str
    trigger: _hook_pb2.HookTrigger
    event_id: str
    attempts: int
    last_status: _error_pb2.Status
    create_time: _timestamp_pb2.Timestamp
    park_time: _timestamp_pb2.Timestamp
    def __init__(self, invocation_id: _Optional[str] = ..., room_id: _Optional[str] = ..., trigger: _Optional[_Union[_hook_pb2.HookTrigger, str]] = ..., event_id: _Optional[str] = ..., attempts: _Optional[int] = ..., last_status: _Optional[_Union[_error_pb2.Status, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., park_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListParkedInvocationsRequest(_message.Message):
    __slots__ = ("hook", "page_size", "page_token", "room_id")
    HOOK_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    hook: str
    page_size: int
    page_token: str
    room_id: str
    def __init__(self, hook: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., room_id: _Optional[str] = ...) -> None: ...

class ListParkedInvocationsResponse(_message.Message):
    __slots__ = ("parked", "next_page_token")
    PARKED_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parked: _containers.RepeatedCompositeFieldContainer[ParkedInvocation]
    next_page_token: str
    def __init__(self, parked: _Optional[_Iterable[_Union[ParkedInvocation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReplayParkedInvocationsRequest(_message.Message):
    __slots__ = ("hook", "invocation_ids", "room_id")
    HOOK_FIELD_NUMBER: _ClassVar[int]
    INVOCATION_IDS_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    hook: str
    invocation_ids: _containers.RepeatedScalarFieldContainer[str]
    room_id: str
    def __init__(self, hook: _Optional[str] = ..., invocation_ids: _Optional[_Iterable[str]] = ..., room_id: _Optional[str] = ...) -> None: ...

class ReplayParkedInvocationsResponse(_message.Message):
    __slots__ = ("replayed",)
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    replayed: int
    def __init__(self, replayed: _Optional[int] = ...) -> None: ...

class PurgeParkedInvocationsRequest(_message.Message):
    __slots__ = ("hook", "invocation_ids", "room_id", "before")
    HOOK_FIELD_NUMBER: _ClassVar[int]
    INVOCATION_IDS_FIELD_NUMBER: _ClassVar[int]
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    hook: str
    invocation_ids: _containers.RepeatedScalarFieldContainer[str]
    room_id: str
    before: _timestamp_pb2.Timestamp
    def __init__(self, hook: _Optional[str] = ..., invocation_ids: _Optional[_Iterable[str]] = ..., room_id: _Optional[str] = ..., before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PurgeParkedInvocationsResponse(_message.Message):
    __slots__ = ("purged",)
    PURGED_FIELD_NUMBER: _ClassVar[int]
    purged: int
    def __init__(self, purged: _Optional[int] = ...) -> None: ...

class GetInvocationPayloadRequest(_message.Message):
    __slots__ = ("invocation_id", "lease")
    INVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    invocation_id: str
    lease: int
    def __init__(self, invocation_id: _Optional[str] = ..., lease: _Optional[int] = ...) -> None: ...

class GetInvocationPayloadResponse(_message.Message):
    __slots__ = ("hook", "call", "context")
    HOOK_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    hook: _hook_pb2.HookPayload
    call: _handler_pb2.HandlerCall
    context: _room_pb2.RoomContext
    def __init__(self, hook: _Optional[_Union[_hook_pb2.HookPayload, _Mapping]] = ..., call: _Optional[_Union[_handler_pb2.HandlerCall, _Mapping]] = ..., context: _Optional[_Union[_room_pb2.RoomContext, _Mapping]] = ...) -> None: ...
