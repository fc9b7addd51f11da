"""Calls to the service: credential, deadline, retries, typed errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, cast
from uuid import uuid4

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from roomd import exceptions as errors
from roomd import v1 as pb
from roomd._invocation import call_metadata
from roomd._reconnect import Reconnect

R = TypeVar("R", bound=Message)

CALL_SECONDS = 30.0
DELIVERED_SECONDS = 75.0
"""For calls that wait for the cascade, which the server bounds at 60 s."""
CALL_BACKOFF_SECONDS = 2.0
"""Somebody waits for a call: it is repeated more often than a stream is dialled."""
RETRY_SECONDS = 60.0
"""How long a call is repeated while the service is not there."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

_MAYBE_RUN = frozenset(("UNAVAILABLE", "SERVER_FAULT"))
"""Without a reason of the service (gRPC's own words), and a fault of it: who knows how far the
call had come."""

_OPTIONS = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A keepalive ping is a ping, too, and is waited for so long: a minute by default.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
]


class Client:
    """A connection to the service.

    Args:
        address: ``host:port``.
        api_key: The key; '' for a server on loopback that asks for none.
        tls: Use TLS; a bytes value is the PEM of the authority to trust.
        reconnect: How its streams are dialled again; None: as always.
    """

    def __init__(
        self,
        address: str,
        api_key: str = "",
        *,
        tls: bool | bytes = False,
        reconnect: Reconnect | None = None,
    ) -> None:
        self.address = address
        self.reconnect = reconnect or Reconnect()
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        if tls:
            credentials = grpc.ssl_channel_credentials(tls if isinstance(tls, bytes) else None)
            self.channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        else:
            self.channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._calls: dict[str, Any] = {}

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Credential and, inside a handler, the invocation and its trace."""
        return (*self._metadata, *call_metadata())

    async def call(
        self,
        path: str,
        request: Message,
        response: type[R],
        *,
        timeout: float = CALL_SECONDS,
        may_repeat_lost: bool = True,
    ) -> R:
        """Make a unary call; repeat it while the service is not there.

        An error means that nothing was decided, so repeating is safe; requests with an
        ``idempotency_key`` or ``request_id`` get one when they have none.

        Args:
            path: ``/package.Service/Method``.
            request: Its request.
            response: Type of the answer.
            timeout: Seconds.
            may_repeat_lost: It has a key, or may take effect twice. False: it is begun once
                there is a connection, and repeated only when the service itself refused it;
                whether a call took effect whose connection was lost, nobody knows.

        Raises:
            RoomKitError: the subclass for the reason.
        """
        _give_key(request)
        call = self._calls.get(path)
        if call is None:
            call = self._calls[path] = self.channel.unary_unary(
                path,
                request_serializer=type(request).SerializeToString,
                response_deserializer=response.FromString,
            )
        loop = asyncio.get_running_loop()
        give_up = loop.time() + RETRY_SECONDS
        attempt = 0
        if not may_repeat_lost:
            await self._connected()
        while True:
            try:
                return cast("R", await call(request, metadata=self.metadata(), timeout=timeout))
            except grpc.aio.AioRpcError as error:
                typed = error_from(error)
                if error.code() != grpc.StatusCode.UNAVAILABLE or loop.time() > give_up:
                    raise typed from None
                if not may_repeat_lost and typed.reason in _MAYBE_RUN:
                    raise typed from None
                await asyncio.sleep(min(Reconnect().wait_seconds(attempt), CALL_BACKOFF_SECONDS))
                attempt += 1

    async def _connected(self) -> None:
        """Wait for a connection, as long as other calls are repeated without one."""
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                await self.channel.channel_ready()
        except TimeoutError:
            raise errors.ServiceUnavailableError(
                f"no connection to {self.address} within {RETRY_SECONDS:g} s",
                reason="UNAVAILABLE",
            ) from None

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close(None)


async def opening(opened: asyncio.Future[None], what: str, timeout: float) -> None:
    """Wait until a stream is open, which goes on being dialled when this gives up.

    Raises:
        RoomKitError: the service refused it.
        ServiceUnavailableError: it is not open after ``timeout`` seconds.
    """
    try:
        await asyncio.wait_for(asyncio.shield(opened), timeout)
    except TimeoutError:
        raise errors.ServiceUnavailableError(
            f"{what}: not open within {timeout:g} s; it is still being dialled",
            reason="UNAVAILABLE",
        ) from None


REFUSALS = frozenset(
    (
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
    )
)
"""A stream that ends with one of these would end so again: it is not dialled again."""


def is_too_large(error: grpc.aio.AioRpcError) -> bool:
    """Whether the service refused something for its size: it would do so again.

    RESOURCE_EXHAUSTED alone does not say so: a proxy that is busy says it, too.
    """
    return bool(_details_of(error).info.reason == "MESSAGE_TOO_LARGE")


def _give_key(request: Message) -> None:
    """Make a call that creates something safe to repeat."""
    fields = request.DESCRIPTOR.fields_by_name
    for name in ("idempotency_key", "request_id"):
        if name in fields and not getattr(request, name):
            setattr(request, name, uuid4().hex)


def error_from(error: grpc.aio.AioRpcError) -> errors.RoomKitError:
    """The typed error of a failed call."""
    message = error.details() or error.code().name
    info, bad, retry = _details_of(error)
    reason = info.reason
    if not reason and error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
        # Only gRPC itself, on either side, refuses without a reason, and only for the size.
        reason = "MESSAGE_TOO_LARGE"
    made = error_of_reason(reason, message, dict(info.metadata), error.code())
    if isinstance(made, errors.ValidationFailedError):
        made.violations = {one.field: one.description for one in bad.field_violations}
    if isinstance(made, errors.RateLimitedError):
        made.retry_after_seconds = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return made


class _Details(NamedTuple):
    """What the service says beside code and message; empty what it does not say."""

    info: error_details_pb2.ErrorInfo
    bad: error_details_pb2.BadRequest
    retry: error_details_pb2.RetryInfo


def _details_of(error: grpc.aio.AioRpcError) -> _Details:
    details = _Details(
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    trailing = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    for key, value in trailing:
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(cast("bytes", value)).details:
                for into in details:
                    if detail.Is(into.DESCRIPTOR):
                        detail.Unpack(into)
    return details


def error_of_status(status: pb.Status) -> errors.RoomKitError:
    """The typed error of a status inside a stream."""
    reason = pb.ErrorReason.Name(status.reason).removeprefix("ERROR_REASON_")
    code = next(
        (one for one in grpc.StatusCode if one.value[0] == status.code), grpc.StatusCode.UNKNOWN
    )
    return error_of_reason(reason, status.message, {}, code)


def error_of_reason(
    reason: str, message: str, metadata: Mapping[str, str], code: grpc.StatusCode
) -> errors.RoomKitError:
    """The most telling class for a reason, else for a code."""
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code, errors.RoomKitError)
    return kind(message, reason=reason or code.name, metadata=metadata)


_BY_REASON: Mapping[str, type[errors.RoomKitError]] = {
    "ROOM_NOT_FOUND": errors.RoomNotFoundError,
    "CHANNEL_NOT_FOUND": errors.ChannelNotRegisteredError,
    "BINDING_NOT_FOUND": errors.ChannelNotFoundError,
    "PARTICIPANT_NOT_FOUND": errors.ParticipantNotFoundError,
    "EVENT_NOT_FOUND": errors.EventNotFoundError,
    "TOOL_NOT_FOUND": errors.ToolNotFoundError,
    "CHANNEL_EXISTS": errors.ChannelAlreadyRegisteredError,
    "ROOM_CLOSED": errors.RoomClosedError,
    "RATE_LIMITED": errors.RateLimitedError,
    "WOULD_DEADLOCK": errors.WouldDeadlockError,
    "MESSAGE_TOO_LARGE": errors.MessageTooLargeError,
}
_BY_CODE: Mapping[grpc.StatusCode, type[errors.RoomKitError]] = {
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.INVALID_ARGUMENT: errors.ValidationFailedError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.RateLimitedError,
    grpc.StatusCode.UNAVAILABLE: errors.ServiceUnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.ServiceUnavailableError,
}
