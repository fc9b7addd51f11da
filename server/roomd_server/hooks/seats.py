"""Where work sits: a seat per session with its windows, a group per handler name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from roomd import v1 as pb
from roomd_server.core.errors import AlreadyExists
from roomd_server.core.ports import Clock, Grant
from roomd_server.hooks.invocation import Invocation
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.outbox import Outbox

PAST_INVOCATIONS = 1024
"""Ended invocations that a session remembers, to call a second answer LATE."""


class SeatState(Enum):
    """Whether a session takes work."""

    SERVING = 1
    DRAINING = 2
    """It was told to dial again: its worker is expected back, work waits for it."""
    LEAVING = 3
    """It said Goodbye or is gone: nobody waits for it."""


class Group:
    """The consumer group of one handler: who serves it, and what waits for them."""

    __slots__ = ("feed", "members", "name", "org", "told", "untold", "waiting")

    def __init__(self, org: str, name: str) -> None:
        self.org = org
        self.name = name
        self.members: list[Attachment] = []
        self.waiting: dict[str, Invocation] = {}  # bounded: HookOptions.group_queue
        self.untold = 0
        """Observations dropped since the workers were told."""
        self.told = False
        """A notice about drops is on its way."""
        self.feed: Callable[[], None] | None = None
        """Offers what waits for a durable observer; called when somebody serves it."""

    @property
    def serving(self) -> int:
        """Sessions that take work."""
        return sum(1 for one in self.members if one.seat.state is SeatState.SERVING)

    @property
    def expects_somebody(self) -> bool:
        """Whether waiting makes sense: somebody serves, or is expected back."""
        return any(one.seat.state is not SeatState.LEAVING for one in self.members)

    @property
    def takes_backlog(self) -> bool:
        """Whether some member may have room for one of a backlog."""
        return any(
            one.seat.state is SeatState.SERVING and one.seat.takes_backlog for one in self.members
        )

    def pick(self, invocation: Invocation) -> Attachment | None:
        """The least loaded member with room; among equals the one that worked last longest
        ago.
        """
        best: Attachment | None = None
        best_load = 0
        for one in self.members:
            if not one.has_room(invocation):
                continue
            load = len(one.seat.held)
            if (
                best is None
                or load < best_load
                or (load == best_load and one.last_lease < best.last_lease)
            ):
                best, best_load = one, load
        return best


class Seat:
    """What the dispatcher knows of a session. Windows are counts that both sides can make."""

    __slots__ = (
        "attachments",
        "backlogged",
        "connect_time",
        "grant",
        "held",
        "max_bytes",
        "observe_bytes",
        "observe_window",
        "observing",
        "on_idle",
        "org",
        "outbox",
        "past",
        "reply_bytes",
        "reply_window",
        "replying",
        "sdk",
        "session_id",
        "state",
        "worker_id",
    )

    def __init__(
        self,
        org: str,
        session_id: str,
        clock: Clock,
        options: HookOptions,
        overflow: Callable[[], None],
        grant: Grant | None = None,
    ) -> None:
        self.org = org
        self.session_id = session_id
        self.grant = grant
        """What its worker may register and answer; None: everything."""
        self.worker_id = ""
        self.sdk = ""
        self.connect_time = clock.now()
        self.state = SeatState.SERVING
        self.held: dict[str, Invocation] = {}  # bounded: by the windows
        self.past: dict[str, int] = {}  # bounded: PAST_INVOCATIONS; id -> lease
        self.attachments: dict[str, Attachment] = {}  # bounded: HookOptions.max_handlers
        self.reply_window = options.reply_window
        self.observe_window = options.observe_window
        self.max_bytes = options.window_bytes
        self.replying = 0
        self.observing = 0
        self.backlogged = 0
        """Those of ``observing`` that come from a backlog."""
        self.reply_bytes = 0
        self.observe_bytes = 0
        self.outbox = Outbox(clock, options, self.held, overflow)
        self.on_idle: Callable[[], None] | None = None
        """Called when a session that is leaving holds nothing any more."""

    def set_window(self, window: pb.SetWindow, options: HookOptions) -> None:
        """Take what the worker asks for, up to the server's limits; 0 is the default."""
        most = options.max_window
        self.reply_window = min(window.reply_window or options.reply_window, most)
        self.observe_window = min(window.observe_window or options.observe_window, most)
        self.max_bytes = min(window.max_bytes or options.window_bytes, options.max_window_bytes)

    def has_room(self, invocation: Invocation) -> bool:
        """Whether the windows leave room. Observers get at most half of the bytes, so that
        their backlog cannot starve decisions; one payload always fits into an idle window.
        """
        size = invocation.size
        used = self.reply_bytes + self.observe_bytes
        if invocation.replies:
            if self.replying >= self.reply_window:
                return False
            return not self.replying or used + size <= self.max_bytes
        if self.observing >= self.observe_window:
            return False
        if invocation.backlogged and not self.takes_backlog:
            return False
        if not self.observing:
            return True
        return self.observe_bytes + size <= self.max_bytes // 2 and used + size <= self.max_bytes

    @property
    def takes_backlog(self) -> bool:
        """Whether what comes from backlogs has left its half of the window free: what is told
        once must find a place even while thousands wait.
        """
        return self.backlogged < max(1, self.observe_window // 2)

    def take(self, invocation: Invocation) -> None:
        """Hold an invocation and send it."""
        self.held[invocation.invocation_id] = invocation
        if invocation.replies:
            self.replying += 1
            self.reply_bytes += invocation.size
        else:
            self.observing += 1
            self.backlogged += invocation.backlogged
            self.observe_bytes += invocation.size
        self.outbox.offer(invocation)

    def release(self, invocation: Invocation) -> None:
        """Hold it no more."""
        del self.held[invocation.invocation_id]
        if invocation.replies:
            self.replying -= 1
            self.reply_bytes -= invocation.size
        else:
            self.observing -= 1
            self.backlogged -= invocation.backlogged
            self.observe_bytes -= invocation.size
        past = self.past
        past[invocation.invocation_id] = invocation.lease
        if len(past) > PAST_INVOCATIONS:
            del past[next(iter(past))]
        if self.state is not SeatState.SERVING and not self.held and self.on_idle is not None:
            self.on_idle()


def check_rivals(group: Group, worker_id: str, differing: Iterable[str]) -> None:
    """Refuse to change the settings of what other workers serve now.

    Args:
        group: Of the handler.
        worker_id: Who wants it; its own other sessions are no rivals.
        differing: Names of the settings, for the message.

    Raises:
        AlreadyExists: HANDLER_CONFLICT.
    """
    rivals = {
        one.seat.worker_id
        for one in group.members
        if one.seat.state is SeatState.SERVING and one.seat.worker_id != worker_id
    }
    if rivals:
        raise AlreadyExists(
            pb.ERROR_REASON_HANDLER_CONFLICT,
            f"{group.name!r} is served by {min(rivals)!r} with another {', '.join(differing)}; "
            "attach with its etag (or '*') to change that for all, or choose another name",
            metadata={"handler": group.name, "worker_id": min(rivals)},
        )


ANY_ETAG = "*"
"""Agrees with whatever is there."""


class Attachment:
    """A session's membership in a group."""

    __slots__ = ("group", "in_flight", "last_lease", "max_in_flight", "seat")

    def __init__(self, seat: Seat, group: Group, max_in_flight: int) -> None:
        self.seat = seat
        self.group = group
        self.max_in_flight = max_in_flight
        """0: no limit of its own."""
        self.in_flight = 0
        self.last_lease = 0

    def has_room(self, invocation: Invocation) -> bool:
        """Whether this member can take it now."""
        if self.seat.state is not SeatState.SERVING:
            return False
        if self.max_in_flight and self.in_flight >= self.max_in_flight:
            return False
        return self.seat.has_room(invocation)
