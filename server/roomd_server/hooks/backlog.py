"""What one durable observer has still to see: its rooms, and of each the oldest rows.

Only memory: a bounded window over the rows in the store. Who fills and empties it is
``durable``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from roomd import v1 as pb
from roomd_server.core.ports import Cancellable, ObserverRow, PlacedRow
from roomd_server.hooks.entries import HookEntry
from roomd_server.hooks.invocation import Invocation

MAX_ROOMS = 512
"""Rooms of one hook that are looked at at once; more wait in the store."""
ROOM_ROWS = 32
"""Rows of one room in memory; more wait in the store."""
TOLD_ROWS = 4
"""Of these the payload is kept too, so that who is not behind costs no read."""
TOLD_BYTES = 16 * 1024
"""Larger payloads are read when they are told."""
SCAN_ROWS = 256
"""Rows read at once when rooms are taken up."""
LAST_POSITION = 2**62


class RoomRows:
    """What waits of one room, in order. Its head is worked on, and nothing else."""

    __slots__ = (
        "busy",
        "invocation",
        "late",
        "more",
        "page",
        "room_id",
        "rows",
        "settling",
        "stale",
        "timer",
    )

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.rows: deque[ObserverRow] = deque()  # bounded: ROOM_ROWS
        self.more = False
        """The store has rows behind those here."""
        self.late = False
        """What is being read of it is not all any more."""
        self.stale = False
        """What is being read of it is not so any more."""
        self.busy = False
        """Its head is on its way, ready or resting; or rows are being read."""
        self.page: frozenset[str] = frozenset()
        """Rows read last: their commit may be told only now."""
        self.settling: set[str] = set()
        """Rows that are answered for, and whose removal is not durable yet."""
        self.invocation: Invocation | None = None
        """With a worker."""
        self.timer: Cancellable | None = None
        """It rests until then."""

    def append(self, row: ObserverRow) -> None:
        """Take a new row, or remember that there is one."""
        if row.invocation_id in self.page:
            return
        if self.more or len(self.rows) >= ROOM_ROWS:
            self.more = self.late = True
            return
        if row.told is not None and (
            len(self.rows) >= TOLD_ROWS or row.told.ByteSize() > TOLD_BYTES
        ):
            row = row._replace(told=None)
        self.rows.append(row)

    def fill(self, rows: Sequence[ObserverRow], *, more: bool) -> None:
        """Take rows that were read."""
        self.rows.extend(rows)
        self.page = frozenset(row.invocation_id for row in rows)
        self.more = more

    def release(self, invocation_id: str) -> None:
        """Let a row wait no longer."""
        for place, row in enumerate(self.rows):
            if row.invocation_id == invocation_id:
                self.rows[place] = row._replace(due=0.0)

    def rest_no_more(self) -> None:
        """Stop its timer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Backlog:
    """The rooms of one hook."""

    __slots__ = (
        "cursor",
        "entry",
        "feed",
        "left",
        "missed",
        "more_rooms",
        "preparer",
        "preparing",
        "ready",
        "rooms",
        "scanning",
        "trimming",
    )

    def __init__(self, entry: HookEntry) -> None:
        self.entry = entry
        self.rooms: dict[str, RoomRows] = {}  # bounded: MAX_ROOMS, and what settles
        self.ready: deque[RoomRows] = deque()  # bounded: by the rooms
        self.preparing: deque[RoomRows] = deque()  # bounded: by the rooms
        self.preparer: asyncio.Task[None] | None = None
        self.more_rooms = False
        """The store has rows of rooms that are not here."""
        self.missed = False
        """A room got a row that was not taken in: the scan must come round once more."""
        self.cursor: tuple[str, int] | None = None
        self.scanning = False
        self.trimming = False
        self.left: set[str] = set()
        """Rooms that were done while a page was being read: it may know them still."""
        self.feed: Callable[[], None] = _nothing

    @property
    def full(self) -> bool:
        """Whether no room can be taken in."""
        return len(self.rooms) >= MAX_ROOMS

    @property
    def wants_rooms(self) -> bool:
        """Whether it is time to take in rooms: many at once, unless nothing else is to do."""
        if not self.more_rooms or self.scanning or self.full:
            return False
        return len(self.rooms) <= MAX_ROOMS // 2 or not self.ready

    def room(self, room_id: str) -> RoomRows:
        """A room, made when needed."""
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = RoomRows(room_id)
            # It may have older rows that nobody has looked at yet.
            room.more = self.more_rooms
        return room

    def push(self, row: ObserverRow) -> RoomRows | None:
        """Take a row that was committed; its room, when it is here."""
        if row.room_id not in self.rooms and self.full:
            self.more_rooms = self.missed = True
            return None
        room = self.room(row.room_id)
        room.append(row)
        return room

    def give_up(self, room: RoomRows) -> None:
        """Keep of a room only what was attempted: the rest must be read again, in its place."""
        kept = 1
        if room in self.ready:
            self.ready.remove(room)
            room.busy = False
            kept = 0
        while len(room.rows) > kept:
            room.rows.pop()
        room.more = room.stale = True

    def revise(self, event: pb.RoomEvent) -> None:
        """Let rows that have an event at hand look it up when it is told."""
        room = self.rooms.get(event.room_id)
        for place, row in enumerate(room.rows if room is not None else ()):
            if row.event_id == event.event_id and row.told is not None:
                assert room is not None
                room.rows[place] = row._replace(told=None)

    def rewrite(self, room_id: str, payloads: Mapping[str, bytes]) -> None:
        """Take new payloads, by the invocation ids of the rows."""
        room = self.rooms.get(room_id)
        for place, row in enumerate(room.rows if room is not None else ()):
            if row.invocation_id in payloads:
                assert room is not None
                new = payloads[row.invocation_id]
                room.rows[place] = row._replace(payload=new, told=None)

    def drop(self, room: RoomRows) -> None:
        """Nothing waits in a room any more."""
        self.rooms.pop(room.room_id, None)
        if self.scanning:
            self.left.add(room.room_id)
        if not self.rooms and not self.more_rooms:
            self.entry.backlog = 0

    def forget(self, room_id: str) -> RoomRows | None:
        """Take a room out, whatever it does now."""
        room = self.rooms.get(room_id)
        if room is None:
            return None
        self.drop(room)
        room.rest_no_more()
        for queue in (self.ready, self.preparing):
            if room in queue:
                queue.remove(room)
        return room

    def held(self) -> set[str]:
        """Rows that are on their way, or answered for."""
        held = {one for room in self.rooms.values() for one in room.settling}
        ready = {room.room_id for room in self.ready}
        for room in self.rooms.values():
            on_its_way = room.busy and room.timer is None and room.room_id not in ready
            if on_its_way and room.rows:
                held.add(room.rows[0].invocation_id)
        return held

    def take_out(self, rows: Sequence[ObserverRow]) -> list[RoomRows]:
        """Let go of rows that are not held; the rooms that had any."""
        gone = frozenset(row.invocation_id for row in rows)
        rooms = [self.rooms[one] for one in {row.room_id for row in rows} if one in self.rooms]
        for room in rooms:
            room.stale = True
            if room.rows and room.rows[0].invocation_id in gone:
                room.rest_no_more()
                room.busy = False
                if room in self.ready:
                    self.ready.remove(room)
            left = [row for row in room.rows if row.invocation_id not in gone]
            room.rows.clear()
            room.rows.extend(left)
        return rooms

    def take(self, page: Sequence[PlacedRow]) -> Iterator[RoomRows]:
        """Take in the rooms of a page of the scan, as far as there is room."""
        whole = len(page) < SCAN_ROWS
        for room_id, placed in groupby(page, key=lambda one: one.row.room_id):
            rows = [one.row for one in placed]
            if room_id not in self.rooms:
                if self.full:
                    self.cursor = (room_id, 0)
                    return
                yield self._taken(room_id, rows, whole or rows[-1] is not page[-1].row)
            self.cursor = (room_id, LAST_POSITION)
        if whole:
            self.cursor = None
            self.more_rooms, self.missed = self.missed, False

    def _taken(self, room_id: str, rows: list[ObserverRow], complete: bool) -> RoomRows:
        room = self.rooms[room_id] = RoomRows(room_id)
        if room_id in self.left:
            room.more = True
        else:
            room.fill(rows[:ROOM_ROWS], more=not complete or len(rows) > ROOM_ROWS)
        return room


def _nothing() -> None:
    """What a backlog does before it is connected."""
