"""Offers work to workers: leases, deadlines, re-offers. No task per invocation: futures
and timers only. What an answer means is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from roomd import v1 as pb
from roomd_server.core.errors import NotFound
from roomd_server.core.ports import Clock, Ids
from roomd_server.core.tracing import CURRENT
from roomd_server.hooks.invocation import Fate, Invocation, Outcome
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.seats import Attachment, Group, Seat, SeatState

EARLY_SECONDS = 0.0005
"""Timers may fire this much early; it is not worth another one."""


class Dispatcher:
    """All groups and everything in flight on this node."""

    def __init__(self, clock: Clock, ids: Ids, options: HookOptions) -> None:
        self._clock = clock
        self._ids = ids
        self._options = options
        self._groups: dict[tuple[str, str], Group] = {}
        self._live: dict[str, Invocation] = {}
        self._starved: dict[Group, None] = {}
        """Groups with waiting invocations; nearly always empty."""
        self._hungry: dict[Callable[[], None], None] = {}
        """What offers backlogs that found no room; bounded: by the durable hooks."""
        self._lease = 0
        self.offered = 0
        """Invocations offered so far, for gauges and for seeing that it is quiet."""
        self.on_empty: Callable[[Group], None] | None = None
        """Called when the last session has left a group."""

    @property
    def in_flight(self) -> int:
        """Invocations that are not ended."""
        return len(self._live)

    def new_id(self) -> str:
        """An id for an invocation."""
        return self._ids.new()

    # -------------------------------------------------------------- groups

    def group(self, org: str, name: str) -> Group:
        """The group of a handler; made when first asked for."""
        key = (org, name)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(org, name)
        return group

    def forget(self, group: Group) -> None:
        """Drop a group that nobody serves or needs any more."""
        if not group.members and not group.waiting:
            self._groups.pop((group.org, group.name), None)

    def attach(self, seat: Seat, group: Group, max_in_flight: int) -> None:
        """Let a session serve a group; repeating it changes the limit."""
        known = seat.attachments.get(group.name)
        if known is not None:
            known.max_in_flight = max_in_flight
        else:
            attachment = Attachment(seat, group, max_in_flight)
            seat.attachments[group.name] = attachment
            group.members.append(attachment)
        if group.waiting:
            self._pump(group)
        if group.feed is not None:
            group.feed()
        if group.untold:
            self._tell_drops(group)

    def detach(self, seat: Seat, name: str) -> bool:
        """Offer the session no more of this; what it holds it may still answer."""
        attachment = seat.attachments.pop(name, None)
        if attachment is None:
            return False
        group = attachment.group
        group.members.remove(attachment)
        self._after_leaving(group)
        return True

    def dissolve(self, group: Group) -> list[Seat]:
        """End everything of a group whose handler is removed; returns who served it."""
        mine = [one for one in self._live.values() if one.group is group]
        for invocation in mine:
            self._call_back(invocation, pb.Cancel.REASON_HANDLER_REMOVED)
            self._end(invocation, Outcome(Fate.REMOVED, detail=Fate.REMOVED.value))
        seats = [one.seat for one in group.members]
        for seat in seats:
            del seat.attachments[group.name]
        group.members.clear()
        self._groups.pop((group.org, group.name), None)
        return seats

    def leave(self, seat: Seat) -> None:
        """A session is gone: offer what it held to others, at once."""
        if seat.state is SeatState.LEAVING and not seat.attachments and not seat.held:
            return
        seat.state = SeatState.LEAVING
        attachments = list(seat.attachments.values())
        seat.attachments.clear()
        for attachment in attachments:
            attachment.group.members.remove(attachment)
        lost = list(seat.held.values())
        for invocation in lost:
            self._release(invocation)
        for invocation in lost:
            self._offer_again(invocation)
        for attachment in attachments:
            self._after_leaving(attachment.group)

    def retire(self, seat: Seat, state: SeatState) -> None:
        """Give a session no more work; what it holds it may still answer."""
        seat.state = state
        for attachment in seat.attachments.values():
            self._resolve_hopeless(attachment.group)

    def _after_leaving(self, group: Group) -> None:
        self._resolve_hopeless(group)
        if not group.members and self.on_empty is not None:
            self.on_empty(group)

    def _resolve_hopeless(self, group: Group) -> None:
        if group.waiting and not group.expects_somebody:
            for invocation in list(group.waiting.values()):
                self._end(invocation, Outcome(Fate.NO_WORKER, detail=Fate.NO_WORKER.value))

    # -------------------------------------------------------------- offering

    def offer(self, invocation: Invocation) -> None:
        """Give it to a worker, or let it wait for one; its ``future`` says how it ended.

        It ends at once when nobody serves the handler, when too much waits, or when it does
        not wait and no window has room.
        """
        self._begin(invocation)
        fate = self._place(invocation)
        if fate is not None:
            invocation.resolve(Outcome(fate, detail=fate.value))
            return
        self._watch(invocation)

    def place(self, invocation: Invocation) -> bool:
        """Give it to a worker with room for it; False: there is none, and nothing happened."""
        attachment = invocation.group.pick(invocation)
        if attachment is None:
            return False
        self._begin(invocation)
        self._assign(invocation, attachment)
        self._watch(invocation)
        return True

    def when_room(self, feed: Callable[[], None]) -> None:
        """Call back once when a window may have room again."""
        self._hungry[feed] = None

    def _begin(self, invocation: Invocation) -> None:
        now = self._clock.monotonic()
        invocation.began = now
        invocation.deadline = now + invocation.timeout_seconds
        self.offered += 1
        trace = CURRENT.get()
        if trace is not None:
            invocation.begin_span(trace)

    def _watch(self, invocation: Invocation) -> None:
        self._live[invocation.invocation_id] = invocation
        invocation.timer = self._clock.call_later(
            invocation.timeout_seconds, partial(self._expire, invocation)
        )

    def _place(self, invocation: Invocation) -> Fate | None:
        """Assign it or let it wait; the fate when neither is possible."""
        group = invocation.group
        # New ones queue up behind what waits; one whose worker died goes first.
        overtakes = invocation.attempt > 0 or not group.waiting
        attachment = group.pick(invocation) if overtakes else None
        if attachment is not None:
            self._assign(invocation, attachment)
            return None
        if not group.expects_somebody:
            return Fate.NO_WORKER
        if not invocation.waits or len(group.waiting) >= self._options.group_queue:
            return Fate.FULL
        group.waiting[invocation.invocation_id] = invocation
        self._starved[group] = None
        return None

    def _assign(self, invocation: Invocation, attachment: Attachment) -> None:
        self._lease += 1
        invocation.lease = attachment.last_lease = self._lease
        invocation.attempt += 1
        invocation.attachment = invocation.last = attachment
        attachment.in_flight += 1
        attachment.seat.take(invocation)

    def _offer_again(self, invocation: Invocation) -> None:
        streaming = invocation.chunks is not None and invocation.chunks.started
        if streaming or invocation.attempt >= invocation.max_attempts:
            self._end(invocation, Outcome(Fate.LOST, detail=Fate.LOST.value))
            return
        invocation.measure()
        fate = Fate.OUTDATED if invocation.outdated else self._place(invocation)
        if fate is not None:
            self._end(invocation, Outcome(fate, detail=fate.value))

    def _pump(self, group: Group) -> None:
        """Give waiting invocations to members with room, first come first served."""
        while group.waiting:
            first = next(iter(group.waiting.values()))
            attachment = group.pick(first)
            if attachment is None:
                return
            del group.waiting[first.invocation_id]
            self._assign(first, attachment)
        self._starved.pop(group, None)

    def pump(self) -> None:
        """A window may have room again."""
        for group in list(self._starved):
            self._pump(group)
        if not self._hungry:
            return
        hungry, self._hungry = self._hungry, {}
        for feed in hungry:
            feed()
        first = next(iter(hungry))
        if first in self._hungry:
            # Who was served first is served last the next time.
            del self._hungry[first]
            self._hungry[first] = None

    # -------------------------------------------------------------- answers

    def settle(self, seat: Seat, result: pb.Result) -> int:
        """Take an answer.

        Returns:
            0 when it was taken, else the ``Settled.Disposition`` that says why not.
        """
        invocation = self._holding(seat, result.invocation_id, result.lease)
        if isinstance(invocation, int):
            return invocation
        self._end(invocation, Outcome(Fate.ANSWERED, result, seat.worker_id))
        return 0

    def chunk(self, seat: Seat, chunk: pb.ResultChunk) -> tuple[int, str]:
        """Take part of a streamed answer; a wrong part ends the answer.

        Returns:
            (0, "") when it was taken, else the disposition and the reason.
        """
        invocation = self._holding(seat, chunk.invocation_id, chunk.lease)
        if isinstance(invocation, int):
            return invocation, ""
        if invocation.chunks is None:
            return pb.Settled.DISPOSITION_INVALID, "this invocation takes no chunks"
        problem = invocation.chunks.push(chunk)
        if problem:
            self._call_back(invocation, pb.Cancel.REASON_SUPERSEDED)
            self._end(invocation, Outcome(Fate.BROKEN, None, seat.worker_id, problem))
            return pb.Settled.DISPOSITION_INVALID, problem
        # The timeout holds per chunk.
        invocation.deadline = self._clock.monotonic() + invocation.timeout_seconds
        return 0, ""

    def extend(self, seat: Seat, request: pb.Extend, seconds: float) -> int:
        """Give a worker more time, up to what the invocation may take at most.

        Returns:
            As ``settle``.
        """
        invocation = self._holding(seat, request.invocation_id, request.lease)
        if isinstance(invocation, int):
            return invocation
        latest = invocation.began + invocation.longest_seconds
        wanted = min(self._clock.monotonic() + seconds, latest)
        invocation.deadline = max(invocation.deadline, wanted)
        return 0

    def cancel(self, invocation: Invocation, reason: pb.Cancel.Reason) -> None:
        """Nobody waits for it any more; repeating it, or when it has ended, does nothing."""
        if invocation.invocation_id in self._live:
            self._call_back(invocation, reason)
            self._end(invocation, None)

    def revise(self, org: str, event: pb.RoomEvent) -> None:
        """A committed event was edited or withdrawn: no worker that has not got it yet may
        read what it said before.
        """
        for invocation in list(self._live.values()):
            if invocation.room_id != event.room_id or invocation.org != org:
                continue
            invocation.revise(event)
            if invocation.delivers(event.event_id):
                self._outdate(invocation)
            elif invocation.attachment is None:
                invocation.measure()

    def _outdate(self, invocation: Invocation) -> None:
        """End a delivery that nobody has yet: its lane makes it anew, or not at all. Who has
        it may finish; nobody gets it after them.
        """
        invocation.outdated = True
        attachment = invocation.attachment
        if attachment is None or attachment.seat.outbox.withdraw(invocation.invocation_id):
            self._end(invocation, Outcome(Fate.OUTDATED, detail=Fate.OUTDATED.value))

    def refuse(self, invocation: Invocation, status: pb.Status) -> None:
        """Tell who answered that the answer was not applied."""
        if invocation.last is not None:
            settled = pb.Settled(
                invocation_id=invocation.invocation_id,
                disposition=pb.Settled.DISPOSITION_INVALID,
                status=status,
            )
            invocation.last.seat.outbox.push(pb.ConnectResponse(settled=settled))

    def find(self, invocation_id: str) -> Invocation | None:
        """An invocation in flight."""
        return self._live.get(invocation_id)

    def payload(self, org: str, invocation_id: str, lease: int) -> Invocation:
        """An invocation for who holds its lease.

        Raises:
            NotFound: INVOCATION_NOT_FOUND.
        """
        invocation = self._live.get(invocation_id)
        if (
            invocation is None
            or invocation.org != org
            or invocation.attachment is None
            or invocation.lease != lease
        ):
            raise NotFound(
                pb.ERROR_REASON_INVOCATION_NOT_FOUND,
                f"no invocation {invocation_id!r} in flight with this lease",
            )
        return invocation

    def _holding(self, seat: Seat, invocation_id: str, lease: int) -> Invocation | int:
        invocation = seat.held.get(invocation_id)
        if invocation is not None:
            return invocation if invocation.lease == lease else pb.Settled.DISPOSITION_STALE_LEASE
        if invocation_id not in seat.past:
            return pb.Settled.DISPOSITION_UNKNOWN
        if invocation_id in self._live:
            return pb.Settled.DISPOSITION_STALE_LEASE
        return pb.Settled.DISPOSITION_LATE

    # -------------------------------------------------------------- ends

    def _expire(self, invocation: Invocation) -> None:
        left = invocation.deadline - self._clock.monotonic()
        if left > EARLY_SECONDS:
            # It was extended meanwhile.
            invocation.timer = self._clock.call_later(left, partial(self._expire, invocation))
            return
        self._call_back(invocation, pb.Cancel.REASON_DEADLINE)
        worker_id = invocation.last.seat.worker_id if invocation.last is not None else ""
        self._end(invocation, Outcome(Fate.TIMEOUT, None, worker_id))

    def _call_back(self, invocation: Invocation, reason: pb.Cancel.Reason) -> None:
        """Stop whoever works on it; nothing to say when it has not left yet."""
        if invocation.attachment is None:
            return
        outbox = invocation.attachment.seat.outbox
        if not outbox.withdraw(invocation.invocation_id):
            cancel = pb.Cancel(invocation_id=invocation.invocation_id, reason=reason)
            outbox.push(pb.ConnectResponse(cancel=cancel))

    def _end(self, invocation: Invocation, outcome: Outcome | None) -> None:
        self._live.pop(invocation.invocation_id, None)
        if invocation.timer is not None:
            invocation.timer.cancel()
        if invocation.attachment is not None:
            self._release(invocation)
        else:
            group = invocation.group
            group.waiting.pop(invocation.invocation_id, None)
            if not group.waiting:
                self._starved.pop(group, None)
        if outcome is None:
            invocation.future.cancel()
        else:
            invocation.resolve(outcome)
        if self._starved or self._hungry:
            self.pump()

    def _release(self, invocation: Invocation) -> None:
        attachment = invocation.attachment
        if attachment is not None:
            invocation.attachment = None
            attachment.in_flight -= 1
            attachment.seat.release(invocation)

    # -------------------------------------------------------------- drops

    def dropped(self, group: Group) -> None:
        """Count an observation that nobody got, and tell the workers soon."""
        group.untold += 1
        if group.members and not group.told:
            group.told = True
            self._clock.call_later(self._options.notice_seconds, partial(self._tell_drops, group))

    def _tell_drops(self, group: Group) -> None:
        group.told = False
        if not group.members or not group.untold:
            return
        self.notify(group, "DROPPED_EPHEMERAL", group.untold, "observations were dropped")
        group.untold = 0

    def notify(self, group: Group, code: str, count: int, message: str) -> None:
        """Tell all workers of a group something."""
        notice = pb.Notice(code=code, handler=group.name, count=count, message=message)
        for one in list(group.members):
            one.seat.outbox.push(pb.ConnectResponse(notice=notice))
