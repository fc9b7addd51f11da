"""When silent streams say that they live: each is looked at when it may be due, not before.

Ten thousand idle streams cost their heartbeats and nothing else.
"""

from __future__ import annotations

from typing import Protocol

SLOT_SECONDS = 0.5
"""Streams whose time comes within one slot are looked at together, at its end."""


class Beating(Protocol):
    """A stream with a heartbeat."""

    def beat_if_due(self, now: float) -> float:
        """Beat when it was silent for long; when to look again. Both are loop times."""


class Heartbeats:
    """The streams, by the time when they are to be looked at."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Beating]] = {}
        self._slot_of: dict[Beating, int] = {}

    def add(self, stream: Beating, now: float) -> None:
        """Look after a stream."""
        self._put(stream, stream.beat_if_due(now))

    def discard(self, stream: Beating) -> None:
        """Look after it no more."""
        slot = self._slot_of.pop(stream, None)
        if slot is not None:
            self._take(slot, stream)

    def beat(self, now: float) -> None:
        """Let all beat whose time has come."""
        current = int(now / SLOT_SECONDS)
        for slot in [one for one in self._slots if one <= current]:
            for stream in self._slots.pop(slot):
                self._put(stream, stream.beat_if_due(now))

    def _put(self, stream: Beating, due: float) -> None:
        slot = int(due / SLOT_SECONDS) + 1
        self._slot_of[stream] = slot
        self._slots.setdefault(slot, set()).add(stream)

    def _take(self, slot: int, stream: Beating) -> None:
        streams = self._slots[slot]
        streams.discard(stream)
        if not streams:
            del self._slots[slot]
