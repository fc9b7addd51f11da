"""What all tests share: a PostgreSQL for those that ask for one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from postgres_cluster import Cluster, binaries

WHY = "no PostgreSQL here: apt-get install postgresql"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL that lives as long as the tests; it does not sync."""
    if binaries() is None:
        if os.environ.get("CI") or os.environ.get("ROOMD_REQUIRE_ALL"):
            pytest.fail(WHY)
        pytest.skip(WHY)
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def database(postgres: Cluster) -> Callable[[], str]:
    """Makes databases, each empty; their URLs."""
    return postgres.create
