"""The hook plane, put together: what the engine and the API see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.ports import Caller, Clock, Ids, Store
from roomd_server.hooks.attaching import Attaching, OnProvider
from roomd_server.hooks.chain import ChainParts, OnFault
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.durable import DurableObservers, OnFound
from roomd_server.hooks.handlers import Handlers
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.registry import HookRegistry
from roomd_server.hooks.remote import RemoteDriver
from roomd_server.hooks.rulings import Check
from roomd_server.hooks.runner import HookRunner
from roomd_server.hooks.session import SessionParts
from roomd_server.hooks.stream import HookStreams
from roomd_server.hooks.telling import RoomView
from roomd_server.hooks.tools import RemoteTools
from roomd_server.hooks.watching import HookWatch

QUIET_SECONDS = 0.1
"""A server that stops lets calls in flight use their workers: it is over when nothing was
asked for this long."""


class HookPlane:
    """Hooks, handlers and the workers that serve them.

    Args:
        store: Where PERSISTENT hooks and channel providers are kept.
        clock: Time.
        ids: Ids of invocations, sessions and versions.
        options: Limits.
        check: The field rules of messages, for what comes in on worker streams.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        options: HookOptions | None = None,
        *,
        check: Check,
    ) -> None:
        options = options or HookOptions()
        self._clock = clock
        self.dispatcher = Dispatcher(clock, ids, options)
        self.registry = HookRegistry(store, clock, ids, self.dispatcher, options)
        self.extensions = Handlers(store, self.dispatcher, ids, options, check)
        self.toolbox = RemoteTools(self.extensions)
        self.remote = RemoteDriver(self.extensions, self.dispatcher, options)
        self._chain = ChainParts(self.dispatcher, clock, options, check)
        self.observers = DurableObservers(store, self.registry, self._chain)
        self.runner = HookRunner(self.registry, self._chain, self.observers)
        self._attaching = Attaching(self.dispatcher, self.registry, self.extensions, options, check)
        self.streams = HookStreams(
            SessionParts(self.dispatcher, self._attaching, clock, options, check), ids
        )
        self._watch = HookWatch(self.registry, clock)
        self.watch_hooks = self._watch.watch_hooks
        """Serves ``HookService.WatchHooks``."""
        self.connect = self.streams.connect
        """Serves ``HookService.Connect``."""
        self.rpc: Mapping[str, Callable[[Caller, Any], Awaitable[Message]]] = {
            "CreateHook": self.registry.create_hook,
            "GetHook": self.registry.get_hook,
            "ListHooks": self.registry.list_hooks,
            "UpdateHook": self.registry.update_hook,
            "DeleteHook": self.registry.delete_hook,
            "PauseHook": self.registry.pause_hook,
            "ResumeHook": self.registry.resume_hook,
            "TestHooks": self.runner.test_hooks,
            "ListWorkers": self.streams.list_workers,
            "ListParkedInvocations": self.observers.parking.list_parked_invocations,
            "ReplayParkedInvocations": self.observers.parking.replay_parked_invocations,
            "PurgeParkedInvocations": self.observers.parking.purge_parked_invocations,
            "GetInvocationPayload": self.get_invocation_payload,
        }
        """A handler for every unary RPC of ``HookService``."""

    def bind_engine(
        self,
        *,
        room_view: RoomView,
        on_fault: OnFault | None = None,
        on_provider: OnProvider | None = None,
        on_found: OnFound | None = None,
    ) -> None:
        """Connect what only the engine can give; once, at start.

        Args:
            room_view: A room's labels and context, for TestHooks.
            on_fault: Told about hooks that fail.
            on_provider: Told when a worker serves a channel provider: deliveries that wait
                for it may go.
            on_found: Stores what durable observers find.
        """
        self.observers.tellings.room_view = room_view
        self.observers.on_found = on_found
        self.runner.room_view = room_view
        self._chain.on_fault = on_fault
        self._attaching.on_provider = on_provider

    async def load(self) -> None:
        """Read the stored hooks and handlers; once, before anything is served."""
        await self.registry.load()
        await self.extensions.load()
        await self.observers.load()

    async def get_invocation_payload(
        self, caller: Caller, request: pb.GetInvocationPayloadRequest
    ) -> pb.GetInvocationPayloadResponse:
        """Serve ``HookService.GetInvocationPayload``: for who holds the lease."""
        invocation = self.dispatcher.payload(caller.org, request.invocation_id, request.lease)
        return pb.GetInvocationPayloadResponse(
            hook=invocation.payload, call=invocation.call, context=invocation.context
        )

    async def drain(self, grace_seconds: float) -> None:
        """Let calls in flight finish with their workers, then end the streams politely.

        From the moment the workers are told to leave, a chain whose hook nobody serves is
        not decided by its policy but refused with NODE_DRAINING: the caller tries elsewhere.
        """
        self.observers.stop()
        end = self._clock.monotonic() + grace_seconds
        self._watch.close()
        await self._wait_until_quiet(end - grace_seconds / 2)
        self._chain.draining = True
        self.streams.drain_all(
            pb.Drain.REASON_NODE_SHUTDOWN, max(0.0, end - self._clock.monotonic())
        )
        while self.streams.count and self._clock.monotonic() < end:
            await self._clock.sleep(0.01)
        self.streams.close()

    async def close(self) -> None:
        """End everything now."""
        self._chain.draining = True
        self._watch.close()
        self.observers.stop()
        self.streams.close()
        await self.runner.close()
        await self.observers.close()

    def gauges(self) -> dict[str, float]:
        """What is in memory now."""
        return {
            "worker_sessions": float(self.streams.count),
            "invocations_in_flight": float(self.dispatcher.in_flight),
        }

    async def _wait_until_quiet(self, latest: float) -> None:
        seen = -1
        while self._clock.monotonic() < latest:
            if self.dispatcher.offered == seen and not self.dispatcher.in_flight:
                return
            seen = self.dispatcher.offered
            await self._clock.sleep(min(QUIET_SECONDS, max(0.0, latest - self._clock.monotonic())))
