"""What goes to one worker: control frames in order, and work batched per write.

Everything that is due leaves in one frame. With other work outstanding in the session an
invocation waits a moment for company; a lone one leaves at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sized

from roomd import v1 as pb
from roomd_server.core.ports import Cancellable, Clock
from roomd_server.hooks.invocation import Invocation
from roomd_server.hooks.options import HookOptions


class Outbox:
    """The outgoing side of one session; read by one task with ``next``.

    Args:
        clock: For the linger and the time left.
        options: Limits.
        held: What the session works on: one entry alone does not linger.
        overflow: Called when the worker does not read what it is told.
    """

    __slots__ = (
        "_clock",
        "_closed",
        "_due",
        "_frames",
        "_held",
        "_linger",
        "_options",
        "_overflow",
        "_ready",
        "_waiter",
    )

    def __init__(
        self, clock: Clock, options: HookOptions, held: Sized, overflow: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._options = options
        self._held = held
        self._overflow = overflow
        self._frames: deque[pb.ConnectResponse] = deque()  # bounded: options.outbox_frames
        self._due: dict[str, Invocation] = {}  # bounded: by the session's windows
        self._ready = False
        """Whether what is due need not linger any more."""
        self._linger: Cancellable | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more will go out."""
        return self._closed

    def push(self, frame: pb.ConnectResponse) -> None:
        """Send a control frame, behind all work that was offered before it."""
        if self._closed:
            return
        while self._due:
            self._frames.append(self._batch())
        if len(self._frames) >= self._options.outbox_frames:
            self._overflow()
            return
        self._frames.append(frame)
        self._wake()

    def offer(self, invocation: Invocation) -> None:
        """Send work, with whatever else becomes due within the linger."""
        self._due[invocation.invocation_id] = invocation
        if len(self._held) <= 1:
            self._flush()
        elif self._linger is None and not self._ready:
            options = self._options
            crowded = options.in_flight() >= options.crowd
            seconds = options.crowd_linger_seconds if crowded else options.linger_seconds
            self._linger = self._clock.call_later(seconds, self._flush)

    def withdraw(self, invocation_id: str) -> bool:
        """Take work back; False when it has left already."""
        return self._due.pop(invocation_id, None) is not None

    def close(self) -> None:
        """Send nothing more but the control frames that wait."""
        self._closed = True
        self._due.clear()
        if self._linger is not None:
            self._linger.cancel()
        self._wake()

    async def next(self) -> pb.ConnectResponse | None:
        """The next frame to write; None when the outbox is closed and empty."""
        while True:
            if self._frames:
                return self._frames.popleft()
            if self._due and self._ready:
                batch = self._batch()
                # What did not fit follows at once; what comes now waits for company.
                self._ready = bool(self._due)
                return batch
            if self._closed:
                return None
            self._ready = False
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _flush(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        self._ready = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _batch(self) -> pb.ConnectResponse:
        """Everything that is due and fits, built in place."""
        frame = pb.ConnectResponse()
        add = frame.invocations.invocations.add
        now = self._clock.monotonic()
        inline = self._options.inline_payload_bytes
        left = self._options.batch_bytes
        taken: list[str] = []
        for invocation in self._due.values():
            size = invocation.size if invocation.size <= inline else 0
            if taken and size > left:
                break
            left -= size
            taken.append(invocation.invocation_id)
            _fill(add(), invocation, now, inline)
        if len(taken) == len(self._due):
            self._due.clear()
        else:
            for invocation_id in taken:
                del self._due[invocation_id]
        return frame


def _fill(out: pb.Invocation, invocation: Invocation, now: float, inline: int) -> None:
    group = invocation.group
    out.invocation_id = invocation.invocation_id
    out.lease = invocation.lease
    out.handler = group.name
    out.attempt = invocation.attempt
    out.reply_expected = invocation.replies
    left = max(0.0, invocation.deadline - now)
    out.timeout.seconds = whole = int(left)
    out.timeout.nanos = int((left - whole) * 1e9)
    out.organization_id = group.org
    out.room_id = invocation.room_id
    out.trigger = invocation.trigger
    if invocation.span is not None:
        out.trace_context.update(invocation.span.carrier())
    if invocation.size > inline:
        out.oversize.size_bytes = invocation.size
        return
    if invocation.payload is not None:
        out.hook.CopyFrom(invocation.payload)
    elif invocation.call is not None:
        out.call.CopyFrom(invocation.call)
    if invocation.context is not None:
        out.context.CopyFrom(invocation.context)
