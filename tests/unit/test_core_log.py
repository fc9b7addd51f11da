"""The tail of a room's log in memory."""

from __future__ import annotations

import itertools

import pytest

from roomd import v1 as pb
from roomd_server.core.log import TAIL_ENTRIES, WATCHED_TAIL_ENTRIES, Position, RoomLog


def event(index: int) -> pb.RoomEvent:
    return pb.RoomEvent(event_id=f"e{index}", index=index, type=pb.EVENT_TYPE_MESSAGE)


def append(log: RoomLog, index: int) -> None:
    log.append_event(event(index), event(index).SerializeToString())


def change(number: int) -> bytes:
    changed = pb.StreamItem.RoomChanged(change=f"c{number}")
    return pb.StreamItem(room_changed=changed).SerializeToString()


def name(item: bytes) -> str:
    parsed = pb.StreamItem.FromString(item)
    return parsed.event.event_id or parsed.room_changed.change


def filled(pattern: str) -> RoomLog:
    log = RoomLog(Position(0, 0), [])
    events, changes = itertools.count(), itertools.count()
    for kind in pattern:
        if kind == "e":
            append(log, next(events))
        else:
            log.append_change(change(next(changes)))
    return log


@pytest.mark.parametrize("pattern", ["".join(one) for one in itertools.product("ec", repeat=5)])
def test_what_a_reader_gets_is_exactly_what_it_has_not_seen(pattern: str) -> None:
    """From every position that exists, the memory gives all that is missing, or says that the
    store must be asked: never less."""
    log = filled(pattern)
    for index in range(pattern.count("e") + 1):
        for changes in range(pattern.count("c") + 1):
            missing = {f"e{i}" for i in range(index, pattern.count("e"))}
            missing |= {f"c{i}" for i in range(changes, pattern.count("c"))}
            entries = log.since(Position(index, changes), 100)
            if entries is not None:
                assert {name(entry.item) for entry in entries} == missing


def test_a_reader_in_step_reads_from_memory() -> None:
    log = filled("ecece")
    position = Position(0, 0)
    seen = []
    while entries := log.since(position, 2):
        seen += [name(entry.item) for entry in entries]
        position = entries[-1].after
    assert seen == ["e0", "c0", "e1", "c1", "e2"]


def test_what_left_the_memory_is_the_stores() -> None:
    log = filled("e" * (TAIL_ENTRIES + 1))
    assert log.since(Position(0, 0), 10) is None
    assert len(log.since(Position(1, 0), 1000) or []) == TAIL_ENTRIES


def test_a_burst_does_not_send_those_who_watch_to_the_store() -> None:
    """Or a hundred readers would each read it from the disk."""
    log = RoomLog(Position(0, 0), [])
    log.watch(bell := lambda: None)
    for index in range(WATCHED_TAIL_ENTRIES + 1):
        append(log, index)
    assert log.since(Position(0, 0), 10) is None
    assert len(log.since(Position(1, 0), 9999) or []) == WATCHED_TAIL_ENTRIES
    log.unwatch(bell)
    last = Position(WATCHED_TAIL_ENTRIES + 1 - TAIL_ENTRIES, 0)
    assert len(log.since(last, 9999) or []) == TAIL_ENTRIES
    assert log.since(Position(last.index - 1, 0), 9999) is None, "memory is given back"


def test_recent_events_come_from_the_tail_and_from_before_it() -> None:
    log = RoomLog(Position(3, 0), [event(0), event(1), event(2)])
    log.append_change(change(0))
    append(log, 3)
    assert [one.index for one in log.recent_events(3) or []] == [1, 2, 3]
    assert [one.index for one in log.recent_events(99) or []] == [0, 1, 2, 3]


def test_fewer_recent_events_in_memory_than_exist_says_so() -> None:
    log = RoomLog(Position(10, 0), [event(8), event(9)])
    assert log.recent_events(3) is None
    assert len(log.recent_events(2) or []) == 2
