"""Calls, counted by method and code."""

from __future__ import annotations

from collections import defaultdict

from roomd_server.core.tallies import Counts, Histogram

OK, CANCELLED = "OK", "CANCELLED"


class RpcTallies:
    """Calls that have ended. Methods and codes are few: the tables stay small."""

    def __init__(self) -> None:
        self.times: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        """How long unary calls took, by ``Service/Method`` and code."""
        self.streams: Counts[tuple[str, str]] = defaultdict(int)
        """Streams that have ended, by the same."""
        self.slow_consumers: Counts[str] = defaultdict(int)
        """Streams that were closed because their reader did not read, by ``Service/Method``."""


def short_name(path: str) -> str:
    """``RoomService/CreateRoom`` of ``/roomd.v1.RoomService/CreateRoom``."""
    return path.removeprefix("/roomd.v1.")
