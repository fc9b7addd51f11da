"""Rate limits, breakers and retries at their edges (semantics 8)."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from roomd import v1 as pb
from roomd_server.core.resilience import CircuitBreaker, TokenBuckets, retry_delay


def test_no_limit_lets_everything_go() -> None:
    buckets = TokenBuckets(pb.RateLimit(), 0.0)
    assert [buckets.take(0.0) for _ in range(100)] == [0.0] * 100


def test_less_than_one_message_per_window_still_goes_out() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_second=0.1), 0.0)
    assert buckets.take(0.0) == 0.0
    assert buckets.take(0.0) == pytest.approx(10.0)


def test_the_slowest_window_decides() -> None:
    limit = pb.RateLimit(max_per_second=100, max_per_minute=2, max_per_hour=1)
    buckets = TokenBuckets(limit, 0.0)
    assert buckets.take(0.0) == 0.0
    assert buckets.delay(0.0) == pytest.approx(3600.0)


def test_who_will_not_wait_so_long_makes_nobody_else_wait() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_minute=1), 0.0)
    buckets.take(0.0)
    for _ in range(1000):
        assert buckets.take(0.0, patience_seconds=30.0) == pytest.approx(60.0)
    assert buckets.take(60.0, patience_seconds=30.0) == pytest.approx(0.0)
    assert buckets.take(60.0, patience_seconds=90.0) == pytest.approx(60.0)
    assert buckets.delay(60.0) == pytest.approx(120.0), "a place within one's patience is taken"


def test_asking_takes_no_place() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_second=1), 0.0)
    assert [buckets.delay(0.0) for _ in range(5)] == [0.0] * 5
    assert buckets.take(0.0, 0.0) == 0.0
    assert buckets.take(0.0, 0.0) == buckets.take(0.0, 0.0) == pytest.approx(1.0)


def test_time_that_goes_back_gives_nothing() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_second=1), 100.0)
    assert buckets.take(100.0) == 0.0
    assert buckets.delay(50.0) == pytest.approx(1.0)
    assert buckets.delay(101.0) == pytest.approx(0.0)


def opened(now: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(failure_threshold=1, recovery_seconds=60.0)
    assert breaker.failure(now)
    return breaker


def test_five_failures_in_a_row_open_for_a_minute() -> None:
    breaker = CircuitBreaker()
    assert [breaker.failure(0.0) for _ in range(5)] == [False] * 4 + [True]
    assert breaker.is_open
    assert not breaker.allow(59.9)
    assert breaker.allow(60.0)


def test_a_failed_probe_opens_for_the_whole_time_again() -> None:
    breaker = opened()
    assert breaker.allow(60.0)
    assert not breaker.failure(61.0), "it was open already"
    assert not breaker.allow(120.0)
    assert breaker.allow(121.0)


def test_how_long_until_a_probe() -> None:
    breaker = opened(10.0)
    assert breaker.retry_seconds(20.0) == pytest.approx(50.0)
    assert breaker.retry_seconds(80.0) == 0.0
    assert breaker.allow(80.0)
    assert breaker.retry_seconds(90.0) == pytest.approx(50.0), "somebody else probes"
    breaker.success()
    assert breaker.retry_seconds(90.0) == 0.0


def test_success_says_whether_it_closed_anything() -> None:
    breaker = opened()
    assert breaker.success()
    assert not breaker.success()
    assert not breaker.is_open


def one() -> float:
    return 1.0


def test_a_delay_of_zero_is_meant() -> None:
    policy = pb.RetryPolicy(base_delay=Duration())
    assert retry_delay(policy, 0, None, one) == 0.0
    capped = pb.RetryPolicy(max_delay=Duration())
    assert retry_delay(capped, 0, None, one) == 0.0


def test_what_a_policy_leaves_out_is_the_default() -> None:
    policy = pb.RetryPolicy(max_retries=100, exponential_base=10.0)
    assert [retry_delay(policy, attempt, None, one) for attempt in (0, 1, 2, 99)] == [1, 10, 60, 60]
    assert retry_delay(pb.RetryPolicy(), 3, None, one) is None


def test_the_largest_policy_does_not_overflow() -> None:
    policy = pb.RetryPolicy(max_retries=100, exponential_base=100.0)
    assert retry_delay(policy, 99, None, one) == 60.0
