"""Errors as they look outside: one table from reason to gRPC code, and the details.

The table agrees with the comments of ``error.proto`` (a test compares them). Everything
stays small: a status travels in HTTP/2 headers, and a status over 8 KiB is lost together
with the call that it should explain.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, RoomdError

DOMAIN = "roomd"
STATUS_DETAILS_KEY = "grpc-status-details-bin"

# Together, with the message once more percent-encoded, below 8 KiB.
_MAX_MESSAGE_BYTES = 600
_MAX_VALUE_BYTES = 256
_MAX_METADATA_BYTES = 1200
_MAX_VIOLATIONS_BYTES = 1800

_S = grpc.StatusCode
STATUS_OF_REASON: dict[int, grpc.StatusCode] = {
    pb.ERROR_REASON_VALIDATION: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_TRIGGER_MODE_MISMATCH: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_POLICY_NEEDS_PERSISTENT: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_MASK_NOT_MUTABLE: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_TRIGGER_NOT_REMOTABLE: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_MALFORMED: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_BAD_CURSOR: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_DURABLE_NEEDS_PERSISTENT: _S.INVALID_ARGUMENT,
    pb.ERROR_REASON_ROOM_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_CHANNEL_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_BINDING_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_EVENT_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_HOOK_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_PARTICIPANT_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_TASK_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_DELIVERY_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_INVOCATION_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_TOOL_NOT_FOUND: _S.NOT_FOUND,
    pb.ERROR_REASON_ROOM_EXISTS: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_CHANNEL_EXISTS: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_BINDING_EXISTS: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_HOOK_EXISTS: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_PARTICIPANT_EXISTS: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_KEY_REUSED: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_TASK_EXISTS: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_HANDLER_CONFLICT: _S.ALREADY_EXISTS,
    pb.ERROR_REASON_ROOM_CLOSED: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_NOT_ATTACHED: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_PROTOCOL_TOO_OLD: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_WOULD_DEADLOCK: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_WRONG_STATE: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_CHANNEL_IN_USE: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_PROTOCOL_VIOLATION: _S.FAILED_PRECONDITION,
    pb.ERROR_REASON_ETAG_MISMATCH: _S.ABORTED,
    pb.ERROR_REASON_RATE_LIMITED: _S.RESOURCE_EXHAUSTED,
    pb.ERROR_REASON_OVERLOADED: _S.RESOURCE_EXHAUSTED,
    pb.ERROR_REASON_MESSAGE_TOO_LARGE: _S.RESOURCE_EXHAUSTED,
    pb.ERROR_REASON_SLOW_CONSUMER: _S.RESOURCE_EXHAUSTED,
    pb.ERROR_REASON_QUOTA: _S.RESOURCE_EXHAUSTED,
    pb.ERROR_REASON_HISTORY_TRUNCATED: _S.OUT_OF_RANGE,
    pb.ERROR_REASON_NODE_DRAINING: _S.UNAVAILABLE,
    pb.ERROR_REASON_STORE_DOWN: _S.UNAVAILABLE,
    pb.ERROR_REASON_HOOK_BUDGET_EXHAUSTED: _S.UNAVAILABLE,
    pb.ERROR_REASON_PROCESS_TIMEOUT: _S.UNAVAILABLE,
    pb.ERROR_REASON_STORE_READ_ONLY: _S.UNAVAILABLE,
    pb.ERROR_REASON_NO_WORKER: _S.UNAVAILABLE,
    pb.ERROR_REASON_DEADLINE: _S.DEADLINE_EXCEEDED,
    pb.ERROR_REASON_SERVER_FAULT: _S.UNAVAILABLE,
    pb.ERROR_REASON_CREDENTIAL_INVALID: _S.UNAUTHENTICATED,
    pb.ERROR_REASON_SCOPE_MISSING: _S.PERMISSION_DENIED,
    pb.ERROR_REASON_GRANT_MISSING: _S.PERMISSION_DENIED,
    pb.ERROR_REASON_METHOD_UNKNOWN: _S.UNIMPLEMENTED,
}

_RESOURCE_SUFFIXES = ("_NOT_FOUND", "_EXISTS")


class MethodUnknown(RoomdError):
    """There is no such method here."""

    code = 12


def status_code(error: RoomdError) -> grpc.StatusCode:
    """The gRPC code of an error."""
    return STATUS_OF_REASON[error.reason]


def rich_status(error: RoomdError, request_id: str) -> status_pb2.Status:
    """Build the ``google.rpc.Status``: ErrorInfo first, then what else helps."""
    code = status_code(error)
    message = clip(error.message, _MAX_MESSAGE_BYTES)
    metadata = _clip_metadata(error.metadata)
    details: list[Message] = [_error_info(error, metadata, request_id)]
    if isinstance(error, InvalidArgument) and error.violations:
        details.append(_bad_request(error))
    if error.retry_after is not None:
        details.append(_retry_info(error.retry_after))
    if code is _S.FAILED_PRECONDITION:
        details.append(_precondition_failure(error, metadata, message))
    if code in (_S.NOT_FOUND, _S.ALREADY_EXISTS) and metadata:
        details.append(_resource_info(error, metadata, message))
    return status_pb2.Status(code=code.value[0], message=message, details=map(_pack, details))


def clip(text: str, max_bytes: int) -> str:
    """Cut to at most ``max_bytes`` of UTF-8, with an ellipsis."""
    data = text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return data.decode()
    return data[: max_bytes - 3].decode("utf-8", "ignore") + "…"


def _clip_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    left_bytes = _MAX_METADATA_BYTES
    for key, value in metadata.items():
        clipped = clip(value, _MAX_VALUE_BYTES)
        left_bytes -= len(key) + len(clipped.encode()) + 8
        if left_bytes < 0:
            break
        kept[key] = clipped
    return kept


def _error_info(
    error: RoomdError, metadata: dict[str, str], request_id: str
) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo(reason=error.reason_name, domain=DOMAIN, metadata=metadata)
    if request_id:
        info.metadata["request_id"] = request_id
    return info


def _bad_request(error: InvalidArgument) -> error_details_pb2.BadRequest:
    detail = error_details_pb2.BadRequest()
    left_bytes = _MAX_VIOLATIONS_BYTES
    for field, description in error.violations:
        field, description = clip(field, 200), clip(description, 200)  # noqa: PLW2901
        left_bytes -= len(field.encode()) + len(description.encode()) + 8
        if left_bytes < 0:
            break
        detail.field_violations.add(field=field, description=description)
    return detail


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    whole = int(seconds)
    delay = Duration(seconds=whole, nanos=int((seconds - whole) * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _precondition_failure(
    error: RoomdError, metadata: dict[str, str], message: str
) -> error_details_pb2.PreconditionFailure:
    detail = error_details_pb2.PreconditionFailure()
    subject = "/".join(metadata.values())
    detail.violations.add(
        type=error.reason_name, subject=clip(subject, _MAX_VALUE_BYTES), description=message
    )
    return detail


def _resource_info(
    error: RoomdError, metadata: dict[str, str], message: str
) -> error_details_pb2.ResourceInfo:
    kind = error.reason_name
    for suffix in _RESOURCE_SUFFIXES:
        kind = kind.removesuffix(suffix)
    return error_details_pb2.ResourceInfo(
        resource_type=kind.lower(),
        resource_name=clip("/".join(metadata.values()), _MAX_VALUE_BYTES),
        description=clip(message, 200),
    )


def _pack(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
