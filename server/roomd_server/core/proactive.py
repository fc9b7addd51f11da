"""Saying something of our own accord: at once, when the room is idle, or gathered.

What waits is stored with its room and leaves the queue in the commit of the event that
says it: neither lost nor said twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.cascade import Cascade
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.keys import fingerprint
from roomd_server.core.log import shown
from roomd_server.core.options import EngineOptions
from roomd_server.core.permissions import can_hear
from roomd_server.core.pipeline import Pipeline
from roomd_server.core.ports import (
    Caller,
    Clock,
    HookCall,
    Hooks,
    Ids,
    KeyRecord,
    ObserverRow,
    QueuedText,
    Store,
    StoreConflict,
    Telling,
    Verdict,
    WriteSet,
)
from roomd_server.core.proposal import Admission, Proposal, event_call, stamp
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import check_deadlock, locked
from roomd_server.core.transcode import text_of

log = logging.getLogger(__name__)

IDLE_POLL_SECONDS = 0.05
STORE_RETRY_SECONDS = 1.0
"""How often a store that is away is asked again."""
RECOVERED_ROOMS = 1000


@dataclass(frozen=True, slots=True)
class ProactiveParts:
    """What proactive delivery is made of."""

    store: Store
    directory: RoomDirectory
    pipeline: Pipeline
    hooks: Hooks
    clock: Clock
    ids: Ids
    options: EngineOptions


class Proactive:
    """Serves ``EventService.Deliver``."""

    def __init__(self, parts: ProactiveParts) -> None:
        self._ = parts
        self._flushers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._observers: set[asyncio.Task[None]] = set()
        self._recovering: asyncio.Task[None] | None = None

    async def deliver(self, caller: Caller, request: pb.DeliverRequest) -> pb.DeliverResponse:
        """Say it now, or queue it.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
            AlreadyExists: KEY_REUSED.
            FailedPrecondition: WOULD_DEADLOCK.
        """
        check_deadlock(self._.hooks, caller, request.room_id)
        actor = await self._.directory.get(caller.org, request.room_id)
        if actor.room.status in (pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED):
            refused = self._.pipeline.refuse(actor, request.channel_id, "room_closed")
            return pb.DeliverResponse(outcome=refused.outcome, reason=refused.reason)
        target = self._target(actor, request.channel_id)
        if request.idempotency_key:
            known = await self._known(actor, request)
            if known is not None:
                return known
        chosen = pb.DeliverRequest()
        chosen.CopyFrom(request)
        chosen.channel_id = target.channel_id
        if request.strategy in _WAITING and (actor.generating or actor.queued):
            response = await self._queue(actor, chosen)
        else:
            admission = await self._say(actor, chosen, chosen.content, ())
            response = pb.DeliverResponse(
                outcome=admission.outcome,
                event=admission.event,
                blocked_by=admission.blocked_by,
                reason=admission.reason,
            )
        if request.idempotency_key:
            await self._remember(actor, request, response)
        return response

    def _target(self, actor: RoomActor, channel_id: str) -> pb.Binding:
        """The channel asked for, else the room's first transport channel that hears."""
        if channel_id:
            binding = actor.bindings.get(channel_id)
            if binding is None:
                raise errors.binding_not_found(actor.room_id, channel_id)
            if binding.category == pb.CHANNEL_CATEGORY_INTELLIGENCE:
                raise errors.invalid("channel_id", "must be a transport channel")
            return binding
        for binding in actor.bindings.values():
            if binding.category == pb.CHANNEL_CATEGORY_TRANSPORT and can_hear(binding):
                return binding
        raise errors.NotFound(
            pb.ERROR_REASON_BINDING_NOT_FOUND,
            f"room {actor.room_id!r} has no transport channel; attach one first",
        )

    # -------------------------------------------------------------- keys

    async def _known(
        self, actor: RoomActor, request: pb.DeliverRequest
    ) -> pb.DeliverResponse | None:
        record = await self._.store.get_key(
            actor.org, _scope(actor), request.idempotency_key, self._.clock.now()
        )
        if record is None:
            return None
        if record.fingerprint != _fingerprint(request):
            raise errors.AlreadyExists(
                pb.ERROR_REASON_KEY_REUSED,
                f"key {request.idempotency_key!r} was used with another text; use a new key",
            )
        response = pb.DeliverResponse.FromString(record.value)
        response.outcome = pb.OUTCOME_DUPLICATE
        if response.HasField("event"):
            response.event.CopyFrom(await self._as_now(actor, response.event))
        return response

    async def _as_now(self, actor: RoomActor, event: pb.RoomEvent) -> pb.RoomEvent:
        """An event that was kept, as it may be read now."""
        stored = await self._.store.get_event(actor.org, actor.room_id, event.event_id)
        return shown(event if stored is None else stored)

    async def _remember(
        self, actor: RoomActor, request: pb.DeliverRequest, response: pb.DeliverResponse
    ) -> None:
        record = KeyRecord(
            _scope(actor),
            request.idempotency_key,
            _fingerprint(request),
            response.SerializeToString(),
            self._.clock.now() + self._.options.key_retention_seconds,
        )
        try:
            await self._.store.commit(WriteSet(actor.org, keys=[record]))
        except StoreConflict:
            return  # the same call ran twice at once; the room's own key made it one event

    # -------------------------------------------------------------- saying

    async def _say(
        self,
        actor: RoomActor,
        request: pb.DeliverRequest,
        content: pb.Content,
        releases: Sequence[str],
    ) -> Admission:
        cascade = Cascade()
        event = pb.RoomEvent(
            event_id=self._.ids.new(),
            type=pb.EVENT_TYPE_MESSAGE,
            source=pb.EventSource(
                channel_type=pb.CHANNEL_TYPE_SYSTEM, direction=pb.DIRECTION_OUTBOUND
            ),
            content=content,
            addressed_to=pb.Addressing(),  # nobody is asked to answer
            idempotency_key=request.idempotency_key and f"deliver:{request.idempotency_key}",
        )
        if request.HasField("metadata"):
            event.metadata.CopyFrom(request.metadata)
        stamp(event, actor.room_id, self._.clock.now())
        proposal = Proposal(
            event,
            cascade,
            fingerprint=_fingerprint(request),
            only_targets=(request.channel_id,),
            releases=releases,
        )
        if self._.hooks.wants(actor.org, pb.HOOK_TRIGGER_BEFORE_DELIVER, actor.room_id):
            verdict = await self._.hooks.decide(
                _call(actor, pb.HOOK_TRIGGER_BEFORE_DELIVER, event, request.channel_id)
            )
            if verdict.blocked_by:
                proposal.verdict = verdict
            else:
                _take(proposal, verdict)
        cascade.deliveries = {}
        kept: list[ObserverRow] = []
        proposal.keep = partial(self._keep_after, request.channel_id, kept)
        admission = await self._.pipeline.enter(actor, proposal)
        # What was blocked or was said before is delivered to nobody now.
        said = admission.event if admission.outcome == pb.OUTCOME_ACCEPTED else None
        wanted = self._.hooks.wants(actor.org, pb.HOOK_TRIGGER_AFTER_DELIVER, actor.room_id)
        if said is not None and (wanted or kept):
            call = _call(actor, pb.HOOK_TRIGGER_AFTER_DELIVER, said, request.channel_id)
            task = asyncio.ensure_future(self._tell_after(actor, call, kept, cascade))
            self._observers.add(task)
            task.add_done_callback(self._observers.discard)
        return admission

    def _keep_after(
        self,
        channel_id: str,
        kept: list[ObserverRow],
        actor: RoomActor,
        writes: WriteSet,
        event: pb.RoomEvent,
    ) -> None:
        """Let durable observers see AFTER_DELIVER, also when the server ends before: then after
        the time that it would have waited.
        """
        trigger, patience = pb.HOOK_TRIGGER_AFTER_DELIVER, self._.options.delivered_wait_seconds
        if not event.blocked_by and self._.hooks.keeps(actor.org, trigger, actor.room_id):
            call = _call(actor, trigger, event, channel_id)
            telling = Telling(trigger, call.payload, is_stored=True, delay_seconds=patience)
            rows = self._.hooks.rows(actor.org, call.subject, call.labels, telling)
            writes.observer_rows = (*writes.observer_rows, *rows)
            kept += rows

    async def _tell_after(
        self, actor: RoomActor, call: HookCall, kept: Sequence[ObserverRow], cascade: Cascade
    ) -> None:
        await cascade.wait(self._.clock, self._.options.delivered_wait_seconds)
        self._.hooks.release(actor.org, kept)
        event = await self._as_now(actor, call.payload.event)
        event = _with_error(event, cascade, call.subject.channel_id)
        self._.pipeline.tell(actor, replace(call, payload=pb.HookPayload(event=event)), Cascade())

    # -------------------------------------------------------------- queue

    async def _queue(self, actor: RoomActor, request: pb.DeliverRequest) -> pb.DeliverResponse:
        queued = QueuedText(self._.ids.new(), request, self._.clock.now())
        async with locked(self._.directory, actor.org, actor.room_id) as owner:
            draft = Draft(owner, self._.clock)
            draft.writes.queued = (*draft.writes.queued, queued)
            await draft.commit()
        self._start_flusher(owner)
        return pb.DeliverResponse(outcome=pb.OUTCOME_HELD, queued_id=queued.queued_id)

    async def recover(self) -> int:
        """Take up rooms with queued texts after a start; how many."""
        count = await self._recover_some()
        if count == RECOVERED_ROOMS:
            self._recovering = asyncio.ensure_future(self._recover_rest())
        return count

    async def _recover_some(self) -> int:
        rooms = await self._.store.rooms_with_queued(RECOVERED_ROOMS)
        for org, room_id in rooms:
            actor = await self._.directory.find(org, room_id)
            if actor is not None:
                self._start_flusher(actor)
        return len(rooms)

    async def _recover_rest(self) -> None:
        """Take up the rooms that are left whenever those before them have said theirs."""
        while True:
            await asyncio.gather(*self._flushers.values(), return_exceptions=True)
            try:
                if not await self._recover_some():
                    return
            except errors.Unavailable as error:
                log.warning("what is queued in rooms waits: %s", error)
            if not self._flushers:
                await self._.clock.sleep(STORE_RETRY_SECONDS)

    async def close(self) -> None:
        """Stop waiting; what is queued stays stored."""
        tasks = [*self._flushers.values(), *self._observers]
        if self._recovering is not None:
            tasks.append(self._recovering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start_flusher(self, actor: RoomActor) -> None:
        key = (actor.org, actor.room_id)
        if key not in self._flushers:
            self._flushers[key] = asyncio.ensure_future(self._flush(key))

    async def _flush(self, key: tuple[str, str]) -> None:
        """Say everything that is queued in a room, however long the store is away."""
        try:
            while True:
                try:
                    # Its present owner: an earlier one does not know what was said since.
                    actor = await self._.directory.find(*key)
                    if actor is None or actor.deleted or not actor.queued:
                        return
                    with self._.directory.pinned(actor):
                        await self._say_next(actor)
                except errors.Unavailable as error:
                    log.warning("what is queued in room %s waits: %s", key[1], error)
                    await self._.clock.sleep(STORE_RETRY_SECONDS)
        finally:
            self._flushers.pop(key, None)

    async def _say_next(self, actor: RoomActor) -> None:
        """Say the oldest text once the room is idle, at the latest after the wait; together
        with its neighbours that may be gathered with it.
        """
        first = actor.queued[0]
        latest = first.queued_time + self._.options.idle_wait_seconds
        while actor.generating and self._.clock.now() < latest:
            await self._.clock.sleep(IDLE_POLL_SECONDS)
        batch = [first]
        if first.request.strategy == pb.DELIVER_STRATEGY_QUEUED:
            for queued in actor.queued[1:]:
                if (
                    queued.request.strategy != pb.DELIVER_STRATEGY_QUEUED
                    or queued.request.channel_id != first.request.channel_id
                ):
                    break
                batch.append(queued)
        content = first.request.content
        if len(batch) > 1:
            body = "\n\n".join(text_of(queued.request.content) for queued in batch)
            content = pb.Content(text=pb.TextContent(body=body))
        ids = [queued.queued_id for queued in batch]
        admission = await self._say(actor, first.request, content, ids)
        if admission.outcome in (pb.OUTCOME_REFUSED, pb.OUTCOME_DUPLICATE):
            async with locked(self._.directory, actor.org, actor.room_id) as owner:
                draft = Draft(owner, self._.clock)
                draft.writes.removed_queued = ids
                await draft.commit()


def _call(
    actor: RoomActor, trigger: pb.HookTrigger, event: pb.RoomEvent, channel_id: str
) -> HookCall:
    """One call of a trigger around a proactive delivery: filters look at its target."""
    call = event_call(actor, trigger, event)
    binding = actor.bindings.get(channel_id)
    return replace(
        call,
        subject=call.subject._replace(
            channel_id=channel_id, channel_type=binding.channel_type if binding else 0
        ),
    )


def _with_error(event: pb.RoomEvent, cascade: Cascade, channel_id: str) -> pb.RoomEvent:
    """The event; when it did not reach the channel so far, with the reason in its metadata."""
    rows = (cascade.deliveries or {}).values()
    result = next((row.result for row in rows if row.channel_id == channel_id), None)
    if result is None or not result.error_code:
        return event
    copy = pb.RoomEvent()
    copy.CopyFrom(event)
    copy.metadata.update({"error": result.error_message, "error_type": result.error_code})
    return copy


def _take(proposal: Proposal, verdict: Verdict) -> None:
    """Let what BEFORE_DELIVER hooks decided enter the room with what is said."""
    event = proposal.event = verdict.payload.event
    event.hook_trace.extend(verdict.traces)
    if verdict.metadata:
        event.metadata.update({"_hooks": cast("dict[str, Any]", verdict.metadata)})
    proposal.tasks, proposal.observations = verdict.tasks, verdict.observations
    proposal.injected = verdict.injected


def _scope(actor: RoomActor) -> str:
    return f"rpc:Deliver:{actor.room_id}"


def _fingerprint(request: pb.DeliverRequest) -> bytes:
    return fingerprint(
        request.content.SerializeToString(deterministic=True) + request.channel_id.encode()
    )


_WAITING = frozenset((pb.DELIVER_STRATEGY_WAIT_FOR_IDLE, pb.DELIVER_STRATEGY_QUEUED))
