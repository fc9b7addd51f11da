"""The promises P1 to P5 as functions from a history to what breaks them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from history import History, Receipt, Send

KEY_REUSED = "KEY_REUSED"


class Violation(NamedTuple):
    """A broken promise."""

    promise: str
    what: str


def check(history: History) -> list[Violation]:
    """Everything that breaks a promise."""
    return [Violation(promise, what) for promise, rule in RULES.items() for what in rule(history)]


def p1_acknowledged_is_stored(history: History) -> Iterator[str]:
    """What was acknowledged is in the timeline, as it was sent and where it was said to be."""
    stored = {
        (room_id, event.event_id): event
        for room_id, events in history.timelines.items()
        for event in events
    }
    for send in history.sends.values():
        for ack in send.acks:
            event = stored.get((send.room_id, ack.event_id))
            if event is None:
                yield f"{send.key} was acknowledged as {ack.event_id}, which is not stored"
            elif (event.index, event.key, event.body) != (ack.index, send.key, send.body):
                yield f"{send.key} was acknowledged at {ack.index} and is stored as {event}"


def p2_one_event_per_key(history: History) -> Iterator[str]:
    """A key has one event, every answer to it is that one, and it takes no other content."""
    stored = Counter(
        event.key for events in history.timelines.values() for event in events if event.key
    )
    for send in history.sends.values():
        ids = {ack.event_id for ack in send.acks}
        if not ids:
            yield f"{send.key} was never answered, in {send.attempts} attempts"
        elif len(ids) > 1:
            yield f"{send.key} was answered with {len(ids)} events"
        if stored[send.key] != 1 and (ids or stored[send.key]):
            yield f"{send.key} has {stored[send.key]} events after {send.attempts} attempts"
    for key, said in history.reused.items():
        if said != KEY_REUSED:
            yield f"{key} with another content was answered {said!r}"


def p3_gapless_and_in_order(history: History) -> Iterator[str]:
    """Indexes have no gap, and what was sent after an answer comes after it."""
    for room_id, events in history.timelines.items():
        indexes = [event.index for event in events]
        if indexes != list(range(len(indexes))):
            yield f"{room_id} has the indexes {_short(indexes)}"
    by_room: dict[str, list[Send]] = defaultdict(list)
    for send in history.sends.values():
        if send.acks:
            by_room[send.room_id].append(send)
    for room_id, sends in by_room.items():
        yield from _overtakings(room_id, sends)


def _overtakings(room_id: str, sends: list[Send]) -> Iterator[str]:
    acks = sorted((ack.at, ack.index) for send in sends for ack in send.acks)
    highest, taken = -1, 0
    for send in sorted(sends, key=lambda one: one.began):
        while taken < len(acks) and acks[taken][0] < send.began:
            highest = max(highest, acks[taken][1])
            taken += 1
        index = send.acks[0].index
        if index <= highest:
            yield f"{room_id}: {send.key} has {index}, and {highest} was known before it was sent"


def p4_every_event_once(history: History) -> Iterator[str]:
    """A subscriber got the whole timeline once, in order, or was told what is missing."""
    for reading in history.readings:
        events = [(event.index, event.event_id) for event in history.timelines[reading.room_id]]
        following = 0
        for place, (index, event_id) in enumerate(reading.seen):
            if place in reading.truncated:
                following = max(following, index)
            if index != following:
                yield f"{reading.name} got {index} where {following} comes next"
            elif index >= len(events) or events[index] != (index, event_id):
                yield f"{reading.name} got {event_id} at {index}, which is not what is stored"
            following = index + 1
        if following < len(events) and len(reading.seen) not in reading.truncated:
            yield f"{reading.name} got nothing from {following} to {len(events) - 1}"


def p5_delivered_at_least_once(history: History) -> Iterator[str]:
    """Every event reached the worker, under one id, at most once per server process."""
    by_event: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in history.receipts:
        by_event[receipt.room_id, receipt.event_id].append(receipt)
    for room_id, events in history.timelines.items():
        for event in events:
            if event.delivered and (room_id, event.event_id) not in by_event:
                yield f"{event.event_id} was never delivered"
    stored = {
        (room_id, event.event_id)
        for room_id, events in history.timelines.items()
        for event in events
    }
    for place, receipts in by_event.items():
        event_id = place[1]
        if place not in stored:
            yield f"{event_id} was delivered and is not stored"
        ids = {receipt.delivery_id for receipt in receipts}
        if len(ids) > 1:
            yield f"{event_id} was delivered under {len(ids)} ids"
        (node_id, most) = Counter(receipt.node_id for receipt in receipts).most_common(1)[0]
        if most > 1:
            yield f"{event_id} was delivered {most} times by the process {node_id}"


def repeated(history: History) -> int:
    """The most repetitions of a delivery that one crash caused."""
    counts = Counter(receipt.delivery_id for receipt in history.receipts)
    return max(counts.values(), default=1) - 1


def _short(values: list[int]) -> str:
    text = str(values)
    return text if len(text) < 200 else f"{text[:200]} …"


Rule = Callable[[History], Iterator[str]]

RULES: dict[str, Rule] = {
    "P1": p1_acknowledged_is_stored,
    "P2": p2_one_event_per_key,
    "P3": p3_gapless_and_in_order,
    "P4": p4_every_event_once,
    "P5": p5_delivered_at_least_once,
}
