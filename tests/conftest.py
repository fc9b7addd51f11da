"""What all tests share: a PostgreSQL for those that ask for one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from postgres_cluster import Cluster, binaries

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
