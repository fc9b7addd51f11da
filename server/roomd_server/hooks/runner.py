"""The pipeline's door to hooks (``ports.Hooks``): who matches, and what they decided."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from roomd import v1 as pb
from roomd_server.core.errors import FailedPrecondition
from roomd_server.core.ports import (
    Caller,
    HookCall,
    ObserverResult,
    ObserverRow,
    Subject,
    Telling,
    Verdict,
    WriteSet,
)
from roomd_server.core.tracing import CURRENT
from roomd_server.hooks.chain import ChainParts, ChainWalk
from roomd_server.hooks.durable import DurableObservers
from roomd_server.hooks.observing import Observation
from roomd_server.hooks.registry import HookRegistry
from roomd_server.hooks.telling import RoomView
from roomd_server.hooks.trial import run_trial


class HookRunner:
    """Runs the hooks of this node."""

    def __init__(
        self, registry: HookRegistry, parts: ChainParts, observers: DurableObservers
    ) -> None:
        self._registry = registry
        self._observers = observers
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()
        self.room_view: RoomView | None = None
        """Set once at start; for TestHooks."""
        self.wants = registry.wants
        self.keeps = registry.keeps

    async def decide(self, call: HookCall) -> Verdict:
        """See ``ports.Hooks.decide``."""
        chain = tuple(
            entry
            for entry in self._registry.deciding(call.org, call.trigger, call.subject.room_id)
            if entry.matches(call.subject, call.labels)
        )
        if not chain:
            return Verdict(call.payload)
        return await ChainWalk(self._parts, call).run(chain)

    def observe(self, call: HookCall) -> asyncio.Future[ObserverResult] | None:
        """See ``ports.Hooks.observe``."""
        entries = [
            entry
            for entry in self._registry.observing(call.org, call.trigger, call.subject.room_id)
            if entry.matches(call.subject, call.labels)
        ]
        if not entries:
            return None
        observation = Observation(self._parts, call, len(entries))
        curious = [entry for entry in entries if entry.context is not None]
        for entry in entries:
            if entry.context is None:
                observation.tell(entry)
        if curious:
            task = asyncio.ensure_future(observation.tell_with_context(curious))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return observation.done

    def rows(
        self,
        org: str,
        subject: Subject,
        labels: Mapping[str, str],
        telling: Telling,
    ) -> list[ObserverRow]:
        """See ``ports.Hooks.rows``."""
        payload, now = telling.payload, self._parts.clock.now()
        stored = telling.is_stored
        return [
            ObserverRow(
                self._parts.dispatcher.new_id(),
                entry.name,
                subject.room_id,
                telling.trigger,
                payload.event.event_id if stored else "",
                b"" if stored else payload.SerializeToString(),
                now,
                due=now + telling.delay_seconds if telling.delay_seconds else 0.0,
                told=payload,
                trace=CURRENT.get(),
            )
            for entry in self._registry.keeping(org, telling.trigger, subject.room_id)
            if entry.matches(subject, labels)
        ]

    def kept(self, org: str, rows: Sequence[ObserverRow]) -> None:
        """See ``ports.Hooks.kept``."""
        self._observers.kept(org, rows)

    def release(self, org: str, rows: Sequence[ObserverRow]) -> None:
        """See ``ports.Hooks.release``."""
        self._observers.release(org, rows)

    async def erase_room(self, writes: WriteSet) -> None:
        """See ``ports.Hooks.erase_room``."""
        await self._observers.erase_room(writes)

    def revise(self, org: str, event: pb.RoomEvent) -> None:
        """See ``ports.Hooks.revise``."""
        self._parts.dispatcher.revise(org, event)
        self._observers.revise(org, event)

    def rewrite(self, org: str, room_id: str, payloads: Mapping[str, bytes]) -> None:
        """See ``ports.Hooks.rewrite``."""
        self._observers.rewrite(org, room_id, payloads)

    def active_invocation_room(self, org: str, invocation_id: str) -> str | None:
        """See ``ports.Hooks.active_invocation_room``."""
        invocation = self._parts.dispatcher.find(invocation_id)
        if invocation is None or invocation.org != org or not invocation.holds_lock:
            return None
        return invocation.room_id

    async def test_hooks(
        self, caller: Caller, request: pb.TestHooksRequest
    ) -> pb.TestHooksResponse:
        """Serve ``HookService.TestHooks``."""
        if self.room_view is None:
            raise FailedPrecondition(
                pb.ERROR_REASON_WRONG_STATE, "the server is starting; try again"
            )
        labels, context = await self.room_view(caller.org, request.room_id)
        return await run_trial(self._parts, self._registry, caller.org, request, (labels, context))

    async def close(self) -> None:
        """Stop what works in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
