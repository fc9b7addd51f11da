"""The pipeline's door to hooks (``ports.Hooks``): who matches, and what they decided."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from roomd import v1 as pb
from roomd_server.core.errors import FailedPrecondition
from roomd_server.core.ports import (
    Caller,
    ContextBuilder,
    HookCall,
    ObserverResult,
    Verdict,
)
from roomd_server.hooks.chain import ChainParts, ChainWalk
from roomd_server.hooks.observing import Observation
from roomd_server.hooks.registry import HookRegistry
from roomd_server.hooks.trial import run_trial

RoomView = Callable[[str, str], Awaitable[tuple[Mapping[str, str], ContextBuilder]]]
"""``(org, room_id)`` → the room's labels and its context; raises ROOM_NOT_FOUND."""


class HookRunner:
    """Runs the hooks of this node."""

    def __init__(self, registry: HookRegistry, parts: ChainParts) -> None:
        self._registry = registry
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()
        self.room_view: RoomView | None = None
        """Set once at start; for TestHooks."""
        self.wants = registry.wants
        self.erase_room = registry.erase_room

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

    def revise(self, org: str, event: pb.RoomEvent) -> None:
        """See ``ports.Hooks.revise``."""
        self._parts.dispatcher.revise(org, event)

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
