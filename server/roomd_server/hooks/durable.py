"""Durable observers: told at least once, of each room in order, until they acknowledge.

The rows were written by the commits that made them true (``core.notify``). Here they are
offered to workers, removed when they are acknowledged, tried again when they are not, and
parked when nothing helps. No worker, no attempt: then they wait in the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial

from roomd import v1 as pb
from roomd_server.core.errors import NotFound, RoomdError
from roomd_server.core.ports import (
    ObserverQuery,
    ObserverResult,
    ObserverRow,
    Store,
    StoreConflict,
    WriteSet,
)
from roomd_server.core.tracing import Within
from roomd_server.hooks.backlog import ROOM_ROWS, SCAN_ROWS, Backlog, RoomRows
from roomd_server.hooks.chain import ChainParts
from roomd_server.hooks.invocation import Fate, Invocation, Outcome
from roomd_server.hooks.observing import (
    LONGEST_REST_SECONDS,
    Fault,
    fault_of,
    retry_wait_seconds,
)
from roomd_server.hooks.parking import Parking
from roomd_server.hooks.registry import HookRegistry
from roomd_server.hooks.tallies import DONE
from roomd_server.hooks.telling import Tellings, payload_of

log = logging.getLogger(__name__)

STORE_RETRY_SECONDS = 1.0
"""How often a store that is away is asked again."""
PREPARED_ROOMS = 64
"""Rooms whose events are read together."""

OnFound = Callable[[str, str, ObserverResult, Sequence[str], bool], Awaitable[None]]
"""``(org, room_id, found, acknowledged, fires)``: store it with the removal of the rows."""


class DurableObservers:
    """Delivers what durable observers have still to see.

    Args:
        store: Where the rows are.
        registry: The hooks.
        parts: How they are reached.
    """

    def __init__(self, store: Store, registry: HookRegistry, parts: ChainParts) -> None:
        self._store = store
        self._registry = registry
        self._parts = parts
        self._clock = parts.clock
        self._backlogs: dict[tuple[str, str], Backlog] = {}
        self._acks: dict[str, list[tuple[Backlog, RoomRows, str]]] = {}
        """Organization → rows to remove; bounded: by what settles in each room."""
        self._flushing = False
        self.tellings = Tellings(store)
        self.parking = Parking(store, parts, self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.on_found: OnFound | None = None
        """Set once at start."""
        registry.on_removed = self._removed
        registry.on_described = self._described

    # -------------------------------------------------------------- start and end

    async def load(self) -> None:
        """Count what waits; it is read when somebody serves its hook."""
        for count in await self._store.observer_counts(None):
            backlog = self._backlog(count.org, count.hook)
            if backlog is None:
                # The commit of a message may have been handed in behind that of the removal.
                await self._store.commit(WriteSet(count.org, removed_hooks=[count.hook]))
                continue
            backlog.entry.backlog, backlog.entry.parked = count.waiting, count.parked
            backlog.more_rooms = count.waiting > 0
            self.parking.check_size(backlog)
        self.start(self.parking.run_purge())

    def stop(self) -> None:
        """Offer nothing any more; what is with workers may still be acknowledged."""
        self._stopped = True

    async def close(self) -> None:
        """Hand in what was acknowledged; the rest is in the store."""
        self._stopped = True
        for backlog in self._backlogs.values():
            for room in backlog.rooms.values():
                room.rest_no_more()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush()

    # -------------------------------------------------------------- for the engine

    def kept(self, org: str, rows: Iterable[ObserverRow]) -> None:
        """See ``ports.Hooks.kept``."""
        for row in rows:
            backlog = self._backlog(org, row.hook)
            if backlog is None:
                continue  # the hook was removed; its rows are removed behind it
            backlog.entry.backlog += 1
            room = backlog.push(row)
            if room is not None:
                self.advance(backlog, room)
            self.parking.check_size(backlog)
            self.feed(backlog)

    def release(self, org: str, rows: Iterable[ObserverRow]) -> None:
        """See ``ports.Hooks.release``."""
        released = [row._replace(due=0.0) for row in rows]
        if not released:
            return
        # For a start that comes before it is told.
        self._store.submit(WriteSet(org, changed_observer_rows=released), _note_lost)
        for row in released:
            backlog = self._backlogs.get((org, row.hook))
            room = None if backlog is None else backlog.rooms.get(row.room_id)
            if backlog is None or room is None:
                continue
            room.release(row.invocation_id)
            if room.timer is not None and room.rows[0].due == 0.0:
                self._wake(backlog, room)

    def revise(self, org: str, event: pb.RoomEvent) -> None:
        """Tell an event that was edited or withdrawn as it is when it is told."""
        self.tellings.revised += 1
        for (owner, _), backlog in self._backlogs.items():
            if owner == org:
                backlog.revise(event)

    def rewrite(self, org: str, room_id: str, payloads: Mapping[str, bytes]) -> None:
        """See ``ports.Hooks.rewrite``."""
        for (owner, _), backlog in self._backlogs.items():
            if owner == org:
                backlog.rewrite(room_id, payloads)

    async def erase_room(self, writes: WriteSet) -> None:
        """See ``ports.Hooks.erase_room``."""
        org, room_id = writes.org, writes.room_id
        mine = [one for (owner, _), one in self._backlogs.items() if owner == org]
        for backlog in mine:
            room = backlog.forget(room_id)
            if room is not None and room.invocation is not None:
                self._parts.dispatcher.cancel(room.invocation, pb.Cancel.REASON_CALLER_GONE)
        counts = await self._store.observer_counts(org, room_id) if mine else []
        try:
            await self._registry.erase_room(writes)
        except BaseException:
            for backlog in mine:
                self.look_again(backlog, room_id)
            raise
        for count in counts:
            gone = self._backlogs.get((org, count.hook))
            if gone is not None:
                gone.entry.backlog = max(0, gone.entry.backlog - count.waiting)
                gone.entry.parked = max(0, gone.entry.parked - count.parked)

    # -------------------------------------------------------------- hooks that come and go

    def find(self, org: str, name: str) -> Backlog | None:
        """The backlog of a durable hook."""
        return self._backlog(org, name)

    def _backlog(self, org: str, name: str) -> Backlog | None:
        backlog = self._backlogs.get((org, name))
        if backlog is None:
            entry = self._registry.find(org, name)
            if entry is None or not entry.durable:
                return None
            backlog = self._backlogs[org, name] = Backlog(entry)
            backlog.feed = entry.group.feed = partial(self.feed, backlog)
        return backlog

    def _removed(self, org: str, name: str) -> None:
        backlog = self._backlogs.pop((org, name), None)
        if backlog is not None:
            for room_id in list(backlog.rooms):
                backlog.forget(room_id)

    def _described(self, org: str, name: str) -> None:
        backlog = self._backlogs.get((org, name))
        if backlog is not None:
            self.parking.check_size(backlog)
            self.feed(backlog)

    def look_again(self, backlog: Backlog, room_id: str) -> None:
        """A room has rows that are not new: read them in their place."""
        if room_id not in backlog.rooms and backlog.full:
            backlog.more_rooms = backlog.missed = True
            return
        room = backlog.room(room_id)
        backlog.give_up(room)
        self.advance(backlog, room)

    # -------------------------------------------------------------- what comes next

    def advance(self, backlog: Backlog, room: RoomRows) -> None:
        """Let a room's head be offered, if it has one and it is time."""
        if room.busy or self._stopped or backlog.entry.removed:
            return
        if room.rows:
            if len(room.settling) >= ROOM_ROWS:
                return  # the disk is behind
            room.busy = True
            wait = min(room.rows[0].due - self._clock.now(), LONGEST_REST_SECONDS)
            if wait > 0:
                self._rest(backlog, room, wait)
            else:
                backlog.ready.append(room)
        elif room.more:
            room.busy = True
            self.start(self._read(backlog, room))
        elif not room.settling:
            backlog.drop(room)

    def _rest(self, backlog: Backlog, room: RoomRows, seconds: float) -> None:
        room.timer = self._clock.call_later(seconds, partial(self._wake, backlog, room))

    def _wake(self, backlog: Backlog, room: RoomRows) -> None:
        room.rest_no_more()
        backlog.ready.append(room)
        self.feed(backlog)

    async def _read(self, backlog: Backlog, room: RoomRows) -> None:
        """Read a room's oldest rows."""
        entry = backlog.entry
        gone = frozenset(room.settling)
        query = ObserverQuery(entry.name, ROOM_ROWS + len(gone), room_id=room.room_id)
        room.late = room.stale = False
        try:
            page = await self._store.observer_rows(entry.org, query)
        except RoomdError as error:
            log.warning("what waits for hook %s was not read: %s", entry.name, error)
            await self._clock.sleep(STORE_RETRY_SECONDS)
        else:
            rows = [one.row for one in page if one.row.invocation_id not in gone]
            if not room.stale:
                room.fill(rows, more=room.late or len(page) == query.limit)
        room.busy = False
        self._go_on(backlog, room)

    async def _scan(self, backlog: Backlog) -> None:
        """Take in rooms that wait in the store."""
        entry = backlog.entry
        try:
            while backlog.more_rooms and not backlog.full and not self._stopped:
                backlog.left.clear()
                query = ObserverQuery(entry.name, SCAN_ROWS, after=backlog.cursor)
                page = await self._store.observer_rows(entry.org, query)
                if entry.removed:
                    return
                for room in list(backlog.take(page)):
                    self.advance(backlog, room)
        except RoomdError as error:
            log.warning("what waits for hook %s was not read: %s", entry.name, error)
            await self._clock.sleep(STORE_RETRY_SECONDS)
        finally:
            backlog.scanning = False
        self.feed(backlog)

    def _go_on(self, backlog: Backlog, room: RoomRows) -> None:
        if backlog.rooms.get(room.room_id) is room:
            self.advance(backlog, room)
        self.feed(backlog)

    # -------------------------------------------------------------- offering

    def feed(self, backlog: Backlog) -> None:
        """Offer what is ready, as far as the windows have room."""
        entry = backlog.entry
        if self._stopped or entry.paused or entry.removed or not entry.group.members:
            return
        if backlog.wants_rooms:
            backlog.scanning = True
            self.start(self._scan(backlog))
        while backlog.ready and len(backlog.preparing) < PREPARED_ROOMS:
            room = backlog.ready[0]
            row = room.rows[0]
            if row.told is not None and entry.context is None:
                if not self._offer(backlog, room, row.told):
                    return
            elif not entry.group.takes_backlog:
                self._parts.dispatcher.when_room(backlog.feed)
                return
            else:
                backlog.preparing.append(room)
            backlog.ready.popleft()
        if backlog.preparing and backlog.preparer is None:
            backlog.preparer = self.start(self._prepare(backlog))

    def _offer(
        self,
        backlog: Backlog,
        room: RoomRows,
        payload: pb.HookPayload,
        context: pb.RoomContext | None = None,
    ) -> bool:
        """Give a room's head to a worker; False: no window has room."""
        entry, row = backlog.entry, room.rows[0]
        invocation = Invocation(
            entry.group,
            row.invocation_id,
            entry.timeout_seconds,
            entry.longest_seconds,
            row.room_id,
            row.trigger,
            payload,
            context=context,
            replies=False,
            backlogged=True,
            attempt=row.attempts,
            max_attempts=row.attempts + 1,
        )
        invocation.measure()
        dispatcher = self._parts.dispatcher
        # Not that of whoever made room for it.
        with Within(row.trace):
            placed = dispatcher.place(invocation)
        if not placed:
            dispatcher.when_room(backlog.feed)
            return False
        room.invocation = invocation
        invocation.future.add_done_callback(partial(self._ended, backlog, room, invocation))
        return True

    async def _prepare(self, backlog: Backlog) -> None:
        """Read what the heads of rooms stand for, and offer them."""
        waiting = backlog.preparing
        try:
            while waiting and not self._stopped:
                rooms = [waiting.popleft() for _ in range(min(len(waiting), PREPARED_ROOMS))]
                try:
                    await self._prepare_rooms(backlog, rooms)
                except Exception as error:  # boundary: the room's owner failed, others wait
                    log.warning("hook %s waits: %r", backlog.entry.name, error)
                    for room in rooms:
                        if backlog.rooms.get(room.room_id) is room and room.invocation is None:
                            self._rest(backlog, room, STORE_RETRY_SECONDS)
        finally:
            backlog.preparer = None
        self.feed(backlog)

    async def _prepare_rooms(self, backlog: Backlog, rooms: Sequence[RoomRows]) -> None:
        heads = [room.rows[0] for room in rooms]
        contexts = await self.tellings.contexts(backlog.entry, heads)
        events = await self.tellings.events(backlog.entry.org, heads)
        for room in rooms:
            if backlog.rooms.get(room.room_id) is not room:
                continue  # deleted meanwhile
            payload = payload_of(room.rows[0], events)
            if payload is None:
                self.parking.report_expired(backlog, room.rows[0])
                self._acknowledge(backlog, room)
            elif not self._offer(backlog, room, payload, contexts.get(room.room_id)):
                backlog.ready.appendleft(room)

    # -------------------------------------------------------------- answers

    def _ended(
        self,
        backlog: Backlog,
        room: RoomRows,
        invocation: Invocation,
        future: asyncio.Future[Outcome],
    ) -> None:
        room.invocation = None
        if future.cancelled() or backlog.rooms.get(room.room_id) is not room:
            return  # the room or the hook is gone, and its rows with it
        outcome = future.result()
        fault = fault_of(backlog.entry, outcome, self._parts.check)
        verdict = DONE if fault is None else fault.verdict
        backlog.entry.tally.count(verdict, self._clock.monotonic() - invocation.began)
        if fault is None:
            assert outcome.result is not None
            self._acknowledge(backlog, room, outcome.result.done)
        elif outcome.fate is Fate.LOST and self._stopped:
            return  # it was the server that went away
        else:
            if fault.refused is not None:
                self._parts.dispatcher.refuse(invocation, fault.refused)
            self._failed(backlog, room, fault)
        self.feed(backlog)

    def _acknowledge(self, backlog: Backlog, room: RoomRows, done: pb.Done | None = None) -> None:
        """A room's head is seen: remove its row, and let the next one be offered."""
        row = room.rows.popleft()
        room.settling.add(row.invocation_id)
        room.busy = False
        if done is not None and (done.tasks or done.observations):
            self.start(self._keep_found(backlog, room, row, done))
        else:
            self._acks.setdefault(backlog.entry.org, []).append((backlog, room, row.invocation_id))
            if not self._flushing:
                # What a worker answered in one message is removed in one transaction.
                self._flushing = True
                asyncio.get_running_loop().call_soon(self._flush)
        self.advance(backlog, room)

    def _flush(self) -> None:
        self._flushing = False
        given, self._acks = self._acks, {}
        for org, acks in given.items():
            self._remove(org, acks)

    def _remove(self, org: str, acks: list[tuple[Backlog, RoomRows, str]]) -> None:
        writes = WriteSet(org, removed_observer_rows=[ack[2] for ack in acks])

        def settle(error: Exception | None) -> None:
            if error is not None:
                self.try_later(error, partial(self._remove, org, acks))
                return
            for backlog, room, invocation_id in acks:
                self.settled(backlog, room, invocation_id)

        self._store.submit(writes, settle)

    def try_later(self, error: Exception, work: Callable[[], None]) -> None:
        """The store did not take it: do it again."""
        if self._stopped:
            return  # it is told once more after the next start
        log.warning("what an observer answered was not stored: %s", error)
        self._clock.call_later(STORE_RETRY_SECONDS, work)

    def settled(self, backlog: Backlog, room: RoomRows, invocation_id: str) -> None:
        """A row waits no more, and that is durable."""
        room.settling.discard(invocation_id)
        backlog.entry.backlog = max(0, backlog.entry.backlog - 1)
        if backlog.rooms.get(room.room_id) is room and not room.busy:
            self._go_on(backlog, room)

    async def _keep_found(
        self, backlog: Backlog, room: RoomRows, row: ObserverRow, done: pb.Done
    ) -> None:
        """Store what an observer found in one transaction with its acknowledgement."""
        assert self.on_found is not None
        found = ObserverResult(list(done.tasks), list(done.observations))
        # A hook on ON_TASK_CREATED that makes tasks would otherwise never come to an end.
        fires = row.trigger != pb.HOOK_TRIGGER_ON_TASK_CREATED
        org, acknowledged = backlog.entry.org, [row.invocation_id]
        while True:
            try:
                await self.on_found(org, row.room_id, found, acknowledged, fires)
                break
            except NotFound:
                break  # the room was deleted, and the row with it
            except (RoomdError, StoreConflict) as error:
                log.warning("what an observer found was not stored: %s", error)
                await self._clock.sleep(STORE_RETRY_SECONDS)
        self.settled(backlog, room, row.invocation_id)

    # -------------------------------------------------------------- failures

    def _failed(self, backlog: Backlog, room: RoomRows, fault: Fault) -> None:
        entry = backlog.entry
        row = room.rows[0]
        failed = row._replace(
            attempts=row.attempts + 1, status=fault.status.SerializeToString(), told=None
        )
        self.parking.report(fault.kind, backlog, row.room_id, fault.status.message)
        if not fault.retryable or failed.attempts >= entry.max_attempts:
            room.rows.popleft()
            room.busy = False
            self.parking.park(backlog, [failed])
            self.parking.report_parked(backlog, failed, fault.status.message)
            self.advance(backlog, room)
            return
        wait = retry_wait_seconds(failed.attempts, fault, self._parts.options.jitter)
        room.rows[0] = failed = failed._replace(due=self._clock.now() + wait)
        writes = WriteSet(entry.org, changed_observer_rows=[failed])
        self._store.submit(writes, _note_lost)
        self._rest(backlog, room, wait)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Work in the background, until it is done or all is closed."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _note_lost(error: Exception | None) -> None:
    """A note that is lost costs one attempt more, or a wait, and nothing else."""
    if error is not None:
        log.warning("when a durable observer is told next was not noted: %s", error)
