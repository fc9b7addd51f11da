from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_VALIDATION: _ClassVar[ErrorReason]
    ERROR_REASON_TRIGGER_MODE_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_POLICY_NEEDS_PERSISTENT: _ClassVar[ErrorReason]
    ERROR_REASON_MASK_NOT_MUTABLE: _ClassVar[ErrorReason]
    ERROR_REASON_TRIGGER_NOT_REMOTABLE: _ClassVar[ErrorReason]
    ERROR_REASON_MALFORMED: _ClassVar[ErrorReason]
    ERROR_REASON_BAD_CURSOR: _ClassVar[ErrorReason]
    ERROR_REASON_ROOM_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_CHANNEL_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_BINDING_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_EVENT_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_HOOK_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_PARTICIPANT_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_TASK_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_DELIVERY_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_INVOCATION_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_ROOM_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_CHANNEL_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_BINDING_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_HOOK_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_PARTICIPANT_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_KEY_REUSED: _ClassVar[ErrorReason]
    ERROR_REASON_TASK_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_ROOM_CLOSED: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_ATTACHED: _ClassVar[ErrorReason]
    ERROR_REASON_PROTOCOL_TOO_OLD: _ClassVar[ErrorReason]
    ERROR_REASON_WOULD_DEADLOCK: _ClassVar[ErrorReason]
    ERROR_REASON_WRONG_STATE: _ClassVar[ErrorReason]
    ERROR_REASON_CHANNEL_IN_USE: _ClassVar[ErrorReason]
    ERROR_REASON_PROTOCOL_VIOLATION: _ClassVar[ErrorReason]
    ERROR_REASON_ETAG_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_RATE_LIMITED: _ClassVar[ErrorReason]
    ERROR_REASON_OVERLOADED: _ClassVar[ErrorReason]
    ERROR_REASON_MESSAGE_TOO_LARGE: _ClassVar[ErrorReason]
    ERROR_REASON_SLOW_CONSUMER: _ClassVar[ErrorReason]
    ERROR_REASON_QUOTA: _ClassVar[ErrorReason]
    ERROR_REASON_HISTORY_TRUNCATED: _ClassVar[ErrorReason]
    ERROR_REASON_NODE_DRAINING: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_DOWN: _ClassVar[ErrorReason]
    ERROR_REASON_HOOK_BUDGET_EXHAUSTED: _ClassVar[ErrorReason]
    ERROR_REASON_PROCESS_TIMEOUT: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_READ_ONLY: _ClassVar[ErrorReason]
    ERROR_REASON_DEADLINE: _ClassVar[ErrorReason]
    ERROR_REASON_SERVER_FAULT: _ClassVar[ErrorReason]
    ERROR_REASON_CREDENTIAL_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_SCOPE_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_GRANT_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_METHOD_UNKNOWN: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_VALIDATION: ErrorReason
ERROR_REASON_TRIGGER_MODE_MISMATCH: ErrorReason
ERROR_REASON_POLICY_NEEDS_PERSISTENT: ErrorReason
ERROR_REASON_MASK_NOT_MUTABLE: ErrorReason
ERROR_REASON_TRIGGER_NOT_REMOTABLE: ErrorReason
ERROR_REASON_MALFORMED: ErrorReason
ERROR_REASON_BAD_CURSOR: ErrorReason
ERROR_REASON_ROOM_NOT_FOUND: ErrorReason
ERROR_REASON_CHANNEL_NOT_FOUND: ErrorReason
ERROR_REASON_BINDING_NOT_FOUND: ErrorReason
ERROR_REASON_EVENT_NOT_FOUND: ErrorReason
ERROR_REASON_HOOK_NOT_FOUND: ErrorReason
ERROR_REASON_PARTICIPANT_NOT_FOUND: ErrorReason
ERROR_REASON_TASK_NOT_FOUND: ErrorReason
ERROR_REASON_DELIVERY_NOT_FOUND: ErrorReason
ERROR_REASON_INVOCATION_NOT_FOUND: ErrorReason
ERROR_REASON_ROOM_EXISTS: ErrorReason
ERROR_REASON_CHANNEL_EXISTS: ErrorReason
ERROR_REASON_BINDING_EXISTS: ErrorReason
ERROR_REASON_HOOK_EXISTS: ErrorReason
ERROR_REASON_PARTICIPANT_EXISTS: ErrorReason
ERROR_REASON_KEY_REUSED: ErrorReason
ERROR_REASON_TASK_EXISTS: ErrorReason
ERROR_REASON_ROOM_CLOSED: ErrorReason
ERROR_REASON_NOT_ATTACHED: ErrorReason
ERROR_REASON_PROTOCOL_TOO_OLD: ErrorReason
ERROR_REASON_WOULD_DEADLOCK: ErrorReason
ERROR_REASON_WRONG_STATE: ErrorReason
ERROR_REASON_CHANNEL_IN_USE: ErrorReason
ERROR_REASON_PROTOCOL_VIOLATION: ErrorReason
ERROR_REASON_ETAG_MISMATCH: ErrorReason
ERROR_REASON_RATE_LIMITED: ErrorReason
ERROR_REASON_OVERLOADED: ErrorReason
ERROR_REASON_MESSAGE_TOO_LARGE: ErrorReason
ERROR_REASON_SLOW_CONSUMER: ErrorReason
ERROR_REASON_QUOTA: ErrorReason
ERROR_REASON_HISTORY_TRUNCATED: ErrorReason
ERROR_REASON_NODE_DRAINING: ErrorReason
ERROR_REASON_STORE_DOWN: ErrorReason
ERROR_REASON_HOOK_BUDGET_EXHAUSTED: ErrorReason
ERROR_REASON_PROCESS_TIMEOUT: ErrorReason
ERROR_REASON_STORE_READ_ONLY: ErrorReason
ERROR_REASON_DEADLINE: ErrorReason
ERROR_REASON_SERVER_FAULT: ErrorReason
ERROR_REASON_CREDENTIAL_INVALID: ErrorReason
ERROR_REASON_SCOPE_MISSING: ErrorReason
ERROR_REASON_GRANT_MISSING: ErrorReason
ERROR_REASON_METHOD_UNKNOWN: ErrorReason

class Status(_message.Message):
    __slots__ = ("code", "message", "reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    reason: ErrorReason
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., reason: _Optional[_Union[ErrorReason, str]] = ...) -> None: ...
