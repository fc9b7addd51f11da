"""The spine: how a message becomes an event, step by step.

    route → convert → (room lock) status → participant → duplicate → edit rights
    → hooks → write gate → handed to the store → (lock released) → durable → caller answered,
    lanes

Under the lock nothing waits but hooks. What follows the commit is ``dispatch``: the rows are
durable by then, so a crash loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.bindings import Bindings
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.editing import Editing, Target
from roomd_server.core.keeping import binding_with, broadcast
from roomd_server.core.lane import Lanes
from roomd_server.core.lifecycle import RESUME, resume_on_activity
from roomd_server.core.load import Load
from roomd_server.core.log import shown
from roomd_server.core.notes import Notes
from roomd_server.core.notify import Arrival, Notifier
from roomd_server.core.options import EngineOptions
from roomd_server.core.permissions import can_write, participant_refusal
from roomd_server.core.planning import DeliveryPlanner
from roomd_server.core.ports import (
    Clock,
    HookCall,
    Hooks,
    Ids,
    KeyRecord,
    Store,
    StoreConflict,
    Verdict,
)
from roomd_server.core.proposal import (
    Admission,
    Pending,
    Proposal,
    event_call,
    injected_event,
)
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import locked
from roomd_server.core.roster import ensure_sender
from roomd_server.core.tallies import PipelineTallies
from roomd_server.core.tracing import Stage, Within
from roomd_server.core.waiting import conclude


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is made of."""

    store: Store
    clock: Clock
    ids: Ids
    options: EngineOptions
    directory: RoomDirectory
    channels: ChannelDirectory
    bindings: Bindings
    hooks: Hooks
    lanes: Lanes
    notes: Notes
    editing: Editing
    notifier: Notifier
    bus: FrameworkBus


