"""What the SQLite store keeps when the process or the disk fails."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest
from sqlite_parts import RealClock, event_set, room_set

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import EventQuery
from roomd_server.stores.sqlite import SqliteStore

CHILD = Path(__file__).with_name("sqlite_writing_child.py")
SMALL_DISK_BYTES = 4 << 20


def acknowledged_until_killed(path: str, lines: int) -> dict[str, int]:
    """Let a child write, kill it after some acknowledgements; return the newest per room."""
    child = subprocess.Popen([sys.executable, CHILD, path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    seen = [child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    seen += child.stdout.readlines()
    child.stdout.close()
    assert child.wait(timeout=10) == -signal.SIGKILL
    whole = [line.decode().split() for line in seen if line.endswith(b"\n")]
    return {room_id: int(index) for room_id, index in whole}


@pytest.mark.parametrize("lines", [1, 200, 2000])
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, lines: int) -> None:
    path = str(tmp_path / "store.db")
    acknowledged = await asyncio.to_thread(acknowledged_until_killed, path, lines)
    store = await SqliteStore.open(path, clock=RealClock())
    for room_id, newest in acknowledged.items():
        events = await store.list_events("acme", EventQuery(room_id, 1_000_000))
        # Everything acknowledged, perhaps a little more, and no hole.
        assert [event.index for event in events] == list(range(len(events)))
        assert len(events) > newest
        await store.commit(event_set(room_id, len(events)))
    await store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False, timeout=10)
    except FileNotFoundError:
        pytest.skip("no mount command here")
    if mounted.returncode:
        pytest.skip("mounting needs root; the test with max_page_count stands in for it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)


async def fill(store: SqliteStore) -> int:
    """Commit until the store refuses; return how many events were acknowledged."""
    await store.commit(room_set("r"))
    written = 0

    async def write_on() -> None:
        nonlocal written
        while written < 10_000:
            await store.commit(event_set("r", written, "word " * 4000))
            written += 1

    with pytest.raises(Unavailable, match="disk") as caught:
        await write_on()
    assert caught.value.reason == pb.ERROR_REASON_STORE_READ_ONLY
    return written


async def check_full_store_reads_and_recovers(store: SqliteStore, written: int) -> None:
    async def indexes() -> list[int]:
        events = await store.list_events("acme", EventQuery("r", 100_000))
        return [event.index for event in events]

    refused = [store.commit(event_set("r", written, "x" * 40_000)) for _ in range(3)]
    for outcome in await asyncio.gather(*refused, return_exceptions=True):
        assert isinstance(outcome, Unavailable)
        assert outcome.reason == pb.ERROR_REASON_STORE_READ_ONLY
    assert written > 3
    assert await indexes() == list(range(written))
    assert await store.search_events("acme", "absent", "", 0, 10) == []


async def test_a_full_disk_refuses_writes_and_recovers(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (SMALL_DISK_BYTES // 2))
    store = await SqliteStore.open(str(small_disk / "store.db"), clock=RealClock())
    written = await fill(store)
    await check_full_store_reads_and_recovers(store, written)
    ballast.unlink()
    await store.commit(event_set("r", written))
    assert await store.search_events("acme", "absent", "", 0, 10) == []
    assert len(await store.search_events("acme", "word", "r", 0, 3)) == 3
    await store.close()
    store = await SqliteStore.open(str(small_disk / "store.db"), clock=RealClock())
    assert len(await store.list_events("acme", EventQuery("r", 100_000))) == written + 1
    await store.close()


@pytest.fixture
async def file_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(str(tmp_path / "store.db"), clock=RealClock())
    yield store
    await store.close()


async def limit_pages(store: SqliteStore, pages: int) -> None:
    await store.writer.run(lambda conn: conn.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def test_a_file_at_its_limit_refuses_writes_and_recovers(file_store: SqliteStore) -> None:
    await limit_pages(file_store, 300)
    written = await fill(file_store)
    await check_full_store_reads_and_recovers(file_store, written)
    await limit_pages(file_store, 1_000_000)
    await file_store.commit(event_set("r", written))
    assert len(await file_store.search_events("acme", "word", "r", 0, 3)) == 3


async def test_a_set_behind_a_full_disk_leaves_no_hole(file_store: SqliteStore) -> None:
    await limit_pages(file_store, 300)
    written = await fill(file_store)
    large = file_store.commit(event_set("r", written, "x" * 200_000))
    # Jobs run after the commits that were waiting: the first one fails in a transaction of
    # its own.
    await file_store.writer.run(lambda conn: None)
    small = file_store.commit(event_set("r", written + 1))
    outcomes = await asyncio.gather(large, small, return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    await limit_pages(file_store, 1_000_000)
    await file_store.commit(event_set("r", written))


async def test_commits_are_synced_in_full(file_store: SqliteStore) -> None:
    def pragma(name: str) -> Awaitable[object]:
        return file_store.writer.run(lambda conn: conn.execute(f"PRAGMA {name}").fetchone()[0])

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2


async def test_readers_do_not_wait_for_the_writer(file_store: SqliteStore) -> None:
    await file_store.commit(room_set("r"))

    def hold(conn: sqlite3.Connection) -> None:
        conn.execute("DELETE FROM rooms WHERE org = 'nobody'")
        time.sleep(0.5)

    started = time.monotonic()
    held = file_store.writer.run(hold)
    assert await file_store.load_room("acme", "r") is not None
    assert time.monotonic() - started < 0.4
    await held
