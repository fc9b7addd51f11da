"""What one attempt of a delivery came to, and what it says about the channel. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from roomd import v1 as pb

UNREACHED_RETRY_SECONDS: Mapping[str, float] = {
    "no_worker": 5.0,
    "no_connection": 5.0,
    "event_changed": 0.5,
    "store_down": 5.0,
}
"""Failures before the channel was reached → how soon it is looked at again, unless its lane is
woken. Waited for until the deadline, counted neither as a retry nor against the breaker."""

NEVER_ANSWERED = frozenset(
    (
        *UNREACHED_RETRY_SECONDS,
        "no_recipient",
        "transcoding_failed",
        "invalid_answer",
        "worker_lost",
    )
)
"""Failures that the channel's other side had no part in. That a worker went away with a
delivery in hand says nothing of the provider, and uses up a retry: it may be what killed it."""


class Told(Enum):
    """What an attempt says about the channel."""

    WORKS = "works"
    """It answered; a refused recipient is an answer, too."""
    FAILS = "fails"
    NOTHING = "nothing"
    """It never came that far."""


class Attempt(NamedTuple):
    """What one attempt came to."""

    result: pb.DeliveryResult
    told: Told = Told.NOTHING
    counts: bool = True
    """Whether it used up one of the delivery's retries; said by the lane."""


def told_by_failure(code: str, *, retryable: bool) -> Told:
    """What a failure says about the channel: a refusal, also one that asks for patience, is
    an answer.
    """
    if code in NEVER_ANSWERED:
        return Told.NOTHING
    return Told.FAILS if retryable and code != "rate_limited" else Told.WORKS


def failed(code: str, message: str, *, retryable: bool = False) -> pb.DeliveryResult:
    """A delivery that did not work."""
    return pb.DeliveryResult(
        state=pb.DELIVERY_STATE_FAILED,
        error_code=code,
        error_message=message,
        retryable=retryable,
    )


def blames_the_channel(binding: pb.Binding, attempt: Attempt) -> bool:
    """Whether a failure is one of an outage, in which a delivery need not be given up.

    Retries are for a delivery that fails alone. While its channel answers nobody it waits, as
    those do that the breaker keeps back, until its deadline: else the first few of an outage
    would be lost. Whoever chose a number of retries gets that number, and a model that fails
    does so visibly.
    """
    if binding.category == pb.CHANNEL_CATEGORY_INTELLIGENCE:
        return False
    if binding.retry_policy.HasField("max_retries"):
        return False
    return attempt.told is Told.FAILS


def expired(delivery: pb.Delivery) -> pb.DeliveryResult:
    """What is said of a delivery that comes too late: why its last attempt failed, if any."""
    result = failed("expired", "its deadline passed before it could be sent")
    if delivery.result.error_code:
        result.CopyFrom(delivery.result)
    result.state = pb.DELIVERY_STATE_EXPIRED
    return result


def circuit_open() -> Attempt:
    """What is said while the breaker lets nothing through."""
    fault = failed("circuit_open", "the channel failed too often; waiting", retryable=True)
    return Attempt(fault, counts=False)
