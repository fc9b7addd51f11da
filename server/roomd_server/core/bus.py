"""Framework events: lifecycle notices for those who tail them. Not stored."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from roomd import v1 as pb
from roomd_server.core.ports import Caller, Clock
from roomd_server.core.times import timestamp

TAIL_EVENTS = 1024
"""Notices a slow tail may be behind before it loses the oldest."""


class Tail:
    """One reader of framework events: a bounded queue that drops the oldest and counts."""

    def __init__(self, org: str, types: frozenset[str], room_id: str) -> None:
        self.org = org
        self.types = types
        self.room_id = room_id
        self.events: deque[pb.FrameworkEvent] = deque(maxlen=TAIL_EVENTS)
        self.dropped = 0

    def offer(self, event: pb.FrameworkEvent) -> bool:
        """Take the event when it matches."""
        if self.types and event.type not in self.types:
            return False
        if self.room_id and event.room_id != self.room_id:
            return False
        if len(self.events) == TAIL_EVENTS:
            self.dropped += 1
        self.events.append(event)
        return True


class FrameworkBus:
    """Where the engine says what it does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tails: list[Tail] = []
        self._doorbell: asyncio.Future[None] | None = None
        self._draining = False

    @property
    def tailed(self) -> bool:
        """Whether anybody listens: else hot paths need not even say what happened."""
        return bool(self._tails)

    def emit(
        self,
        org: str,
        kind: str,
        room_id: str = "",
        *,
        channel_id: str = "",
        event_id: str = "",
        **data: str | float | bool | None,
    ) -> None:
        """Tell everybody who tails; costs next to nothing when nobody does."""
        if not self._tails:
            return
        event = pb.FrameworkEvent(
            type=kind,
            room_id=room_id,
            channel_id=channel_id,
            event_id=event_id,
            create_time=timestamp(self._clock.now()),
        )
        event.data.update({"room_id": room_id, "channel_id": channel_id, "event_id": event_id})
        event.data.update(data)
        taken = [tail.offer(event) for tail in self._tails if tail.org == org]
        if any(taken):
            self._wake()

    async def drain(self, _grace_seconds: float) -> None:
        """End every tail, once it has what is due: nobody else would, and a server waits for
        its streams.
        """
        self._draining = True
        self._wake()

    async def tail_framework_events(
        self, caller: Caller, request: pb.TailFrameworkEventsRequest
    ) -> AsyncIterator[pb.TailFrameworkEventsResponse]:
        """Serve ``AdminService.TailFrameworkEvents`` until the reader leaves or the server does."""
        tail = Tail(caller.org, frozenset(request.types), request.room_id)
        self._tails.append(tail)
        try:
            yield pb.TailFrameworkEventsResponse()
            while tail.events or not self._draining:
                if not tail.events:
                    await asyncio.shield(self._ring())
                    continue
                batch = pb.TailFrameworkEventsResponse(events=tail.events, dropped=tail.dropped)
                tail.events.clear()
                tail.dropped = 0
                yield batch
        finally:
            self._tails.remove(tail)

    def _wake(self) -> None:
        if self._doorbell is not None:
            self._doorbell.set_result(None)
            self._doorbell = None

    def _ring(self) -> asyncio.Future[None]:
        if self._doorbell is None:
            self._doorbell = asyncio.get_running_loop().create_future()
        return self._doorbell
