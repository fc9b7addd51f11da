"""Fires the timers of quiet rooms, any number of them, from the store's index of due times.

Timers count from ``last_activity_time``, which is wall time, so that they go on across
restarts. A wall clock that jumps while the server runs would fire them hours early, or
late: every poll compares it with the monotonic clock, and after a jump the last activity
of the rooms from before moves along with the clock. What happens to the clock while the
server is down, or the machine asleep, cannot be told from time that passed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import NamedTuple, TypeVar

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.lifecycle import Move, apply_timers
from roomd_server.core.notify import Notifier
from roomd_server.core.ports import Caller, Clock, Store
from roomd_server.core.room import Draft, RoomActor, timer_due
from roomd_server.core.rooms import Rooms, locked
from roomd_server.core.times import seconds_of, timestamp

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
BUSY_POLL_SECONDS = 0.25
"""Pause when every room that is due was busy."""
PAGE_ROOMS = 100
LISTED_ROOMS = 1000
JUMP_SECONDS = 5.0
"""A smaller difference between the clocks is drift, not a jump."""
JUMPS_REMEMBERED = 16
MOVED_ROOMS = 100_000
"""Rooms with timers that are corrected after the clock went back."""
EVER = 1e15
"""Wall time that never comes."""

RoomKey = tuple[str, str]
T = TypeVar("T")


class Jump(NamedTuple):
    """The wall clock went forward by ``seconds`` when it showed ``before``."""

    before: float
    seconds: float


class Outcome(NamedTuple):
    """What a look at one room came to."""

    actor: RoomActor
    moved: bool


class TimerService:
    """Watches the due times."""

    def __init__(
        self,
        store: Store,
        directory: RoomDirectory,
        rooms: Rooms,
        clock: Clock,
        notifier: Notifier,
    ) -> None:
        self._store = store
        self._directory = directory
        self._rooms = rooms
        self._clock = clock
        self._notifier = notifier
        self._seen = (clock.now(), clock.monotonic())
        self._jumps: deque[Jump] = deque(maxlen=JUMPS_REMEMBERED)

    async def run_timers(self) -> None:
        """Fire timers as they become due, at most ``POLL_SECONDS`` late, until cancelled.

        Raises:
            Unavailable: the store does not answer; call it again.
        """
        while True:
            await self._follow_clock()
            due = await self._store.next_timer()
            wait = POLL_SECONDS
            if due is not None:
                wait = due - self._clock.now()
                if wait <= 0:
                    busy = await self._sweep([])
                    wait = BUSY_POLL_SECONDS if busy else 0.0
            await self._clock.sleep(min(wait, POLL_SECONDS))

    async def check_room_timers(
        self, caller: Caller, request: pb.CheckRoomTimersRequest
    ) -> pb.CheckRoomTimersResponse:
        """Fire the timers of one room that are due.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        async with self._rooms.hold(caller, request.room_id) as actor:
            move = await self._apply(actor, rewrite=False)
        self._fire(actor, move)
        return pb.CheckRoomTimersResponse(room=actor.room)

    async def check_all_timers(
        self, caller: Caller, request: pb.CheckAllTimersRequest
    ) -> pb.CheckAllTimersResponse:
        """Fire all timers that are due; answers with the caller's rooms that changed."""
        changed: list[RoomActor] = []
        await self._sweep(changed)
        own = [actor.room for actor in changed if actor.org == caller.org]
        return pb.CheckAllTimersResponse(rooms=own[:LISTED_ROOMS])

    # -------------------------------------------------------------- one sweep

    async def _sweep(self, changed: list[RoomActor]) -> bool:
        """Fire everything that is due now; whether a busy room was left for later."""
        seen: set[RoomKey] = set()
        busy = 0
        while True:
            # A busy room stays due; the page grows by it, so that it hides no other.
            due = await self._store.due_timers(self._clock.now(), PAGE_ROOMS + busy)
            fresh = [key for key in due if key not in seen]
            if not fresh:
                return busy > 0
            seen.update(fresh)
            for key, outcome in zip(fresh, await self._fire_all(fresh), strict=True):
                if outcome is None:
                    busy += 1
                elif outcome.moved:
                    changed.append(outcome.actor)
                else:
                    log.debug("nothing was due in room %s", key[1])

    async def _fire_all(self, keys: Sequence[RoomKey]) -> list[Outcome | None]:
        """Fire a page of rooms side by side: their commits share transactions."""
        return await _all([self._fire_one(org, room_id) for org, room_id in keys])

    async def _fire_one(self, org: str, room_id: str) -> Outcome | None:
        """Fire one room's timers; None when it is busy: it is about to be active anyway."""
        actor = await self._directory.find(org, room_id)
        if actor is None or not actor.lock.free:
            return None
        try:
            async with locked(self._directory, org, room_id) as actor:
                move = await self._apply(actor, rewrite=True)
        except errors.NotFound:
            return None
        self._fire(actor, move)
        return Outcome(actor, move is not None)

    async def _apply(self, actor: RoomActor, *, rewrite: bool) -> Move | None:
        """Evaluate under the lock, and write the next due time; ``rewrite`` also when
        nothing is due, so that the index cannot bring the room back for ever.
        """
        draft = Draft(actor, self._clock)
        due = timer_due(actor.room)
        if (due is None or due > draft.now) and not rewrite:
            return None
        self._move_activity(draft, self._forward(actor.room))
        move = apply_timers(actor, draft)
        if move is not None:
            self._notifier.keep.lifecycle(
                actor, draft.writes, move.trigger, move.code, data=_BY_TIMER
            )
        await draft.commit()
        return move

    def _fire(self, actor: RoomActor, move: Move | None) -> None:
        if move is not None:
            self._notifier.lifecycle(actor, move.trigger, move.code, data=_BY_TIMER)

    # -------------------------------------------------------------- clock jumps

    async def _follow_clock(self) -> None:
        """Notice a jump of the wall clock since the last look."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        before, then = self._seen
        self._seen = (wall, monotonic)
        passed = monotonic - then
        seconds = wall - before - passed
        if abs(seconds) < JUMP_SECONDS:
            return
        log.warning("the wall clock jumped by %.1f s; timers move along", seconds)
        if seconds > 0:
            # Rooms are moved when they seem due: no sooner does it matter.
            self._jumps.append(Jump(before + passed, seconds))
        else:
            await self._move_back(seconds, newest=wall - passed - POLL_SECONDS)
            self._jumps.clear()

    def _forward(self, room: pb.Room) -> float:
        """Seconds by which the clock jumped forward since the room's last activity."""
        last = start = seconds_of(room.last_activity_time)
        for jump in self._jumps:
            if last <= jump.before:
                last += jump.seconds
        return last - start

    async def _move_back(self, seconds: float, newest: float) -> None:
        """Move the rooms with timers after the clock went back. Those whose last activity
        is later than ``newest`` by the new clock were active after it.
        """
        keys = await self._store.due_timers(EVER, MOVED_ROOMS)
        now = self._clock.now()
        for start in range(0, len(keys), PAGE_ROOMS):
            page = keys[start : start + PAGE_ROOMS]
            await _all(
                [self._move_one(org, room_id, seconds, newest, now) for org, room_id in page]
            )

    async def _move_one(
        self, org: str, room_id: str, seconds: float, newest: float, now: float
    ) -> None:
        try:
            async with locked(self._directory, org, room_id) as actor:
                if newest <= seconds_of(actor.room.last_activity_time) <= now:
                    return
                draft = Draft(actor, self._clock)
                self._move_activity(draft, self._forward(actor.room) + seconds)
                await draft.commit()
        except errors.NotFound:
            return

    def _move_activity(self, draft: Draft, seconds: float) -> None:
        if seconds:
            room = draft.room()
            moved = seconds_of(room.last_activity_time) + seconds
            room.last_activity_time.CopyFrom(timestamp(moved))


async def _all(works: list[Coroutine[None, None, T]]) -> list[T]:
    """Wait for all, also when one fails; then raise its error."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


_BY_TIMER = {"reason": "timer"}
