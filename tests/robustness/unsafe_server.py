"""``roomd`` with one of its precautions taken away: ``unsafe_server.py WITHOUT serve …``.

Shows that the checker sees what the precaution prevents. A child process of the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from roomd_server.cli import main
from roomd_server.core.lane import Lanes
from roomd_server.core.ports import Settled, WriteSet
from roomd_server.stores.sqlite_writer import SqliteWriter

submit = SqliteWriter.submit


def acknowledge_early() -> None:
    """Everybody is answered when the writes are handed in, not when they are durable."""

    def early(self: SqliteWriter, writes: WriteSet, then: Settled) -> None:
        submit(self, writes, lambda _error: None)
        self._loop.call_soon(then, None)

    SqliteWriter.submit = early  # type: ignore[method-assign]


def forget_keys() -> None:
    """Keys are known to the process only, and not stored."""

    def without_keys(self: SqliteWriter, writes: WriteSet, then: Settled) -> None:
        writes.keys = ()
        submit(self, writes, then)

    SqliteWriter.submit = without_keys  # type: ignore[method-assign]


def recover_nothing() -> None:
    """Deliveries that were under way are not taken up after a start."""

    async def nothing(_self: Lanes) -> int:
        return 0

    Lanes.recover = nothing  # type: ignore[method-assign]


def rename_recovered() -> None:
    """Deliveries that were under way are taken up under another id."""
    enqueue = Lanes.enqueue

    def renamed(self: Lanes, actor, delivery, event, cascade) -> None:  # type: ignore[no-untyped-def]
        if event is None:
            delivery.delivery_id += "-again"
        enqueue(self, actor, delivery, event, cascade)

    Lanes.enqueue = renamed  # type: ignore[method-assign]


WITHOUT: dict[str, Callable[[], None]] = {
    "durable-acknowledgements": acknowledge_early,
    "stored-keys": forget_keys,
    "recovery": recover_nothing,
    "stable-delivery-ids": rename_recovered,
}

if __name__ == "__main__":
    WITHOUT[sys.argv.pop(1)]()
    raise SystemExit(main())
