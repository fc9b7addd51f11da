"""Everything that one message sets off: deliveries, answers, observers."""

from __future__ import annotations

import asyncio

from roomd import v1 as pb
from roomd_server.core.ports import Clock
from roomd_server.core.tracing import CURRENT


class Cascade:
    """Counts the work a message started, so that a caller can wait for its end."""

    __slots__ = ("_ended", "_open", "answers", "deliveries", "trace")

    def __init__(self) -> None:
        self._open = 0
        self._ended: asyncio.Future[None] | None = None
        self.answers = 0
        """Answers that entered a room; bounded by the engine."""
        self.deliveries: dict[str, pb.Delivery] | None = None
        """How the deliveries went so far, by their ids, when somebody wants to know."""
        self.trace = CURRENT.get()
        """The span of the call that set it all off, when it is traced."""

    def begin(self) -> None:
        """One more piece of work."""
        self._open += 1

    def end(self) -> None:
        """One piece of work less."""
        self._open -= 1
        if not self._open and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def report(self, delivery: pb.Delivery) -> None:
        """Note how a delivery went; a later report takes the place of an earlier one."""
        if self.deliveries is not None:
            self.deliveries[delivery.delivery_id] = delivery

    def follow(self, future: asyncio.Future[object]) -> None:
        """Count a future as a piece of work."""
        self.begin()
        future.add_done_callback(lambda _: self.end())

    async def wait(self, clock: Clock, seconds: float) -> bool:
        """Wait until nothing is left to do; False when ``seconds`` were not enough."""
        deadline = clock.monotonic() + seconds
        while self._open:
            left = deadline - clock.monotonic()
            if left <= 0:
                return False
            self._ended = asyncio.get_running_loop().create_future()
            timer = clock.call_later(left, self._give_up)
            try:
                await self._ended
            finally:
                timer.cancel()
        return True

    def _give_up(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
