"""A room's memory of idempotency keys: a repeated message is known without a read.

The newest keys are kept whole. Older ones, up to their 24 hours, are kept in a Bloom filter
(Bloom 1970): it never forgets one, and a key it does not know is certainly new. Only a key
it may know costs a look into the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b

BITS_PER_KEY = 12
HASHES = 6
"""Probes per key: with 12 bits each, about 0.4 % false positives when a filter is full."""
FIRST_FILTER_KEYS = 1024
RECENT_KEYS = 32
"""Kept whole: 300 bytes each, in every live room that is written to with keys. A repeat that
comes later costs one more read, which is little beside that of the event it returns.
"""


def fingerprint(message: bytes) -> bytes:
    """Hash of a request's body, 16 bytes."""
    return blake2b(message, digest_size=16).digest()


def key_hash(key: str) -> bytes:
    """Hash of a key, 8 bytes."""
    return blake2b(key.encode(), digest_size=8).digest()


class _Filter:
    __slots__ = ("_bits", "_size", "room")

    def __init__(self, keys: int) -> None:
        self._size = keys * BITS_PER_KEY
        self._bits = bytearray(self._size // 8 + 1)
        self.room = keys

    def _probes(self, hashed: bytes) -> Iterable[int]:
        # Two halves make any number of probes (Kirsch and Mitzenmacher 2006).
        first = int.from_bytes(hashed[:4], "little")
        second = int.from_bytes(hashed[4:], "little") | 1
        return ((first + number * second) % self._size for number in range(HASHES))

    def add(self, hashed: bytes) -> None:
        self.room -= 1
        for probe in self._probes(hashed):
            self._bits[probe >> 3] |= 1 << (probe & 7)

    def __contains__(self, hashed: bytes) -> bool:
        return all(self._bits[probe >> 3] & (1 << (probe & 7)) for probe in self._probes(hashed))


class KeyMemory:
    """Which keys a room has seen.

    Args:
        recent: (key, fingerprint, event id) of the newest keys, oldest first.
        hashes: Hashes of all live keys when there are more than ``recent``; else None.
        capacity: Keys kept whole.
    """

    __slots__ = ("_capacity", "_filters", "_recent")

    def __init__(
        self,
        recent: Iterable[tuple[str, bytes, str]],
        hashes: list[bytes] | None,
        capacity: int = RECENT_KEYS,
    ) -> None:
        self._capacity = capacity
        self._recent: OrderedDict[str, tuple[bytes, str]] | None = None
        self._filters: list[_Filter] | None = None
        if hashes:
            self._filters = [_Filter(max(FIRST_FILTER_KEYS, 2 * len(hashes)))]
            for hashed in hashes:
                self._filters[0].add(hashed)
        for key, body, event_id in recent:
            self.add(key, body, event_id)

    def lookup(self, key: str) -> tuple[bytes, str] | None:
        """(fingerprint, event id) when the key is kept whole."""
        return self._recent.get(key) if self._recent is not None else None

    def maybe_stored(self, key: str) -> bool:
        """False: the key is certainly new. True: only the store knows."""
        if self._recent is not None and key in self._recent:
            return True
        if self._filters is None:
            return False
        hashed = key_hash(key)
        return any(hashed in one for one in self._filters)

    def add(self, key: str, body: bytes, event_id: str) -> None:
        """Remember a key; the oldest whole one ages into the filter."""
        if self._recent is None:
            self._recent = OrderedDict()
        self._recent[key] = (body, event_id)
        if len(self._recent) > self._capacity:
            oldest, _ = self._recent.popitem(last=False)
            self.add_hash(oldest)

    def add_hash(self, key: str) -> None:
        """Remember that the store knows a key."""
        if self._filters is None:
            self._filters = [_Filter(FIRST_FILTER_KEYS)]
        if not self._filters[-1].room:
            # Twice as large: the number of filters grows with the logarithm of the keys.
            self._filters.append(_Filter(FIRST_FILTER_KEYS << len(self._filters)))
        self._filters[-1].add(key_hash(key))
