"""What waits to be written to one connection: bounded, fleeting things dropped first."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from roomd_server.channels.wire import batch_response

MAX_DELIVERIES = 1000
MAX_DELIVERY_BYTES = 8 * 1024 * 1024
"""Deliveries a client may be behind; then it is too slow."""
MAX_EPHEMERALS = 256
MAX_EPHEMERAL_BYTES = 1024 * 1024
"""Fleeting things a client may be behind; then the oldest go."""
BATCH_BYTES = 512 * 1024
"""A batch is closed once it is this large: a client takes 4 MiB in one message."""


class Fleeting(NamedTuple):
    """Something fleeting that waits."""

    frame: bytes
    stream_id: str
    """The answer it is a part of, if any."""


class Drained(NamedTuple):
    """What is to be written now."""

    data: bytes
    """A serialised response."""
    results: int
    """How many answers to messages are in it."""


class Outbox:
    """Frames for one connection (see ``wire``), in order for each kind."""

    __slots__ = (
        "_deliveries",
        "_delivery_bytes",
        "_dropped",
        "_ephemeral_bytes",
        "_ephemerals",
        "_results",
    )

    def __init__(self) -> None:
        self._deliveries: deque[bytes] = deque()  # bounded: see offer_delivery
        self._delivery_bytes = 0
        self._results: deque[bytes] = deque()  # bounded: by the messages in flight
        self._ephemerals: deque[Fleeting] = deque()  # bounded: see put_ephemeral
        self._ephemeral_bytes = 0
        self._dropped = 0

    @property
    def size(self) -> int:
        """Frames that wait."""
        return len(self._deliveries) + len(self._results) + len(self._ephemerals)

    def offer_delivery(self, frame: bytes) -> bool:
        """Take a delivery; False when too many wait."""
        if len(self._deliveries) >= MAX_DELIVERIES:
            return False
        if self._deliveries and self._delivery_bytes + len(frame) > MAX_DELIVERY_BYTES:
            return False
        self._deliveries.append(frame)
        self._delivery_bytes += len(frame)
        return True

    def put_result(self, frame: bytes) -> None:
        """Take an answer to a message."""
        self._results.append(frame)

    def put_ephemeral(self, frame: bytes, stream_id: str = "") -> set[str]:
        """Take something fleeting; the oldest make room, all do when deliveries pile up.

        Returns:
            Answers of which a part was dropped.
        """
        waiting = self._ephemerals
        waiting.append(Fleeting(frame, stream_id))
        self._ephemeral_bytes += len(frame)
        pressed = len(self._deliveries) > MAX_DELIVERIES // 2
        harmed: set[str] = set()
        while waiting and (
            pressed or len(waiting) > MAX_EPHEMERALS or self._ephemeral_bytes > MAX_EPHEMERAL_BYTES
        ):
            oldest = waiting.popleft()
            self._ephemeral_bytes -= len(oldest.frame)
            self._dropped += 1
            harmed.add(oldest.stream_id)
        harmed.discard("")
        return harmed

    def drain(self) -> Drained | None:
        """Take out what goes into the next batch; None when nothing waits."""
        frames: list[bytes] = []
        room = BATCH_BYTES
        while self._results and room > 0:
            frames.append(self._results.popleft())
            room -= len(frames[-1])
        results = len(frames)
        while self._deliveries and room > 0:
            frames.append(self._deliveries.popleft())
            self._delivery_bytes -= len(frames[-1])
            room -= len(frames[-1])
        while self._ephemerals and room > 0:
            frames.append(self._ephemerals.popleft().frame)
            self._ephemeral_bytes -= len(frames[-1])
            room -= len(frames[-1])
        if not frames and not self._dropped:
            return None
        dropped, self._dropped = self._dropped, 0
        return Drained(batch_response(frames, dropped), results)

    def clear(self) -> None:
        """Let go of everything."""
        self._deliveries.clear()
        self._results.clear()
        self._ephemerals.clear()
        self._delivery_bytes = self._ephemeral_bytes = 0
