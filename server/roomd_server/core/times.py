"""Protobuf times and durations from seconds, and back."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(seconds: float) -> Timestamp:
    """Wall seconds as a Timestamp, to the microsecond."""
    whole = int(seconds // 1)
    return Timestamp(seconds=whole, nanos=int((seconds - whole) * 1e6) * 1000)


def seconds_of(value: Timestamp | Duration) -> float:
    """A Timestamp or Duration in seconds."""
    return value.seconds + value.nanos / 1e9


def duration(seconds: float) -> Duration:
    """Seconds as a Duration, to the microsecond."""
    whole = int(seconds)
    return Duration(seconds=whole, nanos=int((seconds - whole) * 1e6) * 1000)
