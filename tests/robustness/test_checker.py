"""The checker itself: a good history passes, and each forged one is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from checker import check, repeated
from history import Ack, History, Reading, Receipt, Send, Stored


def good() -> History:
    """Three messages in one room; the server crashed during the second delivery."""
    history = History()
    for index in range(3):
        key, body, event_id = f"key-{index}", f"message {index}", f"event-{index}"
        ack = Ack(index + 0.5, event_id, index)
        history.sends[key] = Send(key, "room", body, float(index), 1, [ack])
        history.timelines.setdefault("room", []).append(Stored(event_id, index, key, body, True))
        history.receipts.append(Receipt("room", event_id, f"delivery-{index}", "first"))
    history.receipts.append(Receipt("room", "event-1", "delivery-1", "second"))
    seen = [(index, f"event-{index}") for index in range(3)]
    history.readings.append(Reading("reader", "room", seen))
    history.reused["key-2"] = "KEY_REUSED"
    return history


def timeline(history: History) -> list[Stored]:
    return history.timelines["room"]


def seen(history: History) -> list[tuple[int, str]]:
    return history.readings[0].seen


def lose_an_acknowledged_event(history: History) -> None:
    timeline(history).pop()
    seen(history).pop()
    history.receipts[:] = [one for one in history.receipts if one.event_id != "event-2"]
    del history.reused["key-2"]


def store_another_text(history: History) -> None:
    timeline(history)[1] = timeline(history)[1]._replace(body="something else")


def acknowledge_another_index(history: History) -> None:
    history.sends["key-2"].acks.append(Ack(9.0, "event-2", 7))


def store_a_key_twice(history: History) -> None:
    timeline(history).append(Stored("event-3", 3, "key-0", "message 0", False))
    seen(history).append((3, "event-3"))


def answer_with_another_event(history: History) -> None:
    history.sends["key-0"].acks.append(Ack(9.0, "event-1", 1))


def never_answer(history: History) -> None:
    history.sends["key-9"] = Send("key-9", "room", "message 9", 9.0, attempts=40)


def take_a_key_again(history: History) -> None:
    history.reused["key-2"] = "accepted"


def leave_a_gap(history: History) -> None:
    timeline(history)[2] = timeline(history)[2]._replace(index=3)


def overtake(history: History) -> None:
    history.sends["key-0"].began = 1.6
    history.sends["key-0"].acks[0] = Ack(1.7, "event-0", 0)


def skip_an_event(history: History) -> None:
    del seen(history)[1]


def show_an_event_twice(history: History) -> None:
    seen(history).insert(1, (0, "event-0"))


def swap_two_events(history: History) -> None:
    seen(history).reverse()


def stop_before_the_end(history: History) -> None:
    seen(history).pop()


def show_what_is_not_stored(history: History) -> None:
    seen(history)[2] = (2, "event-x")


def never_deliver(history: History) -> None:
    history.receipts[:] = [one for one in history.receipts if one.event_id != "event-0"]


def deliver_under_another_id(history: History) -> None:
    history.receipts.append(Receipt("room", "event-0", "delivery-x", "second"))


def deliver_twice_without_a_crash(history: History) -> None:
    history.receipts.append(history.receipts[0])


def deliver_what_is_not_stored(history: History) -> None:
    history.receipts.append(Receipt("room", "event-x", "delivery-x", "first"))


FORGERIES: list[tuple[str, Callable[[History], None]]] = [
    ("P1", lose_an_acknowledged_event),
    ("P1", store_another_text),
    ("P1", acknowledge_another_index),
    ("P2", store_a_key_twice),
    ("P2", answer_with_another_event),
    ("P2", never_answer),
    ("P2", take_a_key_again),
    ("P3", leave_a_gap),
    ("P3", overtake),
    ("P4", skip_an_event),
    ("P4", show_an_event_twice),
    ("P4", swap_two_events),
    ("P4", stop_before_the_end),
    ("P4", show_what_is_not_stored),
    ("P5", never_deliver),
    ("P5", deliver_under_another_id),
    ("P5", deliver_twice_without_a_crash),
    ("P5", deliver_what_is_not_stored),
]


def test_a_good_history_passes() -> None:
    assert check(good()) == []
    assert repeated(good()) == 1


@pytest.mark.parametrize(("promise", "forge"), FORGERIES)
def test_a_forged_history_is_seen(promise: str, forge: Callable[[History], None]) -> None:
    history = good()
    forge(history)
    assert promise in {violation.promise for violation in check(history)}


def test_a_truncation_that_is_said_is_no_hole() -> None:
    history = good()
    del seen(history)[0]
    assert [violation.promise for violation in check(history)] == ["P4"]
    history.readings[0].truncated.add(0)
    assert check(history) == []
