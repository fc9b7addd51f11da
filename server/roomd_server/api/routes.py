"""The contract between the API and what it serves: a handler per method path.

Handlers take a ``Caller`` and messages, raise ``RoomdError`` and know no gRPC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.message import Message

from roomd_server.core.ports import Caller

Outgoing = Message | bytes
"""A message, or one that is serialised already."""


class StreamWriter(Protocol):
    """Where a pushing handler writes its stream."""

    resume: Callable[[], Mapping[str, str]] | None
    """Set by the handler: what a caller needs to resume, for the SLOW_CONSUMER error."""

    async def write(self, message: Outgoing) -> None:
        """Write one message; waits while the transport is full.

        A reader that keeps it waiting too long ends the call with SLOW_CONSUMER: the
        handler sees a cancellation.
        """


# Requests and responses differ per method, and a table of them cannot say which: the
# registration checks that every method has exactly one handler.
UnaryHandler = Callable[[Caller, Any], Awaitable[Outgoing]]
StreamHandler = Callable[[Caller, Any], AsyncIterator[Outgoing]]
PushHandler = Callable[[Caller, Any, StreamWriter], Awaitable[None]]
BidiHandler = Callable[[Caller, AsyncIterator[Any]], AsyncIterator[Outgoing]]


@dataclass(frozen=True, slots=True)
class Routes:
    """Handlers by method path, for example ``/roomd.v1.RoomService/CreateRoom``."""

    unary: Mapping[str, UnaryHandler] = field(default_factory=dict)
    """One message in, one out."""
    streams: Mapping[str, StreamHandler | BidiHandler] = field(default_factory=dict)
    """Async generators: server-streaming methods get the request, bidirectional ones an
    iterator of requests."""
    pushes: Mapping[str, PushHandler] = field(default_factory=dict)
    """Server-streaming methods that write by themselves."""
