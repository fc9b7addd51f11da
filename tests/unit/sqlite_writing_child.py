"""Writes to the store at argv[1] until it is killed; prints what was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys

from sqlite_parts import RealClock, event_set, room_set

from roomd_server.stores.sqlite import SqliteStore

ROOMS = 16


async def write(store: SqliteStore, room_id: str) -> None:
    await store.commit(room_set(room_id))
    index = 0
    while True:
        await store.commit(event_set(room_id, index, "x" * 500))
        os.write(1, f"{room_id} {index}\n".encode())
        index += 1


async def main() -> None:
    store = await SqliteStore.open(sys.argv[1], clock=RealClock())
    await asyncio.gather(*[write(store, f"r{number}") for number in range(ROOMS)])


if __name__ == "__main__":
    asyncio.run(main())
