"""What durable observers gave up: parked, listed, replayed, purged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from roomd import v1 as pb
from roomd_server.core import paging
from roomd_server.core.errors import RoomdError
from roomd_server.core.ports import (
    Caller,
    ObserverQuery,
    ObserverRow,
    PlacedRow,
    Store,
    WriteSet,
)
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.hooks import grants
from roomd_server.hooks.backlog import Backlog, RoomRows
from roomd_server.hooks.chain import ChainParts
from roomd_server.hooks.registry import hook_not_found

log = logging.getLogger(__name__)

TRIMMED_ROWS = 1000
"""Rows of a backlog that is too long that are parked together."""
STEP_ROWS = 500
"""Rows that are replayed or purged together."""
PURGE_SECONDS = 3600.0
"""How often it is looked for what was parked too long ago."""


class Observers(Protocol):
    """Who delivers (``durable.DurableObservers``)."""

    def find(self, org: str, name: str) -> Backlog | None:
        """The backlog of a durable hook."""

    def advance(self, backlog: Backlog, room: RoomRows) -> None:
        """Let a room's head be offered."""

    def settled(self, backlog: Backlog, room: RoomRows, invocation_id: str) -> None:
        """A row waits no more."""

    def look_again(self, backlog: Backlog, room_id: str) -> None:
        """A room has rows that are not new."""

    def feed(self, backlog: Backlog) -> None:
        """Offer what is ready."""

    def try_later(self, error: Exception, work: Callable[[], None]) -> None:
        """The store did not take it."""

    def start(self, work: Coroutine[None, None, None]) -> object:
        """Work in the background."""


