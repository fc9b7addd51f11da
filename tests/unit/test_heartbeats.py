"""When silent streams are looked at."""

from __future__ import annotations

from itertools import pairwise

from roomd_server.api.heartbeats import SLOT_SECONDS, Heartbeats

EVERY_SECONDS = 15.0


class _Stream:
    def __init__(self) -> None:
        self.spoke = 0.0
        self.beats: list[float] = []
        self.looked = 0

    def beat_if_due(self, now: float) -> float:
        self.looked += 1
        if now < self.spoke + EVERY_SECONDS:
            return self.spoke + EVERY_SECONDS
        self.beats.append(now)
        self.spoke = now
        return now + EVERY_SECONDS


def let_pass(heartbeats: Heartbeats, begin: float, end: float) -> None:
    """Sweep as often as the server does."""
    for step in range(int((end - begin) / SLOT_SECONDS)):
        heartbeats.beat(begin + (step + 1) * SLOT_SECONDS)


def test_a_silent_stream_beats_and_is_hardly_looked_at() -> None:
    heartbeats, stream = Heartbeats(), _Stream()
    heartbeats.add(stream, 0.0)
    let_pass(heartbeats, 0.0, 60.0)
    gaps = [later - earlier for earlier, later in pairwise([0.0, *stream.beats])]
    assert len(gaps) == 3
    assert all(EVERY_SECONDS <= gap <= EVERY_SECONDS + 2 * SLOT_SECONDS for gap in gaps)
    assert stream.looked <= 5


def test_a_stream_that_spoke_beats_later() -> None:
    heartbeats, stream = Heartbeats(), _Stream()
    heartbeats.add(stream, 0.0)
    let_pass(heartbeats, 0.0, 10.0)
    stream.spoke = 10.0
    let_pass(heartbeats, 10.0, 24.0)
    assert not stream.beats
    let_pass(heartbeats, 24.0, 27.0)
    assert len(stream.beats) == 1


def test_a_stream_that_has_ended_is_let_go() -> None:
    heartbeats, stream, other = Heartbeats(), _Stream(), _Stream()
    for one in (stream, other):
        heartbeats.add(one, 0.0)
    heartbeats.discard(stream)
    heartbeats.discard(stream)
    let_pass(heartbeats, 0.0, 40.0)
    assert not stream.beats
    assert other.beats
    heartbeats.discard(other)
    assert not vars(heartbeats)["_slots"]
    assert not vars(heartbeats)["_slot_of"]
