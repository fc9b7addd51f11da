"""The PostgreSQL store when its database is killed, restarted or taken by somebody else: who
was told that it is stored finds it, who was told UNAVAILABLE does not, and it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest
from sqlite_parts import RealClock, event_set, room_set

from postgres_cluster import Cluster
from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import StoreConflict, WriteSet
from roomd_server.failpoints import Failpoints
from roomd_server.stores import erasing
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.postgres_link import READERS, StoreInUse

BACK_SECONDS = 30.0
"""With the start of the database, on a busy machine."""


@pytest.fixture(scope="module")
def server(postgres_parts: Callable[..., Cluster]) -> Iterator[Cluster]:
    """A PostgreSQL that may be killed, and syncs."""
    cluster = postgres_parts(durable=True)
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
async def store(server: Cluster) -> AsyncIterator[PostgresStore]:
    opened = await PostgresStore.open(await server.acreate(), clock=RealClock())
    yield opened
    await opened.close()


class Watcher:
    """What a store says of its coming and going."""

    def __init__(self, store: PostgresStore) -> None:
        self.heard: list[bool] = []
        self._back = asyncio.Event()
        self._away = asyncio.Event()
        store.watch(self._hear)

    def _hear(self, is_up: bool) -> None:
        self.heard.append(is_up)
        if is_up:
            self._back.set()
        else:
            self._back.clear()
            self._away.set()

    async def away(self) -> None:
        async with asyncio.timeout(BACK_SECONDS):
            await self._away.wait()

    async def back(self) -> None:
        async with asyncio.timeout(BACK_SECONDS):
            await self._back.wait()


def kill_unheard(server: Cluster) -> None:
    """Kill it, and lose what it may have answered."""
    server.kill()
    raise ConnectionResetError


async def outcome(done: asyncio.Future[None]) -> Exception | None:
    async with asyncio.timeout(BACK_SECONDS):
        return (await asyncio.gather(done, return_exceptions=True))[0]  # type: ignore[return-value]


async def rooms(store: PostgresStore) -> list[str]:
    found = await store.list_rooms("acme", pb.ListRoomsRequest(), "", 1000)
    return [room.room_id for room in found]


def is_down(error: Exception | None) -> bool:
    return isinstance(error, Unavailable) and error.reason == pb.ERROR_REASON_STORE_DOWN


async def test_while_the_database_is_away_everything_is_unavailable(
    server: Cluster, store: PostgresStore
) -> None:
    watcher = Watcher(store)
    await store.commit(room_set("before"))
    await asyncio.to_thread(server.stop)
    await watcher.away()
    refused = await outcome(store.commit(room_set("during")))
    assert is_down(refused)
    assert isinstance(refused, Unavailable)
    assert refused.retry_after
    with pytest.raises(Unavailable):
        await store.load_room("acme", "before")
    with pytest.raises(Unavailable):
        await store.purge_keys(0.0)
    await asyncio.to_thread(server.start)
    await watcher.back()
    await store.commit(room_set("after"))
    assert await rooms(store) == ["after", "before"]
    assert watcher.heard == [False, True]


@pytest.mark.parametrize(("point", "stored"), [("commit.before", False), ("commit.after", True)])
async def test_a_killed_database_says_later_what_it_has_committed(
    server: Cluster, point: str, stored: bool
) -> None:
    failpoints = Failpoints({point: 3}, lambda: kill_unheard(server))
    store = await failpoints.open_postgres(await server.acreate(), RealClock())
    watcher = Watcher(store)
    acknowledged = []
    for number in range(2):
        await store.commit(room_set(f"r{number}"))
        acknowledged.append(f"r{number}")
    doubtful = [store.commit(room_set(name)) for name in ("d0", "d1")]
    await watcher.away()
    behind = store.commit(room_set("behind"))
    assert is_down(await outcome(behind))
    assert not any(done.done() for done in doubtful)
    await asyncio.to_thread(server.start)
    await watcher.back()
    told = [await outcome(done) for done in doubtful]
    if stored:
        assert told == [None, None]
        acknowledged += ["d0", "d1"]
    else:
        assert all(map(is_down, told))
    assert await rooms(store) == sorted(acknowledged)
    await store.commit(room_set("z"))
    await store.close()


async def test_a_conflict_of_the_doubtful_transaction_is_remembered(server: Cluster) -> None:
    failpoints = Failpoints({"commit.after": 2}, lambda: kill_unheard(server))
    store = await failpoints.open_postgres(await server.acreate(), RealClock())
    watcher = Watcher(store)
    await store.commit(room_set("a"))
    told = [store.commit(room_set(name)) for name in ("b", "a", "c")]
    await watcher.away()
    await asyncio.to_thread(server.start)
    outcomes = [await outcome(done) for done in told]
    assert [type(one) for one in outcomes] == [type(None), StoreConflict, type(None)]
    assert await rooms(store) == ["a", "b", "c"]
    await store.close()


async def test_restarts_under_traffic_lose_nothing(server: Cluster, store: PostgresStore) -> None:
    acknowledged: list[str] = []
    refused: list[str] = []
    stop = False

    async def write(writer: int) -> None:
        number = 0
        while not stop:
            name = f"r{writer}-{number:05}"
            error = await outcome(store.commit(room_set(name)))
            assert error is None or is_down(error)
            (acknowledged if error is None else refused).append(name)
            number += 1
            await asyncio.sleep(0.002 if error is None else 0.05)

    writers = [asyncio.create_task(write(number)) for number in range(8)]
    for _ in range(3):
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.restart)
    watcher = Watcher(store)
    if not store.writer.is_up:
        await watcher.back()
    await asyncio.sleep(0.3)
    stop = True
    await asyncio.gather(*writers)
    assert refused
    found: list[str] = []
    while page := await store.list_rooms("acme", pb.ListRoomsRequest(), (found or [""])[-1], 500):
        found += [room.room_id for room in page]
    assert found == sorted(acknowledged)


async def test_a_room_goes_on_being_erased_when_the_database_is_back(
    server: Cluster, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "ERASE_STEP_ROWS", 1)
    watcher = Watcher(store)
    await store.commit(room_set("long"))
    for index in range(50):
        await store.commit(event_set("long", index))
    await store.commit(WriteSet("acme", "long", delete_room=True))
    held = store.commit(room_set("long"))
    await asyncio.to_thread(server.kill)
    await watcher.away()
    assert is_down(await outcome(held))
    await asyncio.to_thread(server.start)
    await watcher.back()
    assert await outcome(store.commit(room_set("long"))) is None
    assert await store.get_event("acme", "long", index=49) is None


async def test_a_database_has_one_owner(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomd_server.stores.postgres_writer.LOCK_SECONDS", 0.2)
    url = await server.acreate()
    first = await PostgresStore.open(url, clock=RealClock())
    with pytest.raises(StoreInUse):
        await PostgresStore.open(url, clock=RealClock())
    await first.close()
    second = await PostgresStore.open(url, clock=RealClock())
    await second.close()


async def test_who_lost_the_database_to_another_server_stays_down(
    server: Cluster, store: PostgresStore
) -> None:
    """Its rooms in memory are not what is stored: it must be started anew."""
    watcher = Watcher(store)
    await store.commit(room_set("mine"))
    conn = await asyncpg.connect(store.writer._url)
    await conn.execute("UPDATE last_commit SET writer = 'another'")
    await conn.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    await asyncio.sleep(1.0)
    assert watcher.heard == [False]
    assert is_down(await outcome(store.commit(room_set("more"))))
    await conn.close()


async def test_readers_that_give_up_leave_their_places(store: PostgresStore) -> None:
    await store.commit(room_set("r"))

    async def slow(conn: asyncpg.Connection) -> None:
        await conn.execute("SELECT pg_sleep(60)")

    waiting = [asyncio.create_task(store._readers.run(slow)) for _ in range(READERS)]
    await asyncio.sleep(0.2)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(BACK_SECONDS):
        assert await rooms(store) == ["r"]


async def test_a_full_disk_refuses_and_recovers(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PostgreSQL answers then (SQLSTATE 53100), said by the server itself."""
    await store.commit(room_set("r"))
    conn = await asyncpg.connect(store.writer._url)
    await conn.execute(
        """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$"""
    )
    await conn.execute(
        "CREATE TRIGGER full_disk BEFORE INSERT ON rooms EXECUTE FUNCTION full_disk()"
    )
    refused = await outcome(store.commit(room_set("s")))
    assert isinstance(refused, Unavailable)
    assert refused.reason == pb.ERROR_REASON_STORE_READ_ONLY
    assert await rooms(store) == ["r"]
    await conn.execute("DROP TRIGGER full_disk ON rooms")
    await store.commit(room_set("s"))
    assert await rooms(store) == ["r", "s"]
    await conn.close()


async def test_sets_are_written_in_one_statement(store: PostgresStore) -> None:
    before = store.writer.statements
    await asyncio.gather(*[store.commit(room_set(f"r{number}")) for number in range(200)])
    assert store.writer.statements - before <= 2
    writes = WriteSet("acme", "r0", participants=[pb.Participant(participant_id="p")])
    before = store.writer.statements
    await store.commit(writes)
    assert store.writer.statements - before == 1
