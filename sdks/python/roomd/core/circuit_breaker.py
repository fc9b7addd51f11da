"""A circuit breaker for an application's own calls. Deliveries have the service's."""

from __future__ import annotations

import time


class CircuitBreaker:
    """Opens after failures in a row; after a while lets one probe through.

    Args:
        failure_threshold: Failures in a row that open it.
        recovery_timeout: Seconds until a probe.
    """

    def __init__(self, failure_threshold: int = 5, recovery_timeout: float = 60.0) -> None:
        self._threshold = failure_threshold
        self._recovery_seconds = recovery_timeout
        self._failures = 0
        self._opened: float | None = None
        self._probing: float | None = None

    @property
    def state(self) -> str:
        """closed, open or half_open."""
        if self._opened is None:
            return "closed"
        waited = time.monotonic() - self._opened
        return "half_open" if waited >= self._recovery_seconds else "open"

    def allow_request(self) -> bool:
        """Whether to call."""
        if self._opened is None:
            return True
        now = time.monotonic()
        if now - self._opened < self._recovery_seconds:
            return False
        if self._probing is not None and now - self._probing < self._recovery_seconds:
            return False
        self._probing = now
        return True

    def record_success(self) -> None:
        """It worked."""
        self._failures = 0
        self._opened = self._probing = None

    def record_failure(self) -> None:
        """It did not."""
        self._failures += 1
        if self._failures >= self._threshold or self._opened is not None:
            self._opened = time.monotonic()
            self._probing = None
