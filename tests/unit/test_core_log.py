"""The tail of a room's log in memory."""

from __future__ import annotations

import itertools

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from roomd import v1 as pb
from roomd_server.core.log import (
    TAIL_ENTRIES,
    WATCHED_TAIL_ENTRIES,
    Position,
    RoomLog,
    shown,
)


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


def test_what_everybody_has_read_does_not_stay_in_memory() -> None:
    """However long a room is watched, it costs what its slowest reader has not read."""
    log = filled("")
    log.watch(lambda: None)
    for index in range(WATCHED_TAIL_ENTRIES):
        append(log, index)
    log.release(500)
    behind = Position(WATCHED_TAIL_ENTRIES - 500, 0)
    assert len(log.since(behind, 1000) or []) == 500
    assert log.since(behind._replace(index=behind.index - 1), 1000) is None
    log.release(0)
    newest = Position(WATCHED_TAIL_ENTRIES - TAIL_ENTRIES, 0)
    assert len(log.since(newest, 1000) or []) == TAIL_ENTRIES
    assert log.since(newest._replace(index=newest.index - 1), 1000) is None


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


def test_the_newest_events_come_from_the_tail_and_from_before_it() -> None:
    log = RoomLog(Position(3, 0), [event(0), event(1), event(2)])
    log.append_change(change(0))
    append(log, 3)
    assert [one.index for one in log.newest_events()] == [3, 2, 1, 0]


def test_the_newest_events_end_where_the_memory_has_a_hole() -> None:
    log = RoomLog(Position(10, 0), [event(8), event(9)])
    assert [one.index for one in log.newest_events()] == [9, 8]
    for index in range(10, 10 + TAIL_ENTRIES + 1):
        append(log, index)
    assert [one.index for one in log.newest_events()] == list(range(74, 10, -1))


def said(index: int, body: str, **fields: object) -> pb.RoomEvent:
    made = event(index)
    made.content.text.body = body
    made.MergeFrom(pb.RoomEvent(**fields))
    return made


def changed(event: pb.RoomEvent, *paths: str) -> bytes:
    told = pb.StreamItem.EventChanged(event=event, changed_paths=paths)
    return pb.StreamItem(event_changed=told).SerializeToString()


def bodies(log: RoomLog) -> list[str]:
    """What a reader of everything in memory gets."""
    items = [pb.StreamItem.FromString(one.item) for one in log.since(Position(1, 0), 99) or []]
    events = [item.event if item.HasField("event") else item.event_changed.event for item in items]
    return [one.content.text.body for one in events]


def test_a_revised_event_is_nowhere_in_memory_as_it_was() -> None:
    """Not in its entry, not in an earlier change of it, not in what was there before."""
    log = RoomLog(Position(1, 0), [said(0, "old secret")])
    for one in (said(1, "first secret"), said(2, "harmless")):
        log.append_event(one, one.SerializeToString())
    log.append_change(changed(said(1, "second secret"), "content"))
    log.append_change(changed(pb.RoomEvent(event_id="e1", index=1), "delivery_results"))
    gone = Timestamp(seconds=1)
    log.revise(said(1, "second secret", delete_time=gone))
    log.revise(said(0, "new", edit_time=gone))
    assert bodies(log) == ["", "harmless", "", ""]
    told = pb.StreamItem.FromString(log.since(Position(1, 0), 99)[3].item).event_changed.event
    assert not told.HasField("delete_time"), "a change of deliveries names the event only"
    assert [one.content.text.body for one in log.newest_events()] == ["harmless", "", "new"]


def test_what_a_provider_sent_is_not_shown_of_an_edited_or_withdrawn_event() -> None:
    for field in ("edit_time", "delete_time"):
        sent = said(0, "text", **{field: Timestamp(seconds=1)})
        sent.source.raw_payload.update({"Body": "secret"})
        assert not shown(sent).source.HasField("raw_payload")
        assert sent.source.HasField("raw_payload"), "kept for the audit"