class Pipeline:
    """Admits events into rooms. The only place where one is committed."""

    def __init__(self, parts: Parts) -> None:
        self._ = parts
        self._planner = DeliveryPlanner(parts.channels)
        self.load = Load(parts.options)
        self.tallies = PipelineTallies()

    async def enter(
        self, actor: RoomActor, proposal: Proposal, *, sheds: bool = False
    ) -> Admission:
        """Take the room's lock and admit the proposal; on return it is durable. With
        ``sheds`` it is sent away when too much waits already.

        Raises:
            ResourceExhausted: OVERLOADED.
            Unavailable: PROCESS_TIMEOUT, HOOK_BUDGET_EXHAUSTED or a store error; nothing
                was written, unless it says that this is in doubt.
            NotFound: the room was deleted meanwhile.
            AlreadyExists: KEY_REUSED.
        """
        if sheds:
            self.load.check(actor)
        self.load.in_flight += 1
        try:
            admission = await self._enter(actor, proposal)
        except BaseException:
            self.tallies.undecided += 1
            raise
        finally:
            self.load.in_flight -= 1
        if admission.outcome != pb.OUTCOME_REFUSED:  # counted where it is refused
            self.tallies.outcomes[admission.outcome] += 1
        return admission

    async def _enter(self, actor: RoomActor, proposal: Proposal) -> Admission:
        if proposal.deadline is not None or not self._waits_for_hooks_at_most(actor, proposal):
            pending = await self._hold_in_time(actor, proposal)
        elif self._asks_hooks(actor, proposal):
            # No timer: the chain has a budget of its own.
            pending = await self._hold(actor, proposal)
        else:
            pending = self._admit_now(actor, proposal)
        if proposal.placed is not None:
            proposal.placed()
        if pending.durable is None:
            return pending.admission
        # The lock is free again: the next message of the room shares the transaction. The
        # writes are on their way whether or not our caller still waits.
        try:
            await pending.durable
        except StoreConflict as conflict:
            return await self._conflict(pending.actor, proposal, conflict)
        return pending.admission

    def _asks_hooks(self, actor: RoomActor, proposal: Proposal) -> bool:
        return not proposal.decided and self._.hooks.wants(actor.org, _DECIDED_BY, actor.room_id)

    def _waits_for_hooks_at_most(self, actor: RoomActor, proposal: Proposal) -> bool:
        """Whether neither the lock nor the store would be waited for."""
        event = proposal.event
        return (
            actor.lock.free
            and not actor.broken
            and not actor.deleted
            and not (event.idempotency_key and actor.keys.maybe_stored(event.idempotency_key))
            and event.content.WhichOneof("kind") not in _CHANGES_ANOTHER
        )

    def _admit_now(self, actor: RoomActor, proposal: Proposal) -> Pending:
        """Admit without the lock: nothing comes between where nothing is awaited."""
        draft = Draft(actor, self._.clock)
        draft.stamp(proposal.event)
        refusal = self._refusal(actor, draft, proposal)
        if refusal:
            return Pending(actor, self.refuse(actor, proposal.event.source.channel_id, refusal))
        return self._hand_in(draft, proposal, proposal.verdict, None)

    async def _hold_in_time(self, actor: RoomActor, proposal: Proposal) -> Pending:
        parts = self._
        left = parts.options.process_timeout_seconds
        if proposal.deadline is not None:
            left = proposal.deadline - parts.clock.monotonic()
        try:
            async with asyncio.timeout(left):
                return await self._hold(actor, proposal)
        except TimeoutError:
            parts.bus.emit(actor.org, "process_timeout", actor.room_id)
            raise errors.Unavailable(
                pb.ERROR_REASON_PROCESS_TIMEOUT,
                f"room {actor.room_id!r} could not decide within "
                f"{parts.options.process_timeout_seconds:g} s; nothing was stored, try again",
            ) from None

    async def _hold(self, actor: RoomActor, proposal: Proposal) -> Pending:
        """Admit the proposal under the lock of the room's present owner."""
        stage = Stage("lock", self.tallies.lock, self._.clock)
        while True:
            if actor.broken or actor.deleted:
                actor = await self._.directory.successor(actor)
            actor.pins += 1
            try:
                async with actor.lock:
                    if not actor.broken and not actor.deleted:
                        stage.end()
                        return await self._admit(actor, proposal)
            finally:
                actor.pins -= 1
                stage.end()

    async def _admit(self, actor: RoomActor, proposal: Proposal) -> Pending:
        event = proposal.event
        if event.idempotency_key:
            duplicate = await self._duplicate(actor, proposal)
            if duplicate is not None:
                return Pending(actor, duplicate)
        draft = Draft(actor, self._.clock)
        draft.stamp(event)
        refusal = self._refusal(actor, draft, proposal)
        target = None
        if not refusal and event.content.WhichOneof("kind") in _CHANGES_ANOTHER:
            await actor.settled()  # the target may be on its way
            target, refusal = await self._.editing.authorise(actor, event)
        if refusal:
            return Pending(actor, self.refuse(actor, event.source.channel_id, refusal))
        return self._hand_in(draft, proposal, await self._decide(actor, proposal), target)

    def _hand_in(
        self,
        draft: Draft,
        proposal: Proposal,
        verdict: Verdict | None,
        target: Target | None,
    ) -> Pending:
        """Everything is decided: put it into the room. Nothing is awaited from here on."""
        actor = draft.actor
        event = self._judge(actor, draft, proposal, verdict)
        outcome = pb.OUTCOME_BLOCKED if event.blocked_by else pb.OUTCOME_ACCEPTED
        admission = Admission(outcome, event, event.blocked_by, event.block_reason)
        self._fill(actor, draft, proposal, admission, verdict)
        if target is not None and not event.blocked_by:
            self._.editing.apply(draft, event, target)
        joined = self._sender_of(draft, proposal)
        self._.notifier.keep_admission(draft, event, joined, resumed=admission.resumed)
        if proposal.keep is not None:
            proposal.keep(actor, draft.writes, event)
        # Not the store's own future: a caller who leaves must not cancel a commit.
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stage = Stage("commit", self.tallies.commit, self._.clock)

        def settle(error: Exception | None) -> None:
            stage.end()
            # A callback, not what follows an await: it runs in the order of the commits.
            try:
                if error is None:
                    self._dispatch(actor, proposal, admission, draft, joined)
            finally:
                conclude(durable, error)

        draft.writes.asker = durable
        draft.submit(settle)
        admission.event_data = draft.writes.event_data[0]
        return Pending(actor, admission, durable)

    # -------------------------------------------------------------- before the hooks

    async def _duplicate(self, actor: RoomActor, proposal: Proposal) -> Admission | None:
        """The first result when the key was seen before."""
        key = proposal.event.idempotency_key
        known = actor.keys.lookup(key)
        if known is None:
            if not actor.keys.maybe_stored(key):
                return None
            record = await self._.store.get_key(
                actor.org, f"room:{actor.room_id}", key, self._.clock.now()
            )
            if record is None:
                return None
            known = (record.fingerprint, record.value.decode())
        if known[0] != proposal.fingerprint:
            raise errors.AlreadyExists(
                pb.ERROR_REASON_KEY_REUSED,
                f"key {key!r} was used with another message; use a new key",
                metadata={"idempotency_key": key, "event_id": known[1]},
            )
        first = await self._.store.get_event(actor.org, actor.room_id, known[1])
        if first is None:
            await actor.settled()  # its first send is on its way
            first = await self._.store.get_event(actor.org, actor.room_id, known[1])
            if first is None:
                raise errors.Unavailable(
                    pb.ERROR_REASON_STORE_DOWN, "its first send was not stored; try again"
                )
        return Admission(
            pb.OUTCOME_DUPLICATE,
            shown(first),
            first.blocked_by,
            first.block_reason,
        )

    async def _conflict(
        self, actor: RoomActor, proposal: Proposal, conflict: StoreConflict
    ) -> Admission:
        """A row that had to be new exists: someone used the key, or this actor is outdated."""
        if conflict.what == "key":
            proposal.event.ClearField("index")
            actor.keys.add_hash(proposal.event.idempotency_key)
            duplicate = await self._duplicate(actor, proposal)
            actor.broken = True
            if duplicate is not None:
                return duplicate
        actor.broken = True
        # A write ahead of it failed, as on a full disk; or somebody else wrote to the room.
        raise errors.Unavailable(
            pb.ERROR_REASON_STORE_DOWN, "what the room wrote before was not stored; try again"
        )

    def _refusal(self, actor: RoomActor, draft: Draft, proposal: Proposal) -> str:
        """Why the proposal cannot enter; empty: it can."""
        if actor.room.status in _ENDED:
            return "room_closed"
        source = proposal.event.source
        if source.participant_id:
            refusal = participant_refusal(actor.participants.get(source.participant_id))
            if refusal:
                return refusal
        if (
            proposal.join is not None
            and source.channel_id not in actor.bindings
            and self._.bindings.auto_attach(draft, proposal.join, source.participant_id) is None
        ):
            return "channel_detached"
        return ""

    def refuse(self, actor: RoomActor, channel_id: str, reason: str) -> Admission:
        """Turn a message away: counted and told, but nothing of it is stored."""
        self.tallies.outcomes[pb.OUTCOME_REFUSED] += 1
        self._.bus.emit(
            actor.org, "room_refused_event", actor.room_id, channel_id=channel_id, reason=reason
        )
        return Admission(pb.OUTCOME_REFUSED, reason=reason)

    # -------------------------------------------------------------- gates

    async def _decide(self, actor: RoomActor, proposal: Proposal) -> Verdict | None:
        """Run BEFORE_BROADCAST; None when nobody wants it."""
        if not self._asks_hooks(actor, proposal):
            return proposal.verdict
        with Stage("hooks", self.tallies.hooks, self._.clock):
            return await self._.hooks.decide(event_call(actor, _DECIDED_BY, proposal.event))

    def _judge(
        self, actor: RoomActor, draft: Draft, proposal: Proposal, verdict: Verdict | None
    ) -> pb.RoomEvent:
        """Stamp what hooks and rules decided onto the event."""
        event = proposal.event
        if verdict is not None:
            if verdict.payload.event is not event:
                event = verdict.payload.event
            event.hook_trace.extend(verdict.traces)
            event.blocked_by, event.block_reason = verdict.blocked_by, verdict.reason
            if verdict.metadata:
                said = event.metadata.get_or_create_struct("_hooks")  # hooks of other triggers
                said.update(cast("dict[str, Any]", verdict.metadata))
        if proposal.blocked_by:
            event.blocked_by = proposal.blocked_by
        if not event.blocked_by:
            binding = binding_with(actor, draft.writes, event.source.channel_id)
            if binding is not None and (denied := can_write(binding)):
                event.blocked_by = event.block_reason = denied
        event.status = pb.EVENT_STATUS_BLOCKED if event.blocked_by else pb.EVENT_STATUS_DELIVERED
        if event.blocked_by and not event.block_reason:
            event.block_reason = event.blocked_by
        return event

    # -------------------------------------------------------------- commit

    def _fill(
        self,
        actor: RoomActor,
        draft: Draft,
        proposal: Proposal,
        admission: Admission,
        verdict: Verdict | None,
    ) -> None:
        """Put everything that belongs together into the draft."""
        event = admission.event
        assert event is not None
        draft.add_event(event)
        if event.idempotency_key:
            record = KeyRecord(
                f"room:{actor.room_id}",
                event.idempotency_key,
                proposal.fingerprint,
                event.event_id.encode(),
                draft.now + self._.options.key_retention_seconds,
            )
            draft.writes.keys = (*draft.writes.keys, record)
        if not event.blocked_by:
            admission.resumed = resume_on_activity(draft)
            admission.deliveries += self._planner.plan(draft, event, proposal.only_targets)
        if proposal.releases:
            draft.writes.removed_queued = (*draft.writes.removed_queued, *proposal.releases)
        tasks, observations = list(proposal.tasks), list(proposal.observations)
        injections = list(proposal.injected)
        if verdict is not None:
            tasks += verdict.tasks
            observations += verdict.observations
            injections += verdict.injected
        for injected in injections:
            extra = injected_event(actor, event, injected, self._.ids.new())
            draft.add_event(extra)
            admission.deliveries += self._planner.plan(draft, extra, injected.target_channel_ids)
        if tasks or observations:
            self._.notes.keep(draft, tasks, observations, event)

    def _sender_of(self, draft: Draft, proposal: Proposal) -> Arrival | None:
        """Make the sender of an inbound message a participant; who arrived, if anybody."""
        source = proposal.event.source
        if proposal.join is None or not source.participant_id:
            return None
        return ensure_sender(draft, source.channel_id, source.participant_id)

    # -------------------------------------------------------------- after the commit

    def _dispatch(
        self,
        actor: RoomActor,
        proposal: Proposal,
        admission: Admission,
        draft: Draft,
        joined: Arrival | None,
    ) -> None:
        """Start everything that follows a commit. Waits for nothing."""
        parts, event, cascade = self._, admission.event, proposal.cascade
        assert event is not None
        if draft.writes.create_room:
            parts.notifier.lifecycle(actor, pb.HOOK_TRIGGER_ON_ROOM_CREATED, "room_created")
        for delivery, subject in admission.deliveries:
            parts.lanes.enqueue(actor, delivery, subject, cascade)
        for committed in broadcast(draft.writes.events):
            self.observe(actor, pb.HOOK_TRIGGER_AFTER_BROADCAST, committed, cascade)
        if admission.resumed:
            parts.notifier.lifecycle(actor, RESUME.trigger, RESUME.code)
        if joined is not None:
            parts.notifier.sender_joined(actor, joined, event, cascade)
        if draft.writes.bindings:
            parts.bindings.attached(actor, draft.writes.bindings)
        if draft.writes.tasks:
            parts.notes.created(actor, draft.writes.tasks)
        if draft.writes.changed_events:
            parts.editing.changed(actor, event, draft.writes.changed_events)
        if event.blocked_by:
            parts.bus.emit(
                actor.org,
                "event_blocked",
                actor.room_id,
                channel_id=event.source.channel_id,
                event_id=event.event_id,
                blocked_by=event.blocked_by,
                reason=event.block_reason,
            )
        elif parts.bus.tailed:
            parts.bus.emit(
                actor.org,
                "event_processed",
                actor.room_id,
                channel_id=event.source.channel_id,
                event_id=event.event_id,
            )

    async def keep_notes(
        self,
        actor: RoomActor,
        tasks: Sequence[pb.Task],
        observations: Sequence[pb.Observation],
        channel_id: str,
    ) -> None:
        """Store tasks and observations that came without an event."""
        async with locked(self._.directory, actor.org, actor.room_id) as owner:
            draft = Draft(owner, self._.clock)
            self._.notes.keep(draft, tasks, observations, channel_id=channel_id)
            self._.notifier.keep.tasks(owner, draft.writes)
            await draft.commit()
        self._.notes.created(owner, draft.writes.tasks)

    def observe(
        self, actor: RoomActor, trigger: pb.HookTrigger, event: pb.RoomEvent, cascade: Cascade
    ) -> None:
        """Tell observers about an event; the cascade ends no sooner than they do."""
        if self._.hooks.wants(actor.org, trigger, actor.room_id):
            self.tell(actor, event_call(actor, trigger, event), cascade)

    def observe_fault(self, actor: RoomActor, fault: pb.RoomEvent, cascade: Cascade) -> None:
        """Tell observers of a failure that is no event; see ``observe``."""
        trigger = pb.HOOK_TRIGGER_ON_ERROR
        self._.notifier.keep_alone(actor, trigger, fault)
        self.observe(actor, trigger, fault, cascade)

    def tell(self, actor: RoomActor, call: HookCall, cascade: Cascade) -> None:
        """Tell the observers of a call that is made up; see ``observe``."""
        with Within(cascade.trace):
            told = self._.hooks.observe(call)
        if told is not None:
            cascade.begin()
            told.add_done_callback(
                lambda future: self._.notifier.observed(actor, future, cascade.end)
            )


_DECIDED_BY = pb.HOOK_TRIGGER_BEFORE_BROADCAST
_CHANGES_ANOTHER = frozenset(("edit", "delete"))
_ENDED = frozenset((pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED))
