"""One piece of work for a worker, over all its attempts; no logic but its own state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from roomd import v1 as pb
from roomd_server.core.ports import Cancellable
from roomd_server.core.tracing import Span, Value

if TYPE_CHECKING:
    from roomd_server.hooks.chunks import ChunkBuffer
    from roomd_server.hooks.seats import Attachment, Group


class Fate(Enum):
    """How an invocation ended."""

    ANSWERED = "answered"
    TIMEOUT = "timeout"
    NO_WORKER = "no worker is attached"
    FULL = "all workers are busy and no more can wait"
    LOST = "its workers went away while they worked on it"
    REMOVED = "the handler was removed"
    BROKEN = "the worker broke the rules of a streamed answer"
    OUTDATED = "the event was edited or withdrawn before a worker had it"


class Outcome(NamedTuple):
    """What became of an invocation."""

    fate: Fate
    result: pb.Result | None = None
    worker_id: str = ""
    detail: str = ""


@dataclass(slots=True, eq=False)
class Invocation:
    """Work on its way. Whoever made it waits for ``future``."""

    group: Group
    invocation_id: str
    timeout_seconds: float
    longest_seconds: float
    """From the offer on, extensions included."""
    room_id: str = ""
    trigger: pb.HookTrigger = pb.HOOK_TRIGGER_UNSPECIFIED
    payload: pb.HookPayload | None = None
    call: pb.HandlerCall | None = None
    context: pb.RoomContext | None = None
    size: int = 0
    """Bytes of payload and context."""
    replies: bool = True
    """Counts against the reply window; otherwise against the observe window."""
    holds_lock: bool = False
    """A room's lock is held until it is answered."""
    waits: bool = True
    """Waits for room in a window; otherwise it is dropped."""
    backlogged: bool = False
    """One of a backlog: together they take at most half of the observers' window."""
    chunks: ChunkBuffer | None = None
    max_attempts: int = 3

    lease: int = 0
    attempt: int = 0
    outdated: bool = False
    """Not to be offered again: what it brings was edited or withdrawn."""
    began: float = 0.0
    deadline: float = 0.0
    timer: Cancellable | None = None
    span: Span | None = None
    """When it is traced."""
    attachment: Attachment | None = None
    """Who works on it now."""
    last: Attachment | None = None
    """Who answered it, or had it last."""
    future: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def org(self) -> str:
        """Whose work it is."""
        return self.group.org

    def begin_span(self, trace: Span) -> None:
        """Trace it from now on, until it has ended."""
        kind = "hook" if self.call is None else self.call.WhichOneof("kind")
        about: dict[str, Value] = {
            "handler": self.group.name,
            "room_id": self.room_id,
            "invocation_id": self.invocation_id,
        }
        if self.call is None:
            about["trigger"] = pb.HookTrigger.Name(self.trigger)
        self.span = trace.start(f"{kind} {self.group.name}", about)
        self.future.add_done_callback(self._end_span)

    def _end_span(self, future: asyncio.Future[Outcome]) -> None:
        assert self.span is not None
        about: dict[str, Value] = {"attempts": self.attempt}
        if future.cancelled():
            self.span.end(about, failed=True)
            return
        outcome = future.result()
        about |= {"fate": outcome.fate.name.lower(), "worker_id": outcome.worker_id}
        result = outcome.result
        if result is not None:
            kind = result.WhichOneof("outcome") or ""
            about["answer"] = (result.decision.WhichOneof("action") or "") or kind
        failed = result is None or result.HasField("failure")
        self.span.end(about, failed=failed)

    def measure(self) -> None:
        """Count its bytes anew; only while no window counts it."""
        parts = (self.payload, self.call, self.context)
        self.size = sum(part.ByteSize() for part in parts if part is not None)

    def delivers(self, event_id: str) -> bool:
        """Whether it brings an event to a channel."""
        if self.call is None:
            return False
        kind = self.call.WhichOneof("kind")
        if kind not in ("deliver", "respond"):
            return False
        delivery: pb.ChannelDelivery = getattr(self.call, kind)
        return delivery.event.event_id == event_id

    def revise(self, event: pb.RoomEvent) -> None:
        """Tell a committed event as it is now, wherever it is told besides a delivery."""
        if self.payload is not None and self.payload.event.event_id == event.event_id:
            self.payload = pb.HookPayload(event=event)
        if self.context is None:
            return
        for place, one in enumerate(self.context.recent_events):
            if one.event_id == event.event_id:
                context = pb.RoomContext()  # other invocations share the old one
                context.CopyFrom(self.context)
                context.recent_events[place].CopyFrom(event)
                self.context = context
                return

    def resolve(self, outcome: Outcome) -> None:
        """Tell who waits."""
        if not self.future.done():
            self.future.set_result(outcome)
