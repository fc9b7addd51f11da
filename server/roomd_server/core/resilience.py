"""Rate limits, circuit breakers and retry delays. Time and chance are passed in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from roomd import v1 as pb
from roomd_server.core.times import seconds_of

DEFAULT_MAX_RETRIES = 3
DEFAULT_BASE_DELAY_SECONDS = 1.0
DEFAULT_MAX_DELAY_SECONDS = 60.0
DEFAULT_EXPONENTIAL_BASE = 2.0


class _Bucket:
    """A token bucket whose debt is time: it may be in the red, then one waits."""

    __slots__ = ("_capacity", "_filled", "_rate", "_tokens")

    def __init__(self, rate_per_second: float, capacity: float, now: float) -> None:
        self._rate = rate_per_second
        self._capacity = max(1.0, capacity)  # below one token nothing would ever pass
        self._tokens = self._capacity
        self._filled = now

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self._filled)
        self._tokens = min(self._capacity, self._tokens + passed * self._rate)
        self._filled = max(self._filled, now)

    def delay(self, now: float) -> float:
        self._fill(now)
        return 0.0 if self._tokens >= 1 - _EPSILON else (1 - self._tokens) / self._rate

    def take(self) -> None:
        self._tokens -= 1

    def give_back(self) -> None:
        self._tokens = min(self._capacity, self._tokens + 1)


class TokenBuckets:
    """All windows of a rate limit together.

    Args:
        limit: Messages per second, minute, hour; unset windows do not limit.
        now: Monotonic seconds.
    """

    __slots__ = ("_buckets", "taken")

    def __init__(self, limit: pb.RateLimit, now: float) -> None:
        self.taken = 0
        """Places taken so far: the number of the last one."""
        windows = (("max_per_second", 1), ("max_per_minute", 60), ("max_per_hour", 3600))
        self._buckets = [
            _Bucket(getattr(limit, name) / seconds, getattr(limit, name), now)
            for name, seconds in windows
            if limit.HasField(name)
        ]

    def delay(self, now: float) -> float:
        """Seconds until a message may go; 0: now."""
        return max((bucket.delay(now) for bucket in self._buckets), default=0.0)

    def take(self, now: float, patience_seconds: float = math.inf) -> float:
        """Take a place for one message; seconds until it may go.

        A longer wait than ``patience_seconds`` takes no place: what is given up must not
        make those that come later wait for it.
        """
        wait = self.delay(now)
        if wait <= patience_seconds:
            self.taken += 1
            for bucket in self._buckets:
                bucket.take()
        return wait

    def give_back(self, number: int) -> None:
        """A place was not used. Only the last one taken comes free: those behind it go when
        they were told to, and one more beside them would be too many.
        """
        if number == self.taken:
            for bucket in self._buckets:
                bucket.give_back()


def take_together(
    limits: Sequence[TokenBuckets], now: float, patience_seconds: float = math.inf
) -> float:
    """Take a place in several limits at once; seconds until all of them let it go.

    As with one: a longer wait than ``patience_seconds`` takes a place in none.
    """
    wait = max((limit.delay(now) for limit in limits), default=0.0)
    if wait <= patience_seconds:
        for limit in limits:
            limit.take(now)
    return wait


class CircuitBreaker:
    """Stops calling what fails. Opens after failures in a row, tries again with one probe.

    Only failures that say something about the other side count; a refused recipient does
    not. A probe is a lease: one that is never reported on lapses after the recovery time,
    so that a cancelled call cannot keep the breaker open for ever.
    """

    __slots__ = ("_failures", "_open_since", "_probe_since", "_recovery_seconds", "_threshold")

    def __init__(self, failure_threshold: int = 5, recovery_seconds: float = 60.0) -> None:
        self._threshold = failure_threshold
        self._recovery_seconds = recovery_seconds
        self._failures = 0
        self._open_since: float | None = None
        self._probe_since: float | None = None

    @property
    def failures(self) -> int:
        """Failures in a row: since the last answer to anybody."""
        return self._failures

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for a probe."""
        return self._open_since is not None

    def allow(self, now: float) -> bool:
        """Whether a call may be made at this monotonic time."""
        if self._open_since is None:
            return True
        if now - self._open_since < self._recovery_seconds:
            return False
        if self._probe_since is not None and now - self._probe_since < self._recovery_seconds:
            return False
        self._probe_since = now
        return True

    def retry_seconds(self, now: float) -> float:
        """Seconds until a probe may be made; 0: now, or the breaker is closed."""
        if self._open_since is None:
            return 0.0
        since = max(self._open_since, self._probe_since or 0.0)
        return max(0.0, since + self._recovery_seconds - now)

    def abandon(self) -> None:
        """A probe ended without a word about the other side: somebody else may probe."""
        self._probe_since = None

    def success(self) -> bool:
        """A call was answered; True when that closed the breaker."""
        closed = self._open_since is not None
        self._failures = 0
        self._open_since = self._probe_since = None
        return closed

    def failure(self, now: float) -> bool:
        """A call failed; True when that opened the breaker."""
        self._failures += 1
        if self._open_since is not None:
            self._open_since, self._probe_since = now, None
            return False
        if self._failures < self._threshold:
            return False
        self._open_since = now
        return True


def retry_delay(
    policy: pb.RetryPolicy | None,
    attempt: int,
    retry_after: float | None,
    jitter: Callable[[], float],
) -> float | None:
    """Seconds until the next try; None: give up.

    Full jitter below the exponential bound (Brooker, "Exponential Backoff and Jitter").

    Args:
        policy: What the binding says; None: the defaults.
        attempt: Failed retries so far, from 0 after the first try.
        retry_after: What the other side asked for; never undercut.
        jitter: Uniform in [0, 1).
    """
    policy = policy or _DEFAULT_POLICY
    retries = policy.max_retries if policy.HasField("max_retries") else DEFAULT_MAX_RETRIES
    if attempt >= retries:
        return None
    base, most = DEFAULT_BASE_DELAY_SECONDS, DEFAULT_MAX_DELAY_SECONDS
    if policy.HasField("base_delay"):
        base = seconds_of(policy.base_delay)
    if policy.HasField("max_delay"):
        most = seconds_of(policy.max_delay)
    factor = policy.exponential_base or DEFAULT_EXPONENTIAL_BASE
    bound = min(most, base * factor ** min(attempt, 64))
    return max(bound * jitter(), retry_after or 0.0)


def patient(policy: pb.RetryPolicy | None) -> pb.RetryPolicy:
    """The policy with retries until the deadline."""
    made = pb.RetryPolicy()
    if policy is not None:
        made.CopyFrom(policy)
    made.max_retries = _ENDLESS
    return made


_ENDLESS = 1_000_000
_DEFAULT_POLICY = pb.RetryPolicy()
_EPSILON = 1e-9
