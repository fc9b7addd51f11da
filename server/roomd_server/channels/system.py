"""The service's own channel: a place to say things from. It brings nothing to anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator

from roomd import v1 as pb
from roomd_server.core.ports import Ask, ResponderFailed


class SystemDriver:
    """Serves channels with implementation ``system`` (a ``ports.Driver``)."""

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        """Take it and do nothing: SENT."""
        return pb.DeliveryOutcome(result=pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT))

    async def respond(self, ask: Ask) -> AsyncIterator[str | pb.Response]:
        """The system is not asked for answers."""
        raise ResponderFailed(
            "not_intelligent", "the system channel does not answer", retryable=False
        )
        yield ""  # pragma: no cover - makes it a generator

    def attached(self, org: str, channel: pb.Channel) -> int:
        """The server itself."""
        return 1
