"""Small tools of the reads: conditions with their parameters, rows as messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from roomd_server.stores.postgres_tables import escaped

M = TypeVar("M", bound=Message)

IN_ORDER = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
"""For a transaction that reads the first rows of an index: the planner, who does not know how
many there are, would read all of them and sort.
"""


class Where:
    """Conditions that all must hold, with their parameters numbered as they come."""

    def __init__(self, test: str, *values: object) -> None:
        self._tests: list[str] = []
        self.values: list[object] = []
        self.add(test, *values)

    def add(self, test: str, *values: object) -> None:
        """Add a condition; each ``{}`` in it stands for a value."""
        self._tests.append(test.format(*(self.place(value) for value in values)))

    def place(self, value: object) -> str:
        """The placeholder of a value, outside of the conditions too."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._tests)


async def rows(conn: Any, sql: str, values: Sequence[object] = ()) -> list[Any]:
    """The rows of a query."""
    found: list[Any] = await conn.fetch(sql, *map(_stored, values))
    return found


async def messages(conn: Any, kind: type[M], sql: str, values: Sequence[object]) -> list[M]:
    """Parse the first column of every row."""
    return [kind.FromString(row[0]) for row in await rows(conn, sql, values)]


async def message(conn: Any, kind: type[M], sql: str, values: Sequence[object]) -> M | None:
    """Parse the first column of the first row."""
    found = await messages(conn, kind, sql, values)
    return found[0] if found else None


def _stored(value: object) -> object:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list):
        return [_stored(one) for one in value]
    return value


def snapshot(conn: Any) -> Any:
    """A transaction in which several queries see the same: what they read belongs together."""
    return conn.transaction(isolation="repeatable_read", readonly=True)