class Parking:
    """Gives rows up, and serves the RPCs about those that were.

    Args:
        store: Where they are.
        parts: Time, limits, and who is told of faults.
        observers: Who delivers.
    """

    def __init__(self, store: Store, parts: ChainParts, observers: Observers) -> None:
        self._store = store
        self._parts = parts
        self._clock = parts.clock
        self._observers = observers

    # -------------------------------------------------------------- giving up

    def park(
        self,
        backlog: Backlog,
        rows: Sequence[ObserverRow],
        then: Callable[[], None] | None = None,
    ) -> None:
        """Give rows up that are out of their rooms' queues; ``then`` once that is durable."""
        now = self._clock.now()
        parked = [row._replace(parked=True, park_time=now, told=None) for row in rows]
        for row in parked:
            backlog.room(row.room_id).settling.add(row.invocation_id)
        writes = WriteSet(backlog.entry.org, changed_observer_rows=parked)

        def submit() -> None:
            self._store.submit(writes, settle)

        def settle(error: Exception | None) -> None:
            if error is not None:
                self._observers.try_later(error, submit)
                return
            backlog.entry.parked += len(parked)
            for row in parked:
                room = backlog.room(row.room_id)
                self._observers.settled(backlog, room, row.invocation_id)
            if then is not None:
                then()

        submit()

    def report(self, kind: str, backlog: Backlog, room_id: str, detail: str) -> None:
        """Tell operators."""
        if self._parts.on_fault is not None:
            self._parts.on_fault(kind, backlog.entry.hook, room_id, detail)

    def report_parked(self, backlog: Backlog, row: ObserverRow, message: str) -> None:
        """Tell operators that a row was given up, and how its last attempt failed."""
        detail = f"invocation {row.invocation_id}, {row.attempts} attempts: {message}"
        self.report("hook_invocation_parked", backlog, row.room_id, detail)

    def report_expired(self, backlog: Backlog, row: ObserverRow) -> None:
        """Tell operators that there is nothing to tell: it was parked, and replayed when its
        event was not kept any more.
        """
        detail = f"the event {row.event_id} is not kept any more"
        self.report("hook_event_expired", backlog, row.room_id, detail)

    def check_size(self, backlog: Backlog) -> None:
        """Park the oldest rows of a backlog that is too long."""
        if backlog.entry.backlog > backlog.entry.max_backlog and not backlog.trimming:
            backlog.trimming = True
            self._observers.start(self._trim(backlog))

    async def _trim(self, backlog: Backlog) -> None:
        """Park a few more than too many, so that it is not done for each."""
        entry = backlog.entry
        rows: list[ObserverRow] = []
        try:
            count = entry.backlog - entry.max_backlog + entry.max_backlog // 100
            count = min(count, TRIMMED_ROWS)
            held = backlog.held()
            oldest = await self._store.oldest_observer_rows(
                entry.org, entry.name, count + len(held)
            )
            held |= backlog.held()
            rows = [one.row for one in oldest if one.row.invocation_id not in held][:count]
        except RoomdError as error:
            log.warning("the backlog of hook %s was not trimmed: %s", entry.name, error)
        if not rows or entry.removed:
            backlog.trimming = False
            return

        def trimmed() -> None:
            backlog.trimming = False
            self.check_size(backlog)

        rooms = backlog.take_out(rows)
        self.park(backlog, rows, trimmed)
        for room in rooms:
            self._observers.advance(backlog, room)
        detail = f"{len(rows)} parked unseen: more than {entry.max_backlog} waited"
        self.report("hook_backlog_overflow", backlog, "", detail)

    async def run_purge(self) -> None:
        """Forget what was parked too long ago; for ever."""
        while True:
            try:
                await self._purge_old()
            except RoomdError as error:
                log.warning("old parked invocations were not removed: %s", error)
            await self._clock.sleep(PURGE_SECONDS)

    async def _purge_old(self) -> None:
        before = self._clock.now() - self._parts.options.parked_retention_seconds
        for count in await self._store.purge_parked(before):
            backlog = self._observers.find(count.org, count.hook)
            if backlog is not None:
                backlog.entry.parked = max(0, backlog.entry.parked - count.parked)
                log.info("%d parked invocations of %s are gone", count.parked, count.hook)

    # -------------------------------------------------------------- RPCs

    async def list_parked_invocations(
        self, caller: Caller, request: pb.ListParkedInvocationsRequest
    ) -> pb.ListParkedInvocationsResponse:
        """Serve ``HookService.ListParkedInvocations``."""
        kind, size = paging.mark(caller, request), paging.page_size(request.page_size)
        parts = paging.decode(kind, request.page_token, (str, float))
        self._known(caller, request.hook)
        after = (str(parts[0]), paging.whole(parts[1])) if parts else None
        query = ObserverQuery(
            request.hook, size + 1, parked=True, room_id=request.room_id, after=after
        )
        found = await self._store.observer_rows(caller.org, query)
        response = pb.ListParkedInvocationsResponse(
            parked=[parked_of(one.row) for one in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1]
            token = paging.encode(kind, last.row.room_id, float(last.position))
            response.next_page_token = token
        return response

    async def replay_parked_invocations(
        self, caller: Caller, request: pb.ReplayParkedInvocationsRequest
    ) -> pb.ReplayParkedInvocationsResponse:
        """Serve ``HookService.ReplayParkedInvocations``."""
        backlog = self._known(caller, request.hook)
        query = ObserverQuery(
            request.hook,
            STEP_ROWS,
            parked=True,
            room_id=request.room_id,
            invocation_ids=list(request.invocation_ids),
        )
        replayed = 0
        while page := await self._store.observer_rows(caller.org, query):
            again = [_as_new(one) for one in page]
            await self._store.commit(WriteSet(caller.org, changed_observer_rows=again))
            replayed += len(page)
            backlog.entry.backlog += len(page)
            backlog.entry.parked = max(0, backlog.entry.parked - len(page))
            # What fails again meanwhile is parked anew, and not for this call.
            query.after = (page[-1].row.room_id, page[-1].position)
            for room_id in {row.room_id for row in again}:
                self._observers.look_again(backlog, room_id)
            self._observers.feed(backlog)
        self.check_size(backlog)
        return pb.ReplayParkedInvocationsResponse(replayed=replayed)

    async def purge_parked_invocations(
        self, caller: Caller, request: pb.PurgeParkedInvocationsRequest
    ) -> pb.PurgeParkedInvocationsResponse:
        """Serve ``HookService.PurgeParkedInvocations``."""
        backlog = self._known(caller, request.hook)
        query = ObserverQuery(
            request.hook,
            STEP_ROWS,
            parked=True,
            room_id=request.room_id,
            invocation_ids=list(request.invocation_ids),
        )
        if request.HasField("before"):
            query.parked_before = seconds_of(request.before)
        purged = 0
        while page := await self._store.observer_rows(caller.org, query):
            gone = [one.row.invocation_id for one in page]
            await self._store.commit(WriteSet(caller.org, removed_observer_rows=gone))
            purged += len(page)
            query.after = (page[-1].row.room_id, page[-1].position)
            backlog.entry.parked = max(0, backlog.entry.parked - len(page))
        return pb.PurgeParkedInvocationsResponse(purged=purged)

    def _known(self, caller: Caller, name: str) -> Backlog:
        backlog = self._observers.find(caller.org, name)
        if backlog is None:
            raise hook_not_found(name, "is no durable observer here")
        grants.check_hook(caller.grant, backlog.entry.hook.spec)
        return backlog


def _as_new(placed: PlacedRow) -> ObserverRow:
    return placed.row._replace(attempts=0, due=0.0, parked=False, park_time=0.0, status=b"")


def parked_of(row: ObserverRow) -> pb.ParkedInvocation:
    """A parked row as its readers see it."""
    parked = pb.ParkedInvocation(
        invocation_id=row.invocation_id,
        room_id=row.room_id,
        trigger=row.trigger,
        event_id=row.event_id,
        attempts=row.attempts,
        create_time=timestamp(row.create_time),
        park_time=timestamp(row.park_time),
    )
    if row.status:
        parked.last_status.ParseFromString(row.status)
    return parked
