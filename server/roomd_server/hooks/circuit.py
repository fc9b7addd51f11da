"""A circuit per hook: after failures in a row its policy applies without a call."""

from __future__ import annotations


class Circuit:
    """Counts failures in a row; open, it lets one probe through per period.

    Args:
        failures: In a row, until it opens.
        probe_seconds: Between probes.
    """

    __slots__ = ("_failures", "_in_a_row", "_next_probe", "_probe_seconds", "is_open")

    def __init__(self, failures: int, probe_seconds: float) -> None:
        self._failures = failures
        self._probe_seconds = probe_seconds
        self._in_a_row = 0
        self._next_probe = 0.0
        self.is_open = False

    def admits(self, now: float) -> bool:
        """Whether to call. While open, the first to ask in a period is the probe."""
        if not self.is_open:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + self._probe_seconds
        return True

    def seconds_to_probe(self, now: float) -> float:
        """When the next call is let through."""
        return max(0.0, self._next_probe - now) if self.is_open else 0.0

    def succeeded(self) -> None:
        """Close."""
        self._in_a_row = 0
        self.is_open = False

    def failed(self, now: float) -> bool:
        """Count a failure; True when it opened the circuit."""
        self._in_a_row += 1
        if self.is_open or self._in_a_row < self._failures:
            return False
        self.is_open = True
        self._next_probe = now + self._probe_seconds
        return True

    def probe_soon(self) -> None:
        """Let the next call through: somebody new serves the hook."""
        self._next_probe = 0.0
