"""What became of deliveries: written, told, and never going back."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.keeping import delivery_subject
from roomd_server.core.log import DELIVERY_RESULTS
from roomd_server.core.notify import Notifier
from roomd_server.core.ports import (
    Caller,
    Clock,
    DeliveryQuery,
    Hooks,
    Store,
    WriteSet,
)
from roomd_server.core.room import RoomActor, event_changed
from roomd_server.core.rooms import check_deadlock, locked
from roomd_server.core.tallies import DeliveryTallies
from roomd_server.core.times import timestamp

log = logging.getLogger(__name__)

RANK = {
    pb.DELIVERY_STATE_UNSPECIFIED: 0,
    pb.DELIVERY_STATE_PENDING: 1,
    pb.DELIVERY_STATE_SENDING: 2,
    pb.DELIVERY_STATE_SENT: 3,
    pb.DELIVERY_STATE_EXPIRED: 4,
    pb.DELIVERY_STATE_FAILED: 4,
    pb.DELIVERY_STATE_DELIVERED: 5,
    pb.DELIVERY_STATE_READ: 6,
}
"""A delivery moves only to a higher rank. A provider may say FAILED after SENT, and
DELIVERED after a FAILED that came too early."""

GIVEN_UP = (pb.DELIVERY_STATE_FAILED, pb.DELIVERY_STATE_EXPIRED)

PARTLY_FAILED = 10_000
"""Events with a failed target whose other targets are awaited, at most; the oldest go."""

QUIET_TYPES = frozenset((pb.CHANNEL_TYPE_WEBSOCKET, pb.CHANNEL_TYPE_CLI))
"""Live connections see their deliveries themselves: subscribers are told of failures only."""


class Outcomes:
    """Writes delivery rows and tells subscribers, observers and tails."""

    def __init__(
        self,
        store: Store,
        directory: RoomDirectory,
        hooks: Hooks,
        bus: FrameworkBus,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._hooks = hooks
        self._bus = bus
        self._notifier = notifier
        self._clock = clock
        self._partly_failed: OrderedDict[str, str] = OrderedDict()
        self.tallies = DeliveryTallies()

    def waiting(
        self,
        actor: RoomActor,
        delivery: pb.Delivery,
        result: pb.DeliveryResult,
        attempts: int,
        delay_seconds: float,
        *,
        first: bool,
    ) -> pb.Delivery:
        """Note a failed attempt that is tried again; the row stays PENDING with the error.

        Not awaited: when the note is lost in a crash, the attempt is merely made again.
        """
        now = self._clock.now()
        row = pb.Delivery()
        row.CopyFrom(delivery)
        row.result.CopyFrom(result)
        row.result.state = pb.DELIVERY_STATE_PENDING
        row.attempts = attempts
        row.next_attempt_time.CopyFrom(timestamp(now + delay_seconds))
        row.update_time.CopyFrom(timestamp(now))
        writes = WriteSet(actor.org, actor.room_id, deliveries=[row])
        if first:
            self._notifier.keep.delivery(actor, writes, row)
        actor.commit(writes).add_done_callback(_log_failure)
        self.tallies.retried[_type_of(actor, row)] += 1
        if first:
            self._tell(actor, row, "delivery_failed")
        return row

    async def record(
        self,
        actor: RoomActor,
        delivery: pb.Delivery,
        result: pb.DeliveryResult,
        attempts: int,
        cascade: Cascade,
    ) -> pb.Delivery:
        """Store the outcome of a delivery. Tells everybody once it is durable.

        Raises:
            Unavailable: it was not stored.
            StoreConflict: it was not stored, the room has another owner by now.
            NotFound: the room was deleted.
        """
        row = pb.Delivery()
        row.CopyFrom(delivery)
        row.result.CopyFrom(result)
        row.attempts = attempts
        row.ClearField("next_attempt_time")
        row.update_time.CopyFrom(timestamp(self._clock.now()))
        if row.result.state in GIVEN_UP and not actor.deleted:
            async with locked(self._directory, actor.org, actor.room_id) as owner:
                await self._store_row(owner, row)
        else:
            await self._store_row(actor, row)
        cascade.report(row)
        return row

    async def _store_row(self, actor: RoomActor, row: pb.Delivery) -> None:
        """Write the row; under the room's lock when it may change the event's status."""
        given_up = row.result.state in GIVEN_UP
        writes = WriteSet(actor.org, actor.room_id, deliveries=[row])
        event = None
        if given_up and await self._is_last_hope(actor, row):
            event = await self._event_with_status(actor, row, pb.EVENT_STATUS_FAILED)
        elif row.result.state == pb.DELIVERY_STATE_READ:
            event = await self._event_with_status(actor, row, pb.EVENT_STATUS_READ)
        if event is not None:
            writes.changed_events = (*writes.changed_events, event)
        if event is not None or self._is_notable(actor, row):
            changed = pb.RoomEvent(
                event_id=row.event_id, room_id=row.room_id, index=row.event_index
            )
            paths = [DELIVERY_RESULTS] if event is None else [DELIVERY_RESULTS, "status"]
            actor.number_changes(writes, [event_changed(event or changed, paths, row)])
        if actor.deleted:
            return
        self._notifier.keep.delivery(actor, writes, row)
        await actor.commit(writes)
        self.tallies.ended[_type_of(actor, row), row.result.state] += 1
        self._tell(actor, row, "delivery_failed" if given_up else "delivery_succeeded")
        if given_up:
            self._partly_failed[row.event_id] = row.channel_id
            if len(self._partly_failed) > PARTLY_FAILED:
                self._partly_failed.popitem(last=False)
        if row.event_id in self._partly_failed:
            await self._tell_partial(actor, row.event_id)

    def _is_notable(self, actor: RoomActor, row: pb.Delivery) -> bool:
        if row.result.state in GIVEN_UP:
            return True
        binding = actor.bindings.get(row.channel_id)
        if binding is None or binding.category == pb.CHANNEL_CATEGORY_INTELLIGENCE:
            return False
        return binding.channel_type not in QUIET_TYPES

    async def _is_last_hope(self, actor: RoomActor, row: pb.Delivery) -> bool:
        """Whether every other target of the event could not be reached either."""
        return all(
            other.result.state in GIVEN_UP
            for other in await self._targets(actor, row.event_id)
            if other.delivery_id != row.delivery_id
        )

    async def _tell_partial(self, actor: RoomActor, event_id: str) -> None:
        """Tell of a broadcast that reached some of its targets, when all are settled."""
        states = [row.result.state for row in await self._targets(actor, event_id)]
        if any(RANK[state] < RANK[pb.DELIVERY_STATE_SENT] for state in states):
            return
        failed_channel = self._partly_failed.pop(event_id, None)
        failed = sum(state in GIVEN_UP for state in states)
        if failed_channel is not None and 0 < failed < len(states):
            self._bus.emit(
                actor.org,
                "broadcast_partial_failure",
                actor.room_id,
                channel_id=failed_channel,
                event_id=event_id,
                failed=failed,
                reached=len(states) - failed,
            )

    async def _targets(self, actor: RoomActor, event_id: str) -> Sequence[pb.Delivery]:
        query = DeliveryQuery(actor.room_id, limit=1000, event_id=event_id)
        return await self._store.list_deliveries(actor.org, query)

    async def _event_with_status(
        self, actor: RoomActor, row: pb.Delivery, status: pb.EventStatus
    ) -> pb.RoomEvent | None:
        """The event with a new status; None when it has it already."""
        stored = await self._store.get_event(actor.org, actor.room_id, row.event_id)
        if stored is None or stored.status == status:
            return None
        event = pb.RoomEvent()
        event.CopyFrom(stored)
        event.status = status
        return event

    def _tell(self, actor: RoomActor, row: pb.Delivery, kind: str) -> None:
        self._bus.emit(
            actor.org,
            kind,
            actor.room_id,
            channel_id=row.channel_id,
            event_id=row.event_id,
            state=pb.DeliveryState.Name(row.result.state),
            error_code=row.result.error_code,
        )
        if not self._hooks.wants(actor.org, pb.HOOK_TRIGGER_ON_DELIVERY_STATUS, actor.room_id):
            return
        payload, subject = pb.HookPayload(delivery=row), delivery_subject(actor, row)
        self._notifier.tell(actor, pb.HOOK_TRIGGER_ON_DELIVERY_STATUS, payload, subject)

    async def report_delivery_status(
        self, caller: Caller, request: pb.ReportDeliveryStatusRequest
    ) -> pb.ReportDeliveryStatusResponse:
        """Serve ``EventService.ReportDeliveryStatus``.

        Raises:
            NotFound: DELIVERY_NOT_FOUND.
            FailedPrecondition: WOULD_DEADLOCK.
            InvalidArgument: a state that a provider cannot report.
        """
        if request.state not in _REPORTABLE:
            raise errors.invalid("state", "must be SENT, DELIVERED, READ or FAILED")
        found = await self._store.find_delivery(
            caller.org, request.channel_id, request.provider_message_id
        )
        if found is None:
            raise errors.NotFound(
                pb.ERROR_REASON_DELIVERY_NOT_FOUND,
                f"channel {request.channel_id!r} sent no message "
                f"{request.provider_message_id!r}; report it again when its send has returned",
            )
        check_deadlock(self._hooks, caller, found.room_id)
        async with locked(self._directory, caller.org, found.room_id) as actor:
            current = await self._store.get_delivery(caller.org, found.room_id, found.delivery_id)
            delivery = current or found
            if RANK[request.state] <= RANK[delivery.result.state]:
                return pb.ReportDeliveryStatusResponse(delivery=delivery, changed=False)
            row = pb.Delivery()
            row.CopyFrom(delivery)
            row.result.state = request.state
            row.result.error_code = request.error_code
            row.result.error_message = request.error_message
            row.update_time.CopyFrom(timestamp(self._clock.now()))
            await self._store_row(actor, row)
        return pb.ReportDeliveryStatusResponse(delivery=row, changed=True)


def _type_of(actor: RoomActor, row: pb.Delivery) -> int:
    """The channel's type; UNSPECIFIED when it was detached meanwhile."""
    binding = actor.bindings.get(row.channel_id)
    return binding.channel_type if binding is not None else pb.CHANNEL_TYPE_UNSPECIFIED


def _log_failure(future: object) -> None:
    error = future.exception() if not future.cancelled() else None  # type: ignore[attr-defined]
    if error is not None:
        log.warning("a failed attempt was not noted: %s", error)


_REPORTABLE = frozenset(
    (
        pb.DELIVERY_STATE_SENT,
        pb.DELIVERY_STATE_DELIVERED,
        pb.DELIVERY_STATE_READ,
        pb.DELIVERY_STATE_FAILED,
    )
)
