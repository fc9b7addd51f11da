"""Places in the rate limits of outbound deliveries: the binding's and the channel's together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.ports import Clock
from roomd_server.core.resilience import TokenBuckets, take_together
from roomd_server.core.room import RoomActor


class Place(NamedTuple):
    """A place for one message; nothing was taken when it was not worth the wait."""

    wait_seconds: float = 0.0
    taken: Sequence[tuple[TokenBuckets, int]] = ()
    """In which limits, and as which of their places."""

    def give_back(self) -> None:
        """It was not used: the next message may have it, unless that has one already."""
        for limit, number in self.taken:
            limit.give_back(number)


class Pacing:
    """Gives deliveries their turn."""

    def __init__(self, channels: ChannelDirectory, clock: Clock) -> None:
        self._channels = channels
        self._clock = clock

    def take(self, actor: RoomActor, binding: pb.Binding, patience_seconds: float) -> Place:
        """Take a place in both limits. One that would have to be waited for longer than
        ``patience_seconds`` is taken in neither.
        """
        now = self._clock.monotonic()
        limits = []
        channel_limit = self._channels.outbound_limit(actor.org, binding.channel_id)
        if channel_limit is not None:
            limits.append(channel_limit)
        if binding.HasField("rate_limit"):
            limits.append(_of_binding(actor, binding, now))
        if not limits:
            return UNLIMITED
        wait = take_together(limits, now, patience_seconds)
        if wait > patience_seconds:
            return Place(wait)
        return Place(wait, [(limit, limit.taken) for limit in limits])


def _of_binding(actor: RoomActor, binding: pb.Binding, now: float) -> TokenBuckets:
    """The buckets of the binding's limit as it is now: another limit begins anew."""
    limit = binding.rate_limit.SerializeToString()
    known = actor.buckets.get(binding.channel_id)
    if known is None or known[0] != limit:
        known = (limit, TokenBuckets(binding.rate_limit, now))
        actor.buckets[binding.channel_id] = known
    return known[1]


UNLIMITED = Place()
