"""Trying a delivery again by hand that was given up."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.cascade import Cascade
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.lane import Lanes
from roomd_server.core.outcomes import GIVEN_UP
from roomd_server.core.ports import Caller, Clock, Hooks, Store, WriteSet
from roomd_server.core.rooms import check_deadlock, locked
from roomd_server.core.times import timestamp


class Redelivery:
    """Serves ``EventService.RetryDelivery``."""

    def __init__(
        self,
        store: Store,
        directory: RoomDirectory,
        channels: ChannelDirectory,
        lanes: Lanes,
        hooks: Hooks,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._channels = channels
        self._lanes = lanes
        self._hooks = hooks
        self._clock = clock

    async def retry_delivery(
        self, caller: Caller, request: pb.RetryDeliveryRequest
    ) -> pb.RetryDeliveryResponse:
        """Serve ``EventService.RetryDelivery``.

        Raises:
            NotFound: ROOM_NOT_FOUND, DELIVERY_NOT_FOUND.
            FailedPrecondition: WRONG_STATE, unless FAILED or EXPIRED; WOULD_DEADLOCK.
        """
        check_deadlock(self._hooks, caller, request.room_id)
        async with locked(self._directory, caller.org, request.room_id) as actor:
            stored = await self._store.get_delivery(
                caller.org, request.room_id, request.delivery_id
            )
            if stored is None:
                raise errors.NotFound(
                    pb.ERROR_REASON_DELIVERY_NOT_FOUND,
                    f"no delivery {request.delivery_id!r} in room {request.room_id!r}",
                )
            if stored.result.state not in GIVEN_UP:
                raise errors.FailedPrecondition(
                    pb.ERROR_REASON_WRONG_STATE,
                    f"delivery {request.delivery_id!r} is "
                    f"{pb.DeliveryState.Name(stored.result.state)}; only FAILED and EXPIRED "
                    "ones are retried",
                )
            row = pb.Delivery()
            row.CopyFrom(stored)
            row.result.Clear()
            row.result.state = pb.DELIVERY_STATE_PENDING
            row.result.part_message_ids[:] = stored.result.part_message_ids
            row.attempts = 0
            now = self._clock.now()
            seconds = self._channels.delivery_deadline_seconds(caller.org, row.channel_id)
            row.deadline_time.CopyFrom(timestamp(now + seconds))
            row.update_time.CopyFrom(timestamp(now))
            await actor.commit(WriteSet(caller.org, actor.room_id, deliveries=[row]))
            self._lanes.enqueue(actor, row, None, Cascade())
        return pb.RetryDeliveryResponse(delivery=row)
