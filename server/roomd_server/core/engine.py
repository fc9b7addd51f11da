"""The engine: its parts, put together once, and its background work.

Parts talk to each other by the narrow methods they need; this is the one place in the
core that knows them all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.answers import AnswerParts, Answers
from roomd_server.core.bindings import Bindings
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.editing import Editing
from roomd_server.core.erasure import Erasure
from roomd_server.core.exporting import Export
from roomd_server.core.inbound import Inbound, InboundParts
from roomd_server.core.lane import LaneParts, Lanes
from roomd_server.core.lifecycle import RoomLifecycle
from roomd_server.core.measured import MeasuredSender
from roomd_server.core.notes import Notes
from roomd_server.core.notify import Notifier
from roomd_server.core.once import Once
from roomd_server.core.options import EngineOptions
from roomd_server.core.outcomes import Outcomes
from roomd_server.core.pipeline import Parts, Pipeline
from roomd_server.core.ports import (
    Clock,
    ContextBuilder,
    Driver,
    Extensions,
    Hooks,
    Ids,
    ObserverResult,
    Store,
    Toolbox,
)
from roomd_server.core.proactive import Proactive, ProactiveParts
from roomd_server.core.realtime_desk import RealtimeDesk
from roomd_server.core.redelivery import Redelivery
from roomd_server.core.retention import Retention
from roomd_server.core.rooms import Rooms
from roomd_server.core.roster import Roster
from roomd_server.core.routing import Router
from roomd_server.core.timeline import Timeline
from roomd_server.core.timers import TimerService
from roomd_server.core.tools import Tools
from roomd_server.core.transports import Transports

log = logging.getLogger(__name__)

KEY_PURGE_SECONDS = 600.0
RESTART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine needs from the outside."""

    store: Store
    clock: Clock
    ids: Ids
    hooks: Hooks
    extensions: Extensions
    toolbox: Toolbox
    drivers: Mapping[str, Driver]
    """By the name of the ``ChannelImplementation`` they serve."""
    bus: FrameworkBus
    jitter: Callable[[], float]
    """Uniform in [0, 1)."""


