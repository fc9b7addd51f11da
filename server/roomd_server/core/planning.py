"""Who gets an event: a delivery row for every target, committed with the event."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from roomd import v1 as pb
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.permissions import can_hear, targets
from roomd_server.core.room import Draft
from roomd_server.core.times import timestamp

PlannedDelivery = tuple[pb.Delivery, pb.RoomEvent]


class DeliveryPlanner:
    """Chooses targets by the rules and what the channels can do."""

    def __init__(self, channels: ChannelDirectory) -> None:
        self._channels = channels

    def plan(
        self, draft: Draft, event: pb.RoomEvent, only: Sequence[str] | None
    ) -> list[PlannedDelivery]:
        """Add a PENDING row for every target to the draft.

        Args:
            draft: The transaction of the event.
            event: Numbered, not blocked.
            only: These channels, if they hear at all; None: everybody who is to get it.
        """
        actor = draft.actor
        bindings = actor.bindings
        if draft.writes.bindings:
            bindings = bindings | {row.channel_id: row for row in draft.writes.bindings}
        if not bindings:
            return []
        channels, org = self._channels, actor.org
        if only is not None:
            named = [bindings[name] for name in only if name in bindings]
            chosen = [binding for binding in named if can_hear(binding)]
        else:
            chosen = targets(
                event,
                bindings.get(event.source.channel_id),
                bindings.values(),
                actor.turns,
                echoes=partial(channels.echoes, org, event),
                caps=partial(channels.capabilities, org),
            )
        planned = [(self._row(draft, event, binding.channel_id), event) for binding in chosen]
        if planned:
            draft.writes.deliveries = (*draft.writes.deliveries, *(row for row, _ in planned))
        return planned

    def _row(self, draft: Draft, event: pb.RoomEvent, channel_id: str) -> pb.Delivery:
        deadline = self._channels.delivery_deadline_seconds(draft.actor.org, channel_id)
        return pb.Delivery(
            delivery_id=delivery_id(event.event_id, channel_id),
            room_id=event.room_id,
            channel_id=channel_id,
            event_id=event.event_id,
            event_index=event.index,
            result=pb.DeliveryResult(state=pb.DELIVERY_STATE_PENDING),
            create_time=event.create_time,
            update_time=event.create_time,
            deadline_time=timestamp(draft.now + deadline),
        )


def delivery_id(event_id: str, channel_id: str) -> str:
    """The id of an event's delivery to a channel."""
    return f"{event_id}:{channel_id}"
