"""Attempts of deliveries, measured, whoever makes them."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core.attempts import Attempt
from roomd_server.core.lane import Job, Lane, Ready, Sender
from roomd_server.core.ports import Clock
from roomd_server.core.tallies import DeliveryTallies


class MeasuredSender:
    """Passes attempts on (a ``lane.Sender``) and counts how long they take.

    Args:
        sender: Makes them.
        tallies: Where they are counted.
        clock: Time.
    """

    def __init__(self, sender: Sender, tallies: DeliveryTallies, clock: Clock) -> None:
        self._sender = sender
        self._tallies = tallies
        self._clock = clock

    async def prepare(
        self, lane: Lane, binding: pb.Binding, event: pb.RoomEvent
    ) -> Ready | Attempt:
        """See ``lane.Sender.prepare``."""
        return await self._sender.prepare(lane, binding, event)

    async def attempt(self, lane: Lane, job: Job, ready: Ready) -> Attempt:
        """See ``lane.Sender.attempt``."""
        tallies, clock = self._tallies, self._clock
        channel_type = ready.binding.channel_type
        tallies.sending += 1
        began = clock.monotonic()
        try:
            return await self._sender.attempt(lane, job, ready)
        finally:
            tallies.sending -= 1
            tallies.attempts[channel_type].observe(clock.monotonic() - began)
