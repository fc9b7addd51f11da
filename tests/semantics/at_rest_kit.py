"""What is in the tables of a server's store, to see that something is not."""

from __future__ import annotations

import sqlite3
from typing import Any

import asyncpg
from rooms_kit import House

from roomd_server.stores.postgres import PostgresStore

CARRIERS = ("keys", "channels", "hooks", "handlers")
"""Tables that are not of a room's people: keys expire within 24 h."""


async def stored(h: House) -> dict[str, bytes]:
    """Every table of the store, as the bytes of its rows."""
    store: Any = h.server._store
    if isinstance(store, PostgresStore):

        async def dump(conn: asyncpg.Connection[Any]) -> dict[str, bytes]:
            named = await conn.fetch(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            )
            return {
                name: b"".join(
                    bytes(value) if isinstance(value, bytes) else str(value).encode()
                    for row in await conn.fetch(f'SELECT * FROM "{name}"')
                    for value in row
                )
                for (name,) in named
            }

        return dict(await store.writer.run(dump))

    def read(conn: sqlite3.Connection) -> dict[str, bytes]:
        named = conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: b"".join(
                value if isinstance(value, bytes) else str(value).encode()
                for row in conn.execute(f'SELECT * FROM "{name}"')
                for value in row
            )
            for (name,) in named
        }

    return dict(await store.writer.run(read))


async def tables_with(h: House, word: str) -> set[str]:
    """Tables in which a word is, besides those that are of nobody."""
    return {
        name
        for name, data in (await stored(h)).items()
        if word.encode() in data and name not in CARRIERS
    }
