"""A key that was used is never taken for new, however many came after it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from roomd_server.core.keys import KeyMemory, key_hash

KEYS = st.lists(st.text(max_size=12), max_size=60)


@given(loaded=KEYS, stored=KEYS, added=KEYS, capacity=st.integers(0, 8))
@settings(max_examples=200, deadline=None)
def test_no_key_is_forgotten(
    loaded: list[str], stored: list[str], added: list[str], capacity: int
) -> None:
    hashes = [key_hash(key) for key in stored]
    memory = KeyMemory([(key, b"body", key) for key in loaded], hashes or None, capacity)
    for key in added:
        memory.add(key, b"new", key)
    for key in {*loaded, *stored, *added}:
        assert memory.maybe_stored(key)
        known = memory.lookup(key)
        assert known is None or known[1] == key
    if added and capacity:
        assert memory.lookup(added[-1]) == (b"new", added[-1])
