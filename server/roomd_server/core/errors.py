"""Every error a caller can see: one tree, each with a reason and a remedy.

    RoomdError
    ├── InvalidArgument      the request breaks a rule; change it
    ├── NotFound             it is not there (or not yours)
    ├── AlreadyExists        it is there already
    ├── FailedPrecondition   not in this state
    ├── Aborted              somebody else was faster; read again
    ├── OutOfRange           before what is kept; reload
    ├── ResourceExhausted    too much; wait for ``retry_after``
    ├── Unavailable          nothing was decided; try again
    ├── DeadlineExceeded     the caller's time is over
    ├── Unauthenticated      who are you?
    └── PermissionDenied     not with this credential

The API layer turns them into a ``google.rpc.Status``; nothing else may leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from roomd import v1 as pb


class Violation(NamedTuple):
    """A field that breaks its rule: ``field`` as a path, ``description`` says the rule."""

    field: str
    description: str


class RoomdError(Exception):
    """An outcome that a caller sees.

    Args:
        reason: Machine-readable; see ``error.proto``.
        message: Says what is wrong and what to do.
        metadata: Goes into ``ErrorInfo.metadata``.
        retry_after: Seconds to wait before the next try, if waiting helps.
    """

    code: ClassVar[int]
    """The ``google.rpc.Code``."""

    def __init__(
        self,
        reason: pb.ErrorReason,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after

    @property
    def reason_name(self) -> str:
        """The reason as it goes over the wire, for example ``ROOM_NOT_FOUND``."""
        return pb.ErrorReason.Name(self.reason).removeprefix("ERROR_REASON_")

    def to_status(self) -> pb.Status:
        """The same as a message inside a stream."""
        return pb.Status(code=self.code, message=self.message, reason=self.reason)


class InvalidArgument(RoomdError):
    """The request breaks a rule; ``violations`` name the fields."""

    code = 3

    def __init__(
        self,
        reason: pb.ErrorReason,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, message, metadata=metadata)
        self.violations = tuple(violations)


class DeadlineExceeded(RoomdError):
    """The caller's time is over."""

    code = 4


class NotFound(RoomdError):
    """It is not there, or belongs to somebody else."""

    code = 5


class AlreadyExists(RoomdError):
    """It is there already."""

    code = 6


class PermissionDenied(RoomdError):
    """The credential does not allow it."""

    code = 7


class ResourceExhausted(RoomdError):
    """Too much, or too fast."""

    code = 8


class FailedPrecondition(RoomdError):
    """Not in this state."""

    code = 9


class Aborted(RoomdError):
    """Somebody else changed it first."""

    code = 10


class OutOfRange(RoomdError):
    """Before what is kept."""

    code = 11


class Unavailable(RoomdError):
    """Nothing was decided or written; the same call may be repeated."""

    code = 14


class Unauthenticated(RoomdError):
    """No credential, or not a valid one."""

    code = 16


def invalid(field: str, description: str) -> InvalidArgument:
    """Build the error for one field that breaks its rule."""
    return InvalidArgument(
        pb.ERROR_REASON_VALIDATION,
        f"{field}: {description}",
        violations=[Violation(field, description)],
    )


def history_truncated(room_id: str, message: str, oldest_index: int) -> OutOfRange:
    """Build the error for a reader that would miss what is not kept any more."""
    return OutOfRange(
        pb.ERROR_REASON_HISTORY_TRUNCATED,
        message,
        metadata={"room_id": room_id, "oldest_index": str(oldest_index)},
    )


def room_not_found(room_id: str) -> NotFound:
    """Build the error for a room that is not there."""
    return NotFound(
        pb.ERROR_REASON_ROOM_NOT_FOUND,
        f"no room {room_id!r}; create it first",
        metadata={"room_id": room_id},
    )


def channel_not_found(channel_id: str) -> NotFound:
    """Build the error for a channel that is not registered."""
    return NotFound(
        pb.ERROR_REASON_CHANNEL_NOT_FOUND,
        f"no channel {channel_id!r}; register it first",
        metadata={"channel_id": channel_id},
    )


def binding_not_found(room_id: str, channel_id: str) -> NotFound:
    """Build the error for a channel that is not attached to the room."""
    return NotFound(
        pb.ERROR_REASON_BINDING_NOT_FOUND,
        f"channel {channel_id!r} is not attached to room {room_id!r}; attach it first",
        metadata={"room_id": room_id, "channel_id": channel_id},
    )


def participant_not_found(room_id: str, participant_id: str) -> NotFound:
    """Build the error for somebody who is not in the room."""
    return NotFound(
        pb.ERROR_REASON_PARTICIPANT_NOT_FOUND,
        f"no participant {participant_id!r} in room {room_id!r}; add them first",
        metadata={"room_id": room_id, "participant_id": participant_id},
    )


def event_not_found(room_id: str, key: object) -> NotFound:
    """Build the error for an event that is not in the room."""
    return NotFound(
        pb.ERROR_REASON_EVENT_NOT_FOUND,
        f"no event {key!r} in room {room_id!r}",
        metadata={"room_id": room_id, "event": str(key)},
    )
