"""A delivery that clients are to acknowledge.

It ends when all have, or have left, or the time is over. Those who did not are offered
it again; one that never acknowledges is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from roomd_server.core.ports import Cancellable, Clock

if TYPE_CHECKING:
    from roomd_server.channels.live import Connection

ACKNOWLEDGE_SECONDS = 5.0
"""How long a client may take to acknowledge before it is offered again."""


class Offer:
    """One delivery, offered to some connections that acknowledge.

    Args:
        delivery_id: What they acknowledge.
        frame: What was written to them.
        connections: Who was offered it; at least one.
        on_end: Called once, when all have answered or the time is over.
    """

    __slots__ = (
        "_ended",
        "_on_end",
        "_timer",
        "acknowledged",
        "delivery_id",
        "done",
        "frame",
        "waiting",
    )

    def __init__(
        self,
        delivery_id: str,
        frame: bytes,
        connections: Iterable[Connection],
        on_end: Callable[[Offer], None],
    ) -> None:
        self.delivery_id = delivery_id
        self.frame = frame
        self.waiting = {connection.connection_id: connection for connection in connections}
        """Who has not acknowledged."""
        self.acknowledged = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it has ended."""
        self._ended = False
        self._on_end = on_end
        self._timer: Cancellable | None = None

    def begin(self, clock: Clock) -> None:
        """Start to wait."""
        for connection in self.waiting.values():
            connection.unacknowledged[self.delivery_id] = self
        self._timer = clock.call_later(ACKNOWLEDGE_SECONDS, self.end)

    def take(self, connection: Connection) -> None:
        """A connection acknowledged."""
        if self.waiting.pop(connection.connection_id, None) is not None:
            self.acknowledged += 1
            connection.missed = 0
            if not self.waiting:
                self.end()

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        if self.waiting.pop(connection.connection_id, None) is not None and not self.waiting:
            self.end()

    def end(self) -> None:
        """Wait no more. Idempotent."""
        if self._ended:
            return
        self._ended = True
        if not self.done.done():  # whoever waits may have been cancelled, and it with them
            self.done.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
        for connection in self.waiting.values():
            if connection.unacknowledged.get(self.delivery_id) is self:
                del connection.unacknowledged[self.delivery_id]
        self._on_end(self)
