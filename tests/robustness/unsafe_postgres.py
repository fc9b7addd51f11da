"""``roomd`` on PostgreSQL without its care for what is under way when the database goes:
``unsafe_postgres.py serve …``. Shows that the checker sees it. A child process of the tests.
"""

from __future__ import annotations

from roomd_server.cli import main
from roomd_server.core.ports import Settled, WriteSet
from roomd_server.stores.postgres_writer import PostgresWriter

submit = PostgresWriter.submit


def early(self: PostgresWriter, writes: WriteSet, then: Settled) -> None:
    """Answer when the writes are handed in, not when they are durable."""
    submit(self, writes, lambda _error: None)
    self._loop.call_soon(then, None)


if __name__ == "__main__":
    PostgresWriter.submit = early  # type: ignore[method-assign]
    raise SystemExit(main())
