"""Attempts of deliveries, measured, whoever makes them."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core.attempts import Attempt
from roomd_server.core.lane import Job, Lane, Ready, Sender
from roomd_server.core.ports import Clock
from roomd_server.core.tallies import DeliveryTallies
from roomd_server.core.tracing import Span, Value, Within


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
        span = _span(lane, job, ready)
        began = clock.monotonic()
        try:
            with Within(span):
                attempt = await self._sender.attempt(lane, job, ready)
            if span is not None:
                _say_how(span, attempt)
            return attempt
        finally:
            if span is not None:
                span.end(failed=True)  # unless it has ended well
            tallies.sending -= 1
            tallies.attempts[channel_type].observe(clock.monotonic() - began)


def _span(lane: Lane, job: Job, ready: Ready) -> Span | None:
    trace = job.cascade.trace
    if trace is None:
        return None
    about = {
        "room_id": lane.actor.room_id,
        "channel_id": lane.channel_id,
        "channel_type": pb.ChannelType.Name(ready.binding.channel_type),
        "delivery_id": job.delivery.delivery_id,
        "event_id": job.delivery.event_id,
    }
    return trace.start("deliver", about)


def _say_how(span: Span, attempt: Attempt) -> None:
    result = attempt.result
    # The provider's code, never its words.
    about: dict[str, Value] = {
        "state": pb.DeliveryState.Name(result.state),
        "retryable": result.retryable,
        "error_code": result.error_code,
    }
    span.end(about, failed=result.state == pb.DELIVERY_STATE_FAILED)
