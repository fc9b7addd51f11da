"""One piece of work for a worker, over all its attempts; no logic but its own state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from roomd import v1 as pb
from roomd_server.core.ports import Cancellable

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
    chunks: ChunkBuffer | None = None
    max_attempts: int = 3

    lease: int = 0
    attempt: int = 0
    began: float = 0.0
    deadline: float = 0.0
    timer: Cancellable | None = None
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

    def resolve(self, outcome: Outcome) -> None:
        """Tell who waits."""
        if not self.future.done():
            self.future.set_result(outcome)
