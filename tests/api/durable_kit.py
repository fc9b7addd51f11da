"""Durable observers for tests: a hook plane whose rows are committed by hand, and a worker
that notes what it is told.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from api_fakes import until
from hook_kit import AFTER, ME, OBSERVE, ORG, Behaviour, Rig, Worker, hook, plain_worker, spec

from roomd import v1 as pb
from roomd_server.core.ports import ObserverCount, ObserverResult, Subject, Telling, WriteSet

NAME = "audit"
RETRY = pb.Failure(status=pb.Status(code=14, message="later"), retryable=True)
HOPELESS = pb.Failure(status=pb.Status(code=3, message="never"))


def durable(*triggers: int, **fields: Any) -> pb.HookSpec:
    """The spec of a durable observer."""
    fields.setdefault("lifetime", pb.LIFETIME_PERSISTENT)
    return spec(OBSERVE, *triggers, delivery=pb.HOOK_DELIVERY_DURABLE, **fields)


class Rooms:
    """Events that are committed with their rows, without an engine."""

    def __init__(self, made: Rig) -> None:
        self.rig = made
        self.plane = made.plane
        self._next: defaultdict[str, int] = defaultdict(int)
        made.plane.observers.on_found = self._found
        made.plane.observers.tellings.room_view = self._view
        self.found: list[tuple[str, ObserverResult]] = []

    async def _view(self, org: str, room_id: str) -> tuple[dict[str, str], Any]:
        return {}, self.rig.context

    async def _found(
        self, org: str, room_id: str, found: ObserverResult, gone: Sequence[str], fires: bool
    ) -> None:
        await self.rig.store.commit(WriteSet(org, room_id, removed_observer_rows=gone))
        self.found.append((room_id, found))

    async def say(self, *texts: str, room_id: str = "r") -> None:
        """Commit events with their rows, each in a transaction of its own."""
        hooks = self.plane.runner
        loop = asyncio.get_running_loop()
        done = []
        for text in texts:
            index = self._next[room_id]
            self._next[room_id] += 1
            event = pb.RoomEvent(event_id=f"{room_id}-{index}", room_id=room_id, index=index)
            event.content.text.body = text
            writes = WriteSet(ORG, room_id, events=[event])
            subject = Subject(room_id)
            telling = Telling(AFTER, pb.HookPayload(event=event), is_stored=True)
            if hooks.keeps(ORG, AFTER, room_id):
                writes.observer_rows = hooks.rows(ORG, subject, {}, telling)
            future: asyncio.Future[None] = loop.create_future()
            self.rig.store.submit(writes, self._settle(writes, future))
            done.append(future)
        await asyncio.gather(*done)

    def _settle(
        self, writes: WriteSet, future: asyncio.Future[None]
    ) -> Callable[[Exception | None], None]:
        def settle(error: Exception | None) -> None:
            assert error is None
            self.plane.runner.kept(ORG, writes.observer_rows)
            future.set_result(None)

        return settle

    async def counts(self) -> list[ObserverCount]:
        """What is stored."""
        return await self.rig.store.observer_counts(None)

    async def emptied(self, parked: int = 0) -> None:
        """Nothing waits any more, in memory and in the store."""
        entry = self.plane.registry.find(ORG, NAME)
        assert entry is not None
        await until(lambda: (entry.backlog, entry.parked) == (0, parked))
        assert (await self.rig.hook(NAME)).parked == parked
        stored = [(one.waiting, one.parked) for one in await self.counts()]
        assert stored == ([(0, parked)] if parked else [])

    async def parked(self, **fields: Any) -> list[pb.ParkedInvocation]:
        """What was given up."""
        request = pb.ListParkedInvocationsRequest(hook=NAME, **fields)
        answer = await self.plane.observers.parking.list_parked_invocations(ME, request)
        return list(answer.parked)

    async def replay(self, **fields: Any) -> int:
        """Let it be told again."""
        request = pb.ReplayParkedInvocationsRequest(hook=NAME, **fields)
        answer = await self.plane.observers.parking.replay_parked_invocations(ME, request)
        return answer.replayed

    async def purge(self, **fields: Any) -> int:
        """Forget it."""
        request = pb.PurgeParkedInvocationsRequest(hook=NAME, **fields)
        answer = await self.plane.observers.parking.purge_parked_invocations(ME, request)
        return answer.purged


async def rooms_of(made: Rig, **described: Any) -> Rooms:
    """Rooms with one durable observer."""
    rooms = Rooms(made)
    await made.create(NAME, durable(**described))
    return rooms


async def observer(made: Rig, behave: Behaviour | None = None, **hello: Any) -> Worker:
    """A worker of the observer; it acknowledges unless told otherwise."""
    fields = {"max_in_flight": hello.pop("max_in_flight", 0)}
    behave = behave or (lambda _: pb.Done())
    return await plain_worker(made, hook(NAME, **fields), behave=behave, **hello)


def seen(worker: Worker, room_id: str = "r") -> list[str]:
    """The texts that a worker was told of a room, in order."""
    return [
        one.hook.event.content.text.body for one in worker.invocations if one.room_id == room_id
    ]
