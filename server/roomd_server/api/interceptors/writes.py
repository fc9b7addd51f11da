"""Readers that do not read: a write that waits too long ends its stream.

The transport takes about 4 MiB before a write waits at all, so a waiting write means a
reader that stopped. One timer looks at all writes that wait; a timer per write would cost
more than the write's own bookkeeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.api.routes import Outgoing
from roomd_server.core.errors import ResourceExhausted, RoomdError


class WriteWatch:
    """Looks after the writes of all streams."""

    def __init__(self, write_timeout_seconds: float) -> None:
        self._timeout_seconds = write_timeout_seconds
        self._waiting: set[GuardedWriter] = set()
        self._timer: asyncio.TimerHandle | None = None

    def writer(self, send: Callable[[bytes], Awaitable[None]]) -> GuardedWriter:
        """Build the writer of one stream; use it as a context manager."""
        return GuardedWriter(self, send)

    def add(self, writer: GuardedWriter) -> None:
        """Look after a writer whose write waits."""
        self._waiting.add(writer)
        if self._timer is None:
            self._arm()

    def discard(self, writer: GuardedWriter) -> None:
        """It waits no more."""
        self._waiting.discard(writer)

    def _arm(self) -> None:
        pause = min(0.5, self._timeout_seconds / 4)
        self._timer = asyncio.get_running_loop().call_later(pause, self._look)

    def _look(self) -> None:
        self._timer = None
        before = asyncio.get_running_loop().time() - self._timeout_seconds
        for writer in self._waiting:
            writer.expire_if_waiting_since(before)
        if self._waiting:
            self._arm()


class GuardedWriter:
    """Writes one stream; a write that waits too long ends the stream with SLOW_CONSUMER."""

    __slots__ = ("_began", "_ended", "_guard", "_loop", "_send", "_watch", "resume")

    def __init__(self, watch: WriteWatch, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._watch = watch
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._guard = asyncio.timeout(None)
        self._began = 0.0
        """Loop time of the write that waits."""
        self._ended: RoomdError | None = None
        """Why it was ended from outside."""
        self.resume: Callable[[], Mapping[str, str]] | None = None
        """What the caller needs to resume; set by the handler."""

    async def write(self, message: Outgoing) -> None:
        """Write one message, serialised unless it is bytes."""
        data = message.SerializeToString() if isinstance(message, Message) else message
        self._began = self._loop.time()
        self._watch.add(self)
        try:
            await self._send(data)
        finally:
            self._watch.discard(self)

    def expire_if_waiting_since(self, before: float) -> None:
        """End the stream when its write has waited since before this loop time."""
        if self._began < before and not self._guard.expired():
            self._guard.reschedule(self._loop.time())

    def end(self, error: RoomdError) -> None:
        """End the stream with an error, whatever it is at."""
        if not self._guard.expired():
            self._ended = error
            self._guard.reschedule(self._loop.time())

    async def run(self, body: Awaitable[None]) -> None:
        """Run what writes.

        Raises:
            ResourceExhausted: SLOW_CONSUMER, with what ``resume`` says as metadata.
            RoomdError: what ``end`` was told.
        """
        try:
            async with self._guard:
                await body
        except TimeoutError:
            if not self._guard.expired():
                raise
            if self._ended is not None:
                raise self._ended from None
            raise ResourceExhausted(
                pb.ERROR_REASON_SLOW_CONSUMER,
                "the reader kept the server waiting; resume from where you are",
                metadata=self.resume() if self.resume is not None else {},
            ) from None
