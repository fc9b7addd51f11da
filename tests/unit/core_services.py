"""The engine's services on a real store, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from roomd import v1 as pb
from roomd_server.core.bus import FrameworkBus, Tail
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.editing import Editing
from roomd_server.core.lifecycle import RoomLifecycle
from roomd_server.core.notes import Notes
from roomd_server.core.notify import Notifier
from roomd_server.core.once import Once
from roomd_server.core.ports import (
    Caller,
    Cancellable,
    HookCall,
    ObserverResult,
    ObserverRow,
    Subject,
    Telling,
    Verdict,
    WriteSet,
)
from roomd_server.core.realtime_desk import RealtimeDesk
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.roster import Roster
from roomd_server.core.timeline import Timeline
from roomd_server.core.timers import TimerService
from roomd_server.stores.sqlite import SqliteStore

ME = Caller("acme", key_id="k1")
STRANGER = Caller("other", key_id="k2")
EPOCH = 1_700_000_000.0


class HandClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.wall = EPOCH
        self.steady = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.steady + seconds, self._count, future))
        await future

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancellable:
        return asyncio.get_running_loop().call_later(seconds, callback)

    @property
    def sleepers(self) -> int:
        return len(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.steady += seconds
        while self._sleepers and self._sleepers[0][0] <= self.steady:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def jump(self, seconds: float) -> None:
        """Set the wall clock; no time passes."""
        self.wall += seconds


class CountedIds:
    def __init__(self) -> None:
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"id{self._count:08d}"


class RecordedHooks:
    """Observers that answer at once; ``calls`` is what they were told."""

    def __init__(self) -> None:
        self.calls: list[HookCall] = []
        self.observers: dict[int, Callable[[HookCall], ObserverResult]] = {}
        self.waiting_room: str | None = None
        self.store: SqliteStore | None = None
        self.revised: list[pb.RoomEvent] = []
        self.keeping: set[int] = set()
        """Triggers with a durable hook ``h``; its rows are numbered."""
        self.row_count = 0
        self.kept_rows: list[ObserverRow] = []
        self.released_rows: list[ObserverRow] = []

    def listen(self, *triggers: int) -> None:
        for trigger in triggers:
            self.observers[trigger] = lambda call: ObserverResult([], [])

    def listen_to_all(self) -> None:
        self.listen(*(number for number in pb.HookTrigger.values() if number))

    def told(self, trigger: int) -> list[HookCall]:
        return [call for call in self.calls if call.trigger == trigger]

    def wants(self, org: str, trigger: int, room_id: str) -> bool:
        return trigger in self.observers

    async def decide(self, call: HookCall) -> Verdict:
        return Verdict(call.payload)

    def observe(self, call: HookCall) -> asyncio.Future[ObserverResult] | None:
        if call.trigger not in self.observers:
            return None
        self.calls.append(call)
        future: asyncio.Future[ObserverResult] = asyncio.get_running_loop().create_future()
        answer = self.observers[call.trigger](call)
        asyncio.get_running_loop().call_soon(future.set_result, answer)
        return future

    def keeps(self, org: str, trigger: int, room_id: str) -> bool:
        return trigger in self.keeping

    def rows(
        self, org: str, subject: Subject, labels: Mapping[str, str], telling: Telling
    ) -> list[ObserverRow]:
        if telling.trigger not in self.keeping:
            return []
        self.row_count += 1
        event_id = telling.payload.event.event_id if telling.is_stored else ""
        payload = b"" if telling.is_stored else telling.payload.SerializeToString()
        name = f"row-{self.row_count}"
        row = ObserverRow(name, "h", subject.room_id, telling.trigger, event_id, payload, 0.0)
        return [row]

    def kept(self, org: str, rows: Sequence[ObserverRow]) -> None:
        self.kept_rows += rows

    def release(self, org: str, rows: Sequence[ObserverRow]) -> None:
        self.released_rows += rows

    def revise(self, org: str, event: pb.RoomEvent) -> None:
        self.revised.append(event)

    def rewrite(self, org: str, room_id: str, payloads: Mapping[str, bytes]) -> None:
        raise AssertionError("nobody is erased here")

    async def erase_room(self, writes: WriteSet) -> None:
        assert self.store is not None
        await self.store.commit(writes)

    def active_invocation_room(self, org: str, invocation_id: str) -> str | None:
        return self.waiting_room


@dataclass
class Services:
    clock: HandClock
    ids: CountedIds
    hooks: RecordedHooks
    bus: FrameworkBus
    store: SqliteStore
    directory: RoomDirectory
    lifecycle: RoomLifecycle
    timers: TimerService
    roster: Roster
    notes: Notes
    timeline: Timeline
    editing: Editing
    desk: RealtimeDesk
    notifier: Notifier
    tail: Tail

    async def room(self, room_id: str = "r1", **fields: Any) -> RoomActor:
        await self.lifecycle.create_room(ME, pb.CreateRoomRequest(room_id=room_id, **fields))
        return await self.directory.get(ME.org, room_id)

    async def reloaded(self, room_id: str = "r1") -> RoomActor:
        """The room as the store has it."""
        other = RoomDirectory(self.store, self.clock, self.ids, max_live_rooms=10)
        return await other.get(ME.org, room_id)

    async def say(self, actor: RoomActor, text: str, **fields: Any) -> pb.RoomEvent:
        """Commit a message as the pipeline would."""
        event = pb.RoomEvent(
            event_id=self.ids.new(),
            type=pb.EVENT_TYPE_MESSAGE,
            status=pb.EVENT_STATUS_DELIVERED,
            content=pb.Content(text=pb.TextContent(body=text)),
        )
        event.MergeFrom(pb.RoomEvent(**fields))
        async with actor.lock:
            draft = Draft(actor, self.clock)
            draft.add_event(event)
            await draft.commit()
        return event

    async def bind(self, actor: RoomActor, channel_id: str, **fields: Any) -> pb.Binding:
        binding = pb.Binding(
            room_id=actor.room_id,
            channel_id=channel_id,
            channel_type=pb.CHANNEL_TYPE_WEBSOCKET,
            category=pb.CHANNEL_CATEGORY_TRANSPORT,
            access=pb.ACCESS_READ_WRITE,
            direction=pb.DIRECTION_BIDIRECTIONAL,
        )
        binding.MergeFrom(pb.Binding(**fields))
        async with actor.lock:
            draft = Draft(actor, self.clock)
            draft.put_binding(binding, "channel_attached")
            await draft.commit()
        return binding

    def framework(self) -> list[str]:
        return [event.type for event in self.tail.events]


@asynccontextmanager
async def services(clock: HandClock | None = None) -> AsyncIterator[Services]:
    clock, ids, hooks = clock or HandClock(), CountedIds(), RecordedHooks()
    store = hooks.store = await SqliteStore.open(":memory:", clock=clock)
    bus = FrameworkBus(clock)
    tail = Tail(ME.org, frozenset(), "")
    bus._tails.append(tail)
    directory = RoomDirectory(store, clock, ids, max_live_rooms=1000)
    rooms = Rooms(directory, hooks)
    once = Once(store, clock, retention_seconds=24 * 3600.0)
    notifier = Notifier(hooks, bus, clock, ids)
    try:
        yield Services(
            clock,
            ids,
            hooks,
            bus,
            store,
            directory,
            RoomLifecycle(store, directory, rooms, once, clock, ids, notifier),
            TimerService(store, directory, rooms, clock, notifier),
            Roster(rooms, notifier, clock, ids),
            Notes(store, rooms, once, notifier, clock, ids),
            Timeline(store, rooms, clock),
            Editing(store, rooms, notifier, clock),
            RealtimeDesk(directory, rooms, clock, presence_lease_seconds=30.0),
            notifier,
            tail,
        )
    finally:
        await store.close()


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run background work for a while."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds; fails when it never does."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it never happened"
        await asyncio.sleep(0.002)
