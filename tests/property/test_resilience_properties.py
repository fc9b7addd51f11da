"""Limits hold and starve nobody; a breaker never sticks; retries stay in bounds."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roomd import v1 as pb
from roomd_server.core.resilience import CircuitBreaker, TokenBuckets, retry_delay

RATE = st.none() | st.sampled_from([0.01, 0.5, 1, 2.5, 10, 30, 1000])
LIMITS = st.builds(pb.RateLimit, max_per_second=RATE, max_per_minute=RATE, max_per_hour=RATE)
ARRIVALS = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.3, 1.0, 2.0, 59.0, 61.0]), max_size=60)
WINDOWS = (("max_per_second", 1.0), ("max_per_minute", 60.0), ("max_per_hour", 3600.0))
SLACK = 1e-6


def check_no_window_is_exceeded(limit: pb.RateLimit, sent: list[float]) -> None:
    """Between any two sends at most a full bucket and what flowed in meanwhile."""
    for name, seconds in WINDOWS:
        if not limit.HasField(name):
            continue
        most = getattr(limit, name)
        for first in range(len(sent)):
            for last in range(first, len(sent)):
                flowed = (sent[last] - sent[first]) * most / seconds
                assert last - first + 1 <= max(1.0, most) + flowed + SLACK, name


@given(LIMITS, ARRIVALS)
@settings(max_examples=200, deadline=None)
def test_places_that_are_waited_for_never_exceed_the_rate(
    limit: pb.RateLimit, gaps: list[float]
) -> None:
    buckets, now, sent = TokenBuckets(limit, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + buckets.take(now))
    assert sent == sorted(sent), "first come, first served"
    check_no_window_is_exceeded(limit, sent)


@given(LIMITS, ARRIVALS)
@settings(max_examples=200, deadline=None)
def test_places_taken_at_once_never_exceed_the_rate(limit: pb.RateLimit, gaps: list[float]) -> None:
    buckets, now, sent = TokenBuckets(limit, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        if buckets.take(now, 0.0) == 0:
            sent.append(now)
    check_no_window_is_exceeded(limit, sent)


@given(LIMITS, ARRIVALS, st.lists(st.booleans(), max_size=60))
@settings(max_examples=300, deadline=None)
def test_places_that_are_given_back_let_nobody_exceed_the_rate(
    limit: pb.RateLimit, gaps: list[float], used: list[bool]
) -> None:
    """Each is given back when its turn comes, whoever stands in line behind it by then."""
    buckets, now, sent = TokenBuckets(limit, 0.0), 0.0, []
    unused: list[tuple[float, int]] = []
    for gap, uses in zip(gaps, used, strict=False):
        now += gap
        for _, number in [one for one in unused if one[0] <= now]:
            buckets.give_back(number)
        unused = [one for one in unused if one[0] > now]
        turn = now + buckets.take(now)
        if uses:
            sent.append(turn)
        else:
            unused.append((turn, buckets.taken))
    check_no_window_is_exceeded(limit, sent)


@given(LIMITS, ARRIVALS)
@settings(max_examples=200, deadline=None)
def test_a_place_that_is_given_back_at_once_is_as_if_it_was_never_taken(
    limit: pb.RateLimit, gaps: list[float]
) -> None:
    buckets, alone, now = TokenBuckets(limit, 0.0), TokenBuckets(limit, 0.0), 0.0
    for gap in gaps:
        now += gap
        buckets.take(now)
        buckets.give_back(buckets.taken)
        assert buckets.take(now) == pytest.approx(alone.take(now), abs=SLACK)


@given(LIMITS, ARRIVALS)
@settings(max_examples=200, deadline=None)
def test_nobody_starves(limit: pb.RateLimit, gaps: list[float]) -> None:
    buckets, now = TokenBuckets(limit, 0.0), 0.0
    rates = [getattr(limit, name) / seconds for name, seconds in WINDOWS if limit.HasField(name)]
    longest = 1 / min(rates) if rates else 0.0
    for gap in gaps:
        now += gap
        wait = buckets.take(now, 0.0)
        assert wait <= longest + SLACK, "one place comes free within one interval"
        if wait:
            now += wait
            assert buckets.take(now, 0.0) == pytest.approx(0.0, abs=SLACK)


class BreakerMachine(RuleBasedStateMachine):
    """Calls that succeed, fail, or are never reported on, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = CircuitBreaker(failure_threshold=3, recovery_seconds=10.0)
        self.in_a_row = 0

    @rule(seconds=st.sampled_from([0.0, 0.5, 5.0, 10.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(outcome=st.sampled_from(["success", "failure", "never reported"]))
    def call(self, outcome: str) -> None:
        was_open = self.breaker.is_open
        if not self.breaker.allow(self.now):
            assert was_open, "a closed breaker stops nobody"
            return
        if outcome == "success":
            assert self.breaker.success() is was_open
            self.in_a_row = 0
        elif outcome == "failure":
            self.in_a_row += 1
            opened = self.breaker.failure(self.now)
            assert opened is (not was_open and self.in_a_row >= 3)

    @rule()
    def a_call_of_before_fails_late(self) -> None:
        self.in_a_row += 1
        self.breaker.failure(self.now)

    @precondition(lambda self: self.breaker.is_open)
    @rule()
    def only_one_probe_at_a_time(self) -> None:
        assert sum(self.breaker.allow(self.now) for _ in range(5)) <= 1

    @invariant()
    def it_never_sticks(self) -> None:
        wait = self.breaker.retry_seconds(self.now)
        assert 0.0 <= wait <= 10.0
        assert self.breaker.is_open or wait == 0.0

    @invariant()
    def it_is_open_only_after_failures_in_a_row(self) -> None:
        assert self.breaker.is_open is (self.in_a_row >= 3)

    def teardown(self) -> None:
        """However it went: after the recovery time a call goes out, and success closes it."""
        self.now += self.breaker.retry_seconds(self.now) + SLACK
        assert self.breaker.allow(self.now)
        self.breaker.success()
        assert self.breaker.allow(self.now)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)

POLICIES = st.builds(
    pb.RetryPolicy,
    max_retries=st.none() | st.integers(0, 100),
    base_delay=st.none() | st.builds(Duration, seconds=st.integers(0, 10**6)),
    max_delay=st.none() | st.builds(Duration, seconds=st.integers(0, 10**6)),
    exponential_base=st.none() | st.floats(1, 100),
)


@given(
    POLICIES,
    st.integers(0, 200),
    st.none() | st.floats(0, 10**6),
    st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=200, deadline=None)
def test_a_retry_waits_between_what_was_asked_for_and_the_bound(
    policy: pb.RetryPolicy, attempt: int, retry_after: float | None, chance: float
) -> None:
    delay = retry_delay(policy, attempt, retry_after, lambda: chance)
    retries = policy.max_retries if policy.HasField("max_retries") else 3
    assert (delay is None) is (attempt >= retries)
    if delay is not None:
        most = policy.max_delay.seconds if policy.HasField("max_delay") else 60
        assert (retry_after or 0.0) <= delay <= max(most, retry_after or 0.0)
