"""R03: PostgreSQL restarts in a hurry under traffic, five times, and is killed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from restarts import BACK_SECONDS, Plan, run
from site_of_test import ALTERED

from postgres_cluster import Cluster

RESTARTS, KILLS = 5, 2


@pytest.fixture(scope="module")
def database(postgres_parts: Callable[..., Cluster]) -> Iterator[Cluster]:
    cluster = postgres_parts(durable=True)
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.mark.slow
async def test_the_end_of_the_database_loses_nothing(database: Cluster) -> None:
    report = await run(database, Plan(RESTARTS, KILLS))
    assert report.violations == []
    assert report.history.surprises == []
    assert set(report.history.failures) <= {"UNAVAILABLE"}
    assert report.history.failures["UNAVAILABLE"] >= RESTARTS + KILLS
    assert report.not_serving == RESTARTS + KILLS
    assert max(report.back_seconds) <= BACK_SECONDS
    assert all(send.acks for send in report.history.sends.values())


@pytest.mark.slow
async def test_the_checker_sees_acknowledgements_that_come_too_early(database: Cluster) -> None:
    plan = Plan(2, program=(ALTERED, "durable-acknowledgements"), settle_seconds=2.0)
    report = await run(database, plan)
    assert "P1" in {violation.promise for violation in report.violations}
