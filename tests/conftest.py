"""What all tests share: a PostgreSQL for those that ask for one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from postgres_cluster import Cluster, binaries
from roomd_server import storage
from roomd_server.api.native import NativeFront
from roomd_server.api.server import ApiServer
from roomd_server.core.ports import Clock
from roomd_server.stores.postgres import PostgresStore
from roomd_server.stores.sqlite import SqliteStore

for folder in ("api", "unit"):  # their kits serve the tests of the other folders, too
    sys.path.append(str(Path(__file__).with_name(folder)))

ON_NATIVE = os.environ.get("ROOMD_TEST_TRANSPORT") == "native"
ON_POSTGRES = os.environ.get("ROOMD_TEST_STORE") == "postgres"
WHY = "no PostgreSQL here: apt-get install postgresql"


@pytest.fixture(scope="session")
def postgres_parts() -> Callable[..., Cluster]:
    """Makes clusters, not started, for tests that end them; skips where there is nothing to
    make them of.
    """
    if binaries() is None:
        if os.environ.get("CI") or os.environ.get("ROOMD_REQUIRE_ALL"):
            pytest.fail(WHY)
        pytest.skip(WHY)
    return Cluster


@pytest.fixture(scope="session")
def postgres(postgres_parts: Callable[..., Cluster]) -> Iterator[Cluster]:
    """A PostgreSQL that lives as long as the tests; it does not sync."""
    cluster = postgres_parts()
    cluster.start()
    yield cluster
    cluster.remove()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what makes no sense on the chosen store."""
    if ON_POSTGRES:
        for item in items:
            if item.get_closest_marker("sqlite_only"):
                item.add_marker(pytest.mark.skip(reason="looks into SQLite itself"))


@pytest.fixture(scope="session", autouse=True)
def _chosen_store(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ROOMD_TEST_STORE=postgres whatever a test would keep in SQLite is kept there."""
    if not ON_POSTGRES:
        yield
        return
    stand_in = StandIn(request.getfixturevalue("postgres"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "place_of", stand_in.place_of)
        patch.setattr(SqliteStore, "open", stand_in.open)
        yield


@pytest.fixture(scope="session", autouse=True)
def _chosen_transport() -> Iterator[None]:
    """With ROOMD_TEST_TRANSPORT=native every server without TLS listens by that transport."""
    if not ON_NATIVE:
        yield
        return
    start = ApiServer.start

    async def start_native(self: ApiServer) -> list[int]:
        if self._options.tls is None:
            self._options = replace(self._options, front=NativeFront)
        return await start(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ApiServer, "start", start_native)
        patch.setenv("ROOMD_TRANSPORT", "native")
        yield


class StandIn:
    """A database for every SQLite file, and one for every store in memory."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._urls: dict[str, str] = {}
        self._place_of = storage.place_of

    def place_of(self, url: str) -> storage.Place:
        """Where the store of a URL is instead."""
        place = self._place_of(url)
        if place.kind == "postgres":
            return place
        return self._place_of(self._url(place.where))

    async def open(self, path: str, *, clock: Clock, **_: object) -> PostgresStore:
        """Open the store that stands in for a file."""
        return await PostgresStore.open(self._url(path), clock=clock)

    def _url(self, path: str) -> str:
        # From a thread: the caller's event loop runs.
        with ThreadPoolExecutor(1) as aside:
            if path == ":memory:":
                return aside.submit(self._cluster.lend).result()
            if path not in self._urls:
                self._urls[path] = aside.submit(self._cluster.create).result()
        return self._urls[path]
