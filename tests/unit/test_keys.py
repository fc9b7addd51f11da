"""A room's memory of idempotency keys: small, and never forgetful."""

from __future__ import annotations

import tracemalloc

from roomd_server.core.keys import FIRST_FILTER_KEYS, RECENT_KEYS, KeyMemory, key_hash

KIB = 1024


def size(keys: int) -> int:
    """Bytes that a memory takes after so many keys; the least of some tries, for what other
    threads of the test run make meanwhile is counted, too.
    """
    return min(_size_once(keys) for _ in range(5))


def _size_once(keys: int) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        memory = KeyMemory((), None)
        for number in range(keys):
            memory.add(f"{number:032x}", number.to_bytes(16, "big"), f"{-number:032x}")
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_a_room_without_keys_pays_nothing_for_them() -> None:
    assert size(0) < 200


def test_a_busy_room_stays_below_its_share_of_memory() -> None:
    assert size(FIRST_FILTER_KEYS) < 14 * KIB


def test_old_keys_cost_two_bytes() -> None:
    assert size(20_000) - size(0) < 14 * KIB + 20_000 * 4


def test_a_recent_key_is_known_whole_and_an_older_one_may_be_stored() -> None:
    memory = KeyMemory((), None)
    for number in range(RECENT_KEYS + 1):
        memory.add(f"k{number}", b"body", f"e{number}")
    assert memory.lookup("k0") is None
    assert memory.maybe_stored("k0")
    assert memory.lookup("k1") == (b"body", "e1")
    assert memory.maybe_stored("k1"), "a known key is not certainly new"


def test_more_recent_keys_than_fit_are_not_lost_on_loading() -> None:
    recent = [(f"k{number}", b"body", "e") for number in range(10)]
    memory = KeyMemory(recent, None, capacity=3)
    assert all(memory.maybe_stored(key) for key, _, _ in recent)
    assert memory.lookup("k9") == (b"body", "e")


def test_hashes_of_the_store_and_later_keys_live_together() -> None:
    hashes = [key_hash(f"old-{number}") for number in range(3000)]
    memory = KeyMemory((), hashes, capacity=1)
    for number in range(6000):
        memory.add(f"new-{number}", b"body", "e")
    assert all(memory.maybe_stored(f"old-{number}") for number in range(3000))
    assert all(memory.maybe_stored(f"new-{number}") for number in range(6000))


def test_new_keys_stay_new_however_many_came_before() -> None:
    memory = KeyMemory((), [key_hash(f"old-{number}") for number in range(100)])
    for number in range(30_000):
        memory.add(f"k{number}", b"body", "e")
    wrong = sum(memory.maybe_stored(f"unknown-{number}") for number in range(5000))
    assert wrong < 150, "each of a handful of filters is wrong in one of two hundred cases"


def test_a_key_that_only_the_store_knew_is_noted() -> None:
    memory = KeyMemory((), None)
    memory.add_hash("k")
    assert memory.maybe_stored("k")
    assert memory.lookup("k") is None


def test_the_same_key_again_keeps_one_place() -> None:
    memory = KeyMemory((), None, capacity=2)
    for event_id in ("a", "b", "c"):
        memory.add("k", b"body", event_id)
    assert memory.lookup("k") == (b"body", "c")
    memory.add("other", b"body", "d")
    assert memory.lookup("k") is not None