class Engine:
    """All parts of the engine, wired."""

    def __init__(self, around: Surroundings, options: EngineOptions) -> None:
        store, clock, ids = around.store, around.clock, around.ids
        self.store, self.bus, self.options = store, around.bus, options
        self._clock = clock
        self.directory = RoomDirectory(store, clock, ids, max_live_rooms=options.max_live_rooms)
        self.rooms = Rooms(self.directory, around.hooks)
        once = Once(store, clock, retention_seconds=options.key_retention_seconds)
        self.notifier = Notifier(around.hooks, around.bus, clock, ids)
        self.channels = ChannelDirectory(store, clock, ids, around.drivers, options, around.bus)
        self.directory.capabilities_of = self.channels.capabilities
        self.directory.on_rows = around.hooks.kept
        self.bindings = Bindings(
            store, self.rooms, self.channels, self.notifier, clock, ids, options
        )
        self.lifecycle = RoomLifecycle(
            store, self.directory, self.rooms, once, clock, ids, self.notifier
        )
        self.timers = TimerService(store, self.directory, self.rooms, clock, self.notifier)
        self.retention = Retention(store, self.directory, self.lifecycle, clock, options)
        self.roster = Roster(self.rooms, self.notifier, clock, ids)
        self.notes = Notes(store, self.rooms, once, self.notifier, clock, ids)
        self.export = Export(store, self.rooms)
        self.timeline = Timeline(store, self.rooms, clock)
        self.editing = Editing(store, self.rooms, self.notifier, clock)
        self.erasure = Erasure(store, self.rooms, self.bindings, self.editing, self.notifier, clock)
        self.desk = RealtimeDesk(
            self.directory, self.rooms, clock, presence_lease_seconds=options.presence_lease_seconds
        )
        self.tools = Tools(around.toolbox, self.rooms, self.desk, clock, ids)
        self._build_flow(around)
        self._background: list[asyncio.Task[None]] = []

    def _build_flow(self, around: Surroundings) -> None:
        """Build the way of a message, from the lanes back to the entrance."""
        store, clock, ids, options = around.store, around.clock, around.ids, self.options
        self.outcomes = Outcomes(
            store, self.directory, around.hooks, around.bus, self.notifier, clock
        )
        self.lanes = Lanes(
            LaneParts(
                store,
                clock,
                options,
                self.directory,
                self.channels,
                self.outcomes,
                around.bus,
                self.notifier,
                around.hooks,
                around.jitter,
            )
        )
        self.pipeline = Pipeline(
            Parts(
                store,
                clock,
                ids,
                options,
                self.directory,
                self.channels,
                self.bindings,
                around.hooks,
                self.lanes,
                self.notes,
                self.editing,
                self.notifier,
                around.bus,
            )
        )
        self._build_ends(around)

    def _build_ends(self, around: Surroundings) -> None:
        """Build what stands at both ends of the pipeline: the entrance, and who answers."""
        store, clock, ids, options = around.store, around.clock, around.ids, self.options
        router = Router(store, self.directory, self.lifecycle, around.extensions, clock)
        self.inbound = Inbound(
            InboundParts(
                store,
                clock,
                ids,
                options,
                self.directory,
                self.channels,
                router,
                self.pipeline,
                around.hooks,
                around.extensions,
                around.bus,
            )
        )
        self.answers = Answers(
            AnswerParts(
                self.pipeline,
                self.channels,
                around.hooks,
                self.tools,
                self.desk,
                around.bus,
                clock,
                ids,
                options,
            )
        )
        self.transports = Transports(self.channels, around.extensions, clock, options, self.answers)
        self.proactive = Proactive(
            ProactiveParts(store, self.directory, self.pipeline, around.hooks, clock, ids, options)
        )
        self.redelivery = Redelivery(
            store, self.directory, self.channels, self.lanes, around.hooks, clock
        )
        for category, sender in (
            (pb.CHANNEL_CATEGORY_TRANSPORT, self.transports),
            (pb.CHANNEL_CATEGORY_INTELLIGENCE, self.answers),
        ):
            self.lanes.serve(category, MeasuredSender(sender, self.outcomes.tallies, clock))

    async def start(self) -> None:
        """Load what is stored, take up what was unfinished, start the background work."""
        await self.channels.load()
        await self.lanes.recover()
        await self.proactive.recover()
        for work in (
            self.timers.run_timers,
            self.desk.run_leases,
            self.retention.run_retention,
            self._purge_keys,
        ):
            self._background.append(asyncio.ensure_future(self._keep_running(work)))

    async def close(self) -> None:
        """Stop; everything unfinished is in the store."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.proactive.close()
        await self.lanes.close()

    async def _keep_running(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except errors.Unavailable as error:
                log.warning("background work waits: %s", error)
            except Exception:  # boundary: whatever happens must not end timers
                log.exception("background work stopped; starting it again")
            await self._clock.sleep(RESTART_SECONDS)

    async def _purge_keys(self) -> None:
        while True:
            await self.store.purge_keys(self._clock.now())
            await self._clock.sleep(KEY_PURGE_SECONDS)

    async def room_context(self, org: str, room_id: str) -> tuple[dict[str, str], ContextBuilder]:
        """A room's labels and context, for dry runs of hooks.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self.directory.get(org, room_id)
        return actor.labels(), actor.context

    async def keep_observed(
        self,
        org: str,
        room_id: str,
        found: ObserverResult,
        acknowledged: Sequence[str],
        fires: bool,
    ) -> None:
        """Store what a durable observer found; see ``Notes.keep_observed``."""
        actor = await self.directory.get(org, room_id)
        with self.directory.pinned(actor):
            await self.notes.keep_observed(actor, found, acknowledged, fires)

    def hook_fault(self, kind: str, hook: pb.Hook, room_id: str, detail: str) -> None:
        """Say that a hook did not do its work."""
        self.bus.emit(hook.organization_id, kind, room_id, hook=hook.name, detail=detail)

    def gauges(self) -> dict[str, float]:
        """What is in memory now, and what was counted since the start."""
        return {
            "refused_events": float(self.pipeline.tallies.outcomes[pb.OUTCOME_REFUSED]),
            "shed_events": float(self.pipeline.load.shed_count),
            "live_rooms": float(self.directory.live_count),
            "lane_backlog": float(self.lanes.backlog),
        }
