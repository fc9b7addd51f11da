"""Fleeting events: a bounded ring per room with a sequence, so that readers see holes.

Never stored. A reader that falls behind loses the oldest and is told how many.
"""

from __future__ import annotations

from collections import deque

from roomd import v1 as pb
from roomd_server.core.times import timestamp

RING_ENTRIES = 256
"""Fleeting events kept per room for readers that are a little behind."""


class Ephemerals:
    """The fleeting events of one room, and the answers that are being written now."""

    __slots__ = ("_epoch", "_ring", "_room_id", "next_sequence", "presence", "streams")

    def __init__(self, room_id: str, epoch: str) -> None:
        self._room_id = room_id
        self._epoch = epoch
        self._ring: deque[bytes] | None = None
        self.next_sequence = 1
        self.presence: dict[str, tuple[pb.Presence, float]] = {}
        """User id → (presence, monotonic time when the lease ends)."""
        self.streams: dict[str, list[str]] = {}
        """Stream id → text shown so far, for those who come late."""

    @property
    def epoch(self) -> str:
        """Changes when the sequence begins anew."""
        return self._epoch

    def append(self, event: pb.EphemeralEvent, now: float) -> pb.EphemeralEvent:
        """Number the event and keep it for readers; ``now`` is wall time."""
        event.room_id = self._room_id
        event.sequence = self.next_sequence
        event.epoch = self._epoch
        event.create_time.CopyFrom(timestamp(now))
        self.next_sequence += 1
        if self._ring is None:
            self._ring = deque(maxlen=RING_ENTRIES)
        self._ring.append(pb.StreamItem(ephemeral=event).SerializeToString())
        return event

    def since(self, sequence: int) -> tuple[list[bytes], int, int]:
        """Items from ``sequence`` on: (serialised ``StreamItem``s, next sequence, dropped)."""
        behind = self.next_sequence - sequence
        if behind <= 0 or self._ring is None:
            return [], self.next_sequence, 0
        kept = min(behind, len(self._ring))
        items = [self._ring[i] for i in range(len(self._ring) - kept, len(self._ring))]
        return items, self.next_sequence, behind - kept

    def late_starts(self) -> list[bytes]:
        """``STREAM_START`` items with the text so far of every answer being written."""
        return [
            pb.StreamItem(
                ephemeral=pb.EphemeralEvent(
                    room_id=self._room_id,
                    type=pb.EPHEMERAL_TYPE_STREAM_START,
                    epoch=self._epoch,
                    stream=pb.StreamDelta(stream_id=stream_id, text="".join(parts)),
                )
            ).SerializeToString()
            for stream_id, parts in self.streams.items()
        ]
