"""How much is taken on at once: beyond it calls are shed before anything is queued."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from roomd import v1 as pb
from roomd_server.core.errors import ResourceExhausted, Unavailable
from roomd_server.core.tallies import Counts

_RETRY_AFTER_SECONDS = 0.2
_STREAM_RETRY_AFTER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes on at once."""

    max_unary_units: int = 4096
    """Sum of the weights of unary calls in flight."""
    max_streams: int = 20_000
    """Open streams."""


class Admission:
    """Counts what is in flight and refuses what is too much."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.unary_units = 0
        """Weights of unary calls in flight."""
        self.unary_calls = 0
        self.streams = 0
        self.sheds: Counts[str] = defaultdict(int)
        """Refused before anything was done for them: ``call`` or ``stream``, there were too
        many; ``draining``, the server stops."""
        self._draining = False
        self._changed: asyncio.Future[None] | None = None

    def drain(self) -> None:
        """Refuse what comes from now on; what a hook needs to finish is still taken."""
        self._draining = True

    def enter_call(self, weight: int, *, within_invocation: bool) -> None:
        """Take a unary call; ``leave_call`` must follow.

        Raises:
            ResourceExhausted: OVERLOADED.
            Unavailable: NODE_DRAINING.
        """
        if self._draining and not within_invocation:
            self.sheds["draining"] += 1
            raise _draining()
        if self.unary_units + weight > self._limits.max_unary_units:
            self.sheds["call"] += 1
            raise _overloaded("too many calls are in flight", _RETRY_AFTER_SECONDS)
        self.unary_units += weight
        self.unary_calls += 1

    def leave_call(self, weight: int) -> None:
        """A unary call has ended."""
        self.unary_units -= weight
        self.unary_calls -= 1
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def enter_stream(self) -> None:
        """Take a stream; ``leave_stream`` must follow.

        Raises:
            ResourceExhausted: OVERLOADED.
            Unavailable: NODE_DRAINING.
        """
        if self._draining:
            self.sheds["draining"] += 1
            raise _draining()
        if self.streams >= self._limits.max_streams:
            self.sheds["stream"] += 1
            raise _overloaded("too many streams are open", _STREAM_RETRY_AFTER_SECONDS)
        self.streams += 1

    def leave_stream(self) -> None:
        """A stream has ended."""
        self.streams -= 1
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is in flight; False when that took too long."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.unary_calls or self.streams:
                    self._changed = loop.create_future()
                    await self._changed
        except TimeoutError:
            return False
        finally:
            self._changed = None
        return True


def _overloaded(message: str, retry_after: float) -> ResourceExhausted:
    return ResourceExhausted(
        pb.ERROR_REASON_OVERLOADED, f"{message}; try again later", retry_after=retry_after
    )


def _draining() -> Unavailable:
    return Unavailable(
        pb.ERROR_REASON_NODE_DRAINING,
        "this server is going away; try again",
        retry_after=_STREAM_RETRY_AFTER_SECONDS,
    )
