"""What was sent, acknowledged, seen and delivered, as those outside of the server saw it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Ack(NamedTuple):
    """An answer to a send."""

    at: float
    event_id: str
    index: int


@dataclass
class Send:
    """A message that is sent with its key until it is answered."""

    key: str
    room_id: str
    body: str
    began: float
    attempts: int = 0
    acks: list[Ack] = field(default_factory=list)


class Receipt(NamedTuple):
    """A delivery as it came to the worker."""

    room_id: str
    event_id: str
    delivery_id: str
    node_id: str
    """The server process that made it: another one after every crash."""


@dataclass
class Reading:
    """What one subscriber got, over all its connections."""

    name: str
    room_id: str
    seen: list[tuple[int, str]] = field(default_factory=list)
    """Index and id of every event, as they came."""
    truncated: set[int] = field(default_factory=set)
    """How much was seen when the server said that something is missing there."""


class Crash(NamedTuple):
    """An end of the server and its return."""

    failpoint: str
    exit_code: int
    ready_seconds: float
    """From its next start until it listened; 0 when it was killed again before."""


class Stored(NamedTuple):
    """An event of the timeline, read back at the end."""

    event_id: str
    index: int
    key: str
    body: str
    delivered: bool
    """Whether it was to be delivered to the worker."""


@dataclass
class History:
    """Everything of one run."""

    sends: dict[str, Send] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Errors of another kind than UNAVAILABLE or a lost connection."""
    failures: Counter[str] = field(default_factory=Counter)
    """Names of the status codes of calls that failed."""
    timelines: dict[str, list[Stored]] = field(default_factory=dict)
    """Room → its events as listed at the end."""
    reused: dict[str, str] = field(default_factory=dict)
    """Key → what the server said at the end when it came again with another content."""
