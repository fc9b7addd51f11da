"""Typed errors, one per reason that a caller may want to catch.

RoomKitError
├── RoomNotFoundError, ChannelNotFoundError, ChannelNotRegisteredError,
│   ParticipantNotFoundError, EventNotFoundError, ToolNotFoundError, NotFoundError
├── RoomClosedError, ChannelAlreadyRegisteredError, AlreadyExistsError
├── ValidationFailedError      .violations: field → rule
├── MessageTooLargeError
├── PermissionDeniedError, UnauthenticatedError
├── RateLimitedError           .retry_after_seconds
├── WouldDeadlockError
├── GiveUpError                raised by the application, in durable hooks
└── ServiceUnavailableError    nothing was decided; the call may be repeated
"""

from __future__ import annotations

from collections.abc import Mapping


class RoomKitError(Exception):
    """Something the service refused or could not do.

    Attributes:
        reason: The protocol's reason, for example ROOM_NOT_FOUND; '' for errors of the SDK.
        metadata: Facts that belong to the reason.
    """

    def __init__(
        self, message: str = "", *, reason: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = dict(metadata or {})


class NotFoundError(RoomKitError):
    """It is not there."""


class RoomNotFoundError(NotFoundError):
    """Room does not exist."""


class ChannelNotFoundError(NotFoundError):
    """Channel is not attached to the room."""


class ChannelNotRegisteredError(NotFoundError):
    """Channel is not registered."""


class ParticipantNotFoundError(NotFoundError):
    """Participant is not in the room."""


class EventNotFoundError(NotFoundError):
    """Event is not in the room."""


class ToolNotFoundError(NotFoundError):
    """No program serves a tool of that name, or not to this channel."""


class AlreadyExistsError(RoomKitError):
    """It is there already."""


class ChannelAlreadyRegisteredError(AlreadyExistsError):
    """A channel with this id is registered already."""


class RoomClosedError(RoomKitError):
    """The room is closed or archived."""


class ValidationFailedError(RoomKitError, ValueError):
    """The request breaks rules; ``violations`` says which field and which rule."""

    violations: Mapping[str, str] = {}


class MessageTooLargeError(RoomKitError, ValueError):
    """The message is larger than the service takes."""


class PermissionDeniedError(RoomKitError):
    """The key does not allow it."""


class UnauthenticatedError(RoomKitError):
    """No key, or not a valid one."""


class RateLimitedError(RoomKitError):
    """Too many; ``retry_after_seconds`` says when to come back."""

    retry_after_seconds: float = 0.0


class WouldDeadlockError(RoomKitError):
    """A hook calls into the room that waits for it."""


class ServiceUnavailableError(RoomKitError):
    """Nothing was decided; the call may be repeated."""


class NotSupportedError(RoomKitError):
    """This version of roomd does not have it."""


class GiveUpError(RoomKitError):
    """Raise it in a durable hook: no other attempt will help, so it is parked at once."""
