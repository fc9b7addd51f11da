"""R03: PostgreSQL restarts in a hurry under traffic, five times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from restarts import BACK_SECONDS, Plan, run

from postgres_cluster import Cluster

RESTARTS = 5
UNSAFE = str(Path(__file__).with_name("unsafe_postgres.py"))


@pytest.fixture(scope="module")
def database(postgres_parts: Callable[..., Cluster]) -> Iterator[Cluster]:
    cluster = postgres_parts(durable=True)
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.mark.slow
async def test_restarts_of_the_database_lose_nothing(tmp_path: Path, database: Cluster) -> None:
    report = await run(tmp_path, database, Plan(RESTARTS))
    assert report.violations == []
    assert report.history.surprises == []
    assert set(report.history.failures) <= {"UNAVAILABLE"}
    assert report.history.failures["UNAVAILABLE"] >= RESTARTS
    assert report.not_serving == RESTARTS
    assert max(report.back_seconds) <= BACK_SECONDS
    assert all(send.acks for send in report.history.sends.values())


@pytest.mark.slow
async def test_the_checker_sees_acknowledgements_that_come_too_early(
    tmp_path: Path, database: Cluster
) -> None:
    plan = Plan(2, program=(UNSAFE,), settle_seconds=2.0)
    report = await run(tmp_path, database, plan)
    assert "P1" in {violation.promise for violation in report.violations}
