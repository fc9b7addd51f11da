"""How long to wait before a lost stream is dialled again. No stream and no sleep lives here."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

FIRST_SECONDS = 0.1
MAX_SECONDS = 10.0
STEADY_SECONDS = 30.0
MAX_DOUBLINGS = 32
"""Bounds the power: streams are dialled for ever."""


@dataclass(frozen=True)
class Reconnect:
    """How streams that were lost are dialled again: for ever, with full jitter.

    Args:
        first_seconds: Bound of the first wait; it doubles with every further one.
        max_seconds: No wait is longer.
        steady_seconds: A stream that served this long was a good one: after it the waits start
            anew. One that is dialled, or taken and lost at once, was not.
        jitter: Uniform in [0, 1); a constant makes tests exact.
    """

    first_seconds: float = FIRST_SECONDS
    max_seconds: float = MAX_SECONDS
    steady_seconds: float = STEADY_SECONDS
    jitter: Callable[[], float] = random.random

    def wait_seconds(self, attempt: int) -> float:
        """The wait before a try, counted from 0."""
        doubled = self.first_seconds * 2.0 ** min(attempt, MAX_DOUBLINGS)
        return min(self.max_seconds, doubled) * self.jitter()


class Waits:
    """The waits between the tries of one stream."""

    def __init__(self, reconnect: Reconnect) -> None:
        self._reconnect = reconnect
        self._attempt = 0

    def lost(self, served_seconds: float) -> float:
        """How long to wait now.

        Args:
            served_seconds: How long the lost stream had served: since the server took it, not
                since it was dialled. 0: it never did.
        """
        if served_seconds > self._reconnect.steady_seconds:
            self._attempt = 0
        return self._next()

    def moved(self, served_seconds: float) -> float:
        """How long to wait before a stream that still serves is replaced: not at all, unless it
        was itself just dialled.
        """
        if served_seconds > self._reconnect.steady_seconds:
            self._attempt = 0
            return 0.0
        return self._next()

    def _next(self) -> float:
        wait = self._reconnect.wait_seconds(self._attempt)
        self._attempt += 1
        return wait
