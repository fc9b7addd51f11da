"""How many messages are on their way, and whether a room may have one more of them."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core.errors import ResourceExhausted
from roomd_server.core.options import EngineOptions
from roomd_server.core.room import RoomActor

RETRY_SECONDS = 0.5
"""When a message that was sent away may come again."""


class Load:
    """Sheds messages before they queue.

    A room whose hooks are slow may keep ``room_share`` of what is free of ``max_in_flight``
    waiting. The bound shrinks as more rooms hang, so that something is left for the others
    (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
    """

    __slots__ = ("_options", "in_flight", "shed_count")

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self.in_flight = 0
        """Messages between entering and being durable."""
        self.shed_count = 0
        """Messages sent away since the start."""

    def check(self, actor: RoomActor) -> None:
        """Refuse one more message for a room that has its share.

        Raises:
            ResourceExhausted: OVERLOADED.
        """
        free = self._options.max_in_flight - self.in_flight
        if actor.lock.waiting < free * self._options.room_share:
            return
        self.shed_count += 1
        what = f"room {actor.room_id!r}" if free > 0 else "this server"
        raise ResourceExhausted(
            pb.ERROR_REASON_OVERLOADED,
            f"too many messages wait for {what}; try again later",
            metadata={"room_id": actor.room_id},
            retry_after=RETRY_SECONDS,
        )
