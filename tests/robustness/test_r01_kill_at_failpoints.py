"""R01: the server is killed at every failpoint under traffic. R02: senders retry by key.

The long version: ``python tests/robustness/run.py --rounds 50``.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from statistics import median

import d2_durable_observer
import pytest
from checker import repeated
from history import History
from rounds import MAX_READY_SECONDS, POINTS, Plan, run
from site_of_test import ALTERED, Site

from roomd_server import failpoints

ROUNDS = 1


def test_the_rounds_know_every_failpoint() -> None:
    assert set(POINTS) | set(d2_durable_observer.POINTS) == set(failpoints.POINTS)


@pytest.mark.slow
async def test_nothing_is_lost_or_doubled(site: Site) -> None:
    history, violations = await run(site.store, Plan(POINTS * ROUNDS))
    assert violations == []
    assert history.surprises == []
    assert {crash.exit_code for crash in history.crashes} == {-signal.SIGKILL}
    assert len(history.crashes) == ROUNDS * len(POINTS)
    # The median: other tests may have the processor. ``run.py`` asks it of every start.
    ready = [crash.ready_seconds for crash in history.crashes if crash.ready_seconds]
    assert median(ready) <= MAX_READY_SECONDS
    assert_it_was_a_test(history)


def assert_it_was_a_test(history: History) -> None:
    """Crashes hit calls and deliveries that were under way, or nothing has been shown."""
    retried = [send for send in history.sends.values() if len(send.acks) < send.attempts]
    assert retried
    assert all(send.acks for send in history.sends.values())
    assert repeated(history) >= 1
    nodes = Counter(receipt.node_id for receipt in history.receipts)
    assert len(nodes) > len(history.crashes) // 2
    assert history.reused


@pytest.mark.parametrize(
    ("without", "point", "promise"),
    [
        ("durable-acknowledgements", "commit.before", "P1"),
        ("stored-keys", "ack.before", "P2"),
        ("recovery", "lane.taken", "P5"),
        ("stable-delivery-ids", "result.before", "P5"),
    ],
)
@pytest.mark.slow
async def test_the_checker_sees_a_missing_precaution(
    tmp_path: Path, without: str, point: str, promise: str
) -> None:
    plan = Plan((point, point), program=(ALTERED, without), settle_seconds=2.0)
    _, violations = await run(Site(tmp_path).store, plan)
    assert promise in {violation.promise for violation in violations}
